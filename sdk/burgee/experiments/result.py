"""What an experiment came to: numbers, words, plots, all worked out from the sums when somebody looks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, override

import pyarrow as pa

from burgee.core.checks import need_number
from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.experiments.comparing import MISMATCH, Comparison, Setup, Sums, compare, sample_ratio
from burgee.experiments.model import Correction, Metric
from burgee.experiments.words import alarm, counted, lift, plain, said_p, share, sides, verdict
from burgee.questions.durations import said

if TYPE_CHECKING:
    import pandas as pd

    from burgee.notebook.experiments import ExperimentWidget
    from burgee.notebook.figures import Plot

PLANNED = 10_000
"""Units that a sequential test is tightest at, unless said otherwise."""

_MOST_LINES = 40  # of a summary

FRAME = (
    "metric", "variant", "n", "mean", "lift", "low", "high", "p_value", "warnings",
    "estimate", "difference", "std_error", "q_value",
)  # fmt: skip
"""The columns of a result's frame."""


@dataclass(frozen=True, slots=True)
class About:
    """What a result is of: in a word, the property its segments are of, its window in seconds, and notes on it.

    `kept` says that units exposed to several variants are in the sums.
    """

    title: str
    segment: str | None = None
    window: float | None = None
    notes: tuple[str, ...] = ()
    kept: bool = False


class ExperimentResult(Shown):
    """An experiment: each metric of each variant beside the control's.

    Every verb gives a new result from the same sums: `sequential()`, `corrected("bh")`, `at(0.1)`.
    """

    def __init__(self, metrics: Sequence[Metric], sums: pa.Table, setup: Setup, about: About) -> None:
        self.metrics = tuple(metrics)
        """What was measured."""
        self.setup = setup
        self.about = about
        self._table = sums
        self._sums = Sums(sums)

    @property
    def control(self) -> str:
        """The variant the others are compared with."""
        return self.setup.control

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants, the control first."""
        others = sorted({*self._sums.variants} - {self.control})
        return (self.control, *others)

    @property
    def segments(self) -> tuple[str | None, ...]:
        """The segments, by name; `(None,)` without `by`."""
        there = dict.fromkeys(self._sums.segments)
        return tuple(sorted(there, key=lambda one: (one is None, one or "")))

    @cached_property
    def sample_ratio(self) -> float:
        """The p of the counts of units against the variants' shares (χ²): below 0.01 something is wrong with who is in.

        NaN where there is one variant, or shares are not known.
        """
        return sample_ratio(self._sums, self.setup.shares)

    @cached_property
    def loud(self) -> tuple[str, ...]:
        """Those of the warnings that say: do not trust this yet."""
        return tuple(self._loud())

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing any number of it; the gravest first."""
        return (*self.loud, *self._quiet())

    @cached_property
    def rows(self) -> tuple[Comparison, ...]:
        """The comparisons, metric by metric, the control first."""
        loud = ["sample ratio mismatch"] if self.sample_ratio < MISMATCH else []
        return tuple(compare(self.metrics, self._sums, self.setup, loud=loud))

    def frame(self) -> "pd.DataFrame":
        """A row for each metric and variant, the control's too; with `by` for each segment, whose column comes first.

        Columns:
            metric, variant, n: the units that count.
            mean: of the variant: the mean, the share, the ratio or the quantile.
            lift, low, high: how much higher than the control's, as a share of it, with its interval.
            p_value: of the difference; with `sequential()` always valid.
            warnings: what to know of this row, as text; empty if nothing.
            estimate: the mean after CUPED; else the same.
            difference, std_error: treatment less control, in the metric's own unit.
            q_value: p_value, corrected for how many comparisons there are.
        """
        import pandas as pd

        columns: dict[str, list[object]] = {}
        if self.about.segment is not None:
            name = self.about.segment
            columns[f"segment_{name}" if name in FRAME else name] = [row.segment for row in self.rows]
        for name in FRAME:
            columns[name] = [getattr(row, name) for row in self.rows]
        columns["warnings"] = ["; ".join(row.warnings) for row in self.rows]
        return pd.DataFrame(columns)

    def bayes(self) -> "pd.DataFrame":
        """The same by Bayes: how likely each variant is better than the control, and what it costs if it is not.

        Columns: `metric, variant, n, mean, better` (the chance that it is higher than the control), `loss` (how much
        lower than the control to expect it to be, in the metric's own unit: the mean of max(0, control - variant)),
        `low, high` (what the difference lies between, with the chance of the interval). Shares have uniform priors,
        Beta(1, 1); all else has a flat prior, and a normal posterior.
        """
        import pandas as pd

        rows = [row for row in self.rows if row.variant != self.control]
        reach = _normal_reach(self.setup.alpha)
        columns: dict[str, list[object]] = {}
        if self.about.segment is not None:
            columns[self.about.segment] = [row.segment for row in rows]
        for name in ("metric", "variant", "n", "mean", "better", "loss"):
            columns[name] = [getattr(row, name) for row in rows]
        columns["low"] = [row.difference - reach * row.std_error for row in rows]
        columns["high"] = [row.difference + reach * row.std_error for row in rows]
        return pd.DataFrame(columns)

    def sizes(self) -> "pd.DataFrame":
        """How many units each variant has: `variant, units, expected, crossed, young`.

        `expected` is by its share; `crossed` were exposed to other variants too; the window of `young` is not over.
        """
        import pandas as pd

        units, crossed, young = (self._sums.by_variant(name) for name in ("units", "crossed", "young"))
        shares = self.setup.shares or {}
        total, whole = sum(units.values()), sum(shares.values())
        expected = [total * shares[one] / whole if whole and one in shares else math.nan for one in self.variants]
        counts = [[found.get(one, 0) for one in self.variants] for found in (units, crossed, young)]
        names = ("variant", "units", "expected", "crossed", "young")
        return pd.DataFrame(dict(zip(names, (self.variants, counts[0], expected, *counts[1:]), strict=True)))

    def sequential(self, planned: float = PLANNED) -> "ExperimentResult":
        """The same, to be looked at as often as you like: p-values and intervals hold at every look.

        They are wider than those of a test that is looked at once. `planned` is how many units, of control and
        treatment together, they are tightest at; say it before the experiment, not when you see the data.
        """
        if not 0 < need_number("planned", planned) < float("inf"):
            raise InvalidInputError(f"planned must be a number of units above 0, not {planned!r}")
        return self._with(replace(self.setup, planned=float(planned)))

    def fixed(self) -> "ExperimentResult":
        """The same as a test that is looked at once, at a time set before."""
        return self._with(replace(self.setup, planned=None))

    def corrected(self, correction: Correction | None) -> "ExperimentResult":
        """The same with q-values by `holm` or `bh`; None leaves them as the p-values are."""
        return self._with(replace(self.setup, correction=check_correction(correction)))

    def at(self, alpha: float) -> "ExperimentResult":
        """The same with intervals that hold 1 - alpha."""
        return self._with(replace(self.setup, alpha=check_alpha(alpha)))

    def of(self, metric: str, segment: str | None = None) -> tuple[Comparison, ...]:
        """The rows of one metric, in one segment."""
        names = [one.name for one in self.metrics]
        if metric not in names:
            raise InvalidInputError(f"there is no metric {metric!r}", hint=did_you_mean(str(metric), names))
        if segment is not None and segment not in self.segments:
            there = [one for one in self.segments if one is not None]
            raise InvalidInputError(f"there is no segment {segment!r}", hint=did_you_mean(str(segment), there))
        wanted = self.segments[0] if segment is None else segment
        return tuple(row for row in self.rows if row.metric == metric and row.segment == wanted)

    def summary(self) -> str:
        """What came out, in words: warnings first, then a line for each comparison."""
        lines = [f"Warning: {one}." for one in self.warnings]
        others = [row for row in self.rows if row.variant != self.control]
        for row in others[:_MOST_LINES]:
            where = "" if self.about.segment is None else f"{self.about.segment} {row.segment}: "
            lines.append(f"{where}{verdict(self._metric(row.metric), row, self.control, self.setup)}")
        if len(others) > _MOST_LINES:
            lines.append(f"And {len(others) - _MOST_LINES} comparisons more: see frame().")
        return "\n".join(lines)

    def plot(self) -> "Plot":
        """Each lift with its interval, beside a line for no difference. A matplotlib figure."""
        figure: Plot = view("forest").plot(self)
        return figure

    def widget(self) -> "ExperimentWidget":
        """The same, to look around in: metric, segment, one look or many, Bayes."""
        widget: ExperimentWidget = view("experiments").ExperimentWidget(self)
        return widget

    def _with(self, setup: Setup) -> "ExperimentResult":
        return ExperimentResult(self.metrics, self._table, setup, self.about)

    def _metric(self, name: str) -> Metric:
        return next(one for one in self.metrics if one.name == name)

    def _loud(self) -> list[str]:
        found = []
        if self.sample_ratio < MISMATCH:
            units = self._sums.by_variant("units")
            counts = ", ".join(f"{one} {units.get(one, 0):,}" for one in self.variants)
            found.append(
                f"sample ratio mismatch (p {said_p(self.sample_ratio)}): {counts}. That is no chance; "
                "find out who is missing before you believe anything below"
            )
        if len(self.variants) < 2:  # noqa: PLR2004 - control and another
            found.append(f"everybody is in one variant, {self.control}: there is nothing to compare it with")
        return found

    def _quiet(self) -> list[str]:
        found = list(self.about.notes)
        crossed = sum(self._sums.by_variant("crossed").values())
        if crossed:
            fate = "counted for the first" if self.about.kept else "left out"
            found.append(f"{counted(crossed)} exposed to several variants, and {fate}")
        young = sum(self._sums.by_variant("young").values())
        if young and self.about.window is not None:
            found.append(f"the window of {said(self.about.window)} is not over yet for {counted(young, verb=False)}")
        return found

    @override
    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.metrics)
        grave = " SAMPLE RATIO MISMATCH" if self.sample_ratio < MISMATCH else ""
        return f"<ExperimentResult of {self.about.title}:{grave} {names} by {sides(self.variants)}; .frame(), .plot()>"

    @override
    def _sheet(self) -> Sheet:
        return self.sheet(self.rows)

    def sheet(self, chosen: Sequence[Comparison]) -> Sheet:
        """Some of its rows as a table for people."""
        head = [] if self.about.segment is None else [self.about.segment]
        columns = [*head, "metric", "variant", "units", "mean", "lift", "interval", "p", "q", "note"]
        rows = []
        for row in chosen:
            own = row.variant == self.control
            shown = [] if self.about.segment is None else [row.segment]
            kind = self._metric(row.metric).kind
            numbers = ["", "", "", ""] if own else [*lift(row), said_p(row.p_value), said_p(row.q_value)]
            measured = share(row.mean) if kind == "conversion" else plain(row.mean)
            rows.append([*shown, row.metric, row.variant, f"{row.n:,}", measured, *numbers, "; ".join(row.warnings)])
        note = f"{100 * (1 - self.setup.alpha):g} % intervals; " + (
            "always valid, look as often as you like" if self.setup.planned else "for one look"
        )
        return Sheet(f"Experiment {self.about.title}", columns, rows, note)

    @override
    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        if "text/html" in bundle:
            bundle["text/html"] = alarm(self.warnings, grave=len(self.loud)) + bundle["text/html"]
        return bundle


def check_alpha(alpha: object) -> float:
    """Refuse what is no error rate."""
    value = need_number("alpha", alpha)
    if not 0 < value < 0.5:  # noqa: PLR2004 - from there on an interval holds less than not
        raise InvalidInputError(f"alpha must be between 0 and 0.5, as 0.05, not {alpha!r}")
    return float(value)


def check_correction(correction: object) -> Correction | None:
    """Refuse what is no correction."""
    match correction:
        case None | "holm" | "bh":
            return correction
        case _:
            raise InvalidInputError(f'correction must be "holm", "bh" or None, not {correction!r}')


def check_shares(shares: object, variants: Sequence[str]) -> dict[str, float]:
    """The shares that variants should have, by name: weights above 0; refuse what is none."""
    if not isinstance(shares, Mapping) or not shares:
        raise InvalidInputError(f'shares must be a dict of weights, as {{"a": 50, "b": 50}}, not {shares!r}')
    found = {}
    for name, weight in shares.items():
        value = need_number(f"the share of {name!r}", weight)
        if not 0 <= value < float("inf"):
            raise InvalidInputError(f"the share of {name!r} must be a number from 0, not {weight!r}")
        found[str(name)] = float(value)
    missing = [name for name in variants if name not in found]
    if missing:
        raise InvalidInputError(f"the shares say nothing of the variant {missing[0]!r}")
    if not sum(found.values()):
        raise InvalidInputError("one share at least must be above 0")
    return found


def _normal_reach(alpha: float) -> float:
    from burgee.experiments.statistics import special

    return float(special().ndtri(1 - alpha / 2))
