"""A thousand experiments at once, from frame to result: each is a segment of one frame."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import burgee

TRIALS = 1000


def simulated(n: int, seed: int, effect: float = 0.0) -> pd.DataFrame:
    """A thousand experiments of n units each; a unit's orders and revenue go together, and with what was before."""
    rng = np.random.default_rng(seed)
    size = TRIALS * n
    variant = np.where(rng.random(size) < 0.5, "treatment", "control")
    keen = rng.gamma(2.0, 1.0, size)
    orders = 1 + rng.poisson(keen)
    value = orders * rng.gamma(3.0, 10.0, size) * np.where(variant == "treatment", 1 + effect, 1.0)
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(TRIALS), n),
            "variant": variant,
            "orders": orders,
            "revenue": value,
            "before": keen * 30 + rng.gamma(3.0, 10.0, size),
            "bought": rng.random(size) < 0.3,
            "seconds": rng.lognormal(1.0, 0.7, size) * np.where(variant == "treatment", 1 + effect, 1.0),
        }
    )


METRICS: Mapping[str, object] = {
    "mean": ("sum", "revenue"),
    "share": ("conversion", "bought"),
    "ratio": ("ratio", "revenue", "orders"),
    "p90": ("p90", "seconds"),
    "median": ("median", "seconds"),
}


@pytest.fixture(scope="module")
def nothing() -> pd.DataFrame:
    """Of a thousand A/A tests, the treatments' rows."""
    result = burgee.experiment(simulated(500, 1), variant="variant", metrics=METRICS, by="trial", correction=None)
    frame = result.frame()
    return frame[frame["variant"] == "treatment"]


@pytest.mark.parametrize("metric", ["mean", "share", "ratio", "median"])
def test_where_nothing_differs_p_values_are_uniform(nothing: pd.DataFrame, metric: str) -> None:
    p = nothing.loc[nothing["metric"] == metric, "p_value"]
    assert len(p) == TRIALS
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("metric", list(METRICS))
def test_where_nothing_differs_one_in_twenty_intervals_says_so(nothing: pd.DataFrame, metric: str) -> None:
    rows = nothing[nothing["metric"] == metric]
    alarms = ((rows["low"] > 0) | (rows["high"] < 0)).mean()
    assert 0.03 <= alarms <= 0.07
    assert alarms == (rows["p_value"] < 0.05).mean()


@pytest.mark.parametrize("metric", ["mean", "ratio", "p90", "median"])
def test_where_something_differs_intervals_cover_it(metric: str) -> None:
    frame = burgee.experiment(
        simulated(400, 2, effect=0.2), variant="variant", metrics={metric: METRICS[metric]}, by="trial"
    ).frame()
    rows = frame[frame["variant"] == "treatment"]
    covered = ((rows["low"] <= 0.2) & (rows["high"] >= 0.2)).mean()
    assert 0.93 <= covered <= 0.97
    assert rows["lift"].mean() == pytest.approx(0.2, abs=0.02)


def test_cuped_covers_as_well_with_shorter_intervals() -> None:
    data = simulated(400, 3, effect=0.2)
    metrics = {"revenue": ("sum", "revenue")}
    plain = burgee.experiment(data, variant="variant", metrics=metrics, by="trial").frame()
    adjusted = burgee.experiment(data, variant="variant", metrics=metrics, by="trial", cuped="before").frame()
    rows, before = (frame[frame["variant"] == "treatment"] for frame in (adjusted, plain))
    covered = ((rows["low"] <= 0.2) & (rows["high"] >= 0.2)).mean()
    assert 0.93 <= covered <= 0.97
    assert rows["std_error"].mean() < 0.9 * before["std_error"].mean()
    assert rows["mean"].tolist() == pytest.approx(before["mean"].tolist())
    assert rows["lift"].std() < 0.92 * before["lift"].std()


def test_cuped_does_not_see_effects_where_there_are_none() -> None:
    frame = burgee.experiment(
        simulated(400, 4), variant="variant", metrics={"revenue": ("sum", "revenue")}, by="trial", cuped="before"
    ).frame()
    assert stats.kstest(frame["p_value"].dropna(), "uniform").pvalue > 0.01
