"""The formulas, over arrays: an entry for each comparison, or for each of a thousand simulated experiments.

Nothing here knows what a metric or a flag is. An *estimate* is a number with its variance, whatever it was made from;
what compares two of them needs no more.
"""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from burgee.analytics.questions.sums import REACH
from burgee.core.errors import MissingExtraError

type Numbers = NDArray[np.float64]

_GRID = 2000  # steps of an integral; of 24 standard deviations each is a hundredth


@dataclass(frozen=True, slots=True)
class Estimate:
    """Numbers, the variances of these numbers (not of what they are of), and of how many units each is."""

    value: Numbers
    variance: Numbers
    n: Numbers


@dataclass(frozen=True, slots=True)
class Moments:
    """Of units: how many, and for x (and y) the mean and the sums of squares and products about the mean."""

    n: Numbers
    x: Numbers
    xx: Numbers
    y: Numbers
    yy: Numbers
    xy: Numbers


@cache
def special() -> ModuleType:
    """The special functions of scipy.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    try:
        import scipy.special as found
    except ModuleNotFoundError as error:
        raise MissingExtraError("an experiment's p-values (scipy is not installed)", "experiments") from error
    made: ModuleType = found
    return made


def moments(n: Numbers, sums: tuple[Numbers, ...], centre: tuple[Numbers, Numbers]) -> Moments:
    """From sums of distances from a centre, of x, x², y, y² and xy, to means and sums about the means."""
    x, xx, y, yy, xy = sums
    with _quiet():
        return Moments(n, centre[0] + x / n, xx - x * x / n, centre[1] + y / n, yy - y * y / n, xy - x * y / n)


def mean(of: Moments) -> Estimate:
    """The mean of x. Its variance is s²/n, with n - 1 in s²."""
    with _quiet():
        return Estimate(of.x, _least(of.xx) / (of.n - 1) / of.n, of.n)


def ratio(of: Moments) -> Estimate:
    """The sum of x over the sum of y, r, with the variance of the delta method.

    (s_x² - 2 r s_xy + r² s_y²) / (n ȳ²): A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics",
    KDD 2018, section 3.
    """
    with _quiet():
        r = of.x / of.y
        spread = _least(of.xx - 2 * r * of.xy + r * r * of.yy) / (of.n - 1)
        return Estimate(r, spread / of.n / of.y**2, of.n)


def quantile(value: Numbers, low: Numbers, high: Numbers, n: Numbers, at: float) -> Estimate:
    """A quantile, with a standard error from the values at two ranks around it.

    `low` and `high` stand `REACH` standard deviations of a rank, s = √(n q (1 - q)), away from rank n q, rounded
    outward: so many ranks apart, they tell how fast values rise there: s (high - low) / (ranks apart). A. Deng,
    U. Knoblich, J. Lu, the same paper, section 4; R. Price, D. Bonett, "Estimating the variance of the sample median",
    Journal of Statistical Computation and Simulation 68, 2001.
    """
    with _quiet():
        spread = np.sqrt(n * at * (1 - at))
        first = np.maximum(1.0, np.floor(n * at - REACH * spread))
        last = np.minimum(n, np.floor(n * at + REACH * spread) + 1)
        error = spread * (high - low) / (last - first)
        return Estimate(value, error * error, n)


def theta(xp: Numbers, pp: Numbers) -> Numbers:
    """CUPED's theta = cov(x, p) / var(p), from sums about the means of all groups together; 0 where p never varies.

    A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data", WSDM 2013, equation 4.
    """
    with _quiet():
        return np.where(pp > 0, xp / pp, 0.0)


def adjusted(of: Moments, by: Numbers, overall: Numbers) -> Estimate:
    """The mean of x less what y, from before, tells of it: x̄ - theta (ȳ - ȳ of all), with theta = `by`."""
    with _quiet():
        spread = _least(of.xx - 2 * by * of.xy + by * by * of.yy) / (of.n - 1)
        return Estimate(of.x - by * (of.y - overall), spread / of.n, of.n)


@dataclass(frozen=True, slots=True)
class Difference:
    """A treatment less its control: the difference, its standard error, and the degrees of freedom."""

    value: Numbers
    error: Numbers
    df: Numbers


def difference(control: Estimate, treatment: Estimate) -> Difference:
    """Welch's: variances add up, and the degrees of freedom are Satterthwaite's.

    B. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34, 1947.
    """
    with _quiet():
        both = control.variance + treatment.variance
        parts = control.variance**2 / (control.n - 1) + treatment.variance**2 / (treatment.n - 1)
        return Difference(treatment.value - control.value, both**0.5, both**2 / parts)


def p_value(of: Difference) -> Numbers:
    """Two-sided, by Student's t; NaN where nothing varies."""
    with _quiet():
        t = np.abs(of.value / of.error)
        return np.where(of.error > 0, 2 * special().stdtr(of.df, -t), np.nan)


def reach(of: Difference, alpha: float) -> Numbers:
    """How many standard errors an interval reaches to both sides."""
    found: Numbers = special().stdtrit(of.df, 1 - alpha / 2)
    return found


def lift_interval(control: Estimate, treatment: Estimate, reach: Numbers) -> tuple[Numbers, Numbers]:
    """The interval of (treatment - control) / |control|, by Fieller.

    Of t/c it holds all r with |t - r c| ≤ reach √(var t + r² var c).
    So it leaves out 0 exactly where the difference is significant. For large samples it is that of the delta method;
    for small ones it holds where that does not. Unbounded (-∞, ∞) where the control can't be told from 0.

    E. Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16, 1954.
    """
    with _quiet():
        square = reach * reach
        a = control.value**2 - square * control.variance
        b = control.value * treatment.value
        c = treatment.value**2 - square * treatment.variance
        root = np.sqrt(_least(b * b - a * c))
        low, high = (b - root) / a - 1, (b + root) / a - 1
        below = control.value < 0  # then more is nearer to 0, and still more
        low, high = np.where(below, -high, low), np.where(below, -low, high)
        known = np.isfinite(reach) & np.isfinite(control.variance) & np.isfinite(treatment.variance)
        far = np.where(known, np.inf, np.nan)
        return np.where(a > 0, low, -far), np.where(a > 0, high, far)


def sequential_scale(n: Numbers, planned: float, alpha: float) -> Numbers:
    """The mixture's variance over that of the difference, n k / planned.

    k = -2 log alpha + log(-2 log alpha) + 1 makes the interval tightest near `planned` units: I. Waudby-Smith,
    D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences",
    Annals of Statistics 52, 2024.
    """
    twice = -2 * math.log(alpha)
    return n * (twice + math.log(twice) + 1) / planned


def sequential_p(of: Difference, scale: Numbers) -> Numbers:
    """Always valid: looked at however often, the chance that it ever falls to alpha is alpha, if nothing differs.

    min(1, 1/L), L = (1 + u)^(-1/2) exp(z² u / (2 (1 + u))), u the scale: the mixture sequential probability ratio test
    with a normal mixture (R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always Valid Inference: Continuous Monitoring of
    A/B Tests", Operations Research 70, 2022; H. Robbins, "Statistical methods related to the law of the iterated
    logarithm", Annals of Mathematical Statistics 41, 1970).
    """
    with _quiet():
        z = of.value / of.error
        logarithm = z * z * scale / (2 * (1 + scale)) - np.log1p(scale) / 2
        return np.where(of.error > 0, np.minimum(1.0, np.exp(-logarithm)), np.nan)


def sequential_reach(scale: Numbers, alpha: float) -> Numbers:
    """How many standard errors the confidence sequence reaches: where `sequential_p` is alpha."""
    with _quiet():
        found: Numbers = np.sqrt((1 + scale) / scale * (np.log1p(scale) - 2 * math.log(alpha)))
        return found


def holm(p: Numbers) -> Numbers:
    """Adjusted for the chance of any false alarm among them; NaN is no comparison."""
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def benjamini_hochberg(p: Numbers) -> Numbers:
    """Adjusted for the share of false alarms among those found; NaN is no comparison."""
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return adjusted


def sample_ratio_p(counts: Numbers, shares: Numbers) -> float:
    """Pearson's chi-square of the counts against the shares they should have; NaN of one group or nobody.

    A. Fabijan and others, "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
    """
    total = counts.sum()
    expected = total * shares / shares.sum()
    if len(counts) < 2 or not total or not (expected > 0).all():  # noqa: PLR2004 - two groups
        return float("nan")
    return float(special().chdtrc(len(counts) - 1, ((counts - expected) ** 2 / expected).sum()))


def better(of: Difference) -> tuple[Numbers, Numbers]:
    """Bayes with a flat prior: the chance that the treatment is larger, and the loss to expect from it if it is not.

    The posterior of the difference is normal, N(d, e²): P = Phi(d/e), and E max(0, -δ) = e phi(d/e) - d Phi(-d/e).
    """
    with _quiet():
        z = of.value / of.error
        density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        loss = of.error * density - of.value * special().ndtr(-z)
        there = of.error > 0
        return np.where(there, special().ndtr(z), np.nan), np.where(there, np.maximum(loss, 0.0), np.nan)


def better_shares(control: tuple[float, float], treatment: tuple[float, float]) -> tuple[float, float]:
    """The same of two shares, each given as (did it, did not), with uniform priors: Beta(did + 1, did not + 1).

    P(t > c) = ∫ f_t F_c and E max(0, c - t) = ∫ F_t (1 - F_c), each by the trapezoidal rule on a grid that
    covers both.
    """
    beta = special().betainc
    sides = [(did + 1, did_not + 1) for did, did_not in (control, treatment)]
    middles = [a / (a + b) for a, b in sides]
    spreads = [(a * b / ((a + b) ** 2 * (a + b + 1))) ** 0.5 for a, b in sides]
    low = max(0.0, min(middle - 12 * spread for middle, spread in zip(middles, spreads, strict=True)))
    high = min(1.0, max(middle + 12 * spread for middle, spread in zip(middles, spreads, strict=True)))
    grid = np.linspace(low, high, _GRID + 1)
    below = [beta(a, b, grid) for a, b in sides]  # the two distributions
    chance = float((np.diff(below[1]) * (below[0][1:] + below[0][:-1]) / 2).sum())  # ∫ F_c dF_t
    loss = below[1] * (1 - below[0])
    return chance, float(((loss[1:] + loss[:-1]) / 2).sum() * (high - low) / _GRID)


def _least(spread: Numbers) -> Numbers:
    """Rounding may leave a sum of squares a hair below 0."""
    return np.maximum(spread, 0.0)


def _quiet() -> AbstractContextManager[object]:
    """Without warnings: what can't be worked out is NaN, and is told in words."""
    return np.errstate(divide="ignore", invalid="ignore", over="ignore")
