"""Whatever happens to the mirror's files, it costs a rebuild and nothing else; what is forgotten is gone from them."""

import errno
import logging
import shutil
from pathlib import Path

import pytest

from burgee.analytics import mirror
from burgee.analytics.mirror import Mirror
from burgee.analytics.mirror_files import MirrorFolder
from burgee.analytics.source import LogSource, PartGoneError, answered
from burgee.store.database import Database
from mirrored import ENGINE, add, assert_equal


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
