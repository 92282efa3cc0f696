"""PostgreSQL, through psycopg 3.

One writer of a tenant at a time: a write takes an advisory lock on the tenant's name and holds it until it commits.
Positions are drawn under that lock, so a tenant's events become visible in the order of their positions, and whoever
follows a tenant never sees position n+1 before n. Other tenants write meanwhile, no table is locked, and nobody waits
for a long transaction of somebody else.

Every transaction says which tenant it is for (`burgee.tenant`), and row-level security shows it no other's rows.
"""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import batched
from typing import Any, cast, override

from sqlalchemy import URL, Connection, Engine, NullPool, String, Text, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from burgee.core.errors import InvalidInputError, MissingExtraError, WorkspaceError
from burgee.core.settings import Durability
from burgee.store import schema
from burgee.store.backend import WAIT_SECONDS, Backend, Listener, Row, Session

try:
    import psycopg
except ImportError:  # also where the driver is there and the C library it needs is not
    raise MissingExtraError("a PostgreSQL database", "postgres") from None

_log = logging.getLogger(__name__)

_CHANNEL = "burgee"
_LISTEN_SECONDS = 0.2
_LOOK_ANYWAY = 5
"""Even without a notice, every so many turns of listening: a notice may be lost with its connection."""

_NAMES = [column.name for column in schema.events.columns if column.name != "position"]
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join(['%s'] * len(_NAMES))})"
_BULK = 32
"""From so many rows on, COPY, where it can be."""

_AT_ONCE = 2_000  # rows of one statement: with 10,000 each row takes a third longer

# COPY can't write to a table with row-level security. The next best is one statement that is given whole columns, each
# as one text. Names are printable and JSON escapes what is not, so none of them can hold what separates them here.
_SEPARATOR = "\x1f"
_NUMBERS = {column.name for column in schema.events.columns if not isinstance(column.type, String | Text)}
_ARRAYS = ", ".join(
    "CAST(%s AS bigint[])" if name in _NUMBERS else f"string_to_array(%s, '{_SEPARATOR}')" for name in _NAMES
)
_INSERT_COLUMNS = f"INSERT INTO events ({_COLUMNS}) SELECT * FROM unnest({_ARRAYS})"

# In a SELECT of its own, so that it is asked once for a statement and not once for a row.
_OWN_ROWS = "tenant = (SELECT current_setting('burgee.tenant', true))"
_BYPASSES = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


class Postgres(Backend):
    """A PostgreSQL database."""

    def __init__(self, url: URL, durability: Durability) -> None:
        self.engine = _engine(url, durability)
        self.taken = psycopg.errors.UniqueViolation
        self._confined = True

    @override
    def begin(self, session: Session, tenant: str, *, write: bool) -> None:
        session.driver.execute(_begin(tenant, write=write))

    @override
    def commit(self, session: Session) -> None:
        if session.appended is None:
            session.driver.execute("COMMIT")
            return
        # In one message, but after the transaction: within it, all tenants' commits would wait for each other.
        with suppress(psycopg.errors.ProgramLimitExceeded):  # the queue of notices is full; the events are kept
            session.driver.execute(f"COMMIT; NOTIFY {_CHANNEL}, {_quoted(session.appended)}")

    @override
    def rollback(self, session: Session) -> None:
        session.driver.rollback()

    @override
    def insert(self, session: Session, rows: Sequence[Row]) -> None:
        connection: Any = session.driver
        if len(rows) == 1:
            connection.execute(_INSERT, rows[0])
        elif self._confined or len(rows) < _BULK:
            for some in batched(rows, _AT_ONCE, strict=False):
                connection.execute(_INSERT_COLUMNS, _columns(some))
        else:
            with connection.cursor() as cursor, cursor.copy(f"COPY events ({_COLUMNS}) FROM STDIN") as copy:
                write = copy.write_row
                for row in rows:
                    write(row)

    @override
    def listed(self, values: Sequence[str]) -> object:
        return list(values)

    @override
    def lost(self, session: Session, error: BaseException) -> bool:
        connection: Any = session.driver
        return isinstance(error, psycopg.OperationalError) and bool(connection.closed or connection.broken)

    @override
    def told(self, name: str, error: BaseException) -> Exception | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.Error):
            return None
        reason = _reason(cause)
        if isinstance(cause, psycopg.DataError):
            return InvalidInputError(f"PostgreSQL can't hold this: {reason}")
        conditions = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)
        if isinstance(cause, (*conditions, psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)):
            return WorkspaceError(f"the database of {name!r} can't be used: {reason}", hint=_hint(cause, reason))
        return None

    @override
    def secure(self, connection: Connection) -> None:
        for statement in row_security():
            connection.exec_driver_sql(statement)

    @override
    def scrub(self) -> bool:
        """PostgreSQL does it in its own time: rows go when it vacuums, and its WAL when that is recycled."""
        return True

    @override
    def listen(self) -> Listener | None:
        return _Listening(self.engine.connect())

    @override
    def opened(self, connection: Connection) -> None:
        """Say so if row-level security does not hold for the role burgee connects as."""
        self._confined = not connection.scalar(_BYPASSES)
        if not self._confined:
            _log.warning(
                "the PostgreSQL role burgee connects as is a superuser or bypasses row-level security; "
                "connect as a plain role, so that the database, too, keeps tenants apart"
            )


def row_security() -> list[str]:
    """The statements after which a transaction sees its tenant's rows only, whoever owns the tables."""
    statements = []
    for table in schema.metadata.sorted_tables:
        if "tenant" in table.columns:
            statements += [
                f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY {table.name}_of_tenant ON {table.name} USING ({_OWN_ROWS})",
            ]
    return statements


def _columns(rows: Sequence[Row]) -> list[str]:
    """The columns of rows, each as one text."""
    return [
        f"{{{','.join(map(str, column))}}}" if name in _NUMBERS else _SEPARATOR.join(cast("tuple[str, ...]", column))
        for name, column in zip(_NAMES, zip(*rows, strict=True), strict=True)
    ]


class _Listening(Listener):
    """Hears the notices that every append sends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = cast("psycopg.Connection", connection.connection.dbapi_connection)
        self._quiet = 0
        self._driver.execute(f"LISTEN {_CHANNEL}")

    @override
    def changed(self) -> bool:
        heard = list(self._driver.notifies(timeout=_LISTEN_SECONDS, stop_after=1))
        self._quiet = 0 if heard else self._quiet + 1
        return bool(heard) or self._quiet % _LOOK_ANYWAY == 0

    @override
    def close(self) -> None:
        self._connection.close()


def _engine(url: URL, durability: Durability) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 10} if "connect_timeout" not in url.query else {},
        )
    except ModuleNotFoundError:
        raise MissingExtraError("a PostgreSQL database", "postgres") from None
    kept = "on" if durability == "safe" else "off"

    @event.listens_for(engine, "connect")
    def _connected(connection: "psycopg.Connection", _: object) -> None:
        connection.autocommit = True  # burgee says BEGIN itself
        connection.execute(
            f"SET TIME ZONE 'UTC'; SET lock_timeout = '{WAIT_SECONDS}s'; SET synchronous_commit = {kept};"
            " SET standard_conforming_strings = on; SET client_min_messages = warning"
        )

    return engine


@lru_cache(4096)
def _begin(tenant: str, *, write: bool) -> str:
    """What begins a transaction, in one message."""
    scope = f"SELECT set_config('burgee.tenant', {_quoted(tenant)}, true)"
    if not write:
        return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {scope}"
    lock = int.from_bytes(hashlib.sha256(f"burgee:{tenant}".encode()).digest()[:8], signed=True)
    return f"BEGIN ISOLATION LEVEL READ COMMITTED; {scope}; SELECT pg_advisory_xact_lock({lock})"


def _quoted(name: str) -> str:
    """A text as SQL writes it."""
    if "\0" in name:
        raise InvalidInputError(f"the tenant {name!r} holds a NUL character")
    return "'" + name.replace("'", "''") + "'"


def _reason(error: psycopg.Error) -> str:
    """The error's first line; what comes after repeats the statement and its data."""
    return error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)


def _hint(error: psycopg.Error, reason: str) -> str | None:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return f"another process has been writing for {WAIT_SECONDS} seconds; try again when it is done"
    if isinstance(error, psycopg.errors.TooManyConnections) or "too many" in reason or "connection slots" in reason:
        return "give burgee fewer connections (BURGEE_DATABASE_CONNECTIONS) or the server more (max_connections)"
    if isinstance(error, psycopg.errors.DiskFull):
        return "the disk is full; nothing of this call was stored"
    if isinstance(error, psycopg.errors.InsufficientPrivilege) and "row-level" not in reason:
        return "the role needs the right to create tables in its schema, and to read and write them"
    if isinstance(error, psycopg.errors.InvalidSchemaName):
        return "make the schema first, or name another one in the URL: ?options=-csearch_path%3Dname"
    if error.diag.sqlstate is None:  # not the server's own words
        return "is the server running, and the address right? if it broke off while writing: repeat the call"
    if isinstance(error, psycopg.errors.OperatorIntervention):
        return "the server is stopping or starting; if this call was writing: repeat it"
    return "look at the address again: user, password and database"
