"""What one question to one state of a tantivy index is answered: pages in an order that is the same on every engine.

Tantivy sorts by score or by one field, and knows nothing of ids. So it is asked for a few documents more than a page
holds; those that are as good as each other are put in order here. Where too many are as good as the last, or a page is
not the first, all that are found are put in order once, and the order is kept for the pages that follow.
"""

import bisect
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic_core import from_json

from burgee.core.errors import NotFoundError
from burgee.search.analysis import words
from burgee.search.checks import check_query
from burgee.search.cursor import SCORE, decode, encode, order
from burgee.search.highlights import highlights
from burgee.search.model import Document, FacetAnswer, Hit, IndexMapping, Kind, SearchQuery, SearchResult, Sort, Text
from burgee.search.similar import similar
from burgee.search.tantivyfacets import Facets
from burgee.search.tantivyindex import offers
from burgee.search.tantivyquery import Queries
from burgee.search.values import Value, field_values, stored, whole_values

if TYPE_CHECKING:
    import tantivy

_PREPARED = 128  # queries that are kept ready
_ORDERS = 8  # answers whose order is kept, so that their next pages cost little
_MORE = 16  # asked for beyond a page: those as good as its last are looked at, too

_BY_SCORE = (Sort(SCORE, descending=True),)

type Address = tuple[int, int]
type Key = Value | None


@dataclass(slots=True)
class Open:
    """An index that is open."""

    index: "tantivy.Index"
    schema: "tantivy.Schema"
    mapping: IndexMapping
    meta: str | None
    stamp: tuple[int, int] = (0, 0)
    searcher: "tantivy.Searcher | None" = None
    writing: threading.Lock = field(default_factory=threading.Lock)
    orders: "OrderedDict[SearchQuery, list[_Found]]" = field(default_factory=OrderedDict)
    prepared: "dict[SearchQuery, tuple[SearchQuery, tantivy.Query]]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """A document in its order: among those of the same keys by `rank`, which stands for its id."""

    keys: tuple[Key, ...]
    address: "tantivy.DocAddress"
    rank: str | int


class Search:
    """One question to one state of an index."""

    def __init__(self, opened: Open, searcher: "tantivy.Searcher") -> None:
        self._opened = opened
        self._searcher = searcher
        self._mapping = opened.mapping
        self._queries = Queries(opened.schema, searcher, opened.mapping)
        self._one_segment = searcher.num_segments <= 1  # documents stand in it by id

    def answer(self, given: SearchQuery) -> SearchResult[Document]:
        """The answer to a query."""
        query, asked = self._prepared(given)
        facets: tuple[FacetAnswer, ...] = ()
        if query.facets:
            counting = Facets(self._searcher, self._queries, asked, self._mapping, self._documents)
            facets = tuple(counting.answer(facet) for facet in query.facets)
        shown, total, more = self._page(query, asked)
        sorts = order(query)
        scored = next((at for at, sort in enumerate(sorts) if sort.field == SCORE), None)
        hits = []
        for one in shown:
            id, document = self._stored(one.address)
            marked = highlights(query.text, document, self._mapping) if query.highlight and query.text else {}
            score = None if scored is None else float(one.keys[scored] or 0)
            hits.append(Hit(id, score, document, marked))
        after = self._place(sorts, shown[-1], hits[-1].id) if more else None
        return SearchResult(tuple(hits), total, facets, after)

    def suggest(self, begins: Sequence[str], field: str, limit: int) -> list[str]:
        """The values of a field with words that begin so."""
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

    def _prepared(self, given: SearchQuery) -> "tuple[SearchQuery, tantivy.Query]":
        """The query, checked, and as tantivy takes it. Both are kept for when it comes again."""
        prepared = self._opened.prepared
        try:
            kept = prepared.get(given)
        except TypeError:  # something in it is no value of ours: the check will say so
            kept, prepared = None, {}
        if kept is None:
            query = check_query(given, self._mapping)
            alike = None if query.like is None else self._alike(query.like)
            kept = prepared[given] = query, self._queries.query(query, alike)
            while len(prepared) > _PREPARED:
                prepared.pop(next(iter(prepared)), None)
        return kept

    def _alike(self, id: str) -> Text | None:
        for _, address in self._searcher.search(self._queries.term("id", id), 1).hits:
            return similar(id, self._stored(address)[1], self._mapping)
        raise NotFoundError("document", id)

    def _page(self, query: SearchQuery, asked: "tantivy.Query") -> tuple[list[_Found], int, bool]:
        """The documents of a page, how many are found in all, and whether more follow."""
        if query.after is None:
            best, total = self._best(query, asked)
            if best is not None:
                return best, total, total > len(best)
        ordered = self._ordered(query, asked)
        first = 0
        if query.after is not None:
            keys, id = decode(query.after, query, self._mapping)
            first = bisect.bisect_left(ordered, x=True, key=lambda one: self._is_beyond(one, order(query), keys, id))
        return ordered[first : first + query.size], len(ordered), first + query.size < len(ordered)

    def _best(self, query: SearchQuery, asked: "tantivy.Query") -> tuple[list[_Found] | None, int]:
        """The first page by what tantivy finds best; none where too many are as good as its last."""
        sorts = order(query)
        if sorts and (sorts[0] == Sort(SCORE) or any(sort.field == SCORE for sort in sorts[1:])):
            return None, 0
        for many in (query.size + _MORE, 10 * (query.size + _MORE)):
            if not sorts:
                found = self._by(asked, "id", many, descending=False)
            elif sorts[0].field == SCORE:
                found = self._searcher.search(asked, query.size if self._one_segment and len(sorts) == 1 else many)
            else:
                found = self._by(asked, self._sorted_by(sorts[0]), many, descending=sorts[0].descending)
            hits, total = found.hits, _count(found)
            if self._one_segment and sorts == _BY_SCORE:
                return [_Found((score,), address, address.doc) for score, address in hits], total
            best = self._placed(hits, sorts, query.size, whole=len(hits) == total)
            if len(best) == min(query.size, total):
                return best, total
        return None, 0

    def _placed(
        self,
        hits: "Sequence[tuple[Key, tantivy.DocAddress]]",
        sorts: Sequence[Sort],
        size: int,
        *,
        whole: bool,
    ) -> list[_Found]:
        """The first of the hits, in order; others may be as good as the last of them, unless they are the whole."""
        placed: list[_Found] = []
        at, end = 0, len(hits)
        while at < end and len(placed) < size:
            key, address = hits[at]
            beyond = at + 1
            while beyond < end and hits[beyond][0] == key:
                beyond += 1
            if beyond == end and not whole:
                break
            if beyond == at + 1:
                placed.append(_Found(self._keys(sorts, key, address), address, 0))
            else:
                alike = [address for _, address in hits[at:beyond]]
                made = [_Found(self._keys(sorts, key, address), address, self._rank(address)) for address in alike]
                placed += _in_order(made, sorts)
            at = beyond
        return placed[:size]

    def _keys(self, sorts: Sequence[Sort], first: Key, address: "tantivy.DocAddress") -> tuple[Key, ...]:
        """What a document is sorted by."""
        if len(sorts) < 2:  # noqa: PLR2004 - more than the first
            return (first,) * len(sorts)
        held = field_values(*self._stored(address), self._mapping)
        fields = {field.name: field for field in self._mapping.fields}
        keys: list[Key] = [first]
        for sort in sorts[1:]:
            values = [stored(value) for value in whole_values(fields[sort.field], held.get(sort.field, ()))]
            keys.append((max if sort.descending else min)(values, default=None))
        return tuple(keys)

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
        found = [_Found(tuple(keys), at, self._rank(at)) for keys, at in zip(rows, addresses, strict=True)]
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

    def _is_beyond(self, one: _Found, sorts: Sequence[Sort], keys: Sequence[Key], id: str) -> bool:
        """Whether a document comes after the place where a page ended."""
        for sort, mine, other in zip(sorts, one.keys, keys, strict=True):
            if mine == other:
                continue
            if mine is None or other is None:
                return mine is None
            return (mine < other) is sort.descending  # type: ignore[operator] # of one kind
        return self._id(one.address) > id

    def _place(self, sorts: Sequence[Sort], last: _Found, id: str) -> str:
        kinds = {field.name: field.kind for field in self._mapping.fields}
        keys = [
            bool(key) if key is not None and kinds.get(sort.field) is Kind.BOOLEAN else key
            for sort, key in zip(sorts, last.keys, strict=True)
        ]
        return encode(keys, id)

    def _rank(self, address: "tantivy.DocAddress") -> str | int:
        return address.doc if self._one_segment else self._id(address)

    def _id(self, address: "tantivy.DocAddress") -> str:
        return str(self._searcher.doc(address).get_first("id"))

    def _stored(self, address: "tantivy.DocAddress") -> tuple[str, Document]:
        """The id of a document, and the document."""
        found = self._searcher.doc(address)
        return str(found.get_first("id")), from_json(found.get_first("document") or b"{}")

    def _documents(self, query: "tantivy.Query") -> Iterator[tuple[str, Document]]:
        for _, address in self._searcher.search(query, max(1, int(self._searcher.num_docs))).hits:
            yield self._stored(address)


def _in_order(found: list[_Found], sorts: Sequence[Sort]) -> list[_Found]:
    """Sorted by each of the keys, those without it last, and by id."""
    found.sort(key=lambda one: one.rank)
    for at, sort in reversed(list(enumerate(sorts))):
        there = [one for one in found if one.keys[at] is not None]
        there.sort(key=lambda one: one.keys[at], reverse=sort.descending)  # type: ignore[arg-type,return-value] # of one kind
        found = [*there, *(one for one in found if one.keys[at] is None)]
    return found


def _begins(there: Sequence[str], begins: Sequence[str]) -> bool:
    """Whether the words stand in it side by side, the last as the beginning of one."""
    if not begins:
        return True
    *whole, last = begins
    return any(
        list(there[at : at + len(whole)]) == whole and there[at + len(whole)].startswith(last)
        for at in range(len(there) - len(whole))
    )


def stored_bytes(searcher: "tantivy.Searcher", address: "tantivy.DocAddress") -> bytes:
    """What is stored with a document."""
    found: bytes = bytes(searcher.doc(address).get_first("document") or b"")
    return found


def _count(found: "tantivy.SearchResult") -> int:
    counted: int = found.count  # type: ignore[attr-defined] # its types lack it
    return counted
