"""What analyses give, as bytes: series, arrays, dates, decimals, tuples, sets, and frames within lists and mappings.

JSON with marks, and the bytes of tables and arrays behind it. All of it comes back as what it was, by type and
content; what would not is refused. Nothing that is read is run, as a pickle is.
"""

import datetime as dt
import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from burgee.core.errors import InvalidInputError

_MARK = "$"
_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
_DEEPEST = 200

type Tables = tuple[Callable[[Any], bytes], Callable[[Any], Any]]
"""What makes bytes of a frame, and a frame of bytes."""


def dump(value: object, tables: Tables) -> bytes:
    """The bytes; `InvalidInputError` for what would not come back equal."""
    parts: list[bytes] = []
    tree = _Out(parts, tables[0]).tree("value", value, 0)
    try:
        parts.insert(0, json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
    except ValueError as error:  # half a character, or a number with too many digits
        raise InvalidInputError(f"this value can't be cached: {error}") from None
    return b"".join([_COUNT.pack(len(parts)), *(_SIZE.pack(len(part)) for part in parts), *parts])


def load(data: memoryview, tables: Tables) -> Any:
    """The value again; `ValueError` for bytes that are none of these."""
    try:
        (count,) = _COUNT.unpack_from(data)
        at = _COUNT.size + count * _SIZE.size
        parts = []
        for number in range(count):
            (size,) = _SIZE.unpack_from(data, _COUNT.size + number * _SIZE.size)
            parts.append(data[at : at + size])
            at += size
        return _In(parts, tables[1]).value(json.loads(str(parts[0], "utf-8")))
    except (struct.error, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no value: {error}") from None


class _Out:
    """Makes a tree that JSON can say, and puts aside what has bytes of its own."""

    def __init__(self, parts: list[bytes], frame: Callable[[Any], bytes]) -> None:
        self._parts, self._frame = parts, frame

    def tree(self, path: str, value: Any, depth: int) -> Any:
        """One value."""
        if depth > _DEEPEST:
            raise InvalidInputError("this value can't be cached: it holds itself, or is nested too deeply")
        kind = type(value)
        if kind in (str, int, bool, type(None)) or (kind is float and math.isfinite(value)):
            return value
        if kind is list:
            return [self.tree(f"{path}[{number}]", item, depth + 1) for number, item in enumerate(value)]
        if kind is dict:
            if all(type(key) is str and key != _MARK for key in value):
                return {key: self.tree(f"{path}[{key!r}]", item, depth + 1) for key, item in value.items()}
            pairs = [(self.tree(f"a key of {path}", key, depth + 1), key, item) for key, item in value.items()]
            return _marked(
                "dict", [[key, self.tree(f"{path}[{name!r}]", item, depth + 1)] for key, name, item in pairs]
            )
        if kind in (tuple, set, frozenset):
            return _marked(
                kind.__name__, [self.tree(f"{path}[{number}]", item, depth + 1) for number, item in enumerate(value)]
            )
        return self._simple(value) or self._table(value) or _refused(path, value)

    def _simple(self, value: Any) -> Any:
        kind = type(value)
        if kind in (float, Decimal, UUID):
            return _marked(kind.__name__, str(value))
        if kind is complex:
            return _marked("complex", [self.tree("", part, 0) for part in (value.real, value.imag)])
        if kind is bytes:
            return _marked("bytes", self._aside(value))
        if kind is dt.date:
            return _marked("date", value.isoformat())
        if kind is dt.timedelta:
            return _marked("timedelta", [value.days, value.seconds, value.microseconds])
        if kind in (dt.datetime, dt.time) and (value.tzinfo is None or type(value.tzinfo) in (dt.timezone, ZoneInfo)):
            zone = value.tzinfo
            name = zone.key if isinstance(zone, ZoneInfo) else None if zone is None else [_seconds(zone)]
            if isinstance(zone, ZoneInfo) and name is None:
                return None
            return _marked(kind.__name__, [value.replace(tzinfo=None).isoformat(), value.fold, name])
        return None

    def _table(self, value: Any) -> Any:
        library = type(value).__module__.partition(".")[0]
        if library == "pandas":
            return self._pandas(value)
        if library == "pyarrow":
            return _marked("arrow", self._aside(self._frame(value))) if type(value).__name__ == "Table" else None
        if library == "polars":
            return self._polars(value)
        if library == "numpy":
            return self._numpy(value)
        return None

    def _pandas(self, value: Any) -> Any:
        import pandas as pd

        if type(value) is pd.DataFrame:
            return _marked("frame", self._aside(self._frame(value)))
        if type(value) is pd.Series:
            made = value.to_frame("value")
            made.attrs = value.attrs
            return _marked("series", [self._aside(self._frame(made)), self.tree("a series' name", value.name, 0)])
        if isinstance(value, pd.Index):
            names = [self.tree("an index's name", name, 0) for name in value.names]
            unnamed = value.set_names([None] * value.nlevels)
            return _marked("index", [self._aside(self._frame(pd.DataFrame(index=unnamed))), names])
        if value is pd.NaT or value is pd.NA:
            return _marked("missing", repr(value))
        if type(value) is pd.Timestamp and (value.tz is None or str(value.tz) == "UTC" or _is_zone(value.tz)):
            zone = None if value.tz is None else str(value.tz)
            return _marked("timestamp", [value.asm8.view("i8").item(), value.unit, zone])
        if type(value) is pd.Timedelta:
            return _marked("pandas timedelta", [value.asm8.view("i8").item(), value.unit])
        return None

    def _polars(self, value: Any) -> Any:
        import io

        import polars as pl

        if not isinstance(value, pl.DataFrame | pl.Series):
            return None
        frame = value.to_frame() if isinstance(value, pl.Series) else value
        if pl.Object in frame.dtypes:  # it would write where in memory they are
            return None
        sink = io.BytesIO()
        try:
            frame.write_ipc_stream(sink)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise InvalidInputError(f"this frame of polars can't be cached: {error}") from None
        return _marked("polars", [self._aside(sink.getvalue()), isinstance(value, pl.Series)])

    def _numpy(self, value: Any) -> Any:
        import numpy as np

        if isinstance(value, np.generic) and value.dtype.kind in "biufcmM":
            return _marked("scalar", [value.dtype.str, value.tobytes().hex()])
        if type(value) is np.ndarray and value.dtype.kind in "biufcmMSU":
            return _marked("array", [value.dtype.str, list(value.shape), self._aside(value.tobytes())])
        return None

    def _aside(self, data: bytes) -> int:
        self._parts.append(data)
        return len(self._parts)  # the first is the text, which comes last


class _In:
    """Makes values of a tree."""

    def __init__(self, parts: list[memoryview], frame: Callable[[Any], Any]) -> None:
        self._parts, self._frame = parts, frame

    def value(self, tree: Any) -> Any:
        """One value."""
        if isinstance(tree, list):
            return [self.value(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if _MARK not in tree:
            return {key: self.value(item) for key, item in tree.items()}
        kind, content = tree[_MARK]
        return self._known(kind, content)

    def _known(self, kind: str, content: Any) -> Any:
        if kind in _COLLECTIONS:
            return _COLLECTIONS[kind](self.value(item) for item in content)
        if kind == "dict":
            return {self.value(key): self.value(item) for key, item in content}
        if kind in _SIMPLE:
            return _SIMPLE[kind](content)
        if kind == "complex":
            return complex(*(self.value(part) for part in content))
        if kind in ("bytes", "frame", "arrow"):
            return (bytes if kind == "bytes" else self._frame)(self._parts[content])
        if kind == "polars":
            return self._polars(*content)
        if kind in ("scalar", "array"):
            return self._numpy(kind, *content)
        return self._pandas(kind, content)

    def _polars(self, part: int, single: bool) -> Any:
        import polars as pl

        frame = pl.read_ipc_stream(bytes(self._parts[part]))
        return frame.to_series() if single else frame

    def _numpy(self, kind: str, dtype: str, *content: Any) -> Any:
        import numpy as np

        if np.dtype(dtype).hasobject:
            raise ValueError("objects are never read")
        if kind == "scalar":
            return np.frombuffer(bytes.fromhex(content[0]), dtype)[0]
        shape, part = content
        data = bytearray(self._parts[part])
        return np.frombuffer(data, dtype).reshape(shape) if data else np.zeros(shape, dtype)

    def _pandas(self, kind: str, content: Any) -> Any:
        import pandas as pd

        if kind == "missing":
            return pd.NaT if content == "NaT" else pd.NA
        if kind == "series":
            frame = self._frame(self._parts[content[0]])
            made = frame["value"].rename(self.value(content[1]))
            made.attrs = frame.attrs
            return made
        if kind == "index":
            return self._frame(self._parts[content[0]]).index.set_names([self.value(name) for name in content[1]])
        if kind == "timestamp":
            number, unit, zone = content
            made = pd.Timestamp(number, unit=unit).as_unit(unit)
            return made if zone is None else made.tz_localize("UTC").tz_convert(zone)
        if kind == "pandas timedelta":
            return pd.Timedelta(content[0], unit=content[1]).as_unit(content[1])
        raise ValueError(f"no value is a {kind!r}")


def _zone(name: Any) -> dt.tzinfo | None:
    if name is None:
        return None
    return ZoneInfo(name) if isinstance(name, str) else dt.timezone(dt.timedelta(seconds=name[0]))


_COLLECTIONS: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_SIMPLE: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "Decimal": Decimal,
    "UUID": UUID,
    "date": dt.date.fromisoformat,
    "timedelta": lambda parts: dt.timedelta(*parts),
    "datetime": lambda parts: dt.datetime.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=_zone(parts[2])),
    "time": lambda parts: dt.time.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=_zone(parts[2])),
}


def _seconds(zone: dt.tzinfo) -> float:
    away = zone.utcoffset(None)
    return 0.0 if away is None else away.total_seconds()


def _is_zone(zone: object) -> bool:
    return isinstance(zone, ZoneInfo) and zone.key is not None


def _marked(kind: str, content: Any) -> dict[str, Any]:
    return {_MARK: [kind, content]}


def _refused(path: str, value: object) -> Any:
    raise InvalidInputError(
        f"{path} can't be cached: it is of type {type(value).__name__}, and would not come back equal",
        hint="cache text, numbers, dates, lists, mappings, bytes, frames, series and arrays, or give the cache a "
        "serializer of yours",
    )
