"""Funnels as SQL trees (R2.6): against a slow walk in Python, from every start there is."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import ALL, ENGINE, Event, Log, Rows, in_order, null_last
from burgee.analytics.dialects import render
from burgee.analytics.filters import Choice
from burgee.analytics.questions import funnel
from burgee.core.errors import InvalidInputError
from burgee.questions.model import Funnel
from effort import COSTLY

payloads = st.fixed_dictionaries(
    {}, optional={"user": st.sampled_from(["u1", "ü2", "u3", None]), "plan": st.sampled_from([1, 2, None])}
)
logs = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 6), payloads), max_size=25)
ways = st.lists(st.sampled_from("abc"), min_size=2, max_size=4)
COLUMNS = ["step", "count", "conversion", "step_conversion", "median_seconds"]

type Walk = tuple[object, list[float]]


def log_of(events: Sequence[Event]) -> Log:
    return Log([*events, *((kind, 0, {}) for kind in "abc")], user="text", plan="int")  # so that every step exists


def best_walk(events: Sequence[Event], steps: Sequence[str], within: float | None) -> list[Event] | None:
    """The walk that goes furthest, of those the one that starts first, trying each start."""
    best: list[Event] | None = None
    for place, start in enumerate(events):
        if start[0] != steps[0]:
            continue
        walk = [start]
        for event in events[place + 1 :]:
            in_time = within is None or event[1] - start[1] <= within
            if len(walk) < len(steps) and event[0] == steps[len(walk)] and in_time:
                walk.append(event)
        if best is None or len(walk) > len(best):
            best = walk
    return best


def walks_of(log: Sequence[Event], steps: Sequence[str], within: float | None, split: str | None) -> list[Walk]:
    actors: Mapping[object, list[Event]] = defaultdict(list)
    for _, event in in_order(log):
        if event[2].get("user") is not None:
            actors[event[2]["user"]].append(event)
    found = (best_walk(events, steps, within) for events in actors.values())
    return [(walk[0][2].get(split) if split else None, [at for _, at, _ in walk]) for walk in found if walk]


def plain_funnel(
    log: Sequence[Event], steps: Sequence[str], within: float | None = None, split: str | None = None
) -> Rows:
    """The funnel by user, actor by actor, event by event."""
    walks = walks_of(log, steps, within, split)
    rows: Rows = []
    for group in sorted({group for group, _ in walks}, key=null_last) if split else [None]:
        times = [times for each, times in walks if each == group]
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


@COSTLY
@given(logs, ways, st.sampled_from([None, 1.0, 2.0, 3.0]))
def test_a_funnel_equals_a_walk_through_each_actors_events(
    log: list[Event], steps: list[str], within: float | None
) -> None:
    assert log_of(log).rows(Funnel(tuple(steps), "user", None, within)) == plain_funnel(log, steps, within)


@COSTLY
@given(logs, ways, st.sampled_from([None, 2.0]))
def test_a_split_funnel_equals_a_walk_within_each_split(
    log: list[Event], steps: list[str], within: float | None
) -> None:
    found = log_of(log).rows(Funnel(tuple(steps), "user", "plan", within))
    assert found == plain_funnel(log, steps, within, "plan")


@COSTLY
@given(logs, ways)
def test_the_times_between_steps_are_numpys_quantiles(log: list[Event], steps: list[str]) -> None:
    walks = walks_of(log, steps, None, None)
    found = log_of(log).ask(Funnel(tuple(steps), "user", times=True))
    assert found.column_names == ["step", "p25", "p50", "p75", "p90", "mean"]
    for step, row in enumerate(found.to_pylist(), start=1):
        took = [times[step] - times[step - 1] for _, times in walks if step < len(times)]
        expected = [*np.quantile(took, [0.25, 0.5, 0.75, 0.9]), np.mean(took)] if took else [None] * 5
        assert row.pop("step") == steps[step]
        assert list(row.values()) == pytest.approx(expected)


@COSTLY
@given(logs, ways, st.dictionaries(st.sampled_from(["u1", "ü2", "u3", "u4"]), st.sampled_from("xy")))
def test_a_funnel_by_variant_has_only_the_actors_assigned(
    log: list[Event], steps: list[str], variants: dict[str, str]
) -> None:
    actors, served = pa.array(variants, pa.string()), pa.array(variants.values(), pa.string())
    made = log_of(log)
    text = render(funnel(Choice(ALL, made.columns, made.types), steps, "user", assigned=True), "duckdb")
    answer = ENGINE.run(text, {"events": made.table, "assignment": pa.table({"actor": actors, "variant": served})})
    known: list[Event] = [
        (kind, at, {**data, "v": variants[str(data["user"])]}) for kind, at, data in log if data.get("user") in variants
    ]
    assert [tuple(row.values()) for row in answer.to_pylist()] == plain_funnel(known, steps, None, "v")


def test_the_columns_are_those_promised() -> None:
    log = Log([("a", 0, {"step": "x"}), ("b", 1, {})], step="text")
    assert log.ask(Funnel(("a", "b"))).column_names == COLUMNS
    assert log.ask(Funnel(("a", "b"), split="step")).column_names == ["data_step", *COLUMNS]
    assert log.ask(Funnel(("a", "b"), split="type")).column_names == ["type", *COLUMNS]


def test_a_step_counts_only_after_the_one_before() -> None:
    log = Log([("b", 0, {"u": 1}), ("a", 5, {"u": 1}), ("a", 5, {"u": 2}), ("b", 5, {"u": 2})], u="int")
    assert log.rows(Funnel(("a", "b"), "u")) == [("a", 2, 1.0, 1.0, None), ("b", 1, 0.5, 0.5, 0.0)]


def test_the_same_step_twice_must_happen_twice() -> None:
    log = Log([("a", 0, {"u": 1}), ("a", 90, {"u": 1}), ("a", 0, {"u": 2})], u="int")
    assert log.rows(Funnel(("a", "a"), "u")) == [("a", 2, 1.0, 1.0, None), ("a", 1, 0.5, 0.5, 90.0)]


def test_who_starts_again_within_the_window_has_come_through() -> None:
    late: list[Event] = [("a", 0, {}), ("b", 5, {}), ("a", 100, {}), ("b", 101, {}), ("c", 109, {}), ("c", 200, {})]
    log = Log([(kind, at, {"u": 1}) for kind, at, _ in late], u="int")
    steps = ("a", "b", "c")
    assert [row[1] for row in log.rows(Funnel(steps, "u", within=9.0))] == [1, 1, 1]
    assert [row[4] for row in log.rows(Funnel(steps, "u", within=9.0))] == [None, 1.0, 8.0]
    assert [row[1] for row in log.rows(Funnel(steps, "u", within=8.999999))] == [1, 1, 0]
    assert [row[4] for row in log.rows(Funnel(steps, "u", within=8.0))] == [None, 5.0, None]  # the first start
    assert [row[4] for row in log.rows(Funnel(steps, "u"))] == [None, 5.0, 104.0]


def test_a_funnel_nobody_entered_has_its_steps_and_no_shares() -> None:
    assert Log([]).rows(Funnel(("a", "b"), "user")) == [("a", 0, None, None, None), ("b", 0, None, None, None)]
    assert Log([]).rows(Funnel(("a", "b"), "user", split="plan")) == []


def test_an_actor_can_be_a_stream() -> None:
    log = Log([("a", 0, {}), ("a", 1, {}), ("x", 2, {}), ("b", 3, {})])  # the streams are s0, s1, s2, s0
    assert log.rows(Funnel(("a", "b")))[1] == ("b", 1, 0.5, 0.5, 3.0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Funnel(("a",)), "two steps"),
        (Funnel(()), "two steps"),
        (Funnel(("a", "bb")), "no event has a type 'bb'"),
        (Funnel(("a", "a*")), "no event has a type 'a\\*'"),
        (Funnel(("a", "b"), by="usr"), "no event has a field 'usr'"),
        (Funnel(("a", "b"), split="plam"), "no event has a field 'plam'"),
    ],
)
def test_a_question_that_cannot_be_is_refused(asked: Funnel, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        log_of([]).ask(asked)
    assert caught.value.hints


def test_a_funnel_is_split_in_one_way() -> None:
    made = log_of([])
    with pytest.raises(InvalidInputError, match="not both"):
        funnel(Choice(ALL, made.columns, made.types), ["a", "b"], split="plan", assigned=True)
