"""The log of a source as DuckDB's SQL: views over its parts and the rows in memory."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from burgee.analytics.layout import Kind
from burgee.analytics.source import STANDARD, LogSource, Part

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
        files = ", ".join(literal(_unglobbed(part)) for part in parts)
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


def _unglobbed(part: Part) -> str:
    """The file's path, with what DuckDB would take for a pattern made plain."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(part.path))


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def pointer(name: str) -> str:
    """A field's name as one step of a JSON Pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def listed(names: Iterable[str]) -> str:
    """Names for a SELECT."""
    return ", ".join(map(quoted, names))
