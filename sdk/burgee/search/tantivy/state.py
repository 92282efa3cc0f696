"""What questions to one state of a tantivy index are answered: pages in an order that is the same on every engine.

Tantivy sorts by score or by one field, and knows nothing of ids. So it is asked for a few documents more than a page
holds; those that are as good as each other are put in order here. Where too many are as good as the last, or a page is
not the first, all that are found are put in order once, and the order is kept for the pages that follow.
"""

import bisect
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import from_json

from burgee.core.errors import NotFoundError
from burgee.search.checks import check_query, check_suggest
from burgee.search.cursor import BY_SCORE, SCORE, decode, encode, order
from burgee.search.model import Document, FacetAnswer, Hit, IndexMapping, Kind, SearchQuery, SearchResult, Sort, Text
from burgee.search.tantivy.facets import Facets
from burgee.search.tantivy.index import POSITION
from burgee.search.tantivy.query import Queries
from burgee.search.text.analysis import words
from burgee.search.text.highlights import highlights
from burgee.search.text.similar import similar
from burgee.search.values import Value, field_values, stored, whole_values

if TYPE_CHECKING:
    import tantivy

_PREPARED = 128  # queries that are kept ready
_ORDERS = 8  # answers whose order is kept, so that their next pages cost little
_MORE = 16  # asked for beyond a page: those as good as its last are looked at, too
_MANY = 10_000  # and so many if these were not enough

type Address = tuple[int, int]
type Key = Value | None
type _Scored = tuple[float | None, tantivy.DocAddress]


class _Found(NamedTuple):
    """A document in its order: among those of the same keys by `rank`, which stands for its id."""

    keys: tuple[Key, ...]
    address: "tantivy.DocAddress"
    rank: str | int


class _Asked(NamedTuple):
    """A query that was checked: what it is sorted by, which of that is the score, and the query as tantivy takes it."""

    query: SearchQuery
    sorts: tuple[Sort, ...]
    score: int | None
    made: "tantivy.Query"


class State:
    """What was committed to an index at one moment; it is asked by many."""

    def __init__(self, schema: "tantivy.Schema", searcher: "tantivy.Searcher", mapping: IndexMapping) -> None:
        self._searcher = searcher
        self._mapping = mapping
        self._queries = Queries(schema, searcher, mapping)
        self._booleans = {field.name for field in mapping.fields if field.kind is Kind.BOOLEAN}
        self._one_segment = searcher.num_segments <= 1  # documents stand in it by id
        self._prepared: dict[SearchQuery, _Asked] = {}
        self._orders: OrderedDict[SearchQuery, list[_Found]] = OrderedDict()

    def position(self) -> int:
        """Up to where everything was taken in."""
        for _, address in self._position_hit():
            return int(bytes(self._searcher.doc(address).get_first("document") or b"0"))
        return 0

    def count(self) -> int:
        """How many documents there are."""
        return int(self._searcher.num_docs) - bool(self._position_hit())

    def answer(self, given: SearchQuery) -> SearchResult[Document]:
        """The answer to a query."""
        asked = self._ready(given)
        query = asked.query
        facets: tuple[FacetAnswer, ...] = ()
        if query.facets:
            counting = Facets(self._searcher, self._queries, asked.made, self._mapping, self._documents)
            facets = tuple(counting.answer(facet) for facet in query.facets)
        page, total, last = self._page(asked)
        hits = []
        for score, address in page:
            id, document = self._stored(address)
            marked = highlights(query.text, document, self._mapping) if query.highlight and query.text else {}
            hits.append(Hit(id, score, document, marked))
        after = None if last is None else self._place(asked.sorts, last, hits[-1].id)
        return SearchResult(tuple(hits), total, facets, after)

    def suggest(self, prefix: str, field: str, limit: int) -> list[str]:
        """The values of a field with words that begin so."""
        begins = check_suggest(self._mapping, prefix, field, limit)
        at = next(at for at, one in enumerate(self._mapping.fields) if one.name == field)
        query = self._queries.beginning(f"p{at}", begins) if begins else self._queries.everything()
        try:
            counts = self._offered(query, f"o{at}", limit)
        except ValueError:  # behind other words it takes only some thousand beginnings
            counts = self._offered(self._queries.with_each(f"p{at}", begins), f"o{at}", limit)
        fitting = [value for value in counts if _begins(words(value), begins)]
        return sorted(fitting, key=lambda value: (-counts[value], value))[:limit]

    def _offered(self, query: "tantivy.Query", name: str, limit: int) -> Mapping[str, int]:
        counting = Facets(self._searcher, self._queries, query, self._mapping, self._documents)
        counts = counting.terms(query, name, limit, whole=True)
        return counting.words(query, name) if counts is None else counts

    def _ready(self, given: SearchQuery) -> _Asked:
        """The query, checked, and as tantivy takes it. It is kept for when it comes again."""
        try:
            kept = self._prepared.get(given)
        except TypeError:  # something in it is no value of ours: the check says so
            check_query(given, self._mapping)
            raise
        if kept is None:
            query = check_query(given, self._mapping)
            alike = None if query.like is None else self._alike(query.like)
            sorts = order(query)
            score = next((at for at, sort in enumerate(sorts) if sort.field == SCORE), None)
            kept = self._prepared[given] = _Asked(query, sorts, score, self._queries.query(query, alike))
            while len(self._prepared) > _PREPARED:
                self._prepared.pop(next(iter(self._prepared)), None)
        return kept

    def _position_hit(self) -> "Sequence[tuple[float, tantivy.DocAddress]]":
        return self._searcher.search(self._queries.term("is", POSITION), 1).hits

    def _alike(self, id: str) -> Text | None:
        for _, address in self._searcher.search(self._queries.term("id", id), 1).hits:
            return similar(id, self._stored(address)[1], self._mapping)
        raise NotFoundError("document", id)

    def _page(self, asked: _Asked) -> "tuple[Sequence[_Scored], int, tuple[Key, ...] | None]":
        """The documents of a page, how many are found in all, and by what the last is sorted if more follow."""
        query = asked.query
        if query.after is None and asked.sorts == BY_SCORE and self._one_segment:
            found = self._searcher.search(asked.made, query.size)
            hits, total = found.hits, _count(found)
            return hits, total, (hits[-1][0],) if total > len(hits) else None
        page, total, more = self._placed_page(asked)
        scores = [None if asked.score is None else float(one.keys[asked.score] or 0) for one in page]
        scored = [(score, one.address) for score, one in zip(scores, page, strict=True)]
        return scored, total, page[-1].keys if more else None

    def _placed_page(self, asked: _Asked) -> tuple[list[_Found], int, bool]:
        """The documents of a page in order, how many are found in all, and whether more follow."""
        query = asked.query
        if query.after is None:
            best, total = self._best(asked)
            if best is not None:
                return best, total, total > len(best)
        ordered = self._ordered(asked)
        first = 0
        if query.after is not None:
            keys, id = decode(query.after, query, self._mapping)
            first = bisect.bisect_left(ordered, x=True, key=lambda one: self._is_beyond(one, asked.sorts, keys, id))
        return ordered[first : first + query.size], len(ordered), first + query.size < len(ordered)

    def _best(self, asked: _Asked) -> tuple[list[_Found] | None, int]:
        """The first page by what tantivy finds best; none where too many are as good as its last."""
        size, sorts = asked.query.size, asked.sorts
        if sorts and (sorts[0] == Sort(SCORE) or any(sort.field == SCORE for sort in sorts[1:])):
            return None, 0
        many = size + _MORE
        while True:
            if not sorts:
                found = self._by(asked, "id", many, descending=False)
            elif asked.score == 0:
                found = self._searcher.search(asked.made, many)
            else:
                found = self._by(asked, self._sorted_by(sorts[0]), many, descending=sorts[0].descending)
            hits, total = found.hits, _count(found)
            best = self._placed(hits, sorts, size, whole=len(hits) == total)
            if len(best) == min(size, total):
                return best, total
            if many >= _MANY:
                return None, 0
            many = max(_MANY, size) if hits[0][0] == hits[-1][0] or many > size + _MORE else 10 * many

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
            key = hits[at][0]
            beyond = end if key == hits[-1][0] else at + 1
            while beyond < end and hits[beyond][0] == key:
                beyond += 1
            if beyond == end and not whole:
                break
            if len(sorts) < 2:  # noqa: PLR2004 - more than the first
                alike = self._by_id([address for _, address in hits[at:beyond]])
                placed += [_Found((key,)[: len(sorts)], address, 0) for address in islice(alike, size - len(placed))]
            else:
                several = [address for _, address in hits[at:beyond]]
                made = [_Found(self._keys(sorts, key, address), address, self._rank(address)) for address in several]
                placed += _in_order(made, sorts)
            at = beyond
        return placed[:size]

    def _by_id(self, alike: "Sequence[tantivy.DocAddress]") -> "Iterable[tantivy.DocAddress]":
        """Documents in the order of their ids. Those of one segment stand so; the ids of few need to be looked up."""
        if self._one_segment or len(alike) == 1:
            return alike
        segments = [list(several) for _, several in groupby(alike, key=lambda address: address.segment_ord)]
        return merge(*segments, key=self._id)

    def _keys(self, sorts: Sequence[Sort], first: Key, address: "tantivy.DocAddress") -> tuple[Key, ...]:
        """What a document is sorted by, first and then."""
        held = field_values(*self._stored(address), self._mapping)
        fields = {field.name: field for field in self._mapping.fields}
        keys: list[Key] = [first]
        for sort in sorts[1:]:
            values = [stored(value) for value in whole_values(fields[sort.field], held.get(sort.field, ()))]
            keys.append((max if sort.descending else min)(values, default=None))
        return tuple(keys)

    def _ordered(self, asked: _Asked) -> list[_Found]:
        """All that are found, in order. It is kept for the next pages, until the index changes."""
        known, sorts = replace(asked.query, after=None, size=1, facets=(), highlight=False), asked.sorts
        if (kept := self._orders.get(known)) is not None:
            return kept
        hits = self._searcher.search(asked.made, max(1, int(self._searcher.num_docs))).hits
        addresses = [address for _, address in hits]
        columns: list[Sequence[Key]] = [
            [score for score, _ in hits] if sort.field == SCORE else self._column(asked, sort, addresses)
            for sort in sorts
        ]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(hits))
        found = [_Found(tuple(keys), at, self._rank(at)) for keys, at in zip(rows, addresses, strict=True)]
        made = self._orders[known] = _in_order(found, sorts)
        while len(self._orders) > _ORDERS:
            self._orders.popitem(last=False)
        return made

    def _column(self, asked: _Asked, sort: Sort, addresses: "Sequence[tantivy.DocAddress]") -> Sequence[Key]:
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

    def _by(self, asked: _Asked, name: str, many: int, *, descending: bool) -> "tantivy.SearchResult":
        from tantivy import Order

        direction = Order.Desc if descending else Order.Asc
        return self._searcher.search(asked.made, many, order_by_field=name, order=direction)

    def _is_beyond(self, one: _Found, sorts: Sequence[Sort], keys: Sequence[Key], id: str) -> bool:
        """Whether a document comes after the place where a page ended."""
        for sort, mine, other in zip(sorts, one.keys, keys, strict=True):
            if mine == other:
                continue
            if mine is None or other is None:
                return mine is None
            return (mine < other) is sort.descending  # type: ignore[operator] # of one kind
        return self._id(one.address) > id

    def _place(self, sorts: Sequence[Sort], last: tuple[Key, ...], id: str) -> str:
        keys = [
            bool(key) if key is not None and sort.field in self._booleans else key
            for sort, key in zip(sorts, last, strict=True)
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


def _count(found: "tantivy.SearchResult") -> int:
    counted: int = found.count  # type: ignore[attr-defined] # its types lack it
    return counted
