"""A query as Elasticsearch is asked it, and its answer as ours. Texts of people are values in it, never syntax.

Queries have passed `search.checks`: words are words, values are of their field's kind. A word's score is that of BM25,
the field's times its weight, added up over the fields.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import batched, pairwise
from typing import Any, cast

from burgee.search.cursor import SCORE
from burgee.search.elasticsearch.index import fitting
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Bucket,
    Dates,
    Either,
    Exists,
    Facet,
    FacetAnswer,
    Field,
    Filter,
    Histogram,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Ranges,
    Scalar,
    Sort,
    Statistics,
    Stats,
    Terms,
    Text,
    Together,
    Within,
    Without,
    Word,
)
from burgee.search.steps import dates, histogram
from burgee.search.text.stems import stems_sought
from burgee.search.values import Value, given_value, stored, whole_bounds

type Query = dict[str, Any]

NOTHING: Query = {"match_none": {}}
EVERYTHING: Query = {"match_all": {}}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_MOST_VALUES = 65_536  # of one query of Elasticsearch
_MOST_BEGINNINGS = 10_000  # words that a beginning after other words may stand for


class Asking:
    """Turns queries about one mapping into Elasticsearch's."""

    def __init__(self, mapping: IndexMapping) -> None:
        self._places = {field.name: at for at, field in enumerate(mapping.fields)}
        self._fields = {field.name: field for field in mapping.fields}
        self._texts = tuple(field.name for field in mapping.fields if field.kind is Kind.TEXT)

    def text(self, text: Text) -> Query:
        """What finds the documents that a text asks for."""
        return self._text(text, self._texts)

    def filter(self, given: Filter) -> Query:
        """What lets pass the documents that a filter does."""
        match given:
            case Not(of):
                return {"bool": {"must_not": [self.filter(of)]}}
            case Either(several):
                return any_of([self.filter(one) for one in several])
            case Together(several):
                return {"bool": {"filter": [self.filter(one) for one in several]}}
            case Exists(name):
                return {"exists": {"field": self._whole(name)}}
            case OneOf(name, values):
                some = batched(map(_held, values), _MOST_VALUES, strict=False)
                return any_of([{"terms": {self._whole(name): list(few)}} for few in some])
            case Between(name, low, high, below):
                return self._between(name, low, high, below=below)

    def facet(self, facet: Facet) -> Query:
        """The aggregation that answers a facet."""
        match facet:
            case Terms(name, size):
                order = [{"_count": "desc"}, {"_key": "asc"}]
                return {"terms": {"field": self._whole(name), "size": size, "order": order}}
            case Ranges(name, bounds):
                ranges = [self._between(name, low, high, below=True) for low, high in pairwise(bounds)]
                return {"filters": {"filters": ranges}}
            case Histogram(name, interval):
                return {"histogram": {"field": self._whole(name), "interval": interval, "min_doc_count": 1}}
            case Dates(name, per):
                days = f"d{self._places[name]}"
                return {"date_histogram": {"field": days, "calendar_interval": per, "min_doc_count": 1}}
            case Stats(name):
                return {"stats": {"field": self._whole(name)}}

    def answer(self, facet: Facet, said: dict[str, Any]) -> FacetAnswer:
        """What Elasticsearch says to a facet, as ours."""
        match facet:
            case Terms(name):
                kind = self._fields[name].kind
                return tuple(Bucket(given_value(one["key"], kind), one["doc_count"]) for one in said["buckets"])
            case Ranges(_, bounds):
                counts = [one["doc_count"] for one in said["buckets"]]
                steps = zip(pairwise(bounds), counts, strict=True)
                return tuple(Bucket(low, count, low, high) for (low, high), count in steps)
            case Histogram(_, interval):
                return histogram(facet, {_step(one["key"], interval): one["doc_count"] for one in said["buckets"]})
            case Dates():
                return dates(facet, {int(one["key"]) * 1000: one["doc_count"] for one in said["buckets"]})
            case Stats():
                if not said["count"]:
                    return Statistics(0)
                return Statistics(said["count"], said["min"], said["max"], said["sum"], said["avg"])

    def sort(self, sorts: Iterable[Sort]) -> list[Query]:
        """What sorts the found, and by id where they are equal. What has no value is last."""
        made: list[Query] = []
        for sort in sorts:
            direction = "desc" if sort.descending else "asc"
            if sort.field == SCORE:
                made.append({SCORE: {"order": direction}})
            else:
                made.append({f"h{self._places[sort.field]}": {"order": "asc", "missing": 1}})
                missing = {} if self._worded(sort.field) else {"missing": 0}
                made.append({self._whole(sort.field): {"order": direction} | missing})
        return [*made, {"id": {"order": "asc"}}]

    def after(self, sorts: Sequence[Sort], values: Sequence[Value | None], id: str) -> list[object]:
        """The place of a cursor, for `search_after`."""
        made: list[object] = []
        for sort, value in zip(sorts, values, strict=True):
            if sort.field == SCORE:
                made.append(value)
            else:
                nothing = None if self._worded(sort.field) else 0
                made += [1, nothing] if value is None else [0, stored(value)]
        return [*made, id]

    def place(self, sorts: Iterable[Sort], sorted_by: Sequence[Any]) -> list[Value | None]:
        """The values of a cursor, of what Elasticsearch sorted a document by."""
        parts = iter(sorted_by)
        values: list[Value | None] = []
        for sort in sorts:
            if sort.field == SCORE:
                values.append(float(next(parts)))
                continue
            missing, value = next(parts), next(parts)
            boolean = self._fields[sort.field].kind is Kind.BOOLEAN
            values.append(None if missing else bool(value) if boolean else value)
        return values

    def suggestions(self, name: str, begins: Sequence[str], limit: int) -> Query:
        """The aggregation for values that have these words side by side, the last as a beginning."""
        path = f"s{self._places[name]}"
        order = [{"_count": "desc"}, {"_key": "asc"}]
        terms: Query = {"terms": {"field": f"{path}.value", "size": limit, "order": order}}
        matching = _beginning(f"{path}.words", [fitting(word) for word in begins])
        return {"nested": {"path": path}, "aggs": {"matching": {"filter": matching, "aggs": {"values": terms}}}}

    def _whole(self, name: str) -> str:
        return f"w{self._places[name]}"

    def _worded(self, name: str) -> bool:
        return self._fields[name].kind in {Kind.TEXT, Kind.KEYWORD}

    def _text(self, text: Text, names: tuple[str, ...]) -> Query:
        match text:
            case Word() | Phrase():
                return any_of([_found(text, self._fields[name], self._places[name]) for name in names])
            case Within(only, of):
                return self._text(of, tuple(name for name in names if name in only))
            case AnyOf(of):
                return any_of([self._text(part, names) for part in of])
            case All(of):
                wanted = [self._text(part, names) for part in of if not isinstance(part, Without)]
                refused = [query for part in of if isinstance(part, Without) for query in self._refused(part.of, names)]
                return {"bool": {"must": wanted, "must_not": refused}}
            case Without(of):
                return {"bool": {"must_not": self._refused(of, names)}}

    def _refused(self, text: Text, names: tuple[str, ...]) -> list[Query]:
        """What must not be, one by one: Elasticsearch takes only so many queries within queries."""
        if isinstance(text, Within):
            return self._refused(text.of, tuple(name for name in names if name in text.fields))
        parts = text.of if isinstance(text, AnyOf) else (text,)
        return [self._text(part, names) for part in parts]

    def _between(self, name: str, low: Scalar | None, high: Scalar | None, *, below: bool) -> Query:
        if self._fields[name].kind is Kind.INTEGER:
            whole = whole_bounds(cast("float | None", low), cast("float | None", high), below=below)
            if whole is None:
                return NOTHING
            low, high, below = *whole, False
        bounds: Query = {}
        if low is not None:
            bounds["gte"] = _held(low)
        if high is not None:
            bounds["lt" if below else "lte"] = _held(high)
        return {"range": {self._whole(name): bounds}}


def any_of(queries: list[Query]) -> Query:
    """What finds what one of them finds; their scores are added."""
    if len(queries) > 1:
        return {"bool": {"should": queries, "minimum_should_match": 1}}
    return queries[0] if queries else NOTHING


def _found(leaf: Word | Phrase, field: Field, at: int) -> Query:
    """A word or phrase in one field, whose place in the mapping is `at`."""
    stems = stems_sought(leaf, field)
    if stems is not None:
        return any_of([{"term": {f"r{at}": {"value": fitting(stem), "boost": field.weight}}} for stem in stems])
    place = f"t{at}"
    if isinstance(leaf, Phrase):
        return {"match_phrase": {place: {"query": " ".join(map(fitting, leaf.words)), "boost": field.weight}}}
    said: Query = {"value": fitting(leaf.text), "boost": field.weight}
    if leaf.prefix:
        return {"prefix": {place: said}}
    if not leaf.fuzzy:
        return {"term": {place: said}}
    near = said | {"fuzziness": leaf.fuzzy, "prefix_length": 0, "transpositions": True}
    # Scores are for the fifty nearest words that there are; found is what is near, however many words that is.
    all_there: Query = {"fuzzy": {place: near | {"rewrite": "constant_score", "boost": 1}}}
    return any_of([{"fuzzy": {place: near}}, {"constant_score": {"filter": all_there, "boost": 0}}])


def _beginning(place: str, begins: Sequence[str]) -> Query:
    if not begins:
        return EVERYTHING
    if len(begins) == 1:
        return {"prefix": {place: {"value": begins[0]}}}
    return {"match_phrase_prefix": {place: {"query": " ".join(begins), "max_expansions": _MOST_BEGINNINGS}}}


def _held(value: Scalar) -> Value:
    """A value of a checked query, where dates are microseconds, as it is in the index."""
    return stored(cast("Value", value))


def _step(begin: object, interval: float) -> float:
    """The number of a step that begins there."""
    number = float(str(begin)) / interval
    return float(round(number)) if math.isfinite(number) else number
