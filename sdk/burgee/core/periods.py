"""Periods of time that events are counted by: one list for questions, handles, plots and widgets."""

from typing import Literal

from burgee.core.errors import InvalidInputError, did_you_mean

type Period = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]

PERIODS: tuple[Period, ...] = ("minute", "hour", "day", "week", "month", "quarter", "year")

_UP_TO: tuple[tuple[int, Period], ...] = ((3, "hour"), (120, "day"), (900, "week"))  # days


def check_period(name: object) -> Period:
    """The period of that name."""
    for known in PERIODS:
        if name == known:
            return known
    raise InvalidInputError(f"there is no period {name!r}", hint=did_you_mean(name, PERIODS, plural="periods"))


def fitting_period(days: int) -> Period:
    """What to count so many days by, so that a picture has some ten to some hundred periods."""
    return next((period for most, period in _UP_TO if days <= most), "month")
