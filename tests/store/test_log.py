"""The event log itself, on a SQLite file and on PostgreSQL: order, versions, idempotence, two writers (P5, P6, P7)."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import burgee
from burgee.core.clock import ManualClock, system_clock
from burgee.core.errors import (
    ConcurrencyError,
    DuplicateEventError,
    InvalidInputError,
    NewerWorkspaceError,
    WorkspaceError,
)
from burgee.core.ids import new_id
from burgee.core.json import dumps
from burgee.core.result import Err, Ok
from burgee.store import log
from burgee.store.database import Database
from burgee.store.log import ANY, NO_STREAM, NewEvent
from services import children

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
new_events = st.builds(
    NewEvent,
    type=st.sampled_from(["order.placed", "order.paid", "käse"]),
    data=st.dictionaries(texts, json_values, max_size=4),
    metadata=st.dictionaries(texts, json_values, max_size=2),
)


def append(database: Database, stream: str, new: list[NewEvent], expected: int = ANY) -> log.Appended:
    with database.write("t") as connection:
        return log.append(connection, system_clock, "t", stream, new, expected).unwrap()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(new_events, max_size=4)), max_size=6))
def test_events_are_read_in_the_order_they_were_appended(
    database: Database, batches: list[tuple[str, list[NewEvent]]]
) -> None:
    """P6; versions without gaps from 1, positions rising, content equal."""
    before = {name: log_head(database, name) for name in "abc"}
    for stream, new in batches:
        append(database, stream, new)
    with database.read("t") as connection:
        for stream in "abc":
            appended = [event for name, new in batches if name == stream for event in new]
            stored = list(log.read_stream(connection, "t", stream, after=before[stream]))
            assert [event.version for event in stored] == [before[stream] + n for n in range(1, len(appended) + 1)]
            assert [event.position for event in stored] == sorted(event.position for event in stored)
            assert [(e.type, e.data, e.metadata) for e in stored] == [(e.type, e.data, e.metadata) for e in appended]


def log_head(database: Database, stream: str) -> int:
    with database.read("t") as connection:
        return log.head(connection, "t", stream)


def test_the_expected_version_is_exact_or_any_or_no_stream(database: Database) -> None:
    """R2.3."""
    event = NewEvent("order.placed")
    assert append(database, "order-1", [event], NO_STREAM).version == 1
    assert append(database, "order-1", [event, event], 1).version == 3
    assert append(database, "order-1", [event]).version == 4
    with database.write("t") as connection:
        for wrong in (NO_STREAM, 3, 5):
            refused = log.append(connection, system_clock, "t", "order-1", [event], wrong)
            assert isinstance(refused, Err)
            assert isinstance(refused.error, ConcurrencyError)
            assert (refused.error.stream, refused.error.expected, refused.error.actual) == ("order-1", wrong, 4)
    assert log_head(database, "order-1") == 4


def test_the_same_events_again_are_a_no_op_with_the_first_result(database: Database) -> None:
    """R2.3."""
    events = [NewEvent("a", {"x": 1}, id="e1"), NewEvent("b", id="e2")]
    first = append(database, "s", events, NO_STREAM)
    append(database, "s", [NewEvent("c")])
    again = append(database, "s", events, NO_STREAM)
    assert again.repeated
    assert (again.version, again.ids) == (first.version, first.ids)
    assert log_head(database, "s") == 3


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([NewEvent("a", {"x": 2}, id="e1")], "other content"),
        ([NewEvent("b", {"x": 1}, id="e1")], "other content"),
        ([NewEvent("a", {"x": 1}, id="e1"), NewEvent("new", id="e9")], "others of this batch are not"),
        ([NewEvent("new", id="e9"), NewEvent("new", id="e9")], "twice in this batch"),
    ],
)
def test_an_id_with_other_content_or_a_partial_overlap_is_refused_whole(
    database: Database, events: list[NewEvent], why: str
) -> None:
    append(database, "s", [NewEvent("a", {"x": 1}, id="e1")])
    with database.write("t") as connection:
        refused = log.append(connection, system_clock, "t", "s", events)
    assert isinstance(refused, Err)
    assert isinstance(refused.error, DuplicateEventError)
    assert why in refused.error.message
    assert log_head(database, "s") == 1


def test_a_tenant_sees_only_its_own_streams_and_ids(database: Database) -> None:
    """P10, P11."""
    append(database, "s", [NewEvent("a", id="e1")])
    with database.write("other") as connection:
        assert isinstance(log.append(connection, system_clock, "other", "s", [NewEvent("b", id="e1")], NO_STREAM), Ok)
    for tenant, type in (("t", "a"), ("other", "b")):
        with database.read(tenant) as connection:
            assert [event.type for event in log.read_stream(connection, tenant, "s")] == [type]


@pytest.mark.parametrize(
    "bad", [{"x": float("nan")}, {"x": float("inf")}, {"x": {1, "a"}}, {"x": object()}, {"x": "\ud800"}]
)
def test_what_is_no_json_is_refused_and_nothing_stored(database: Database, bad: dict[str, float]) -> None:
    with database.write("t") as connection:
        refused = log.append(connection, system_clock, "t", "s", [NewEvent("fine"), NewEvent("a", bad)])
    assert isinstance(refused, Err)
    assert log_head(database, "s") == 0


@pytest.mark.parametrize("name", ["", "x" * 513, "a\nb", "a\x00b", "\ud800", 7])
def test_names_that_cannot_be_are_refused(database: Database, name: str) -> None:
    with database.write("t") as connection:
        refused = log.append(connection, system_clock, "t", name, [NewEvent("a")])
    assert isinstance(refused, Err)
    with pytest.raises(InvalidInputError):
        NewEvent(name)


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail_after_append() -> None:
        with database.write("t") as connection:
            log.append(connection, system_clock, "t", "s", [NewEvent("a")]).unwrap()
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_append()
    assert log_head(database, "s") == 0


def test_threads_appending_to_one_stream_lose_nothing(database: Database) -> None:
    def work(number: int) -> None:
        for turn in range(25):
            append(database, "s", [NewEvent("a", {"n": number, "turn": turn})])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with database.read("t") as connection:
        stored = list(log.read_stream(connection, "t", "s"))
    assert [event.version for event in stored] == list(range(1, 101))
    for number in range(4):
        assert [event.data["turn"] for event in stored if event.data["n"] == number] == list(range(25))


RACER = """
    import sys, burgee
    ws = burgee.open()
    acme = ws.tenant("acme")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        event = burgee.Event("order.paid", {"by": sys.argv[1]})
        print(acme.events.append("order-1", event, expected_version=1).version)
    except burgee.ConcurrencyError as error:
        print("refused", error.stream, error.expected, error.actual)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_processes_at_one_version_one_succeeds_and_one_is_refused(address: str, attempt: int) -> None:
    """P7."""
    with burgee.open("memory://", settings=burgee.Settings(database=SecretStr(address))) as ws:
        ws.tenants.create("acme").events.append("order-1", burgee.Event("order.placed"))
        racers = [
            children.start(
                [sys.executable, "-c", textwrap.dedent(RACER), f"{attempt}-{name}"],
                env={**os.environ, "BURGEE_DATABASE": address},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for name in "ab"
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
        assert said == ["2", "refused order-1 1 2"]
        assert [event.version for event in ws.tenant("acme").events.read("order-1")] == [1, 2]


def test_a_workspace_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    Database.in_folder(folder).close()
    database = Database.in_folder(folder)
    with database.write("t") as connection:
        connection.exec_driver_sql("UPDATE burgee SET value = '99' WHERE name = 'layout'")
    database.close()
    with pytest.raises(NewerWorkspaceError) as caught:
        burgee.open(str(folder))
    assert (caught.value.found, caught.value.path) == (99, str(folder))
    assert "upgrade" in caught.value.hints[0]


def test_a_folder_that_is_a_file_and_a_database_that_is_none_say_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    with pytest.raises(WorkspaceError, match="file"):
        burgee.open(str(tmp_path / "file"))
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "burgee.sqlite3").write_bytes(b"this is no database, whatever its name" * 100)
    with pytest.raises(WorkspaceError, match="not a database"):
        burgee.open(str(tmp_path / "ws"))


def test_a_closed_workspace_says_so(tmp_path: Path) -> None:
    ws = burgee.open(str(tmp_path / "ws"))
    ws.close()
    with pytest.raises(WorkspaceError, match="closed"):
        ws.tenants.create("acme")


def test_in_memory_workspaces_are_separate() -> None:
    with burgee.open("memory://") as one, burgee.open("memory://") as two:
        one.tenants.create("acme")
        assert two.tenants.list().count() == 0


@pytest.mark.parametrize("make", [Database.in_memory, None], ids=["in memory", "in a folder"])
def test_an_interrupted_transaction_is_undone_and_the_workspace_goes_on(
    tmp_path: Path, make: Callable[[], Database] | None
) -> None:
    database = Database.in_folder(tmp_path) if make is None else make()
    append(database, "s", [NewEvent("kept")])

    def interrupted() -> None:
        with database.write("t") as connection:
            log.append(connection, system_clock, "t", "s", [NewEvent("undone")]).unwrap()
            raise KeyboardInterrupt

    def interrupted_in_the_middle_of_rows() -> None:
        with database.read("t") as connection:
            rows = connection.exec_driver_sql("SELECT 1 UNION SELECT 2 FROM events")
            rows.fetchone()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(KeyboardInterrupt) as held:  # as a notebook keeps the last traceback, and so the cursor
        interrupted_in_the_middle_of_rows()
    assert held.tb is not None
    assert log_head(database, "s") == 1
    append(database, "s", [NewEvent("next")], 1)
    database.close()


def test_ids_sort_by_the_time_they_were_made() -> None:
    clock = ManualClock()
    ids = [new_id(clock) for _ in range(5000)]
    assert ids == sorted(set(ids))
    assert all(id[14] == "7" and id[19] in "89ab" for id in ids)


def test_stored_json_is_one_text_per_value() -> None:
    assert dumps({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'
    assert json.loads(dumps({"x": 1e300})) == {"x": 1e300}
