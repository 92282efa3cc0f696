"""The file of SQLite that holds indexes: connections, taken in turn, and transactions."""

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fts5.facets import prepare

_PATIENCE = 5.0  # seconds to wait for another process that writes
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS indexes (number INTEGER PRIMARY KEY, name TEXT UNIQUE, mapping TEXT, position INTEGER)",
    "CREATE TABLE IF NOT EXISTS aliases (name TEXT PRIMARY KEY, points_to TEXT NOT NULL)",
)
_FOUND = "CREATE TEMP TABLE found (row INTEGER PRIMARY KEY, score REAL)"


class SearchFile:
    """Gives connections to a file, or the only one there is to memory.

    What a connection is used for is one transaction. Any number of threads read at once, each by a connection of its
    own; they write one after the other. In memory all take turns.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._turn = threading.RLock()
        self._closed = self._begun = False
        weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def transaction(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection, in a transaction that is undone if anything goes wrong.

        Raises:
            SearchUnavailableError: whatever SQLite can't do.
            DamagedIndexError: the file is none of SQLite's any more. It is removed, as all of it can be made anew.
        """
        alone = writing or self._path is None
        try:
            with self._turn if alone else nullcontext(), self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if self._path is not None and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                self._remove()
                raise DamagedIndexError(f"{self._where()} was damaged: {error}") from error
            raise SearchUnavailableError(f"{self._where()} can't be used: {error}") from error

    def close(self) -> None:
        """Close all connections; those in use when they are given back."""
        self._closed = True
        _close_all(self._idle)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile. One to a file that failed is not used again."""
        connection = self._taken()
        failed = False
        try:
            yield connection
        except sqlite3.Error:
            failed = self._path is not None
            raise
        finally:
            if failed or self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _taken(self) -> sqlite3.Connection:
        if self._closed:
            raise SearchUnavailableError(f"{self._where()} is closed", hint="open it again")
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SearchUnavailableError(f"{self._where()} can't be used: {error}") from error
        elif self._begun:
            raise SearchUnavailableError(f"{self._where()} is in use by the one who asks")
        connection = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
        self._begun = True
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        if not self._begun:
            connection.execute("BEGIN IMMEDIATE")  # two that open a new file at once make its tables once
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("COMMIT")
        connection.execute(_FOUND)
        prepare(connection)

    def _remove(self) -> None:
        _close_all(self._idle)
        self._begun = False
        for ending in ("-wal", "-shm", ""):  # the file last: a new one must not meet an old journal
            Path(f"{self._path}{ending}").unlink(missing_ok=True)

    def _where(self) -> str:
        return "the search in memory" if self._path is None else f"the search in {str(self._path)!r}"


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()
