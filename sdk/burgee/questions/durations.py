"""How long something lasts, as people write it: `"30m"`, a `timedelta`, or seconds."""

import re
from datetime import timedelta

from burgee.core.errors import InvalidInputError

type Duration = str | timedelta | float

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def to_seconds(what: str, duration: object) -> float:
    """The duration in seconds.

    Raises:
        InvalidInputError: it is none, or not above 0.
    """
    seconds: float | None = None
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = float(duration)
    elif isinstance(duration, str) and (found := _FORM.fullmatch(duration.strip())):
        seconds = float(found[1]) * _UNITS[found[2]]
    if seconds is None or not 0 < seconds < float("inf"):
        hint = 'write "30s", "30m", "12h", "7d" or "2w", a timedelta, or a number of seconds'
        raise InvalidInputError(f"{what} must be a time span above 0, not {duration!r}", hint=hint)
    return seconds


def said(seconds: float) -> str:
    """The seconds in the largest unit that is whole: `7d`, `30m`, `90s`."""
    for unit, size in reversed(_UNITS.items()):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"
