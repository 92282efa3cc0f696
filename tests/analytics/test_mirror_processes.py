"""The mirror among processes: writers beside it, two that refresh at once, and one that is killed in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from burgee.analytics import mirror
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.mirror import Mirror
from burgee.analytics.mirror_files import MirrorFolder
from burgee.analytics.source import LogSource
from burgee.core.clock import system_clock
from burgee.store import log
from burgee.store.database import Database
from services import children

ENGINE = DuckDBEngine()

PREPARED = """
import sys
from pathlib import Path
from burgee.analytics import mirror
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.mirror import Mirror
from burgee.core.clock import system_clock
from burgee.store import log
from burgee.store.database import Database

mirror.WRITE_ROWS, mirror.PART_ROWS, mirror._SMALL_ROWS, mirror._SMALL_PARTS = 5, 20, 50, 3
folder = Path(sys.argv[1])
database = Database.in_folder(folder, durability="fast")
kept = Mirror(database, folder / "mirror")

def add(count, stream):
    with database.write("acme") as connection:
        new = [log.NewEvent("t", {"n": n}) for n in range(count)]
        log.append(connection, system_clock, "acme", stream, new).unwrap()
"""

WRITER = """
for turn in range(int(sys.argv[2])):
    add(3, f"w{sys.argv[3]}")
    print(3 * (turn + 1), flush=True)
"""

REFRESHER = """
print("ready", flush=True)
while True:
    add(2, "r")
    kept.source("acme")
"""

COUNTER = """
engine = DuckDBEngine()
for _ in range(int(sys.argv[2])):
    add(4, sys.argv[3])
    source = kept.source("acme")
    positions = engine.sql("select position from events", source)["position"].to_pylist()
    assert positions == sorted(set(positions)), "a position twice, or out of order"
    with database.read("acme") as connection:
        mine = log.head(connection, "acme", sys.argv[3])
    found = engine.sql(f"select count(*) as n from events where stream = '{sys.argv[3]}'", source)["n"][0].as_py()
    assert found == mine, (found, mine)
"""


@contextmanager
def running(script: str, folder: Path, *more: object) -> Iterator[children.Child]:
    command = [sys.executable, "-c", PREPARED + script, str(folder), *map(str, more)]
    process = children.start(command, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.close()


def counts(folder: Path) -> tuple[int, int]:
    """Rows in the mirror, and in the log as a new process sees it."""
    script = "print(kept.source('acme').rows)\nwith database.read('acme') as c:\n"
    script += "    print(c.exec_driver_sql(\"SELECT count(*) FROM events WHERE tenant = 'acme'\").scalar())"
    with running(script, folder) as process:
        found, _ = process.communicate(timeout=60)
    in_mirror, in_log = map(int, found.split())
    return in_mirror, in_log


def positions(source: LogSource) -> list[int]:
    found: list[int] = ENGINE.sql("select position from events order by position", source)["position"].to_pylist()
    return found


def test_rows_committed_by_another_process_are_rows_seen_and_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock hazard: a second library at the live file would drop SQLite's locks, and rows would be lost."""
    monkeypatch.setattr(mirror, "WRITE_ROWS", 10)
    database = Database.in_folder(folder)
    kept = Mirror(database, folder / "mirror")
    with running(WRITER, folder, 300, 1) as one, running(WRITER, folder, 300, 2) as two:
        refreshed, seen = 0, 0
        while one.poll() is None or two.poll() is None:
            rows = kept.source("acme").rows
            assert rows >= seen
            seen = rows
            refreshed += 1
            assert one.stdout is not None
            assert two.stdout is not None
        told = [int(process.stdout.read().split()[-1]) for process in (one, two) if process.stdout is not None]
    assert told == [900, 900]
    assert refreshed > 3
    assert kept.source("acme").rows == 1800
    database.close()
    assert counts(folder) == (1800, 1800)


def test_an_acknowledged_event_is_in_the_next_answer(folder: Path) -> None:
    database = Database.in_folder(folder)
    kept = Mirror(database, folder / "mirror")
    with running(WRITER, folder, 100, 1) as process:
        assert process.stdout is not None
        for line in process.stdout:
            assert kept.source("acme").rows >= int(line)
    database.close()


def test_two_processes_refresh_at_once_and_each_sees_what_it_wrote(folder: Path) -> None:
    Database.in_folder(folder).close()
    with running(COUNTER, folder, 60, "a") as one, running(COUNTER, folder, 60, "b") as two:
        assert (one.wait(120), two.wait(120)) == (0, 0)
    assert counts(folder) == (480, 480)


def test_killed_in_the_middle_twenty_times_the_mirror_equals_the_log_after_the_next_refresh(folder: Path) -> None:
    rolls = random.Random(7)  # noqa: S311 - when to kill is no secret
    Database.in_folder(folder).close()
    for _ in range(20):
        with running(REFRESHER, folder) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(rolls.uniform(0.02, 0.4))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        database = Database.in_folder(folder)
        source = Mirror(database, folder / "mirror").source("acme")
        with database.read("acme") as connection:
            rows = connection.exec_driver_sql("SELECT position FROM events WHERE tenant = 'acme' ORDER BY position")
            stored = [row[0] for row in rows]
        assert positions(source) == stored
        ENGINE.close()
        database.close()


def test_far_behind_a_process_waits_for_the_one_that_writes_and_takes_its_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_ALONE_ROWS", 10)
    monkeypatch.setattr(mirror, "WRITE_ROWS", 10)
    database = Database.in_folder(folder)
    with database.write("acme") as connection:
        new = [log.NewEvent("t", {"n": n}) for n in range(100)]
        log.append(connection, system_clock, "acme", "s", new).unwrap()
    busy, late = Mirror(database, folder / "mirror"), Mirror(database, folder / "mirror")
    waits: list[float] = []

    def work(seconds: float) -> None:  # the other one gets on while this one waits
        waits.append(seconds)
        if len(waits) == 3:
            lock.__exit__(None, None, None)
            busy.source("acme")

    lock = MirrorFolder(folder / "mirror" / "acme").locked()
    assert lock.__enter__()
    monkeypatch.setattr(time, "sleep", work)
    source = late.source("acme")
    assert len(waits) == 3
    assert source.files
    assert source.files == busy.source("acme").files
    assert positions(source) == list(range(1, 101))
    database.close()


def test_one_that_stands_still_is_not_waited_for_forever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_ALONE_ROWS", 10)
    monkeypatch.setattr(mirror, "_STALLED", 0.1)
    database = Database.in_folder(folder)
    with database.write("acme") as connection:
        new = [log.NewEvent("t", {"n": n}) for n in range(100)]
        log.append(connection, system_clock, "acme", "s", new).unwrap()
    with MirrorFolder(folder / "mirror" / "acme").locked() as granted:
        assert granted
        source = Mirror(database, folder / "mirror").source("acme")
    assert not source.files
    assert positions(source) == list(range(1, 101))
    database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_asks_like_its_parent(folder: Path) -> None:
    script = """
import os
add(8, "s")
assert kept.source("acme").rows == 8
child = os.fork()
if not child:
    add(8, "child")
    assert kept.source("acme").rows >= 16
    os._exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert kept.source("acme").rows == 16
"""
    with running(script, folder) as process:
        assert process.wait(60) == 0
