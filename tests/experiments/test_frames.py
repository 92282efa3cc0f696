"""Experiments over frames: real data with known answers, and everything that can be wrong with a frame."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

import burgee
from real_data import real_file


@pytest.fixture(scope="module")
def cats() -> pd.DataFrame:
    return pd.read_csv(real_file("cookie_cats.csv.gz"))


def small(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "variant": np.where(np.arange(n) % 2, "treatment", "control"),
            "value": rng.normal(10, 2, n),
            "bought": rng.random(n) < 0.4,
            "orders": 1 + rng.poisson(1, n),
            "country": rng.choice(["DE", "FR"], n),
        }
    )


def test_cookie_cats_come_back_less_and_the_sample_ratio_is_on_top(cats: pd.DataFrame) -> None:
    result = burgee.experiment(cats, variant="version", metrics={"retention_7": "mean"}, control="gate_30")
    control, treatment = result.frame().to_dict("records")
    assert (round(control["mean"], 4), round(treatment["mean"], 4)) == (0.1902, 0.1820)
    assert round(treatment["p_value"], 4) == 0.0016
    assert treatment["low"] < treatment["lift"] < treatment["high"] < 0
    assert round(result.sample_ratio, 4) == 0.0086
    assert result.warnings[0].startswith("sample ratio mismatch (p 0.0086): gate_30 44,700, gate_40 45,489")
    assert "sample ratio mismatch" in treatment["warnings"]
    assert result.summary().startswith("Warning: sample ratio mismatch")
    assert "SAMPLE RATIO MISMATCH" in repr(result)
    html = result._repr_mimebundle_()["text/html"]
    assert html.index("sample ratio mismatch") < html.index("<table")


def test_the_frame_has_the_promised_columns_in_order(cats: pd.DataFrame) -> None:
    frame = burgee.experiment(cats, variant="version", metrics="retention_1", control="gate_30").frame()
    assert list(frame.columns[:9]) == [
        "metric", "variant", "n", "mean", "lift", "low", "high", "p_value", "warnings",
    ]  # fmt: skip
    assert frame["variant"].tolist() == ["gate_30", "gate_40"]
    assert frame.iloc[0][["lift", "low", "high", "p_value"]].isna().all()


def test_any_frame_gives_the_same(cats: pd.DataFrame) -> None:
    ask = {"variant": "version", "metrics": {"rounds": ("sum", "sum_gamerounds")}, "control": "gate_30"}
    frames = [burgee.experiment(one, **ask).frame() for one in (cats, pl.from_pandas(cats))]  # type: ignore[arg-type]
    for name in ("n", "mean", "p_value"):
        assert frames[0][name].tolist() == pytest.approx(frames[1][name].tolist(), nan_ok=True)


def test_raw_rows_of_the_shop_become_an_experiment_in_one_call() -> None:
    rows = pd.read_csv(real_file("shop_experiment.csv.gz"))
    result = burgee.experiment(
        rows,
        variant="user_backet",
        unit="user_id",
        event="event",
        metrics={
            "rows": ("count",),
            "paid": "payment_done",
            "revenue": ("sum", "payment_done", "transaction_value"),
            "basket": ("ratio", ("sum", "payment_done", "transaction_value"), ("count", "payment_done")),
        },
    )
    frame = result.frame().set_index(["metric", "variant"])
    counted = frame.loc["rows"]
    assert (counted["n"] * counted["mean"]).round().astype(int).to_dict() == {
        "control": 4977, "not_in_test": 23_240, "test": 5062,
    }  # fmt: skip
    assert counted["n"].sum() == 3751
    by_user = rows.assign(paid=rows["event"] == "payment_done").groupby(["user_backet", "user_id"])
    users = by_user.agg(paid=("paid", "max"), revenue=("transaction_value", "sum")).groupby("user_backet").mean()
    for metric in ("paid", "revenue"):
        assert frame.loc[metric]["mean"].to_dict() == pytest.approx(users[metric].to_dict())
    basket = rows.groupby("user_backet")["transaction_value"].mean()
    assert frame.loc["basket"]["mean"].to_dict() == pytest.approx(basket.to_dict())


def test_units_in_several_variants_are_left_out_and_counted() -> None:
    frame = pd.DataFrame({"u": [1, 1, 2, 2, 3, 4, 5], "variant": [*"aaabbaab"][:7], "x": [1.0] * 7})
    frame["variant"] = ["a", "b", "a", "a", "b", "b", "a"]
    result = burgee.experiment(frame, variant="variant", unit="u", metrics={"x": ("sum", "x")}, control="a")
    assert result.frame()["n"].tolist() == [2, 2]
    assert result.warnings == ("1 unit was exposed to several variants, and left out",)
    assert result.sizes()["crossed"].sum() == 1


def test_segments_are_rows_and_each_is_what_it_is_alone() -> None:
    data = small()
    frame = burgee.experiment(data, variant="variant", metrics={"value": "mean"}, by="country").frame()
    assert frame["country"].tolist() == ["DE", "DE", "FR", "FR"]
    alone = burgee.experiment(data[data["country"] == "FR"], variant="variant", metrics={"value": "mean"}).frame()
    assert frame["p_value"].iloc[3] == pytest.approx(alone["p_value"].iloc[1])


def test_numbers_far_from_0_lose_no_digits() -> None:
    data = small(1000)
    near = burgee.experiment(data, variant="variant", metrics={"value": "mean"}).frame()
    far = burgee.experiment(
        data.assign(value=data["value"] + 1e9), variant="variant", metrics={"value": "mean"}
    ).frame()
    assert far["p_value"].iloc[1] == pytest.approx(near["p_value"].iloc[1], rel=1e-5)
    assert far["std_error"].iloc[1] == pytest.approx(near["std_error"].iloc[1], rel=1e-5)


def test_q_values_are_corrected_for_all_comparisons_and_p_values_are_not() -> None:
    metrics = {"value": "mean", "bought": "mean", "orders": "mean"}
    holm = burgee.experiment(small(), variant="variant", metrics=metrics)
    p, q = (holm.frame()[name].dropna() for name in ("p_value", "q_value"))
    assert min(q) == pytest.approx(min(1, 3 * min(p)))
    assert (holm.corrected("bh").frame()["q_value"].dropna() <= q).all()
    assert holm.corrected(None).frame()["q_value"].dropna().tolist() == p.tolist()


def test_missing_values_are_left_out_and_told() -> None:
    data = small()
    data.loc[:9, "value"] = np.nan
    for frame in (data, pl.from_pandas(data, nan_to_null=False)):
        rows = burgee.experiment(frame, variant="variant", metrics={"value": "mean"}).frame()
        assert rows["n"].tolist() == [95, 95]
        assert rows["warnings"].tolist() == ["5 units were left out: no value"] * 2
        assert rows["mean"].notna().all()


def test_rows_without_a_variant_are_left_out_and_told() -> None:
    data = small().astype({"variant": object})
    data.loc[:1, "variant"] = None
    result = burgee.experiment(data, variant="variant", metrics="value")
    assert result.warnings == ("2 rows without a variant are left out",)


def test_one_variant_alone_is_told_and_compared_with_nothing() -> None:
    data = small()
    result = burgee.experiment(data[data["variant"] == "control"], variant="variant", metrics="value")
    assert result.warnings[0] == "everybody is in one variant, control: there is nothing to compare it with"
    assert result.frame()["p_value"].isna().all()
    assert math.isnan(result.sample_ratio)
    assert result.plot().png().startswith(b"\x89PNG")


def test_what_never_varies_has_no_p_value() -> None:
    result = burgee.experiment(small().assign(value=1.0), variant="variant", metrics="value")
    row = result.frame().iloc[1]
    assert math.isnan(row["p_value"])
    assert math.isnan(row["low"])
    assert row["warnings"] == "every unit has the same value, so there is no error to compare with"
    assert "every unit has the same value" in result.summary()
    assert result.bayes()["better"].isna().all()


def test_few_units_and_few_conversions_are_told() -> None:
    data = small(12)
    assert "only 6 units" in burgee.experiment(data, variant="variant", metrics="value").frame()["warnings"].iloc[1]
    two = small(2)
    row = burgee.experiment(two, variant="variant", metrics="value").frame().iloc[1]
    assert "too few units to compare" in row["warnings"]
    assert math.isnan(row["p_value"])
    rare = small(2000).assign(bought=np.arange(2000) < 6)
    told = burgee.experiment(rare, variant="variant", metrics={"bought": "conversion"}).frame()["warnings"].iloc[1]
    assert told.startswith("only 3 units did it, or did not, in one variant: too few to rely on")


def test_a_control_of_nothing_leaves_the_lift_open_and_the_difference_told() -> None:
    data = small(400)
    is_control = data["variant"] == "control"
    data["value"] -= np.where(is_control, data.loc[is_control, "value"].mean(), 0)
    row = burgee.experiment(data, variant="variant", metrics="value").frame().iloc[1]
    assert (row["low"], row["high"]) == (-math.inf, math.inf)
    assert row["p_value"] < 0.001
    assert "can't be told from 0" in row["warnings"]


def test_more_than_a_control_below_0_is_a_lift_above_0() -> None:
    data = small(400)
    above = burgee.experiment(data, variant="variant", metrics="value").frame().iloc[1]
    data["value"] = -data["value"]
    below = burgee.experiment(data, variant="variant", metrics="value").frame().iloc[1]
    assert below["lift"] == pytest.approx(-above["lift"])
    assert (below["low"], below["high"]) == pytest.approx((-above["high"], -above["low"]))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"variant": "group"}, "variant column 'group'"),
        ({"metrics": {"x": ("sum", "revenu")}}, "no metric column 'revenu'"),
        ({"metrics": {"country": "mean"}}, "needs numbers, and the column 'country' holds"),
        ({"metrics": {}}, "needs a metric"),
        ({"metrics": None}, "no metric: None"),
        ({"metrics": {"x": ("summ", "value")}}, "no way to measure called 'summ'"),
        ({"metrics": {"x": ("ratio", "value")}}, "a ratio is of two things, not 1"),
        ({"metrics": {"x": 5}}, "no metric: 5"),
        ({"metrics": {"": "mean"}}, "name must be text"),
        ({"metrics": ["value", "value"]}, "two metrics have the name 'value'"),
        ({"metrics": {"x": ("p00", "value")}}, "between 0 and 1"),
        ({"control": "kontrol"}, "nobody is in the control, 'kontrol'"),
        ({"control": 1.5}, "control must be text"),
        ({"variants": ["control", "nobody"]}, "no variant 'nobody'"),
        ({"variants": "control"}, "must be a list of texts"),
        ({"shares": {"control": 50}}, "say nothing of the variant 'treatment'"),
        ({"shares": {"control": -1, "treatment": 1}}, "must be a number from 0"),
        ({"shares": {"control": 0, "treatment": 0}}, "one share at least"),
        ({"alpha": 0}, "alpha must be between 0 and 0.5"),
        ({"alpha": math.nan}, "alpha must be between 0 and 0.5"),
        ({"alpha": "5%"}, "alpha must be a number"),
        ({"correction": "bonferroni"}, 'must be "holm", "bh" or None, not \'bonferroni\''),
        ({"sequential": -5}, "planned must be a number of units above 0"),
        ({"cuped": "before"}, "no metric column 'before'"),
        ({"cuped": {"p": "value"}}, "'p' is none of them"),
        ({"cuped": 7}, "cuped must be a column"),
        ({"by": "value"}, None),
        ({"event": "country", "metrics": "DE"}, "need a unit"),
        ({"unit": ""}, "unit must be text"),
    ],
)
def test_what_is_wrong_is_said_with_its_name(change: dict[str, object], error: str | None) -> None:
    ask: dict[str, object] = {"variant": "variant", "metrics": {"value": "mean"}, **change}
    if error is None:
        assert len(burgee.experiment(small(), **ask).frame()) == 200  # type: ignore[arg-type] # wrong on purpose
        return
    with pytest.raises(burgee.InvalidInputError, match=error):
        burgee.experiment(small(), **ask)  # type: ignore[arg-type] # wrong on purpose


def test_frames_without_anybody_or_with_infinite_values_are_refused() -> None:
    with pytest.raises(burgee.InvalidInputError, match="nobody in the frame"):
        burgee.experiment(small().head(0), variant="variant", metrics="value")
    with pytest.raises(burgee.InvalidInputError, match="column 'value' has 1 infinite values"):
        burgee.experiment(small().replace({"value": {small()["value"][0]: np.inf}}), variant="variant", metrics="value")
    with pytest.raises(burgee.InvalidInputError, match="this is no frame"):
        burgee.experiment(5, variant="variant", metrics="value")
    with pytest.raises(burgee.InvalidInputError, match="which variant is the control"):
        burgee.experiment(small().replace({"variant": {"control": "a"}}), variant="variant", metrics="value")
    with pytest.raises(burgee.InvalidInputError, match="has 200 values; as a variant it may have 100"):
        burgee.experiment(small().assign(variant=range(200)), variant="variant", metrics="value")


def test_names_of_any_script_and_with_quotes_are_names() -> None:
    data = small().rename(columns={"value": 'größe "x"; --', "variant": "変種"})
    data["変種"] = data["変種"].replace({"treatment": "é'\"\n<b>"})
    result = burgee.experiment(data, variant="変種", metrics={'größe "x"; --': "mean"})
    assert result.frame()["variant"].tolist() == ["control", "é'\"\n<b>"]
    assert "<b>" not in result._repr_mimebundle_()["text/html"].partition("<table")[2].replace("<b>Note", "")
    assert result.plot().png().startswith(b"\x89PNG")


def test_numbers_name_variants_too() -> None:
    data = small().assign(group=lambda frame: (frame["variant"] == "treatment").astype(float))
    assert burgee.experiment(data, variant="group", metrics="value", control="0").variants == ("0", "1")


def test_metrics_as_objects_are_what_they_are_as_plain_values() -> None:
    m = burgee.metrics
    objects = [m.Mean("value"), m.Conversion("bought"), m.Ratio("value", "orders"), m.Quantile("value", 0.9)]
    plain = {
        "value": ("sum", "value"),
        "bought": ("any", "bought"),
        "value/orders": ("ratio", "value", "orders"),
        "p90_value": ("p90", "value"),
    }
    frames = [burgee.experiment(small(), variant="variant", metrics=one).frame() for one in (objects, plain)]
    assert frames[0]["metric"].tolist() == frames[1]["metric"].tolist()
    assert frames[0]["p_value"].tolist() == pytest.approx(frames[1]["p_value"].tolist(), nan_ok=True)
    with pytest.raises(burgee.InvalidInputError, match="at a share between 0 and 1, not 90"):
        m.Quantile("value", 90)
