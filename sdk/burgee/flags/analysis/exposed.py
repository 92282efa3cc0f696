"""Exposures read from the log: who was served which variant of a flag, when, and by which version."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection

from burgee.core.clock import from_us
from burgee.core.json import loads
from burgee.store.database import Database
from burgee.store.query import EventQuery, last_by, read_batches

EXPOSURE = "flag.exposure"
_STREAMS = "exposures-"

EXPOSURES = pa.schema(
    [
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("id", pa.string()),
        ("variant", pa.string()),
        ("version", pa.int64()),
    ]
)
"""The columns; `version` is missing where an exposure does not tell it."""


def exposures(
    database: Database, tenant: str, flag: str, since: datetime | None, until: datetime | None
) -> pa.RecordBatchReader:
    """The exposures of a flag in batches, in the order they were recorded.

    They are events of type `flag.exposure` that name the flag in their data, with `variant` and `id`; where there is
    no `id`, the stream is who saw it.
    """
    query = EventQuery(types=(EXPOSURE,), since=since, until=until)
    return pa.RecordBatchReader.from_batches(EXPOSURES, _batches(read_batches(database, tenant, query), flag))


def last_exposures(connection: Connection, tenant: str) -> dict[str, datetime]:
    """When each flag was seen last, by the exposures that name it in their data."""
    return {flag: from_us(at) for flag, at in last_by(connection, tenant, EXPOSURE, "flag").items()}


def _batches(events: pa.RecordBatchReader, flag: str) -> Iterator[pa.RecordBatch]:
    for batch in events:
        columns = (batch["occurred_at"].to_pylist(), batch["stream"].to_pylist(), batch["data"].to_pylist())
        rows = [
            {"occurred_at": when, "id": id, "variant": data["variant"], "version": _version(data.get("version"))}
            for when, stream, data in zip(columns[0], columns[1], map(loads, columns[2]), strict=True)
            if isinstance(data, Mapping)
            and data.get("flag") == flag
            and isinstance(data.get("variant"), str)
            and (id := _who(data.get("id"), stream))
        ]
        if rows:
            yield pa.RecordBatch.from_pylist(rows, EXPOSURES)


def _who(id: object, stream: str) -> str | None:
    if isinstance(id, str):
        return id
    if isinstance(id, int) and not isinstance(id, bool):
        return str(id)
    return None if stream.startswith(_STREAMS) else stream


def _version(version: object) -> int | None:
    return version if isinstance(version, int) and not isinstance(version, bool) else None
