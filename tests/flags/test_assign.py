import hashlib
import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.flags.changing.rules import make_variants
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.sql.assign import assign
from flags.strategies import (
    as_rows,
    deep_flags,
    evaluated,
    flag,
    flag_states,
    ids,
    rollouts,
    rows_of,
    salts,
    scalars,
    tables,
)

FORMS: dict[str, Callable[[pa.Table], tuple[object, list[dict[str, object]]]]] = {
    "arrow": lambda table: (table, table.to_pylist()),
    "pandas": lambda table: _with_rows(table.to_pandas()),  # whole numbers become floats, columns Python's objects
    "nullable pandas": lambda table: _with_rows(table.to_pandas(types_mapper=pd.ArrowDtype)),
    "polars": lambda table: (pl.DataFrame(table), pl.DataFrame(table).to_dicts()),
}


def _with_rows(frame: pd.DataFrame) -> tuple[object, list[dict[str, object]]]:
    return frame, list(rows_of(frame))


@given(deep_flags(), tables(), st.sampled_from(sorted(FORMS)))
def test_frames_of_every_form_are_served_row_by_row_what_each_row_would_be(
    flags: tuple[FlagState, Ruleset], table: pa.Table, form: str
) -> None:
    """P19, P20, R9.1: `assign` and `evaluate` are one function, whatever a flag has and whoever made the frame."""
    state, ruleset = flags
    frame, rows = FORMS[form](table)
    assert as_rows(assign(state, frame, ruleset=ruleset)) == evaluated(state, rows, ruleset)


@given(flag_states(), st.lists(st.tuples(ids | st.integers() | st.none(), scalars | st.none()), max_size=12))
def test_columns_of_mixed_objects_are_served_row_by_row_what_each_row_would_be(
    state: FlagState, rows: list[tuple[object, object]]
) -> None:
    """P20, R9.1: no coercion, also where one column holds text, numbers and truth values."""
    keys, values = [row[0] for row in rows], [row[1] for row in rows]
    mixed = pd.Series(values, dtype=object)
    frame = pd.DataFrame(
        {
            "id": pd.Series(keys, dtype=object),
            **dict.fromkeys(("country", "age", "price", "member"), mixed),
            "joined": datetime(2026, 11, 1, tzinfo=UTC),
        }
    )
    assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@pytest.mark.parametrize(
    "column",
    [
        [1.0, True, None],
        [np.True_, 1, 0],
        [b"a", "a", None],
        [datetime(2026, 11, 1, tzinfo=UTC), 1, "a"],
        [pd.Timestamp("2026-11-01"), 1, pd.NaT],
        [uuid.UUID(int=1), uuid.UUID(int=1).bytes, 1],
        [Decimal(1), 1, None],
        [np.float32(0.1), 0.1, 1],
        [[1], {"a": 1}, float("nan")],
        [2**64, 1, -1],
    ],
    ids=str,
)
def test_objects_of_several_types_stay_what_they_are(column: list[object]) -> None:
    """Arrow would make one type of some of these."""
    frame = pd.DataFrame({"id": ["x", "y", "z"], "a": pd.Series(column, dtype=object)})
    for rule in (
        ("a", "eq", 1),
        ("a", "not_in", [1, "a", 0.1]),
        ("a", "eq", True),
        ("a", "eq", "a"),
        ("a", "exists", None),
    ):
        state = flag({"a": 0, "b": 100}, rule)
        assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.period_range("2026-11", periods=3, freq="M")),
        pd.Series(pd.arrays.SparseArray([1, 2, 1])),
        pd.Series([1 + 2j, 1, 2]),
        pd.Series([1.5, 1.0, 2.0], dtype="float16"),
        pd.Series(pd.Categorical([1, 2, None])),
        pd.Series(pd.Categorical([1, "1", None])),
        pd.Series(pd.to_timedelta([1, 2, None], unit="s")),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_rare_types_are_served_row_by_row_what_each_row_would_be(column: pd.Series) -> None:
    frame = pd.DataFrame({"id": ["x", "y", "z"], "a": column})
    for rule in (("a", "eq", 1), ("a", "ne", 1), ("a", "not_exists", None)):
        state = flag({"a": 0, "b": 100}, rule)
        assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@given(salts, rollouts, st.lists(ids.filter(bool), min_size=1, max_size=20))
def test_buckets_are_the_first_four_bytes_of_the_md5_of_salt_and_id(salt: str, percent: float, keys: list[str]) -> None:
    """P19: the scheme `md5-32/1`, computed here from its definition."""
    state = FlagState("f", make_variants(None), "off", enabled=True, rollout=percent, salt=salt)
    answer = assign(state, pd.DataFrame({"id": keys}))
    buckets = [int(hashlib.md5(f"{salt}-{key}".encode(), usedforsecurity=False).hexdigest()[:8], 16) for key in keys]
    assert answer["bucket"].tolist() == buckets
    assert answer["value"].tolist() == [bucket < round(percent / 100 * 2**32) for bucket in buckets]


@pytest.mark.parametrize("key", ["user-1", "user-2", "ü", "7"])
def test_a_row_is_let_in_exactly_from_its_bucket_on(key: str) -> None:
    """P19: the very edge of a rollout, and of a variant's weight, is the same as in `evaluate`."""
    frame = pd.DataFrame({"id": [key]})
    compiled = compile_flag(flag())
    u, v = compiled.bucket(key), compiled.variant_bucket(key)
    assert u is not None
    assert v is not None
    for limit, reason, variant in ((0, "DEFAULT", "b"), (1, "SPLIT", "a")):
        weight = (v + limit) / 2**32 * 100
        split = flag({"a": weight, "b": 100 - weight})
        at_the_edge = replace(split, rollout=(u + limit) / 2**32 * 100)
        assert assign(at_the_edge, frame)["reason"][0] == reason
        assert assign(split, frame)["variant"][0] == variant
        assert as_rows(assign(at_the_edge, frame)) == evaluated(at_the_edge, [{"id": key}])


def test_rows_keep_their_order_over_many_batches_and_long_lists() -> None:
    """More rows than a thread is given at once, and a list long enough for DuckDB to join instead of compare."""
    size, cities = 300_000, 5000
    frame = pd.DataFrame({"id": np.arange(size), "city": np.arange(size) % cities})
    state = flag({"a": 20, "b": 30, "c": 50}, ("city", "in", list(range(0, cities, 3))), rollout=60)
    compiled = compile_flag(state)
    expected = [compiled.evaluate({"id": n, "city": n % cities}) for n in range(size)]
    for _ in range(8):
        answer = assign(state, frame)
        assert answer["bucket"][::1000].tolist() == [compiled.bucket(n) for n in range(0, size, 1000)]
        assert answer["variant"].tolist() == [served.variant for served in expected]


def test_whole_numbers_text_and_restored_floats_are_the_same_ids() -> None:
    state = flag({"a": 50, "b": 50}, rollout=50)
    columns = {
        "int": pd.Series([7, 123456789, 0]),
        "float": pd.Series([7.0, 123456789.0, -0.0]),
        "text": pd.Series(["7", "123456789", "0"]),
        "nullable": pd.Series([7, 123456789, 0], dtype="Int64"),
        "category": pd.Series([7, 123456789, 0], dtype="category"),
        "object": pd.Series([7, "123456789", 0.0], dtype=object),
    }
    answers = {name: as_rows(assign(state, pd.DataFrame({"id": column}))) for name, column in columns.items()}
    assert all(answer == answers["text"] for answer in answers.values())


def test_float_ids_that_are_no_whole_numbers_are_errors_of_their_rows_only() -> None:
    frame = pd.DataFrame({"id": [1.0, 1.5, np.nan, np.inf, 2.0**53, 2.0**53 - 1]})
    answer = assign(flag(), frame)
    assert answer["reason"].tolist() == ["SPLIT", "ERROR", "ERROR", "ERROR", "ERROR", "SPLIT"]
    assert answer["bucket"].isna().tolist() == [False, True, True, True, True, False]
    assert as_rows(answer) == evaluated(flag(), list(rows_of(frame)))


@pytest.mark.parametrize("in_arrow", [True, False], ids=["arrow", "objects"])
def test_uuids_are_ids_by_their_text(in_arrow: bool) -> None:
    keys = [uuid.UUID(int=5), None, uuid.UUID(int=2**127)]
    state = flag(None, ("id", "eq", str(keys[0])), ("id", "not_exists", None))
    frame = pa.table({"id": pa.array(keys, pa.uuid())}) if in_arrow else pd.DataFrame({"id": keys})
    assert as_rows(assign(state, frame)) == evaluated(state, [{"id": key} for key in keys])


def test_a_rule_on_id_looks_at_the_column_of_targeting_keys() -> None:
    state = flag({"a": 50, "b": 50}, ("id", "eq", "u1"), ("user", "eq", "u2"), ("user", "gt", 5))
    frame = pd.DataFrame({"id": ["other", "u1", "x"], "user": ["u1", "u2", "u3"]})
    for given_frame in (frame, frame.astype({"user": object}), frame.assign(user=pd.Series(["u1", 7, "u3"]))):
        contexts = [{**row, "id": row["user"]} for row in rows_of(given_frame)]
        assert as_rows(assign(state, given_frame, "user")) == evaluated(state, contexts)


def test_a_column_may_have_any_name() -> None:
    names = ["bucket", "burgee_key", "a b", 'q"q', "frame", "outcome", "ü"]
    state = flag({"a": 50, "b": 50}, *[(name, "eq", n) for n, name in enumerate(names)])
    frame = pd.DataFrame({"id": ["x"] * 8, **{name: [n] * 7 + [-1] for n, name in enumerate(names)}})
    assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@pytest.mark.parametrize("bound", [2**53 + 1, 2**53 + 3, -(2**53) - 1, 2**64 - 1], ids=str)
@pytest.mark.parametrize("op", ["eq", "not_in", "gt", "gte", "lt", "lte"])
def test_whole_numbers_beyond_what_a_float_holds_are_compared_exactly_with_floats(op: str, bound: int) -> None:
    """Two floats on each side of the bound, the nearest of which is what a cast would make of it."""
    near = float(bound)
    floats = [
        math.nextafter(near, -math.inf, steps=2),
        math.nextafter(near, -math.inf),
        near,
        math.nextafter(near, math.inf),
    ]
    frame = pd.DataFrame({"id": range(4), "a": floats})
    state = flag(None, ("a", op, [bound] if op == "not_in" else bound))
    assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@pytest.mark.parametrize("bound", [2.5, -2.5, 2.0**53, 2.0**63, 2.0**64, 1e300, -1e300], ids=str)
@pytest.mark.parametrize("op", ["ne", "gte", "lt"])
def test_floats_are_compared_exactly_with_whole_numbers_of_any_width(op: str, bound: float) -> None:
    signed = [-(2**63), -3, -2, 2, 3, 2**53, 2**53 + 1, 2**63 - 1]
    unsigned = [0, 2, 3, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    frame = pa.table({"id": pa.array(signed), "a": pa.array(unsigned, pa.uint64())})
    state = flag({"x": 0, "y": 100}, ("id", op, bound), ("a", op, bound))
    assert as_rows(assign(state, frame)) == evaluated(state, frame.to_pylist())


def test_whole_numbers_beyond_what_a_float_holds_are_told_apart() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "n": [2**53, 2**53 + 1, 2**53 + 2]})
    answer = assign(flag(None, ("n", "eq", 2**53 + 1)), frame)
    assert answer["reason"].tolist() == ["SPLIT", "TARGETING_MATCH", "SPLIT"]


def test_decimals_are_the_numbers_they_are_written_as() -> None:
    prices = [Decimal("0.10"), Decimal("0.3"), None]
    state = flag(None, ("price", "eq", 0.1))
    for frame in (pd.DataFrame({"id": [1, 2, 3], "price": prices}), pa.table({"id": [1, 2, 3], "price": prices})):
        assert assign(state, frame)["reason"].tolist() == ["TARGETING_MATCH", "SPLIT", "SPLIT"]


def test_decimals_of_many_digits_are_the_floats_of_the_same_digits() -> None:
    """A cast from a decimal to a float rounds twice and misses some of these."""
    prices = [Decimal(10**14 + 7**number % 10**14).scaleb(-2) for number in range(1, 200)]
    state = flag(None, ("price", "in", [float(price) for price in prices]))
    answer = assign(state, pa.table({"id": range(len(prices)), "price": pa.array(prices, pa.decimal128(38, 2))}))
    assert set(answer["reason"]) == {"TARGETING_MATCH"}
