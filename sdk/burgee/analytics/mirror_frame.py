"""Events as a table for people: chosen by a query, each payload field a column of its own name and type."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlglot import exp

from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.filters import Choice
from burgee.analytics.layout import Kind, Seen, kind_of, merged_fields, shown_names
from burgee.analytics.mirror_rows import joined, widened
from burgee.analytics.payload import METADATA, STANDARD, values
from burgee.analytics.source import ARROW, Column, LogSource, PartGoneError
from burgee.store.log import OWN
from burgee.store.query import EventQuery

_EXACT = float(2**53)  # doubles below are integers without a gap


def wants_own(query: EventQuery) -> bool:
    """Whether the query is also, or only, about what burgee itself records."""
    return query.own or (query.stream is not None and query.stream.startswith(OWN))


def frame(query: EventQuery, source: LogSource, engine: DuckDBEngine) -> pa.Table:
    """The events that the query chooses, by position, as `payload.expand` shows them.

    A column for each field that events of these types have. Its type is that of all the log's events of these
    types, so it does not change with the choice of others; objects, lists and fields of conflicting kinds have the
    type that holds those chosen.
    """
    candidates = [of for type, of in source.facts.items() if _is_of(type, query.types)]
    fields = merged_fields(of.fields for of in candidates)
    columns = [source.columns.fields[name] for name in fields]
    nested = [name for name, seen in fields.items() if kind_of(seen) == "json"]
    doubtful = [one.field for one in columns if one.kind == "float" and kind_of(fields[one.field]) == "int"]
    wanted = [*STANDARD, METADATA, *(one.name for one in columns if one.field not in nested)]
    if nested or doubtful:
        wanted.append("data")
    table = _all(source, wanted) if query == EventQuery(own=query.own) else _chosen(query, source, engine, wanted)
    table = _in_order(table)
    present = [source.facts[type].fields for type in pc.unique(table["type"]).to_pylist()]
    return _shown(table, merged_fields(present), source)


def _is_of(type: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(
        type.startswith(pattern[:-1]) if pattern.endswith("*") else type == pattern for pattern in patterns
    )


def _all(source: LogSource, wanted: Sequence[str]) -> pa.Table:
    kinds = {column.name: column.kind for column in source.columns.fields.values()}
    names = {column.field: column.name for column in source.columns.fields.values()}
    tables = []
    for part in source.files:
        try:
            file = pq.ParquetFile(part.path)
            table = file.read([name for name in wanted if name in file.schema_arrow.names])
        except (OSError, pa.ArrowInvalid) as error:
            raise PartGoneError(f"a file of the mirror of {source.tenant!r} is gone") from error
        tables.append(widened(table, part.kinds, kinds, names))
    tables.append(source.tail.select(wanted))
    return joined(tables).select(wanted)


def _chosen(query: EventQuery, source: LogSource, engine: DuckDBEngine, wanted: Sequence[str]) -> pa.Table:
    choice = Choice(query, source.columns, source.types)
    return engine.answer(choice.select({name: exp.column(name, quoted=True) for name in wanted}), source)


def _in_order(table: pa.Table) -> pa.Table:
    """By position. DuckDB keeps the order of what it reads; only burgee's own events come behind the others."""
    position = table["position"].combine_chunks()
    if len(position) < 2 or pc.all(pc.less(position[:-1], position[1:])).as_py():  # noqa: PLR2004 - one is in order
        return table
    return table.sort_by("position")


def _shown(table: pa.Table, fields: Mapping[str, frozenset[Seen]], source: LogSource) -> pa.Table:
    names = shown_names(sorted(fields), (*STANDARD, METADATA))
    ready: dict[str, pa.ChunkedArray] = {}
    left = []
    for name in names:
        kind, column = kind_of(fields[name]), source.columns.fields[name]
        found = None if kind == "json" else _narrowed(table[column.name], kind, column)
        if found is None:
            left.append(name)
        else:
            ready[name] = found
    ready.update(zip(left, values(table, left), strict=True))
    shown = table.select([*STANDARD])
    for name, free in names.items():
        shown = shown.append_column(free, ready[name])
    return shown.append_column(METADATA, table[METADATA].cast(pa.json_()))


def _narrowed(values: pa.ChunkedArray, kind: Kind, column: Column) -> pa.ChunkedArray | None:
    """The column in the kind its field has among the types chosen; None where it does not say the values exactly."""
    if column.kind == "float" and kind == "int":
        most = pc.max(pc.abs(values)).as_py()
        if most is not None and most >= _EXACT:
            return None
    return values if values.type == ARROW[kind] else values.cast(ARROW[kind])
