"""Exposures: recorded in the background, once each, and never at the expense of who evaluates."""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import override

import pyarrow as pa
import pytest

import burgee
from burgee.core.clock import ManualClock
from burgee.core.errors import BurgeeError, ServerUnavailableError
from burgee.core.link import Link
from burgee.core.result import Err, Ok, Result
from burgee.flags.applications.exposures import Exposure, ExposureCounts, ExposureRecorder
from burgee.workspace import Tenant

COLUMNS = ["flag", "variant", "data_id", "reason", "rule", "data_version"]


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


class Log:
    """A log that can be away, and refuse."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.away = False
        self.refused = ""
        self.asked = 0

    async def ingest(self, events: pa.RecordBatchReader, keep_first: bool = False) -> Result[object, BurgeeError]:
        assert keep_first
        self.asked += 1
        rows = events.read_all().to_pylist()
        if self.away:
            raise ServerUnavailableError("http://flags.test", "it is away", 1)
        if self.refused and any(self.refused in row["data"] for row in rows):
            return Err(burgee.InvalidInputError("no"))
        self.rows += rows
        return Ok(len(rows))


@pytest.fixture
def log() -> Log:
    return Log()


def recorder(log: Log, **settings: object) -> ExposureRecorder:
    """One that stores nothing by itself within the test."""
    chosen = burgee.Exposures(**{"seconds": 3600.0, **settings})  # type: ignore[arg-type] # whatever the test is about
    return ExposureRecorder(Link(inline=True), log.ingest, chosen, ManualClock())


def test_who_was_served_what_is_in_the_log(acme: Tenant) -> None:
    made = acme.flags.create("checkout", variants={"control": 50, "treatment": 50})
    made = made.target("country", "eq", "DE", serve="treatment", name="germans").enable()
    with acme.flags.evaluator(exposures=True) as evaluator:
        for _ in range(3):
            evaluator.evaluate("checkout", {"id": "u1", "country": "DE"})
            evaluator.evaluate("checkout", {"id": 7})
        evaluator.evaluate("checkout", {"country": "DE"})  # nobody
        evaluator.evaluate("checkout", {})
        evaluator.evaluate("nothing", {"id": "u1"})
        assert evaluator.exposures is not None
        evaluator.exposures.flush()
    frame = acme.events.query("flag.exposure").frame()
    assert set(frame["stream"]) == {"exposures-checkout"}
    variant = made.evaluate({"id": 7}).variant
    assert frame[COLUMNS].astype(object).where(frame[COLUMNS].notna(), None).to_numpy().tolist() == [
        ["checkout", "treatment", "u1", "TARGETING_MATCH", "germans", made.version],
        ["checkout", variant, "7", "SPLIT", None, made.version],
    ]


def test_two_who_record_the_same_give_one_event_and_the_first_counts(acme: Tenant) -> None:
    one, other = acme.flags.recorder(), acme.flags.recorder()
    one.record("checkout", "u1", "on", "SPLIT", version=3)
    other.record("checkout", "u1", "on", "TARGETING_MATCH", rule="later", version=3)
    other.record("checkout", "u2", "on", "SPLIT", version=3)
    for made in (one, other):
        made.flush()
        assert made.counts.waiting == made.counts.refused == 0
    frame = acme.events.query("flag.exposure").frame()
    assert frame[["data_id", "reason"]].to_numpy().tolist() == [["u1", "SPLIT"], ["u2", "SPLIT"]]


def test_another_version_or_variant_is_another_exposure(log: Log) -> None:
    made = recorder(log)
    for variant, version in (("on", 1), ("on", 1), ("off", 1), ("on", 2), ("on", None)):
        made.record("checkout", "u1", variant, "SPLIT", version=version)
    assert made.flush().stored == 4
    assert len({row["id"] for row in log.rows}) == 4


def test_an_event_id_is_a_uuid_made_of_flag_id_variant_and_version() -> None:
    first = Exposure("checkout", "on", "ü1", "SPLIT", None, 3, 0)
    again = Exposure("checkout", "on", "ü1", "DEFAULT", "other", 3, 99)
    assert first.event_id == again.event_id == "df299b5f-e1bb-84d9-b82a-b873d09c9810"


def test_a_sample_is_the_same_users_for_all_flags_and_processes(log: Log) -> None:
    made = recorder(log, sample=0.1, batch=10_000)
    ids = [f"u{number}" for number in range(5_000)]
    for id in ids:
        made.record("one", id, "on", "SPLIT")
        made.record("other", id, "on", "SPLIT")
    made.flush()
    found = [{id for id in ids if f'"id":"{id}"' in select(log, flag)} for flag in ("one", "other")]
    assert found[0] == found[1]
    assert 400 < len(found[0]) < 600
    wider = recorder(Log(), sample=0.5, batch=10_000)
    for id in found[0]:
        wider.record("one", id, "on", "SPLIT")
    assert wider.counts.waiting == len(found[0])


def select(log: Log, flag: str) -> str:
    return "".join(str(row["data"]) for row in log.rows if row["stream"] == f"exposures-{flag}")


@pytest.mark.parametrize(("sample", "stored"), [(0, 0), (1, 100)])
def test_a_sample_of_nobody_and_of_everybody(log: Log, sample: float, stored: int) -> None:
    made = recorder(log, sample=sample)
    for number in range(100):
        made.record("one", f"u{number}", "on", "SPLIT")
    assert made.flush().stored == stored


def test_a_log_that_is_away_loses_nothing_and_holds_nobody_up(log: Log) -> None:
    log.away = True
    made = recorder(log, batch=10)
    for number in range(25):
        made.record("one", f"u{number}", "on", "SPLIT")
    with pytest.raises(ServerUnavailableError):
        made.flush()
    assert made.counts.waiting == 25
    assert "it is away" in str(made.trouble)
    log.away = False
    assert (made.flush().stored, made.counts.waiting) == (25, 0)
    assert "trouble" not in str(made._sheet().rows)
    assert len(log.rows) == 25


def test_it_tries_again_by_itself_when_the_log_is_back(log: Log) -> None:
    log.away = True
    made = recorder(log, batch=1, seconds=0.01)
    made.record("one", "u1", "on", "SPLIT")
    end = time.monotonic() + 20
    while log.asked < 2 and time.monotonic() < end:
        time.sleep(0.01)
    log.away = False
    while not log.rows and time.monotonic() < end:
        time.sleep(0.01)
    assert len(log.rows) == 1
    made.close()


def test_what_finds_no_room_is_counted_and_may_come_again(log: Log) -> None:
    log.away = True
    made = recorder(log, queue=3, batch=100)
    for number in range(5):
        made.record("one", f"u{number}", "on", "SPLIT")
    assert (made.counts.waiting, made.counts.dropped) == (3, 2)
    log.away = False
    made.flush()
    made.record("one", "u4", "on", "SPLIT")
    assert made.flush().stored == 4


def test_what_the_log_refuses_does_not_hold_up_the_others(log: Log) -> None:
    log.refused = "u2"
    made = recorder(log)
    for number in range(5):
        made.record("one", f"u{number}", "on", "SPLIT")
    assert made.flush() == ExposureCounts(4, 0, 0, 1)


@pytest.mark.parametrize("id", ["\ud800", "a\x00b", "x" * 100_000, "ключ", "🏴"])
def test_strange_ids_stop_nothing(local: Tenant, id: str) -> None:
    made = local.flags.recorder()
    made.record("one", id, "on", "SPLIT")
    made.record("one", "u1", "on", "SPLIT")
    counts = made.flush()
    assert counts.waiting == counts.dropped == 0
    assert counts.stored + counts.refused == 2
    assert "u1" in set(local.events.query("flag.exposure").frame()["data_id"])


def test_memory_is_bounded_and_the_log_knows_what_was_forgotten(local: Tenant) -> None:
    made = local.flags.recorder(burgee.Exposures(memory=10, seconds=3600))
    for _ in range(2):
        for number in range(50):
            made.record("one", f"u{number}", "on", "SPLIT")
    made.flush()
    assert len(made._seen) == 10
    assert local.events.query("flag.exposure").count() == 50


def test_it_can_be_switched_and_confined_to_flags(log: Log) -> None:
    made = recorder(log, flags=["one"])
    made.record("other", "u1", "on", "SPLIT")
    made.enabled = False
    made.record("one", "u1", "on", "SPLIT")
    made.enabled = True
    made.record("one", "u2", "on", "SPLIT")
    assert made.flush().stored == 1
    assert "on" in repr(made)


def test_closing_stores_what_waits_and_records_no_more(log: Log) -> None:
    with recorder(log) as made:
        made.record("one", "u1", "on", "SPLIT")
    made.record("one", "u2", "on", "SPLIT")
    made.close()
    assert (made.counts.stored, made.counts.waiting) == (1, 0)
    assert made._thread is None


def test_its_thread_ends_when_there_is_nothing_to_do_and_begins_again(log: Log) -> None:
    made = recorder(log)
    for id in ("u1", "u2"):
        made.record("one", id, "on", "SPLIT")
        thread = made._thread
        assert thread is not None
        made.flush()
        thread.join(20)
        assert made._thread is None
    assert made.counts.stored == 2


def test_what_waits_when_the_process_ends_is_stored(tmp_path: Path) -> None:
    code = f"""
import burgee
acme = burgee.open({str(tmp_path / "ws")!r}).tenants.create("acme")
acme.flags.create("checkout").enable()
evaluator = acme.flags.evaluator(exposures=burgee.Exposures(seconds=3600))
recorder = acme.flags.recorder(burgee.Exposures(seconds=3600))
evaluator.evaluate("checkout", {{"id": "u1"}})
recorder.record("checkout", "u2", "on", "SPLIT")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with burgee.open(str(tmp_path / "ws")) as ws:
        assert set(ws.tenant("acme").events.query("flag.exposure").frame()["data_id"]) == {"u1", "u2"}


def test_threads_record_each_exposure_once(log: Log) -> None:
    made = recorder(log, batch=7, seconds=0.01, queue=100_000)

    def work(_: int) -> None:
        for number in range(500):
            made.record("one", f"u{number}", "on", "SPLIT")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    made.flush()
    made.close()
    assert len({row["id"] for row in log.rows}) == len(log.rows)
    assert len(log.rows) == made.counts.stored == 500


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_waits_at_a_fork_is_the_parents_to_store(log: Log) -> None:
    made = recorder(log)
    made.record("one", "u1", "on", "SPLIT")
    child = os.fork()
    if child == 0:
        made.record("one", "u2", "on", "SPLIT")
        os._exit(0 if made.counts.waiting == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert made.flush().stored == 1


@pytest.mark.parametrize(
    "settings",
    [
        *({"sample": sample} for sample in (1.5, -0.1, math.nan, "half", None)),
        *({"batch": 0}, {"queue": 1.5}, {"memory": -1}, {"seconds": 0}, {"seconds": math.inf}, {"flags": "one"}),
    ],
)
def test_settings_that_can_not_be_are_named(settings: dict[str, object]) -> None:
    with pytest.raises(burgee.InvalidInputError, match=next(iter(settings))):
        burgee.Exposures(**settings)  # type: ignore[arg-type] # it is the point


def test_what_comes_while_others_are_stored_is_stored_at_the_end_too() -> None:
    sending, go = threading.Event(), threading.Event()

    class Slow(Log):
        @override
        async def ingest(self, events: pa.RecordBatchReader, keep_first: bool = False) -> Result[object, BurgeeError]:
            sending.set()
            go.wait(10)
            return await super().ingest(events, keep_first)

    log = Slow()
    made = recorder(log, batch=10)
    for number in range(10):
        made.record("f", f"u{number}", "on", "SPLIT")
    assert sending.wait(10)
    for number in range(10, 25):
        made.record("f", f"u{number}", "on", "SPLIT")
    threading.Timer(0.2, go.set).start()
    made.close()
    assert len(log.rows) == 25
    assert made.counts.waiting == 0
