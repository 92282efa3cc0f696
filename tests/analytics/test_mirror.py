"""The mirror equals the log: whatever the payloads, however it was cut into parts, whatever happened to its files."""

import errno
import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.analytics import mirror
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.mirror import Mirror
from burgee.analytics.mirror_files import MirrorFolder
from burgee.analytics.mirror_frame import frame
from burgee.analytics.payload import expand
from burgee.analytics.source import STANDARD, LogSource, PartGoneError, answered
from burgee.core.clock import system_clock
from burgee.core.json import dumps
from burgee.store import log
from burgee.store.database import Database
from burgee.store.query import EventQuery, read_batches

ENGINE = DuckDBEngine()
NAMES = [
    "a",
    "A",
    "",
    "a.b",
    'we"ird',
    "it's",
    "select",
    "type",
    "Data",
    "data_type",
    "*",
    "/",
    "é",
    "a\x00b",
    "f 1",
    "f_1",
]

numbers = st.integers(-5, 5) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text('ab"\\\n1é', max_size=3)
nested = st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(NAMES), scalars, max_size=2)
values = st.sampled_from([1, 2, 2.5, "x", True]) | scalars | nested  # mostly what a log usually holds
payloads = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
appends = st.lists(st.tuples(st.sampled_from(["t", "u.v"]), payloads), min_size=1, max_size=4)
steps = st.lists(appends | st.sampled_from(["ask", "ask", "reopen", "other"]), max_size=12)

INT64 = range(-(2**63), 2**63)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    database = Database.in_folder(folder)
    yield database
    database.close()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, so that a small log has many."""
    cut_small(monkeypatch)


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"WRITE_ROWS": 3, "PART_ROWS": 5, "_SMALL_ROWS": 6, "_SMALL_PARTS": 3}.items():
        monkeypatch.setattr(mirror, name, size)


def add(database: Database, events: Sequence[tuple[str, Mapping[str, object]]], tenant: str = "acme") -> None:
    new = [log.NewEvent(type, data) for type, data in events]  # type: ignore[arg-type] # the payloads are JSON
    with database.write(tenant) as connection:
        log.append(connection, system_clock, tenant, "s", new).unwrap()


def raw(database: Database, query: EventQuery | None = None) -> pa.Table:
    return read_batches(database, "acme", query or EventQuery()).read_all()


def whole(source: LogSource) -> pa.Table:
    """What SQL sees of the source, by position."""
    return ENGINE.sql("select * from events order by position", source)


def assert_equal(source: LogSource, database: Database) -> None:
    """The table is the log: its rows, and each field's values in the kind that holds them all."""
    stored = raw(database)
    found = ENGINE._query(
        "select * from events order by position", source, {"events": 'select * from "burgee whole log"'}
    )
    for name in stored.column_names:
        assert found[name].to_pylist() == stored[name].to_pylist(), name
    documents = [json.loads(text) for text in stored["data"].to_pylist()]
    assert set(source.columns.fields) == {name for document in documents for name in document}
    for name, column in source.columns.fields.items():
        wanted = [document.get(name) for document in documents]
        kind = kind_of(wanted)
        assert column.kind == kind, name
        values = found[column.name].to_pylist()
        if kind in {"text", "json"}:
            assert all(map(is_said_by, values, wanted)), (name, values, wanted)
        else:
            assert values == wanted, name
            assert {type(one) for one in values if one is not None} <= {
                {"int": int, "float": float, "bool": bool}[kind]
            }
    assert source.rows == len(stored)


def kind_of(column: Sequence[object]) -> str:
    """What holds these values, said plainly."""
    there = [one for one in column if one is not None]
    if all(isinstance(one, str) for one in there):
        return "text"
    if all(isinstance(one, bool) for one in there):
        return "bool"
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in there):
        if any(isinstance(one, int) and one not in INT64 for one in there):
            return "json"
        return "float" if any(isinstance(one, float) for one in there) else "int"
    return "json"


def is_said_by(text: object, value: object) -> bool:
    if value is None or text is None:
        return value is text
    return text == value if isinstance(value, str) else json.loads(str(text)) == value


@given(steps)
def test_the_mirror_equals_the_log_whatever_happens_in_between(history: list[object]) -> None:
    """P: hostile payloads, schema changes, refreshes, restarts, and a second one at the same folder."""
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        database = Database.in_folder(Path(place))
        mine, other = (Mirror(database, Path(place) / "mirror") for _ in range(2))
        for step in history:
            if step == "ask":
                assert mine.source("acme").rows == len(raw(database))
            elif step == "other":
                assert_equal(other.source("acme"), database)
            elif step == "reopen":
                mine = Mirror(database, Path(place) / "mirror")
            elif isinstance(step, list):
                add(database, step)
        source = mine.source("acme")
        assert_equal(source, database)
        assert frame(EventQuery(), source, ENGINE).equals(expand(raw(database)))
        for type in source.types:
            chosen = EventQuery((type,))
            assert_same(frame(chosen, source, ENGINE), expand(raw(database, chosen)))
        ENGINE.close()
        database.close()


def assert_same(one: pa.Table, other: pa.Table) -> None:
    assert one.schema == other.schema
    assert one.to_pylist() == other.to_pylist()


def test_in_memory_the_mirror_is_the_same_without_a_file() -> None:
    database = Database.in_memory()
    kept = Mirror(database, None)
    for n in range(20):
        add(database, [("t", {"n": n, "text": str(n), "x": n if n < 10 else n / 4})])
        assert_equal(kept.source("acme"), database)
    add(database, [("t", {"n": "seven"})])
    assert_equal(kept.source("acme"), database)
    database.close()


@pytest.mark.usefixtures("tiny")
def test_small_parts_are_joined_and_what_they_held_is_kept(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    for n in range(60):
        add(database, [("t", {"n": n})])
        kept.source("acme")
    source = kept.source("acme")
    assert_equal(source, database)
    assert 1 < len(source.files) < 10
    assert [part.first for part in source.files] == sorted(part.first for part in source.files)


@pytest.mark.usefixtures("tiny")
def test_a_column_is_added_widened_or_kept_as_text_and_that_is_told(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Mirror(database, folder / "mirror")

    def after(*documents: Mapping[str, object]) -> dict[str, str]:
        add(database, [("t", document) for document in documents])
        source = kept.source("acme")
        assert_equal(source, database)
        return {name: column.kind for name, column in source.columns.fields.items()}

    assert after({"n": 1}, {"n": 2}, {"n": 3}) == {"n": "int"}
    assert after({"n": 1, "new": True}, {"n": 2.5}, {"n": 1e300}) == {"n": "float", "new": "bool"}
    assert not caplog.records
    assert after({"n": "three"}) == {"n": "json", "new": "bool"}
    (told,) = caplog.messages
    assert "'n' of 'acme' is float or int or text" in told
    assert after({"n": 4}, {"n": 4}, {"n": 4}) == {"n": "json", "new": "bool"}
    assert len(caplog.records) == 1
    texts = whole(kept.source("acme"))["n"].to_pylist()
    assert texts[:7] == ["1", "2", "3", "1", "2.5", texts[5], "three"]


def test_names_that_sql_takes_for_one_have_a_column_each(database: Database, folder: Path) -> None:
    add(database, [("t", {name: place for place, name in enumerate(NAMES)})])
    source = Mirror(database, folder / "mirror").source("acme")
    assert_equal(source, database)
    columns = [column.name.casefold() for column in source.columns.fields.values()]
    assert len(set(columns)) == len(NAMES)
    assert not set(columns) & set(STANDARD.names)
    assert all(re.fullmatch(r"\w+", name) for name in columns)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("harm", ["delete", "truncate", "empty"])
@pytest.mark.parametrize("which", ["manifest.json", "part-*", "lock", "*"])
@pytest.mark.parametrize("again", ["the same", "a new one"])
def test_harm_to_any_file_costs_a_rebuild_and_nothing_else(
    database: Database, folder: Path, harm: str, which: str, again: str
) -> None:
    kept = Mirror(database, folder / "mirror")
    for n in range(12):
        add(database, [("t", {"n": n})])
        kept.source("acme")
    for file in (folder / "mirror" / "acme").glob(which):
        if harm == "delete":
            file.unlink()
        else:
            file.write_bytes(b"" if harm == "empty" else file.read_bytes()[:-5])
    kept = kept if again == "the same" else Mirror(database, folder / "mirror")
    assert_equal(kept.source("acme"), database)
    add(database, [("t", {"n": 99})])
    assert_equal(kept.source("acme"), database)


@pytest.mark.usefixtures("tiny")
def test_a_mirror_deleted_under_a_query_is_made_anew(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    add(database, [("t", {"n": n}) for n in range(4)])
    tries: list[LogSource] = []

    def work(source: LogSource) -> list[object]:
        if not tries:
            shutil.rmtree(folder / "mirror")
        tries.append(source)
        found: list[object] = ENGINE.sql("select n from events", source)["n"].to_pylist()
        return found

    assert answered(kept, "acme", work) == [0, 1, 2, 3]
    assert len(tries) == 2
    assert tries[0].files
    with pytest.raises(PartGoneError):
        ENGINE.sql("select n from events", tries[0])


@pytest.mark.usefixtures("tiny")
def test_files_nobody_names_are_removed(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    add(database, [("t", {"n": n}) for n in range(4)])
    (folder / "mirror" / "acme").mkdir(parents=True)
    for name in ("part-1-9-abc.parquet", "part-1-9-abc.tmp", "manifest-abc.tmp"):
        (folder / "mirror" / "acme" / name).write_text("half")
    source = kept.source("acme")
    names = {path.name for path in (folder / "mirror" / "acme").iterdir()}
    assert names == {"lock", "manifest.json", *(part.path.name for part in source.files)}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("more", [0, 1, 9])
def test_another_database_behind_the_folder_is_noticed(tmp_path: Path, folder: Path, more: int) -> None:
    for place, count in (("one", 6), ("two", 6 + more)):
        database = Database.in_folder(tmp_path / place)
        add(database, [("t", {place: n}) for n in range(count)])
        kept = Mirror(database, folder / "mirror")
        assert_equal(kept.source("acme"), database)
        assert set(kept.source("acme").columns.fields) == {place}
        database.close()


@pytest.mark.usefixtures("tiny")
def test_a_restored_backup_is_noticed_also_while_running(tmp_path: Path, folder: Path) -> None:
    def backup(source: Path, target: Path) -> None:
        target.mkdir()
        for file in source.glob("burgee.sqlite3*"):
            shutil.copy(file, target)

    database = Database.in_folder(tmp_path / "one")
    add(database, [("t", {"n": n}) for n in range(5)])
    database.close()
    backup(tmp_path / "one", tmp_path / "two")
    first, second = Database.in_folder(tmp_path / "one"), Database.in_folder(tmp_path / "two")
    add(first, [("t", {"lost": n}) for n in range(5)])
    add(second, [("t", {"new": n}) for n in range(5)])
    assert_equal(Mirror(first, folder / "mirror").source("acme"), first)
    assert_equal(Mirror(second, folder / "mirror").source("acme"), second)
    first.close()
    second.close()


@pytest.mark.usefixtures("tiny")
def test_where_nothing_can_be_written_answers_come_from_the_log_and_that_is_told_once(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "mirror").write_text("no folder")
    kept = Mirror(database, folder / "mirror")
    for n in range(10):
        add(database, [("t", {"n": n})])
        assert_equal(kept.source("acme"), database)
    (told,) = caplog.messages
    assert "can't be written" in told


@pytest.mark.usefixtures("tiny")
def test_a_full_disk_is_no_end_and_room_later_is_used(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = Mirror(database, folder / "mirror")
    with monkeypatch.context() as patch:
        patch.setattr(MirrorFolder, "publish", full)
        patch.setattr(mirror, "_RETRY", 0.0)
        for n in range(10):
            add(database, [("t", {"n": n})])
            assert_equal(kept.source("acme"), database)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left" in caplog.text
    add(database, [("t", {"n": 10})])
    source = kept.source("acme")
    assert_equal(source, database)
    assert source.files
    assert {path.name for path in (folder / "mirror" / "acme").glob("part-*")} == {
        part.path.name for part in source.files
    }


def test_own_events_are_in_the_source_only_where_asked_for(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    add(database, [("t", {"n": 1})])
    with database.write("acme") as connection:
        log.append(connection, system_clock, "acme", "$flags-x", [log.NewEvent("flag.made", {"on": True})]).unwrap()
    add(database, [("t", {"n": 2})])
    assert_equal(kept.source("acme"), database)
    source = kept.source("acme", own=True)
    own = EventQuery(own=True)
    assert frame(own, source, ENGINE).equals(expand(raw(database, own)))
    assert frame(own, source, ENGINE)["position"].to_pylist() == [1, 2, 3]
    assert kept.source("acme").types == {"t"}
    assert dumps(whole(kept.source("acme"))["n"].to_pylist()) == "[1,2]"


def test_an_empty_log_is_a_table_without_rows(database: Database, folder: Path) -> None:
    source = Mirror(database, folder / "mirror").source("acme")
    assert_equal(source, database)
    assert frame(EventQuery(), source, ENGINE).equals(expand(raw(database)))
