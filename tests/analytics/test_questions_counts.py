"""Measures per period and by properties (R2.6): against plain answers in Python and pandas."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import Event, Log, Rows, beginning, null_last
from burgee.analytics.source import Kind
from burgee.core.errors import InvalidInputError
from burgee.core.periods import PERIODS, Period
from burgee.questions.model import Counts, Measure
from effort import COSTLY
from raw import START

KINDS: dict[str, Kind] = {"user": "int", "plan": "text", "value": "float", "n": "int", "ok": "bool"}

payloads = st.fixed_dictionaries(
    {},
    optional={
        "user": st.sampled_from([1, 2, 3, None]),
        "plan": st.sampled_from(["a", "B", "é", "", None]),
        "value": st.floats(-1e6, 1e6) | st.none(),
        "n": st.integers(-9, 9) | st.none(),
        "ok": st.booleans() | st.none(),
    },
)
logs = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-900 * 86_400, 900 * 86_400), payloads), max_size=25)


def log_of(events: Sequence[Event]) -> Log:
    return Log(events, **KINDS)


def alike(found: object, expected: object) -> bool:
    """Whether these are equal, or differ by no more than the order of additions does."""
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-6)
    return found == expected and type(found) is type(expected)


def plain_counts(log: Sequence[Event], per: str | None, by: Sequence[str]) -> Rows:
    found: Counter[tuple[object, ...]] = Counter()
    for kind, at, data in log:
        values = [kind if name == "type" else data.get(name) for name in by]
        found[(*([beginning(START + timedelta(seconds=at), per)] if per else []), *values)] += 1
    return sorted(((*group, n) for group, n in found.items()), key=lambda row: [null_last(value) for value in row])


@COSTLY
@given(logs, st.sampled_from([None, *PERIODS]), st.lists(st.sampled_from(["type", "plan", "user", "ok"]), unique=True))
def test_counts_equal_a_plain_count(log: list[Event], per: Period | None, by: list[str]) -> None:
    found = log_of(log).rows(Counts(per, tuple(by)))
    assert found == (plain_counts(log, per, by) if per or by else [(len(log),)])


@COSTLY
@given(logs, st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]))
def test_measures_equal_plain_ones(log: list[Event], at: float) -> None:
    """Quantiles are numpy's (linear), of the values that are there."""
    measures = (
        Measure("count", "count"),
        Measure("distinct", "users", "user"),
        Measure("sum", "n", "n"),
        Measure("sum", "oks", "ok"),
        Measure("mean", "ok", "ok"),
        Measure("mean", "mean", "value"),
        Measure("min", "first", "plan"),
        Measure("max", "last", "plan"),
        Measure("max", "ever", "ok"),
        Measure("quantile", "q", "value", at),
        Measure("quantile", "qn", "n", at),
    )
    groups: dict[str, list[Event]] = defaultdict(list)
    for event in log:
        groups[event[0]].append(event)
    rows = log_of(log).rows(Counts(by=("type",), measures=measures))
    assert [row[0] for row in rows] == sorted(groups)
    for kind, *found in rows:
        data_of_all = [data for *_, data in groups[str(kind)]]
        there: dict[str, list[Any]] = {
            name: [data[name] for data in data_of_all if data.get(name) is not None] for name in KINDS
        }
        expected = [
            len(groups[str(kind)]),
            len(set(there["user"])),
            sum(there["n"]) if there["n"] else None,
            sum(there["ok"]) if there["ok"] else None,
            statistics.fmean(there["ok"]) if there["ok"] else None,
            statistics.fmean(there["value"]) if there["value"] else None,
            min(there["plan"], default=None),
            max(there["plan"], default=None),
            max(there["ok"], default=None),
            float(np.quantile(there["value"], at)) if there["value"] else None,
            float(np.quantile(there["n"], at)) if there["n"] else None,
        ]
        assert all(map(alike, found, expected)), (found, expected)


def test_kinds_are_kept_in_the_answer() -> None:
    log = log_of([("a", 0, {"user": 7, "plan": "p", "value": 1.5, "n": 2, "ok": True})])
    measures = (Measure("sum", "s", "n"), Measure("sum", "t", "value"), Measure("max", "m", "ok"))
    table = log.ask(Counts("day", ("user", "plan", "ok"), measures))
    assert dict(zip(table.column_names, table.schema.types, strict=True)) == {
        "time": pa.timestamp("us", "UTC"),
        "user": pa.int64(),
        "plan": pa.string(),
        "ok": pa.bool_(),
        "s": pa.int64(),
        "t": pa.float64(),
        "m": pa.bool_(),
    }


def test_the_columns_are_those_promised() -> None:
    log = Log([("a", 0, {"count": 5, "time": "x"})], count="int", time="text")
    assert log.ask(Counts()).column_names == ["count"]
    assert log.ask(Counts("day", ("type",))).column_names == ["time", "type", "count"]
    assert log.ask(Counts("day", ("count", "time"))).column_names == ["time", "data_count", "data_time", "count"]
    assert log.ask(Counts(by=("time",))).column_names == ["time", "count"]


def test_values_that_look_like_numbers_keep_their_text_and_null_is_a_group() -> None:
    log = Log([("a", n, {"zip": zip_}) for n, zip_ in enumerate(["007", "7", "7", None, None])], zip="text")
    assert log.rows(Counts(by=("zip",))) == [("007", 1), ("7", 2), (None, 2)]


@pytest.mark.parametrize("name", ["*", "a.b", 'we"ird', "it's", "back\\slash", "é", "select", "$", "A", "totals"])
def test_whatever_a_field_is_called_it_can_be_asked_about(name: str) -> None:
    fields: dict[str, Kind] = {name: "text"}
    log = Log([("a", 0, {name: "x"}), ("b", 1, {name: "x"}), ("a", 2, {})], **fields)
    table = log.ask(Counts("year", (name,)))
    assert table.column_names[1] == name
    assert table["count"].to_pylist() == [2, 1]


def test_a_measure_of_a_text_names_what_has_numbers() -> None:
    log = log_of([("a", 0, {"plan": "p", "value": 1.0})])
    with pytest.raises(InvalidInputError, match="sum needs numbers, and the field 'plan' is text") as caught:
        log.ask(Counts(measures=(Measure("sum", "s", "plan"),)))
    assert caught.value.hints == ["fields with numbers: 'n', 'ok', 'user', 'value'"]
    with pytest.raises(InvalidInputError, match="have an order"):
        Log([("a", 0, {"x": "{}"})], x="json").ask(Counts(measures=(Measure("max", "m", "x"),)))


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        (Counts("dya"), "no period 'dya'", "did you mean 'day'?"),  # type: ignore[arg-type] # as a user may
        (Counts("DAY"), "no period 'DAY'", None),  # type: ignore[arg-type] # as a user may
        (Counts(by=("plan", "plan")), "named twice", None),
        (Counts(measures=(Measure("count", "n"), Measure("sum", "n", "value"))), "named twice", None),
        (Counts(by=("plam",)), "no event has a field 'plam'", "did you mean 'plan'?"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_type_next(asked: Counts, said: str, hint: str | None) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        log_of([("a", 0, {})]).ask(asked)
    assert hint is None or caught.value.hints == [hint]


def test_in_an_empty_log_every_field_is_null() -> None:
    empty = Log([])
    assert empty.rows(Counts("day", ("plan",))) == []
    assert empty.rows(Counts(measures=(Measure("sum", "s", "value"), Measure("distinct", "d", "x")))) == [(None, 0)]
