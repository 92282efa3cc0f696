"""What a storage of files can be asked. Every provider runs the same suite of tests.

Storages block: a service gives a call a worker thread of its own. Keys are made by the service (`acme/018f…`): parts
of a-z, A-Z, 0-9, `.`, `_` and `-`, parted by `/`, none of them `.` or `..`; anything else is refused by every provider.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from burgee.files.model import SignedUrl, StoredObject


class StorageProvider[TMetadata](Protocol):
    """Keeps objects by key: bytes and metadata. All of it can be called from many threads at once."""

    def write(self, key: str, content: Iterable[bytes], metadata: TMetadata) -> StoredObject[TMetadata]:
        """Store an object, durable when this returns. It appears whole or, if `content` raises, not at all."""
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

        None where the storage has no address of its own: burgee's server then honours one (`files.signing`).
        """
        ...

    def signed_put(self, key: str, expires: float, *, type: str, size: int | None = None) -> SignedUrl | None:
        """An address to write the object to for `expires` seconds. None as in `signed_get`."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
