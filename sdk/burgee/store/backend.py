"""What differs between the databases: the seam between `Database` and SQLite or PostgreSQL.

A backend speaks to the driver's own connection. SQLAlchemy's costs are fine for a query and most of an append: BEGIN,
COMMIT and the few statements of the log and of current states (`Prepared`) go past it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.sql.expression import ClauseElement

WAIT_SECONDS = 30
"""How long a writer waits for another one, and a call for one of the database's connections."""

type Row = tuple[object, ...]
"""A row to insert into `events`: all columns but `position`, in the order of the table."""


class Session:
    """A connection that is kept: SQLAlchemy's and the driver's, and what its transaction has done so far."""

    __slots__ = ("__weakref__", "appended", "backend", "connection", "driver", "fresh")

    def __init__(self, backend: "Backend", connection: Connection, driver: DBAPIConnection) -> None:
        self.backend = backend
        self.connection = connection
        self.driver = driver
        self.appended: str | None = None  # the tenant that got events in this transaction
        self.fresh = True  # made for this transaction, not kept from an earlier one
        connection.info[_SESSION] = self


_SESSION = "burgee"


def session_of(connection: Connection) -> Session:
    """The session that a connection of `Database.read` or `write` belongs to."""
    session: Session = connection.info[_SESSION]
    return session


class Listener(Protocol):
    """Hears what other processes commit."""

    def changed(self) -> bool:
        """Wait a moment; whether something may have been committed since the last time."""
        ...

    def close(self) -> None:
        """Hear no more."""
        ...


class Backend(Protocol):
    """One kind of database, at one address."""

    engine: Engine
    taken: type[Exception]
    """What the driver raises for a row whose key is taken."""

    def begin(self, session: Session, tenant: str, *, write: bool) -> None:
        """Begin a transaction of a tenant; to write, wait until nobody else writes."""
        ...

    def commit(self, session: Session) -> None:
        """Keep what was done, and tell who listens if events were appended."""
        ...

    def rollback(self, session: Session) -> None:
        """Undo what was done."""
        ...

    def insert(self, session: Session, rows: Sequence[Row]) -> None:
        """Append rows to `events`, positions in this order."""
        ...

    def listed(self, values: Sequence[str]) -> object:
        """Several texts as one parameter of a statement."""
        ...

    def lost(self, session: Session, error: BaseException) -> bool:
        """Whether the error means that the connection is gone, and no more than that."""
        ...

    def told(self, name: str, error: BaseException) -> Exception | None:
        """The error in burgee's words; none for an error that is not the database's condition."""
        ...

    def opened(self, connection: Connection) -> None:
        """Once, when the database is opened: warn of what is not as it should be."""
        ...

    def secure(self, connection: Connection) -> None:
        """After the tables were made: what keeps tenants apart in the database itself."""
        ...

    def scrub(self) -> bool:
        """Get rid of what was overwritten; false while a reader still needs it."""
        ...

    def listen(self) -> Listener | None:
        """What hears the commits of others; none where there are no others."""
        ...


class Prepared:
    """A statement that is run often, compiled once for each database and run by its driver.

    Given by the dialect's name where the databases need different ones.
    """

    __slots__ = ("_statements", "_texts")

    def __init__(self, statement: ClauseElement | Mapping[str, ClauseElement]) -> None:
        self._statements = statement
        self._texts: dict[str, str] = {}

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[object, ...]]:
        """All rows of the answer."""
        rows: list[tuple[object, ...]] = self._run(connection, values).fetchall()
        return rows

    def row(self, connection: Connection, values: Mapping[str, object]) -> tuple[object, ...] | None:
        """The first row of the answer."""
        row: tuple[object, ...] | None = self._run(connection, values).fetchone()
        return row

    def run(self, connection: Connection, values: Mapping[str, object]) -> None:
        """Run what has no answer."""
        self._run(connection, values).close()

    def _run(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - the driver's cursor
        dialect = connection.dialect
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = self._compiled(dialect)
        return session_of(connection).driver.execute(text, values)

    def _compiled(self, dialect: Dialect) -> str:
        statements = self._statements
        statement = statements[dialect.name] if isinstance(statements, Mapping) else statements
        made: Any = type(dialect)
        named = made(paramstyle="named" if dialect.name == "sqlite" else "pyformat")
        return str(statement.compile(dialect=named))
