"""Why a file is not taken, or can't be had."""

from collections.abc import Iterable

from burgee.core.errors import BurgeeError, InvalidInputError, NotFoundError
from burgee.files.model import FileMetadata


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


def no_file(id: str, files: Iterable[FileMetadata]) -> NotFoundError:
    """That no file has this id. If it is the name of some of these files, which ids those have."""
    known = list(files)
    named = [file.id for file in known if file.name == id]
    error = NotFoundError("file", id, () if named else (file.id for file in known[:20]))
    if named:
        newest = "" if len(named) == 1 else f", the newest of {len(named)}"
        error.add_note(f"files are found by id; a file of that name has {named[-1]!r}{newest}")
    return error
