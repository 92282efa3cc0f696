"""The layout of a database: made new, checked, or brought from an older one to this one's."""

import uuid
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, insert, inspect, select

from burgee.core.errors import NewerWorkspaceError
from burgee.core.scope import SYSTEM_TENANT
from burgee.store import schema
from burgee.store.backend import Backend

_LAYOUT = "layout"
_LOG_ID = "log_id"


class _Transactions(Protocol):
    """What is needed of a database here."""

    name: str

    def read(self, tenant: str) -> AbstractContextManager[Connection]: ...

    def write(self, tenant: str) -> AbstractContextManager[Connection]: ...


def prepare(database: _Transactions, backend: Backend) -> str:
    """Make the tables if there are none, upgrade older ones; the id of the log.

    All of it happens in one transaction under the write lock: of two processes one does it and the other
    finds it done, and one that is killed in the middle leaves the database as it was.

    Raises:
        NewerWorkspaceError: a newer burgee made it.
    """
    with database.read(SYSTEM_TENANT) as connection:
        backend.opened(connection)
        found = _meta(connection)
    if _layout(found) < schema.LAYOUT:
        with database.write(SYSTEM_TENANT) as connection:
            found = _meta(connection)  # another process may have been first: look again
            if not found:
                _make(connection, backend)
            elif _layout(found) < schema.LAYOUT:
                _upgrade(connection, _layout(found))
            found = _meta(connection)
    if _layout(found) > schema.LAYOUT:
        raise NewerWorkspaceError(database.name, _layout(found), schema.LAYOUT)
    return found[_LOG_ID]


def _layout(meta: dict[str, str]) -> int:
    return int(meta.get(_LAYOUT, 0))


def _meta(connection: Connection) -> dict[str, str]:
    """What the database says of itself; nothing if it is new."""
    if not inspect(connection).has_table(schema.meta.name):
        return {}
    return {row.name: row.value for row in connection.execute(select(schema.meta))}


def _make(connection: Connection, backend: Backend) -> None:
    schema.metadata.create_all(connection)
    backend.secure(connection)
    rows = {_LAYOUT: str(schema.LAYOUT), _LOG_ID: str(uuid.uuid4())}
    connection.execute(insert(schema.meta), [{"name": name, "value": value} for name, value in rows.items()])


def _upgrade(connection: Connection, found: int) -> None:
    from burgee.store.migrations import upgrade  # it imports Alembic, which a database of today does not need

    upgrade(connection, found, schema.LAYOUT)
