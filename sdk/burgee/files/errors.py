"""Why a file is not taken, or can't be had."""

from burgee.core.errors import BurgeeError, InvalidInputError


class UploadRefusedError(InvalidInputError):
    """A file that is not taken; nothing of it is kept."""

    code = "upload-refused"


class FileTooLargeError(UploadRefusedError):
    """It has more bytes than a file may have."""

    code = "file-too-large"
    status = 413


class FileTypeError(UploadRefusedError):
    """Its content is of a type that is not allowed, or not the one it was said to be."""

    code = "file-type"
    status = 415


class ChecksumError(UploadRefusedError):
    """What arrived is not what was sent."""

    code = "checksum"


class QuotaExceededError(UploadRefusedError):
    """The tenant has no room left for it."""

    code = "quota-exceeded"
    status = 413


class InfectedFileError(UploadRefusedError):
    """The scanner found something in it."""

    code = "infected-file"


class ScannerUnavailableError(BurgeeError):
    """The scanner could not be asked, so the file was not taken."""

    code = "scanner-unavailable"
    status = 503


class StorageUnavailableError(BurgeeError):
    """The storage could not be asked."""

    code = "storage-unavailable"
    status = 503
