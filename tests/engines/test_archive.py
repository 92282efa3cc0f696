"""The archive (issue: "In and out"): incremental, whole after a kill, of one type per column, on disk and on S3."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.analytics import archive as module
from burgee.analytics.archive import Archive
from burgee.analytics.rows import source_of
from burgee.analytics.source import LogSource
from burgee.analytics.storage import Folder, storage_at
from burgee.core.errors import InvalidInputError, WorkspaceError
from effort import COSTLY
from raw import raw_events

DAY = 86_400.0


def source(payloads: Sequence[Mapping[str, object]], *, days: list[float] | None = None) -> LogSource:
    seconds = [day * DAY for day in days] if days is not None else None
    return source_of("acme", raw_events(payloads, seconds=seconds))


def rows(folder: Path, columns: str = "position, id") -> list[tuple[object, ...]]:
    """What a reader who knows nothing of burgee finds, by position."""
    place = f"{folder}/tenant=*/date=*/*.parquet"
    sql = f"SELECT {columns} FROM read_parquet('{place}', union_by_name = true) ORDER BY position"
    return duckdb.execute(sql).fetchall()


def test_files_lie_by_tenant_and_date_and_any_reader_takes_both_from_the_folders(tmp_path: Path) -> None:
    Archive(tmp_path).refresh(source([{"a": 1}, {"a": 2}, {"a": 3}], days=[0, 0.5, 1]))
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet"))
    assert names == [
        "tenant=acme/date=2026-01-01/part-000000000001-000000000002.parquet",
        "tenant=acme/date=2026-01-02/part-000000000003-000000000003.parquet",
    ]
    assert rows(tmp_path, "tenant, date::text, a") == [
        ("acme", "2026-01-01", 1),
        ("acme", "2026-01-01", 2),
        ("acme", "2026-01-02", 3),
    ]


def test_what_is_archived_stays_and_only_what_is_new_is_written(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first = archive.refresh(source([{"a": 1}, {"a": 2}]))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    second = archive.refresh(source([{"a": 1}, {"a": 2}, {"a": 3}]))
    assert second.parts[0] == first.parts[0]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [part.rows for part in second.parts] == [2, 1]
    assert archive.refresh(source([{"a": 1}, {"a": 2}, {"a": 3}])) == second


def test_a_field_that_comes_later_is_a_column_and_a_kind_that_changes_rewrites(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.refresh(source([{"a": 1}]))
    added = archive.refresh(source([{"a": 1}, {"a": 2, "b": "x"}]))
    assert len(added.parts) == 2
    assert rows(tmp_path, "a, b") == [(1, None), (2, "x")]
    widened = archive.refresh(source([{"a": 1}, {"a": 2, "b": "x"}, {"a": 0.5}]))
    assert len(widened.parts) == 1
    assert rows(tmp_path, "a, typeof(a), b") == [(1.0, "DOUBLE", None), (2.0, "DOUBLE", "x"), (0.5, "DOUBLE", None)]
    archive.refresh(source([{"a": 1}, {"a": 2, "b": "x"}, {"a": 0.5}, {"a": "text"}]))
    assert rows(tmp_path, "a") == [("1",), ("2",), ("0.5",), ("text",)]


def test_fields_named_like_the_folders_have_columns_of_their_own(tmp_path: Path) -> None:
    Archive(tmp_path).refresh(source([{"tenant": "t", "date": 5, "data_date": "d", "Date": True}]))
    schema = Archive(tmp_path).manifest("acme").schema
    assert {name.lower() for name in schema.names}.isdisjoint({"tenant", "date"})
    assert len({name.lower() for name in schema.names}) == len(schema.names)
    assert rows(tmp_path, "tenant, data_tenant") == [("acme", "t")]


def test_another_log_in_the_same_place_replaces_the_one_before(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.refresh(source([{"a": 1}, {"a": 2}]))
    other = source_of("acme", raw_events([{"a": 7}]).set_column(3, "id", pa.array(["other"])))
    archive.refresh(other)
    assert rows(tmp_path, "id, a") == [("other", 7)]


def test_when_somebody_is_forgotten_everything_is_written_anew(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.refresh(source([{"name": "Ann"}, {"name": "Bob"}]))
    archive.refresh(replace(source([{"name": None}, {"name": "Bob"}]), epoch=1))
    assert rows(tmp_path, "name") == [(None,), ("Bob",)]
    assert not any(b"Ann" in path.read_bytes() for path in tmp_path.rglob("*.parquet"))


def test_many_small_files_of_a_date_become_one(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for n in range(1, 20):
        made = archive.refresh(source([{"a": place} for place in range(n)]))
        assert rows(tmp_path, "a") == [(place,) for place in range(n)]
        assert len(made.parts) < module.MANY
    assert len(list(tmp_path.rglob("*.parquet"))) == len(made.parts)


@COSTLY
@given(st.data())
def test_however_it_grew_it_holds_the_log(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Refreshed at random moments, with fields that come and kinds that change."""
    values = st.one_of(st.none(), st.integers(-5, 5), st.floats(-1, 1), st.booleans(), st.text("aé", max_size=2))
    payloads = data.draw(st.lists(st.dictionaries(st.sampled_from(["a", "A", "date", "é x"]), values), max_size=12))
    days = data.draw(st.lists(st.integers(-3, 3), min_size=len(payloads), max_size=len(payloads)))
    moments = sorted(data.draw(st.lists(st.integers(0, len(payloads)), max_size=4)))
    archive = Archive(tmp_path_factory.mktemp("archive"))
    for n in [*moments, len(payloads)]:
        wanted = source(payloads[:n], days=[float(day) for day in days[:n]])
        made = archive.refresh(wanted)
        assert made.rows == n
        tables = [pa.parquet.read_table(path, partitioning=None) for path in archive.paths(made)]
        whole = pa.concat_tables([made.schema.empty_table(), *tables], promote_options="default").sort_by("position")
        named = {each.column.name: each.name for each in made.columns}
        for name in wanted.tail.column_names:
            assert whole[named.get(name, name)].to_pylist() == wanted.tail[name].to_pylist()


def _refresh_and_die(folder: str, n: int, writes: int) -> None:
    """Refresh, and be killed at the given write."""
    left = [writes]
    write = Folder.write

    def dying(self: Folder, name: str, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, name, data)

    Folder.write = dying  # type: ignore[method-assign] # in a process of its own
    Archive(folder).refresh(source([{"a": place} for place in range(n)], days=[place / 2 for place in range(n)]))


@pytest.mark.parametrize("writes", range(6))
def test_killed_in_the_middle_and_run_again_nothing_is_there_twice_or_missing(tmp_path: Path, writes: int) -> None:
    archive = Archive(tmp_path)
    archive.refresh(source([{"a": place} for place in range(4)], days=[place / 2 for place in range(4)]))
    process = multiprocessing.get_context("spawn").Process(target=_refresh_and_die, args=(str(tmp_path), 14, writes))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    made = archive.manifest("acme")
    assert made.rows == 4  # what the manifest says is whole all the time
    archive.refresh(source([{"a": place} for place in range(15)], days=[place / 2 for place in range(15)]))
    assert rows(tmp_path, "a") == [(place,) for place in range(15)]
    assert not list(tmp_path.rglob("_new*"))


def test_several_threads_refresh_at_once_and_nothing_is_there_twice(tmp_path: Path) -> None:
    sources = [source([{"a": place} for place in range(n)]) for n in (5, 9, 9, 12)]
    threads = [threading.Thread(target=Archive(tmp_path).refresh, args=(each,)) for each in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Archive(tmp_path).refresh(sources[-1])
    assert rows(tmp_path, "a") == [(place,) for place in range(12)]


@pytest.mark.parametrize("place", ["", "ftp://x/y", "s3://", "s3:///prefix"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidInputError, match="place"):
        storage_at(place)


def test_a_manifest_of_another_burgee_is_refused_and_not_guessed_at(tmp_path: Path) -> None:
    Archive(tmp_path).refresh(source([{"a": 1}]))
    (tmp_path / "tenant=acme" / module.MANIFEST).write_text('{"format": 99}')
    with pytest.raises(WorkspaceError, match="manifest"):
        Archive(tmp_path).refresh(source([{"a": 1}]))


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match="can't be used"):
        Archive(tmp_path / "file").refresh(source([{"a": 1}]))
