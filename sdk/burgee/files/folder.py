"""Files in a folder of this machine.

An object is one file: its bytes, and behind them its metadata. So both appear by one renaming, go by one unlinking, and
whoever has opened it reads it whole, whatever happens to its name meanwhile; a sidecar could be of another object than
the bytes beside it.

    acme/018f.pdf   is kept in   acme/018f.pdf@object           while it is written: acme/018f.pdf@new-<random>
    Acme/B          is kept in   +acme/+b@object                also where capital letters are not told from small ones

`@` and `+` are in no key, so an object, a folder and what is being written never have each other's names.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import struct
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from burgee.core.disk import locked, sync_folder
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.json import dumps, loads
from burgee.files.errors import StorageUnavailableError
from burgee.files.keys import check_age, check_expires, check_key, check_metadata, check_prefix, check_range
from burgee.files.model import SignedUrl, StoredObject
from burgee.files.pieces import PIECE, Checksum, pieces
from burgee.files.protocol import StorageProvider

_OBJECT, _NEW = "@object", "@new-"
_END = struct.Struct("<I8s")
"""What a file ends with: how long its metadata is, and a mark."""
_MARK = b"burgee\x00\x01"
_LONGEST_TRAILER = 4096
_AHEAD = 16 * 1024 * 1024
"""Bytes after which the system is asked to bring them to the disk, while more come."""
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""Symbolic links and pipes are neither followed nor waited for."""
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}


@dataclass(frozen=True, slots=True)
class _Opened:
    """An object's file, and what it says of itself."""

    file: BinaryIO
    about: StoredObject[Mapping[str, str]]


class FolderStorage(StorageProvider[Mapping[str, str]]):
    """Objects in a folder, which is made when something is written.

    Args:
        folder: where.
        passing: whether the folder goes when the storage is closed.
    """

    def __init__(self, folder: str | Path, *, passing: bool = False) -> None:
        if isinstance(folder, str) and (not folder or "\x00" in folder):
            raise InvalidInputError(f"files need a folder, not {folder!r}")
        self._root = Path(folder).expanduser().resolve()
        self._passing = passing

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def has_addresses(self) -> bool:
        """No: a folder is reached by no address."""
        return False

    def write(
        self,
        key: str,
        content: Iterable[bytes],
        metadata: Mapping[str, str],
        held: contextlib.ExitStack | None = None,
    ) -> StoredObject[Mapping[str, str]]:
        """Store an object, durable when this returns. It appears whole or, if `content` raises, not at all.

        Until `held` is closed, or this process dies, it `is_held`.
        """
        place, checked = self._place(key), check_metadata(metadata)
        with self._new(place, held) as (file, path), Checksum() as checksum:
            begun = 0
            for piece in pieces(content):
                checksum.add(piece)
                with self._told():
                    _put(file, piece)
                    if checksum.size - begun >= _AHEAD:
                        begun = _ahead(file, begun, checksum.size)
            about = StoredObject(key, checksum.size, checksum.hexdigest(), datetime.now(UTC), checked)
            with self._told():
                _put(file, _trailer(about))
                os.fsync(file.fileno())
                if os.name == "nt":
                    file.close()  # Windows renames nothing that is open; elsewhere it stays locked until it is renamed
                path.replace(place)
                sync_folder(place.parent)
        return about

    def is_held(self, key: str) -> bool:
        """Whether whoever wrote the object lives and holds it. Never on Windows, which has no such locks."""
        opened = self._open(key)
        if opened is None:
            return False
        with self._told(), opened.file:
            return not locked(opened.file.fileno(), wait=False, shared=True)

    def stat(self, key: str) -> StoredObject[Mapping[str, str]] | None:
        """What is known of an object; None if there is none."""
        opened = self._open(key)
        if opened is None:
            return None
        opened.file.close()
        return opened.about

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Generator[bytes]:
        """The bytes from `start` to before `stop`, in pieces; `NotFoundError` at once if there is none."""
        start, stop = check_range(start, stop)
        opened = self._open(key)
        if opened is None:
            raise NotFoundError("object", key)
        size = opened.about.size
        read = self._read(opened.file, start, size if stop is None else min(stop, size))
        next(read)  # from now on the file is closed with the generator
        return read

    def delete(self, key: str) -> bool:
        """Take an object away, durably; whether there was one."""
        place = self._place(key)
        with self._told():
            try:
                place.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return False
            sync_folder(place.parent)
        return True

    def list(self, prefix: str = "") -> Iterator[StoredObject[Mapping[str, str]]]:
        """The objects whose key begins so, by key."""
        return self._list(check_prefix(prefix))

    def sweep(self, prefix: str, older_than: float) -> int:
        """Remove what writes that were broken off left behind longer than so many seconds ago; how much it was.

        What is still being written is locked, and stays however old it is.
        """
        prefix, before = check_prefix(prefix), time.time() - check_age(older_than)
        with self._told():
            left = [path for key, path in self._walk("", prefix) if _NEW in path.name and key.startswith(prefix)]
            return sum(_removed(path, before) for path in left)

    def signed_get(self, key: str, expires: float, *, name: str, type: str) -> SignedUrl | None:
        """None."""
        del name, type
        check_key(key), check_expires(expires)
        return None

    def signed_put(self, key: str, expires: float, *, type: str, size: int | None = None) -> SignedUrl | None:
        """None."""
        del type, size
        check_key(key), check_expires(expires)
        return None

    def close(self) -> None:
        """Remove the folder, if it is a passing one."""
        if self._passing:
            shutil.rmtree(self._root, ignore_errors=True)

    def _place(self, key: str) -> Path:
        """The file of an object. Its folder is where its name says: symbolic links are not followed."""
        *folders, name = check_key(key).split("/")
        folder = self._root.joinpath(*map(_kept, folders))
        if Path(os.path.realpath(folder)) != folder:
            hint = "a symbolic link stands in the way; files are only kept in the folder itself"
            raise StorageUnavailableError(f"{key!r} would lie outside of the folder {self.place!r}", hint=hint)
        return folder / f"{_kept(name)}{_OBJECT}"

    @contextmanager
    def _new(self, place: Path, held: contextlib.ExitStack | None) -> Iterator[tuple[BinaryIO, Path]]:
        """A file to write, locked until `held` is closed, in the folder of `place`; gone unless it was renamed."""
        with self._told():
            _make(place.parent)
            file, path = _begun(place)
        with contextlib.ExitStack() as own:
            (held or own).enter_context(file)
            try:
                yield file, path
            except BaseException:
                with contextlib.suppress(OSError):
                    path.unlink()
                raise

    def _open(self, key: str) -> _Opened | None:
        with self._told():
            return _opened(self._place(key), key)

    def _read(self, file: BinaryIO, start: int, stop: int) -> Generator[bytes]:
        with file:
            yield b""
            with self._told():
                file.seek(start)
            left = stop - start
            while left > 0:
                with self._told():
                    piece = file.read(min(PIECE, left))
                if not piece:
                    raise StorageUnavailableError(f"a file in {self.place!r} was cut short while it was read")
                left -= len(piece)
                yield piece

    def _list(self, prefix: str) -> Iterator[StoredObject[Mapping[str, str]]]:
        for key, path in self._walk("", prefix):
            if path.name.endswith(_OBJECT):
                with self._told():
                    opened = _opened(path, key)
                if opened is not None:  # nobody took it away meanwhile
                    opened.file.close()
                    yield opened.about

    def _walk(self, folder: str, prefix: str) -> Iterator[tuple[str, Path]]:
        """Objects and what is being written, whose key begins so, by key. `folder` is empty or ends in `/`."""
        place = self._root.joinpath(*map(_kept, folder.split("/")[:-1]))
        with self._told():
            found = _entries(place)
        for name, path in found:
            key = folder + name
            if not name.endswith("/"):
                if key.startswith(prefix):
                    yield key, path
            elif key.startswith(prefix) or prefix.startswith(key):
                yield from self._walk(key, prefix)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error)
            hint = "make room there; nothing of this file was kept" if error.errno in _FULL else None
            raise StorageUnavailableError(
                f"the folder of files {self.place!r} can't be used: {why}", hint=hint
            ) from error


def _kept(part: str) -> str:
    """A part of a key as a name in the folder: without capital letters, and without a dot at the end (Windows)."""
    return re.sub(r"[A-Z]|\.$", lambda found: "+0" if found[0] == "." else f"+{found[0].lower()}", part)


def _part(kept: str) -> str:
    """The part of a key again."""
    return re.sub(r"\+(.)", lambda found: "." if found[1] == "0" else found[1].upper(), kept)


def _entries(place: Path) -> list[tuple[str, Path]]:
    """What of ours is in a folder: by the key's part, with a `/` behind it if it is a folder; in the order of keys."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as entries:
        for entry in entries:
            kept, mark, _ = entry.name.partition("@")
            part = _part(kept)
            if _kept(part) != kept:  # somebody else's
                continue
            if mark and entry.is_file(follow_symlinks=False):
                found.append((part, Path(entry.path)))
            elif not mark and entry.is_dir(follow_symlinks=False):
                found.append((f"{part}/", Path(entry.path)))
    return sorted(found)


def _begun(place: Path) -> tuple[BinaryIO, Path]:
    """A new, locked file for what `place` will be."""
    start = place.name.removesuffix(_OBJECT) + _NEW
    while True:
        path = place.with_name(start + uuid.uuid4().hex[:16])
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        file = os.fdopen(descriptor, "wb", buffering=0)  # closed by who writes
        locked(descriptor)
        if os.fstat(descriptor).st_nlink:
            return file, path
        file.close()  # swept before it was locked


def _opened(place: Path, key: str) -> _Opened | None:
    """An object's file, to be closed; None if it is not there, or not an object."""
    try:
        file = os.fdopen(os.open(place, os.O_RDONLY | _FLAGS), "rb", buffering=0)  # closed by the caller
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
    try:
        about = _about(file, key)
    except BaseException:
        file.close()
        raise
    if about is None:
        file.close()
        return None
    return _Opened(file, about)


def _trailer(about: StoredObject[Mapping[str, str]]) -> bytes:
    said = {"size": about.size, "sha256": about.checksum, "at": about.modified_at.isoformat()}
    text = dumps({**said, "metadata": dict(about.metadata)}).encode()
    return text + _END.pack(len(text), _MARK)


def _about(file: BinaryIO, key: str) -> StoredObject[Mapping[str, str]] | None:
    """What a file says of itself at its end; None if it is not an object that was written here."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return None
    whole = file.seek(0, os.SEEK_END)
    file.seek(max(0, whole - _LONGEST_TRAILER))
    tail = file.read(_LONGEST_TRAILER)
    if len(tail) < _END.size:
        return None
    length, mark = _END.unpack(tail[-_END.size :])
    if mark != _MARK or length > len(tail) - _END.size:
        return None
    try:
        said: Any = loads(tail[-_END.size - length : -_END.size])
        about = StoredObject(
            key, said["size"], said["sha256"], datetime.fromisoformat(said["at"]), check_metadata(said["metadata"])
        )
    except (ValueError, TypeError, KeyError):
        return None
    return about if about.size == whole - length - _END.size else None


def _removed(path: Path, before: float) -> bool:
    """Remove what a write left behind, unless it is newer or still being written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return False
    try:
        if os.fstat(descriptor).st_mtime > before or not locked(descriptor, wait=False, shared=True):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    """Make a folder, and those above it, durably."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _put(file: BinaryIO, data: bytes) -> None:
    """Write all of it; the system may take it in parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _ahead(file: BinaryIO, start: int, stop: int) -> int:
    """Have the system begin to bring these bytes to the disk, so that fsync at the end finds little left; `stop`.

    On Linux that is what comes first of giving up cached pages; elsewhere fsync does it all.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, stop - start, os.POSIX_FADV_DONTNEED)
    return stop
