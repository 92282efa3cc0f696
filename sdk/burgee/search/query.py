"""`acme.search("products")`: what is asked of an index. Each verb gives a new query; it is asked when it must be."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, override

from burgee.core.checks import need_text, need_whole
from burgee.core.display import Sheet, Shown, view
from burgee.core.link import Link
from burgee.core.page import LARGEST_PAGE
from burgee.search.answer import Answer, FacetCounts
from burgee.search.conditions import (
    FACETS,
    TEXTS,
    Wanted,
    compared,
    conditions,
    either,
    facet_of,
    negated,
    said,
    sort_of,
)
from burgee.search.errors import DegradedSearchWarning
from burgee.search.foreign import plain_value
from burgee.search.given import as_id
from burgee.search.model import (
    Document,
    Facet,
    Filter,
    Hit,
    IndexMapping,
    IndexState,
    Kind,
    SearchQuery,
    SearchResult,
    Text,
)
from burgee.search.protocol import SearchService
from burgee.search.text.language import parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from burgee.notebook.searchbox import SearchBox

_NOTHING = IndexMapping(())


class Known:
    """What has been fetched of an index: shared by all queries that began with one handle."""

    __slots__ = ("state",)

    def __init__(self, state: IndexState | None = None) -> None:
        self.state = state


class Query(Shown):
    """What is asked of an index. `.frame()` has what is found, `.total()` how many, `.facet(name)` what they hold."""

    __slots__ = ("_asked", "_facets", "_known", "_link", "_service", "_text", "name")

    def __init__(
        self,
        link: Link,
        service: SearchService,
        name: str,
        known: Known,
        asked: SearchQuery | None = None,
        text: "str | Text | None" = None,
        facets: tuple[Wanted, ...] = (),
    ) -> None:
        self._link, self._service, self._known = link, service, known
        self._asked, self._text, self._facets = asked or SearchQuery(), text, facets
        self.name = name
        """The index."""

    def query(self, text: "str | Text") -> "Query":
        """Find documents with these words: all of them, but see `search.text.language` for `OR`, `"phrases"`, `word*`.

        `field:word` looks in one field only. Nothing that is typed is wrong, and nothing is an engine's syntax.
        """
        if not isinstance(text, TEXTS):
            parse(text)  # says here what is too long, not later
        return self._with(text=text)

    def filter(self, *filters: "Filter | Mapping[str, object]", **fields: object) -> "Query":
        """Only documents whose fields are so; all of it must hold (`either`: at least one).

        A list is one of several, a pair a range with both ends (`price=(10, 50)`; None is open), any other value must
        be equal; None: the field holds nothing; `...`: it holds something. Fields whose names are no Python
        names go in a dict: `.filter({"unit price": (10, 50)})`.
        """
        return self._filtered(conditions(filters, fields))

    def either(self, *filters: "Filter | Mapping[str, object]", **fields: object) -> "Query":
        """Only documents for which at least one of these holds, each written as in `filter`.

        A dict is one way, whose conditions hold together: `.either({"brand": "x", "price": (None, 50)},
        {"category": "shoes"})`. Of two calls, both must hold.
        """
        return self._filtered((either(filters, fields),))

    def exclude(self, *filters: "Filter | Mapping[str, object]", **fields: object) -> "Query":
        """Only documents of which none of it holds; written like `filter`."""
        return self._filtered(negated(conditions(filters, fields)))

    def where(self, field: str, operator: str, value: object = None) -> "Query":
        """Only documents whose field compares so: `=  !=  <  <=  >  >=  in  not in  between  exists  missing`."""
        return self._filtered(compared(field, operator, value))

    def facets(self, *fields: "str | Facet | list[str]", **how: object) -> "Query":
        """Count what the found documents hold, beside finding them.

        By name alone: the most frequent values; statistics of numbers; months of dates. Said otherwise:
        `price=[0, 10, 50]` ranges from bound to bound, `price=5` steps of that width, `date="week"` steps of time,
        `brand=50` so many values.
        """
        wanted = dict(self._facets)
        for field in _flat(fields):
            if isinstance(field, FACETS):
                wanted[field.field] = field
            else:
                need_text("a facet", field)
                wanted[str(field)] = None
        return self._with(facets=tuple((wanted | how).items()))

    def sort(self, *fields: object) -> "Query":
        """By these fields, one after another; `-price` falls. By default, or with `_score`, the best first."""
        return self._with(asked=replace(self._asked, sort=tuple(map(sort_of, _flat(fields))), after=None))

    def like(self, id: str | int) -> "Query":
        """Documents like the one of that id, which is left out itself."""
        return self._with(asked=replace(self._asked, like=as_id("what others are to be like", id)))

    def top(self, size: int) -> "Query":
        """So many documents at most; 10 unless said."""
        need_whole("top", plain_value(size), least=1)
        return self._with(asked=replace(self._asked, size=int(size)))

    def page(self, after: str | None) -> "Query":
        """The documents behind a page: `.page(answer.after)`; the first ones with None."""
        return self._with(asked=replace(self._asked, after=after))

    def highlight(self, wanted: bool = True) -> "Query":
        """Whether to mark what was found; without it is faster."""
        return self._with(asked=replace(self._asked, highlight=bool(wanted)))

    @property
    def asked(self) -> SearchQuery:
        """All of it as one value, as the service takes it; facets as far as the mapping is known here by now."""
        mapping = self._known.state.mapping if self._known.state is not None else _NOTHING
        texts = [field.name for field in mapping.fields if field.kind is Kind.TEXT]
        text = parse(self._text, texts) if isinstance(self._text, str) else self._text
        return replace(self._asked, text=text, facets=tuple(facet_of(wanted, mapping) for wanted in self._facets))

    def asking(self, asked: SearchQuery) -> "Query":
        """The same index, asked something else."""
        wanted = tuple((facet.field, facet) for facet in asked.facets)
        return self._with(asked=replace(asked, text=None, facets=()), text=asked.text, facets=wanted)

    def mapping(self) -> IndexMapping:
        """The fields of the index; fetched once."""
        if self._known.state is None:
            self._known.state = self._link.call(self._service.describe(self.name))
        return self._known.state.mapping

    def result(self) -> SearchResult[Document]:
        """Ask, and give the answer as the service did: one page, of at most 1,000 documents."""
        self.mapping()
        asked = self.asked
        return self._link.call(self._service.search(self.name, replace(asked, size=min(asked.size, LARGEST_PAGE))))

    def ask(self) -> Answer:
        """Ask once for all: documents, total and facets."""
        mapping, asked = self.mapping(), self.asked
        result = self._page(asked)
        while result.after is not None and len(result.hits) < asked.size:
            rest = replace(asked, size=asked.size - len(result.hits), after=result.after, facets=())
            more = self._page(rest)
            degraded = result.degraded or more.degraded
            result = replace(result, hits=result.hits + more.hits, after=more.after, degraded=degraded)
        return Answer(result, asked.facets, mapping)

    def frame(self) -> "pd.DataFrame":
        """What is found: `id, score`, the documents' fields, `highlights` (a dict: field to parts with `<mark>`s)."""
        return self.ask().frame()

    def arrow(self) -> "pa.Table":
        """The same as an Arrow table."""
        return self.ask().arrow()

    def hits(self) -> list[Hit[Document]]:
        """What is found, one by one: `id, score, document, highlights`."""
        return list(self.ask().hits)

    def total(self) -> int:
        """How many documents are found in all."""
        self.mapping()
        return self._page(replace(self.asked, facets=(), sort=(), size=1, after=None, highlight=False)).total

    def facet(self, name: str) -> FacetCounts:
        """What the found documents hold in a field: `.facet("brand").frame()`. As `facets` said, or by name alone."""
        need_text("a facet", name)
        mapping = self.mapping()
        wanted = facet_of((name, dict(self._facets).get(name)), mapping)
        asked = replace(self.asked, facets=(wanted,), sort=(), size=1, after=None, highlight=False)
        return Answer(self._page(asked), (wanted,), mapping).facet(name)

    def suggest(self, prefix: str, field: str, limit: int = 10) -> list[str]:
        """Values of a field one of whose words begins so, most frequent first; of the whole index."""
        found = self._link.call(self._service.suggest(self.name, prefix, field, limit))
        _warn(degraded=found.degraded)
        return list(found.values)

    def __iter__(self) -> Iterator[Hit[Document]]:
        """All that is found, however many: page after page, as iteration goes on."""
        self.mapping()
        asked = replace(self.asked, facets=(), size=LARGEST_PAGE)
        while True:
            page = self._page(asked)
            yield from page.hits
            if page.after is None:
                return
            asked = replace(asked, after=page.after)

    def widget(self) -> "SearchBox":
        """A search box: type, narrow by facets, turn pages."""
        box: SearchBox = view("searchbox").search_box(self)
        return box

    def _page(self, asked: SearchQuery) -> SearchResult[Document]:
        size = min(asked.size, LARGEST_PAGE)
        result = self._link.call(self._service.search(self.name, replace(asked, size=size)))
        _warn(degraded=result.degraded)
        return result

    def _filtered(self, more: tuple[Filter, ...]) -> "Query":
        return self._with(asked=replace(self._asked, filters=(*self._asked.filters, *more)))

    def _with(self, **changed: Any) -> "Query":  # noqa: ANN401 - each has a type of its own
        given: dict[str, Any] = {"asked": self._asked, "text": self._text, "facets": self._facets, **changed}
        return Query(self._link, self._service, self.name, self._known, **given)

    @override
    def __repr__(self) -> str:
        said = [f"{name} {value}" for name, value in self._said()]
        return f"<Query of {self.name!r}{': ' if said else ''}{', '.join(said)}; .frame(), .total(), .facet(name)>"

    @override
    def _sheet(self) -> Sheet:
        return Sheet(f"Query of {self.name}", ("", "asked"), self._said(), ".frame() asks; .total(), .facet(name)")

    def _said(self) -> Sequence[tuple[str, object]]:
        asked = self._asked
        rows: list[tuple[str, object]] = [
            ("text", None if self._text is None else repr(self._text)),
            ("like", asked.like),
            *(("filter", said(one)) for one in asked.filters),
            ("sort", ", ".join(f"{'-' * one.descending}{one.field}" for one in asked.sort)),
            ("facets", ", ".join(name for name, _ in self._facets)),
        ]
        return [row for row in rows if row[1]]


def _flat(given: Sequence[object]) -> list[object]:
    """What is given one by one, or as a list."""
    return [one for several in given for one in (several if isinstance(several, list) else [several])]


def _warn(*, degraded: bool) -> None:
    if degraded:
        said = "the search engine could not answer: the database did, which may be slower and rank otherwise"
        warnings.warn(said, DegradedSearchWarning, stacklevel=4)
