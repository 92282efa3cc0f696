"""Payloads: the JSON of raw events as typed columns, so that a log of events reads like a table.

DuckDB reads the JSON (one pass for the field names, one for their types, one for the values) and decides
here what type each field's column has. Names of fields never go into SQL: they may hold quotes, dots or
nothing at all, and `A` and `a` are two fields, though one identifier to SQL.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from burgee.analytics.dialects import pointer
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.layout import (
    NO_VALUES,
    Facts,
    Kind,
    Seen,
    TypeFacts,
    kind_of,
    merged_facts,
    merged_fields,
    shown_names,
)
from burgee.core.errors import BurgeeError, InvalidInputError

STANDARD = ("position", "stream", "version", "id", "type", "occurred_at", "recorded_at")
"""The columns every expanded table begins with."""

METADATA = "metadata"
"""The column every expanded table ends with."""

_WHOLE = frozenset({"BIGINT", "UBIGINT"})
_NUMBERS = _WHOLE | {"DOUBLE"}
_NESTED = ({"ARRAY"}, {"OBJECT"})
_SCALARS = frozenset({"BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR"})
_DEEPEST = 30  # levels of a nested column: Arrow's exchange between libraries ends at 64
_SAFELY_OPENED = 100  # brackets: what has no more can't be nested deeper
_INT64_MAX = float(2**63)
_LATEST = 2**62  # microseconds: no event is so late
_SQL: Mapping[Kind, str] = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "text": "VARCHAR", "json": "VARCHAR"}
_SEEN: Mapping[str, Seen] = {
    "BIGINT": "int",
    "UBIGINT": "int",
    "DOUBLE": "float",
    "BOOLEAN": "bool",
    "VARCHAR": "text",
    "ARRAY": "list",
    "OBJECT": "object",
}
_engine = DuckDBEngine()


def expand(raw: pa.Table, fields: Sequence[str] | None = None) -> pa.Table:
    """Raw events with their payload's top-level fields as columns.

    Args:
        raw: events as the log hands them out: `position, stream, version, id, type, schema_version,
            data, metadata, occurred_at, recorded_at`; `data` and `metadata` are texts of JSON objects.
        fields: only these payload fields, in this order; all of them, in alphabetical order, if not
            given. One that no event has is a column of nulls.

    Returns:
        `position, stream, version, id, type, occurred_at, recorded_at`, the payload fields, `metadata`
        (of Arrow's JSON type: a column of dicts in pandas). A field named like one of these columns is
        `data_<name>`. Rows are those of `raw`, in the same order. Types of the fields:

        | values                                           | column                          |
        |--------------------------------------------------|---------------------------------|
        | integers that fit into 64 bits                   | int64                           |
        | integers, some too big for that                  | text, so that no digit is lost  |
        | integers and fractions                           | double                          |
        | true, false                                      | bool                            |
        | text, also text that looks like a date           | text                            |
        | objects; lists whose items have one type         | struct; list                    |
        | objects or lists whose parts conflict in type    | text (JSON)                     |
        | objects or lists with an integer of 19 digits    | text (JSON)                     |
        | objects or lists nested 30 deep                  | text (JSON)                     |
        | kinds that conflict                              | text                            |
        | only null                                        | text, all null                  |

        A field that is null or absent is null.
    """
    names = sorted(_names(raw)) if fields is None else list(dict.fromkeys(fields))
    columns = values(raw, names)
    shown = shown_names(names, (*STANDARD, METADATA))
    table = raw.select([*STANDARD])
    for name, column in zip(names, columns, strict=True):
        table = table.append_column(shown[name], column)
    metadata = raw.column(METADATA).cast(pa.string()).cast(pa.json_())
    return table.append_column(METADATA, metadata)


def typed(
    raw: pa.Table, before: Mapping[str, frozenset[Seen]]
) -> tuple[Facts, dict[str, frozenset[Seen]], dict[str, pa.ChunkedArray]]:
    """Raw events with each payload field as one column of a plain kind, as the mirror keeps them.

    Args:
        raw: events as the log hands them out.
        before: what each field has been in the events before these.

    Returns:
        What is known of each type in `raw`; what each field has been up to and with these events; and a
        column in the kind of that (`layout.kind_of`) for each field that has a value in `raw`.
    """
    facts = _facts(raw)
    names = sorted({name for each in facts.values() for name in each.fields})
    pointers = [pointer(name) for name in names]
    facts = merged_facts(facts, _seen(raw, names, pointers))
    seen = merged_fields((before, *(each.fields for each in facts.values())))
    wanted = [_SQL[kind_of(seen[name])] for name in names]
    try:
        columns = _extract(raw, pointers, wanted) if names else []
        exact = not any(kind == "DOUBLE" and is_huge(column) for kind, column in zip(wanted, columns, strict=True))
    except InvalidInputError:  # an integer beyond 64 bits
        exact = False
    if not exact:
        numbers = [place for place, kind in enumerate(wanted) if kind in {"BIGINT", "DOUBLE"}]
        big = _big(raw, [names[place] for place in numbers], [pointers[place] for place in numbers])
        facts = merged_facts(facts, big)
        seen = merged_fields((seen, *(each.fields for each in big.values())))
        columns = _extract(raw, pointers, [_SQL[kind_of(seen[name])] for name in names])
    there = [(name, column) for name, column in zip(names, columns, strict=True) if column.null_count < len(column)]
    return facts, seen, dict(there)


def texts(raw: pa.Table, fields: Sequence[str]) -> list[pa.ChunkedArray]:
    """Fields as the kind `json` holds them: text as it is, anything else as its JSON."""
    return _extract(raw, [pointer(name) for name in fields], ["VARCHAR"] * len(fields)) if fields else []


def counted(raw: pa.Table) -> dict[str, TypeFacts]:
    """What is known of each type without a look at its payloads."""
    if not len(raw):
        return {}
    times = [("occurred_at", "min"), ("occurred_at", "max"), ("schema_version", "distinct"), ("position", "count")]
    table = raw.select(["type", "schema_version", "position"])
    table = table.append_column("occurred_at", raw["occurred_at"].cast(pa.int64()))
    return {
        row["type"]: TypeFacts(
            row["position_count"],
            row["occurred_at_min"],
            row["occurred_at_max"],
            frozenset(row["schema_version_distinct"]),
        )
        for row in table.group_by("type").aggregate(times).to_pylist()
    }


def _facts(raw: pa.Table) -> Facts:
    """What is known of each type, with the names of its fields."""
    found = _engine.run(
        """SELECT DISTINCT type, unnest(names) AS name
           FROM (SELECT DISTINCT type, json_keys(data) AS names FROM raw)""",
        {"raw": raw.select(["type", "data"])},
    )
    fields: dict[str, dict[str, frozenset[Seen]]] = {}
    for type, name in zip(found["type"].to_pylist(), found["name"].to_pylist(), strict=True):
        fields.setdefault(type, {})[name] = NO_VALUES
    return {type: replace(facts, fields=fields.get(type, {})) for type, facts in counted(raw).items()}


def _seen(raw: pa.Table, names: Sequence[str], pointers: Sequence[str]) -> Facts:
    """The kinds of values each type's fields have, as facts that count nothing."""
    if not names:
        return {}
    found = _engine.run(
        """SELECT type, place, kind FROM (
             SELECT type, unnest(kinds) AS kind, generate_subscripts(kinds, 1) AS place
             FROM (SELECT DISTINCT type, json_type(data, ?) AS kinds FROM raw)
           ) WHERE kind IS NOT NULL AND kind <> 'NULL' GROUP BY ALL""",
        {"raw": raw.select(["type", "data"])},
        [pointers],
    )
    return _fields_only((row["type"], names[row["place"] - 1], _SEEN[row["kind"]]) for row in found.to_pylist())


def _big(raw: pa.Table, names: Sequence[str], pointers: Sequence[str]) -> Facts:
    """Which of these numbers are integers beyond 64 bits, or beyond even a double, as facts that count nothing."""
    found = _engine.run(
        """SELECT type, place FROM (
             SELECT type, unnest(texts) AS text, generate_subscripts(texts, 1) AS place
             FROM (SELECT type, json_extract_string(data, ?) AS texts FROM raw)
           ) WHERE regexp_full_match(text, '-?\\d+') AND TRY_CAST(text AS BIGINT) IS NULL
                OR isinf(TRY_CAST(text AS DOUBLE)) GROUP BY ALL""",
        {"raw": raw.select(["type", "data"])},
        [pointers],
    )
    return _fields_only((row["type"], names[row["place"] - 1], "big") for row in found.to_pylist())


def _fields_only(found: Iterable[tuple[str, str, Seen]]) -> Facts:
    fields: dict[str, dict[str, frozenset[Seen]]] = {}
    for type, name, seen in found:
        of = fields.setdefault(type, {})
        of[name] = of.get(name, NO_VALUES) | {seen}
    return {type: TypeFacts(0, _LATEST, -_LATEST, frozenset(), of) for type, of in fields.items()}


def _names(raw: pa.Table) -> list[str]:
    found = _run("SELECT DISTINCT unnest(names) AS name FROM (SELECT DISTINCT json_keys(data) AS names FROM raw)", raw)
    return [str(name) for name in found.column("name").to_pylist()]


def values(raw: pa.Table, names: Sequence[str]) -> list[pa.ChunkedArray]:
    """The payload's fields as columns, in the order of their names."""
    if not names:
        return []
    pointers = [pointer(name) for name in names]
    types = [_type(kinds) for kinds in _kinds(raw, pointers)]
    nested = _nested_types(raw, pointers, [place for place, kind in enumerate(types) if kind == "NESTED"])
    types = [nested.get(place, kind) for place, kind in enumerate(types)]
    try:
        columns = _extract(raw, pointers, types)
    except InvalidInputError:  # an integer beyond 64 bits
        types = _without_huge(raw, pointers, types)
        columns = _extract(raw, pointers, types)
    inexact = [place for place, kind in enumerate(types) if kind == "DOUBLE" and is_huge(columns[place])]
    if inexact:
        types = _without_huge_whole(raw, pointers, types, inexact)
        columns = _extract(raw, pointers, types)
    return columns


def _kinds(raw: pa.Table, pointers: Sequence[str]) -> list[set[str]]:
    """The JSON types each field has, over all events."""
    found = _run(
        """SELECT DISTINCT place, kind FROM (
             SELECT unnest(kinds) AS kind, generate_subscripts(kinds, 1) AS place
             FROM (SELECT DISTINCT json_type(data, ?) AS kinds FROM raw)
           ) WHERE kind IS NOT NULL AND kind <> 'NULL'""",
        raw,
        [pointers],
    )
    kinds: list[set[str]] = [set() for _ in pointers]
    for place, kind in zip(found.column("place").to_pylist(), found.column("kind").to_pylist(), strict=True):
        kinds[place - 1].add(kind)
    return kinds


def _type(kinds: set[str]) -> str:
    if kinds and kinds <= _WHOLE:
        return "BIGINT"
    if kinds and kinds <= _NUMBERS:
        return "DOUBLE"
    if kinds == {"BOOLEAN"}:
        return "BOOLEAN"
    return "NESTED" if kinds in _NESTED else "VARCHAR"


def _extract(raw: pa.Table, pointers: Sequence[str], types: Sequence[str]) -> list[pa.ChunkedArray]:
    """Each field as its type: a scalar of SQL, or the JSON of a nested type (see `_nested_types`)."""
    parameters: list[object] = [list(pointers)]
    shown: list[str] = []
    for place, kind in enumerate(types, start=1):
        value = f"texts[{place}]"
        if kind in _SCALARS:
            shown.append(f"CAST({value} AS {kind}) AS c{place}")
        else:
            shown.append(f"json_transform({value}, ?) AS c{place}")
            parameters.append(kind)
    # The list of names stands before the others in the text, as in the parameters.
    sql = f"WITH found AS (SELECT json_extract_string(data, ?) AS texts FROM raw) SELECT {', '.join(shown)} FROM found"
    return list(_run(sql, raw, parameters).itercolumns())


def _nested_types(raw: pa.Table, pointers: Sequence[str], places: Sequence[int]) -> dict[int, str]:
    """For each nested field its type in DuckDB's JSON notation, or VARCHAR where one type can't hold all of it."""
    look = """SELECT bool_or(regexp_matches(texts[1], '[^\\d.]\\d{19,}([^\\d.]|$)')) AS has_long,
                     max(length(texts[1]) - length(regexp_replace(texts[1], '[\\[{]', '', 'g'))) AS opened
              FROM (SELECT json_extract_string(data, ?) AS texts FROM raw)"""
    types: dict[int, str] = {}
    for place in places:
        (row,) = _run(look, raw, [[pointers[place]]]).to_pylist()
        # Digits beyond int64 would come out as null: such a field stays as it is written.
        structure = None if row["has_long"] else _structure(raw, pointers[place], deep=row["opened"] > _SAFELY_OPENED)
        types[place] = "VARCHAR" if structure is None else json.dumps(structure)
    return types


def _structure(raw: pa.Table, at: str, *, deep: bool) -> object:
    sql = """SELECT json_group_structure(texts[1]::JSON)::VARCHAR AS structure
             FROM (SELECT json_extract_string(data, ?) AS texts FROM raw)"""
    engine = DuckDBEngine() if deep else _engine  # its own, since JSON 128 deep breaks the engine it is given to
    try:
        (row,) = engine.run(sql, {"raw": raw.select(["data"])}, [[at]]).to_pylist()
    except BurgeeError:
        return None
    finally:
        if deep:
            engine.close()
    return _settled(json.loads(row["structure"]))


def _settled(structure: object, depth: int = 0) -> object:
    """DuckDB's description of JSON as the type to read it with; None where it is no single type."""
    if isinstance(structure, str):
        return {"UBIGINT": "BIGINT", "NULL": "VARCHAR", "JSON": None}.get(structure, structure)
    if depth == _DEEPEST:
        return None
    if isinstance(structure, list):
        inner = _settled(structure[0], depth + 1)
        return None if inner is None else [inner]
    if not isinstance(structure, Mapping) or not _are_identifiers(structure):
        return None
    parts = {name: _settled(part, depth + 1) for name, part in structure.items()}
    return None if None in parts.values() else parts


def _are_identifiers(names: Iterable[str]) -> bool:
    """Whether these can be the fields of one struct, which knows no upper and lower case, NUL or empty name."""
    spelt = [name.lower() for name in names]
    return len(set(spelt)) == len(spelt) and all(name and "\0" not in name for name in spelt)


def is_huge(column: pa.ChunkedArray) -> bool:
    """Whether a number is beyond 64 bits: then it may be an integer that a double does not hold."""
    most = pc.max(pc.abs(column)).as_py()
    return most is not None and most >= _INT64_MAX


def _without_huge(raw: pa.Table, pointers: Sequence[str], types: Sequence[str]) -> list[str]:
    """The types, with text for the integers of which some don't fit into int64."""
    places = [place for place, kind in enumerate(types) if kind == "BIGINT"]
    return _as_text(raw, pointers, types, places, "count(texts[{n}]) > count(TRY_CAST(texts[{n}] AS BIGINT))")


def _without_huge_whole(
    raw: pa.Table, pointers: Sequence[str], types: Sequence[str], places: Sequence[int]
) -> list[str]:
    """The types, with text for doubles that are integers one and all, or too big even for a double."""
    test = "bool_and(regexp_full_match(texts[{n}], '-?\\d+')) OR bool_or(isinf(CAST(texts[{n}] AS DOUBLE)))"
    return _as_text(raw, pointers, types, places, test)


def _as_text(
    raw: pa.Table, pointers: Sequence[str], types: Sequence[str], places: Sequence[int], test: str
) -> list[str]:
    shown = [f"{test.format(n=n)} AS t{n}" for n in range(1, len(places) + 1)]
    sql = f"SELECT {', '.join(shown)} FROM (SELECT json_extract_string(data, ?) AS texts FROM raw)"
    (row,) = _run(sql, raw, [[pointers[place] for place in places]]).to_pylist()
    found = dict(zip(places, row.values(), strict=True))
    return ["VARCHAR" if found.get(place) else kind for place, kind in enumerate(types)]


def _run(sql: str, raw: pa.Table, parameters: Sequence[object] = ()) -> pa.Table:
    return _engine.run(sql, {"raw": raw.select(["data"])}, parameters)
