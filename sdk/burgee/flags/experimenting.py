"""The experiment that a flag is: what its variants did to a metric, and how many users that takes.

Experiments stand above flags, so a flag is handed the way to them and imports none of it.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from burgee.core.errors import InvalidInputError
from burgee.flags.model import FlagState

if TYPE_CHECKING:
    from burgee.experiments.facade import Experiments
    from burgee.experiments.model import Correction
    from burgee.experiments.planning import Plan
    from burgee.experiments.result import ExperimentResult
    from burgee.questions.durations import Duration


class Experimenting:
    """What every flag can be asked about its variants."""

    __slots__ = ()
    state: FlagState
    _experiments: "Experiments | None"

    def experiment(
        self,
        metric: object,
        *,
        unit: str = "id",
        user: str = "stream",
        window: "Duration | None" = None,
        control: str | None = None,
        by: str | None = None,
        cuped: "Duration | None" = None,
        since: int | str | date | None = None,
        until: int | str | date | None = None,
        keep_crossovers: bool = False,
        outside: bool | None = None,
        shares: Mapping[str, float] | None = None,
        alpha: float = 0.05,
        correction: "Correction | None" = "holm",
        sequential: bool | float = False,
    ) -> "ExperimentResult":
        """What the variants did to a metric, from the flag's exposures and what those exposed did from then on.

        `flag.experiment("purchase")` is a conversion: the share that did it. Several, and sums of fields:
        `flag.experiment({"bought": "purchase", "revenue": ("sum", "purchase", "amount")})`; see `burgee.metrics`.

        Args:
            metric: what is measured.
            unit: the field of exposures that says who was exposed.
            user: the property of all other events that says whose they are: `stream`, or a field of their payload.
            window: how long after a unit's first exposure events count: `"7d"`; all of them unless said.
            control: the variant that others are compared with; the flag's default unless said.
            by: a property: the same for each of its values, as the first exposure has it, or else the earliest event.
            cuped: how long before the first exposure to look at the same metric, `"14d"`, so as to take out what was
                already different. Of means and conversions.
            since: exposures before that time do not count.
            until: nothing from that time on counts.
            keep_crossovers: whether units exposed to several variants count, for the first; else they are left out.
            outside: whether those whom chance left outside the rollout take part, with the default they were served.
                Unless said, only where no variant's weight brings anybody to the default, as with on and off.
            shares: what share of units each variant should have, as weights; as the flag's are, unless said.
            alpha: 1 - alpha is what intervals hold.
            correction: how p-values of several comparisons become q-values: `holm`, `bh` or None.
            sequential: whether p-values and intervals hold at every look; a number is how many units are planned.

        Returns:
            A result with `frame()`, `plot()`, `summary()`, `bayes()`, `widget()`. Its `warnings` come first.

        Raises:
            InvalidInputError: nobody was exposed; there is no such type, field or variant.
            MissingExtraError: scipy is not installed.
        """
        weights = {variant.name: variant.weight for variant in self.state.variants}
        if outside is None:
            outside = not weights[self.state.default]
        if outside:
            weights = {name: weight * self.state.rollout / 100 for name, weight in weights.items()}
            weights[self.state.default] += 100 - self.state.rollout
        return self._way().of_flag(
            self.state.key, metric, unit=unit, user=user, window=window,
            control=self.state.default if control is None else control, by=by, cuped=cuped, since=since, until=until,
            keep_crossovers=keep_crossovers, outside=outside, shares=weights if shares is None else shares, alpha=alpha,
            correction=correction, sequential=sequential,
        )  # fmt: skip

    def plan(
        self,
        *,
        baseline: float,
        lift: float,
        power: float = 0.8,
        alpha: float = 0.05,
        std: float | None = None,
        per_day: float | None = None,
        shares: Mapping[str, float] | None = None,
    ) -> "Plan":
        """How many users each variant needs to see a change, if there is one, and how many days that takes.

        `per_day` is how many users come a day: as many of them as the rollout lets in take part. For the rest see
        `burgee.plan`.

        Raises:
            InvalidInputError: a number is out of its range; a variant has no weight.
            MissingExtraError: scipy is not installed.
        """
        weights = {variant.name: variant.weight for variant in self.state.variants}
        if per_day is not None and not self.state.rollout:
            raise InvalidInputError("the rollout is 0 %, so nobody takes part", hint="flag.rollout(20), or no per_day")
        let_in = None if per_day is None else per_day * self.state.rollout / 100
        return self._way().plan(
            baseline=baseline, lift=lift, power=power, alpha=alpha, std=std, per_day=let_in,
            shares=weights if shares is None else shares, control=self.state.default,
        )  # fmt: skip

    def _way(self) -> "Experiments":
        if self._experiments is None:
            raise InvalidInputError(
                "this flag belongs to no workspace", hint='take it from one: acme.flags["checkout"]'
            )
        return self._experiments
