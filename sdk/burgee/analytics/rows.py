"""The rows of a log's source, whichever of its files or its tail they are in, with one type to a column."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from burgee.analytics.layout import kind_of
from burgee.analytics.mirror_rows import Rows, widened
from burgee.analytics.mirror_rows import typed_rows as typed_rows_of
from burgee.analytics.source import ARROW, Column, Columns, LogSource, Part, PartGoneError


def typed_rows(source: LogSource, *, after: int = 0) -> Iterator[pa.Table]:
    """The rows behind a position, in order, a table for each file and one for the tail.

    Raises:
        PartGoneError: a file can't be read any more.
    """
    for part in source.files:
        if part.last > after:
            yield _behind(_typed(_read(source, part), part, source), after)
    if len(rows := _behind(source.tail, after)):
        yield rows


def newest(source: LogSource) -> tuple[int, str]:
    """Position and id of its last row; 0 and nothing of an empty log."""
    if len(source.tail):
        return source.tail["position"][-1].as_py(), source.tail["id"][-1].as_py()
    if not source.files:
        return 0, ""
    last = source.files[-1].last
    return last, id_at(source, last) or ""


def id_at(source: LogSource, position: int) -> str | None:
    """The id of the row at a position; none if there is no such row."""
    rows = source.tail
    for part in source.files:
        if part.first <= position <= part.last:
            rows = _read(source, part, ["position", "id"])
    place = pc.index(rows["position"], position).as_py()
    return None if place < 0 else rows["id"][place].as_py()


def _read(source: LogSource, part: Part, columns: list[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(part.path) as file:
            return file.read(columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise PartGoneError(f"a file of the mirror of {source.tenant!r} is gone") from error


def _behind(rows: pa.Table, after: int) -> pa.Table:
    return rows.filter(pc.greater(rows["position"], after)) if after and len(rows) else rows


def _typed(rows: pa.Table, part: Part, source: LogSource) -> pa.Table:
    columns = source.columns.fields.values()
    kinds = {column.name: column.kind for column in columns}
    table = widened(rows, part.kinds, kinds, {column.field: column.name for column in columns})
    for name, kind in kinds.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), ARROW[kind]))
    return table.select(source.tail.column_names)


def source_of(tenant: str, raw: pa.Table) -> LogSource:
    """Raw events as a source of their own, with nothing but them in it."""
    rows, facts, seen, names = typed_rows_of(raw, {}, {}, {})
    columns = {name: Column(name, names[name], kind_of(of)) for name, of in sorted(seen.items())}
    kinds = {column.name: column.kind for column in columns.values()}
    tail = Rows((rows,), kinds).whole(kinds)
    return LogSource(tenant, Columns(columns), frozenset(facts), (), tail, facts)
