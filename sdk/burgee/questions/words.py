"""Questions in words, as a `repr` and a table say them."""

from collections.abc import Mapping
from datetime import datetime

from burgee.questions.durations import said
from burgee.questions.model import Counts, Funnel, Measure, Paths, Question, Retention, Sessions
from burgee.store.query import EventQuery


def words(value: EventQuery | Question) -> str:
    """What was asked for, shortly."""
    match value:
        case EventQuery():
            return _query(value)
        case Counts(per, by):
            told = ", ".join(map(_measure, value.wanted))
            return told + (f" per {per}" if per else "") + (f" by {', '.join(by)}" if by else "")
        case Funnel(steps, by, split, within):
            told = f"{' > '.join(steps)} by {by}" + (f" split by {split}" if split else "")
            return told + (f" within {said(within)}" if within else "")
        case Retention(by, period):
            return f"retention by {by} per {period}"
        case Paths(by):
            return f"paths by {by}"
        case Sessions(by, gap):
            return f"sessions by {by}, {said(gap)} apart"


def _measure(measure: Measure) -> str:
    if measure.field is None:
        return "how many"
    kind = f"quantile {measure.at:g}" if measure.at is not None else measure.kind
    return f"{kind} of {measure.field}"


def _query(query: EventQuery) -> str:
    given = []
    for name in query.__slots__:
        part = getattr(query, name)
        if part is None or part is False or part in ((), {}):
            continue
        given.append(f"{name} {_part(part)}" if part is not True else name)
    return "; ".join(given) or "all events"


def _part(part: object) -> str:
    if isinstance(part, tuple):
        return ", ".join(map(str, part))
    if isinstance(part, Mapping):
        return ", ".join(f"{name}={value!r}" for name, value in part.items())
    if isinstance(part, datetime):
        return (
            f"{part:%Y-%m-%d}" if (part.hour, part.minute, part.second, part.microsecond) == (0, 0, 0, 0) else str(part)
        )
    return str(part)
