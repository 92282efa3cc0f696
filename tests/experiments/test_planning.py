"""Plans: how many users an experiment needs."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

import burgee
from burgee.experiments import statistics


def test_a_plan_is_what_textbooks_say() -> None:
    """Two shares, 5 % and 6 %, at 80 % power: about 8,155 each."""
    plan = burgee.plan(baseline=0.05, lift=0.2)
    reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    by_hand = reach**2 * (0.05 * 0.95 + 0.06 * 0.94) / 0.01**2
    assert plan.units == {"control": math.ceil(by_hand), "treatment": math.ceil(by_hand)}
    assert 8100 < plan.units["control"] < 8200
    assert plan.days is None


def test_so_many_units_do_find_the_change_as_often_as_planned() -> None:
    plan = burgee.plan(baseline=100, lift=0.05, std=40, shares={"control": 70, "treatment": 30}, power=0.9)
    rng = np.random.default_rng(1)
    control = rng.normal(100, 40, (1000, plan.units["control"]))
    treatment = rng.normal(105, 40, (1000, plan.units["treatment"]))
    found = stats.ttest_ind(treatment, control, axis=1, equal_var=False).pvalue < 0.05
    assert 0.88 <= found.mean() <= 0.92


def test_days_and_frame() -> None:
    plan = burgee.plan(baseline=0.05, lift=0.2, per_day=1000, shares={"control": 50, "a": 25, "b": 25})
    frame = plan.frame()
    assert frame["variant"].tolist() == ["control", "a", "b"]
    assert plan.days == math.ceil(plan.total / 1000) == frame["days"][0]
    assert plan.units["control"] == pytest.approx(2 * plan.units["a"], abs=1)
    assert f"{plan.total:,} in all" in repr(plan)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"baseline": 0}, "must not be 0"),
        ({"baseline": 1.2}, "a share is between 0 and 1, not 1.2"),
        ({"baseline": math.nan}, "finite number, not nan"),
        ({"baseline": "5%"}, "baseline must be a number, not '5%'"),
        ({"lift": 0}, "must not be 0"),
        ({"lift": 20}, "would be 1.05"),
        ({"lift": 1e-300}, "no number of units is enough"),
        ({"power": 1}, "power must be between 0 and 1"),
        ({"alpha": 0.7}, "alpha must be between 0 and 0.5"),
        ({"std": -1}, "std must be a number above 0"),
        ({"per_day": 0}, "per_day must be a number of units above 0"),
        ({"shares": {"control": 1}}, "two variants"),
        ({"shares": {}}, "must be a dict of weights"),
        ({"control": "c"}, "the control 'c' has no share"),
    ],
)
def test_what_is_no_plan_is_refused_by_name(change: dict[str, object], error: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=error):
        burgee.plan(**{"baseline": 0.05, "lift": 0.1, **change})  # type: ignore[arg-type] # wrong on purpose


def test_without_scipy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics.special.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(burgee.MissingExtraError, match="scipy is not installed") as caught:
        burgee.plan(baseline=0.05, lift=0.1)
    assert "burgee[experiments]" in " ".join([str(caught.value), *caught.value.hints])
