"""From sums to comparisons: each metric of each variant beside the control's, with what is odd about it in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from burgee.experiments import statistics
from burgee.experiments.model import Correction, Metric
from burgee.experiments.statistics import Difference, Estimate, Moments, Numbers
from burgee.experiments.words import counted

type Rows = NDArray[np.int64]
"""Numbers of rows."""

type Marks = NDArray[np.bool_]
"""Whether something holds of each row."""

MISMATCH = 0.01
"""Below this p of the sample ratio, the counts of the variants are not what the shares make of chance."""

FEWEST_EVENTS = 10
"""So many units must have, and so many must not have, for a share's error to be near normal."""

FEWEST_UNITS = 30
"""With fewer units of a variant a mean's error need not be near normal."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How sums are compared.

    `shares` are the variants' shares as they should be (None: not known, so nothing is checked); 1 - `alpha` is what
    intervals hold; `planned` is the number of units a sequential test is tightest at (None: the test is a fixed one).
    """

    control: str
    shares: dict[str, float] | None
    alpha: float = 0.05
    correction: Correction | None = "holm"
    planned: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one variant, in one segment.

    `mean` is what was measured, `estimate` the same after CUPED. What is of the comparison with the control
    (`difference` to `q_value`, `better` and `loss`) is NaN in the control's own row.
    """

    segment: str | None
    metric: str
    variant: str
    n: int
    mean: float
    estimate: float
    difference: float
    std_error: float
    lift: float
    low: float
    high: float
    p_value: float
    q_value: float
    better: float
    loss: float
    warnings: tuple[str, ...]


class Sums:
    """The answer of an engine: a row for each segment and variant, columns as `questions.experiment` names them."""

    def __init__(self, table: pa.Table) -> None:
        self.segments: list[str | None] = table["segment"].to_pylist()
        self.variants: list[str] = [str(one) for one in table["variant"].to_pylist()]
        self._table = table

    def __getitem__(self, name: str) -> Numbers:
        column = self._table[name].cast(pa.float64()).fill_null(float("nan"))
        numbers: Numbers = column.to_numpy()
        return numbers

    def __contains__(self, name: str) -> bool:
        return name in self._table.column_names

    def by_variant(self, name: str) -> dict[str, int]:
        """A count of each variant, in all segments."""
        found: dict[str, int] = {}
        for variant, count in zip(self.variants, self[name], strict=True):
            found[variant] = found.get(variant, 0) + int(count)
        return found


def sample_ratio(sums: Sums, shares: dict[str, float] | None) -> float:
    """The p of the counts of units against the shares; NaN where there is nothing to compare."""
    counts = sums.by_variant("units")
    if shares is None:
        return float("nan")
    names = sorted({*counts, *(name for name, share in shares.items() if share > 0)})
    known = [name for name in names if shares.get(name, 0) > 0]
    return statistics.sample_ratio_p(
        np.array([counts.get(name, 0) for name in known], dtype=float), np.array([shares[name] for name in known])
    )


def compare(metrics: Sequence[Metric], sums: Sums, setup: Setup, *, loud: Sequence[str] = ()) -> list[Comparison]:
    """Every comparison, metric by metric; `loud` are warnings that go with each."""
    drafts = [_metric(place, metric, sums, setup) for place, metric in enumerate(metrics)]
    p_values = [one.p_value for draft in drafts for one in draft]
    adjusted = iter(_adjusted(p_values, setup.correction))
    rows = []
    for draft in drafts:
        ranked = sorted(draft, key=lambda one: (one.segment is None, one.segment or "", one.variant != setup.control))
        q_values = {(one.segment, one.variant): next(adjusted) for one in draft}
        rows += [_final(one, q_values[one.segment, one.variant], loud) for one in ranked]
    return rows


def _adjusted(p_values: Sequence[float], correction: Correction | None) -> list[float]:
    values = np.array(p_values, dtype=float)
    if correction == "holm":
        values = statistics.holm(values)
    elif correction == "bh":
        values = statistics.benjamini_hochberg(values)
    return [float(one) for one in values]


def _final(one: Comparison, q_value: float, loud: Sequence[str]) -> Comparison:
    names = {name: getattr(one, name) for name in Comparison.__slots__}
    return Comparison(**{**names, "q_value": q_value, "warnings": (*loud, *one.warnings)})


def _metric(place: int, metric: Metric, sums: Sums, setup: Setup) -> list[Comparison]:
    plain, estimate = _estimates(place, metric, sums)
    control = _controls(sums, setup.control)
    there = control >= 0
    base = _at(estimate, np.where(there, control, 0))
    found = statistics.difference(base, estimate)
    own = np.array([variant == setup.control for variant in sums.variants])
    hidden = own | ~there | (estimate.n < 2) | (base.n < 2)  # noqa: PLR2004 - one unit has no spread
    if setup.planned is None:
        p, reach = statistics.p_value(found), statistics.reach(found, setup.alpha)
    else:
        units = estimate.n + base.n
        scale = statistics.sequential_scale(units, setup.planned, setup.alpha)
        p, reach = statistics.sequential_p(found, scale), statistics.sequential_reach(scale, setup.alpha)
    low, high = statistics.lift_interval(base, estimate, reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = found.value / np.abs(base.value)
    flat = ~(found.error > 0)
    columns = {
        "difference": np.where(hidden, np.nan, found.value),
        "std_error": np.where(hidden, np.nan, found.error),
        "lift": np.where(own | ~there | ~np.isfinite(lift), np.nan, lift),
        "low": np.where(hidden | flat, np.nan, low),
        "high": np.where(hidden | flat, np.nan, high),
        "p_value": np.where(hidden, np.nan, p),
    }
    shares = plain if metric.kind == "conversion" and estimate is plain else None
    better, loss = _bayes(found, shares, control, hidden)
    rows = []
    for row, (segment, variant) in enumerate(zip(sums.segments, sums.variants, strict=True)):
        numbers = {name: float(values[row]) for name, values in columns.items()}
        words = () if own[row] else _words(metric, row, control, plain, columns)
        left_out = int(sums["units"][row] - plain.n[row])
        if left_out > 0:
            words = (f"{counted(left_out)} left out: no value", *words)
        rows.append(
            Comparison(
                segment=segment, metric=metric.name, variant=variant, n=int(plain.n[row]), mean=float(plain.value[row]),
                estimate=float(estimate.value[row]), q_value=float("nan"), better=float(better[row]),
                loss=float(loss[row]), warnings=words, **numbers,
            )
        )  # fmt: skip
    return rows


def _estimates(place: int, metric: Metric, sums: Sums) -> tuple[Estimate, Estimate]:
    """What was measured, and the same after CUPED."""
    n = sums[f"n_{place}"]
    if metric.at is not None:
        value, low, high = (sums[f"{letter}_{place}"] for letter in "qlh")
        found = statistics.quantile(value, low, high, n, metric.at)
        return found, found
    other = "y" if metric.kind == "ratio" else "p"
    if f"s_{place}_{other}" not in sums:
        nothing = np.zeros(len(n))
        found = statistics.mean(_moments(place, sums, n, (nothing, nothing, nothing), nothing))
        return found, found
    names = (other, other + other, f"x{other}")
    more = (sums[f"s_{place}_{names[0]}"], sums[f"s_{place}_{names[1]}"], sums[f"s_{place}_{names[2]}"])
    of = _moments(place, sums, n, more, sums[f"c_{place}_{other}"])
    if metric.kind == "ratio":
        found = statistics.ratio(of)
        return found, found
    where = _numbers(sums.segments)
    known = np.where(n > 0, n, 0.0)

    def together(values: Numbers) -> Numbers:
        added: Numbers = np.bincount(where, np.where(n > 0, values, 0.0))
        return added[where]

    theta = statistics.theta(together(of.xy), together(of.yy))
    with np.errstate(divide="ignore", invalid="ignore"):
        overall = together(of.y * known) / together(known)
    return statistics.mean(of), statistics.adjusted(of, theta, overall)


def _moments(place: int, sums: Sums, n: Numbers, more: tuple[Numbers, Numbers, Numbers], centre: Numbers) -> Moments:
    x, xx = sums[f"s_{place}_x"], sums[f"s_{place}_xx"]
    return statistics.moments(n, (x, xx, *more), (sums[f"c_{place}_x"], centre))


def _numbers(segments: Sequence[str | None]) -> Rows:
    places = {segment: place for place, segment in enumerate(dict.fromkeys(segments))}
    return np.array([places[segment] for segment in segments], dtype=np.int64)


def _controls(sums: Sums, control: str) -> Rows:
    """For each row which is its control's; -1 where its segment has none."""
    pairs = enumerate(zip(sums.segments, sums.variants, strict=True))
    places = {segment: row for row, (segment, variant) in pairs if variant == control}
    return np.array([places.get(one, -1) for one in sums.segments], dtype=np.int64)


def _at(estimate: Estimate, rows: Rows) -> Estimate:
    return Estimate(estimate.value[rows], estimate.variance[rows], estimate.n[rows])


def _bayes(found: Difference, shares: Estimate | None, control: Rows, hidden: Marks) -> tuple[Numbers, Numbers]:
    """The chance to be better and the loss to expect; `shares` are those of units that did it, where it is that."""
    better, loss = statistics.better(found)
    for row in np.flatnonzero(~hidden):
        if shares is None:
            break
        did = [float(shares.value[int(at)] * shares.n[int(at)]) for at in (control[row], row)]
        did_not = [float(shares.n[int(at)]) - one for at, one in zip((control[row], row), did, strict=True)]
        better[row], loss[row] = statistics.better_shares((did[0], did_not[0]), (did[1], did_not[1]))
    return np.where(hidden, np.nan, better), np.where(hidden, np.nan, loss)


def _words(metric: Metric, row: int, control: Rows, plain: Estimate, columns: dict[str, Numbers]) -> tuple[str, ...]:
    """What to know before believing the numbers of a row."""
    if control[row] < 0:
        return ("nobody of the control is here to compare with",)
    sides = [plain.n[int(at)] for at in (row, control[row])]
    if min(sides) < 2:  # noqa: PLR2004 - one unit has no spread
        return ("too few units to compare: two of each variant are the least",)
    if not columns["std_error"][row] > 0:
        if metric.kind == "quantile":
            return ("the values about this quantile are all the same, so its error can't be told",)
        return ("every unit has the same value, so there is no error to compare with",)
    words = []
    if metric.kind == "conversion":
        counts = [plain.value[int(at)] * plain.n[int(at)] for at in (row, control[row])]
        counts += [n - count for n, count in zip(sides, counts, strict=True)]
        if min(counts) < FEWEST_EVENTS:
            words.append(f"only {round(min(counts)):,} units did it, or did not, in one variant: too few to rely on")
    elif min(sides) < FEWEST_UNITS:
        words.append(f"only {int(min(sides)):,} units in one variant: too few to rely on")
    if np.isinf(columns["low"][row]):
        words.append("the control can't be told from 0, so a lift over it has no bounds; see difference")
    return tuple(words)
