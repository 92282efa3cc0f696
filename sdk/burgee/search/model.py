"""The words of search: what an index is made of, what is asked, what is found. The same on every engine."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, override

from pydantic import Discriminator

from burgee.core.display import Sheet, Shown
from burgee.core.history import Change
from burgee.core.json import Json

type Scalar = str | int | float | bool | datetime
type Document = Mapping[str, Json]
"""A document's fields by name. A field may hold a list of its kind; none and absent are the same."""


class Kind(StrEnum):
    """What a field holds, and so how it can be asked."""

    TEXT = "text"
    """Words, found one by one; not for filters, facets and sorting."""
    KEYWORD = "keyword"
    """A text taken whole: filters, facets, sorting."""
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    """A moment, in UTC to the microsecond."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    A `TEXT` with `exact` is also kept whole, like a `KEYWORD`: under the same name in filters, facets and sorting.
    `weight` raises what is found in it; `suggest`: its words are offered by prefix. In a text with a `language` (one of
    `search.text.stems`) a word also finds those of the same stem.
    """

    name: str
    kind: Kind
    exact: bool = False
    weight: float = 1.0
    suggest: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class IndexMapping(Shown):
    """The fields of an index, in order. Documents may hold further fields: kept and given back, not searched."""

    fields: tuple[Field, ...]

    @override
    def _sheet(self) -> Sheet:
        columns = ("field", "kind", "exact", "suggest", "weight", "language")
        rows = [(f.name, f.kind.value, f.exact, f.suggest, f.weight, f.language or "") for f in self.fields]
        return Sheet("Mapping", columns, rows)


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index as it is now.

    `generation` counts the times it was built: readers see this one. `reserved` is the highest number that was ever
    given to a building of it, so that none is used twice.
    """

    name: str
    mapping: IndexMapping
    generation: int = 1
    reserved: int = 1
    dropped: bool = False
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None


type IndexChange = Change[IndexState]

# What the text of a query is made of (`search.text.language` reads it). Nothing in it can become an engine's syntax.
# As JSON each part of a query says its `kind`.


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `prefix`: whatever begins so. `fuzzy`: whatever is that many edits away at most (0, 1 or 2).

    As it is it finds words of the same stem, too, where a field has a language: a `Phrase` of one word does not.
    `accented`, for its stem: the word with its accents and non-joiners, where it has any; of another word it counts for
    nothing.
    """

    text: str
    prefix: bool = False
    fuzzy: int = 0
    accented: str = ""
    kind: Literal["word"] = dataclasses.field(default="word", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand next to each other, in this order, in one field, as they are."""

    words: tuple[str, ...]
    kind: Literal["phrase"] = dataclasses.field(default="phrase", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class All:
    """All of them; a document may have each in another field."""

    of: "tuple[Text, ...]"
    kind: Literal["all"] = dataclasses.field(default="all", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    of: "tuple[Text, ...]"
    kind: Literal["any"] = dataclasses.field(default="any", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Without:
    """None of it."""

    of: "Text"
    kind: Literal["without"] = dataclasses.field(default="without", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Within:
    """Only in these text fields."""

    fields: tuple[str, ...]
    of: "Text"
    kind: Literal["within"] = dataclasses.field(default="within", kw_only=True, repr=False)


type Text = Annotated[Word | Phrase | All | AnyOf | Without | Within, Discriminator("kind")]


# Filters: they decide, and count for nothing in the score. All of a query's filters must hold.


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field is (or its list holds) one of the values."""

    field: str
    values: tuple[Scalar, ...]
    kind: Literal["one_of"] = dataclasses.field(default="one_of", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Between:
    """The field is within the bounds: `low` included, `high` included unless `below` is set."""

    field: str
    low: Scalar | None = None
    high: Scalar | None = None
    below: bool = False
    kind: Literal["between"] = dataclasses.field(default="between", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """The field holds something."""

    field: str
    kind: Literal["exists"] = dataclasses.field(default="exists", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The filter does not hold."""

    of: "Filter"
    kind: Literal["not"] = dataclasses.field(default="not", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these filters holds."""

    of: "tuple[Filter, ...]"
    kind: Literal["either"] = dataclasses.field(default="either", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Together:
    """All of these filters hold: one of the ways of an `Either`."""

    of: "tuple[Filter, ...]"
    kind: Literal["together"] = dataclasses.field(default="together", kw_only=True, repr=False)


type Filter = Annotated[OneOf | Between | Exists | Not | Either | Together, Discriminator("kind")]


# Facets: what the found documents (all of them, not a page) hold.


@dataclass(frozen=True, slots=True)
class Terms:
    """The most frequent values and how many documents hold each: by count, then by value."""

    field: str
    size: int = 10
    kind: Literal["terms"] = dataclasses.field(default="terms", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Ranges:
    """How many lie from each bound to before the next: `Ranges("price", (0, 10, 50))`. None as a bound is open."""

    field: str
    bounds: tuple[float | None, ...]
    kind: Literal["ranges"] = dataclasses.field(default="ranges", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many lie in each step of that width, from multiples of it; steps without any between them have 0."""

    field: str
    interval: float
    kind: Literal["histogram"] = dataclasses.field(default="histogram", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Dates:
    """How many lie in each `minute`, `hour`, `day`, `week` (from Monday), `month`, `quarter` or `year`, in UTC."""

    field: str
    per: str
    kind: Literal["dates"] = dataclasses.field(default="dates", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Stats:
    """Count, lowest, highest, sum and mean."""

    field: str
    kind: Literal["stats"] = dataclasses.field(default="stats", kw_only=True, repr=False)


type Facet = Annotated[Terms | Ranges | Histogram | Dates | Stats, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Sort:
    """By a field (not a text), or by `_score`; documents without it come last. Ties are decided by id."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question, on every engine the same. Without `text` every document that passes the filters is found.

    `like`: documents like the one of that id (which is left out itself). Without `sort`: by score, then by id; without
    text and `like` by id. `after` is what the page before said.
    """

    text: Text | None = None
    like: str | None = None
    filters: tuple[Filter, ...] = ()
    facets: tuple[Facet, ...] = ()
    sort: tuple[Sort, ...] = ()
    highlight: bool = True
    size: int = 10
    after: str | None = None


@dataclass(frozen=True, slots=True, init=False)
class Hit[T]:
    """A document that was found.

    `highlights`: for each text field, parts of it with what was found in `<mark>`s; all else is escaped for HTML.
    """

    id: str
    score: float | None
    document: T
    highlights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __init__(
        self, id: str, score: float | None, document: T, highlights: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        # What is written for a frozen dataclass takes more than twice as long, and ten hits are made for each search.
        _set_id(self, id)
        _set_score(self, score)
        _set_document(self, document)
        _set_highlights(self, {} if highlights is None else highlights)


_set_id, _set_score, _set_document, _set_highlights = (
    getattr(Hit, name).__set__ for name in ("id", "score", "document", "highlights")
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One line of a facet. `value` is the term, or where the step begins; `low`, `high` for ranges."""

    value: Scalar | None
    count: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What `Stats` answers; all but `count` are none where there is nothing."""

    count: int
    min: float | None = None
    max: float | None = None
    sum: float | None = None
    mean: float | None = None


type FacetAnswer = tuple[Bucket, ...] | Statistics


@dataclass(frozen=True, slots=True)
class SearchResult[T]:
    """A page of what was found. `facets` are in the order they were asked.

    `degraded`: the database answered, as the search engine could not.
    """

    hits: tuple[Hit[T], ...]
    total: int
    facets: tuple[FacetAnswer, ...] = ()
    after: str | None = None
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a prefix can become, most frequent first. `degraded` as in `SearchResult`."""

    values: tuple[str, ...]
    degraded: bool = False
