from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.json import Json
from burgee.flags.sql.assign import assign
from flags.strategies import as_rows, evaluated, flag


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
