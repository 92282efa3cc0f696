"""Events as a service, in three modes: appended, ingested, chosen, counted, asked about, refused (R2.1, R2.3, R2.6)."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import burgee
from burgee.core.json import Json
from burgee.workspace import Tenant, Workspace

DAY = datetime(2026, 1, 1, tzinfo=UTC)

CLICKS = pd.DataFrame(
    {
        "user": ["u1", "u1", "u1", "u2", "u2", "u3"],
        "event": ["catalog", "add_to_cart", "purchase", "catalog", "purchase", "add_to_cart"],
        "at": [DAY + timedelta(hours=6 * n) for n in range(6)],
        "country": ["DE", "DE", "DE", "FR", "FR", None],
        "value": [None, 2.5, 10.0, None, 7.0, 1.0],
    }
)


@pytest.fixture
def clicks(acme: Tenant) -> burgee.Events:
    acme.events.ingest(CLICKS, stream="user", type="event", time="at")
    return acme.events


def test_an_event_is_kept_whole_with_version_position_and_times(acme: Tenant) -> None:
    """R2.1."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    data: dict[str, Json] = {"total": 42.5, "items": ["a", "b"], "who": {"name": "Zoë"}, "gift": None, "paid": True}
    event = burgee.Event("order.placed", data, metadata={"source": "web"}, id="e1", occurred_at=at, schema_version=2)
    done = acme.events.append("order-42", event, expected_version=burgee.NO_STREAM)
    assert (done.stream, done.version, done.ids, done.repeated) == ("order-42", 1, ("e1",), False)
    [stored] = acme.events.read("order-42")
    assert (stored.stream, stored.version, stored.id, stored.type) == ("order-42", 1, "e1", "order.placed")
    assert (stored.data, stored.metadata, stored.occurred_at) == (data, {"source": "web"}, at)
    assert stored.schema_version == 2
    assert abs(stored.recorded_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_events_can_be_given_as_dicts_and_several_at_once(acme: Tenant) -> None:
    acme.events.append("s", [{"type": "a", "data": {"n": 1}}, burgee.Event("b")])
    assert [event.type for event in acme.events.read("s")] == ["a", "b"]
    assert acme.events.append("s", []).version == 2


def test_a_writer_who_was_second_is_refused(acme: Tenant) -> None:
    """R2.3, P7."""
    acme.events.append("s", burgee.Event("a"), expected_version=burgee.NO_STREAM)
    with pytest.raises(burgee.ConcurrencyError) as caught:
        acme.events.append("s", burgee.Event("b"), expected_version=burgee.NO_STREAM)
    assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("s", 0, 1)
    assert acme.events.query().count() == 1


def test_the_same_event_id_again_is_a_no_op_and_with_other_content_refused(acme: Tenant) -> None:
    """R2.3."""
    event = burgee.Event("a", {"x": 1}, id="e1")
    first = acme.events.append("s", event)
    again = acme.events.append("s", event)
    assert (again.version, again.ids, again.repeated) == (first.version, first.ids, True)
    with pytest.raises(burgee.DuplicateEventError, match="e1"):
        acme.events.append("s", burgee.Event("a", {"x": 2}, id="e1"))
    assert acme.events.query().count() == 1


@pytest.mark.parametrize("stream", ["", "$flag-x", "a\nb", "x" * 600])
def test_streams_that_cannot_be_are_refused(acme: Tenant, stream: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match="stream"):
        acme.events.append(stream, burgee.Event("a"))


@pytest.mark.parametrize(
    "event", [{"data": {}}, {"type": "a", "dta": {}}, "a", 7, {"type": ""}, {"type": "a", "data": {"x": float("nan")}}]
)
def test_what_is_no_event_is_refused_and_nothing_stored(acme: Tenant, event: dict[str, str]) -> None:
    with pytest.raises(burgee.InvalidInputError):
        acme.events.append("s", [{"type": "fine"}, event])
    assert acme.events.query().count() == 0


def test_a_frame_is_stored_row_by_row_and_comes_back_typed(clicks: burgee.Events) -> None:
    frame = clicks.query().frame()
    assert list(frame.columns) == [
        "position", "stream", "version", "id", "type", "occurred_at", "recorded_at",
        "country", "user", "value", "metadata",
    ]  # fmt: skip
    assert list(frame["user"]) == list(CLICKS["user"]) == list(frame["stream"])
    assert list(frame["type"]) == list(CLICKS["event"])
    assert list(frame["occurred_at"]) == list(CLICKS["at"])
    assert frame["value"].dtype.kind == "f"
    pd.testing.assert_series_equal(frame["value"], CLICKS["value"], check_dtype=False)
    assert frame["country"].isna().sum() == 1
    assert list(frame["version"]) == [1, 2, 3, 1, 2, 1]


def test_the_same_frame_again_stores_nothing(clicks: burgee.Events) -> None:
    again = clicks.ingest(CLICKS, stream="user", type="event", time="at")
    assert (again.stored, again.known) == (0, 6)
    more = pd.concat([CLICKS, CLICKS.tail(1).assign(event="purchase")])
    third = clicks.ingest(more, stream="user", type="event", time="at")
    assert (third.stored, third.known) == (1, 6)


def test_identical_rows_are_two_events_and_stay_two(acme: Tenant) -> None:
    twice = pd.concat([CLICKS, CLICKS])
    assert acme.events.ingest(twice, stream="user", type="event", time="at").stored == 12
    assert acme.events.ingest(twice, stream="user", type="event", time="at").known == 12
    assert acme.events.query().count() == 12


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
def test_any_frame_can_be_ingested_and_is_the_same_events(clicks: burgee.Events, make: "type[pl.DataFrame]") -> None:
    again = clicks.ingest(make(CLICKS), stream="user", type="event", time="at")
    assert (again.stored, again.known) == (0, 6)


def test_ids_of_ones_own_are_kept_and_checked(acme: Tenant) -> None:
    frame = CLICKS.assign(key=[f"k{n}" for n in range(6)])
    acme.events.ingest(frame, stream="user", type="event", time="at", id="key")
    assert list(acme.events.query().frame()["id"]) == list(frame["key"])
    with pytest.raises(burgee.DuplicateEventError, match="k0"):
        acme.events.ingest(frame.assign(country="US"), stream="user", type="event", time="at", id="key")
    with pytest.raises(burgee.DuplicateEventError, match="twice"):
        acme.events.ingest(frame.assign(key="same"), stream="user", type="event", time="at", id="key")
    assert acme.events.query().count() == 6


def test_a_missing_column_is_named_with_those_there_are(acme: Tenant) -> None:
    with pytest.raises(burgee.MissingColumnError, match="usr") as caught:
        acme.events.ingest(CLICKS, stream="usr", type="event", time="at")
    assert caught.value.columns == ["user", "event", "at", "country", "value"]
    assert caught.value.hints == ["did you mean 'user'?"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"at": ["2026-01-01"] * 5 + ["yesterday"]}, "row 6"),
        ({"at": [1, 2, 3, 4, 5, 6]}, "at"),
        ({"event": ["a", "b", None, "c", "d", "e"]}, "row 3"),
        ({"user": [1.5, 2, 3, 4, 5, 6]}, "user"),
        ({"value": [float("inf"), 1, 2, 3, 4, 5]}, "value"),
        ({"user": ["$flag-x", "a", "b", "c", "d", "e"]}, "burgee's own"),
    ],
)
def test_values_that_cannot_be_are_named_and_nothing_is_stored(
    acme: Tenant, changed: dict[str, list[object]], said: str
) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        acme.events.ingest(
            CLICKS.assign(**{name: pd.Series(values) for name, values in changed.items()}),
            stream="user",
            type="event",
            time="at",
        )
    assert acme.events.query().count() == 0


def test_what_is_no_frame_is_refused_and_an_empty_one_is_nothing(acme: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError):
        acme.events.ingest("clicks.csv", stream="user", type="event", time="at")
    done = acme.events.ingest(CLICKS.head(0), stream="user", type="event", time="at")
    assert (done.stored, done.known) == (0, 0)
    empty = acme.events.query().frame()
    assert len(empty) == 0
    assert list(empty.columns)[:7] == ["position", "stream", "version", "id", "type", "occurred_at", "recorded_at"]


def test_events_are_chosen_by_every_filter_there_is(clicks: burgee.Events) -> None:
    """R2.6."""
    clicks.append(
        "order-1", [burgee.Event("order.placed", metadata={"source": "web", "n": 1}), burgee.Event("order.paid")]
    )
    clicks.append("order-2", burgee.Event("order.placed", metadata={"source": "app", "n": True}))
    clicks.append("ordering-1", burgee.Event("orders"))
    assert clicks.query().count() == 10
    assert clicks.query("purchase").count() == 2
    assert clicks.query("order.*").count() == 3
    assert clicks.query(["purchase", "order.*"]).count() == 5
    assert clicks.query(stream="u1").count() == 3
    assert clicks.query(category="order").count() == 3
    assert clicks.query(since="2026-01-01T06:00", until="2026-01-01T18:00").count() == 2
    assert clicks.query(metadata={"source": "web"}).count() == 1
    assert clicks.query(metadata={"n": 1}).count() == 1
    assert clicks.query(metadata={"n": True}).count() == 1
    assert clicks.query("ORDER.*").count() == 0
    positions = [event.position for event in clicks.query()]
    assert clicks.query(after=positions[2], upto=positions[5]).count() == 3
    assert clicks.query(limit=4).count() == 4
    assert len(clicks.query(limit=4).frame()) == 4
    assert clicks.query("nothing").count() == 0


def test_the_log_can_be_seen_as_it_was_recorded_up_to_a_time() -> None:
    """R2.6, time travel."""
    clock = burgee.ManualClock("2026-03-01T00:00:00Z")
    with burgee.open("memory://", clock=clock) as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s", burgee.Event("a"))
        clock.advance(days=1)
        acme.events.append("s", burgee.Event("b"))
        assert acme.events.query(as_of="2026-03-01T12:00:00Z").count() == 1
        assert acme.events.query(as_of="2026-02-01").count() == 0
        assert [event.type for event in acme.events.query(as_of="2026-03-02")] == ["a", "b"]


def test_counts_per_period_and_by_properties(clicks: burgee.Events) -> None:
    by_type = clicks.query().by("type").frame()
    assert list(by_type.columns) == ["type", "count"]
    assert dict(zip(by_type["type"], by_type["count"], strict=True)) == Counter(CLICKS["event"])
    daily = clicks.query().per("day").by("country").frame()
    assert list(daily.columns) == ["time", "country", "count"]
    assert daily["count"].sum() == 6
    assert daily["time"].min() == pd.Timestamp(DAY)
    by_country = clicks.query().by("country").frame()
    assert by_country["country"].isna().sum() == 1
    only = clicks.query().per("month").frame()
    assert list(only.columns) == ["time", "count"]
    assert list(only["count"]) == [6]


def test_a_funnel_counts_actors_in_order(clicks: burgee.Events) -> None:
    funnel = clicks.query().funnel(["catalog", "add_to_cart", "purchase"], by="user").frame()
    assert list(funnel.columns) == ["step", "count", "conversion", "step_conversion", "median_seconds"]
    assert list(funnel["count"]) == [2, 1, 1]
    assert list(funnel["conversion"]) == [1.0, 0.5, 0.5]
    assert list(funnel["step_conversion"]) == [1.0, 0.5, 1.0]
    assert list(funnel["median_seconds"])[1:] == [21600.0, 21600.0]
    by_stream = clicks.query().funnel(["catalog", "purchase"]).frame()
    assert list(by_stream["count"]) == [2, 2]
    split = clicks.query().funnel(["catalog", "purchase"], split="country").frame()
    assert split.columns[0] == "country"
    assert set(split["country"]) == {"DE", "FR"}


def test_questions_that_make_no_sense_say_why(clicks: burgee.Events) -> None:
    with pytest.raises(burgee.InvalidInputError, match="fortnight"):
        clicks.query().per("fortnight")  # type: ignore[arg-type]
    with pytest.raises(burgee.InvalidInputError, match="list of steps"):
        clicks.query().funnel("catalog")
    with pytest.raises(burgee.InvalidInputError, match="step"):
        clicks.query().funnel(["catalog"]).frame()
    with pytest.raises(burgee.InvalidInputError, match="not a time"):
        clicks.query(since="soon")
    with pytest.raises(burgee.InvalidInputError, match="limit"):
        clicks.query(limit=-1).count()


def test_events_page_until_all_are_there(acme: Tenant) -> None:
    for _ in range(3):
        acme.events.append("s", [burgee.Event("a", {"n": n}) for n in range(75)])
    listed = acme.events.read("s")
    assert "100+" in repr(listed)
    assert [event.version for event in listed] == list(range(1, 226))
    assert len(listed.frame()) == 225
    assert listed.arrow().num_rows == 225


def test_events_of_one_tenant_are_not_there_for_another(ws: Workspace, clicks: burgee.Events) -> None:
    """P10, P11, R4.2, R4.3."""
    other = ws.tenants.create(f"other-{clicks._link.tenant}")
    assert other.events.query().count() == 0
    assert other.events.query().by("type").frame().empty
    other.events.ingest(CLICKS, stream="user", type="event", time="at")
    assert clicks.query().count() == 6


def test_a_large_table_travels_whole(acme: Tenant) -> None:
    rows = 120_000
    frame = pd.DataFrame(
        {"s": [f"s{n % 100}" for n in range(rows)], "e": "tick", "t": pd.Timestamp(DAY), "n": range(rows)}
    )
    assert acme.events.ingest(frame, stream="s", type="e", time="t", progress=False).stored == rows
    table = acme.events.query().arrow()
    assert table.num_rows == rows
    assert sum(table["n"].to_pylist()) == rows * (rows - 1) // 2


@pytest.mark.parametrize("limit", [0, 1, 99, 100, 101, 230, 500])
def test_a_limit_holds_over_all_pages_of_a_list(acme: Tenant, limit: int) -> None:
    acme.events.append("s", [burgee.Event("counted") for _ in range(230)])
    query = acme.events.query(limit=limit)
    assert [event.version for event in query.list()] == list(range(1, min(limit, 230) + 1))
    assert query.count() == len(query.frame()) == min(limit, 230)
