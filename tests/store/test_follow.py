"""Waiting for events, on both databases: told at the commit, here and from another process."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from burgee.core.clock import system_clock
from burgee.store import follow, log
from burgee.store.database import Database
from burgee.store.log import NewEvent
from burgee.store.query import last_position

LONG = 60

APPEND = """
    import sys
    from burgee.core.clock import system_clock
    from burgee.store import log
    from burgee.store.database import Database
    database = Database(sys.argv[1], name="test")
    for line in sys.stdin:
        with database.write(line.strip()) as connection:
            done = log.append(connection, system_clock, line.strip(), "s", [log.NewEvent("a")]).unwrap()
        print(done.version, flush=True)
"""


def append(database: Database, tenant: str = "t") -> None:
    with database.write(tenant) as connection:
        log.append(connection, system_clock, tenant, "s", [NewEvent("a")]).unwrap()


@pytest.fixture
def other(address: str, database: Database) -> Iterator["subprocess.Popen[str]"]:  # noqa: ARG001 - made before
    """Another process, which appends to the tenant whose name it is sent."""
    code = [sys.executable, "-c", textwrap.dedent(APPEND), address]
    process = subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate(timeout=LONG)


def tell(process: "subprocess.Popen[str]", tenant: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{tenant}\n")
    process.stdin.flush()
    assert process.stdout.readline()


def test_what_is_there_already_is_not_waited_for(database: Database) -> None:
    append(database)
    append(database)
    last = follow.wait(database, "t", 0, 0)
    assert last is not None
    assert follow.wait(database, "t", last - 1, None) == last


def test_no_event_in_time_is_no_answer(database: Database) -> None:
    assert follow.wait(database, "t", 0, 0) is None
    assert follow.wait(database, "t", 0, 0.05) is None


def test_an_append_in_this_process_ends_the_wait(database: Database) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(follow.wait, database, "t", 0, LONG) for _ in range(3)]
        append(database, "another")
        append(database)
        assert {future.result() for future in waiting} == {last_position(database, "t")}


def test_an_append_of_another_process_ends_the_wait(database: Database, other: "subprocess.Popen[str]") -> None:
    after = 0
    for _ in range(5):
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(follow.wait, database, "t", after, LONG)
            tell(other, "another")
            tell(other, "t")
            found = waiting.result()
        assert found is not None
        assert found > after
        after = found


def test_an_append_of_another_tenant_does_not(database: Database, other: "subprocess.Popen[str]") -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(follow.wait, database, "t", 0, 0.5)
        tell(other, "another")
        append(database, "another")
        assert waiting.result() is None


def test_a_wait_is_cancelled(database: Database) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(follow.wait, database, "t", 0, None, cancelled)
        cancelled.set()
        assert waiting.result(LONG) is None


def test_many_wait_without_a_thread_each(database: Database, other: "subprocess.Popen[str]") -> None:
    async def all_of_them() -> list[int | None]:
        threads = threading.active_count()
        waits = [asyncio.create_task(follow.wait_async(database, "t", 0, LONG)) for _ in range(100)]
        none = await follow.wait_async(database, "nobody", 0, 0.1)
        assert none is None
        assert threading.active_count() < threads + 50
        given_up = asyncio.create_task(follow.wait_async(database, "t", 0, None))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.to_thread(tell, other, "t")
        return await asyncio.gather(*waits)

    assert set(asyncio.run(all_of_them())) == {last_position(database, "t")}


def test_a_wait_ends_when_the_database_is_closed(database: Database) -> None:
    from burgee.core.errors import WorkspaceError

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(follow.wait, database, "t", 0, LONG)
        while not any(thread.name == "burgee-bell" for thread in threading.enumerate()):
            pass
        database.close()
        with pytest.raises(WorkspaceError, match="closed"):
            waiting.result()


def test_in_memory_too() -> None:
    database = Database.in_memory()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(follow.wait, database, "t", 0, LONG)
        append(database)
        assert waiting.result() == last_position(database, "t")
    assert follow.wait(database, "t", 99, 0.05) is None
    database.close()
