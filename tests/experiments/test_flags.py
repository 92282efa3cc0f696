"""Experiments on flags: from exposures and events to a result, wherever the log is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import burgee
from burgee.analytics.dialects import DIALECTS
from burgee.experiments.metrics import to_metrics
from burgee.experiments.model import Trial
from burgee.workspace import Tenant

START = datetime(2026, 1, 5, tzinfo=UTC)
METRICS = {
    "bought": "purchase",
    "revenue": ("sum", "purchase", "amount"),
    "orders": ("count", "purchase"),
    "basket": ("ratio", ("sum", "purchase", "amount"), ("count", "purchase")),
    "p75": ("p75", "purchase", "amount"),
    "largest": ("max", "purchase", "amount"),
}


def exposed(unit: str, variant: str, hours: float = 0, **more: object) -> dict[str, object]:
    at = START + timedelta(hours=hours)
    return {"stream": "exposures-new", "type": "flag.exposure", "time": at, "flag": "new", "variant": variant} | {
        "id": unit, **more,
    }  # fmt: skip


def bought(user: str, amount: float, hours: float = 1, **more: object) -> dict[str, object]:
    return {"stream": user, "type": "purchase", "time": START + timedelta(hours=hours), "amount": amount, **more}


def told(acme: Tenant, *rows: dict[str, object]) -> burgee.Flag:
    acme.events.ingest(pd.DataFrame(list(rows)), stream="stream", type="type", time="time")
    return acme.flags.create("new", variants={"control": 50, "treatment": 50}, exist_ok=True)


def crowd() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exposures of 300 users, one a minute, and purchases before and after them."""
    rng = np.random.default_rng(1)
    users = [f"u{number}" for number in range(300)]
    shown = pd.DataFrame([exposed(user, "treatment" if rng.random() < 0.5 else "control", n / 60)
                          for n, user in enumerate(users)])  # fmt: skip
    buyers = rng.integers(0, 300, 900)
    rows = [bought(users[n], round(float(rng.gamma(2, 20)), 2), n / 60 + float(rng.uniform(-48, 96))) for n in buyers]
    return shown, pd.DataFrame(rows)


def test_a_flag_is_an_experiment_wherever_the_log_is(acme: Tenant) -> None:
    shown, purchases = crowd()
    for rows in (shown, purchases):
        acme.events.ingest(rows, stream="stream", type="type", time="time")
    flag = acme.flags.create("new", variants={"control": 50, "treatment": 50})
    result = flag.experiment(METRICS, window="2d", cuped="2d")
    frame = result.frame().set_index(["metric", "variant"])
    joined = purchases.merge(shown[["id", "variant", "time"]], left_on="stream", right_on="id", suffixes=("", "_shown"))
    since = joined["time"] - joined["time_shown"]
    counted = joined[(since >= timedelta(0)) & (since < timedelta(days=2))]
    by_user = counted.groupby("stream")["amount"].agg(["sum", "count", "max"]).reindex(shown["id"])
    units = by_user.set_index(pd.Index(shown["variant"]))
    whole = units.fillna(0).groupby("variant")
    wanted = {
        "revenue": whole["sum"].mean(),
        "orders": whole["count"].mean(),
        "bought": (units["count"] > 0).groupby("variant").mean(),
        "basket": whole["sum"].sum() / whole["count"].sum(),
        "p75": whole["sum"].quantile(0.75),
        "largest": units.groupby("variant")["max"].mean(),
    }
    for metric, means in wanted.items():
        assert frame.loc[metric]["mean"].to_dict() == pytest.approx(means.to_dict()), metric
    assert frame.loc["largest"]["n"].to_dict() == units["max"].dropna().groupby("variant").size().to_dict()
    assert frame.loc["revenue"]["n"].to_dict() == shown.groupby("variant").size().to_dict()
    assert numbers(result, "revenue", "estimate") != numbers(result, "revenue")
    assert numbers(result, "basket", "estimate") == numbers(result, "basket")
    assert result.sample_ratio > 0.01
    assert result.control == "control"


@pytest.fixture
def here() -> Tenant:
    ws = burgee.open("memory://", clock=burgee.ManualClock("2026-02-01T00:00:00Z"))
    return ws.tenants.create("here")


def numbers(result: burgee.ExperimentResult, metric: str, column: str = "mean") -> dict[str, float]:
    frame = result.frame()
    rows = frame[frame["metric"] == metric]
    return dict(zip(rows["variant"], rows[column], strict=True))


def test_only_what_comes_from_the_first_exposure_on_counts_and_only_within_the_window(here: Tenant) -> None:
    flag = told(
        here, exposed("a", "control", 10), exposed("a", "control", 50), exposed("b", "treatment", 10),
        bought("a", 1, 9.99), bought("a", 2, 10), bought("a", 4, 33.9), bought("a", 8, 34), bought("c", 16, 11),
    )  # fmt: skip
    whole = {"revenue": ("sum", "purchase", "amount")}
    assert numbers(flag.experiment(whole), "revenue") == {"control": 14, "treatment": 0}
    assert numbers(flag.experiment(whole, window="24h"), "revenue") == {"control": 6, "treatment": 0}
    until = START + timedelta(hours=34)
    assert numbers(flag.experiment(whole, until=until), "revenue") == {"control": 6, "treatment": 0}


def test_who_was_exposed_to_several_variants_is_left_out_or_kept_for_the_first(here: Tenant) -> None:
    flag = told(
        here, exposed("a", "treatment", 1), exposed("a", "control", 2), exposed("b", "treatment"),
        exposed("c", "control"), bought("a", 5, 3),
    )  # fmt: skip
    out, kept = (flag.experiment("purchase", keep_crossovers=keep) for keep in (False, True))
    assert numbers(out, "purchase", "n") == {"control": 1, "treatment": 1}
    assert numbers(kept, "purchase", "n") == {"control": 1, "treatment": 2}
    assert numbers(kept, "purchase") == {"control": 0, "treatment": 0.5}
    assert out.warnings == ("1 unit was exposed to several variants, and left out",)
    assert kept.warnings == ("1 unit was exposed to several variants, and counted for the first",)


def test_only_whom_chance_dealt_a_variant_takes_part(here: Tenant) -> None:
    flag = told(
        here, exposed("a", "control", reason="SPLIT"), exposed("b", "treatment", reason="SPLIT"),
        exposed("c", "treatment", reason="TARGETING_MATCH", rule="friends"),
        exposed("d", "control", reason="DEFAULT"), exposed("e", "control", reason="DEFAULT", rule="holdout all"),
        bought("c", 5),
    )  # fmt: skip
    assert numbers(flag.experiment("purchase"), "purchase", "n") == {"control": 1, "treatment": 1}
    assert numbers(flag.experiment("purchase", outside=True), "purchase", "n") == {"control": 2, "treatment": 1}


def test_a_flag_of_on_and_off_compares_those_in_the_rollout_with_those_outside(here: Tenant) -> None:
    rows = [exposed(f"in{n}", "on", reason="SPLIT") for n in range(20)]
    rows += [exposed(f"out{n}", "off", reason="DEFAULT") for n in range(80)]
    acme = here
    acme.events.ingest(pd.DataFrame([*rows, bought("in1", 1)]), stream="stream", type="type", time="time")
    flag = acme.flags.create("new", rollout=20)
    result = flag.experiment("purchase")
    assert result.variants == ("off", "on")
    assert result.sizes()["expected"].tolist() == [80, 20]
    assert result.sample_ratio == 1


def test_segments_come_from_the_first_exposure_or_else_from_the_earliest_event(here: Tenant) -> None:
    flag = told(
        here, exposed("a", "control", country="DE"), exposed("b", "treatment", country="FR"), exposed("c", "control"),
        bought("c", 1, 1, country="IT"), bought("c", 1, 2, country="ES"), exposed("d", "control"),
    )  # fmt: skip
    frame = flag.experiment("purchase", by="country").frame()
    assert set(zip(frame["country"].fillna("none"), frame["variant"], strict=True)) == {
        ("DE", "control"), ("FR", "treatment"), ("IT", "control"), ("none", "control"),
    }  # fmt: skip
    alone = frame[frame["country"] == "FR"]["warnings"].item()
    assert alone == "nobody of the control is here to compare with"


def test_ids_may_be_numbers_and_a_field_of_the_events(here: Tenant) -> None:
    flag = told(
        here, exposed(1, "control"), exposed(2, "treatment"),  # type: ignore[arg-type] # a number, as ids may be
        {**bought("session-9", 3), "user_id": 2}, {**bought("session-8", 5), "user_id": None},
    )  # fmt: skip
    result = flag.experiment({"revenue": ("sum", "purchase", "amount")}, user="user_id")
    assert numbers(result, "revenue") == {"control": 0, "treatment": 3}


def test_units_whose_window_is_not_over_are_counted_and_told(here: Tenant) -> None:
    last = 24 * 27 - 1  # the clock stands at 27 days
    flag = told(here, exposed("a", "control"), exposed("b", "treatment", last), bought("a", 1))
    result = flag.experiment("purchase", window="7d")
    assert result.warnings == ("the window of 1w is not over yet for 1 unit",)
    assert result.sizes()["young"].tolist() == [0, 1]
    assert flag.experiment("purchase").warnings == ()


def test_weights_say_what_the_sample_ratio_should_be(here: Tenant) -> None:
    rows = [exposed(f"u{n}", "control" if n % 10 else "treatment") for n in range(1000)]
    flag = told(here, *rows, bought("u1", 1))
    assert flag.experiment("purchase").sample_ratio < 1e-10
    uneven = flag.variants({"control": 90, "treatment": 10})
    assert uneven.experiment("purchase").sample_ratio == 1
    assert flag.experiment("purchase", shares={"control": 9, "treatment": 1}).sample_ratio == 1


def test_what_is_wrong_is_said(here: Tenant) -> None:
    flag = here.flags.create("new", variants={"control": 50, "treatment": 50})
    with pytest.raises(burgee.InvalidInputError, match="nobody was exposed to 'new'"):
        flag.experiment("purchase")
    other = here.flags.create("other", variants={"control": 50, "treatment": 50})
    flag = told(here, exposed("a", "control"), exposed("b", "treatment"), bought("a", 1))
    with pytest.raises(burgee.InvalidInputError, match="nobody was exposed to the flag 'other' by chance"):
        other.experiment("purchase")
    for options, error in (
        ({"metric": "purchas"}, "no event has a type 'purchas'"),
        ({"metric": {"x": ("sum", "purchase", "amoun")}}, "no event has a field 'amoun'"),
        ({"metric": {"x": ("sum", "purchase", "variant")}}, "needs numbers"),
        ({"metric": {"x": ("sum", "amount")}}, "a sum needs a field"),
        ({"metric": {"x": ("count",)}}, "names no type of event"),
        ({"metric": burgee.metrics.Mean("amount")}, "names no type of event"),
        ({"metric": []}, "needs a metric"),
        ({"unit": "uid"}, "no event has a field 'uid'"),
        ({"user": "uid"}, "no event has a field 'uid'"),
        ({"by": "land"}, "no event has a field 'land'"),
        ({"window": "-7d"}, "window must be a time span above 0"),
        ({"window": 0}, "window must be a time span above 0"),
        ({"cuped": "soon"}, "cuped must be a time span above 0"),
        ({"control": "c"}, "nobody is in the control, 'c'"),
        ({"since": "2030-01-01"}, "nobody was exposed"),
    ):
        with pytest.raises(burgee.InvalidInputError, match=error):
            flag.experiment(**{"metric": "purchase", **options})  # type: ignore[arg-type] # wrong on purpose


def test_a_plan_for_a_flag_knows_its_weights_and_its_rollout(here: Tenant) -> None:
    flag = here.flags.create("new", variants={"control": 80, "treatment": 20}, rollout=10)
    plan = flag.plan(baseline=0.1, lift=0.1, per_day=10_000)
    assert plan.units["control"] == pytest.approx(4 * plan.units["treatment"], abs=4)
    assert plan.days == -(-plan.total // 1000)
    with pytest.raises(burgee.InvalidInputError, match="the rollout is 0 %"):
        flag.rollout(0).plan(baseline=0.1, lift=0.1, per_day=10_000)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_question_can_be_said_in_every_dialect(here: Tenant, dialect: str) -> None:
    told(here, exposed("a", "control", country="DE"), exposed("b", "treatment"), bought("a", 1))
    text = here.experiments.sql(
        "new", METRICS, window="7d", cuped="7d", by="country", dialect=dialect, table="lake.events"
    )
    assert text.lstrip().startswith("WITH")
    assert "lake" in text


def test_a_trial_is_checked_wherever_it_is_made() -> None:
    metrics = to_metrics("purchase", events=True)
    with pytest.raises(burgee.InvalidInputError, match="window must be a number of seconds above 0, not -1"):
        Trial("new", metrics, window=-1)
    with pytest.raises(burgee.InvalidInputError, match="1 to 100 metrics, not 0"):
        Trial("new", ())
