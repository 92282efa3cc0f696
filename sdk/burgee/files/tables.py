"""Files that hold tables, as frames."""

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
    except (pa.ArrowException, ValueError) as error:
        raise UnreadableFileError(file.name, str(error).partition("\n")[0]) from None


def _table(type: str, data: bytes) -> "pa.Table":
    import pyarrow as pa

    if type == PARQUET:
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(data))
    if type == ARROW_FILE:
        return pa.ipc.open_file(pa.py_buffer(data)).read_all()
    if type == ARROW_STREAM:
        return pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    if type == _LINES:
        from pyarrow import json

        return json.read_json(BytesIO(data))
    from pyarrow import csv

    return csv.read_csv(BytesIO(data), parse_options=csv.ParseOptions(delimiter="\t" if type == _TABS else ","))
