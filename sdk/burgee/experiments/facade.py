"""The fluent objects of experiments: `acme.experiments`, and what `flag.experiment(…)` stands on."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, override

from burgee.core.clock import from_us, to_us
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.experiments.comparing import Setup
from burgee.experiments.frames import MOST_VARIANTS, control_of, from_frame, sequentially
from burgee.experiments.metrics import to_metrics
from burgee.experiments.model import Correction, Trial
from burgee.experiments.planning import Plan, plan
from burgee.experiments.protocol import ExperimentService
from burgee.experiments.result import About, ExperimentResult, check_alpha, check_correction, check_shares
from burgee.questions.durations import Duration, to_seconds

if TYPE_CHECKING:
    import pyarrow as pa


class Experiments(Shown):
    """Experiments of a tenant: on its flags (`of_flag`, or `flag.experiment`), and over frames (`from_frame`)."""

    __slots__ = ("_link", "_service")

    def __init__(self, link: Link, service: ExperimentService) -> None:
        self._link = link
        self._service = service

    def from_frame(
        self,
        frame: object,
        *,
        variant: str,
        metrics: object,
        control: str | None = None,
        unit: str | None = None,
        event: str | None = None,
        by: str | None = None,
        variants: Sequence[str] | None = None,
        shares: Mapping[str, float] | None = None,
        cuped: str | Mapping[str, str] | None = None,
        alpha: float = 0.05,
        correction: Correction | None = "holm",
        sequential: bool | float = False,
    ) -> ExperimentResult:
        """Compare the variants of an experiment that is in a frame; the same as `burgee.experiment`."""
        return from_frame(
            frame, variant=variant, metrics=metrics, control=control, unit=unit, event=event, by=by, variants=variants,
            shares=shares, cuped=cuped, alpha=alpha, correction=correction, sequential=sequential,
        )  # fmt: skip

    def of_flag(
        self,
        flag: str,
        metric: object,
        *,
        unit: str = "id",
        user: str = "stream",
        window: Duration | None = None,
        control: str | None = None,
        by: str | None = None,
        cuped: Duration | None = None,
        since: int | str | date | None = None,
        until: int | str | date | None = None,
        keep_crossovers: bool = False,
        outside: bool = False,
        shares: Mapping[str, float] | None = None,
        alpha: float = 0.05,
        correction: Correction | None = "holm",
        sequential: bool | float = False,
    ) -> ExperimentResult:
        """Compare the variants of a flag, from its exposures and what those exposed did from then on.

        Args:
            flag: the flag's key.
            metric: what is measured: see `burgee.metrics`.
            unit: the field of exposures that says who was exposed.
            user: the property of all other events that says whose they are: `stream`, or a field of their payload.
            window: how long after a unit's first exposure events count: `"7d"`; all of them unless said.
            control: the variant that others are compared with; the one called `control` unless said.
            by: a property: the same for each of its values. A unit has that of its first exposure or, where exposures
                have none, of its earliest event that has one.
            cuped: how long before the first exposure to look at the same metric, `"14d"`, so as to take out what was
                already different. Of means and conversions.
            since: exposures before that time do not count: who was exposed then is taken as exposed later.
            until: nothing from that time on counts.
            keep_crossovers: whether units exposed to several variants count, for the first; else they are left out.
            outside: whether those whom chance left outside the rollout take part, with the default they were served.
            shares: what share of units each variant should have, as weights, for the sample ratio; not checked unless
                said.
            alpha: 1 - alpha is what intervals hold.
            correction: how p-values of several comparisons become q-values: `holm`, `bh` or None.
            sequential: whether p-values and intervals hold at every look; a number is how many units are planned.

        Exposures with a reason count only where that is `SPLIT` (with `outside` also where it is `DEFAULT` without a
        rule): whoever came to a variant by other ways can't be compared.

        Raises:
            InvalidInputError: nobody was exposed; there is no such type, field or variant.
            MissingExtraError: scipy is not installed.
        """
        from burgee.experiments.statistics import special

        special()
        setup = Setup(control_of(control, (), given=False) if control is None else control, None, check_alpha(alpha))
        setup = Setup(setup.control, None, setup.alpha, check_correction(correction))
        trial = _trial(flag, metric, unit, user, window, by, cuped, since, until, keep=keep_crossovers, outside=outside)
        sums = self._link.call(self._service.sums(trial)).read_all()
        there = self._variants(flag, sums)
        chosen = control_of(setup.control, there, given=True)
        checked = None if shares is None else check_shares(shares, there)
        setup = Setup(chosen, checked, setup.alpha, setup.correction)
        about = About(f"{flag!r}", by, trial.window, kept=keep_crossovers)
        return sequentially(ExperimentResult(trial.metrics, sums, setup, about), sequential)

    def sql(
        self,
        flag: str,
        metric: object,
        *,
        dialect: str = "duckdb",
        table: str = "events",
        unit: str = "id",
        user: str = "stream",
        window: Duration | None = None,
        by: str | None = None,
        cuped: Duration | None = None,
        since: int | str | date | None = None,
        until: int | str | date | None = None,
        keep_crossovers: bool = False,
        outside: bool = False,
    ) -> str:
        """The sums of an experiment as one SELECT, to run elsewhere, over a table with the log's columns.

        Raises:
            InvalidInputError: there is no such dialect, type or field.
        """
        trial = _trial(flag, metric, unit, user, window, by, cuped, since, until, keep=keep_crossovers, outside=outside)
        return self._link.call(self._service.text(trial, dialect, table))

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
        control: str | None = None,
    ) -> Plan:
        """How many units an experiment needs to see a change; the same as `burgee.plan`."""
        return plan(
            baseline=baseline, lift=lift, power=power, alpha=alpha, std=std, per_day=per_day, shares=shares,
            control=control,
        )  # fmt: skip

    def _variants(self, flag: str, sums: "pa.Table") -> list[str]:
        there = sorted({str(one) for one in sums["variant"].to_pylist()})
        if not there:
            hint = "record exposures first; those by a rule or by default do not count"
            raise InvalidInputError(f"nobody was exposed to the flag {flag!r} by chance", hint=hint)
        if len(there) > MOST_VARIANTS:
            raise InvalidInputError(
                f"the exposures of {flag!r} name {len(there):,} variants; {MOST_VARIANTS} are the most"
            )
        return there

    @override
    def __repr__(self) -> str:
        return f"<Experiments of {self._link.tenant!r}: .of_flag(key, metric), .from_frame(frame, …)>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("of a flag", ".of_flag(key, metric)"), ("of a frame", ".from_frame(frame, variant=…, metrics=…)")]
        return Sheet(f"Experiments of {self._link.tenant}", ("", "value"), rows)


def _trial(
    flag: str,
    metric: object,
    unit: str,
    user: str,
    window: Duration | None,
    by: str | None,
    cuped: Duration | None,
    since: int | str | date | None,
    until: int | str | date | None,
    *,
    keep: bool,
    outside: bool,
) -> Trial:
    return Trial(
        flag,
        to_metrics(metric, events=True),
        unit,
        user,
        None if window is None else to_seconds("window", window),
        None if cuped is None else to_seconds("cuped", cuped),
        by,
        keep,
        None if since is None else from_us(to_us(since)),
        None if until is None else from_us(to_us(until)),
        outside,
    )
