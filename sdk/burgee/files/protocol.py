"""What can be asked about files, and what a storage of them. Every storage runs the same suite of tests.

Storages block: a service gives a call a worker thread of its own. Keys are made by the service (`acme/018f…`): parts
of a-z, A-Z, 0-9, `.`, `_` and `-`, parted by `/`, none of them `.` or `..`; anything else is refused by every provider.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Protocol, runtime_checkable

from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from burgee.core.json import Json
from burgee.core.page import Page
from burgee.core.result import Result
from burgee.files.errors import ScannerUnavailableError, StorageUnavailableError, UploadRefusedError
from burgee.files.model import AwaitedFile, CheckReport, FileChange, FileMetadata, SignedUrl, StoredObject, Usage
from burgee.wire.octets import Octets
from burgee.wire.operation import operation

type UploadError = (
    UploadRefusedError
    | InvalidInputError
    | ConflictError
    | NotFoundError
    | ScannerUnavailableError
    | StorageUnavailableError
)
"""Why a file was not taken; nothing of it is kept then."""


class FileService(Protocol):
    """The files of a tenant."""

    @operation("POST", "/files")
    async def upload(
        self,
        content: Octets,
        name: str,
        type: str | None = None,
        size: int | None = None,
        checksum: str | None = None,
        labels: Mapping[str, Json] | None = None,
    ) -> Result[FileMetadata, UploadError]:
        """Keep a file. It is seen once it is whole, checked and scanned.

        `type`, `size` and `checksum` (SHA-256 in hexadecimal) are what it is said to have; it is refused if it has not.
        The idempotency key of a call that comes again gets the first call's answer.
        """
        ...

    @operation("GET", "/files")
    async def list(
        self, after: str | None = None, limit: int = 100, prefix: str | None = None, type: str | None = None
    ) -> Result[Page[FileMetadata], InvalidInputError]:
        """The files, oldest first, a page at a time: all, or those whose name begins so, of that type (`image/*`)."""
        ...

    @operation("GET", "/files/usage")
    async def usage(self) -> Result[Usage, InvalidInputError]:
        """How many files there are, and what they take of the quota."""
        ...

    @operation("PUT", "/files/quota")
    async def set_quota(
        self, quota: int | None
    ) -> Result[Usage, InvalidInputError | ConflictError | PermissionDeniedError]:
        """Set how many bytes the tenant's files may have together; none: the workspace's own quota. Admins only."""
        ...

    @operation("POST", "/files/check")
    async def check(
        self, repair: bool = False, older_than: float = 3600.0
    ) -> Result[CheckReport, InvalidInputError | StorageUnavailableError | ScannerUnavailableError]:
        """Compare what the log knows with what the storage has.

        What is younger than so many seconds and looks broken off may still be going on, and is left alone. With
        `repair` orphans go, deletions are ended, and uploads to a signed address are finished or given up.
        """
        ...

    @operation("POST", "/files/upload-url")
    async def upload_url(
        self,
        name: str,
        type: str,
        size: int | None = None,
        expires: float = 3600.0,
        labels: Mapping[str, Json] | None = None,
    ) -> Result[AwaitedFile, UploadError]:
        """An address at which one file can be put, by whoever has it, for `expires` seconds."""
        ...

    @operation("GET", "/files/{id}")
    async def get(self, id: str) -> Result[FileMetadata, UploadError]:
        """What is known of a file. One that was put at a signed address is finished by that."""
        ...

    @operation("GET", "/files/{id}/content")
    async def read(
        self, id: str, start: int = 0, stop: int | None = None
    ) -> Result[Octets, NotFoundError | InvalidInputError | StorageUnavailableError]:
        """The bytes of a file, or a part of them. A start below 0 counts from the end."""
        ...

    @operation("POST", "/files/{id}/url")
    async def url(
        self, id: str, expires: float = 3600.0
    ) -> Result[SignedUrl, NotFoundError | InvalidInputError | StorageUnavailableError]:
        """An address at which the file can be read, by whoever has it, for `expires` seconds."""
        ...

    @operation("POST", "/files/{id}/finish")
    async def finish(self, id: str) -> Result[FileMetadata, UploadError]:
        """Check and scan what was put at a signed address, and make it visible; what is refused is removed."""
        ...

    @operation("DELETE", "/files/{id}")
    async def delete(
        self, id: str
    ) -> Result[FileMetadata, NotFoundError | ConflictError | InvalidInputError | StorageUnavailableError]:
        """Delete a file, its bytes and what is known of it; or, if the storage can't, neither."""
        ...

    @operation("GET", "/files/{id}/history")
    async def history(self, id: str) -> Result[tuple[FileChange, ...], NotFoundError]:
        """Every change of a file, oldest first; also of one that is deleted."""
        ...


@runtime_checkable
class AddressSigner(Protocol):
    """A service in this process, which signs an address for a file that somebody holds without asking the database."""

    def signed_address(self, tenant: str, file: FileMetadata, expires: float) -> str | None:
        """What `FileService.url` gives; that the file is still there is looked at when the address is used.

        None where the storage has addresses of its own: then `FileService.url` is to be asked.
        """
        ...


class StorageProvider[TMetadata](Protocol):
    """Keeps objects by key: bytes and metadata. All of it can be called from many threads at once."""

    @property
    def has_addresses(self) -> bool:
        """Whether it signs addresses of its own; else burgee's server honours some (`files.signing`)."""
        ...

    def write(
        self, key: str, content: Iterable[bytes], metadata: TMetadata, held: ExitStack | None = None
    ) -> StoredObject[TMetadata]:
        """Store an object, durable when this returns. It appears whole or, if `content` raises, not at all.

        A storage that can lets everybody see until `held` is closed, or this process dies, that it `is_held`.
        """
        ...

    def is_held(self, key: str) -> bool:
        """Whether whoever wrote the object lives and holds it. False also where that can't be told."""
        ...

    def stat(self, key: str) -> StoredObject[TMetadata] | None:
        """What is known of an object; None if there is none."""
        ...

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces; `NotFoundError` at once if there is none."""
        ...

    def delete(self, key: str) -> bool:
        """Take an object away, durably; whether there was one."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject[TMetadata]]:
        """The objects whose key begins so, by key."""
        ...

    def sweep(self, prefix: str, older_than: float) -> int:
        """Remove what writes that were broken off left behind longer than so many seconds ago; how much it was."""
        ...

    def signed_get(self, key: str, expires: float, *, name: str, type: str) -> SignedUrl | None:
        """An address to read the object from for `expires` seconds, as an attachment of that name and type.

        None where it has none.
        """
        ...

    def signed_put(self, key: str, expires: float, *, type: str, size: int | None = None) -> SignedUrl | None:
        """An address to write the object to for `expires` seconds. None as in `signed_get`."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
