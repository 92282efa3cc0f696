"""The clock: what time it is, in one place, so that tests can set it.

Times are stored as whole microseconds since 1970 in UTC, and shown as aware `datetime`s.
"""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from burgee.core.errors import InvalidInputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


type Moment = str | date | datetime
"""A time as people give it: ISO 8601 text, a date, a datetime; without a zone it is UTC."""


class Clock(Protocol):
    """Whatever knows the time."""

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    __slots__ = ()

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until it is told to move. For tests and reproducible notebooks."""

    __slots__ = ("_now",)

    def __init__(self, start: "datetime | str" = "2026-01-01T00:00:00Z") -> None:
        self._now = to_us(start)

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return self._now

    def advance(self, **by: float) -> None:
        """Move on, e.g. `advance(days=1)`: the words of `datetime.timedelta`."""
        self._now += timedelta(**by) // _MICROSECOND


system_clock = SystemClock()


def to_us(moment: object) -> int:
    """Microseconds since 1970 of a `datetime`, a `date` or ISO 8601 text; what has no zone is UTC."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            hint = "write it like 2026-11-24 or 2026-11-24T09:30:00+01:00"
            raise InvalidInputError(f"{moment!r} is not a time", hint=hint) from None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if not isinstance(moment, datetime):
        hint = "give a datetime or text like 2026-11-24T09:30:00+01:00"
        raise InvalidInputError(f"{moment!r} is not a time", hint=hint)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_us(micros: int) -> datetime:
    """The aware `datetime` (UTC) of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)
