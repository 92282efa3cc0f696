"""Files that hold tables, as frames."""

import codecs
import contextlib
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.frames import to_pandas
from burgee.files.model import FileMetadata
from burgee.files.signatures import ARROW_FILE, ARROW_STREAM, PARQUET

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_CSV, _TABS, _LINES = "text/csv", "text/tab-separated-values", "application/x-ndjson"
_BLOCK, _LARGEST_BLOCK = 1024 * 1024, 2**31 - 1
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
TABLES = (PARQUET, ARROW_FILE, ARROW_STREAM, _CSV, _TABS, _LINES)


def need_table(file: FileMetadata) -> None:
    """Refuse a file that is no table, before its bytes are fetched."""
    if file.type not in TABLES:
        hint = "frames are made of Parquet, Arrow, CSV and JSON lines; .read() gives the bytes"
        raise InvalidInputError(f"the file {file.name!r} is of type {file.type}, which is no table", hint=hint)


def frame_of(file: FileMetadata, data: bytes) -> "pd.DataFrame":
    """The table in a file's bytes, as a frame."""
    import pyarrow as pa

    try:
        return to_pandas(_table(file.type, data))
    except (pa.ArrowException, ValueError, OSError) as error:  # Arrow says OSError of damaged bytes, too
        raise UnreadableFileError(file.name, str(error).partition("\n")[0]) from None


def _table(type: str, data: bytes) -> "pa.Table":
    import pyarrow as pa

    if type == PARQUET:
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(data))
    if type == ARROW_FILE:
        return _whole(pa.ipc.open_file(pa.py_buffer(data)).read_all())
    if type == ARROW_STREAM:
        return _whole(pa.ipc.open_stream(pa.py_buffer(data)).read_all())
    if not data[:_BLOCK].strip() and not data.strip():
        return pa.table({})
    return _with_times(_lines(data)) if type == _LINES else _separated(data, "\t" if type == _TABS else ",")


def _whole(table: "pa.Table") -> "pa.Table":
    """The table, looked through: Arrow believes such a file's offsets, and a wrong one would end the process."""
    table.validate(full=True)
    return table


def _lines(data: bytes) -> "pa.Table":
    from pyarrow import json

    return _read(data, lambda size: json.read_json(BytesIO(data), json.ReadOptions(block_size=size)))


def _separated(data: bytes, separator: str) -> "pa.Table":
    """What is empty is missing, also among texts; a text may hold line breaks."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True)

    def read(size: int) -> pa.Table:
        return csv.read_csv(BytesIO(data), csv.ReadOptions(block_size=size, encoding=encoding), parse)

    table = _read(data, read)
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            table = table.set_column(place, field, pc.if_else(pc.equal(column, ""), None, column))
    return table


def _read(data: bytes, read: Callable[[int], "pa.Table"]) -> "pa.Table":
    """Read in blocks; as one, if that fails: a row may be longer than a block, or the first block of other types."""
    import pyarrow as pa

    try:
        return read(_BLOCK)
    except pa.ArrowInvalid:
        if len(data) <= _BLOCK:
            raise
        return read(min(len(data) + 1, _LARGEST_BLOCK))


def _with_times(table: "pa.Table") -> "pa.Table":
    """The moments among texts, as a frame's are written in JSON lines: all of a column, to the microsecond."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_string(field.type) and column.null_count < len(column):
            zoned = str(column.drop_null()[0]).endswith("Z")
            if pc.all(pc.match_substring_regex(column, _MOMENT + "Z$" * zoned)).as_py():
                kind = pa.timestamp("us", "UTC" if zoned else None)
                with contextlib.suppress(pa.ArrowInvalid):  # there is no such day: then it is a text
                    table = table.set_column(place, field.name, column.cast(kind))
    return table
