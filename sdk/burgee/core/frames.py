"""Frames: any frame in as an Arrow table, any Arrow table out as the pandas frame an analyst expects.

A frame is a pandas DataFrame, an Arrow table, batch or reader, whatever exports an Arrow stream
(`__arrow_c_stream__`: polars, DuckDB, …), a mapping of columns (`{"a": [1, 2]}`) or a list of rows
(`[{"a": 1}, {"a": 2}]`). Every room that takes or gives frames does it through here, so that they all
take the same things and refuse the others in the same words.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.json import loads

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@runtime_checkable
class ArrowStream(Protocol):
    """Whatever exports an Arrow stream: polars and DuckDB frames, Arrow tables and readers."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream as a capsule (Arrow's PyCapsule interface)."""
        ...


@runtime_checkable
class ArrowBatch(Protocol):
    """Whatever exports one Arrow record batch."""

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        """Schema and array as capsules (Arrow's PyCapsule interface)."""
        ...


type Frame = "pd.DataFrame | ArrowStream | ArrowBatch | Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]"


def to_arrow(frame: object, columns: Sequence[str] | None = None) -> "pa.Table":
    """Any frame as an Arrow table, or only its `columns`, in the order given.

    NaN, NaT and None of pandas, numpy and Python values are null; the NaN of Arrow and polars stays NaN.
    A period of pandas is the moment it begins, an interval its text: `(0, 10]`.
    The index of a pandas frame is no column. Arrow data is not copied.

    Raises:
        InvalidInputError: this is no frame; a column name is no text or appears twice; a column holds
            what Arrow can't (the message names the column, the row, counted from 1, and the type).
        MissingColumnError: one of `columns` is not there.
    """
    pandas = sys.modules.get("pandas")  # not imported yet: then nobody holds a DataFrame
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return _from_pandas(frame, columns)
    if isinstance(frame, Mapping):
        return _from_columns(frame, columns)
    if isinstance(frame, ArrowStream | ArrowBatch):
        return _from_stream(frame, columns)
    if isinstance(frame, Sequence) and not isinstance(frame, str | bytes):
        return _from_rows(frame, columns)
    raise _no_frame(frame)


def require_columns(table: "pa.Table", roles: Mapping[str, str | None]) -> None:
    """`MissingColumnError` for the first role, e.g. `{"time": "timestamp"}`, whose column the table lacks."""
    _require(table.column_names, {role: column for role, column in roles.items() if column is not None})


def to_pandas(table: "pa.Table") -> "pd.DataFrame":
    """The table as a pandas frame with the dtypes an analyst works with.

    | Arrow                      | pandas                                                             |
    |----------------------------|--------------------------------------------------------------------|
    | text                       | `str`                                                              |
    | integers                   | the same width; with nulls the nullable `Int64`, …                 |
    | booleans                   | `bool`; with nulls the nullable `boolean`                          |
    | floats                     | the same; null is NaN                                              |
    | decimals                   | `int64` (`Int64`) where whole and in its range, else `float64`     |
    | timestamps                 | `datetime64[us, UTC]` and alike, the unit and zone kept            |
    | dates                      | `datetime64` at midnight                                           |
    | structs, maps, lists, JSON | `object`: dicts, lists                                             |
    | dictionaries               | `category`                                                         |

    Exact decimals and dates are kept by the Arrow table itself.
    """
    import pandas as pd

    names = table.column_names
    series = [_series(table.column(i)) for i in range(table.num_columns)]
    frame = pd.DataFrame(dict(enumerate(series)), index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(names, dtype="str") if names else pd.Index([], dtype="str")
    return frame


def to_arrow_backed(table: "pa.Table") -> "pd.DataFrame":
    """The table as a pandas frame over Arrow's own memory: made at once, and null stays null. JSON is text."""
    import pandas as pd

    frame: pd.DataFrame = plain(table).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def plain(table: "pa.Table") -> "pa.Table":
    """The table without Arrow's extension types, which not everybody knows: JSON is text."""
    import pyarrow as pa

    for place, column in enumerate(table.schema):
        if isinstance(column.type, pa.JsonType):
            table = table.set_column(place, column.name, table.column(place).cast(pa.string()))
    return table


def _from_pandas(frame: "pd.DataFrame", columns: Sequence[str] | None) -> "pa.Table":
    import pyarrow as pa

    names = list(frame.columns)
    try:
        wanted = _choose(names, columns)
    except MissingColumnError as error:
        if error.column in frame.index.names:
            error.add_note(f"{error.column!r} is the index: give frame.reset_index()")
        raise
    whole = frame if columns is None else frame[wanted]
    told = {name: _told(frame[name]) for name in wanted if _kind_of(frame[name]) in {"period", "interval"}}
    whole = whole.assign(**told) if told else whole
    try:
        table = pa.Table.from_pandas(whole, preserve_index=False)
    except _arrow_errors(pa):
        # Only to find the column: one of them must fail alone, too.
        table = pa.table({name: _column(name, frame[name]) for name in wanted})
    return table.replace_schema_metadata(None)


def _kind_of(column: "pd.Series") -> str:
    """The kind of a column's values, also of those of a category: `period[M]` is a `period`."""
    kind = getattr(column.dtype, "categories", column).dtype
    return str(kind).partition("[")[0]


def _told(column: "pd.Series") -> "pd.Series":
    """Periods as the moments they begin, intervals as texts: Arrow would make numbers and structs of them."""
    if _kind_of(column) == "interval":
        return column.map(str, na_action="ignore")
    periods: pd.Series = column.astype(getattr(column.dtype, "categories", column).dtype)
    begun: pd.Series = periods.dt.to_timestamp()
    return begun


def _from_columns(frame: Mapping[object, object], columns: Sequence[str] | None) -> "pa.Table":
    import pyarrow as pa

    arrays: dict[str, pa.Array] = {}
    for name in _choose(list(frame), columns):
        values = frame[name]
        if isinstance(values, str | bytes) or not hasattr(values, "__len__") or not hasattr(values, "__iter__"):
            msg = f"column {name!r} is no list of values but of type {type(values).__name__}"
            raise InvalidInputError(msg, hint="a mapping of columns looks like {'a': [1, 2], 'b': ['x', 'y']}")
        arrays[name] = _column(name, values)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        msg = "the columns differ in length: " + ", ".join(f"{name!r} has {n}" for name, n in lengths.items())
        raise InvalidInputError(msg)
    return pa.table(arrays)


def _from_rows(rows: Sequence[object], columns: Sequence[str] | None) -> "pa.Table":
    import pyarrow as pa

    names: dict[object, None] = {}
    records: list[Mapping[object, object]] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            msg = f"row {number} is no mapping of column to value but of type {type(row).__name__}"
            raise InvalidInputError(msg, hint="rows look like [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]")
        names.update(dict.fromkeys(row))
        records.append(row)
    wanted = _choose(list(names), columns)
    return pa.table({name: _column(name, [record.get(name) for record in records]) for name in wanted})


def _from_stream(frame: object, columns: Sequence[str] | None) -> "pa.Table":
    import pyarrow as pa

    try:
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    except _arrow_errors(pa):  # a Series exports a stream, too, of values rather than rows
        raise _no_frame(frame) from None
    wanted = _choose(table.column_names, columns)
    return table if columns is None else table.select(wanted)


def _choose(names: Sequence[object], columns: Sequence[str] | None) -> list[str]:
    there: list[str] = []
    for name in names:
        if not isinstance(name, str):
            msg = f"column names are text; this frame has {name!r} ({type(name).__name__})"
            raise InvalidInputError(msg, hint="rename it: frame.columns = [str(name) for name in frame.columns]")
        there.append(name)
    seen: set[str] = set()
    for name in there:
        if name in seen and (columns is None or name in columns):
            msg = f"column {name!r} appears twice"
            raise InvalidInputError(msg, hint="rename one of them")
        seen.add(name)
    if columns is None:
        return there
    wanted = list(dict.fromkeys(columns))
    _require(there, dict.fromkeys(wanted))
    return wanted


def _require(there: Sequence[str], wanted: Mapping[str, str | None]) -> None:
    known = set(there)
    for role, column in wanted.items():
        if (column or role) not in known:
            raise MissingColumnError(column or role, there, role=role if column else "")


def _column(name: str, values: object) -> "pa.Array":
    """Python, numpy or pandas values as an Arrow array; NaN is null."""
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        return pa.array(values, from_pandas=True)
    except _arrow_errors(pa) as error:
        why = _first_offence(values) or str(error)
        msg = f"column {name!r} can't become an Arrow column: {why}"
        raise InvalidInputError(msg, hint="give it one type, e.g. frame[name].astype(str)") from None


def _first_offence(values: object) -> str | None:
    """Which value Arrow stumbles over: one it can't hold at all, or the first that doesn't go with those before."""
    import pyarrow as pa

    kinds: dict[type, object] = {}  # each type met, with its first value
    for row, value in enumerate(values if isinstance(values, Iterable) else (), start=1):
        here = f"row {row} holds {_short(value)} ({type(value).__name__})"
        try:
            missing = pa.array([value], from_pandas=True).null_count
        except _arrow_errors(pa):
            return f"{here}, which Arrow can't hold"
        if missing or type(value) in kinds:
            continue
        for kind, earlier in kinds.items():
            try:
                pa.array([earlier, value])
            except _arrow_errors(pa):
                return f"{here} after values of type {kind.__name__}"
        kinds[type(value)] = value
    return None


def _short(value: object, most: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _arrow_errors(pa: ModuleType) -> tuple[type[Exception], ...]:
    # A number too large is an OverflowError, text that is no UTF-8 a UnicodeError (a ValueError).
    return (pa.ArrowException, TypeError, ValueError, OverflowError)


def _no_frame(frame: object) -> InvalidInputError:
    kind = type(frame)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    hint = "give a pandas, polars or Arrow frame, {'column': [values]} or [{'column': value}, …]"
    if hasattr(frame, "to_frame"):
        hint = "this is one column; give a whole frame, e.g. with .to_frame()"
    elif hasattr(frame, "collect"):
        hint = "this frame is lazy; give .collect()"
    msg = f"this is no frame but of type {name}"
    return InvalidInputError(msg, hint=hint)


def _series(column: "pa.ChunkedArray") -> "pd.Series":
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.JsonType):
        texts = column.cast(pa.string()).to_pylist()
        return pd.Series([_parsed(text) for text in texts], dtype="object")
    if pa.types.is_nested(kind):
        return pd.Series(column.to_pylist(maps_as_pydicts="lossy"), dtype="object")
    if pa.types.is_decimal(kind):
        column = _undecimal(column)
        kind = column.type
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        nullable = "boolean" if pa.types.is_boolean(kind) else str(kind).replace("i", "I").replace("u", "U")
        return pd.Series(column.to_pandas(types_mapper={kind: pd.api.types.pandas_dtype(nullable)}.get))
    return pd.Series(column.to_pandas(date_as_object=False))


def _parsed(text: str | None) -> object:
    return None if text is None else ({} if text == "{}" else loads(text))


def _undecimal(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Sums of integers arrive from SQL as wide decimals; analysts want plain numbers."""
    import pyarrow as pa

    if column.type.scale <= 0:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # beyond int64
            pass
    return column.cast(pa.float64())
