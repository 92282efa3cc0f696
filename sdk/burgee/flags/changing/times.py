"""Moments as conditions see them (`before`, `after`): what counts as one, and how one is written.

A moment is told in whole microseconds since 1970 in UTC; what is finer is cut off. What has no zone is UTC.
"""

import re
from datetime import UTC, date, datetime, timedelta

from burgee.core.clock import from_us
from burgee.core.errors import InvalidInputError

_LONG = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9][0-9]|[1-9][0-9][0-9][0-9])"
_FOURTH = "(?:0[48]|[2468][048]|[13579][26])"  # every number of two digits that four divides, but 00
_LEAP_DAY = f"(?:[0-9][0-9]{_FOURTH}|{_FOURTH}00)-02-29"
_DATE = f"(?:{_YEAR}-(?:{_LONG}|{_SHORT}|{_FEBRUARY})|{_LEAP_DAY})"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_ZONE = "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

TIME_PATTERN = f"{_DATE}(?:[T ]{_TIME}{_ZONE}?)?"
"""The whole of a text that is a moment: a date, or a date and a time of day, as in RFC 3339.

`2026-11-24`, `2026-11-24T09:30`, `2026-11-24 09:30:00.125+01:00`: years 0001 to 9999, seconds and fractions (up to six
digits) as you like, `Z` or an offset of up to 14:59 hours. Days are only those the month has in its year; there is no
leap second. It has neither `^` nor `$`, and means the same in every engine (`patterns`).
"""

_MATCHES = re.compile(TIME_PATTERN).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)  # noqa: DTZ001 - what has no zone is UTC
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = len("2026-11-24T09:30:00.123456+01:00")


def moment_of(value: object) -> int | None:
    """Microseconds since 1970 of a context's value; None for what is no moment.

    A `datetime`, a pandas `Timestamp`, a `numpy.datetime64`, a `date` (its first moment) or a text of `TIME_PATTERN`.
    """
    if isinstance(value, str):
        return _of_text(value)
    if type(value) is datetime:
        return _of_datetime(value)
    numpy_moment = getattr(value, "asm8", value)  # pandas can hold other years than a datetime can
    if type(numpy_moment).__name__ == "datetime64":
        return _of_numpy(numpy_moment)
    if isinstance(value, datetime):
        return _of_datetime(value)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // _MICROSECOND
    return None


def make_moment(asked: str, value: object) -> str:
    """A moment as a condition holds it: ISO 8601 in UTC with microseconds, `2026-11-01T00:00:00.000000Z`.

    `asked` is the condition as the error names it.
    """
    moment = moment_of(value)
    if moment is None:
        raise InvalidInputError(
            f"{asked!r} needs a time, not {value!r:.200}",
            hint="give a datetime, a date, or text like '2026-11-24' or '2026-11-24T09:30:00+01:00'",
        )
    try:
        at = from_us(moment)
    except OverflowError:
        raise InvalidInputError(f"{asked!r} needs a time within the years 1 to 9999 in UTC, not {value!r}") from None
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _of_text(text: str) -> int | None:
    if len(text) > _LONGEST or not _MATCHES(text):
        return None
    return _of_datetime(datetime.fromisoformat(text))


def _of_datetime(moment: datetime) -> int:
    if moment.utcoffset() is None:
        return (moment.replace(tzinfo=None) - _EPOCH_WITHOUT_ZONE) // _MICROSECOND
    return (moment - _EPOCH) // _MICROSECOND


def _of_numpy(value: object) -> int | None:
    """By way of NumPy, whose own Python objects are whole numbers where the unit is finer than a microsecond."""
    import numpy as np

    moment = np.datetime64(value, "us")  # type: ignore[call-overload] # told by the name of its type
    return None if np.isnat(moment) else int(moment.astype(np.int64))
