"""Frames of all kinds, brought to Arrow columns of the few kinds that a flag's SQL knows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.flags.sql.columns import KEY_KINDS, ColumnKind

_NAIVE = pa.timestamp("us")


class Frame:
    """A table of pandas, polars or Arrow, or whatever gives an Arrow stream; columns are converted when asked for."""

    __slots__ = ("_arrays", "_frame", "_pandas", "index")

    def __init__(self, frame: object) -> None:
        self._arrays: dict[str, pa.ChunkedArray | None] = {}
        self._pandas = isinstance(frame, pd.DataFrame)
        given: Any = frame
        self._frame: Any = given if self._pandas else _table(frame)
        self.index: pd.Index = self._frame.index if self._pandas else pd.RangeIndex(self._frame.num_rows)
        """The frame's own; a `RangeIndex` if it has none."""

    def check(self, needed: Mapping[str, str]) -> None:
        """Raise `MissingColumnError` for a column that is not there, `InvalidInputError` for one that is twice."""
        if self._pandas:
            check_columns(needed, list(self._frame.columns), self._frame.index.names)
        else:
            check_columns(needed, self._frame.column_names)

    def array(self, name: str) -> pa.ChunkedArray | None:
        """The column in Arrow; None if its values are of several types, or can't be told in Arrow."""
        if name not in self._arrays:
            self._arrays[name] = _array(self._frame[name]) if self._pandas else self._frame[name]
        return self._arrays[name]

    def values(self, name: str) -> Sequence[object]:
        """The column as values of Python."""
        column = self._frame[name]
        values: Sequence[object] = column.tolist() if self._pandas else column.to_pylist()
        return values


def check_columns(needed: Mapping[str, str], there: Sequence[object], levels: Iterable[object] = ()) -> None:
    """Raise for columns that are not there, saying why they are needed, and for those that are there twice."""
    for name, why in needed.items():
        times = there.count(name)
        if times > 1:
            raise InvalidInputError(f"column {name!r} is there {times} times", hint="rename all but the one meant")
        if times == 0:
            error = MissingColumnError(name, map(str, there))
            error.add_note(f"the index has that name: frame.reset_index({name!r})" if name in levels else why)
            raise error


def prepared(
    name: str, array: pa.ChunkedArray, *, as_key: bool = False, as_time: bool = False
) -> tuple[pa.ChunkedArray, ColumnKind]:
    """A column in the form of its kind. `InvalidInputError` if it is to hold targeting keys and can't."""
    dictionary = pa.types.is_dictionary(array.type)
    kind = kind_of_type(array.type)
    if dictionary and kind is not ColumnKind.TEXT:  # texts by number are what DuckDB is quickest with
        array = array.cast(array.type.value_type)
    if as_key:
        _check_key(name, array.type, kind)
    if pa.types.is_null(array.type):
        return array.cast(pa.string()), kind
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string())  # a number is read from text as Python does it; elsewise it is rounded twice
    if kind is ColumnKind.FRACTION:
        return array.cast(pa.float64()), kind
    if kind is ColumnKind.TIME and as_time:
        return pc.floor_temporal(array, unit="microsecond").cast(_NAIVE, safe=False), kind
    if kind in {ColumnKind.OTHER, ColumnKind.TIME} or (kind is ColumnKind.UUID and not as_key):
        there = pc.if_else(array.is_valid(), pa.scalar(value=True), pa.scalar(None, pa.bool_()))
        return there, ColumnKind.OTHER
    return array, kind


def kind_of_type(type: pa.DataType) -> ColumnKind:
    """What a column of this type holds."""
    is_ = pa.types
    if is_.is_dictionary(type):
        return kind_of_type(type.value_type)
    if is_.is_string(type) or is_.is_large_string(type) or is_.is_string_view(type) or is_.is_null(type):
        return ColumnKind.TEXT
    if is_.is_integer(type):
        return ColumnKind.WHOLE
    if is_.is_floating(type) or is_.is_decimal(type):
        return ColumnKind.FRACTION
    if is_.is_boolean(type):
        return ColumnKind.BOOLEAN
    if is_.is_timestamp(type) or is_.is_date(type):
        return ColumnKind.TIME
    return ColumnKind.UUID if isinstance(type, pa.UuidType) else ColumnKind.OTHER


def _check_key(name: str, type: pa.DataType, kind: ColumnKind) -> None:
    inexact = kind is ColumnKind.FRACTION and not pa.types.is_float64(type)
    if inexact or kind not in KEY_KINDS:
        raise InvalidInputError(
            f"column {name!r} can't hold targeting keys: it is of type {type}",
            hint="targeting keys are text, whole numbers or UUIDs; name their column with by=…",
        )


def _table(frame: object) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if not hasattr(frame, "__arrow_c_stream__"):
        raise InvalidInputError(
            f"a frame is needed, not {type(frame).__name__}", hint="give a table of pandas, polars or Arrow"
        )
    try:
        return pa.RecordBatchReader.from_stream(frame).read_all()
    except pa.ArrowInvalid as error:
        raise InvalidInputError(f"this {type(frame).__name__} is no table: {error}") from None


def _array(series: pd.Series) -> pa.ChunkedArray | None:
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError):
        return None
    # Of objects of several types Arrow makes one: of True and 1.0 two numbers, of "a" and b"a" two of bytes.
    uniform = series.dtype != object or len(set(map(type, series.dropna()))) <= 1
    return array if uniform else None
