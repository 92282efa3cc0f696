"""The engine that answers questions on this machine: DuckDB, over Arrow tables handed to it.

It is a room of its own so that another engine (a cluster's) can take its place: an engine gets a SQL
tree and the tables it names, and gives a table back. Nothing else is in reach of a query: no files, no
network, no Python variables, no settings, and no tables of other callers.
"""

import ctypes
import os
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from burgee.analytics.dialects import render
from burgee.analytics.source import EVENTS, LogSource
from burgee.core.errors import BurgeeError, InvalidInputError

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table's name never means a variable of ours
}

_BROKEN = (duckdb.FatalException, duckdb.InternalException)


class DuckDBEngine:
    """Runs SQL over Arrow tables in a private in-memory DuckDB. Safe from several threads, and after a fork.

    Times are in UTC. A query pressed to stop (Ctrl-C, the notebook's stop button) ends at once, and the
    engine goes on.
    """

    __slots__ = ("__weakref__", "_connection", "_lock", "_running")
    dialect = "duckdb"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._running: set[duckdb.DuckDBPyConnection] = set()
        _engines.add(self)

    def answer(self, tree: exp.Expr, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        return self.run(tree, {EVENTS: source.tail})

    def run(
        self, query: exp.Expr | str, relations: Mapping[str, pa.Table], parameters: Sequence[object] = ()
    ) -> pa.Table:
        """The answer to one SELECT, as a tree or as DuckDB's text, over the tables in `relations` by name.

        `parameters` take the places of the `?` in a text.

        Raises:
            InvalidInputError: DuckDB can't run the query, or it is no single SELECT.
            BurgeeError: the query was stopped by `interrupt`, or needs more memory than there is.
        """
        sql = query if isinstance(query, str) else render(query, self.dialect)
        cursor = self._cursor()
        try:
            for name, table in relations.items():
                cursor.register(name, table)
            if isinstance(query, str):
                _require_one_select(cursor, query)
            if threading.current_thread() is threading.main_thread():
                return _in_reach_of_signals(cursor, sql, parameters)
            return _answer(cursor, sql, parameters)
        except duckdb.Error as error:
            if isinstance(error, _BROKEN):
                self._abandon()
            raise _typed(error, relations) from error
        finally:
            with self._lock:
                self._running.discard(cursor)
            with suppress(duckdb.Error):  # stopped twice, it may still be at work; then it ends with its thread
                cursor.close()

    def interrupt(self) -> None:
        """Stop every query that runs at the moment; each raises in its own thread."""
        with self._lock:
            for cursor in self._running:
                cursor.interrupt()

    def close(self) -> None:
        """Give the memory back. The engine opens again when it is asked again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _abandon(self) -> None:
        """DuckDB answers nothing more after an internal error: the next query gets a new one."""
        with self._lock:
            self._connection = None

    def _forget(self) -> None:
        """In a forked child DuckDB's threads are gone, and closing what the parent opened would wait for them."""
        for held in (self._connection, *self._running):
            if held is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))  # so that it is never closed here
        self._lock, self._connection, self._running = threading.Lock(), None, set()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._connection is None:
                self._connection = _open()
            cursor = self._connection.cursor()
            self._running.add(cursor)
            return cursor


def _open() -> duckdb.DuckDBPyConnection:
    spill = Path(tempfile.gettempdir()) / f"burgee-duckdb-{os.getpid()}"
    connection = duckdb.connect(":memory:", config={**_CONFIG, "temp_directory": str(spill)})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def _answer(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object]) -> pa.Table:
    return cursor.sql(sql, params=list(parameters) or None).to_arrow_table()


def _in_reach_of_signals(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object]) -> pa.Table:
    """Run in a thread of its own: inside DuckDB the main thread may not hear Ctrl-C before the query is done."""
    answer: list[pa.Table] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(_answer(cursor, sql, parameters))
        except BaseException as error:  # noqa: BLE001 - raised again, where the caller is
            failure.append(error)

    thread = threading.Thread(target=work, name="burgee-duckdb", daemon=True)
    try:
        thread.start()
        while thread.is_alive():  # a signal that another thread took does not end a wait without end
            thread.join(0.1)
    except BaseException:
        while thread.is_alive():  # an interrupt that comes before the query has begun is lost
            cursor.interrupt()
            thread.join(0.02)
        raise
    if failure:
        raise failure[0]
    return answer[0]


def _require_one_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Anything but a SELECT could leave something behind that another caller would see."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        msg = "a query is one SELECT statement"
        raise InvalidInputError(
            msg, hint="the log can't be changed by SQL; write e.g. select type, count(*) from events"
        )


def _typed(error: duckdb.Error, relations: Mapping[str, pa.Table]) -> BurgeeError:
    first, _, rest = str(error).partition("\n")
    if isinstance(error, duckdb.InterruptException):
        return BurgeeError("the query was stopped before it was done")
    if isinstance(error, duckdb.OutOfMemoryException):
        return BurgeeError(f"the query needs more memory than there is: {first}", hint="ask for less at once")
    if isinstance(error, _BROKEN):
        return BurgeeError(f"DuckDB failed at this query: {first}", hint="the next query starts it anew")
    typed = InvalidInputError(f"DuckDB can't run this query: {first}", hint=rest.strip() or None)
    if isinstance(error, duckdb.CatalogException | duckdb.PermissionException):
        typed.add_note(f"a query sees these tables and nothing else: {', '.join(map(repr, sorted(relations)))}")
    return typed


_engines: weakref.WeakSet[DuckDBEngine] = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_engines):
        engine._forget()  # noqa: SLF001 - the module's own


os.register_at_fork(after_in_child=_after_fork)
