"""Frames in and out: any frame becomes the same Arrow table, and pandas gets the dtypes an analyst works with."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.frames import require_columns, to_arrow, to_pandas

ROWS = [{"id": "u1", "n": 1, "x": 1.5}, {"id": None, "n": 2, "x": None}]
COLUMNS = {"id": ["u1", None], "n": [1, 2], "x": [1.5, None]}
ARROW = pa.table(COLUMNS)

FRAMES = {
    "pandas": pd.DataFrame(COLUMNS),
    "polars": pl.DataFrame(COLUMNS),
    "arrow table": ARROW,
    "record batch": ARROW.to_batches()[0],
    "rows": ROWS,
    "columns": COLUMNS,
    "numpy columns": {"id": np.array(["u1", None], dtype=object), "n": np.array([1, 2]), "x": np.array([1.5, np.nan])},
    "arrow columns": {name: ARROW[name] for name in ARROW.column_names},
}


@pytest.mark.parametrize("name", FRAMES)
def test_whatever_the_frame_the_table_is_the_same(name: str) -> None:
    table = to_arrow(FRAMES[name])
    assert table.column_names == ["id", "n", "x"]
    assert table.to_pylist() == ROWS


def test_a_reader_is_a_frame_too() -> None:
    assert to_arrow(ARROW.to_reader()).equals(ARROW)


@pytest.mark.parametrize("name", FRAMES)
def test_only_the_columns_asked_for_are_taken_in_that_order(name: str) -> None:
    assert to_arrow(FRAMES[name], ["x", "id", "x"]).column_names == ["x", "id"]


def test_a_column_not_asked_for_may_hold_anything() -> None:
    frame = pd.DataFrame({"a": [1], "odd": [object()]})
    assert to_arrow(frame, ["a"]).to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT])
def test_what_is_missing_in_python_is_null(missing: object) -> None:
    for frame in (
        {"x": ["a", missing]},
        [{"x": "a"}, {"x": missing}],
        pd.DataFrame({"x": ["a", missing]}, dtype=object),
    ):
        assert to_arrow(frame)["x"].to_pylist() == ["a", None]


def test_arrow_and_polars_tell_nan_from_null() -> None:
    for frame in (pa.table({"x": [np.nan, None]}), pl.DataFrame({"x": [np.nan, None]})):
        assert to_arrow(frame)["x"].null_count == 1


def test_rows_may_lack_keys_and_bring_new_ones() -> None:
    assert to_arrow([{"a": 1}, {"b": "x"}]).to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


@pytest.mark.parametrize("empty", [[], {}, pd.DataFrame(), pa.table({})])
def test_an_empty_frame_is_an_empty_table(empty: object) -> None:
    assert to_arrow(empty).shape == (0, 0)


def test_a_pandas_index_is_no_column_and_the_error_says_how_it_becomes_one() -> None:
    frame = pd.DataFrame({"user": ["u"], "n": [1]}).set_index("user")
    assert to_arrow(frame).column_names == ["n"]
    with pytest.raises(MissingColumnError) as caught:
        to_arrow(frame, ["user"])
    assert "'user' is the index: give frame.reset_index()" in caught.value.hints


def test_nothing_of_pandas_is_left_in_the_table() -> None:
    assert to_arrow(pd.DataFrame({"a": [1]})).schema.metadata is None


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (7, "type int"),
        (None, "NoneType"),
        ("a.csv", "type str"),
        (pd.Series([1]), "pandas.Series"),
        (pl.Series([1]), "polars.Series"),
        (pl.LazyFrame({"a": [1]}), "polars.LazyFrame"),
        ([1, 2], "row 1"),
        ([{"a": 1}, ("a", 1)], "row 2"),
        ({"a": 1}, "column 'a'"),
        ({"a": "text"}, "column 'a'"),
        ({"a": [1], "b": [1, 2]}, "'a' has 1, 'b' has 2"),
        (pd.DataFrame({1: [1]}), "1 \\(int\\)"),
        ({("a", "b"): [1]}, "tuple"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' appears twice"),
        (pa.table([[1], [2]], names=["a", "a"]), "'a' appears twice"),
        ({"fine": [1, 2], "a": [1, "x"]}, "column 'a'.*row 2 holds 'x' \\(str\\) after values of type int"),
        (pd.DataFrame({"a": ["x", None, 3]}, dtype=object), "row 3 holds 3 \\(int\\)"),
        ({"a": [None, object]}, "row 2 holds .*\\(type\\), which Arrow can't hold"),
        ({"a": [1, 2.5, "x"]}, "row 3"),
        ({"a": [2**70]}, "row 1"),
        ({"a": ["\ud800"]}, "row 1"),
        (pd.DataFrame({"fine": [1], "a": [1j]}), "column 'a'"),
    ],
)
def test_what_is_no_frame_is_refused_and_named(frame: object, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        to_arrow(frame)


def test_a_lazy_frame_or_a_column_is_told_what_to_do() -> None:
    with pytest.raises(InvalidInputError) as caught:
        to_arrow(pl.LazyFrame({"a": [1]}))
    assert ".collect()" in caught.value.hints[0]
    with pytest.raises(InvalidInputError) as caught:
        to_arrow(pd.Series([1]))
    assert ".to_frame()" in caught.value.hints[0]


@pytest.mark.parametrize("name", FRAMES)
def test_a_missing_column_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(MissingColumnError) as caught:
        to_arrow(FRAMES[name], ["idd"])
    assert (caught.value.column, caught.value.columns) == ("idd", ["id", "n", "x"])
    assert caught.value.hints == ["did you mean 'id'?"]


def test_required_columns_are_named_with_their_role() -> None:
    require_columns(ARROW, {"stream": "id", "id": None})
    with pytest.raises(MissingColumnError, match="time column 'at'"):
        require_columns(ARROW, {"stream": "id", "time": "at"})


@pytest.mark.parametrize(
    ("values", "kind", "dtype", "shown"),
    [
        (["a", None], pa.string(), "str", ["a", np.nan]),
        (["a", None], pa.large_string(), "str", ["a", np.nan]),
        ([1, 2], pa.int64(), "int64", [1, 2]),
        ([1, None], pa.int64(), "Int64", [1, pd.NA]),
        ([2**62 + 1, None], pa.int64(), "Int64", [2**62 + 1, pd.NA]),
        ([1, None], pa.uint8(), "UInt8", [1, pd.NA]),
        ([True, False], pa.bool_(), "bool", [True, False]),
        ([True, None], pa.bool_(), "boolean", [True, pd.NA]),
        ([1.5, None], pa.float64(), "float64", [1.5, np.nan]),
        ([Decimal(3), None], pa.decimal128(38, 0), "Int64", [3, pd.NA]),
        ([Decimal(3)], pa.decimal128(38, 0), "int64", [3]),
        ([Decimal(2**70)], pa.decimal128(38, 0), "float64", [2.0**70]),
        ([Decimal("1.5"), None], pa.decimal128(5, 1), "float64", [1.5, np.nan]),
        ([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"), "datetime64[us, UTC]", None),
        ([datetime(2026, 1, 1), None], pa.timestamp("ns"), "datetime64[ns]", None),  # noqa: DTZ001 - naive, that is the point
        ([date(2026, 1, 1), None], pa.date32(), "datetime64[ms]", None),
        ([[1, 2], None], pa.list_(pa.int64()), "object", [[1, 2], None]),
        ([{"a": [1]}, None], pa.struct({"a": pa.list_(pa.int64())}), "object", [{"a": [1]}, None]),
        ([[("k", 1)]], pa.map_(pa.string(), pa.int64()), "object", [{"k": 1}]),
        (['{"a": [1]}', "{}", None], pa.json_(), "object", [{"a": [1]}, {}, None]),
        ([None, None], pa.null(), "object", [None, None]),
    ],
)
def test_pandas_gets_the_dtype_an_analyst_expects(
    values: Sequence[object], kind: pa.DataType, dtype: str, shown: list[object] | None
) -> None:
    frame = to_pandas(pa.table({"x": pa.array(values, kind)}))
    assert str(frame["x"].dtype) == dtype
    if shown is not None:
        pd.testing.assert_series_equal(frame["x"], pd.Series(shown, name="x", dtype=frame["x"].dtype))


def test_a_dictionary_is_a_category() -> None:
    frame = to_pandas(pa.table({"x": pa.array(["a", "b", "a"]).dictionary_encode()}))
    assert frame["x"].tolist() == ["a", "b", "a"]
    assert str(frame["x"].dtype) == "category"


def test_a_frame_has_as_many_rows_and_columns_as_its_table_whatever_these_are_called() -> None:
    assert to_pandas(pa.table({})).shape == (0, 0)
    assert to_pandas(ARROW.slice(0, 0)).columns.tolist() == ["id", "n", "x"]
    assert to_pandas(pa.table([[1], [2]], names=["a", "a"])).columns.tolist() == ["a", "a"]
    assert to_pandas(pa.table({"": [1], "a.b": [2]})).columns.tolist() == ["", "a.b"]


def test_a_frame_through_arrow_and_back_is_the_same() -> None:
    frame = pd.DataFrame(
        {
            "s": ["a", None],
            "n": [1, 2],
            "t": pd.Series([pd.Timestamp("2026-01-01", tz="UTC"), pd.NaT]).astype("datetime64[us, UTC]"),
        }
    )
    pd.testing.assert_frame_equal(to_pandas(to_arrow(frame)), frame)


def test_importing_it_imports_neither_pandas_nor_arrow() -> None:
    script = "import sys, burgee.core.frames; assert not {'pandas', 'pyarrow', 'duckdb'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_periods_are_moments_and_intervals_are_texts() -> None:
    months, steps = pd.period_range("2026-01", periods=2, freq="M"), pd.cut([1.0, np.nan], [0, 10])
    frame = pd.DataFrame(
        {
            "p": months,
            "c": pd.Categorical(months),
            "i": steps,
            "v": pd.IntervalIndex.from_arrays([0.0, np.nan], [10.0, np.nan]),
        }
    )
    told = to_arrow(frame).to_pylist()
    assert [row["p"].isoformat() for row in told] == ["2026-01-01T00:00:00", "2026-02-01T00:00:00"]
    assert [row["c"] for row in told] == [row["p"] for row in told]
    assert [(row["i"], row["v"]) for row in told] == [("(0, 10]", "(0.0, 10.0]"), (None, None)]
