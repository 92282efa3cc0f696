"""PostgreSQL alone: row-level security, one writer of a tenant, servers that go away, roles and URLs that are wrong."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

import burgee
from burgee.core.clock import system_clock
from burgee.core.errors import InvalidInputError, WorkspaceError
from burgee.store import follow, log, query
from burgee.store.database import Database
from burgee.store.log import NewEvent
from services.postgres import Server, running_postgres

LONG = 60
PASSWORD = "secret-of-plain"


@pytest.fixture
def address(postgres: Server) -> str:
    return postgres.schema()


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    database = Database(address, name="test")
    yield database
    database.close()


def append(database: Database, tenant: str = "t", number: int = 1) -> int:
    with database.write(tenant) as connection:
        return log.append(connection, system_clock, tenant, "s", [NewEvent("a")] * number).unwrap().version


def append_and(database: Database, then: Callable[[], None]) -> None:
    """Append, and before it is committed something else happens."""
    with database.write("t") as connection:
        log.append(connection, system_clock, "t", "s", [NewEvent("lost")]).unwrap()
        then()


def plain(address: str) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection of the same role, past burgee."""
    url = make_url(address)
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def test_the_database_itself_keeps_tenants_apart(database: Database, address: str) -> None:
    """R4.7, P10: with no filter of ours."""
    for tenant in ("t", "u"):
        append(database, tenant, 40)
    with plain(address) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(0,)]
        connection.execute("SELECT set_config('burgee.tenant', 'u', false)")
        assert connection.execute("SELECT DISTINCT tenant FROM events").fetchall() == [("u",)]
        assert connection.execute("DELETE FROM events WHERE tenant = 't'").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO states VALUES ('t', 'k', 'i', 1, '{}')")
    with database.read("t") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 40


def test_the_tenant_of_one_call_is_not_the_tenant_of_the_next(address: str) -> None:
    database = Database(address, name="test", connections=1)
    append(database, "t")
    with database.read("u") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 0
    database.close()
    with plain(address) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(0,)]


def test_a_role_that_row_level_security_does_not_hold_for_is_warned_of(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    schema = make_url(postgres.schema()).query["options"]
    with caplog.at_level(logging.WARNING, "burgee"):
        Database(f"{postgres.admin}&options={schema}", name="test").close()
        assert [record.message for record in caplog.records if "row-level security" in record.message] != []
        caplog.clear()
        Database(postgres.schema(), name="test").close()
        assert caplog.records == []


def test_one_writer_of_a_tenant_at_a_time_and_others_write_meanwhile(database: Database) -> None:
    with ThreadPoolExecutor() as pool:
        with database.write("t") as connection:
            log.append(connection, system_clock, "t", "s", [NewEvent("first")]).unwrap()
            second = pool.submit(append, database, "t")
            assert append(database, "u") == 1  # nobody holds another tenant up
            assert query.last_position(database, "t") == 0  # a reader waits for nobody, and sees what is committed
            assert not second.done()
        assert second.result() == 2
    assert [event.type for event in query.read(database, "t", query.EventQuery(), limit=9)] == ["first", "a"]


def test_a_long_transaction_of_somebody_else_holds_nobody_up(database: Database, address: str) -> None:
    append(database)
    with plain(address) as foreign, foreign.transaction():
        foreign.execute("SELECT set_config('burgee.tenant', 't', true)")
        assert foreign.execute("SELECT count(*) FROM events").fetchall() == [(1,)]
        foreign.execute("CREATE TABLE of_somebody_else (n int)")
        assert append(database) == 2
        assert follow.wait(database, "t", 1, LONG) == query.last_position(database, "t")


def test_a_read_sees_one_state_until_it_ends(database: Database) -> None:
    append(database)
    with database.read("t") as connection:
        before = log.head(connection, "t", "s")
        append(database)
        assert log.head(connection, "t", "s") == before == 1
        with pytest.raises(Exception, match="read-only"):
            connection.exec_driver_sql("DELETE FROM events")


@pytest.mark.parametrize("number", [1, 2, 31, 32, 500, 2001])
def test_any_number_of_events_keeps_its_order(database: Database, number: int) -> None:
    """One by one, in a statement, and in several."""
    new = [NewEvent("a", {"n": n, "text": "tab\tnewline\n\\N quote' \U0001f600"}) for n in range(number)]
    with database.write("t") as connection:
        log.append(connection, system_clock, "t", "s", new).unwrap()
        log.append(connection, system_clock, "t", "s", new).unwrap()
    found = query.read(database, "t", query.EventQuery(), limit=9999)
    assert [event.version for event in found] == list(range(1, 2 * number + 1))
    assert [event.data for event in found] == [event.data for event in new] * 2


def test_a_server_that_went_away_is_told_and_taken_up_again() -> None:
    with running_postgres(fsync=True) as server:
        database = Database(server.schema(), name="test")
        assert append(database, number=50) == 50
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(follow.wait, database, "t", query.last_position(database, "t"), LONG)
            with pytest.raises(WorkspaceError) as caught:
                append_and(database, lambda: server.control("stop", "-m", "immediate"))
            assert PASSWORD not in f"{caught.value!r}{caught.value.hints}"
            with pytest.raises(WorkspaceError, match="can't be used"):
                append(database)
            with pytest.raises(WorkspaceError):
                waiting.result()
        server.control("start", "-o", server.options)
        assert append(database) == 51  # what was acknowledged is there, what was not is not; no new workspace needed
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(follow.wait, database, "t", query.last_position(database, "t"), LONG)
            append(database)
            assert waiting.result() is not None
        database.close()


def test_kept_connections_that_broke_are_replaced_unnoticed(postgres: Server, database: Database) -> None:
    with database.read("t"), database.read("t"), database.read("t"):
        pass
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain'")
    assert append(database) == 1


def test_a_server_with_too_few_connections_is_told(postgres: Server) -> None:
    schema = make_url(postgres.schema())
    postgres.run(f"CREATE ROLE few LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 2; GRANT plain TO few")
    database = Database(schema.set(username="few").render_as_string(hide_password=False), name="test")
    with database.read("t"), database.read("t"):
        with pytest.raises(WorkspaceError, match="too many connections") as caught, database.read("t"):
            pass
        assert "BURGEE_DATABASE_CONNECTIONS" in caught.value.hints[0]
    assert append(database) == 1
    database.close()


def test_no_more_connections_are_taken_than_allowed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from burgee.store import database as module

    monkeypatch.setattr(module, "WAIT_SECONDS", 0.2)
    database = Database(address, name="test", connections=2)
    with database.read("t"), database.read("t"):
        with pytest.raises(WorkspaceError, match="all 2 connections") as caught, database.read("t"):
            pass
        assert "BURGEE_DATABASE_CONNECTIONS" in caught.value.hints[0]
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: append(database), range(16))) == list(range(1, 17))
    database.close()


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://plain:{password}@127.0.0.1:{closed}/postgres",
        "postgresql://plain:{password}x@127.0.0.1:{port}/postgres",
        "postgresql://plain:{password}@127.0.0.1:{port}/no_such_database",
        "postgresql://plain:{password}@127.0.0.1:{port}/postgres?options=-csearch_path%3Dno_such_schema",
        "postgresql://plain:{password}@127.0.0.1:{port}/postgres?no_such_option={password}",
        "postgresql://plain:{password}@no-such-host.invalid/postgres",
        "postgresql://plain:{password}@127.0.0.1:port/postgres",
        "postgres+nothing://plain:{password}@127.0.0.1/postgres",
        "oracle://plain:{password}@127.0.0.1/x",
        "plain:{password}",
    ],
)
def test_an_address_that_is_wrong_is_told_without_its_password(postgres: Server, wrong: str) -> None:
    """P22."""
    from services.server import free_port

    url = wrong.format(password=PASSWORD, port=postgres.port, closed=free_port())
    with pytest.raises(WorkspaceError) as caught:
        burgee.open(settings=burgee.Settings(database=SecretStr(url)))
    error: BaseException | None = caught.value
    assert caught.value.hints
    while error is not None:
        assert PASSWORD not in f"{error!r}{error}"
        error = error.__cause__


@pytest.mark.parametrize("prefix", ["postgres", "postgresql", "postgresql+psycopg"])
def test_urls_as_people_write_them(address: str, prefix: str) -> None:
    settings = burgee.Settings(database=SecretStr(address.replace("postgresql", prefix, 1)), progress=False)
    with burgee.open("memory://", settings=settings) as ws:
        acme = ws.tenants.create("acme")
        acme.events.append("s", burgee.Event("a"))
        assert acme.events.query().count() == 1


def test_a_nul_character_in_a_question_is_a_wrong_value(database: Database) -> None:
    append(database)
    with pytest.raises(InvalidInputError, match="NUL"):
        query.count(database, "t", query.EventQuery(stream="a\0b"))
    with pytest.raises(InvalidInputError, match="NUL"), database.read("t\0"):
        pass
    assert query.count(database, "t", query.EventQuery()) == 1


def test_names_are_ordered_byte_by_byte(database: Database) -> None:
    names = ["Z", "a", "B", "ä", "-", "_", "z", "\U0001f600", "\uffee"]
    with database.write("t") as connection:
        for name in names:
            log.append(connection, system_clock, "t", name, [NewEvent("a")]).unwrap()
        rows = connection.exec_driver_sql("SELECT stream FROM events ORDER BY stream").scalars()
        assert list(rows) == sorted(names)


def test_writers_of_one_process_do_not_deadlock(database: Database) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(5):
            append(database, f"tenant-{number % 3}", 2)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sum(query.count(database, f"tenant-{n}", query.EventQuery()) for n in range(3)) == 80
