"""What tells a frame, a series or an array from another: of pandas, polars, Arrow and NumPy.

Every cell counts, with its type, and so do names, indexes, categories (also those nothing is in) and masks. None of
the libraries is loaded here that the value did not bring along.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from burgee.cache.digest import Feed, home, put

if TYPE_CHECKING:
    import pandas as pd


def feed(digest: Any, value: object, other: Feed, where: str, depth: int) -> bool:
    """Put a table or an array into a digest; whether it was one. `other` puts in single cells that are objects."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas":
        return _feed_pandas(digest, value, other, where, depth)
    if library == "numpy":
        return _feed_numpy(digest, value, other, where, depth)
    if library in {"polars", "pyarrow"}:
        return _feed_arrow(digest, value)
    return False


def _feed_arrow(digest: Any, value: Any) -> bool:
    import pyarrow as pa

    if isinstance(value, pa.RecordBatchReader):
        return False  # to look at it would use it up
    kind = f"{type(value).__module__.partition('.')[0]} {type(value).__name__.removeprefix('Chunked')}"
    if kind in ("polars DataFrame", "polars Series"):
        import polars as pl

        if pl.Object in (value.dtypes if isinstance(value, pl.DataFrame) else [value.dtype]):
            return False
        value = value.to_arrow(compat_level=pl.CompatLevel.oldest())
    if hasattr(type(value), "columns") and hasattr(value, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(value).read_all()
    elif isinstance(value, pa.Array):
        table = pa.table([value], [""])
    elif hasattr(value, "__arrow_c_stream__"):
        table = pa.table([pa.chunked_array(value)], [""])
    elif isinstance(value, pa.Scalar):
        table = pa.table([pa.array([value.as_py()], value.type)], [""])
    elif isinstance(value, pa.DataType | pa.Schema):
        put(digest, home(value), str(value).encode())
        return True
    else:
        return False
    put(digest, kind, _bytes_of(table))
    return True


def _bytes_of(table: Any) -> Any:
    """The bytes of a table of Arrow: the same ones for the same content, wherever it was cut out of."""
    import pyarrow as pa

    with suppress(pa.ArrowNotImplementedError):  # of some rare types nothing can be taken: then a cut is another
        table = table.take(pa.array(range(table.num_rows), pa.int64()))
    table = table.combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
        writer.write_table(table.replace_schema_metadata(None))
    return sink.getvalue()


def _feed_pandas(digest: Any, value: Any, other: Feed, where: str, depth: int) -> bool:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        put(digest, "frame", repr(value.shape).encode())
        _feed_index(digest, value.columns, other, where, depth)
        _feed_index(digest, value.index, other, where, depth)
        for number in range(value.shape[1]):
            _feed_values(digest, value.iloc[:, number], other, where, depth)
    elif isinstance(value, pd.Series):
        put(digest, "series", b"")
        other(digest, value.name, where, depth + 1)
        _feed_index(digest, value.index, other, where, depth)
        _feed_values(digest, value, other, where, depth)
    elif isinstance(value, pd.Index):
        put(digest, "index", b"")
        _feed_index(digest, value, other, where, depth)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        put(digest, "array", b"")
        _feed_values(digest, pd.Series(value), other, where, depth)
    else:
        return _feed_scalar(digest, value)
    if getattr(value, "attrs", None):
        other(digest, value.attrs, where, depth + 1)
    return True


def _feed_scalar(digest: Any, value: Any) -> bool:
    import pandas as pd

    if value is pd.NA or value is pd.NaT:
        put(digest, "missing", repr(value).encode())
    elif isinstance(value, pd.Timestamp):
        put(digest, "timestamp", f"{value.isoformat()} {value.fold} {value.tz}".encode())
    elif isinstance(value, pd.Timedelta):
        put(digest, "timedelta", value.isoformat().encode())
    elif isinstance(value, pd.Period | pd.Interval | pd.offsets.BaseOffset | pd.api.extensions.ExtensionDtype):
        put(digest, home(value), repr(value).encode())
    else:
        return False
    return True


def _feed_index(digest: Any, index: "pd.Index", other: Feed, where: str, depth: int) -> None:
    put(digest, "levels", f"{index.nlevels} {getattr(index, 'freqstr', None)}".encode())
    for number in range(index.nlevels):
        other(digest, index.names[number], where, depth + 1)
        _feed_values(digest, index.get_level_values(number).to_series(), other, where, depth)


def _feed_values(digest: Any, values: "pd.Series", other: Feed, where: str, depth: int) -> None:
    import numpy as np
    import pandas as pd

    kind = values.dtype
    put(digest, f"values {len(values)}", str(kind).encode())
    if isinstance(kind, pd.CategoricalDtype):
        put(digest, "ordered" if kind.ordered else "unordered", b"")
        _feed_values(digest, kind.categories.to_series(), other, where, depth)
        put(digest, "codes", np.ascontiguousarray(values.cat.codes.to_numpy()).tobytes())
    elif isinstance(kind, pd.DatetimeTZDtype):
        put(digest, "cells", values.dt.tz_convert(None).to_numpy().tobytes())
    elif isinstance(kind, np.dtype) and kind.kind != "O":
        put(digest, "cells", np.ascontiguousarray(values.to_numpy()).tobytes())
    else:
        texts = _as_arrow(values)
        if texts is not None:
            put(digest, "cells", texts)
            return
        for number, cell in enumerate(values):
            other(digest, cell, f"{where}, row {number}", depth + 1)


def _as_arrow(values: "pd.Series") -> Any:
    """The bytes of a column that Arrow can hold without taking one thing for another; None if it can't."""
    import pandas as pd
    import pyarrow as pa

    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=False) != "string":
        return None
    try:
        made = pa.array(values.array, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
        return None
    return _bytes_of(pa.table([made], [""]))


def _feed_numpy(digest: Any, value: Any, other: Feed, where: str, depth: int) -> bool:
    import numpy as np

    if isinstance(value, np.generic):
        item = value.item() if value.dtype.kind in "biufcSU" else value
        if isinstance(item, np.generic):  # longer than Python's own, or a time
            put(digest, f"scalar {value.dtype!r}", value.tobytes())
        else:
            other(digest, item, where, depth + 1)
    elif isinstance(value, np.ma.MaskedArray):
        put(digest, "masked", b"")
        _feed_numpy(digest, np.ma.getmaskarray(value), other, where, depth)
        _feed_numpy(digest, np.asarray(value.filled()), other, where, depth)
    elif isinstance(value, np.ndarray):
        put(digest, f"{type(value).__name__} {value.dtype!r} {value.shape}", b"")
        if value.dtype.hasobject:
            other(digest, value.ravel().tolist(), where, depth + 1)
        else:
            put(digest, "cells", np.ascontiguousarray(value).tobytes())
    elif isinstance(value, np.dtype):
        put(digest, "dtype", repr(value).encode())
    else:
        return False
    return True
