"""Which indexes tantivy has here, in which folders, and where aliases point: one small file, replaced as a whole.

Beside it is a file that each change makes a byte longer, so that whoever asks sees at once that nothing has changed:
to ask a file for its length takes a tenth of the time of asking the folder for a file.

An index is built in a folder of a name that is never used again; it is there once the file says so. What other
folders are left by processes that were killed is removed by whoever changes the file next. A file that is damaged is
as good as none: indexes are built anew.
"""

import json
import logging
import os
import shutil
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from burgee.core.disk import locked, sync_folder
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.search.errors import SearchUnavailableError
from burgee.search.model import IndexMapping

_log = logging.getLogger("burgee.search")


@dataclass(frozen=True, slots=True)
class Built:
    """An index: the name of its folder, and its fields."""

    place: str
    mapping: IndexMapping


@dataclass(frozen=True, slots=True)
class Names:
    """What there is, at one moment."""

    indexes: dict[str, Built] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def built(self, name: str) -> Built:
        """The index of that name, or that an alias points to."""
        found = self.indexes.get(self.aliases.get(name, name))
        if found is None:
            raise NotFoundError("index", name, sorted(self.indexes))
        return found


_names = TypeAdapter(Names)


class Catalogue:
    """The names of a folder, or of memory: read as they are now, changed by one at a time."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._place = "" if folder is None else str(folder / "catalogue.json")
        self._lock = threading.RLock()
        self._known = Names()
        self._stamp: tuple[int, int, int] | None = None
        self._changes = 0  # those of memory
        self._counted: int | None = None  # the open file of those of a folder

    def changes(self) -> int | None:
        """The number of changes until now, by whatever process; none if that can't be told."""
        if self.folder is None:
            return self._changes
        counted = self._counted
        if counted is None:
            counted = self._counted = self._counting()
        return None if counted is None else os.lseek(counted, 0, os.SEEK_END)

    def changed(self) -> None:
        """Say that something was changed: after it was, and before anybody is told that it is done."""
        if self.folder is None:
            with self._lock:
                self._changes += 1
            return
        with Path(self._place).with_suffix(".changes").open("ab", buffering=0) as counted:
            counted.write(b".")

    def now(self) -> Names:
        """What there is."""
        if self.folder is None:
            return self._known
        try:
            found = os.stat(self._place)  # noqa: PTH116 - for each query, and a Path takes as long again
        except FileNotFoundError:
            return Names()
        except OSError as error:
            raise _unreadable(error) from error
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            with self._lock:
                self._known, self._stamp = self._read(), stamp
        return self._known

    def create(self, name: str, mapping: IndexMapping, build: Callable[[str], None]) -> None:
        """Add an index, in place of the one of that name; `build` makes it at the place it is given."""
        with self._changing() as names:
            if name in names.aliases:
                raise InvalidInputError(f"{name!r} is an alias: an index needs a name of its own")
            place = uuid.uuid4().hex
            build(place)
            self._put(replace(names, indexes={**names.indexes, name: Built(place, mapping)}))

    def point(self, alias: str, index: str) -> str | None:
        """Let an alias point to an index; where it pointed before."""
        with self._changing() as names:
            if index not in names.indexes:
                raise NotFoundError("index", index, sorted(names.indexes))
            if alias in names.indexes:
                raise InvalidInputError(f"{alias!r} is an index: an alias needs a name of its own")
            self._put(replace(names, aliases={**names.aliases, alias: index}))
            return names.aliases.get(alias)

    def drop(self, name: str) -> bool:
        """Take an index out, and what points to it; whether there was one."""
        with self._changing() as names:
            indexes = {other: built for other, built in names.indexes.items() if other != name}
            aliases = {alias: index for alias, index in names.aliases.items() if index != name}
            if len(indexes) < len(names.indexes):
                self._put(Names(indexes, aliases))
            return name in names.indexes

    def _counting(self) -> int | None:
        with self._lock:
            if self._counted is not None:  # by another thread meanwhile
                return self._counted
            try:
                opened = os.open(Path(self._place).with_suffix(".changes"), os.O_RDONLY)
            except FileNotFoundError:
                return None
            weakref.finalize(self, os.close, opened)
            return opened

    @property
    def _file(self) -> Path:
        if self.folder is None:
            raise RuntimeError("memory has no file")
        return Path(self._place)

    @contextmanager
    def _changing(self) -> Iterator[Names]:
        """While nobody else, of no process, changes the names."""
        with self._lock:
            if self.folder is None:
                yield self._known
                return
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / "catalogue.lock").open("a") as held:
                    locked(held.fileno())
                    names = self._read()
                    self._sweep(names)
                    yield names
            except OSError as error:
                raise SearchUnavailableError(
                    f"the search index in {str(self.folder)!r} can't be written: {error}"
                ) from error

    def _read(self) -> Names:
        try:
            return _names.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return Names()
        except ValidationError as error:
            _log.warning("the list of tantivy's indexes is damaged, so they are built anew: %s", _short(error))
            return Names()
        except OSError as error:
            raise _unreadable(error) from error

    def _put(self, names: Names) -> None:
        if self.folder is None:
            self._known = names
            self.changed()
            return
        beside = self._file.with_suffix(".new")
        with beside.open("wb") as output:
            output.write(_names.dump_json(names))
            output.flush()
            os.fsync(output.fileno())
        beside.replace(self._file)
        self.changed()
        sync_folder(self.folder)

    def _sweep(self, names: Names) -> None:
        known = {built.place for built in names.indexes.values()}
        for path in self._file.parent.iterdir():
            if path.is_dir() and path.name not in known and len(path.name) == len(uuid.UUID(int=0).hex):
                shutil.rmtree(path, ignore_errors=True)


def _unreadable(error: OSError) -> SearchUnavailableError:
    return SearchUnavailableError(f"the list of tantivy's indexes can't be read: {_short(error)}")


def _short(error: Exception) -> str:
    return json.dumps(str(error))[:200]
