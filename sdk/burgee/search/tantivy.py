"""Search on tantivy, in this process: an index is a folder, or is in memory.

An index has one writer at a time, of any process; others wait a moment for it. Whoever reads sees what was committed
last. What is asked becomes tantivy's own query objects (`search.tantivyquery`), never text that it would read.
"""

import errno
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_whole
from burgee.core.errors import BurgeeError, MissingExtraError, NotFoundError
from burgee.search.checks import check_suggest
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.model import Document, IndexMapping, SearchQuery, SearchResult
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.tantivycatalogue import Built, Catalogue
from burgee.search.tantivyfiles import LARGEST_LOOKED_AT, is_damaged
from burgee.search.tantivyindex import POSITION, document_of, position_of, schema_of
from burgee.search.tantivyquery import Queries
from burgee.search.tantivysearch import Open, Search, stored_bytes
from burgee.search.values import checked_name

if TYPE_CHECKING:
    import tantivy

_HEAP = 64 * 1024 * 1024
_REFUSED = re.compile(r"\b(?:code: |os error )(\d+)")  # how tantivy tells an error of the system
_WAIT = 10.0  # seconds for another process's writer


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
        self._opened: dict[str, Open] = {}
        self._lock = threading.Lock()

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        import tantivy

        name = checked_name("an index", index)

        def build(place: str) -> None:
            path = None if self._folder is None else self._folder / place
            if path is not None:
                path.mkdir()
            with _told(name):
                # Documents stand by id: of those that are as good as each other the first is the first by id.
                made = tantivy.Index(
                    schema_of(mapping), None if path is None else str(path), reuse=False, sort_by_field="id"
                )
            self._opened[place] = Open(made, made.schema, mapping, None if path is None else str(path / "meta.json"))

        self._catalogue.create(name, mapping, build)
        self._forget()

    @override
    def write(self, index: str, changes: Iterable[Put[Document] | Remove], position: int) -> None:
        need_whole("position", position)
        with self._using(index) as opened, opened.writing:
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
            opened.searcher = None

    @override
    def position(self, index: str) -> int:
        with self._using(index) as opened:
            return _position(opened, _searcher(opened, index))

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Document]:
        with self._using(index) as opened:
            return Search(opened, _searcher(opened, index)).answer(query)

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        with self._using(index) as opened:
            begins = check_suggest(opened.mapping, prefix, field, limit)
            return Search(opened, _searcher(opened, index)).suggest(begins, field, limit)

    @override
    def count(self, index: str) -> int:
        with self._using(index) as opened:
            searcher = _searcher(opened, index)
            return int(searcher.num_docs) - bool(_position_hit(opened, searcher))

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

    def _open(self, name: str) -> Open:
        built = self._catalogue.now().built(name)
        found = self._opened.get(built.place)
        if found is None:
            with self._lock:
                found = self._opened.get(built.place) or self._load(name, built)
                self._opened[built.place] = found
        return found

    def _load(self, name: str, built: Built) -> Open:
        import tantivy

        if self._folder is None:
            raise NotFoundError("index", name)  # dropped meanwhile
        path = self._folder / built.place
        if is_damaged(path, at_most=LARGEST_LOOKED_AT):
            raise _damaged(name)
        with _opening(name):
            index = tantivy.Index.open(str(path))
            return Open(index, index.schema, built.mapping, str(path / "meta.json"))

    @contextmanager
    def _using(self, name: str) -> Iterator[Open]:
        """An index while it is used. If it fails as its files are damaged, it is closed, and so found to be so."""
        opened = self._open(name)
        try:
            with _told(name):
                yield opened
        except SearchUnavailableError as error:
            place = None if opened.meta is None else Path(opened.meta).parent
            if place is None or not (isinstance(error, DamagedIndexError) or is_damaged(place)):
                raise
            with self._lock:
                self._opened.pop(place.name, None)
            raise _damaged(name) from error

    def _forget(self) -> None:
        """Close what is no index any more."""
        places = {built.place for built in self._catalogue.now().indexes.values()}
        with self._lock:
            for place in set(self._opened) - places:
                del self._opened[place]


def _position_hit(opened: Open, searcher: "tantivy.Searcher") -> "list[tuple[float, tantivy.DocAddress]]":
    query = Queries(opened.schema, searcher, opened.mapping).term("is", POSITION)
    return list(searcher.search(query, 1).hits)


def _position(opened: Open, searcher: "tantivy.Searcher") -> int:
    for _, address in _position_hit(opened, searcher):
        return int(stored_bytes(searcher, address))
    return 0


def _searcher(opened: Open, name: str) -> "tantivy.Searcher":
    """A searcher that sees what was committed last, by whatever process."""
    stamp = opened.stamp
    if opened.meta is not None:
        found = os.stat(opened.meta)  # noqa: PTH116 - for each query, and a Path takes as long again
        stamp = (found.st_mtime_ns, found.st_ino)
    searcher = opened.searcher
    if searcher is None or stamp != opened.stamp:
        with _opening(name):
            opened.index.reload()
            searcher = opened.index.searcher()
        opened.orders, opened.prepared = OrderedDict(), {}
        opened.searcher, opened.stamp = searcher, stamp
    return searcher


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
                raise SearchUnavailableError(said) from error
            time.sleep(0.02)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tantivy's complaints as ours, also its panics, which end no process."""
    try:
        yield
    except BurgeeError:
        raise
    except (OSError, ValueError) as error:
        raise SearchUnavailableError(f"tantivy can't use the index {name!r}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise SearchUnavailableError(f"tantivy gave up on the index {name!r}: {error}") from None


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """While an index is opened. Files that the system gives and nobody can read are damaged, or an older tantivy's."""
    try:
        with _told(name):
            yield
    except SearchUnavailableError as error:
        refused = _REFUSED.search(str(error))
        if refused is not None and int(refused[1]) != errno.ENOENT:
            raise
        raise _damaged(name) from error


def _damaged(name: str) -> DamagedIndexError:
    return DamagedIndexError(f"the files of the search index {name!r} are damaged")
