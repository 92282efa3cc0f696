"""The steps of histograms and of time, counted or empty."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from burgee.search.checks import MOST_STEPS, too_many_steps
from burgee.search.model import Bucket, Dates, Histogram
from burgee.search.values import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WIDTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def step_of(value: float, interval: float) -> float:
    """The number of the step that a value lies in: whole, unless it is infinite."""
    quotient = value / interval
    return float(math.floor(quotient)) if math.isfinite(quotient) else quotient


def begin_of(micros: int, per: str) -> int:
    """When the period of a moment begins. Moments are in microseconds since 1970, UTC."""
    at = moment(micros)
    if per in _MONTHS:
        months = _MONTHS[per]
        begin = datetime(at.year, (at.month - 1) // months * months + 1, 1, tzinfo=UTC)
    elif per == "week":
        begin = datetime(at.year, at.month, at.day, tzinfo=UTC) - timedelta(days=at.weekday())
    else:
        begin = at - (at - datetime.min.replace(tzinfo=UTC)) % _WIDTHS[per]
    return (begin - _EPOCH) // _MICROSECOND


def histogram(facet: Histogram, counts: Mapping[float, int]) -> tuple[Bucket, ...]:
    """The buckets from the first step (by `step_of`) that has documents to the last.

    Raises:
        InvalidInputError: they are too many.
    """
    if not counts:
        return ()
    first, last = min(counts), max(counts)
    if not last - first < MOST_STEPS:
        raise too_many_steps(facet, last - first + 1)
    steps = (first + at for at in range(int(last - first) + 1))
    return tuple(Bucket(step * facet.interval, counts.get(step, 0)) for step in steps)


def dates(facet: Dates, counts: Mapping[int, int]) -> tuple[Bucket, ...]:
    """The buckets from the first period (by `begin_of`) that has documents to the last.

    Raises:
        InvalidInputError: they are too many.
    """
    if not counts:
        return ()
    first, last = min(counts), max(counts)
    about = (last - first) * _MICROSECOND / _WIDTHS.get(facet.per, timedelta(days=31 * _MONTHS.get(facet.per, 1))) + 1
    if about > MOST_STEPS:
        raise too_many_steps(facet, about)
    return tuple(Bucket(moment(begin), counts.get(begin, 0)) for begin in _begins(first, last, facet.per))


def _begins(first: int, last: int, per: str) -> Iterator[int]:
    begin = first
    while begin < last:
        yield begin
        begin = _next(begin, per)
    yield last


@lru_cache
def _next(begin: int, per: str) -> int:
    if per in _WIDTHS:
        return begin + _WIDTHS[per] // _MICROSECOND
    at = moment(begin)
    months = at.year * 12 + at.month - 1 + _MONTHS[per]
    return (datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
