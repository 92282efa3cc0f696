"""SQLite, in WAL mode: any number of readers, one writer at a time, also from other processes.

A write takes SQLite's write lock at its start (`BEGIN IMMEDIATE`), so what it read stays true until it commits.
"""

import json
import sqlite3
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast, override

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from burgee.core.errors import WorkspaceError
from burgee.core.settings import Durability
from burgee.store.backend import WAIT_SECONDS, Backend, Listener, Row, Session
from burgee.store.schema import events

_POLL_SECONDS = 0.01
"""How often another process's commits are looked for: two microseconds of work each time."""

_SCRUB_WAIT_MS = 2_000
"""How long to wait for readers before saying that overwritten bytes are there still."""

_CHECKPOINT_PAGES = 8_000
"""How long the write-ahead log gets (32 MB) before its pages are moved. Each time waits for the disk, `fast` or not."""

_NAMES = [column.name for column in events.columns if column.name != "position"]
_INSERT = f"INSERT INTO events ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"


class Sqlite(Backend):
    """A SQLite database. `shared`: other connections may write to it, too."""

    def __init__(self, url: str, durability: Durability, *, shared: bool) -> None:
        self.engine = _engine(url, durability)
        self.taken = sqlite3.IntegrityError
        self._shared = shared

    @override
    def begin(self, session: Session, tenant: str, *, write: bool) -> None:
        session.driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    @override
    def commit(self, session: Session) -> None:
        session.driver.execute("COMMIT")

    @override
    def rollback(self, session: Session) -> None:
        session.driver.rollback()

    @override
    def insert(self, session: Session, rows: Sequence[Row]) -> None:
        if len(rows) == 1:
            session.driver.execute(_INSERT, rows[0])
        else:
            session.driver.executemany(_INSERT, rows)

    @override
    def listed(self, values: Sequence[str]) -> object:
        return json.dumps(values)

    @override
    def lost(self, session: Session, error: BaseException) -> bool:
        return False  # a file can't hang up

    @override
    def told(self, name: str, error: BaseException) -> Exception | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.OperationalError) or type(cause) is sqlite3.DatabaseError:
            reason = str(cause)
            return WorkspaceError(f"the database of {name!r} can't be used: {reason}", hint=_hint(reason))
        return None

    @override
    def opened(self, connection: Connection) -> None:
        """Nothing to warn of."""

    @override
    def secure(self, connection: Connection) -> None:
        """SQLite has no roles: whoever opens the file sees all of it."""

    @override
    def scrub(self) -> bool:
        """Empty the write-ahead log, where overwritten pages stand until it is begun anew."""
        if not self._shared:
            return True
        with self.engine.connect() as connection:
            driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
            driver.execute(f"PRAGMA busy_timeout = {_SCRUB_WAIT_MS}")
            [busy, *_] = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    @override
    def listen(self) -> Listener | None:
        return _Polling(self.engine.connect()) if self._shared else None


class _Polling(Listener):
    """`PRAGMA data_version` changes when another connection commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        self._version: object = None

    @override
    def changed(self) -> bool:
        time.sleep(_POLL_SECONDS)
        before, self._version = self._version, self._driver.execute("PRAGMA data_version").fetchone()
        return self._version != before

    @override
    def close(self) -> None:
        self._connection.close()


class _Connection(sqlite3.Connection):
    """Closes its cursors first: one in the middle of its rows, held by a traceback perhaps, would keep its lock."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - what sqlite3.connect takes
        super().__init__(*arguments, **named)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    @override
    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        cursor = super().cursor(factory)
        self._cursors.add(cursor)
        return cursor

    @override
    def close(self) -> None:
        for cursor in list(self._cursors):
            with suppress(sqlite3.Error):
                cursor.close()
        super().close()


def _engine(url: str, durability: Durability) -> Engine:
    arguments = {"check_same_thread": False, "factory": _Connection}
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
    synchronous = "FULL" if durability == "safe" else "NORMAL"

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # burgee says BEGIN itself
        connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA secure_delete = ON")  # keys and what was derived with them are gone when deleted

    return engine


def _hint(reason: str) -> str | None:
    if "locked" in reason:
        return f"another process has been writing for {WAIT_SECONDS} seconds; try again when it is done"
    if "full" in reason:
        return "the disk is full; nothing of this call was stored"
    if "readonly" in reason or "read-only" in reason:
        return "this user may not write to the workspace folder"
    return None
