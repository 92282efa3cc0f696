"""Upcasting a whole table of events: only the rows of older versions of registered types go through Python."""

import pyarrow as pa
import pyarrow.compute as pc

from burgee.core.json import dumps
from burgee.store import registry
from burgee.store.log import loads_object

_AT = ("type", "schema_version", "stream", "version", "data")


def current(raw: pa.Table) -> pa.Table:
    """Raw events with their data upcast to the newest versions known here; the same table if all are that already.

    Raises:
        SchemaError: a version is newer than what is known, a step is missing, or an upcaster failed.
    """
    known = registry.names()
    if not known or not raw.num_rows:
        return raw
    found = raw.select(["type", "schema_version"]).group_by(["type", "schema_version"]).aggregate([]).to_pylist()
    old = [row for row in found if row["type"] in known and registry.latest(row["type"]) != row["schema_version"]]
    if not old:
        return raw
    mask = pa.chunked_array([pa.array([False] * raw.num_rows)])
    for row in old:
        here = pc.and_(pc.equal(raw["type"], row["type"]), pc.equal(raw["schema_version"], row["schema_version"]))
        mask = pc.or_(mask, here)
    columns = (raw[name].filter(mask).to_pylist() for name in _AT)
    data, versions = [], []
    for name, schema_version, stream, version, text in zip(*columns, strict=True):
        where = f"version {version} of stream {stream!r}"
        newest, fields = registry.upcast(name, schema_version, loads_object(text), where)
        versions.append(newest)
        data.append(dumps(fields, what=f"{name} event upcast to version {newest}"))
    for column, values in (("data", data), ("schema_version", versions)):
        place = raw.column_names.index(column)
        kind = raw.schema.field(column)
        flat = raw[column].combine_chunks()
        new = pc.replace_with_mask(flat, mask.combine_chunks(), pa.array(values, kind.type))
        raw = raw.set_column(place, kind, new)
    return raw
