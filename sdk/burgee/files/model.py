"""What is known of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from burgee.core.history import Change
from burgee.core.json import Json


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """A file as the log knows it. `checksum` is SHA-256 of its bytes, in hexadecimal; `type` its media type."""

    id: str
    name: str
    size: int
    type: str
    checksum: str
    created_at: datetime
    created_by: str
    labels: Mapping[str, Json] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True, slots=True)
class StoredObject[TMetadata]:
    """An object as its storage knows it."""

    key: str
    size: int
    checksum: str | None
    """SHA-256 in hexadecimal, where the storage keeps it."""
    modified_at: datetime
    metadata: TMetadata


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """An address that works until `expires_at`, for whoever has it. `headers` must be sent with it, as they are."""

    url: str
    method: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AwaitedFile:
    """A file that will be put at a signed address."""

    id: str
    address: SignedUrl


def incoming(tenant: str, id: str) -> str:
    """The key under which a file is put at an address of the storage itself.

    Whoever has the address may put it anew: so what is looked at, and kept, is a copy.
    """
    return f"{tenant}/{id}.put"


type Status = Literal["awaited", "stored", "deleting", "deleted", "refused"]


@dataclass(frozen=True, slots=True)
class FileState:
    """A file with what is going on with it. One that is awaited has no checksum yet, and the size it was said to have.

    `expires_at`: until when an awaited one may come.
    """

    file: FileMetadata
    status: Status
    expires_at: datetime | None = None
    sized: bool = True
    """Whether the size of an awaited one was said."""
    stored_as: str | None = None
    """What its object is called, where that is not the file's id."""

    @property
    def version(self) -> int:
        """The version of its stream."""
        return self.file.version

    def key(self, tenant: str) -> str:
        """Under which key its bytes are; of an awaited one: under which they are put."""
        if self.status == "awaited":
            return incoming(tenant, self.file.id)
        return f"{tenant}/{self.stored_as or self.file.id}"


type FileChange = Change[FileState]
"""One line of a file's audit."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant's files take. `quota` in bytes; none: as much as there is room."""

    files: int
    size: int
    quota: int | None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found.

    `orphans`: objects no file knows; `lost`: files whose object is gone or has another size or checksum;
    `unfinished`: uploads and deletions that were broken off; `repaired`: whether orphans and unfinished were cleared.
    """

    files: int
    orphans: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    repaired: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing was amiss."""
        return not (self.orphans or self.lost or self.unfinished)
