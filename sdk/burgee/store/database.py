"""The database: connections and transactions, over SQLAlchemy Core.

SQLite in WAL mode: any number of readers, one writer at a time, also from other processes. A write
takes SQLite's write lock at its start (`BEGIN IMMEDIATE`), so what it read stays true until it commits.
"""

import contextlib
import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, insert, inspect, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, ResourceClosedError

from burgee.core.errors import MissingExtraError, NewerWorkspaceError, WorkspaceError
from burgee.core.portal import hop
from burgee.core.scope import SYSTEM_TENANT
from burgee.core.settings import Durability
from burgee.store import schema
from burgee.store.subjectkeys import VAULT
from burgee.store.vault import Vault

_WAIT_MS = 30_000
"""How long a writer waits for another one, in milliseconds."""

_SCRUB_WAIT_MS = 2_000


class Database:
    """One database: `read()` and `write()` give a connection in a transaction, `run` keeps the event loop free."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        durability: Durability = "safe",
        vault: Vault | None = None,
        kept: sqlite3.Connection | None = None,
    ) -> None:
        self.name = name
        self._closed = False
        self._kept = kept
        self._single = threading.RLock() if kept is not None else None
        self._engine = _engine(url, durability, in_memory=kept is not None)
        self._engine.update_execution_options(**{VAULT: vault or Vault()})
        self._writer = self._engine.execution_options(burgee_write=True)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_leave_connections_to_parent, weakref.ref(self._engine)))
        self._prepare()

    @classmethod
    def in_folder(cls, folder: Path, *, durability: Durability = "safe", vault: Vault | None = None) -> Self:
        """The SQLite database of a workspace folder, which is made if it is not there."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"can't make the workspace folder {str(folder)!r}: {error.strerror}"
            raise WorkspaceError(msg) from None
        place = f"sqlite:///{folder / 'burgee.sqlite3'}"
        return cls(place, name=str(folder), durability=durability, vault=vault)

    @classmethod
    def in_memory(cls, *, vault: Vault | None = None) -> Self:
        """A database of its own that is gone when closed.

        One connection serves all threads; a lock lets them in one by one. The database lives as long as a
        connection to it does, and an interrupted call costs its connection: so one more is kept, never used.
        """
        place = f"file:/{uuid.uuid4()}?vfs=memdb"
        kept = sqlite3.connect(place, uri=True, check_same_thread=False)
        return cls(f"sqlite:///{place}&uri=true&check_same_thread=false", name="memory://", vault=vault, kept=kept)

    @contextmanager
    def read(self, tenant: str) -> Iterator[Connection]:  # noqa: ARG002 - what row-level security lets through
        """A connection that sees the tenant's rows as they are now, unchanged until the `with` ends."""
        with self._guarded(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, tenant: str) -> Iterator[Connection]:  # noqa: ARG002 - what row-level security lets through
        """A connection in a transaction of its own: all of it is kept at the end, or nothing.

        One writer of a tenant at a time: what it reads stays true until it commits.
        """
        with self._guarded(), self._writer.begin() as connection:
            yield connection

    async def run[T](self, work: Callable[[], T]) -> T:
        """Do blocking work: in a worker thread, or right here where the caller's thread may block."""
        return await hop(work)

    def scrub(self) -> bool:
        """Empty SQLite's write-ahead log, which keeps what was overwritten; false while a reader still needs it.

        PostgreSQL gets rid of what was overwritten in its own time (vacuum, recycling of the WAL).
        """
        if self._engine.dialect.name != "sqlite":
            return True
        with self._guarded(), contextlib.closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {_SCRUB_WAIT_MS}")
            try:
                [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
                cursor.close()
        return not busy

    def close(self) -> None:
        """Give all connections back."""
        self._closed = True
        self._engine.dispose()
        if self._kept is not None:
            self._kept.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._closed:
            msg = f"the workspace {self.name!r} is closed"
            raise WorkspaceError(msg, hint="open it again: burgee.open(…)")
        lock: AbstractContextManager[object] = self._single or contextlib.nullcontext()
        with lock:
            try:
                yield
            except (OperationalError, ResourceClosedError) as error:
                reason = str(getattr(error, "orig", error))
                msg = f"the database of {self.name!r} can't be used: {reason}"
                raise WorkspaceError(msg, hint=_hint(reason)) from error

    def _prepare(self) -> None:
        try:
            with self.read(SYSTEM_TENANT) as connection:
                found = _layout(connection)
            if found is None:
                with self.write(SYSTEM_TENANT) as connection:  # two processes may open a new folder at once: look again
                    if _layout(connection) is None:
                        schema.metadata.create_all(connection)
                        connection.execute(insert(schema.meta).values(name="layout", value=str(schema.LAYOUT)))
                    found = _layout(connection)
        except DBAPIError as error:
            self.close()
            msg = f"{self.name!r} can't be opened as a workspace: {error.orig}"
            raise WorkspaceError(msg) from error
        except WorkspaceError:
            self.close()
            raise
        if found is not None and found > schema.LAYOUT:
            self.close()
            raise NewerWorkspaceError(self.name, found, schema.LAYOUT)


def _leave_connections_to_parent(engine: weakref.ref[Engine]) -> None:
    """SQLite's connections must not be used, nor closed, on the other side of a fork."""
    if it := engine():
        it.dispose(close=False)


def _layout(connection: Connection) -> int | None:
    """The layout of the database at hand; none if it is new."""
    if not inspect(connection).has_table(schema.meta.name):
        return None
    value = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.name == "layout"))
    return int(value) if value is not None else None


def _engine(url: str, durability: Durability, *, in_memory: bool) -> Engine:
    try:
        engine = create_engine(url, poolclass=StaticPool) if in_memory else create_engine(url, max_overflow=32)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the database driver {error.name!r}", "postgres") from None
    except (ArgumentError, NoSuchModuleError):
        msg = "BURGEE_DATABASE is not a database URL that burgee knows"  # the URL itself may hold a password
        raise WorkspaceError(msg, hint="write it like sqlite:////folder/file.sqlite3") from None
    if engine.dialect.name != "sqlite":
        return engine
    synchronous = "FULL" if durability == "safe" else "NORMAL"

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # burgee says BEGIN itself, see below
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA secure_delete = ON")  # keys and what was derived with them are gone when deleted

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        write = connection.get_execution_options().get("burgee_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _hint(reason: str) -> str | None:
    if "locked" in reason:
        return f"another process has been writing for {_WAIT_MS // 1000} seconds; try again when it is done"
    if "full" in reason:
        return "the disk is full; nothing of this call was stored"
    if "readonly" in reason or "read-only" in reason:
        return "this user may not write to the workspace folder"
    return None
