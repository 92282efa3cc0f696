"""What was found, as an analyst takes it: frames of documents with score and highlights, frames of facets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, override

from burgee.core.clock import to_us
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.frames import to_pandas
from burgee.core.json import dumps
from burgee.search.conditions import field_of
from burgee.search.model import (
    Bucket,
    Dates,
    Document,
    Facet,
    FacetAnswer,
    Hit,
    IndexMapping,
    Kind,
    SearchResult,
    Statistics,
    Terms,
)
from burgee.search.values import as_kind

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_OWN = ("id", "score", "highlights")
_AS: Mapping[Kind, Callable[[Any], float]] = {Kind.INTEGER: int, Kind.NUMBER: float, Kind.DATE: to_us}


class FacetCounts(Shown):
    """One facet of what was found: iterate over its buckets, or take `.frame()`."""

    __slots__ = ("answer", "facet", "kind")

    def __init__(self, facet: Facet, answer: FacetAnswer, kind: Kind | None) -> None:
        self.facet = facet
        """What was asked."""
        self.answer = answer
        """What was answered: buckets, or statistics."""
        self.kind = kind

    def __iter__(self) -> Iterator[Bucket]:
        return iter(() if isinstance(self.answer, Statistics) else self.answer)

    def frame(self) -> "pd.DataFrame":
        """Terms and steps: `value, count`; ranges: `low, high, count`; statistics: `count, min, max, sum, mean`."""
        return to_pandas(self.arrow())

    def arrow(self) -> "pa.Table":
        """The same as an Arrow table."""
        import pyarrow as pa

        answer = self.answer
        if isinstance(answer, Statistics):
            names = ("count", "min", "max", "sum", "mean")
            kinds = [pa.int64(), *[pa.float64()] * 4]
            return pa.table({n: pa.array([getattr(answer, n)], kind) for n, kind in zip(names, kinds, strict=True)})
        counts = pa.array([bucket.count for bucket in answer], pa.int64())
        if self.facet.kind == "ranges":
            bounds = {n: pa.array([getattr(one, n) for one in answer], pa.float64()) for n in ("low", "high")}
            return pa.table({**bounds, "count": counts})
        return pa.table({"value": self._values(answer), "count": counts})

    def _values(self, buckets: Sequence[Bucket]) -> "pa.Array":
        import pyarrow as pa

        values = [bucket.value for bucket in buckets]
        if isinstance(self.facet, Dates) or (isinstance(self.facet, Terms) and self.kind is Kind.DATE):
            return _array(values, Kind.DATE)
        return pa.array(values)

    @override
    def __repr__(self) -> str:
        return f"<facet {self.facet!r}: {self.answer!r}>"

    @override
    def _sheet(self) -> Sheet:
        table = self.arrow()
        rows = [list(row.values()) for row in table.to_pylist()]
        return Sheet(f"{self.facet.field}", table.column_names, rows)


class Answer(Shown):
    """What a query found, as it was answered: nothing here asks again."""

    __slots__ = ("_facets", "_mapping", "after", "degraded", "hits", "total")

    def __init__(self, result: SearchResult[Document], facets: Sequence[Facet], mapping: IndexMapping) -> None:
        self.hits = result.hits
        """The documents, the best first or as sorted: each with `id, score, document, highlights`."""
        self.total = result.total
        """How many documents are found in all."""
        self.after = result.after
        """What `.page(after)` takes for the next ones; none if these are the last."""
        self.degraded = result.degraded
        """Whether the database answered, as the search engine could not."""
        self._facets = dict(
            zip((facet.field for facet in facets), zip(facets, result.facets, strict=True), strict=True)
        )
        self._mapping = mapping

    def __iter__(self) -> Iterator[Hit[Document]]:
        return iter(self.hits)

    def facet(self, name: str) -> FacetCounts:
        """One of the facets that were asked for, by its field."""
        if name not in self._facets:
            hint = did_you_mean(name, self._facets, plural="facets") or "ask for it: .facets(…)"
            raise InvalidInputError(f"no facet of {name!r} was asked for", hint=hint)
        facet, answer = self._facets[name]
        field = field_of(self._mapping, name)
        return FacetCounts(facet, answer, None if field is None else field.kind)

    def frame(self) -> "pd.DataFrame":
        """A row for each document: `id, score`, its fields, `highlights` (a dict: field to parts with `<mark>`s).

        The `id` is text, or a whole number where the documents have it so, in a field `id`.
        """
        return to_pandas(self.arrow())

    def arrow(self) -> "pa.Table":
        """The same as an Arrow table; what is nested in documents stands there as JSON text."""
        import pyarrow as pa

        columns = {
            "id": self._ids(),
            "score": pa.array([hit.score for hit in self.hits], pa.float64()),
        }
        for name in self._fields():
            field = field_of(self._mapping, name)
            values = [hit.document.get(name) for hit in self.hits]
            columns[_column(name)] = _array(values, None if field is None else field.kind)
        marked = [{name: list(parts) for name, parts in hit.highlights.items()} for hit in self.hits]
        columns["highlights"] = pa.array(marked, pa.map_(pa.string(), pa.list_(pa.string())))
        return pa.table(columns)

    def _fields(self) -> list[str]:
        """The fields the documents have: those that are mapped, in that order, then the others by name."""
        mapped = [field.name for field in self._mapping.fields]
        others = {name for hit in self.hits for name in hit.document} - set(mapped)
        fields = [*mapped, *sorted(others)]
        same = self._numbered() or all(str(hit.document.get("id", hit.id)) == hit.id for hit in self.hits)
        return [name for name in fields if not (name == "id" and same)]

    def _numbered(self) -> bool:
        """Whether the ids are whole numbers to the documents, in a field `id`."""
        field = field_of(self._mapping, "id")
        if field is None or field.kind is not Kind.INTEGER:
            return False
        return all(str(as_kind(hit.document.get("id"), Kind.INTEGER)) == hit.id for hit in self.hits)

    def _ids(self) -> "pa.Array":
        """The ids as they came, so that what is found can be joined to where it came from."""
        import pyarrow as pa

        if self._numbered():
            return pa.array([int(hit.id) for hit in self.hits], pa.int64())
        return pa.array([hit.id for hit in self.hits], pa.string())

    @override
    def __repr__(self) -> str:
        degraded = ", degraded" if self.degraded else ""
        return f"<Answer: {len(self.hits)} of {self.total:,} found{degraded}: .frame(), .hits, .facet(name)>"

    @override
    def _sheet(self) -> Sheet:
        fields = self._fields()
        rows = [[hit.id, hit.score, *[hit.document.get(name) for name in fields]] for hit in self.hits]
        note = "the database answered, as the search engine could not" if self.degraded else ""
        return Sheet(f"{len(self.hits)} of {self.total:,} found", ["id", "score", *fields], rows, note)


def _column(name: str) -> str:
    return f"document.{name}" if name in _OWN else name


def _array(values: Sequence[object], kind: Kind | None) -> "pa.Array":
    """A field's values as a column of its kind; with lists in it where documents have lists."""
    import pyarrow as pa

    if kind is None:
        return _unmapped(values)
    if kind in _AS:
        values = [_each(_AS[kind], value) for value in values]
    kinds = {
        Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.DATE: pa.timestamp("us", "UTC"),
    }
    made = kinds.get(kind, pa.string())
    if any(isinstance(value, list | tuple) for value in values):
        listed = [value if value is None or isinstance(value, list | tuple) else [value] for value in values]
        return pa.array(listed, pa.list_(made))
    return pa.array(values, made)


def _each(change: Callable[[Any], float], value: object) -> object:
    if isinstance(value, list | tuple):
        return [change(one) for one in value if one is not None]
    return None if value is None else change(value)


def _unmapped(values: Sequence[object]) -> "pa.Array":
    """Values of a field that is not mapped: of one kind, else as JSON."""
    import pyarrow as pa

    if not any(isinstance(value, Mapping | list | tuple) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
    return pa.array([None if value is None else dumps(value) for value in values], pa.string())
