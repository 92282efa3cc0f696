"""`assign`: a flag version over a whole frame; `evaluate` for a million rows at once.

It is its own room because it loads pandas, pyarrow, duckdb and sqlglot; import it when it is used. Frames
are brought to Arrow columns of a few kinds, the tree of `expression` is run over them by DuckDB, and gives
a number for each row: which of the flag's outcomes it is served. The answer's columns are looked up by it.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import EXACT_FLOAT, TARGETING_KEY
from burgee.flags.evaluation.compiled import CompiledFlag, compile_flag, is_live
from burgee.flags.model import Evaluation, FlagState, conditions_in
from burgee.flags.sql.columns import ColumnKind, column
from burgee.flags.sql.expression import BUCKET, flag_expression

_FRAME = "frame"
_ROW = "row_number"
_OUTCOME = "outcome"
_BATCH = 122_880  # rows DuckDB gives a thread at once; a column in one piece would keep one thread busy
_ALONE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}
_KEYS = {ColumnKind.TEXT, ColumnKind.WHOLE, ColumnKind.FRACTION, ColumnKind.UUID}

type Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


def assign(state: FlagState, frame: object, by: str = TARGETING_KEY) -> pd.DataFrame:
    """What each row of a frame is served, and why: row i is what `evaluate({**row, "id": row[by]})` gives.

    Args:
        state: the flag version.
        frame: a table of pandas, polars or Arrow, or whatever gives an Arrow stream. It needs `by` and, if the flag
            is enabled, the columns its rules name; others are not looked at.
        by: the column of targeting keys: text, whole numbers or UUIDs.

    Returns:
        A frame with the index of the one given (a `RangeIndex` if it had none) and these columns: `variant`
        (categorical), `value` (bool, int, float or str where all values are such, else object), `reason` and
        `rule` (categorical; `rule` is missing where none matched), and `bucket`, the row's place in the rollout
        (UInt32, 0 to 2**32 - 1; missing where there is no usable targeting key).

    Raises:
        MissingColumnError: a column is not there; a rule's typing error must not send everybody to the default.
        InvalidInputError: it is no frame, a column is there twice, or `by` holds what can't be targeting keys.
    """
    compiled = compile_flag(state)
    answers = compiled.outcomes.all
    rows = _read(frame, _needed(state, by), by)
    if rows.mixed:
        numbers, buckets = _row_by_row(compiled, rows, by, answers)
    else:
        numbers, buckets = _at_once(compiled, rows, by, answers)
    columns = {
        "variant": _words([answer.variant for answer in answers], numbers, [v.name for v in state.variants]),
        "value": _values([answer.value for answer in answers], numbers),
        "reason": _words([answer.reason.value for answer in answers], numbers),
        "rule": _words([answer.rule for answer in answers], numbers),
        "bucket": buckets,
    }
    return pd.DataFrame(columns, index=rows.index, copy=False)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The columns needed of a frame, as Arrow arrays; or, if one mixes kinds, all as lists of Python's values."""

    index: pd.Index
    arrays: Mapping[str, pa.ChunkedArray]
    mixed: Mapping[str, Sequence[object]]


def _needed(state: FlagState, by: str) -> dict[str, str]:
    """The columns a frame must have, each with why."""
    needed = {by: "it is the targeting key; name another column with by=…"}
    for rule in state.rules if is_live(state) else ():
        for condition in conditions_in(rule.conditions):
            if condition.attribute != TARGETING_KEY:
                needed.setdefault(condition.attribute, f"rule {rule.name!r} needs it")
    return needed


def _read(frame: object, needed: Mapping[str, str], by: str) -> _Rows:
    if not isinstance(frame, pd.DataFrame):
        table = _table(frame)
        _check_columns(needed, table.column_names, ())
        return _Rows(pd.RangeIndex(table.num_rows), {name: table[name] for name in needed}, {})
    _check_columns(needed, list(frame.columns), frame.index.names)
    chosen = {name: frame[name] for name in needed}
    arrays = {name: _array(series) for name, series in chosen.items()}
    if all(array is not None for array in arrays.values()):
        return _Rows(frame.index, arrays, {})
    if arrays[by] is not None:
        _prepared(by, arrays[by], as_key=True)  # keys of an impossible type are refused on this way, too
    return _Rows(frame.index, {}, {name: series.tolist() for name, series in chosen.items()})


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


def _check_columns(needed: Mapping[str, str], there: Sequence[object], levels: Sequence[object]) -> None:
    for name, why in needed.items():
        times = there.count(name)
        if times > 1:
            raise InvalidInputError(f"column {name!r} is there {times} times", hint="rename all but the one meant")
        if times == 0:
            error = MissingColumnError(name, map(str, there))
            error.add_note(f"the index has that name: frame.reset_index({name!r})" if name in levels else why)
            raise error


def _array(series: pd.Series) -> pa.ChunkedArray | None:
    """The column in Arrow; None if its values are of several types, or can't be told in Arrow."""
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError):
        return None
    # Of objects of several types Arrow makes one: of True and 1.0 two numbers, of "a" and b"a" two of bytes.
    uniform = series.dtype != object or len(set(map(type, series.dropna()))) <= 1
    return array if uniform else None


def _prepared(name: str, array: pa.ChunkedArray, *, as_key: bool) -> tuple[pa.ChunkedArray, ColumnKind]:
    """A column in the form of its kind. `InvalidInputError` if it is to hold targeting keys and can't."""
    dictionary = pa.types.is_dictionary(array.type)
    kind = _kind(array.type.value_type if dictionary else array.type)
    if dictionary and kind is not ColumnKind.TEXT:  # texts by number are what DuckDB is quickest with
        array = array.cast(array.type.value_type)
    inexact = kind is ColumnKind.FRACTION and not pa.types.is_float64(array.type)
    if as_key and (inexact or kind not in _KEYS):
        raise InvalidInputError(
            f"column {name!r} can't hold targeting keys: it is of type {array.type}",
            hint="targeting keys are text, whole numbers or UUIDs; name their column with by=…",
        )
    if pa.types.is_null(array.type):
        return array.cast(pa.string()), kind
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string())  # a number is read from text as Python does it; elsewise it is rounded twice
    if kind is ColumnKind.FRACTION:
        return array.cast(pa.float64()), kind
    if kind is ColumnKind.OTHER or (kind is ColumnKind.UUID and not as_key):
        there = pc.if_else(array.is_valid(), pa.scalar(value=True), pa.scalar(None, pa.bool_()))
        return there, ColumnKind.OTHER
    return array, kind


def _kind(type: pa.DataType) -> ColumnKind:
    is_ = pa.types
    if is_.is_string(type) or is_.is_large_string(type) or is_.is_string_view(type) or is_.is_null(type):
        return ColumnKind.TEXT
    if is_.is_integer(type):
        return ColumnKind.WHOLE
    if is_.is_floating(type) or is_.is_decimal(type):
        return ColumnKind.FRACTION
    if is_.is_boolean(type):
        return ColumnKind.BOOLEAN
    return ColumnKind.UUID if isinstance(type, pa.UuidType) else ColumnKind.OTHER


def _at_once(
    compiled: CompiledFlag, rows: _Rows, by: str, answers: Sequence[Evaluation[Json]]
) -> tuple[Numbers, pd.arrays.IntegerArray]:
    arrays, columns = {}, {}
    for position, (name, given) in enumerate(rows.arrays.items()):
        arrays[f"c{position}"], kind = _prepared(name, given, as_key=name == by)
        columns[name] = column(f"c{position}", kind)
    table = pa.table({**arrays, _ROW: np.arange(len(rows.index))})
    table = pa.Table.from_batches(table.to_batches(max_chunksize=_BATCH), table.schema)
    numbers = {id(answer): number for number, answer in enumerate(answers)}
    decision = flag_expression(compiled, columns, by)
    outcome = decision.case(lambda answer: exp.Literal.number(numbers[id(answer)]))
    query = exp.select(_ROW, BUCKET, exp.alias_(outcome, _OUTCOME)).from_(decision.layers(_FRAME).subquery("decided"))
    # A database of its own for each call: one that was kept would hang a forked process when it ends.
    with closing(duckdb.connect(":memory:", config=_ALONE)) as connection:
        connection.register(_FRAME, table)
        got = connection.sql(query.sql("duckdb")).to_arrow_table()
    # DuckDB keeps the order of a plain scan, but a long list of values becomes a join, which does not.
    order = got[_ROW].to_numpy()
    if not np.array_equal(order, np.arange(len(order))):
        got = got.take(np.argsort(order))
    bucket = got[BUCKET]
    buckets = pd.arrays.IntegerArray(bucket.fill_null(0).to_numpy(), bucket.is_null().to_numpy())
    return got[_OUTCOME].to_numpy(), buckets


def _row_by_row(
    compiled: CompiledFlag, rows: _Rows, by: str, answers: Sequence[Evaluation[Json]]
) -> tuple[Numbers, pd.arrays.IntegerArray]:
    """For columns that hold values of several kinds: no table can, so each row is evaluated."""
    numbers = {id(answer): number for number, answer in enumerate(answers)}
    columns = {**rows.mixed, TARGETING_KEY: rows.mixed[by]}
    served = [
        numbers.get(id(compiled.evaluate(dict(zip(columns, row, strict=True)))), 0)  # a cause makes a failure its own
        for row in zip(*columns.values(), strict=True)
    ]
    buckets = pd.array([compiled.bucket(key) for key in rows.mixed[by]], dtype="UInt32")
    return np.array(served, np.int64), buckets


def _words(words: Sequence[str | None], numbers: Numbers, categories: Sequence[str] = ()) -> "pd.Categorical[str]":
    known = list(categories or dict.fromkeys(word for word in words if word is not None))
    codes = np.array([-1 if word is None else known.index(word) for word in words], np.int32)
    return pd.Categorical.from_codes(codes[numbers], pd.Index(known, dtype="str"))


def _values(values: Sequence[Json], numbers: Numbers) -> pd.api.extensions.ExtensionArray:
    """The values in the type they are all of, else as objects."""
    kinds = {type(value) for value in values}
    exact = not any(isinstance(value, int) and abs(value) > EXACT_FLOAT for value in values)
    if kinds in ({str}, {bool}, {int}) or (kinds <= {int, float} and exact):
        alike: pd.api.extensions.ExtensionArray = pd.Series(list(values)).array.take(numbers)
        return alike
    objects = np.empty(len(values), object)
    for position, value in enumerate(values):  # one by one, because numpy would look into lists
        objects[position] = value
    return pd.Series(objects[numbers]).array
