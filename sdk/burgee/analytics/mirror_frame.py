"""Events as a table for people: chosen by a query, each payload field a column of its own name and type."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlglot import exp

from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.filters import Choice
from burgee.analytics.layout import Kind, kind_of, merged_fields, shown_names
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
    columns = [source.columns.fields[name].name for name in merged_fields(of.fields for of in candidates)]

    def fetch(*wanted: str) -> pa.Table:
        everything = query == EventQuery(own=query.own)
        return _in_order(_all(source, wanted) if everything else _chosen(query, source, engine, wanted))

    table = fetch(*STANDARD, METADATA, *columns)
    present = [source.facts[type].fields for type in pc.unique(table["type"]).to_pylist()]
    fields = merged_fields(present)
    ready = {name: _ready(table, kind_of(seen), source.columns.fields[name]) for name, seen in fields.items()}
    left = [name for name, column in ready.items() if column is None]
    if left:
        ready.update(zip(left, values(fetch("position", "data"), left), strict=True))
    shown = table.select([*STANDARD])
    for name, free in shown_names(sorted(fields), (*STANDARD, METADATA)).items():
        shown = shown.append_column(free, ready[name])
    return shown.append_column(METADATA, table[METADATA].cast(pa.json_()))


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


def _ready(table: pa.Table, kind: Kind, column: Column) -> pa.ChunkedArray | None:
    """The field in the kind it has among the types chosen; None where its column does not say the values exactly."""
    if kind == "json":
        return None
    found = table[column.name]
    if column.kind == "float" and kind == "int":
        most = pc.max(pc.abs(found)).as_py()
        if most is not None and most >= _EXACT:
            return None
    return found if found.type == ARROW[kind] else found.cast(ARROW[kind])
