"""Many who write and some who follow, in threads and processes; and processes that are killed while they append."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from burgee.core.clock import system_clock
from burgee.store import follow, log, query
from burgee.store.database import Database
from burgee.store.log import NewEvent, StoredEvent
from services.postgres import running_postgres

THREADS, PROCESSES, TURNS, BATCH = 10, 4, 20, 3
ALL = (THREADS + PROCESSES) * TURNS * BATCH
LONG = 120

WRITER = """
    import sys
    from burgee.store.database import Database
    from store.test_concurrent import write
    database = Database(sys.argv[1], name="test")
    print("ready", flush=True)
    sys.stdin.readline()
    write(database, sys.argv[2])
"""

FOLLOWER = """
    import json, sys
    from burgee.store.database import Database
    from store.test_concurrent import followed
    database = Database(sys.argv[1], name="test")
    print("ready", flush=True)
    print(json.dumps([event.position for event in followed(database)]))
"""

APPENDER = """
    import os, sys
    from burgee.core.clock import system_clock
    from burgee.store import log
    from burgee.store.database import Database
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            database = Database(sys.argv[1], name="test")
            print("child", os.getpid(), flush=True)
            while True:
                with database.write("t") as connection:
                    new = [log.NewEvent("a", {"n": n}) for n in range(3)]
                    done = log.append(connection, system_clock, "t", "s", new).unwrap()
                print(" ".join(done.ids), flush=True)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def write(database: Database, author: str) -> None:
    """Append in turns to streams that others append to as well, now and then to another tenant."""
    for turn in range(TURNS):
        new = [NewEvent("a", {"author": author, "n": turn * BATCH + n}) for n in range(BATCH)]
        with database.write("t") as connection:
            log.append(connection, system_clock, "t", f"s-{turn % 3}", new).unwrap()
        with database.write("another") as connection:
            log.append(connection, system_clock, "another", "s", [NewEvent("b")]).unwrap()


def followed(database: Database) -> Iterator[StoredEvent]:
    """The tenant's events as they come, until all are there."""
    after = seen = 0
    while seen < ALL:
        if follow.wait(database, "t", after, LONG) is None:
            raise RuntimeError(f"nothing came after position {after}; {seen} of {ALL} were seen")
        for event in query.read(database, "t", query.EventQuery(after=after), limit=100):
            yield event
            after = event.position
            seen += 1


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_threads_and_processes_append_while_readers_follow(address: str, database: Database) -> None:
    """Nothing is lost, every author's order is kept, and no position is seen twice, skipped or out of order."""
    writers = [start(WRITER, address, f"process-{n}") for n in range(PROCESSES)]
    follower = start(FOLLOWER, address)
    assert [line_of(process) for process in (*writers, follower)] == ["ready"] * (PROCESSES + 1)
    with ThreadPoolExecutor(THREADS + 1) as pool:
        here = pool.submit(lambda: list(followed(database)))
        for process in writers:
            tell(process)
        for done in [pool.submit(write, database, f"thread-{n}") for n in range(THREADS)]:
            done.result()
        assert [process.wait(LONG) for process in writers] == [0] * PROCESSES
        seen = here.result()
    there = json.loads(follower.communicate(timeout=LONG)[0])
    for process in writers:
        process.communicate()
    with database.read("t") as connection:
        rows = connection.exec_driver_sql("SELECT position FROM events WHERE tenant = 't' ORDER BY position").scalars()
        stored = list(rows)
    assert len(stored) == ALL
    assert [event.position for event in seen] == stored
    assert there == stored
    orders: dict[object, list[object]] = {}
    versions: dict[str, list[int]] = {}
    for event in seen:
        orders.setdefault(event.data["author"], []).append(event.data["n"])
        versions.setdefault(event.stream, []).append(event.version)
    assert len(orders) == THREADS + PROCESSES
    assert all(order == list(range(TURNS * BATCH)) for order in orders.values())
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # to fork beside threads is what is tested
def test_a_forked_process_has_connections_of_its_own(database: Database) -> None:
    append_one(database)
    child = os.fork()
    if child == 0:
        try:
            os._exit(append_one(database) if follow.wait(database, "t", 0, LONG) else 9)
        finally:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert append_one(database) == 3


def append_one(database: Database) -> int:
    with database.write("t") as connection:
        return log.append(connection, system_clock, "t", "s", [NewEvent("a")]).unwrap().version


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_a_process_killed_while_it_appends_every_acknowledged_event_is_there(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """20 times, after another number of appends each."""
    if kind == "postgres":
        with running_postgres(fsync=True) as server:
            address = server.schema()
            acknowledged = killed_while_appending(address)
            server.control("restart", "-m", "immediate")  # a crash, as if the machine's: all that counts is on disk
            all_are_there(address, acknowledged)
    else:
        address = f"sqlite:///{tmp_path_factory.mktemp('killed') / 'burgee.sqlite3'}"
        all_are_there(address, killed_while_appending(address))


def killed_while_appending(address: str) -> list[str]:
    """The ids of the events whose append was answered."""
    appender = start(APPENDER, address)
    acknowledged: list[str] = []
    for attempt in range(20):
        tell(appender)
        child = int(line_of(appender).removeprefix("child "))
        for _ in range(attempt % 7):
            acknowledged += line_of(appender).split()
        if attempt % 2:
            threading.Event().wait(0.001 * attempt)
        os.kill(child, signal.SIGKILL)
        while not (line := line_of(appender)).startswith("ended"):
            acknowledged += line.split()
        assert line == f"ended {-signal.SIGKILL}"
    appender.communicate(timeout=LONG)
    return acknowledged


def all_are_there(address: str, acknowledged: list[str]) -> None:
    database = Database(address, name="test")
    with database.write("t") as connection:
        events = list(log.read_stream(connection, "t", "s"))
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        assert len(events) % 3 == 0  # every append is there whole, or not at all
        assert set(acknowledged) <= {event.id for event in events}
        assert len(acknowledged) > 60
        log.append(connection, system_clock, "t", "s", [NewEvent("a")], len(events)).unwrap()
    database.close()
