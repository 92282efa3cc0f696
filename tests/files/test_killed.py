"""Killed in the middle of an upload or a deletion, 20 times each: nothing half is seen, and the quota is right."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import burgee
from burgee.core.settings import Settings
from services import children

KILLS = 20
QUIET = Settings(progress=False)
type Died = Callable[[str, int], int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a workspace is."""
    return tmp_path / "workspace"


def objects(folder: Path) -> list[str]:
    """The names in the storage of a workspace."""
    return sorted(path.name for path in (folder / "files").rglob("*") if path.is_file())


@pytest.fixture
def died(folder: Path) -> Iterator[Callable[[str, int], int]]:
    """Has a process do something and die: how many calls there were; 0 if it died of the one it was to die of."""
    pipe = subprocess.PIPE
    command = [sys.executable, str(Path(__file__).with_name("dying.py")), str(folder)]
    with children.start(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def order(id: str, call: int) -> int:
            print(id, call, file=orders, flush=True)
            return int(answers.readline())

        yield order
        orders.close()


def test_an_uploader_that_is_killed_leaves_a_whole_file_or_none(folder: Path, died: Died) -> None:
    with burgee.open(str(folder), settings=QUIET) as ws:
        acme = ws.tenants.create("acme")
        _, calls = died("-", 0), died("-", 0)  # the first one makes folders, too
        for file in acme.files.list():
            file.delete()
        seen, orphans = set(), 0
        for kill in range(KILLS):
            assert died("-", 1 + kill * (calls - 1) // KILLS) == 0
            found = list(acme.files.list())
            assert [file.read() for file in found] == [b"new"] * len(found)
            assert acme.files.usage().size == 3 * len(found)
            orphans += len(acme.files.check(repair=True, older_than=0).orphans)
            assert acme.files.check(older_than=0).ok
            assert len(objects(folder)) == len(found)
            seen.add(len(found))
            for file in found:
                file.delete()
        assert 0 in seen
        assert orphans > 0


def test_a_deleter_that_is_killed_leaves_the_file_or_nothing_of_it(folder: Path, died: Died) -> None:
    with burgee.open(str(folder), settings=QUIET) as ws:
        acme = ws.tenants.create("acme")
        calls = died(acme.files.upload(b"old", "old.txt").id, 0)
        seen, unfinished = set(), 0
        for kill in range(KILLS):
            file = acme.files.upload(b"old", "old.txt")
            assert died(file.id, 1 + kill * (calls - 1) // KILLS) == 0
            unfinished += len(acme.files.check(repair=True, older_than=0).unfinished)
            assert acme.files.check(older_than=0).ok
            left = list(acme.files.list())
            assert [one.read() for one in left] == [b"old"] * len(left)
            assert (acme.files.usage().files, len(objects(folder))) == (len(left), len(left))
            seen.add(len(left))
            for one in left:
                one.delete()
        assert seen == {0, 1}
        assert unfinished > 0
