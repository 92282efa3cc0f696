"""Questions as SQL trees (R2.6): against slow, plain answers in Python, and on real data with known answers."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.questions import counts, funnel
from burgee.core.errors import InvalidInputError
from burgee.core.json import dumps
from burgee.core.periods import PERIODS
from burgee.events.canonical import canonical
from burgee.events.reading import read_batches
from raw import START, raw_events
from real_data import real_file

ENGINE = DuckDBEngine()

type Event = tuple[str, float, Mapping[str, object]]

properties = st.fixed_dictionaries(
    {}, optional={"user": st.sampled_from(["u1", "u2", "u3", 7, None]), "plan": st.sampled_from(["a", "b", None, True])}
)
logs = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 6), properties), max_size=25)
ways = st.lists(st.sampled_from("abc"), min_size=2, max_size=4)


def events_of(log: Sequence[Event]) -> pa.Table:
    return raw_events([data for *_, data in log], types=[kind for kind, *_ in log], seconds=[at for _, at, _ in log])


def ask(tree: exp.Query, events: pa.Table, **more: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in ENGINE.run(tree, {"events": events, **more}).to_pylist()]


def text(value: object) -> str | None:
    """A property as text."""
    return value if value is None or isinstance(value, str) else dumps(value)


def plain_funnel(log: Sequence[Event], steps: Sequence[str], split: str | None = None) -> list[tuple[object, ...]]:
    """The funnel by user, actor by actor, event by event."""
    walks: dict[str, tuple[str | None, list[float]]] = {}
    for kind, at, data in sorted(log, key=lambda event: event[1]):  # stable: of two at once the first in the log
        actor = text(data.get("user"))
        if actor is None:
            continue
        if actor not in walks:
            if kind == steps[0]:
                walks[actor] = (text(data.get(split)) if split else None, [at])
        elif len(walks[actor][1]) < len(steps) and kind == steps[len(walks[actor][1])]:
            walks[actor][1].append(at)
    rows: list[tuple[object, ...]] = []
    groups = (
        sorted({group for group, _ in walks.values()}, key=lambda group: (group is None, group)) if split else [None]
    )
    for group in groups:
        times = [times for each, times in walks.values() if each == group]
        done = [sum(len(each) > step for each in times) for step in range(len(steps))]
        for step, name in enumerate(steps):
            before = done[max(step - 1, 0)]
            took = [each[step] - each[step - 1] for each in times if 0 < step < len(each)]
            row = (
                name,
                done[step],
                done[step] / done[0] if done[0] else None,
                done[step] / before if before else None,
                statistics.median(took) if took else None,
            )
            rows.append((group, *row) if split else row)
    return rows


def plain_counts(log: Sequence[Event], per: str | None, by: Sequence[str]) -> list[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for kind, at, data in log:
        values = [kind if name == "type" else text(data.get(name)) for name in by]
        found[(*([beginning(START + timedelta(seconds=at), per)] if per else []), *values)] += 1
    rows = [(*group, n) for group, n in found.items()]
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row[:-1]])


def beginning(at: datetime, per: str) -> datetime:
    """The start of the period."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "minute": at.replace(second=0, microsecond=0),
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(day=1, month=1 + (day.month - 1) // 3 * 3),
        "year": day.replace(day=1, month=1),
    }[per]


@given(logs, ways)
def test_a_funnel_equals_a_walk_through_each_actors_events(log: list[Event], steps: list[str]) -> None:
    assert ask(funnel(steps, "user"), events_of(log)) == plain_funnel(log, steps)


@given(logs, ways)
def test_a_split_funnel_equals_a_walk_within_each_split(log: list[Event], steps: list[str]) -> None:
    assert ask(funnel(steps, "user", split="plan"), events_of(log)) == plain_funnel(log, steps, "plan")


@given(logs, ways, st.dictionaries(st.sampled_from(["u1", "u2", "u3", "7"]), st.sampled_from("xy")))
def test_a_funnel_by_variant_has_only_the_actors_assigned(
    log: list[Event], steps: list[str], variants: dict[str, str]
) -> None:
    assignment = pa.table(
        {"actor": pa.array(variants, pa.string()), "variant": pa.array(variants.values(), pa.string())}
    )
    found = ask(funnel(steps, "user", assigned=True), events_of(log), assignment=assignment)
    marked: list[Event] = [
        (kind, at, {**data, "v": variants.get(text(data.get("user")) or "")}) for kind, at, data in log
    ]
    known = [event for event in marked if event[2]["v"] is not None]
    assert found == plain_funnel(known, steps, "v")


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 900 * 86_400), properties), max_size=25),
    st.sampled_from([None, *PERIODS]),
    st.lists(st.sampled_from(["type", "plan", "user"]), unique=True),
)
def test_counts_equal_a_plain_count(log: list[Event], per: str | None, by: list[str]) -> None:
    found = ask(counts(per, by), events_of(log))
    assert found == (plain_counts(log, per, by) if per or by else [(len(log),)])


def test_the_columns_of_the_answers_are_those_promised() -> None:
    events = events_of([("a", 0, {"user": "u", "plan": "p"})])
    assert ENGINE.run(counts("day", ["type", "plan"]), {"events": events}).column_names == [
        "time",
        "type",
        "plan",
        "count",
    ]
    assert ENGINE.run(counts(), {"events": events}).column_names == ["count"]
    plain = ["step", "count", "conversion", "step_conversion", "median_seconds"]
    assert ENGINE.run(funnel(["a", "b"]), {"events": events}).column_names == plain
    assert ENGINE.run(funnel(["a", "b"], split="plan"), {"events": events}).column_names == ["plan", *plain]
    table = ENGINE.run(counts("day"), {"events": events})
    assert table["time"].type == pa.timestamp("us", "UTC")
    assert table["count"].type == pa.int64()


def test_a_property_named_like_a_column_of_the_answer_stands_beside_it() -> None:
    events = events_of([("a", 0, {"count": 5, "time": "x", "step": "s"}), ("b", 1, {})])
    assert ENGINE.run(counts("day", ["count", "time"]), {"events": events}).column_names == [
        "time", "data_count", "data_time", "count",
    ]  # fmt: skip
    assert ENGINE.run(funnel(["a", "b"], split="step"), {"events": events}).column_names[:2] == ["data_step", "step"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*",
        "a.b",
        "a b",
        'we"ird',
        "it's",
        "back\\slash",
        "~",
        "/",
        "~1",
        "é",
        "0",
        "select",
        "$",
        "$.a",
        "[0]",
        "A",
    ],
)
def test_whatever_a_field_is_called_it_can_be_asked_about(name: str) -> None:
    log: list[Event] = [("a", 0, {name: "x", "other": "o"}), ("b", 1, {name: "x", "a": {"b": 1}}), ("a", 2, {"zz": 1})]
    assert ask(counts(by=[name]), events_of(log)) == [("x", 2), (None, 1)]
    assert ask(funnel(["a", "b"], name), events_of(log))[1][:2] == ("b", 1)


def test_values_that_look_like_numbers_keep_their_text_and_null_is_a_group() -> None:
    log: list[Event] = [
        ("a", 0, {"zip": "007"}),
        ("a", 1, {"zip": "7"}),
        ("a", 2, {"zip": 7}),
        ("a", 3, {"zip": None}),
        ("a", 4, {}),
    ]
    assert ask(counts(by=["zip"]), events_of(log)) == [("007", 1), ("7", 2), (None, 2)]


def test_a_step_counts_only_after_the_one_before() -> None:
    log: list[Event] = [
        ("b", 0, {"user": "u1"}),
        ("a", 5, {"user": "u1"}),
        ("a", 5, {"user": "u2"}),
        ("b", 5, {"user": "u2"}),
    ]
    assert ask(funnel(["a", "b"], "user"), events_of(log)) == [("a", 2, 1.0, 1.0, None), ("b", 1, 0.5, 0.5, 0.0)]


def test_the_same_step_twice_must_happen_twice() -> None:
    log: list[Event] = [("a", 0, {"user": "u1"}), ("a", 90, {"user": "u1"}), ("a", 0, {"user": "u2"})]
    assert ask(funnel(["a", "a"], "user"), events_of(log)) == [("a", 2, 1.0, 1.0, None), ("a", 1, 0.5, 0.5, 90.0)]


def test_a_funnel_nobody_entered_has_its_steps_and_no_shares() -> None:
    assert ask(funnel(["a", "b"], "user"), events_of([])) == [("a", 0, None, None, None), ("b", 0, None, None, None)]
    assert ask(funnel(["a", "b"], "user", split="plan"), events_of([])) == []


def test_an_actor_can_be_a_stream() -> None:
    log: list[Event] = [("a", 0, {}), ("a", 1, {}), ("x", 2, {}), ("b", 3, {})]  # the streams are s0, s1, s2, s0
    assert ask(funnel(["a", "b"], "stream"), events_of(log))[1] == ("b", 1, 0.5, 0.5, 3.0)


def test_actors_that_are_numbers_meet_their_assignment() -> None:
    log: list[Event] = [("a", 0, {"user": 7}), ("b", 1, {"user": 7}), ("a", 0, {"user": "u9"})]
    assignment = pa.table({"actor": pa.array([7, 8]), "variant": ["x", "y"]})
    found = ask(funnel(["a", "b"], "user", assigned=True), events_of(log), assignment=assignment)
    assert [row[:3] for row in found] == [("x", "a", 1), ("x", "b", 1)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: counts("dya"), "dya"),
        (lambda: counts("DAY"), "DAY"),
        (lambda: counts(by=["a", "a"]), "twice"),
        (lambda: counts(by="type"), "list"),
        (lambda: funnel(["a"]), "two steps"),
        (lambda: funnel([]), "two steps"),
        (lambda: funnel("ab"), "list"),
        (lambda: funnel(["a", "b"], split="x", assigned=True), "not both"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_what_to_type_next(
    asked: Callable[[], exp.Select], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        asked()


def test_a_misspelt_period_names_the_near_one() -> None:
    with pytest.raises(InvalidInputError) as caught:
        counts("dya")
    assert caught.value.hints == ["did you mean 'day'?"]


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "spark", "clickhouse", "snowflake", "bigquery", "trino"])
def test_the_trees_can_be_said_in_other_dialects(dialect: str) -> None:
    for tree in (
        counts("week", ["type", "plan"]),
        funnel(["a", "b", "c"], "user", split="plan"),
        funnel(["a", "b"], assigned=True),
    ):
        said = tree.sql(dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
        assert len(sqlglot.parse(said, dialect=dialect)) == 1


def test_the_known_answers_of_the_real_shop() -> None:
    roles = {"stream": "user_id", "type": "event", "time": "timestamp"}
    occurrence: Counter[str] = Counter()
    batches = read_batches(real_file("ecom.csv.gz"), columns=roles)
    table = pa.concat_tables(
        [canonical(batch, stream="user_id", type="event", time="timestamp", occurrence=occurrence) for batch in batches]
    )
    events = table.append_column("position", pa.array(range(1, len(table) + 1)))
    steps = ENGINE.run(funnel(["catalog", "add_to_cart", "purchase"], "user_id"), {"events": events})
    assert steps["count"].to_pylist() == [600, 511, 285]
    assert steps["conversion"].to_pylist() == [1.0, 511 / 600, 285 / 600]
    by_type = {row[0]: row[1] for row in ask(counts(by=["type"]), events)}
    known = {"product_view": 6851, "catalog": 6521, "add_to_cart": 1346, "purchase": 470, "checkout_bug": 44}
    assert {name: by_type[name] for name in known} == known
    per_user = ENGINE.run(counts(by=["user_id"]), {"events": events})["count"].to_pylist()
    assert (len(per_user), sum(per_user), statistics.median(per_user)) == (600, 31_106, 51)
