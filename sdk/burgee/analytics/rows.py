"""The rows of a log's source, whichever of its files or its tail they are in, with one type to a column."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from burgee.analytics.duckdb import DuckDBEngine, pointer
from burgee.analytics.source import ARROW, STANDARD, Column, LogSource

_engine = DuckDBEngine()


def schema(source: LogSource) -> pa.Schema:
    """The columns of its rows."""
    return pa.schema([*STANDARD, *(pa.field(each.name, ARROW[each.kind]) for each in source.columns.fields.values())])


def typed_rows(source: LogSource, *, after: int = 0) -> Iterator[pa.Table]:
    """The rows behind a position, in order, in tables of a row group each."""
    for path in source.files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                if _bounds(file, group)[1] > after:
                    yield _typed(_behind(file.read_row_group(group), after), source)
    if len(rows := _behind(source.tail, after)):
        yield _typed(rows, source)


def newest(source: LogSource) -> tuple[int, str]:
    """Position and id of its last row; 0 and nothing of an empty log."""
    if len(source.tail):
        return source.tail["position"][-1].as_py(), source.tail["id"][-1].as_py()
    for path in reversed(source.files):
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows:
                last = file.read_row_group(file.num_row_groups - 1, columns=["position", "id"])
                return last["position"][-1].as_py(), last["id"][-1].as_py()
    return 0, ""


def id_at(source: LogSource, position: int) -> str | None:
    """The id of the row at a position; none if there is no such row."""
    for path in source.files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                first, last = _bounds(file, group)
                if first <= position <= last:
                    return _id(file.read_row_group(group, columns=["position", "id"]), position)
    return _id(source.tail, position)


def _id(rows: pa.Table, position: int) -> str | None:
    place = pc.index(rows["position"], position).as_py()
    return None if place < 0 else rows["id"][place].as_py()


def _bounds(file: pq.ParquetFile, group: int) -> tuple[int, int]:
    """The first and the last position of a row group."""
    place = file.schema_arrow.get_field_index("position")
    statistics = file.metadata.row_group(group).column(place).statistics
    if statistics is not None and statistics.has_min_max:
        return statistics.min, statistics.max
    positions = file.read_row_group(group, columns=["position"])["position"]
    return (positions[0].as_py(), positions[-1].as_py()) if len(positions) else (0, 0)


def _behind(rows: pa.Table, after: int) -> pa.Table:
    return rows if not after else rows.filter(pc.greater(rows["position"], after))


def _typed(rows: pa.Table, source: LogSource) -> pa.Table:
    columns = [rows[name].cast(type) for name, type in zip(STANDARD.names, STANDARD.types, strict=True)]
    columns += [_column(rows, column) for column in source.columns.fields.values()]
    return pa.table(columns, schema=schema(source))


def _column(rows: pa.Table, column: Column) -> pa.ChunkedArray:
    wanted = ARROW[column.kind]
    if column.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(len(rows), wanted)])
    values = rows[column.name]
    if values.type == wanted:
        return values
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(rows), wanted)])
    if pa.types.is_integer(values.type) and column.kind == "float":
        return values.cast(wanted, safe=False)
    if pa.types.is_large_string(values.type) or pa.types.is_dictionary(values.type):
        return values.cast(wanted)
    # A narrower kind that became text: as it is written in the payload, and not as Arrow would write it.
    sql = "SELECT json_extract_string(data, ?) AS found FROM rows"
    return _engine.run(sql, {"rows": rows.select(["data"])}, [pointer(column.field)])["found"].cast(wanted)
