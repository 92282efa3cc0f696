"""How many users an experiment needs, before it begins."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_number
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.experiments.result import check_alpha, check_shares

if TYPE_CHECKING:
    import pandas as pd


class Plan(Shown):
    """What an experiment needs: units of each variant, in all, and days."""

    __slots__ = ("alpha", "baseline", "days", "lift", "power", "total", "units")

    def __init__(
        self, units: Mapping[str, int], days: int | None, *, baseline: float, lift: float, power: float, alpha: float
    ) -> None:
        self.units = dict(units)
        """Units of each variant."""
        self.total = sum(units.values())
        """Units in all."""
        self.days = days
        """Days until they are there; None where it is not said how many come a day."""
        self.baseline = baseline
        self.lift = lift
        self.power = power
        self.alpha = alpha

    def frame(self) -> "pd.DataFrame":
        """A row for each variant: `variant, units, days, baseline, lift, power, alpha`."""
        import pandas as pd

        names = ("days", "baseline", "lift", "power", "alpha")
        rows = [
            {"variant": variant, "units": units, **{name: getattr(self, name) for name in names}}
            for variant, units in self.units.items()
        ]
        return pd.DataFrame(rows).astype({"days": "Int64"})

    @override
    def __repr__(self) -> str:
        days = "" if self.days is None else f", {self.days:,} days"
        each = ", ".join(f"{variant} {units:,}" for variant, units in self.units.items())
        return f"<Plan: {each}; {self.total:,} in all{days}>"

    @override
    def _sheet(self) -> Sheet:
        rows: list[tuple[object, ...]] = [(f"units of {variant}", f"{n:,}") for variant, n in self.units.items()]
        rows += [("in all", f"{self.total:,}")]
        rows += [("days", f"{self.days:,}")] if self.days is not None else []
        note = (
            f"to see a change of {100 * self.lift:+g} % of {self.baseline:g} with {100 * self.power:g} % power, "
            f"at a false alarm rate of {100 * self.alpha:g} %"
        )
        return Sheet("Plan", ("", "value"), rows, note)


def plan(
    *,
    baseline: float,
    lift: float,
    power: float = 0.8,
    alpha: float = 0.05,
    std: float | None = None,
    per_day: float | None = None,
    shares: Mapping[str, float] | None = None,
    control: str | None = None,
) -> Plan:
    """How many units an experiment needs to see a change, if there is one.

    `burgee.plan(baseline=0.05, lift=0.1)`: a share of 5 % and a change to 5.5 %.

    n_c = (z_(1 - alpha/2) + z_power)² (v_c + v_t n_c / n_t) / (baseline · lift)², with v = p (1 - p) of a share and
    `std`² of a mean (J. Fleiss, B. Levin, M. Paik, "Statistical Methods for Rates and Proportions", 3rd edition 2003,
    chapter 4; of unequal groups likewise). With more than two variants each other one is compared with the control.

    Args:
        baseline: what the control has: a share between 0 and 1 or, with `std`, a mean.
        lift: the least change that matters, as a share of the baseline: 0.1 is 10 % more.
        power: the chance to see it if it is there.
        alpha: the chance to see one that is not there (two-sided).
        std: the standard deviation of the metric over units; without it the baseline is a share.
        per_day: how many units come a day.
        shares: weights of the variants; `{"control": 50, "treatment": 50}` unless said.
        control: which of them is the control; the one called so, or the first.

    Raises:
        InvalidInputError: a number is out of its range.
        MissingExtraError: scipy is not installed.
    """
    from burgee.experiments.statistics import special

    base, change = _finite("baseline", baseline), _finite("lift", lift)
    if not base * change:
        raise InvalidInputError("baseline and lift must not be 0: there would be no change to see")
    if not 0 < need_number("power", power) < 1:
        raise InvalidInputError(f"power must be between 0 and 1, as 0.8, not {power!r}")
    weights = check_shares({"control": 50.0, "treatment": 50.0} if shares is None else shares, ())
    names = [name for name, weight in weights.items() if weight > 0]
    if len(names) < 2:  # noqa: PLR2004 - control and another
        raise InvalidInputError(f"a plan needs two variants with a share above 0, not {len(names)}")
    first = control if control is not None else "control" if "control" in names else names[0]
    if first not in names:
        raise InvalidInputError(f"the control {first!r} has no share", hint=f"there are: {', '.join(map(repr, names))}")
    spreads = _spreads(base, base * (1 + change), std)
    reach = special().ndtri(1 - check_alpha(alpha) / 2) + special().ndtri(power)
    least = min(weights[name] for name in names if name != first)
    of_control = float(reach) ** 2 * (spreads[0] + spreads[1] * weights[first] / least)
    square = (base * change) ** 2
    whole = of_control / square / weights[first] if square else math.inf
    if not math.isfinite(whole):
        raise InvalidInputError("no number of units is enough for so small a change")
    units = {name: math.ceil(whole * weights[name]) for name in names}
    days = None
    if per_day is not None:
        if not 0 < need_number("per_day", per_day) < float("inf"):
            raise InvalidInputError(f"per_day must be a number of units above 0, not {per_day!r}")
        days = math.ceil(sum(units.values()) / per_day)
    return Plan(units, days, baseline=base, lift=change, power=power, alpha=alpha)


def _spreads(before: float, after: float, std: float | None) -> tuple[float, float]:
    """The variances of one unit, of control and treatment."""
    if std is not None:
        if not 0 < need_number("std", std) < float("inf"):
            raise InvalidInputError(f"std must be a number above 0, not {std!r}")
        return std * std, std * std
    if not 0 < before < 1:
        raise InvalidInputError(f"a share is between 0 and 1, not {before!r}", hint="of a mean, give its std, too")
    if not 0 <= after <= 1:
        raise InvalidInputError(f"with this lift the share would be {after:g}, which is none")
    return before * (1 - before), after * (1 - after)


def _finite(what: str, value: object) -> float:
    number = need_number(what, value)
    if not math.isfinite(number):
        raise InvalidInputError(f"{what} must be a finite number, not {value!r}")
    return float(number)
