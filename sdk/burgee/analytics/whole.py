"""The log as a source, read whole and anew each time."""

import pyarrow as pa
import pyarrow.compute as pc

from burgee.analytics.payload import METADATA, STANDARD, expand
from burgee.analytics.source import ARROW, Column, Columns, Kind, LogSource
from burgee.analytics.source import STANDARD as ALL
from burgee.store.database import Database
from burgee.store.query import EventQuery, read_batches


class WholeLogs:
    """Reads every event of the tenant for every question."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def source(self, tenant: str, *, own: bool = False) -> LogSource:
        """The log as it is now; with `own` what burgee itself records, too."""
        raw = read_batches(self._database, tenant, EventQuery(own=own)).read_all()
        wide = expand(raw)
        found: dict[str, Column] = {}
        tail = raw.select(ALL.names)
        for name in wide.column_names:
            if name in {*STANDARD, METADATA}:
                continue
            values = wide.column(name)
            kind = _kind(values.type)
            field = name.removeprefix("data_") if name.removeprefix("data_") in ALL.names else name
            found[field] = Column(field, name, kind)
            if values.type not in ARROW.values():
                values = pa.chunked_array([pa.array([None if v is None else str(v) for v in values.to_pylist()])])
            tail = tail.append_column(name, values.cast(ARROW[kind]))
        types = frozenset(pc.unique(raw["type"]).to_pylist())
        return LogSource(tenant, Columns(found), types, (), tail, own=own)


def _kind(type: pa.DataType) -> Kind:
    return next((kind for kind, arrow in ARROW.items() if arrow == type), "json")
