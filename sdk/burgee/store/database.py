"""The database: connections and transactions.

`read()` and `write()` give an SQLAlchemy connection in a transaction of one tenant. What differs between SQLite and
PostgreSQL is in their backends. Connections are kept for the next call; one that broke is replaced then.
"""

import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, override

from sqlalchemy import Connection, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, ResourceClosedError

from burgee.core.errors import WorkspaceError
from burgee.core.portal import hop
from burgee.core.settings import Durability
from burgee.store import layout
from burgee.store.backend import WAIT_SECONDS, Backend, Session
from burgee.store.bell import Bell
from burgee.store.sqlite import Sqlite
from burgee.store.subjectkeys import VAULT
from burgee.store.vault import Vault

CONNECTIONS = 20
"""How many connections one process has at most, unless set otherwise."""

_left_to_parent: list[object] = []
"""What a forked child must neither use nor close."""


class Database:
    """One database: `read()` and `write()` give a connection in a transaction, `run` keeps the event loop free."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        durability: Durability = "safe",
        connections: int = CONNECTIONS,
        vault: Vault | None = None,
        kept: sqlite3.Connection | None = None,
    ) -> None:
        self.name = name
        self._closed = False
        self._kept = kept
        self._bell: Bell | None = None
        self._connections = connections
        self._backend = _backend(url, durability, shared=kept is None)
        self._backend.engine.update_execution_options(**{VAULT: vault or Vault()})
        self._fresh()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_leave_connections_to_parent, weakref.ref(self)))
        try:
            self.log_id = layout.prepare(self, self._backend)
        except BaseException as error:
            self.close()
            if isinstance(error, DBAPIError):
                said = f"{name!r} can't be opened as a workspace: {str(error.orig).strip()}"
                raise WorkspaceError(said, hint="is its address right?") from error
            raise

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
        return cls(f"sqlite:///{place}&uri=true", name="memory://", vault=vault, kept=kept)

    def read(self, tenant: str) -> AbstractContextManager[Connection]:
        """A connection that sees the tenant's rows as they are now, unchanged until the `with` ends."""
        return _Transaction(self, tenant, write=False)

    def write(self, tenant: str) -> AbstractContextManager[Connection]:
        """A connection in a transaction of its own: all of it is kept at the end, or nothing.

        One writer of a tenant at a time: what it reads stays true until it commits.
        """
        return _Transaction(self, tenant, write=True)

    async def run[T](self, work: Callable[[], T]) -> T:
        """Do blocking work: in a worker thread, or right here where the caller's thread may block."""
        return await hop(work)

    @property
    def dialect(self) -> Dialect:
        """How this database writes SQL."""
        return self._backend.engine.dialect

    @property
    def bell(self) -> Bell:
        """Rings when something may have been committed."""
        with self._lock:
            if self._bell is None:
                self._bell = Bell(self._backend.listen)
            return self._bell

    def scrub(self) -> bool:
        """Get rid of what was overwritten, as far as this database can; false while a reader still needs it."""
        try:
            return self._backend.scrub()
        except Exception as error:
            self._tell(error)
            raise

    def close(self) -> None:
        """Give all connections back."""
        self._closed = True
        if self._bell is not None:
            self._bell.stop()
        with self._single or nullcontext():  # not while another thread uses the one connection
            while self._idle:
                self._discard(self._idle.pop())
            if self._kept is not None:
                self._kept.close()

    def _fresh(self) -> None:
        """No connection yet, and nobody who waits for one."""
        self._idle: list[Session] = []
        self._sessions: set[Session] = set()
        self._lock = threading.Lock()
        self._single = threading.RLock() if self._kept is not None else None
        self._freed = threading.Condition()
        self._opening = self._waiting = 0
        self._bell = None
        self._at_end = weakref.finalize(self, _close_all, self._sessions, self._kept)

    def _begin(self, tenant: str, *, write: bool) -> Session:
        if self._single is not None:
            self._single.acquire()
        try:
            self._check_open()  # it may have been closed while this one waited for the lock
            return self._begun(tenant, write=write)
        except BaseException as error:
            if self._single is not None:
                self._single.release()
            self._tell(error)
            raise

    def _check_open(self) -> None:
        if self._closed:
            msg = f"the workspace {self.name!r} is closed"
            raise WorkspaceError(msg, hint="open it again: burgee.open(…)")

    def _begun(self, tenant: str, *, write: bool) -> Session:
        while True:
            session = self._take()
            try:
                self._backend.begin(session, tenant, write=write)
            except BaseException as error:
                stale = not session.fresh and self._backend.lost(session, error)
                self._discard(session)
                if stale:  # broken since the last call, as are the others then; nothing was asked of it yet
                    continue
                raise
            return session

    def _end(self, session: Session, error: BaseException | None) -> None:
        """Commit or roll back, and keep the connection unless it can't be trusted any more."""
        good = False
        try:
            if error is None:
                self._backend.commit(session)
                if session.appended is not None and self._bell is not None:
                    self._bell.ring()
                if session.connection.in_transaction():  # SQLAlchemy's own account of it
                    session.connection.commit()
                good = True
            elif isinstance(error, Exception) and not isinstance(error, ResourceClosedError):
                with suppress(Exception):  # the error that led here says more
                    self._backend.rollback(session)
                    if session.connection.in_transaction():
                        session.connection.rollback()
                    good = True
        except BaseException as failed:
            self._tell(failed)
            raise
        finally:
            session.appended = None
            session.fresh = False
            if good and not self._closed:
                self._idle.append(session)
                self._one_is_free()
            else:
                self._discard(session)
            if self._single is not None:
                self._single.release()
        if error is not None:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        told = self._backend.told(self.name, error)
        if told is not None:
            raise told from error

    def _take(self) -> Session:
        """A connection that was kept, or a new one, or after a wait the one that somebody gives back."""
        try:
            return self._idle.pop()
        except IndexError:
            kept = self._wait_for_room()
        if kept is not None:
            return kept
        try:
            session = self._opened()
            self._sessions.add(session)
        finally:
            with self._freed:
                self._opening -= 1
                self._freed.notify()
        return session

    def _wait_for_room(self) -> Session | None:
        """Until there is a connection or room for one, which is then counted as being opened."""
        with self._freed:
            self._waiting += 1  # said first: whoever gives one back looks at it after
            try:
                while not self._idle and len(self._sessions) + self._opening >= self._connections:
                    if not self._freed.wait(WAIT_SECONDS):
                        most = self._connections
                        msg = f"all {most} connections of {self.name!r} have been in use for {WAIT_SECONDS} seconds"
                        raise WorkspaceError(msg, hint="allow more: BURGEE_DATABASE_CONNECTIONS")
                with suppress(IndexError):
                    return self._idle.pop()
                self._opening += 1
                return None
            finally:
                self._waiting -= 1

    def _one_is_free(self) -> None:
        if self._waiting:
            with self._freed:
                self._freed.notify()

    def _opened(self) -> Session:
        connection = self._backend.engine.connect()
        driver = connection.connection.dbapi_connection
        if driver is None:
            raise RuntimeError("a new connection has the driver's")
        return Session(self._backend, connection, driver)

    def _discard(self, session: Session) -> None:
        self._sessions.discard(session)
        _close(session)
        self._one_is_free()


class _Transaction(AbstractContextManager[Connection]):
    """One transaction, as a class: a generator would cost more than a BEGIN."""

    __slots__ = ("_database", "_session", "_tenant", "_write")
    _session: Session

    def __init__(self, database: Database, tenant: str, *, write: bool) -> None:
        self._database = database
        self._tenant = tenant
        self._write = write

    @override
    def __enter__(self) -> Connection:
        self._session = self._database._begin(self._tenant, write=self._write)  # noqa: SLF001 - they are one
        return self._session.connection

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self._database._end(self._session, error)  # noqa: SLF001 - they are one
        return False


def _backend(url: str, durability: Durability, *, shared: bool) -> Backend:
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind == "sqlite":
            return Sqlite(url, durability, shared=shared)
        if kind in {"postgresql", "postgres"}:
            from burgee.store.postgres import Postgres

            return Postgres(parsed, durability)
    except (ArgumentError, NoSuchModuleError, ValueError):
        pass  # the URL itself may hold a password, so nothing of it is told
    msg = "BURGEE_DATABASE is not a database URL that burgee knows"
    hint = "write it like postgresql://user:password@host/database or sqlite:////folder/file.sqlite3"
    raise WorkspaceError(msg, hint=hint)


def _close(session: Session) -> None:
    with suppress(Exception):  # it may be broken already
        session.driver.close()
    with suppress(Exception):
        session.connection.invalidate()
        session.connection.close()


def _close_all(sessions: set[Session], kept: sqlite3.Connection | None) -> None:
    """For a database that nobody closed."""
    for session in list(sessions):
        _close(session)
    if kept is not None:
        kept.close()


def _leave_connections_to_parent(reference: "weakref.ref[Database]") -> None:
    """Connections must not be used, nor closed, on the other side of a fork."""
    if database := reference():
        database._at_end.detach()  # noqa: SLF001 - they are one
        _left_to_parent.append((database._sessions, database._bell))  # noqa: SLF001
        database._fresh()  # noqa: SLF001
