"""Asking questions (R2.6), in all three modes: what an analyst writes, and what comes back."""

from datetime import timedelta

import pandas as pd
import pytest

import burgee
from burgee.analytics.duckdb import DuckDBEngine
from burgee.workspace import Tenant

DAY = pd.Timestamp("2026-01-31T23:00:00Z")
ROWS = [
    ("see", 7, 0, "north", 10.0),
    ("buy", 7, 1, "north", 20.0),
    ("see", 8, 2, "süd", 30.0),
    ("see", 8, 26, "süd", None),
    ("buy", 8, 27, None, 50.0),
    ("see", 9, 40, "north", 60.0),
]


@pytest.fixture
def clicks(acme: Tenant) -> burgee.Events:
    frame = pd.DataFrame(ROWS, columns=["event", "user", "hours", "region", "value"])
    frame["at"] = DAY + pd.to_timedelta(frame.pop("hours"), unit="h")
    acme.events.ingest(frame, stream="user", type="event", time="at")
    return acme.events


def test_measures_straight_on_a_query_and_by_group(clicks: burgee.Events) -> None:
    query = clicks.query()
    whole = (
        query.sum("value").mean("value").min("value").max("value").median("value").distinct("user", "region").count()
    )
    assert list(whole.frame().columns) == [
        "sum_value", "mean_value", "min_value", "max_value", "median_value", "distinct_user", "distinct_region",
        "count",
    ]  # fmt: skip
    assert whole.frame().iloc[0].tolist() == [170.0, 34.0, 10.0, 60.0, 30.0, 3, 2, 6]
    monthly = query.per("month").by("type").sum(revenue="value").quantile("value", 0.9).frame()
    assert list(monthly.columns) == ["time", "type", "revenue", "p90_value"]
    assert monthly["revenue"].tolist() == [10.0, 70.0, 90.0]
    assert query.quantile("value", 0.999).quantile("value", 0, name="least").frame().columns.tolist() == [
        "p99_9_value",
        "least",
    ]
    assert query.by("user").frame()["user"].tolist() == [7, 8, 9]


def test_a_funnel_within_a_window(clicks: burgee.Events) -> None:
    steps = ["see", "buy"]
    for within in ("1h", timedelta(hours=1), 3600):
        assert clicks.query().funnel(steps, by="user", within=within).frame()["count"].tolist() == [3, 2]
    funnel = clicks.query().funnel(steps, by="user")
    assert funnel.frame()["median_seconds"].tolist()[1] == (3600 + 25 * 3600) / 2
    assert clicks.query().funnel(steps, by="user", within="59m").frame()["count"].tolist() == [3, 0]
    times = funnel.times()
    assert list(times.columns) == ["step", "p25", "p50", "p75", "p90", "mean"]
    assert times.iloc[0].tolist() == ["buy", 25_200.0, 46_800.0, 68_400.0, 81_360.0, 46_800.0]


def test_retention_and_its_triangle(clicks: burgee.Events) -> None:
    retention = clicks.query().retention(by="user", period="day")
    frame = retention.frame()
    assert list(frame.columns) == ["cohort", "size", "period", "count", "share", "complete"]
    assert frame["count"].tolist() == [1, 1, 0, 1, 1, 1][: len(frame)]
    assert frame["complete"].tolist()[2] == False  # noqa: E712 - numpy's own
    triangle = retention.triangle()
    assert triangle["size"].tolist() == [1, 1, 1]
    assert triangle[0].tolist() == [1.0, 1.0, 1.0]
    assert clicks.query(until="2026-02-03").retention(by="user", period="day").frame()["complete"].dtype == bool


def test_paths_and_sessions(clicks: burgee.Events) -> None:
    paths = clicks.query().paths(by="user")
    frame = paths.frame()
    assert frame[["source", "target", "count"]].to_numpy().tolist() == [
        ["(start)", "see", 3],
        ["buy", "(end)", 2],
        ["see", "buy", 2],
        ["see", "(end)", 1],
        ["see", "see", 1],
    ]
    matrix = paths.matrix("count")
    assert matrix.loc["see", "buy"] == 2
    assert matrix.to_numpy().sum() == 9
    assert paths.matrix().sum(axis=1).tolist() == pytest.approx([1.0] * 3)
    visits = clicks.query().sessions(by="user", gap="1h")
    assert visits.frame()["events"].tolist() == [2, 1, 2, 1]
    assert visits.frame()["seconds"].tolist() == [3600.0, 0.0, 3600.0, 0.0]
    assert visits.summary()["sessions"].tolist() == [4]


def test_the_text_gives_the_same_answer_where_it_is_run(clicks: burgee.Events) -> None:
    answer = clicks.query("see").per("day").sum("value")
    text = answer.sql(table="log")
    table = pd.DataFrame([(kind, DAY + timedelta(hours=hours), value) for kind, _, hours, _, value in ROWS])
    table.columns = pd.Index(["type", "occurred_at", "value"])
    import pyarrow as pa

    found = DuckDBEngine().run(text, {"log": pa.Table.from_pandas(table)}).to_pandas()
    assert found["sum_value"].tolist() == answer.frame()["sum_value"].tolist()
    assert "FROM `crm`" not in answer.sql("bigquery", "crm.events")
    assert "FROM crm.events" in answer.sql("bigquery", "crm.events")
    with pytest.raises(burgee.InvalidInputError, match="no dialect 'oracel'"):
        answer.sql("oracel")
    with pytest.raises(burgee.InvalidInputError, match="no name of a table"):
        answer.sql("duckdb", "events; drop table events")


def test_what_is_misspelt_is_named_with_what_there_is(clicks: burgee.Events) -> None:
    query = clicks.query()
    with pytest.raises(burgee.InvalidInputError, match="'sea'") as step:
        query.funnel(["sea", "buy"]).frame()
    assert "did you mean 'see'?" in step.value.hints
    with pytest.raises(burgee.InvalidInputError, match="'usr'") as field:
        query.retention(by="usr").frame()
    assert "did you mean 'user'?" in field.value.hints
    with pytest.raises(burgee.InvalidInputError, match="'region' is text") as kind:
        query.sum("region").frame()
    assert kind.value.hints == ["fields with numbers: 'user', 'value'"]
    with pytest.raises(burgee.InvalidInputError, match="'sees'"):
        clicks.query("sees").per("day").frame()


@pytest.mark.parametrize("wrong", ["", "7 days", "soon", -1, 0, True, None, float("nan"), timedelta(0)])
def test_a_time_span_that_is_none_says_how_to_write_one(acme: Tenant, wrong: object) -> None:
    with pytest.raises(burgee.InvalidInputError, match="gap must be a time span") as caught:
        acme.events.query().sessions(gap=wrong)  # type: ignore[arg-type] # as a user may
    assert '"30m"' in caught.value.hints[0]


def test_wrong_questions_are_refused_at_once(acme: Tenant) -> None:
    query = acme.events.query()
    with pytest.raises(burgee.InvalidInputError, match="sum needs a field"):
        query.sum()
    with pytest.raises(burgee.InvalidInputError, match="share from 0 to 1"):
        query.quantile("value", 90)
    with pytest.raises(burgee.InvalidInputError, match="must be a number"):
        query.quantile("value", "0.9")  # type: ignore[arg-type] # as a user may
    with pytest.raises(burgee.InvalidInputError, match="fortnight"):
        query.retention(period="fortnight")  # type: ignore[arg-type] # as a user may
    with pytest.raises(burgee.InvalidInputError, match='"share" and "count"'):
        query.paths().matrix("size")  # type: ignore[arg-type] # as a user may


def test_an_empty_log_answers_with_empty_frames(acme: Tenant) -> None:
    query = acme.events.query()
    for answer in (
        query.per("day").by("x").sum("y"),
        query.retention(by="x"),
        query.paths(by="x"),
        query.sessions(by="x"),
    ):
        assert answer.frame().empty
        assert len(answer.frame().columns) > 2
    assert query.funnel(["a", "b"], by="x").frame()["count"].tolist() == [0, 0]
    assert query.retention().triangle().empty
    assert query.paths().matrix().empty


def test_what_was_asked_is_said_shortly() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        query = acme.events.query("order.*", since="2026-01-01", metadata={"shop": "n"})
        assert repr(query.funnel(["a", "b"], by="u", split="p", within="7d")) == (
            "<FunnelAnswer a > b by u split by p within 1w of types order.*; since 2026-01-01; metadata shop='n': "
            ".frame() answers>"
        )
        every = acme.events.query()
        assert (
            repr(every.retention(by="u"))
            == "<RetentionAnswer retention by u per month of all events: .frame() answers>"
        )
        assert "sessions by stream, 30m apart" in repr(every.sessions())
        assert "how many, sum of v, quantile 0.9 of v per day by p" in repr(
            every.per("day").by("p").count().sum("v").quantile("v", 0.9)
        )
        assert "paths by stream" in every.paths()._repr_mimebundle_()["text/html"]


def test_a_question_asked_again_knows_what_is_new_and_what_is_another(acme: Tenant) -> None:
    def sums() -> list[float]:
        return [
            acme.events.query(metadata={"said": said}).sum("n").frame()["sum_n"][0] for said in (1, True, "1")
        ]  # equal to Python, two of them, and three values

    for n, said in ((1, 1), (10, True), (100, "1")):
        acme.events.append("a", burgee.Event("go", {"n": n}, metadata={"said": said}))
    assert sums() == sums() == [1, 10, 100]
    acme.events.append("a", burgee.Event("go", {"n": 0.5}, metadata={"said": 1}))
    acme.events.append("b", burgee.Event("stop", {"text": "new"}))
    assert sums() == sums() == [1.5, 10, 100]
    assert acme.events.query().distinct("text").frame()["distinct_text"][0] == 1


def test_a_quantile_is_said_by_a_function_only_where_that_means_the_same(clicks: burgee.Events) -> None:
    funnel = clicks.query().funnel(["see", "buy"], by="user")
    assert "QUANTILE_CONT" in funnel.sql("duckdb")
    assert "ROW_NUMBER" not in funnel.sql("duckdb")
    for dialect in ("spark", "clickhouse", "postgres", "bigquery", "snowflake", "trino"):
        text = funnel.sql(dialect)
        assert "QUANTILE" not in text
        assert "MATERIALIZED" not in text
        assert "ROW_NUMBER" in text
