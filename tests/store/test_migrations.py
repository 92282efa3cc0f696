"""Databases of older layouts: opened, upgraded in one step or not at all, and then as if made today."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import CreateTable

from burgee.core.clock import system_clock
from burgee.store import log, schema
from burgee.store.database import Database
from services.postgres import Server
from store.layouts import make_layout_1

OPEN = """
    import sys
    from burgee.store.database import Database
    print(Database(sys.argv[1], name="test").log_id)
"""

KILLED = """
    import os, signal, sys
    from sqlalchemy import Engine, event
    import burgee.store.migrations
    from burgee.store.database import Database

    left = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for attempt in range(1, 21):
        child = os.fork()
        if child == 0:
            left = attempt
            Database(sys.argv[1], name="test")
            os.kill(os.getpid(), signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def upgraded(address: str) -> None:
    """The database opens, and has what it had."""
    database = Database(address, name="test")
    with database.read("t") as connection:
        assert [event.id for event in log.read_stream(connection, "t", "s")] == [f"e{n}" for n in range(1, 51)]
    with database.write("t") as connection:
        appended = log.append(connection, system_clock, "t", "s", [log.NewEvent("a")], 50).unwrap()
        assert appended.version == 51
        connection.exec_driver_sql("DELETE FROM events WHERE version = 51")
    database.close()


def test_a_database_of_layout_1_opens_and_goes_on(address: str) -> None:
    make_layout_1(address)
    upgraded(address)
    database = Database(address, name="test")
    again = Database(address, name="test")
    assert database.log_id == again.log_id != ""
    with database.read("t") as connection:
        meta = {row.name: row.value for row in connection.exec_driver_sql("SELECT name, value FROM burgee")}
    assert meta == {"layout": str(schema.LAYOUT), "log_id": database.log_id}
    database.close()
    again.close()


def test_an_upgraded_database_is_like_a_new_one(address: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make_layout_1(address)
    new = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    if address.startswith("postgresql"):
        postgres: Server = request.getfixturevalue("postgres")
        new = postgres.schema()
    looks = []
    for url in (address, new):
        database = Database(url, name="test")
        with database.read("t") as connection:
            looks.append(look_of(connection))
            assert compare_metadata(migration_context(connection), schema.metadata) == []
        database.close()
    assert looks[0] == looks[1]
    assert set(looks[0]) >= {"events", "states", "snapshots", "projections", "subjects", "burgee"}


def test_a_difference_would_be_noticed(address: str) -> None:
    database = Database(address, name="test")
    with database.write("t") as connection:
        before = look_of(connection)
        connection.exec_driver_sql("ALTER TABLE states ADD COLUMN more INTEGER")
        assert look_of(connection) != before
        assert compare_metadata(migration_context(connection), schema.metadata) != []
    database.close()


def migration_context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})


def look_of(connection: Connection) -> dict[str, object]:
    """All there is to say of the tables: as the database itself describes them."""
    seen = inspect(connection)
    looks: dict[str, object] = {}
    for name in seen.get_table_names():
        indexes = sorted(seen.get_indexes(name), key=lambda index: str(index["name"]))
        unique = sorted(seen.get_unique_constraints(name), key=lambda one: str(one["name"]))
        columns = [{**column, "type": repr(column["type"])} for column in seen.get_columns(name)]
        looks[name] = json.dumps([columns, indexes, unique, seen.get_pk_constraint(name)], default=str, sort_keys=True)
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(
            "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies WHERE schemaname = current_schema()"
        )
        looks["policies"] = sorted(map(str, rows))
        forced = connection.exec_driver_sql(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )
        looks["security"] = sorted(map(str, forced))
    else:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        looks["indexes"] = sorted(map(str, rows))
    return looks


def test_every_table_of_tenants_is_under_row_level_security(postgres: Server) -> None:
    """R4.7; also those that are added one day."""
    database = Database(postgres.schema(), name="test")
    with database.read("t") as connection:
        rows = connection.exec_driver_sql(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
        )
        secured = set(rows.scalars())
    database.close()
    assert secured == {table.name for table in schema.metadata.sorted_tables if "tenant" in table.columns}


def test_two_processes_that_upgrade_at_once_both_open(address: str) -> None:
    make_layout_1(address)
    both = [python(OPEN, address) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len({out for out, _ in said}) == 1  # one log, one id
    upgraded(address)


def test_two_processes_that_make_a_database_at_once_both_open(address: str) -> None:
    both = [python(OPEN, address) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len({out for out, _ in said}) == 1


def test_a_process_killed_while_it_upgrades_leaves_the_database_whole(address: str) -> None:
    """Killed at each of its statements in turn, 20 times; then the upgrade is done from where nothing was done."""
    make_layout_1(address)
    process = python(KILLED, address)
    out, err = process.communicate(timeout=120)
    assert out.split() == [str(-signal.SIGKILL)] * 20, err
    upgraded(address)


def test_a_database_of_today_is_opened_without_alembic(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'burgee.sqlite3'}"
    code = "import sys, burgee; burgee.open().close(); print('alembic' in sys.modules)"
    for _ in ("new", "opened again"):
        env = {**os.environ, "BURGEE_DATABASE": address}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"


def test_layout_1_is_what_was_released() -> None:
    """The made-up old database would prove nothing if it were a new one."""
    from store import layouts

    assert "snapshots" not in layouts.one.tables
    assert "COLLATE" not in str(CreateTable(layouts.events))
