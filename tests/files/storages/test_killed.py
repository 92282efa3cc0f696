"""Killed in the middle, 20 times or more: nothing half is to be seen, and nothing stays that is not swept."""

from collections.abc import Mapping
from pathlib import Path

from burgee.files.folder import FolderStorage
from burgee.files.protocol import StorageProvider
from burgee.files.s3 import S3Storage
from services.killer import PART, Killer, content

KILLS = 20
SMALL, LARGE = 3000, PART + 3
OLD = b"old" * 5


def state(storage: StorageProvider[Mapping[str, str]], key: str, size: int) -> str:
    """What is to be seen of an object: nothing, the old one whole, or the new one whole."""
    found = storage.stat(key)
    assert [one.key for one in storage.list()] == ([] if found is None else [key])
    if found is None:
        return "nothing"
    whole = b"".join(storage.read(key))
    assert found.size == len(whole)
    assert whole == (b"".join(content(size)) if found.metadata["state"] == "new" else OLD)
    return found.metadata["state"]


def test_a_folder_whose_writer_is_killed_has_the_old_object_or_the_new_one(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    seen, swept = [], 0
    with Killer(f"folder:{storage.place}") as killer:
        _, calls = killer.killed("write", "acme/a", size=SMALL)
        for call in range(1, calls, calls // (2 * KILLS)):
            storage.write("acme/a", [OLD], {"state": "old"})
            died, _ = killer.killed("write", "acme/a", size=SMALL, call=call)
            assert died
            seen.append(state(storage, "acme/a", SMALL))
            swept += storage.sweep("acme/", 0)
            assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a@object"]
    assert len(seen) >= KILLS
    assert set(seen) == {"old", "new"}
    assert swept >= KILLS


def test_a_folder_whose_first_writer_is_killed_has_nothing_or_the_new_object(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    seen = []
    with Killer(f"folder:{storage.place}") as killer:
        _, calls = killer.killed("write", "acme/a", size=SMALL)
        for call in range(1, calls, calls // KILLS):
            storage.delete("acme/a")
            killer.killed("write", "acme/a", size=SMALL, call=call)
            seen.append(state(storage, "acme/a", SMALL))
            storage.sweep("", 0)
    assert set(seen) == {"nothing", "new"}
    assert storage.sweep("", 0) == 0


def test_a_folder_whose_deleter_is_killed_has_the_object_or_nothing(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    seen = []
    with Killer(f"folder:{storage.place}") as killer:
        storage.write("acme/a", [OLD], {"state": "old"})
        _, calls = killer.killed("delete", "acme/a")
        for call in range(1, calls, calls // (2 * KILLS)):
            storage.write("acme/a", [OLD], {"state": "old"})
            died, _ = killer.killed("delete", "acme/a", call=call)
            assert died
            seen.append(state(storage, "acme/a", SMALL))
    assert len(seen) >= KILLS
    assert set(seen) == {"old", "nothing"}
    assert storage.sweep("", 0) == 0


def test_a_bucket_whose_writer_is_killed_has_the_old_object_or_the_new_one(strict: S3Storage) -> None:
    seen = []
    with Killer(strict.place) as killer:
        for size, kills in ((LARGE, 12), (SMALL, KILLS - 12)):
            _, calls = killer.killed("write", "acme/a", size=size)
            strict.write("acme/a", [OLD], {"state": "old"})
            for kill in range(kills):
                died, _ = killer.killed("write", "acme/a", size=size, call=1 + kill * calls // kills)
                assert died
                seen.append(state(strict, "acme/a", size))
                if seen[-1] == "new":
                    strict.write("acme/a", [OLD], {"state": "old"})
        swept = strict.sweep("", 0)
    assert len(seen) >= KILLS
    assert "old" in seen
    assert swept > 0
    assert strict.sweep("", 0) == 0
