"""Facets of tantivy: what the found documents hold.

Tantivy counts values. Of documents with several values in a field that would count some twice, so these (there are
few, as a rule) are counted here, one by one, and the others by tantivy. Where it gives up, as there are too many
values, or there are too many such documents, texts are counted by its list of texts, and numbers by its column.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from burgee.search.checks import MOST_STEPS, too_many_steps
from burgee.search.model import (
    Bucket,
    Dates,
    Document,
    Facet,
    FacetAnswer,
    Field,
    Histogram,
    IndexMapping,
    Kind,
    Ranges,
    Statistics,
    Stats,
    Terms,
)
from burgee.search.steps import begin_of, dates, histogram, step_of
from burgee.search.tantivy.query import Queries
from burgee.search.values import Value, field_values, given_value, stored, whole_values

if TYPE_CHECKING:
    import tantivy

type Documents = Callable[["tantivy.Query"], Iterator[tuple[str, Document]]]
"""Gives the documents that a query finds."""

type Aggregated = dict[str, Any]

_MOST = 65_000
"""Buckets that tantivy gives at most."""

_SOME = 1000
_PARTS = {"week": "day", "quarter": "month", "year": "month"}
_WIDTHS = {"week": 7, "quarter": 3, "year": 12}
_MICROS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
_MONDAY = 4  # the first of 1970, which began on a Thursday


@dataclass(frozen=True, slots=True)
class Facets:
    """What one query finds, to be counted."""

    searcher: "tantivy.Searcher"
    queries: Queries
    query: "tantivy.Query"
    mapping: IndexMapping
    documents: Documents

    def answer(self, facet: Facet) -> FacetAnswer:
        """What a facet of the found is."""
        at = next(at for at, field in enumerate(self.mapping.fields) if field.name == facet.field)
        field = self.mapping.fields[at]
        if isinstance(facet, Stats):
            found = self._ask(self.query, {"stats": {"field": f"w{at}"}})
            names = ("min", "max", "sum", "avg")
            return Statistics(found["count"], *(float(found[n]) for n in names)) if found["count"] else Statistics(0)
        single, several = self._parted(at)
        if isinstance(facet, Terms):
            return self._frequent(field, at, facet.size, single, several)
        others = () if several is None else self._values(field, several)
        match facet:
            case Ranges(_, bounds):
                return self._ranges(single, at, bounds, others)
            case Histogram(_, interval):
                return histogram(facet, self._steps(facet, single, at, interval, others))
            case Dates(_, per):
                return dates(facet, self._periods(facet, single, at, per, others))

    def _parted(self, at: int) -> "tuple[tantivy.Query, tantivy.Query | None]":
        """What finds those with one value at most in a field, and those with several, if there are any."""
        if not self.searcher.doc_freq("many", str(at)):
            return self.query, None
        several = self.queries.term("many", str(at))
        return self.queries.but(self.query, several), self.queries.both(self.query, several)

    def _frequent(
        self, field: Field, at: int, size: int, single: "tantivy.Query", several: "tantivy.Query | None"
    ) -> tuple[Bucket, ...]:
        """The most frequent values of a field."""
        worded = field.kind in {Kind.TEXT, Kind.KEYWORD}
        if worded and several is not None and len(self.searcher.search(several, _SOME).hits) == _SOME:
            return self._by_words(at, size)
        counts = self.terms(single, f"w{at}", size, whole=several is not None)
        if counts is None:
            if worded:
                return self._by_words(at, size)
            counts = self._by_column(single, at)
        for values in () if several is None else self._values(field, several):
            counts.update({stored(value) for value in values})
        best = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:size]
        return tuple(Bucket(given_value(value, field.kind), count) for value, count in best)

    def _by_words(self, at: int, size: int) -> tuple[Bucket, ...]:
        """The same of a text or keyword, counted by the documents that tantivy knows of each value."""
        return tuple(Bucket(value, count) for value, count in self.words(self.query, f"w{at}", size).items())

    def _by_column(self, query: "tantivy.Query", at: int) -> Counter[Any]:
        """The values of those that have one number at most, which is the lowest of its document."""
        hits = self.searcher.search(query, max(1, int(self.searcher.num_docs))).hits
        values = self.searcher.fast_field_values(f"l{at}", [address for _, address in hits])
        return Counter(value for value in values if value is not None)

    def words(self, query: "tantivy.Query", name: str, most: int | None = None) -> Counter[str]:
        """How many documents hold each text; the most frequent first, then by text. Each text there is is looked at."""
        found = self.searcher.terms_with_prefix(name, "", query, most)
        return Counter({text: count for text, count in found if count})

    def terms(self, query: "tantivy.Query", name: str, size: int, *, whole: bool) -> Counter[Any] | None:
        """The most frequent values (and those as frequent as the last of them); none if they are too many to tell."""
        for most in (_MOST,) if whole or size > _SOME // 2 else (_SOME, _MOST):
            if (
                most == _MOST and self.searcher.cardinality(query, name) > _MOST
            ):  # about; it takes a tenth of finding out
                return None
            try:
                found = self._ask(query, {"terms": {"field": name, "size": most, "segment_size": _MOST}})
            except ValueError:  # more than it gives
                return None
            counts = Counter({bucket["key"]: bucket["doc_count"] for bucket in found["buckets"]})
            if found["doc_count_error_upper_bound"]:  # a segment has more than it told
                return None
            frequent = sorted(counts.values(), reverse=True)
            if not found["sum_other_doc_count"] or (not whole and most < _MOST and frequent[size - 1] > frequent[-1]):
                return counts
        return None

    def _ask(self, query: "tantivy.Query", aggregation: Aggregated) -> Aggregated:
        found: Aggregated = self.searcher.aggregate(query, {"asked": aggregation})
        return found["asked"]  # type: ignore[no-any-return] # a dict, as asked

    def _values(self, field: Field, query: "tantivy.Query") -> Iterator[Sequence[Value]]:
        only = IndexMapping((field,))
        for id, document in self.documents(query):
            yield whole_values(field, field_values(id, document, only).get(field.name, ()))

    def _ranges(
        self, query: "tantivy.Query", at: int, bounds: Sequence[float | None], others: Iterable[Sequence[Value]]
    ) -> tuple[Bucket, ...]:
        ranges = [
            {name: bound for name, bound in (("from", low), ("to", high)) if bound is not None}
            for low, high in pairwise(bounds)
        ]
        asked = [one for one in ranges if one]
        found = self._ask(query, {"range": {"field": f"w{at}", "ranges": asked}})["buckets"] if asked else []
        counts = Counter({(bucket.get("from"), bucket.get("to")): bucket["doc_count"] for bucket in found})
        if len(asked) < len(ranges):  # bounded nowhere
            counts[None, None] = self._ask(query, {"stats": {"field": f"w{at}"}})["count"]
        for values in others:
            for low, high in pairwise(bounds):
                counts[low, high] += any(
                    (low is None or float(value) >= low) and (high is None or float(value) < high) for value in values
                )
        return tuple(Bucket(low, counts[low, high], low, high) for low, high in pairwise(bounds))

    def _steps(
        self, facet: Histogram, query: "tantivy.Query", at: int, interval: float, others: Iterable[Sequence[Value]]
    ) -> Mapping[float, int]:
        ends = self._ask(query, {"stats": {"field": f"w{at}"}})
        counts: Counter[float] = Counter()
        if ends["count"]:
            first, last = step_of(ends["min"], interval), step_of(ends["max"], interval)
            if not last - first < MOST_STEPS:
                raise too_many_steps(facet, last - first + 1)
            asked = {"field": f"w{at}", "interval": interval, "min_doc_count": 1}
            for bucket in self._ask(query, {"histogram": asked})["buckets"]:
                counts[float(round(bucket["key"] / interval))] += bucket["doc_count"]
        for values in others:
            counts.update({step_of(float(value), interval) for value in values})
        return counts

    def _periods(
        self, facet: Dates, query: "tantivy.Query", at: int, per: str, others: Iterable[Sequence[Value]]
    ) -> Mapping[int, int]:
        part, width = _PARTS.get(per, per), _WIDTHS.get(per, 1)
        offset = _MONDAY if per == "week" else 0
        asked = {"field": f"{part}{at}", "interval": width, "offset": offset, "min_doc_count": 1}
        try:
            found = self._ask(query, {"histogram": asked})
        except ValueError:  # more than it gives
            raise too_many_steps(facet, _MOST) from None
        counts = Counter({_micros(int(bucket["key"]), part): bucket["doc_count"] for bucket in found["buckets"]})
        for values in others:
            counts.update({begin_of(int(value), per) for value in values})
        return counts


@lru_cache
def _micros(number: int, part: str) -> int:
    """When a minute, hour, day or month of that number begins."""
    if part != "month":
        return number * _MICROS[part]
    year, month = divmod(number, 12)
    return (date(1970 + year, month + 1, 1).toordinal() - date(1970, 1, 1).toordinal()) * _MICROS["day"]
