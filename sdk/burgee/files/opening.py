"""The storage that the settings ask for."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from burgee.core.errors import InvalidInputError
from burgee.files.folder import FolderStorage
from burgee.files.protocol import StorageProvider


def storage_of(place: str | None, folder: str | Path | None) -> StorageProvider[Mapping[str, str]]:
    """Where `place` (`BURGEE_FILES`) says: a folder, or `s3://bucket/prefix`.

    Without it, in `files` of the workspace's `folder`; without that, too, in a folder that goes when it is closed.

    Raises:
        InvalidInputError: the place is neither.
        MissingExtraError: S3, and boto3 is not installed.
    """
    if place is None:
        if folder is not None:
            return FolderStorage(Path(folder) / "files")
        return FolderStorage(tempfile.mkdtemp(prefix="burgee-files-"), passing=True)
    if "://" not in place:
        if not place:
            raise InvalidInputError("files need a place: a folder or s3://bucket/prefix")
        return FolderStorage(place)
    from burgee.files.s3 import S3Storage

    return S3Storage(place)
