"""The formulas, against scipy and against a thousand simulated experiments at a time."""

import numpy as np
import pytest
from scipy import stats

from burgee.experiments import statistics
from burgee.experiments.statistics import Difference, Estimate

TRIALS = 1000


def of(values: np.ndarray, axis: int = -1) -> Estimate:
    n = np.full(values.shape[:-1], values.shape[axis], dtype=float)
    return Estimate(values.mean(axis), values.var(axis, ddof=1) / n, n)


def test_welch_is_scipys() -> None:
    rng = np.random.default_rng(1)
    control, treatment = rng.exponential(3, (5, 40)), rng.normal(3, 1, (5, 25))
    found = statistics.difference(of(control), of(treatment))
    theirs = stats.ttest_ind(treatment, control, axis=1, equal_var=False)
    assert statistics.p_value(found) == pytest.approx(theirs.pvalue)
    interval = theirs.confidence_interval(0.95)
    reach = statistics.reach(found, 0.05)
    assert found.value - reach * found.error == pytest.approx(interval.low)
    assert found.value + reach * found.error == pytest.approx(interval.high)


def test_a_lifts_interval_leaves_out_0_exactly_where_the_difference_is_significant() -> None:
    rng = np.random.default_rng(2)
    control, treatment = of(rng.exponential(1, (TRIALS, 50))), of(rng.exponential(1.3, (TRIALS, 60)))
    found = statistics.difference(control, treatment)
    low, high = statistics.lift_interval(control, treatment, statistics.reach(found, 0.05))
    significant = statistics.p_value(found) < 0.05
    assert 0 < significant.sum() < TRIALS
    assert ((low > 0) | (high < 0)).tolist() == significant.tolist()


def test_a_lift_over_nothing_has_no_bounds() -> None:
    nothing, something = (Estimate(np.array([v]), np.array([1.0]), np.array([100.0])) for v in (0.0, 5.0))
    found = statistics.difference(nothing, something)
    low, high = statistics.lift_interval(nothing, something, statistics.reach(found, 0.05))
    assert (low[0], high[0]) == (-np.inf, np.inf)


def test_sequential_p_and_interval_say_the_same() -> None:
    error = np.array([0.5])
    scale = statistics.sequential_scale(np.array([4000.0]), 10_000, 0.05)
    reach = statistics.sequential_reach(scale, 0.05)
    at_the_edge = Difference(reach * error, error, np.array([np.inf]))
    assert statistics.sequential_p(at_the_edge, scale) == pytest.approx(0.05)
    assert reach > statistics.reach(at_the_edge, 0.05)


def test_daily_looks_raise_false_alarms_in_a_fixed_test_and_not_in_a_sequential_one() -> None:
    rng = np.random.default_rng(3)
    days, each = 28, 100
    control, treatment = rng.exponential(1, (2, TRIALS, days * each))

    def looks(values: np.ndarray) -> Estimate:
        n = np.arange(1, values.shape[1] + 1)[None, :]
        sums, squares = values.cumsum(1), (values * values).cumsum(1)
        mean = sums / n
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (squares / n - mean**2) / (n - 1)
        at = slice(each - 1, None, each)
        return Estimate(mean[:, at], variance[:, at], np.broadcast_to(n[:, at], mean[:, at].shape).astype(float))

    a, b = looks(control), looks(treatment)
    found = statistics.difference(a, b)
    peeked = (statistics.p_value(found) < 0.05).any(axis=1).mean()
    scale = statistics.sequential_scale(a.n + b.n, 2.0 * days * each, 0.05)
    valid = (statistics.sequential_p(found, scale) < 0.05).any(axis=1).mean()
    assert peeked > 0.15
    assert valid <= 0.05
    reach = statistics.sequential_reach(scale, 0.05)
    always_inside = (np.abs(found.value) <= reach * found.error).all(axis=1).mean()
    assert always_inside >= 0.95


def test_a_sequential_test_finds_what_is_there() -> None:
    rng = np.random.default_rng(4)
    found = statistics.difference(of(rng.normal(1, 1, (TRIALS, 2000))), of(rng.normal(1.15, 1, (TRIALS, 2000))))
    scale = statistics.sequential_scale(np.full(TRIALS, 4000.0), 4000, 0.05)
    assert (statistics.sequential_p(found, scale) < 0.05).mean() > 0.9


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    assert statistics.holm(p) == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    known = p[~np.isnan(p)]
    assert statistics.benjamini_hochberg(p)[[0, 1, 3, 4]] == pytest.approx(stats.false_discovery_control(known))


def test_the_sample_ratio_is_pearsons() -> None:
    p = statistics.sample_ratio_p(np.array([44_700.0, 45_489.0]), np.array([1.0, 1.0]))
    assert p == pytest.approx(stats.chisquare([44_700, 45_489]).pvalue)
    assert round(p, 4) == 0.0086
    assert np.isnan(statistics.sample_ratio_p(np.array([5.0]), np.array([1.0])))


def test_bayes_of_shares_is_what_draws_from_the_posteriors_say() -> None:
    rng = np.random.default_rng(5)
    control, treatment = rng.beta(31, 471, 400_000), rng.beta(46, 456, 400_000)
    chance, loss = statistics.better_shares((30, 470), (45, 455))
    assert chance == pytest.approx((treatment > control).mean(), abs=0.003)
    assert loss == pytest.approx(np.maximum(control - treatment, 0).mean(), rel=0.05)
    few, _ = statistics.better_shares((0, 3), (3, 0))
    assert few == pytest.approx((rng.beta(4, 1, 400_000) > rng.beta(1, 4, 400_000)).mean(), abs=0.003)


def test_bayes_of_means_is_what_draws_from_the_posterior_say() -> None:
    rng = np.random.default_rng(6)
    draws = rng.normal(0.4, 1.0, 400_000)
    chance, loss = statistics.better(Difference(np.array([0.4]), np.array([1.0]), np.array([99.0])))
    assert chance[0] == pytest.approx((draws > 0).mean(), abs=0.003)
    assert loss[0] == pytest.approx(np.maximum(-draws, 0).mean(), rel=0.02)
