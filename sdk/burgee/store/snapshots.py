"""Snapshots: what a repository keeps beside a stream so that a load reads only the tail.

A snapshot is a cache: it says of which version of the stream it is, and the stream is right where they differ.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from burgee.core.errors import InvalidInputError
from burgee.store import log, subjects
from burgee.store.schema import snapshots


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a stream's aggregate at a version. `data` is what its repository made of it, as text."""

    version: int
    data: str


def get(connection: Connection, tenant: str, stream: str, kind: str) -> Snapshot | None:
    """The snapshot of a stream, if one is kept for this kind of aggregate."""
    query = select(snapshots.c.version, snapshots.c.data).where(*_at(tenant, stream, kind))
    row = connection.execute(query).first()
    return None if row is None else Snapshot(row.version, row.data)


def keep(connection: Connection, tenant: str, stream: str, kind: str, snapshot: Snapshot) -> bool:
    """Keep a snapshot instead of an older one; False where a newer one is there.

    Of a stream with personal fields none is kept: it would hold them in plain, and one that was made before
    somebody was forgotten could come in after.

    Raises:
        InvalidInputError: it is ahead of its stream.
    """
    head = log.head(connection, tenant, stream)
    if not 1 <= snapshot.version <= head:
        raise InvalidInputError(f"stream {stream!r} is at version {head}: no snapshot can be of {snapshot.version}")
    if subjects.is_personal(connection, tenant, stream):
        return False
    there = get(connection, tenant, stream, kind)
    if there is not None and there.version > snapshot.version:
        return False
    connection.execute(delete(snapshots).where(*_at(tenant, stream, kind)))
    values = {"tenant": tenant, "stream": stream, "kind": kind, "version": snapshot.version, "data": snapshot.data}
    connection.execute(insert(snapshots).values(values))
    return True


def _at(tenant: str, stream: str, kind: str) -> tuple[ColumnElement[bool], ...]:
    return snapshots.c.tenant == tenant, snapshots.c.stream == stream, snapshots.c.kind == kind
