import hashlib
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.json import Json
from burgee.flags.assign import assign
from burgee.flags.evaluate import compile_flag
from burgee.flags.model import FlagState, Rule
from burgee.flags.rules import make_condition, make_variants
from flags.strategies import flag_states, ids, rollouts, salts, scalars, tables


def flag(
    weights: Mapping[str, float] | None = None,
    *rules: tuple[str, str, object],
    values: Mapping[str, Json] | None = None,
    rollout: float = 100.0,
    enabled: bool = True,
) -> FlagState:
    variants = make_variants(weights, values)
    return FlagState(
        key="f",
        variants=variants,
        default=variants[-1].name,
        enabled=enabled,
        rollout=rollout,
        rules=tuple(Rule(f"r{n}", (make_condition(*rule),), variants[0].name) for n, rule in enumerate(rules)),
        salt="s",
    )


def as_rows(answer: pd.DataFrame) -> list[tuple[object, ...]]:
    columns = [[None if pd.isna(x) else x for x in answer[name].tolist()] for name in ("variant", "value", "reason")]
    more = [[None if pd.isna(x) else x for x in answer[name].tolist()] for name in ("rule", "bucket")]
    return list(zip(*columns, *more, strict=True))


def evaluated(state: FlagState, contexts: Sequence[Mapping[str, object]]) -> list[tuple[object, ...]]:
    compiled = compile_flag(state)
    served = [compiled.evaluate(context) for context in contexts]
    return [
        (e.variant, e.value, e.reason.value, e.rule, compiled.bucket(context.get("id")))
        for e, context in zip(served, contexts, strict=True)
    ]


def rows_of(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Each row as pandas holds it, scalars of numpy included."""
    for number in range(len(frame)):
        yield {str(name): frame[name].iloc[number] for name in frame.columns}


@given(flag_states(), tables())
def test_a_frame_of_arrow_is_served_row_by_row_what_each_row_would_be(state: FlagState, table: pa.Table) -> None:
    """P19, P20, R9.1: `assign` and `evaluate` are one function."""
    assert as_rows(assign(state, table)) == evaluated(state, table.to_pylist())


@given(flag_states(), tables())
def test_a_frame_of_pandas_is_served_row_by_row_what_each_row_would_be(state: FlagState, table: pa.Table) -> None:
    """P19, P20, R9.1, with whole numbers that became floats, and columns of Python objects."""
    frame = table.to_pandas()
    assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@given(flag_states(), tables())
def test_a_frame_of_nullable_pandas_is_served_row_by_row_what_each_row_would_be(
    state: FlagState, table: pa.Table
) -> None:
    """P19, P20, R9.1, with NA for what is missing."""
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    assert as_rows(assign(state, frame)) == evaluated(state, list(rows_of(frame)))


@given(flag_states(), tables())
def test_a_frame_of_polars_is_served_row_by_row_what_each_row_would_be(state: FlagState, table: pa.Table) -> None:
    """P19, P20, R9.1."""
    frame = pl.DataFrame(table)
    assert as_rows(assign(state, frame)) == evaluated(state, frame.to_dicts())


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
    for _ in range(3):
        answer = assign(state, frame)
        assert answer["bucket"][::1000].tolist() == [compiled.bucket(n) for n in range(0, size, 1000)]
        assert answer["variant"].tolist() == [served.variant for served in expected]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "x", "y"], name="name"),
        pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["one", "two"]),
        pd.date_range("2026-11-01", periods=3),
        pd.RangeIndex(5, 8),
    ],
    ids=["twice", "levels", "dates", "range"],
)
def test_the_answer_has_the_index_of_the_frame(index: pd.Index) -> None:
    answer = assign(flag(), pd.DataFrame({"id": ["a", "b", "c"]}, index=index))
    pd.testing.assert_index_equal(answer.index, index)
    assert list(answer.columns) == ["variant", "value", "reason", "rule", "bucket"]


def test_the_frame_given_stays_as_it_was() -> None:
    frame = pd.DataFrame({"id": ["a", None], "n": [1.0, np.nan]})
    before = frame.copy()
    assign(flag(None, ("n", "gt", 0)), frame)
    pd.testing.assert_frame_equal(frame, before)


FORMS: dict[str, Callable[[pa.Table], object]] = {
    "table": lambda table: table,
    "reader": lambda table: table.to_reader(),
    "batch": lambda table: table.to_batches()[0],
    "polars": pl.from_arrow,
    "pandas": lambda table: table.to_pandas(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_kind_of_frame_gives_the_same_answer(form: Callable[[pa.Table], object]) -> None:
    table = pa.table({"id": ["a", "b", "", None], "plan": ["pro", "free", "pro", None]})
    state = flag({"new": 50, "old": 50}, ("plan", "eq", "pro"))
    expected = evaluated(state, table.to_pylist())
    assert as_rows(assign(state, form(table))) == expected
    assert [row[2] for row in expected] == ["TARGETING_MATCH", "SPLIT", "TARGETING_MATCH", "ERROR"]


@pytest.mark.parametrize("form", [FORMS["table"], FORMS["pandas"], FORMS["polars"]], ids=["table", "pandas", "polars"])
def test_an_empty_frame_gives_an_empty_answer(form: Callable[[pa.Table], object]) -> None:
    table = pa.table({"id": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    answer = assign(flag({"a": 100}, ("n", "gt", 1)), form(table))
    assert answer.shape == (0, 5)
    assert answer["bucket"].dtype == pd.UInt32Dtype()


def test_an_empty_frame_of_objects_gives_an_empty_answer() -> None:
    assert assign(flag(), pd.DataFrame({"id": []}, dtype=object)).shape == (0, 5)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ({"a": 1, "b": 2}, "int64"),
        ({"a": 1, "b": 2.5}, "float64"),
        ({"a": True, "b": False}, "bool"),
        ({"a": "x", "b": "y"}, "str"),
        ({"a": True, "b": 1}, "object"),
        ({"a": 2**53 + 1, "b": 0.5}, "object"),
        ({"a": 10**400, "b": 0.5}, "object"),
        ({"a": 10**400, "b": 1}, "object"),
        ({"a": [1, 2], "b": [3, 4]}, "object"),
        ({"a": {"size": 1}, "b": None}, "object"),
    ],
)
def test_values_come_in_the_type_they_are_all_of(values: dict[str, Json], dtype: str) -> None:
    state = flag({"a": 50, "b": 50}, values=values)
    answer = assign(state, pd.DataFrame({"id": [str(n) for n in range(40)]}))
    assert answer["value"].dtype == dtype
    assert answer["value"].tolist() == [values[variant] for variant in answer["variant"]]
    assert set(answer["variant"]) == {"a", "b"}


def test_words_are_categories_so_that_counts_show_what_nobody_got() -> None:
    answer = assign(flag({"new": 0, "old": 100}), pd.DataFrame({"id": ["a", "b"]}))
    assert answer["variant"].value_counts().to_dict() == {"old": 2, "new": 0}
    assert answer["rule"].isna().all()


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
    """A cast from a decimal to a float rounds twice and misses one in seven of these."""
    prices = [Decimal(10**14 + 7**number % 10**14).scaleb(-2) for number in range(1, 200)]
    state = flag(None, ("price", "in", [float(price) for price in prices]))
    answer = assign(state, pa.table({"id": range(len(prices)), "price": pa.array(prices, pa.decimal128(38, 2))}))
    assert set(answer["reason"]) == {"TARGETING_MATCH"}


def test_a_disabled_flag_serves_its_default_without_looking_at_rules() -> None:
    """R9.4, P20: nothing but the targeting keys is needed."""
    answer = assign(flag(None, ("nowhere", "eq", 1), enabled=False), pd.DataFrame({"id": ["a", None]}))
    assert answer["reason"].tolist() == ["DISABLED", "DISABLED"]
    assert answer["value"].tolist() == [False, False]
    assert answer["bucket"].isna().tolist() == [False, True]


def test_a_column_a_rule_names_must_be_there() -> None:
    with pytest.raises(MissingColumnError, match="no column 'country'; the columns are: 'id', 'contry'") as caught:
        assign(flag(None, ("country", "eq", "DE")), pd.DataFrame({"id": [1], "contry": ["DE"]}))
    assert caught.value.hints == ["did you mean 'contry'?", "rule 'r0' needs it"]


def test_a_column_of_targeting_keys_must_be_there() -> None:
    with pytest.raises(MissingColumnError, match="no column 'id'; the columns are: 'user_id'") as caught:
        assign(flag(), pa.table({"user_id": [1]}))
    assert "it is the targeting key; name another column with by=…" in caught.value.hints


def test_ids_in_the_index_are_pointed_at() -> None:
    frame = pd.DataFrame({"id": ["a"], "n": [1]}).set_index("id")
    with pytest.raises(MissingColumnError) as caught:
        assign(flag(), frame)
    assert "the index has that name: frame.reset_index('id')" in caught.value.hints


@pytest.mark.parametrize("library", ["pandas", "arrow"])
def test_a_column_that_is_there_twice_is_refused(library: str) -> None:
    arrays, names = [["a"], ["b"]], ["id", "id"]
    frame = pa.table(arrays, names) if library == "arrow" else pd.DataFrame([["a", "b"]], columns=names)
    with pytest.raises(InvalidInputError, match="column 'id' is there 2 times"):
        assign(flag(), frame)


@pytest.mark.parametrize(
    ("keys", "type"),
    [
        (pa.array([True]), "bool"),
        (pa.array([datetime(2026, 11, 1, tzinfo=UTC)]), "timestamp"),
        (pa.array([[1]]), "list"),
        (pa.array([b"a"]), "binary"),
        (pa.array([Decimal(1)]), "decimal"),
        (pa.array([1.0], pa.float32()), "float"),
    ],
)
def test_a_column_that_can_hold_no_targeting_keys_is_refused(keys: pa.Array, type: str) -> None:
    table = pa.table({"key": keys, "mixed": ["a"]})
    with pytest.raises(InvalidInputError, match=f"column 'key' can't hold targeting keys: it is of type {type}"):
        assign(flag(), table, "key")
    frame = pd.DataFrame({"key": keys.to_pandas()[[0, 0]].array, "mixed": pd.Series([1, "a"], dtype=object)})
    with pytest.raises(InvalidInputError, match="column 'key' can't hold targeting keys"):
        assign(flag(None, ("mixed", "eq", 1)), frame, "key")


@pytest.mark.parametrize("what", [None, "ids", [1], {"id": [1]}, pd.Series([1], name="id"), pl.Series("id", [1])])
def test_what_is_no_frame_is_refused(what: object) -> None:
    with pytest.raises(InvalidInputError, match=r"a frame is needed, not|is no table"):
        assign(flag(), what)


def test_ids_that_are_no_text_are_errors_of_their_rows_only() -> None:
    frame = pd.DataFrame({"id": pd.Series(["a", "\ud800", "b"], dtype=object)})
    assert assign(flag(), frame)["reason"].tolist() == ["SPLIT", "ERROR", "SPLIT"]
