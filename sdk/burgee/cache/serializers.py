"""How values become bytes. What would not come back equal is refused, and then nothing is stored.

`Standard`, the default, is JSON for what JSON can say, Arrow for frames, text and bytes as they are, and `values` for
series, arrays, dates and whatever holds them.
"""

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, override

from burgee.cache import values
from burgee.core.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_BEATS = b"burgee frequencies"
"""Where a table says how often the times of its frame's index and columns follow each other."""


class Serializer[T](Protocol):
    """Turns values to bytes and back."""

    def dump(self, value: T) -> bytes:
        """The bytes; `InvalidInputError` for what it can't say."""
        ...

    def load(self, data: bytes) -> T:
        """The value again."""
        ...


class Json(Serializer[Any]):
    """JSON: text, numbers, truth values, None, lists, and mappings by text."""

    @override
    def dump(self, value: Any) -> bytes:
        _check(value)
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInputError(f"this value can't be cached as JSON: {error}") from None

    @override
    def load(self, data: bytes) -> Any:
        return json.loads(data)


class MsgPack(Serializer[Any]):
    """MessagePack: what JSON can say, and bytes, in fewer bytes. Whole numbers have at most 64 bits."""

    def __init__(self) -> None:
        try:
            import msgpack
        except ImportError:
            raise MissingExtraError("MessagePack", "redis") from None
        self._pack: Callable[..., bytes] = msgpack.packb
        self._unpack: Callable[..., Any] = msgpack.unpackb

    @override
    def dump(self, value: Any) -> bytes:
        _check(value, binary=True)
        try:
            return self._pack(value, use_bin_type=True)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidInputError(f"this value can't be cached as MessagePack: {error}") from None

    @override
    def load(self, data: bytes) -> Any:
        return self._unpack(data, raw=False, strict_map_key=False)


class Frames(Serializer["pd.DataFrame | pa.Table"]):
    """Frames as Arrow streams: pandas frames come back as pandas frames, tables of Arrow as tables."""

    _PANDAS, _ARROW = b"p", b"t"

    @override
    def dump(self, value: "pd.DataFrame | pa.Table") -> bytes:
        import pyarrow as pa

        if isinstance(value, pa.Table):
            kind, table = self._ARROW, value
        elif _is_pandas(value):
            kind, table = self._PANDAS, _table_of(value)
        else:
            raise InvalidInputError(f"only frames can be cached as Arrow, not {type(value).__name__}")
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body: bytes = sink.getvalue().to_pybytes()
        return kind + body

    @override
    def load(self, data: bytes | memoryview) -> "pd.DataFrame | pa.Table":
        read = self.reader(data)
        table = self.table(data)
        return table if read is None else read(table)

    @classmethod
    def table(cls, data: bytes | memoryview) -> "pa.Table":
        """The frame as a table on these bytes, which are not copied."""
        import pyarrow as pa

        return pa.ipc.open_stream(memoryview(data)[1:]).read_all()

    @classmethod
    def reader(cls, data: bytes | memoryview) -> "Callable[[pa.Table], pd.DataFrame] | None":
        """What makes of the table what was stored; None if it was the table."""
        return _frame_of if data[:1] == cls._PANDAS else None


class Standard(Serializer[Any]):
    """JSON, Arrow for frames, text and bytes as they are, and `values` for the rest: whichever the value is."""

    _JSON, _TEXT, _BYTES, _FRAME, _VALUE = b"j", b"t", b"b", b"f", b"v"

    def __init__(self) -> None:
        self._json = Json()
        self._frames = Frames()

    @override
    def dump(self, value: Any) -> bytes:
        if type(value) is str:
            return self._TEXT + _encoded(value)
        if type(value) is bytes:
            return self._BYTES + value
        if _is_pandas(value) or _is_table(value):
            return self._FRAME + self._frames.dump(value)
        try:
            return self._JSON + self._json.dump(value)
        except InvalidInputError:
            return self._VALUE + values.dump(value, (self._frames.dump, self._frames.load))

    @override
    def load(self, data: bytes) -> Any:
        kind = data[:1]
        if kind == self._TEXT:
            return str(data[1:], "utf-8")
        if kind == self._JSON:
            return json.loads(str(data[1:], "utf-8"))
        if kind == self._BYTES:
            return data[1:]
        if kind == self._FRAME:
            return self._frames.load(memoryview(data)[1:])
        if kind == self._VALUE:
            return values.load(memoryview(data)[1:], (self._frames.dump, self._frames.load))
        raise ValueError(f"no value begins with {kind!r}")

    @classmethod
    def is_json(cls, serializer: object, body: bytes) -> bool:
        """Whether it is this serializer, and wrote these bytes as JSON."""
        return type(serializer) is cls and body[:1] == cls._JSON

    @classmethod
    def is_frame(cls, serializer: object, body: bytes) -> bool:
        """Whether it is this serializer, and wrote these bytes as a frame."""
        return type(serializer) is cls and body[:1] == cls._FRAME


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"this text can't be cached: {error}") from None


def _is_pandas(value: object) -> bool:
    """By name, so that pandas need not be loaded."""
    kind = type(value)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _is_table(value: object) -> bool:
    kind = type(value)
    return kind.__name__ == "Table" and kind.__module__.partition(".")[0] == "pyarrow"


def _frame_of(table: "pa.Table") -> "pd.DataFrame":
    frame: pd.DataFrame = table.to_pandas()
    for number, kind in enumerate(frame.dtypes):
        if kind.name == "category":  # Arrow's own codes, which can't be written to
            frame.isetitem(number, frame.iloc[:, number].array.copy())
    for axis, beat in json.loads((table.schema.metadata or {}).get(_BEATS, b"{}")).items():
        getattr(frame, axis).freq = beat
    return frame


def _beats(frame: "pd.DataFrame") -> dict[str, str]:
    """How often the times of an index follow each other, where it says so: Arrow does not know that."""
    axes: dict[str, Any] = {"index": frame.index, "columns": frame.columns}
    return {name: axis.freqstr for name, axis in axes.items() if getattr(axis, "freq", None) is not None}


def _table_of(frame: "pd.DataFrame") -> "pa.Table":
    import pandas as pd
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame)
        beats = _beats(frame)
        if beats:
            table = table.replace_schema_metadata({**table.schema.metadata, _BEATS: json.dumps(beats)})
        made = _frame_of(table)
        pd.testing.assert_frame_equal(made, frame)
        if _beats(made) != beats:
            raise ValueError("its index has a frequency of its own")  # noqa: TRY301 - told as the others are
        if made.attrs != frame.attrs:
            raise ValueError("its attrs hold more than JSON can say")  # noqa: TRY301 - told as the others are
        _check_cells(made, frame)
    except (pa.ArrowException, AssertionError, TypeError, ValueError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InvalidInputError(
            f"this frame can't be cached: it would not come back equal ({what})",
            hint="a column of mixed objects is most often why; give it one type: frame.convert_dtypes()",
        ) from None
    return table


def _check_cells(made: "pd.DataFrame", frame: "pd.DataFrame") -> None:
    """Cells that are objects: pandas calls a list and an array equal, and they are added to in other ways."""
    import numpy as np

    for number, kind in enumerate(frame.dtypes):
        if kind.kind == "O" and isinstance(kind, np.dtype):
            for one, other in zip(made.iloc[:, number], frame.iloc[:, number], strict=True):
                if type(one) is not type(other):
                    raise ValueError(f"a {type(other).__name__} as {type(one).__name__}")


_SCALARS = (str, int, bool, type(None))


def _check(value: object, *, binary: bool = False) -> None:
    """Refuse what would come back as something else: a tuple as a list, a key 1 as a key "1", NaN as nothing."""
    try:
        _check_at("value", value, binary)
    except RecursionError:
        raise InvalidInputError("this value can't be cached: it holds itself, or is nested too deeply") from None


def _check_at(path: str, value: object, binary: bool) -> None:
    kind = type(value)
    if kind in _SCALARS or (binary and kind is bytes):
        return
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type] # a float, as its type says
            raise InvalidInputError(f"{path} can't be cached: it is {value!r}, and JSON has no word for it")
        return
    if kind is list:
        for number, item in enumerate(value):  # type: ignore[arg-type,var-annotated] # a list
            _check_at(f"{path}[{number}]", item, binary)
        return
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined] # a dict
            if type(key) is not str:
                raise InvalidInputError(f"{path} can't be cached: its key {key!r} is no text")
            _check_at(f"{path}[{key!r}]", item, binary)
        return
    raise InvalidInputError(
        f"{path} can't be cached: it is of type {kind.__name__}, and would not come back equal",
        hint="cache text, numbers, lists, mappings, bytes and frames, or give the cache a serializer of yours",
    )
