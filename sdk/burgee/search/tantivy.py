"""Search on tantivy, in this process: an index is a folder, or is in memory.

An index has one writer at a time, of any process; others wait a moment for it. Whoever reads sees what was committed
last. What is asked becomes tantivy's own query objects (`search.tantivyquery`), never text that it would read.
"""

import bisect
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_whole
from burgee.core.errors import BurgeeError, InvalidInputError, MissingExtraError, NotFoundError
from burgee.core.json import loads_object
from burgee.search.analysis import words
from burgee.search.checks import check_query, check_suggest
from burgee.search.cursor import SCORE, decode, encode, order
from burgee.search.errors import SearchUnavailableError
from burgee.search.highlights import highlights
from burgee.search.model import Document, Hit, IndexMapping, Kind, SearchQuery, SearchResult, Sort, Text
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.similar import similar
from burgee.search.tantivycatalogue import Built, Catalogue
from burgee.search.tantivyfacets import Facets
from burgee.search.tantivyindex import POSITION, document_of, offers, position_of, schema_of, stored
from burgee.search.tantivyquery import Queries
from burgee.search.values import Value, as_kind, expected, field_values, whole_values

if TYPE_CHECKING:
    import tantivy

_HEAP = 64 * 1024 * 1024
_WAIT = 10.0  # seconds for another process's writer
_ORDERS = 8  # answers whose order is kept, so that their next pages cost little
_MORE = 16  # asked for beyond a page: those as good as its last are looked at, too

type Address = tuple[int, int]
type Key = Value | None


@dataclass(slots=True)
class _Open:
    """An index that is open."""

    index: "tantivy.Index"
    mapping: IndexMapping
    meta: Path | None
    stamp: tuple[int, int] = (0, 0)
    searcher: "tantivy.Searcher | None" = None
    writing: threading.Lock = field(default_factory=threading.Lock)
    orders: "OrderedDict[SearchQuery, list[_Found]]" = field(default_factory=OrderedDict)


@dataclass(frozen=True, slots=True)
class _Found:
    """A document in its order."""

    keys: tuple[Key, ...]
    id: str
    address: "tantivy.DocAddress"


class TantivySearch(SearchProvider[Document]):
    """Finds documents by tantivy.

    Args:
        folder: where the indexes are; it is made when the first is. None keeps everything in memory.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        try:
            import tantivy  # noqa: F401 - it is there
        except ImportError:
            raise MissingExtraError("search") from None
        self._folder = None if folder is None else Path(folder) / "tantivy"
        self._catalogue = Catalogue(self._folder)
        self._opened: dict[str, _Open] = {}
        self._lock = threading.Lock()

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        import tantivy

        name = _checked_name("an index", index)

        def build(place: str) -> None:
            path = None if self._folder is None else self._folder / place
            if path is not None:
                path.mkdir()
            with _told(name):
                made = tantivy.Index(schema_of(mapping), None if path is None else str(path), reuse=False)
            self._opened[place] = _Open(made, mapping, None if path is None else path / "meta.json")

        self._catalogue.create(name, mapping, build)
        self._forget()

    @override
    def write(self, index: str, changes: Iterable[Put[Document] | Remove], position: int) -> None:
        need_whole("position", position)
        opened = self._open(index)
        with opened.writing, _told(index):
            writer = _writer(opened.index, index)
            try:
                for change in changes:
                    writer.delete_documents_by_term("id", _checked_name("a document", change.id))
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
        opened = self._open(index)
        with _told(index):
            return self._position(opened)

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Document]:
        opened = self._open(index)
        asked = check_query(query, opened.mapping)
        with _told(index):
            return _Search(opened, _searcher(opened)).answer(asked)

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        opened = self._open(index)
        begins = check_suggest(opened.mapping, prefix, field, limit)
        with _told(index):
            return _Search(opened, _searcher(opened)).suggest(begins, field, limit)

    @override
    def count(self, index: str) -> int:
        opened = self._open(index)
        with _told(index):
            searcher = _searcher(opened)
            return int(searcher.num_docs) - bool(self._position_hit(opened, searcher))

    @override
    def point(self, alias: str, index: str) -> str | None:
        return self._catalogue.point(_checked_name("an alias", alias), index)

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

    def _position_hit(self, opened: _Open, searcher: "tantivy.Searcher") -> "list[tuple[float, tantivy.DocAddress]]":
        query = Queries(opened.index.schema, searcher, opened.mapping).term("is", POSITION)
        return list(searcher.search(query, 1).hits)

    def _position(self, opened: _Open) -> int:
        searcher = _searcher(opened)
        for _, address in self._position_hit(opened, searcher):
            return int(bytes(searcher.doc(address).get_first("document")))
        return 0

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
        with _told(name):
            return _Open(tantivy.Index.open(str(path)), built.mapping, path / "meta.json")

    def _forget(self) -> None:
        """Close what is no index any more."""
        places = {built.place for built in self._catalogue.now().indexes.values()}
        with self._lock:
            for place in set(self._opened) - places:
                del self._opened[place]


class _Search:
    """One question to one state of an index."""

    def __init__(self, opened: _Open, searcher: "tantivy.Searcher") -> None:
        self._opened = opened
        self._searcher = searcher
        self._mapping = opened.mapping
        self._queries = Queries(opened.index.schema, searcher, opened.mapping)

    def answer(self, query: SearchQuery) -> SearchResult[Document]:
        alike = None if query.like is None else self._alike(query.like)
        asked = self._queries.query(query, alike)
        counting = Facets(self._searcher, self._queries, asked, self._mapping, self._documents)
        facets = tuple(counting.answer(facet) for facet in query.facets)
        found, total = self._page(query, asked)
        shown = found[: query.size]
        scored = any(sort.field == SCORE for sort in order(query))
        hits = []
        for one in shown:
            document = self._document(one.address)
            marked = highlights(query.text, document, self._mapping) if query.highlight and query.text else {}
            hits.append(Hit(one.id, float(one.keys[_score_at(query)] or 0) if scored else None, document, marked))
        after = self._place(query, shown[-1]) if len(found) > query.size else None
        return SearchResult(tuple(hits), total, facets, after)

    def suggest(self, begins: Sequence[str], field: str, limit: int) -> list[str]:
        at = next(at for at, one in enumerate(self._mapping.fields) if one.name == field)
        query = self._queries.beginning(f"p{at}", begins) if begins else self._queries.everything()
        counting = Facets(self._searcher, self._queries, query, self._mapping, self._documents)
        counts = counting.terms(query, f"o{at}", limit, whole=True)
        if counts is None:
            only = IndexMapping((self._mapping.fields[at],))
            values = (field_values(id, document, only).get(field, ()) for id, document in self._documents(query))
            counts = Counter(value for several in values for value in offers(several))
        fitting = [value for value in counts if _begins(words(value), begins)]
        return sorted(fitting, key=lambda value: (-counts[value], value))[:limit]

    def _alike(self, id: str) -> Text | None:
        for _, address in self._searcher.search(self._queries.term("id", id), 1).hits:
            return similar(id, self._document(address), self._mapping)
        raise NotFoundError("document", id)

    def _page(self, query: SearchQuery, asked: "tantivy.Query") -> tuple[list[_Found], int]:
        """The documents of a page and one more, if there is one; how many are found in all."""
        if query.after is None:
            best, total = self._best(query, asked)
            if best is not None:
                return best, total
        ordered = self._ordered(query, asked)
        first = 0
        if query.after is not None:
            keys, id = decode(query.after, query, self._mapping)
            first = bisect.bisect_left(ordered, x=True, key=lambda one: _is_beyond(one, order(query), keys, id))
        return ordered[first : first + query.size + 1], len(ordered)

    def _best(self, query: SearchQuery, asked: "tantivy.Query") -> tuple[list[_Found] | None, int]:
        """The first page by what tantivy finds best; none where too many are as good as its last."""
        sorts = order(query)
        many = query.size + 1 + _MORE
        if not sorts:
            found = self._by(asked, "id", many, descending=False)
            best = [_Found((), str(id), address) for id, address in found.hits[: query.size + 1]]
            return best, int(found.count)
        if sorts[0] == Sort(SCORE) or any(sort.field == SCORE for sort in sorts[1:]):
            return None, 0
        if sorts[0].field == SCORE:
            found = self._searcher.search(asked, many)
        else:
            found = self._by(asked, self._sorted_by(sorts[0]), many, descending=sorts[0].descending)
        hits, total = found.hits, int(found.count)
        if len(hits) < total:
            last = hits[-1][0]
            hits = [hit for hit in hits if hit[0] != last]  # others like it may follow
            if len(hits) <= query.size:
                return None, 0
        if len(sorts) == 1 and len({key for key, _ in hits}) == len(hits):
            shown = hits[: query.size + 1]
            return [_Found((key,), self._id(address), address) for key, address in shown], total
        placed = [self._placed(sorts, key, address) for key, address in hits]
        return _in_order(placed, sorts)[: query.size + 1], total

    def _placed(self, sorts: Sequence[Sort], first: Key, address: "tantivy.DocAddress") -> _Found:
        id = self._id(address)
        if len(sorts) == 1:
            return _Found((first,), id, address)
        held = field_values(id, self._document(address), self._mapping)
        fields = {field.name: field for field in self._mapping.fields}
        keys: list[Key] = [first]
        for sort in sorts[1:]:
            values = [stored(value) for value in whole_values(fields[sort.field], held.get(sort.field, ()))]
            keys.append((max if sort.descending else min)(values, default=None))
        return _Found(tuple(keys), id, address)

    def _ordered(self, query: SearchQuery, asked: "tantivy.Query") -> list[_Found]:
        """All that are found, in order. It is kept for the next pages, until the index changes."""
        known = replace(query, after=None, size=1, facets=(), highlight=False)
        orders = self._opened.orders
        if (kept := orders.get(known)) is not None:
            return kept
        sorts = order(query)
        hits = self._searcher.search(asked, max(1, int(self._searcher.num_docs))).hits
        addresses = [address for _, address in hits]
        columns: list[Sequence[Key]] = [
            [score for score, _ in hits] if sort.field == SCORE else self._column(asked, sort, addresses)
            for sort in sorts
        ]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(hits))
        found = [_Found(tuple(keys), self._id(address), address) for keys, address in zip(rows, addresses, strict=True)]
        made = orders[known] = _in_order(found, sorts)
        while len(orders) > _ORDERS:
            orders.popitem(last=False)
        return made

    def _column(self, asked: "tantivy.Query", sort: Sort, addresses: "Sequence[tantivy.DocAddress]") -> Sequence[Key]:
        name = self._sorted_by(sort)
        kinds = {field.name: field.kind for field in self._mapping.fields}
        if kinds[sort.field] not in {Kind.TEXT, Kind.KEYWORD}:
            return list(self._searcher.fast_field_values(name, list(addresses)))
        found = self._by(asked, name, max(1, len(addresses)), descending=sort.descending)
        keys: dict[Address, str | None] = {(at.segment_ord, at.doc): key for key, at in found.hits}
        return [keys.get((at.segment_ord, at.doc)) for at in addresses]

    def _sorted_by(self, sort: Sort) -> str:
        at = next(at for at, field in enumerate(self._mapping.fields) if field.name == sort.field)
        return f"{'h' if sort.descending else 'l'}{at}"

    def _by(self, asked: "tantivy.Query", name: str, many: int, *, descending: bool) -> "tantivy.SearchResult":
        from tantivy import Order

        direction = Order.Desc if descending else Order.Asc
        return self._searcher.search(asked, many, order_by_field=name, order=direction)

    def _place(self, query: SearchQuery, last: _Found) -> str:
        kinds = {field.name: field.kind for field in self._mapping.fields}
        keys = [
            bool(key) if key is not None and kinds.get(sort.field) is Kind.BOOLEAN else key
            for sort, key in zip(order(query), last.keys, strict=True)
        ]
        return encode(keys, last.id)

    def _id(self, address: "tantivy.DocAddress") -> str:
        return str(self._searcher.doc(address).get_first("id"))

    def _document(self, address: "tantivy.DocAddress") -> Document:
        return loads_object(bytes(self._searcher.doc(address).get_first("document")).decode(), "a document")

    def _documents(self, query: "tantivy.Query") -> Iterator[tuple[str, Document]]:
        for _, address in self._searcher.search(query, max(1, int(self._searcher.num_docs))).hits:
            yield self._id(address), self._document(address)


def _searcher(opened: _Open) -> "tantivy.Searcher":
    """A searcher that sees what was committed last, by whatever process."""
    stamp = opened.stamp
    if opened.meta is not None:
        found = opened.meta.stat()
        stamp = (found.st_mtime_ns, found.st_ino)
    searcher = opened.searcher
    if searcher is None or stamp != opened.stamp:
        opened.index.reload()
        searcher = opened.index.searcher()
        opened.orders = OrderedDict()
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
    """Tantivy's complaints as ours: what it says of a damaged index, and its panics, which end no process."""
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


def _in_order(found: list[_Found], sorts: Sequence[Sort]) -> list[_Found]:
    """Sorted by each of the keys, those without it last, and by id."""
    found.sort(key=lambda one: one.id)
    for at, sort in reversed(list(enumerate(sorts))):
        there = [one for one in found if one.keys[at] is not None]
        there.sort(key=lambda one: one.keys[at], reverse=sort.descending)  # type: ignore[arg-type,return-value] # of one kind
        found = [*there, *(one for one in found if one.keys[at] is None)]
    return found


def _is_beyond(one: _Found, sorts: Sequence[Sort], keys: Sequence[Key], id: str) -> bool:
    """Whether a document comes after the place where a page ended."""
    for sort, mine, other in zip(sorts, one.keys, keys, strict=True):
        if mine == other:
            continue
        if mine is None or other is None:
            return mine is None
        return (mine < other) is sort.descending  # type: ignore[operator] # of one kind
    return one.id > id


def _score_at(query: SearchQuery) -> int:
    return next(at for at, sort in enumerate(order(query)) if sort.field == SCORE)


def _begins(there: Sequence[str], begins: Sequence[str]) -> bool:
    """Whether the words stand in it side by side, the last as the beginning of one."""
    if not begins:
        return True
    *whole, last = begins
    return any(
        list(there[at : at + len(whole)]) == whole and there[at + len(whole)].startswith(last)
        for at in range(len(there) - len(whole))
    )


def _checked_name(what: str, name: str) -> str:
    if as_kind(name, Kind.KEYWORD) is None or not name:
        raise InvalidInputError(f"the name of {what} must be {expected(Kind.KEYWORD)}, not {name!r:.80}")
    return name
