"""Search on tantivy, in this process: an index is a folder, or is in memory.

An index has one writer at a time, of any process; others wait a moment for it. Whoever reads sees what was committed
last. What is asked becomes tantivy's own query objects (`search.tantivy.query`), never text that it would read.
"""

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_whole
from burgee.core.errors import BurgeeError, MissingExtraError, NotFoundError
from burgee.search.errors import (
    DamagedIndexError,
    IndexUnavailableError,
    SearchFailedError,
    SearchUnavailableError,
)
from burgee.search.model import Document, IndexMapping, SearchQuery, SearchResult
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.tantivy.catalogue import Built, Catalogue
from burgee.search.tantivy.damage import LARGEST_LOOKED_AT, is_damaged
from burgee.search.tantivy.index import POSITION, document_of, position_of, schema_of
from burgee.search.tantivy.state import State
from burgee.search.text.stems import need_stems
from burgee.search.values import checked_name

if TYPE_CHECKING:
    import tantivy

_HEAP = 256 * 1024 * 1024  # taken by those who write much at once: so they make one segment, which is quick to ask
_WAIT = 10.0  # seconds for another process's writer
_REFUSED = re.compile(r"(?:code: |os error |Errno )(\d+)")  # how an error of the system is told
_TRUSTED = 1.0  # seconds that nobody looks at a folder where nothing seems to have changed


@dataclass(slots=True)
class _Open:
    """An index that is open: its file that each commit changes, and its state as that file said it."""

    index: "tantivy.Index"
    mapping: IndexMapping
    meta: str | None
    stamp: tuple[int, int] = (0, 0)
    state: State | None = None
    writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.index.config_reader("manual")  # no thread of tantivy's looks at its files behind our back

    def now(self) -> State:
        """What was committed last, by whatever process."""
        stamp = self.stamp
        if self.meta is not None:
            found = os.stat(self.meta)  # noqa: PTH116 - for each query, and a Path takes as long again
            stamp = (found.st_mtime_ns, found.st_ino)
        state = self.state
        if state is None or stamp != self.stamp:
            self.index.reload()
            state = State(self.index.schema, self.index.searcher(), self.mapping)
            self.state, self.stamp = state, stamp
        return state


@dataclass(slots=True)
class _Known:
    """The states of indexes by name, after so many changes. For a while: who knows what happens to a folder."""

    changes: int | None
    until: float = field(default_factory=lambda: time.monotonic() + _TRUSTED)
    states: dict[str, State] = field(default_factory=dict)


class TantivySearch(SearchProvider[Document]):
    """Finds documents by tantivy.

    Args:
        folder: where the indexes are; it is made when the first is. None keeps everything in memory.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        try:
            import tantivy  # noqa: F401 - it is there
        except ImportError:
            raise MissingExtraError("search on tantivy", "search") from None
        self._folder = None if folder is None else Path(folder) / "tantivy"
        self._catalogue = Catalogue(self._folder)
        self._opened: dict[str, _Open] = {}
        self._known = _Known(None)
        self._lock = threading.Lock()

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        import tantivy

        name = checked_name("an index", index)
        need_stems(mapping)

        def build(place: str) -> None:
            path = None if self._folder is None else self._folder / place
            if path is not None:
                path.mkdir()
            with _Told(name):
                # Documents stand by id: of those that are as good as each other the first is the first by id.
                made = tantivy.Index(
                    schema_of(mapping), None if path is None else str(path), reuse=False, sort_by_field="id"
                )
            self._opened[place] = _Open(made, mapping, None if path is None else str(path / "meta.json"))

        self._catalogue.create(name, mapping, build)
        self._forget()

    @override
    def write(self, index: str, changes: Iterable[Put[Document] | Remove], position: int) -> None:
        need_whole("position", position)
        opened = self._open(index)
        with opened.writing, _Told(index, self._closed_as_damaged):
            writer = _writer(opened.index, index)
            try:
                writer.garbage_collect_files()  # what a killed writer left would be in this one's way
                for change in changes:
                    writer.delete_documents_by_term("id", checked_name("a document", change.id))
                    if isinstance(change, Put):
                        writer.add_document(document_of(change, opened.mapping))
                writer.delete_documents_by_term("is", POSITION)
                writer.add_document(position_of(position))
                writer.commit()
            except BaseException:
                writer.rollback()
                raise
            finally:
                writer.wait_merging_threads()  # and the next may write
                opened.state = None
                self._catalogue.changed()

    @override
    def position(self, index: str) -> int:
        with _Told(index, self._closed_as_damaged):
            return self._state(index).position()

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Document]:
        with _Told(index, self._closed_as_damaged, SearchFailedError):
            return self._state(index).answer(query)

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        with _Told(index, self._closed_as_damaged, SearchFailedError):
            return self._state(index).suggest(prefix, field, limit)

    @override
    def count(self, index: str) -> int:
        with _Told(index, self._closed_as_damaged):
            return self._state(index).count()

    @override
    def point(self, alias: str, index: str) -> str | None:
        return self._catalogue.point(checked_name("an alias", alias), index)

    @override
    def pointed(self, alias: str) -> str | None:
        return self._catalogue.now().aliases.get(alias)

    @override
    def indexes(self, prefix: str = "") -> Sequence[str]:
        return [name for name in sorted(self._catalogue.now().indexes) if name.startswith(prefix)]

    @override
    def drop(self, index: str) -> bool:
        there = self._catalogue.drop(index)
        self._forget()
        return there

    @override
    def close(self) -> None:
        with self._lock:
            self._opened.clear()
            self._known = _Known(None)

    def _state(self, name: str) -> State:
        """What was committed last to the index of that name, by whatever process."""
        changes = self._catalogue.changes()
        known = self._known
        if changes is None or changes != known.changes or time.monotonic() > known.until:
            known = self._known = _Known(changes)
        state = known.states.get(name)
        if state is None:
            opened = self._open(name)
            with _opening(name):
                state = known.states[name] = opened.now()
        return state

    def _closed_as_damaged(self, name: str) -> bool:
        """Whether the files of an index are damaged; then it is closed, and whoever opens it finds them so."""
        place = self._catalogue.now().built(name).place
        if self._folder is None or not is_damaged(self._folder / place):
            return False
        with self._lock:
            self._opened.pop(place, None)
            self._known = _Known(None)
        return True

    def _open(self, name: str) -> _Open:
        built = self._catalogue.now().built(name)
        found = self._opened.get(built.place)
        if found is None:
            with self._lock:
                found = self._opened.get(built.place) or self._load(name, built)
                self._opened[built.place] = found
        return found

    def _load(self, name: str, built: Built) -> _Open:
        import tantivy

        if self._folder is None:
            raise NotFoundError("index", name)  # dropped meanwhile
        path = self._folder / built.place
        if is_damaged(path, at_most=LARGEST_LOOKED_AT):
            raise _damaged(name)
        with _opening(name):
            index = tantivy.Index.open(str(path))
            return _Open(index, built.mapping, str(path / "meta.json"))

    def _forget(self) -> None:
        """Close what is no index any more."""
        places = {built.place for built in self._catalogue.now().indexes.values()}
        with self._lock:
            for place in set(self._opened) - places:
                del self._opened[place]


def _writer(index: "tantivy.Index", name: str) -> "tantivy.IndexWriter":
    """The one writer of an index, waited for."""
    until = time.monotonic() + _WAIT
    while True:
        try:
            return index.writer(_HEAP, 1)
        except ValueError as error:
            if "lock" not in str(error).lower():
                raise
            if time.monotonic() > until:
                said = f"another process has been writing to the search index {name!r} for {_WAIT:.0f} seconds"
                raise IndexUnavailableError(said) from error
            time.sleep(0.02)


class _Told:
    """Tantivy's complaints as ours: what it says of a damaged index, and its panics, which end no process.

    What is no error of the system's, in files that are whole, is said by `otherwise` to be of this index or question.
    """

    __slots__ = ("_is_damaged", "_name", "_otherwise")

    def __init__(
        self,
        name: str,
        is_damaged: Callable[[str], bool] = lambda _: False,
        otherwise: type[SearchUnavailableError] = IndexUnavailableError,
    ) -> None:
        self._name, self._is_damaged, self._otherwise = name, is_damaged, otherwise

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, BurgeeError):
            return
        if not isinstance(error, OSError | ValueError) and type(error).__name__ != "PanicException":
            return
        if self._is_damaged(self._name):
            raise _damaged(self._name) from error
        systems = isinstance(error, OSError) or _REFUSED.search(str(error)) is not None
        kind_of = SearchUnavailableError if systems else self._otherwise
        raise kind_of(f"tantivy can't use the index {self._name!r}: {error}") from error


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """While an index is opened. Files that the system gives and nobody can read are damaged, or an older tantivy's."""
    try:
        with _Told(name):
            yield
    except SearchUnavailableError as error:
        refused = _REFUSED.search(str(error))
        if refused is not None and int(refused[1]) != errno.ENOENT:
            raise
        raise _damaged(name) from error


def _damaged(name: str) -> DamagedIndexError:
    return DamagedIndexError(f"the files of the search index {name!r} are damaged")
