"""The quick way into the mirror: events that hold nothing new are read in one pass, as what is known to be in them.

Whatever is new (a type, a field, a kind of value) or takes a closer look (what is nested, what conflicts, big
numbers) is left to `payload.typed`, which says the same.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from burgee.analytics.layout import Facts, Kind, Seen, kind_of
from burgee.analytics.payload import counted, is_huge
from burgee.analytics.source import ARROW

_FEW_TYPES = 12  # each is read by itself; of more the other way is as quick


def quickly(
    raw: pa.Table, before: Mapping[str, frozenset[Seen]], known: Facts
) -> tuple[Facts, dict[str, pa.ChunkedArray]] | None:
    """As `payload.typed`, for events of types and fields that are `known` already; None where they are not."""
    facts = counted(raw)
    if not 0 < len(facts) <= _FEW_TYPES or any(not known[type].fields if type in known else True for type in facts):
        return None
    wanted = {name: kind_of(before[name]) for type in facts for name in known[type].fields}
    pieces, places = [], []
    for type in facts:
        of = pc.indices_nonzero(pc.equal(raw["type"].combine_chunks(), type))
        piece = _read(raw["data"].take(of), known[type].fields)
        if piece is None or len(piece) < len(of):
            return None
        narrow = {name: kind_of(seen) for name, seen in known[type].fields.items() if seen}
        piece = _widened(piece.select(list(narrow)), narrow, wanted)
        if piece is None:
            return None
        pieces.append(piece)
        places.append(of)
    table = pa.concat_tables(pieces, promote_options="default")
    if len(pieces) > 1:
        table = table.take(pc.sort_indices(pa.concat_arrays(places)))
    columns = {name: table[name] for name in table.column_names}
    return facts, {name: column for name, column in columns.items() if column.null_count < len(column)}


def _read(texts: pa.ChunkedArray, fields: Mapping[str, frozenset[Seen]]) -> pa.Table | None:
    """The payloads as a table of these fields; None if one has another, or holds something else."""
    schema = []
    for name, seen in fields.items():
        kind = kind_of(seen)
        if kind == "json":
            return None
        schema.append((name, ARROW[kind] if seen else pa.null()))
    options = pj.ParseOptions(explicit_schema=pa.schema(schema), unexpected_field_behavior="error")
    try:
        return pj.read_json(pa.BufferReader("\n".join(texts.to_pylist()).encode()), parse_options=options)
    except pa.ArrowException:
        return None


def _widened(table: pa.Table, narrow: Mapping[str, Kind], wide: Mapping[str, Kind]) -> pa.Table | None:
    for place, (name, kind) in enumerate(narrow.items()):
        column = table.column(place)
        if kind == "float" and (wide[name] == "json" or is_huge(column)):
            return None
        if column.type != ARROW[wide[name]]:
            table = table.set_column(place, name, column.cast(ARROW[wide[name]]))
    return table
