"""The engine that answers questions on this machine: DuckDB, over Arrow tables handed to it.

It is a room of its own so that another engine (a cluster's) can take its place: an engine gets a SQL
tree and the log it is about, and gives a table back. Nothing else is in reach of a query: no files but the
mirror of its own tenant, no network, no Python variables, no settings, and no tables of other callers. What
files a DuckDB may open is said once, when it is made: so each tenant has one of its own, the last few kept.
"""

import ctypes
import os
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from burgee.analytics.dialects import render
from burgee.analytics.mirror_views import TAIL, events_sql, literal, quoted, sql_names, sql_views, unglobbed
from burgee.analytics.source import EVENTS, STANDARD, LogSource, PartGoneError
from burgee.core.errors import BurgeeError, InvalidInputError

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table's name never means a variable of ours
}

_BROKEN = (duckdb.FatalException, duckdb.InternalException)
_WHOLE = "burgee whole log"
_HIDDEN = {TAIL, _WHOLE}
_OPEN = 8  # so many DuckDBs are kept, of the tenants that asked last


class DuckDBEngine:
    """Runs SQL over Arrow tables in a private in-memory DuckDB. Safe from several threads, and after a fork.

    Times are in UTC. A query pressed to stop (Ctrl-C, the notebook's stop button) ends at once, and the
    engine goes on.
    """

    __slots__ = ("__weakref__", "_connections", "_lock", "_running")
    dialect = "duckdb"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: OrderedDict[Path | None, duckdb.DuckDBPyConnection] = OrderedDict()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        _engines.add(self)

    def answer(self, tree: exp.Expr, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        if not source.files:
            return self.run(tree, {EVENTS: source.tail})
        return self._query(render(tree, self.dialect), source, {EVENTS: f"SELECT * FROM {quoted(_WHOLE)}"})

    def sql(self, statement: str, source: LogSource, as_of: datetime | None = None) -> pa.Table:
        """The answer to one SELECT of a user over the views of the log (`mirror_views.sql_views`).

        Raises:
            PartGoneError: a file of the source can't be read.
            InvalidInputError: the SELECT can't be run; says which tables and columns there are.
        """
        views = sql_views(source, _WHOLE, as_of)
        said = statement.casefold()
        there = f"the tables are: {', '.join(map(quoted, views))}; there is nothing else to see"
        try:
            return self._query(
                statement, source, {name: view for name, view in views.items() if name.casefold() in said}
            )
        except InvalidInputError as error:
            if isinstance(error.__cause__, duckdb.CatalogException | duckdb.PermissionException):
                error.__notes__ = [there]
            elif isinstance(error.__cause__, duckdb.ParserException):
                error.add_note(there)
            elif isinstance(error.__cause__, duckdb.BinderException):
                columns = [*STANDARD.names, *sql_names(source).values()]
                error.add_note(f"the columns of events are: {', '.join(map(quoted, columns))}")
            raise

    def _query(self, sql: str, source: LogSource, views: Mapping[str, str]) -> pa.Table:
        folder = source.files[0].path.parent if source.files else None
        try:
            return self._run(sql, {TAIL: source.tail}, views={_WHOLE: events_sql(source), **views}, folder=folder)
        except InvalidInputError as error:
            if isinstance(error.__cause__, duckdb.IOException | duckdb.InvalidInputException) and not _whole(source):
                raise PartGoneError(f"a file of the mirror of {source.tenant!r} is gone") from error
            raise

    def run(
        self, query: exp.Expr | str, relations: Mapping[str, pa.Table], parameters: Sequence[object] = ()
    ) -> pa.Table:
        """The answer to one SELECT, as a tree or as DuckDB's text, over the tables in `relations` by name.

        `parameters` take the places of the `?` in a text.

        Raises:
            InvalidInputError: DuckDB can't run the query, or it is no single SELECT.
            BurgeeError: the query was stopped by `interrupt`, or needs more memory than there is.
        """
        return self._run(query if isinstance(query, str) else render(query, self.dialect), relations, parameters)

    def _run(
        self,
        sql: str,
        relations: Mapping[str, pa.Table],
        parameters: Sequence[object] = (),
        *,
        views: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> pa.Table:
        cursor = self._cursor(folder)
        try:
            for name, table in relations.items():
                cursor.register(name, table)
            _require_one_select(cursor, sql)
            for name, view in (views or {}).items():
                cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS {view}")
            if threading.current_thread() is threading.main_thread():
                return _in_reach_of_signals(cursor, sql, parameters)
            return _answer(cursor, sql, parameters)
        except duckdb.Error as error:
            if isinstance(error, _BROKEN):
                self._abandon(folder)
            raise _typed(error, [*relations, *(views or {})]) from error
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
            while self._connections:
                self._connections.popitem()[1].close()

    def _abandon(self, folder: Path | None) -> None:
        """DuckDB answers nothing more after an internal error: the next query gets a new one."""
        with self._lock:
            self._connections.pop(folder, None)

    def _forget(self) -> None:
        """In a forked child DuckDB's threads are gone, and closing what the parent opened would wait for them."""
        for held in (*self._connections.values(), *self._running):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))  # so that it is never closed here
        self._lock, self._connections, self._running = threading.Lock(), OrderedDict(), set()

    def _cursor(self, folder: Path | None) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if folder not in self._connections:
                self._connections[folder] = _open(folder)
            self._connections.move_to_end(folder)
            while len(self._connections) > _OPEN:
                self._connections.popitem(last=False)[1].close()  # queries at work there go on to their end
            cursor = self._connections[folder].cursor()
            self._running.add(cursor)
            return cursor


def _open(folder: Path | None) -> duckdb.DuckDBPyConnection:
    spill = Path(tempfile.gettempdir()) / f"burgee-duckdb-{os.getpid()}"
    connection = duckdb.connect(":memory:", config={**_CONFIG, "temp_directory": str(spill)})
    if folder is not None:
        ours = ", ".join(literal(f"{spelt}{os.sep}") for spelt in (folder, unglobbed(folder)))
        connection.execute(f"SET allowed_directories = [{ours}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def _whole(source: LogSource) -> bool:
    """Whether the files of the source are there and can be read."""
    try:
        for part in source.files:
            pq.read_metadata(part.path)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


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


def _typed(error: duckdb.Error, tables: Sequence[str]) -> BurgeeError:
    first, _, rest = str(error).partition("\n")
    if isinstance(error, duckdb.InterruptException):
        return BurgeeError("the query was stopped before it was done")
    if isinstance(error, duckdb.OutOfMemoryException):
        return BurgeeError(f"the query needs more memory than there is: {first}", hint="ask for less at once")
    if isinstance(error, _BROKEN):
        return BurgeeError(f"DuckDB failed at this query: {first}", hint="the next query starts it anew")
    typed = InvalidInputError(f"DuckDB can't run this query: {first}", hint=rest.strip() or None)
    if isinstance(error, duckdb.CatalogException | duckdb.PermissionException):
        typed.add_note(
            f"a query sees these tables and nothing else: {', '.join(map(repr, sorted({*tables} - _HIDDEN)))}"
        )
    return typed


_engines: weakref.WeakSet[DuckDBEngine] = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_engines):
        engine._forget()  # noqa: SLF001 - the module's own


os.register_at_fork(after_in_child=_after_fork)
