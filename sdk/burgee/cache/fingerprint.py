"""A text for any arguments, equal for equal content: what `cached` makes keys of.

Values are told by their type and their content, so that `1`, `1.0`, `True` and `"1"` are four keys; frames by every
cell, by their columns' names and types, and by their index.
"""

import hashlib
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from burgee.core.errors import InvalidInputError

_PLAIN = (bool, int, float, str, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID, complex)


def fingerprint(value: object) -> str:
    """32 hexadecimal digits that stand for the content. `InvalidInputError` for what has none that can be told."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value, "the arguments", 0)
    return digest.hexdigest()


def _feed(digest: Any, value: object, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise InvalidInputError(f"{where} holds itself, or is nested too deeply to be a key", hint="give key=…")
    known = _feed_plain(digest, value) or _feed_container(digest, value, where, depth)
    if not known and not _feed_object(digest, value, where, depth) and not _feed_table(digest, value):
        raise InvalidInputError(
            f"{where} is of type {type(value).__name__}, whose content can't be told for a key",
            hint="give key=…, a function of the arguments, or the class a method __cache_key__()",
        )


def _feed_plain(digest: Any, value: object) -> bool:
    if isinstance(value, Enum):
        _put(digest, f"enum {_home(value)}", value.name.encode())
    elif isinstance(value, _PLAIN):
        _put(digest, _name(value), _text(value))
    elif isinstance(value, PurePath):
        _put(digest, "path", str(value).encode())
    else:
        return False
    return True


def _feed_container(digest: Any, value: object, where: str, depth: int) -> bool:
    if isinstance(value, list | tuple):
        _put(digest, "list" if isinstance(value, list) else "tuple", str(len(value)).encode())
        for number, item in enumerate(value):
            _feed(digest, item, f"{where}[{number}]", depth + 1)
    elif isinstance(value, Mapping):
        _unordered(digest, "mapping", list(value.items()), where, depth)
    elif isinstance(value, AbstractSet):
        _unordered(digest, "set", list(value), where, depth)
    else:
        return False
    return True


def _feed_object(digest: Any, value: Any, where: str, depth: int) -> bool:
    """What a class says of itself: its `__cache_key__`, the fields of a dataclass, those of a pydantic model."""
    kind: Any = type(value)
    if callable(getattr(kind, "__cache_key__", None)):
        content = value.__cache_key__()
    elif is_dataclass(kind):
        content = {field.name: getattr(value, field.name) for field in fields(value)}
    elif callable(getattr(kind, "model_dump", None)):
        content = value.model_dump()
    else:
        return False
    _put(digest, f"object {_home(value)}", b"")
    _feed(digest, content, where, depth + 1)
    return True


def _feed_table(digest: Any, value: object) -> bool:
    """Frames, series and arrays of pandas, polars, Arrow and NumPy; whether it was one."""
    home = type(value).__module__.partition(".")[0]
    if home == "pandas":
        return _feed_pandas(digest, value)
    if home == "numpy":
        return _feed_numpy(digest, value)
    if home in {"polars", "pyarrow"} and hasattr(value, "__arrow_c_stream__"):
        import pyarrow as pa

        is_table = hasattr(value, "columns")
        table = (
            pa.RecordBatchReader.from_stream(value).read_all()
            if is_table
            else pa.table([pa.chunked_array(value)], [""])
        )
        table = table.combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
            writer.write_table(table.replace_schema_metadata(None))
        _put(digest, f"{home} {type(value).__name__}", sink.getvalue())
        return True
    return False


def _feed_pandas(digest: Any, value: object) -> bool:
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.Index):
        value = value.to_frame(index=False)
    if isinstance(value, pd.Series):
        _put(digest, "series", repr(value.name).encode())
        value = value.to_frame("value")
    if not isinstance(value, pd.DataFrame):
        if value is pd.NA or value is pd.NaT:
            _put(digest, "missing", repr(value).encode())
            return True
        return False
    shape = [(repr(name), str(kind)) for name, kind in value.dtypes.items()]
    _put(digest, "frame", repr((shape, [repr(name) for name in value.index.names], str(value.index.dtype))).encode())
    try:
        hashes = pd.util.hash_pandas_object(value, index=True, categorize=False)
    except TypeError as error:
        raise InvalidInputError(
            f"a frame holds values that can't be told for a key: {error}", hint="give key=…"
        ) from None
    _put(digest, "rows", np.ascontiguousarray(hashes.to_numpy()).tobytes())
    return True


def _feed_numpy(digest: Any, value: object) -> bool:
    import numpy as np

    if isinstance(value, np.generic):
        _feed(digest, value.item(), "the arguments", 0)
        return True
    if not isinstance(value, np.ndarray):
        return False
    if value.dtype.hasobject:
        _put(digest, "objects", repr(value.shape).encode())
        _feed(digest, value.ravel().tolist(), "the arguments", 1)
    else:
        _put(digest, f"array {value.dtype.str} {value.shape}", np.ascontiguousarray(value).tobytes())
    return True


def _unordered(digest: Any, name: str, items: list[Any], where: str, depth: int) -> None:
    parts = []
    for item in items:
        part = hashlib.blake2b(digest_size=16)
        _feed(part, item, where, depth + 1)
        parts.append(part.digest())
    _put(digest, name, b"".join(sorted(parts)))


def _home(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _name(value: object) -> str:
    return next(kind.__name__ for kind in _PLAIN if isinstance(value, kind))


def _text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "surrogatepass")
    if isinstance(value, float) and math.isnan(value):
        return b"nan"
    if isinstance(value, datetime | time):
        return f"{value.isoformat()} {value.fold}".encode()
    kind: Any = next(kind for kind in _PLAIN if isinstance(value, kind))  # a subclass may show itself otherwise
    text: str = kind.__repr__(value)
    return text.encode()


def _put(digest: Any, name: str, data: Any) -> None:
    """A part with its length, so that no two parts can be taken for other two."""
    head = name.encode("utf-8", "surrogatepass")
    digest.update(f"{len(head)}:{memoryview(data).nbytes}:".encode())
    digest.update(head)
    digest.update(data)


_DEEPEST = 100
