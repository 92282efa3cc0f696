"""What can be asked about events, as frozen values. Each becomes one SQL tree (`analytics.questions`)."""

from dataclasses import dataclass
from typing import Literal

from burgee.core.checks import need_number, need_text, need_texts
from burgee.core.errors import InvalidInputError
from burgee.core.periods import Period

type MeasureKind = Literal["count", "distinct", "sum", "mean", "min", "max", "quantile"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number per group: `kind` of the payload field `field` (none for `count`), in the column `name`.

    `at` is the share of a quantile: 0.5 is the median.
    """

    kind: MeasureKind
    name: str
    field: str | None = None
    at: float | None = None

    def __post_init__(self) -> None:
        need_text("a measure's name", self.name)
        if (self.field is None) != (self.kind == "count"):
            raise InvalidInputError(f"{self.kind} {'takes no' if self.kind == 'count' else 'needs a'} field")
        if self.field is not None:
            need_text("a measure's field", self.field)
        if (self.at is None) != (self.kind != "quantile") or (self.at is not None and not 0 <= self.at <= 1):
            raise InvalidInputError(f"a quantile is at a share from 0 to 1, not {self.at!r}")


COUNT = Measure("count", "count")
"""How many events."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Measures of events (how many, by default), per period of time and by properties.

    A property is `type`, `stream` or the name of a payload field.
    """

    per: Period | None = None
    by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    kind: Literal["counts"] = "counts"

    def __post_init__(self) -> None:
        need_texts("a property", self.by)

    @property
    def wanted(self) -> tuple[Measure, ...]:
        """The measures, or how many events where none is named."""
        return self.measures or (COUNT,)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many actors (`by`: `stream` or a payload field) did each step, in this order.

    `split` names a property of the first step's event: one funnel for each of its values. `within` is
    how many seconds after the first step the last may be. `times` asks how long the steps took, and not how many came.
    """

    steps: tuple[str, ...]
    by: str = "stream"
    split: str | None = None
    within: float | None = None
    times: bool = False
    kind: Literal["funnel"] = "funnel"

    def __post_init__(self) -> None:
        need_texts("a step", self.steps)
        need_text("by", self.by)
        if self.split is not None:
            need_text("split", self.split)
        _need_positive("within", self.within)


@dataclass(frozen=True, slots=True)
class Retention:
    """Who comes back: actors by the period of their first event, and how many of them are seen in each later one."""

    by: str = "stream"
    period: Period = "month"
    kind: Literal["retention"] = "retention"

    def __post_init__(self) -> None:
        need_text("by", self.by)


@dataclass(frozen=True, slots=True)
class Paths:
    """What follows what: how often an actor's event of one type is followed by one of another."""

    by: str = "stream"
    kind: Literal["paths"] = "paths"

    def __post_init__(self) -> None:
        need_text("by", self.by)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits: an actor's events without a pause longer than `gap` seconds; with `summary` all in one row."""

    by: str = "stream"
    gap: float = 1800.0
    summary: bool = False
    kind: Literal["sessions"] = "sessions"

    def __post_init__(self) -> None:
        need_text("by", self.by)
        _need_positive("gap", self.gap)


type Question = Counts | Funnel | Retention | Paths | Sessions


def _need_positive(what: str, seconds: object) -> None:
    if seconds is None:
        return
    if not 0 < need_number(what, seconds) < float("inf"):
        raise InvalidInputError(f"{what} must be a number of seconds above 0, not {seconds!r}")
