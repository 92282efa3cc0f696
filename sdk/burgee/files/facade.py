"""The fluent objects of files: `acme.files` and what it gives."""

import contextlib
import hashlib
import io
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_text
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.history import History
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.core.progress import ProgressBar
from burgee.files.encoding import Encoded
from burgee.files.errors import ChecksumError
from burgee.files.model import CheckReport, FileChange, FileMetadata, FileState, Usage
from burgee.files.protocol import AddressSigner, FileService
from burgee.files.sources import Source, sent
from burgee.files.tables import frame_of, need_table
from burgee.wire.octets import Octets

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("id", "name", "size", "type", "checksum", "created_at", "created_by", "labels")
_SHOWN = tuple(name for name in _COLUMNS if name != "checksum")  # that moves the rest out of sight


BAR_BYTES, BAR_ROWS = 8 * 1024 * 1024, 100_000
"""From here on a progress bar is worth showing: for bytes, and for a frame."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How the fluent objects reach the service."""

    link: Link
    service: FileService
    base: str
    progress: bool

    signer: AddressSigner | None

    @property
    def tenant(self) -> str:
        """Whose files they are."""
        if self.link.tenant is None:
            raise RuntimeError("files are those of a tenant")
        return self.link.tenant

    def absolute(self, url: str) -> str:
        """The address, beginning where this client reaches the server unless the server said where it is."""
        return self.base + url if url.startswith("/") else url


class File(Shown):
    """A file, as it came: it never changes, it can only be deleted."""

    __slots__ = ("_way", "state")

    def __init__(self, way: _Way, state: FileMetadata) -> None:
        self._way = way
        self.state = state

    @property
    def id(self) -> str:
        """Its id."""
        return self.state.id

    @property
    def name(self) -> str:
        """What it is called."""
        return self.state.name

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.state.size

    @property
    def type(self) -> str:
        """Its media type, by its content."""
        return self.state.type

    @property
    def checksum(self) -> str:
        """SHA-256 of its bytes, in hexadecimal."""
        return self.state.checksum

    @property
    def created_at(self) -> datetime:
        """When it came."""
        return self.state.created_at

    @property
    def labels(self) -> Mapping[str, Json]:
        """What it was labelled with."""
        return self.state.labels

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Its bytes, or those from `start` to before `stop`; a start below 0 counts from the end.

        Raises:
            ChecksumError: all were read, and are not those that came in.
        """
        return b"".join(self._pieces(start, stop))

    def open(self) -> io.BufferedReader:
        """Its bytes as a file to read from, once, as they arrive. Close it."""
        return io.BufferedReader(_Stream(self._pieces(0, None)))

    def download(self, path: "str | os.PathLike[str]", *, progress: bool | None = None) -> Path:
        """Write it to a path, or under its own name into a folder; the path.

        What was there before is replaced when all bytes have come and are right, not sooner.

        Raises:
            ChecksumError: what came is not what was uploaded.
            InvalidInputError: the path can't be written to.
        """
        place = Path(path)
        if os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises where a name is too long
            place /= Path(self.name).name
        new = place.with_name(f".{uuid.uuid4().hex}.part")  # with the name before it, it could be too long
        shown = (self._way.progress if progress is None else progress) and self.size >= BAR_BYTES
        try:
            with new.open("xb") as file, ProgressBar(f"downloading {self.name}", self.size, shown=shown) as bar:
                for piece in self._pieces(0, None):
                    file.write(piece)
                    bar.reach(file.tell())
                file.flush()
                os.fsync(file.fileno())
            new.replace(place)
        except BaseException as error:
            with contextlib.suppress(OSError):
                new.unlink()
            if isinstance(error, OSError):
                raise InvalidInputError(f"can't write {str(place)!r}: {error.strerror or error}") from error
            raise
        return place

    def url(self, expires: float = 3600) -> str:
        """An address at which whoever has it can read the file, for `expires` seconds.

        It is honoured while the file is there: of one that was deleted, the address answers 404.
        """
        way = self._way
        signed = None if way.signer is None else way.signer.signed_address(way.tenant, self.state, expires)
        return way.absolute(way.link.call(way.service.url(self.id, expires)).url if signed is None else signed)

    def frame(self) -> "pd.DataFrame":
        """The table that a file of Parquet, Arrow, CSV or JSON lines holds."""
        need_table(self.state)
        return frame_of(self.state, self.read())

    def delete(self) -> None:
        """Delete it: its bytes, and itself from all lists. Its history stays."""
        self._way.link.call(self._way.service.delete(self.id))

    def history(self) -> "FileHistory":
        """What happened to it, oldest first."""
        return FileHistory(Page(self._way.link.call(self._way.service.history(self.id))))

    def _pieces(self, start: int, stop: int | None) -> Iterator[bytes]:
        content = self._way.link.call(self._way.service.read(self.id, start, stop))
        whole = None if content.is_part else hashlib.sha256()
        for piece in content:
            if whole is not None:
                whole.update(piece)
            yield piece
        if whole is not None and whole.hexdigest() != self.checksum:
            hint = "acme.files.check() compares all files with the storage"
            raise ChecksumError(f"what came of {self.name!r} is not what was uploaded", hint=hint)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self.state == other.state

    @override
    def __hash__(self) -> int:
        return hash((self.id, self.state.version))

    @override
    def __repr__(self) -> str:
        return f"<File {self.name!r}: {self.size:,} bytes, {self.type}, id {self.id!r}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [(name, getattr(self.state, name)) for name in _COLUMNS[:-1]]
        rows += [(f"label {name}", value) for name, value in self.labels.items()]
        note = ".read(), .open(), .download(path), .frame(), .url(), .history(), .delete()"
        return Sheet(f"File {self.name}", ("", "value"), rows, note)


class FileHistory(History[FileState]):
    """The changes of a file. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[FileChange]:
        return super().__iter__()


class FileList(Listing[File]):
    """Files of a tenant. Frame: `id, name, size, type, checksum, created_at, created_by, labels`."""

    __slots__ = ()
    columns, shown = _COLUMNS, _SHOWN
    dtypes = typed(text="id name type checksum created_by", whole="size", moment="created_at")

    @override
    def __iter__(self) -> Iterator[File]:
        return super().__iter__()

    @override
    def _row(self, item: File) -> Mapping[str, object]:
        return {name: getattr(item.state, name) for name in self.columns}


@dataclass(frozen=True, slots=True)
class UploadAddress:
    """Where one file can be put: `url` by `method`, with `headers`, until `expires_at`. Then `files[id]` is it."""

    id: str
    url: str
    method: str
    headers: Mapping[str, str]
    expires_at: datetime


class Files(Shown):
    """The files of a tenant: `acme.files.upload("report.pdf")`."""

    __slots__ = ("_known", "_way")

    def __init__(self, link: Link, service: FileService, *, base: str = "", progress: bool = True) -> None:
        self._way = _Way(link, service, base, progress, service if isinstance(service, AddressSigner) else None)
        self._known: dict[str, FileMetadata] = {}

    def upload(
        self,
        source: Source,
        name: str | None = None,
        *,
        type: str | None = None,
        labels: Mapping[str, Json] | None = None,
        checksum: str | None = None,
        progress: bool | None = None,
    ) -> File:
        """Keep a file.

        Args:
            source: a path, bytes, a file opened with `rb`, pieces of bytes, or a frame: that is kept as Parquet, or as
                CSV, TSV, Arrow or JSON lines where the name ends so.
            name: what it is called; by default as the path's last part.
            type: its media type, to be checked; the content decides.
            labels: what is to be known of it besides.
            checksum: SHA-256 it must have, in hexadecimal.
            progress: whether a bar is shown where it takes a while; by default as `BURGEE_PROGRESS` says.
        """
        given = sent(source, name, type)
        need_text("a file's name", given.name)
        rows = given.pieces.rows if isinstance(given.pieces, Encoded) else None
        total, least = (given.size or 0, BAR_BYTES) if rows is None else (rows, BAR_ROWS)
        shown = (self._way.progress if progress is None else progress) and total >= least
        with ProgressBar(f"uploading {given.name}", total, shown=shown) as bar:
            content = Octets(_counted(given.pieces, bar), size=given.size)
            work = self._way.service.upload(content, given.name, given.type, given.size, checksum, labels)
            return self._file(self._way.link.call(work))

    def get(self, id: str) -> File:
        """The file of that id; `NotFoundError` says which there are."""
        need_text("a file's id", id)
        if not id.isprintable():
            raise InvalidInputError(f"{id!a} is no file's id")
        return self._file(self._way.link.call(self._way.service.get(id)))

    def __getitem__(self, id: str) -> File:
        return self.get(id)

    def __iter__(self) -> Iterator[File]:
        return iter(self.list())

    def list(self, prefix: str | None = None, *, type: str | None = None) -> FileList:
        """The files, oldest first: all, or those whose name begins so, or of that type (`image/*`)."""

        def ask(after: str | None) -> Page[File]:
            page = self._way.link.call(self._way.service.list(after, prefix=prefix, type=type))
            return Page(tuple(map(self._file, page.items)), page.after)

        return FileList(ask(None), ask)

    def frame(self) -> "pd.DataFrame":
        """The files as a frame: `id, name, size, type, checksum, created_at, created_by, labels`."""
        return self.list().frame()

    def read_frame(self, id: str) -> "pd.DataFrame":
        """The table in the file of that id, as a frame."""
        return self.get(id).frame()

    def upload_url(
        self,
        name: str,
        *,
        type: str,
        size: int | None = None,
        expires: float = 3600,
        labels: Mapping[str, Json] | None = None,
    ) -> UploadAddress:
        """An address at which whoever has it can put one file of that name and type, for `expires` seconds."""
        made = self._way.link.call(self._way.service.upload_url(name, type, size, expires, labels))
        address = made.address
        url = self._way.absolute(address.url)
        return UploadAddress(made.id, url, address.method, address.headers, address.expires_at)

    def finish(self, id: str) -> File:
        """The file that was put at a signed address, checked and scanned."""
        return self._file(self._way.link.call(self._way.service.finish(id)))

    def usage(self) -> Usage:
        """How many files there are, how many bytes they take, and the quota."""
        return self._way.link.call(self._way.service.usage())

    def set_quota(self, quota: int | None) -> Usage:
        """Set how many bytes the files may take together; None: what the workspace says. For admins."""
        return self._way.link.call(self._way.service.set_quota(quota))

    def check(self, repair: bool = False, *, older_than: float = 3600) -> CheckReport:
        """Compare what is known of the files with what the storage has; with `repair`, clear what was broken off.

        What is younger than `older_than` seconds may still be going on, and is left alone.
        """
        return self._way.link.call(self._way.service.check(repair, older_than))

    def _file(self, state: FileMetadata) -> File:
        self._known[state.id] = state
        return File(self._way, state)

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Files of {self._way.link.tenant!r}: .upload(source), .list(), files[id]; {len(self._known)} fetched>"

    @override
    def _sheet(self) -> Sheet:
        rows = [[getattr(state, name) for name in _SHOWN] for _, state in sorted(self._known.items())]
        return Sheet("Files", _SHOWN, rows, "what has been fetched; .list() asks again")


class _Stream(io.RawIOBase):
    """Pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: object, /) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type] # RawIOBase takes any buffer, typed only as such
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    @override
    def close(self) -> None:
        if not self.closed and callable(close := getattr(self._pieces, "close", None)):
            close()
        super().close()


def _counted(pieces: Iterable[bytes], bar: ProgressBar) -> Iterator[bytes]:
    """The pieces; the bar counts their bytes, or the rows that are in them."""
    seen = 0
    for piece in pieces:
        seen += len(piece)
        bar.reach(pieces.done if isinstance(pieces, Encoded) else seen)
        yield piece
