"""The facets of a search as lists to choose from: what each line is called, and which filter it stands for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from burgee.search.model import (
    Between,
    Bucket,
    Dates,
    Facet,
    FacetAnswer,
    Field,
    Filter,
    Histogram,
    IndexMapping,
    Kind,
    OneOf,
    Scalar,
    Stats,
    Terms,
)

MOST_LINES = 12
"""Lines a facet shows."""

_MOST_CANDIDATES = 12
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_TIMES = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_FORMATS = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:00", "month": "%Y-%m", "year": "%Y"}

type Bounds = tuple[Scalar | None, Scalar | None]
type Key = Scalar | Bounds
"""What a line stands for: a value, or from where to before where."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a facet: what it stands for, what it is called, and how many documents it has."""

    key: Key
    words: str
    count: int


def facets_for(mapping: IndexMapping) -> tuple[Facet, ...]:
    """Facets where none were asked for, of which those are shown that tell much: fields whose values can be listed."""
    listed = [field for field in mapping.fields if field.kind in {Kind.KEYWORD, Kind.BOOLEAN} or _is_offered(field)]
    return tuple(Terms(field.name, MOST_LINES) for field in listed[:_MOST_CANDIDATES])


def _is_offered(field: Field) -> bool:
    return field.exact and field.suggest


def tells(facet: Facet, answer: FacetAnswer, total: int) -> bool:
    """Whether a list is of use for so many documents: several lines, which together have most of them."""
    lines = lines_of(facet, answer)
    return len(lines) > 1 and 2 * sum(line.count for line in lines) > total


def lines_of(facet: Facet, answer: FacetAnswer) -> list[Line]:
    """The lines of an answer that have something: the most frequent values, or steps in order (the latest first)."""
    if not isinstance(answer, tuple):
        return []
    lines = [line_of(facet, _key(facet, bucket), bucket.count) for bucket in answer if bucket.count]
    return (lines[::-1] if isinstance(facet, Dates) else lines)[:MOST_LINES]


def line_of(facet: Facet, key: Key, count: int) -> Line:
    """What a key is called."""
    if not isinstance(key, tuple):
        return Line(key, {True: "yes", False: "no"}[key] if isinstance(key, bool) else _said(key), count)
    low, high = key
    if isinstance(facet, Dates) and isinstance(low, datetime):
        return Line(key, _date(low, facet.per), count)
    if low is None:
        return Line(key, f"below {_said(high)}", count)
    return Line(key, f"from {_said(low)}" if high is None else f"{_said(low)} to {_said(high)}", count)


def filter_of(facet: Facet, keys: Iterable[Key]) -> Filter | None:
    """The filter that the chosen lines of a facet stand for: one of the values, or within a step."""
    chosen = list(keys)
    steps = [key for key in chosen if isinstance(key, tuple)]
    values = tuple(key for key in chosen if not isinstance(key, tuple))
    if steps:
        return Between(facet.field, steps[0][0], steps[0][1], below=True)
    return OneOf(facet.field, values) if values else None


def is_single(facet: Facet) -> bool:
    """Whether one line at a time is chosen: filters must all hold, so two steps would leave nothing."""
    return not isinstance(facet, Terms)


def statistics_of(facet: Facet, answer: FacetAnswer) -> str:
    """Statistics in words; nothing for other facets."""
    if not isinstance(facet, Stats) or isinstance(answer, tuple):
        return ""
    if answer.min is None or answer.max is None or answer.mean is None:
        return "none"
    return f"{_said(answer.min)} to {_said(answer.max)}, mean {answer.mean:,.4g}"


def _key(facet: Facet, bucket: Bucket) -> Key:
    match facet:
        case Dates(per=per) if isinstance(bucket.value, datetime):
            return bucket.value, _after(bucket.value, per)
        case Histogram(interval=interval) if isinstance(bucket.value, int | float):
            return bucket.value, bucket.value + interval
        case Terms() if bucket.value is not None:
            return bucket.value
        case _:
            return bucket.low, bucket.high


def _after(start: datetime, per: str) -> datetime:
    """Where the next period begins."""
    if per in _TIMES:
        return start + _TIMES[per]
    month = start.year * 12 + start.month - 1 + _MONTHS[per]
    return start.replace(year=month // 12, month=month % 12 + 1)


def _date(start: datetime, per: str) -> str:
    moment = start.astimezone(UTC) if start.tzinfo else start
    if per == "quarter":
        return f"{moment.year} Q{(moment.month + 2) // 3}"
    return moment.strftime(_FORMATS.get(per, "%Y-%m-%d"))


def _said(value: Scalar | None) -> str:
    if isinstance(value, datetime):
        return _date(value, "day")
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
