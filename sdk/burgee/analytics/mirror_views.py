"""The log of a source as DuckDB's SQL: views over its parts and the rows in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count, groupby
from pathlib import Path

from burgee.analytics.dialects import pointer
from burgee.analytics.layout import Kind, kind_of
from burgee.analytics.source import EVENTS, STANDARD, Column, LogSource, Part
from burgee.core.clock import to_us

TAIL = "burgee rows in memory"
"""The relation that holds what is in no file."""

_SQL: Mapping[Kind, str] = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "text": "VARCHAR", "json": "VARCHAR"}


def events_sql(source: LogSource) -> str:
    """A SELECT of the whole log with the source's columns, in the order of positions."""
    kinds = {column.name: column.kind for column in source.columns.fields.values()}
    fields = {column.name: column.field for column in source.columns.fields.values()}
    pieces = []
    for _, alike in groupby(source.files, key=lambda part: sorted(part.kinds.items())):
        parts = list(alike)
        columns = ", ".join([*STANDARD.names, *(_column(parts[0], name, kinds[name], fields[name]) for name in kinds)])
        files = ", ".join(literal(unglobbed(part.path)) for part in parts)
        pieces.append(f"SELECT {columns} FROM read_parquet([{files}], hive_partitioning = false)")
    if len(source.tail) or not pieces:
        pieces.append(f"SELECT {', '.join([*STANDARD.names, *map(quoted, kinds)])} FROM {quoted(TAIL)}")
    return " UNION ALL ".join(pieces)


def _column(part: Part, name: str, kind: Kind, field: str) -> str:
    """A column of the log, read from a part that may lack it or hold a narrower kind."""
    there, column = part.kinds.get(name), quoted(name)
    if there is None:
        return f"NULL::{_SQL[kind]} AS {column}"
    if _SQL[there] == _SQL[kind]:
        return column
    if (there, kind) == ("float", "json"):  # 1 and 1.0 are one float, but two texts
        return f"json_extract_string(data, {literal(pointer(field))}) AS {column}"
    return f"CAST({column} AS {_SQL[kind]}) AS {column}"


def unglobbed(path: Path) -> str:
    """The path, with what DuckDB would take for a pattern made plain."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def sql_views(source: LogSource, whole: str, as_of: datetime | None = None) -> dict[str, str]:
    """What a user's SQL sees, as SELECTs over the relation `whole`: `events`, and a view for each type of event.

    A type's view has the type's name (`"order.placed"`), and also one that needs no quotes (`order_placed`)
    where no other has it; its columns are those of the type's own fields, in the kinds they have in it.
    """
    when = [] if as_of is None else [f"recorded_at <= make_timestamptz({to_us(as_of)})"]
    views = {EVENTS: _view(source, whole, when)}
    taken = {EVENTS}
    easy: dict[str, list[str]] = {}
    for type in sorted(source.types):
        if type.casefold() in taken or "\0" in type:
            continue
        taken.add(type.casefold())
        views[type] = _view(source, whole, [f"type = {literal(type)}", *when], type)
        easy.setdefault(re.sub(r"\W", "_", type), []).append(type)
    for name, of in easy.items():
        if len(of) == 1 and name.casefold() not in taken:
            taken.add(name.casefold())
            views[name] = views[of[0]]
    return views


def sql_names(source: LogSource) -> dict[str, str]:
    """The columns of fields in a user's SQL: the fields' own names where SQL can tell them from all others."""
    found: dict[str, str] = {}
    taken = {name.casefold() for name in STANDARD.names}
    for name, column in source.columns.fields.items():
        free = next(one for one in _tries(name, column.name) if one and "\0" not in one and one.casefold() not in taken)
        taken.add(free.casefold())
        found[name] = free
    return found


def _tries(name: str, column: str) -> Iterator[str]:
    yield name
    yield column
    for number in count(2):
        yield f"{column}_{number}"


def _view(source: LogSource, whole: str, where: Sequence[str], type: str | None = None) -> str:
    names = sql_names(source)
    fields = source.columns.fields if type is None else source.facts[type].fields if type in source.facts else {}
    shown = [_narrowed(source.columns.fields[name], names[name], source, type) for name in sorted(fields)]
    standard = [name for name in STANDARD.names if name not in {"data", "metadata"}]
    chosen = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {', '.join([*standard, *shown, 'data', 'metadata'])} FROM {quoted(whole)}{chosen}"


def _narrowed(column: Column, name: str, source: LogSource, type: str | None) -> str:
    """The column, in the kind that the field has among the events of the type."""
    kind = column.kind if type is None else kind_of(source.facts[type].fields[column.field])
    value = quoted(column.name)
    if _SQL[kind] != _SQL[column.kind]:
        exact = value if column.kind == "json" else f"json_extract_string(data, {literal(pointer(column.field))})"
        value = f"TRY_CAST({exact} AS {_SQL[kind]})"
    return f"{value} AS {quoted(name)}"
