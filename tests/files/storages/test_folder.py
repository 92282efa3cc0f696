"""The folder: where things lie, links that lead out of it, what others put there, disks that fail."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.settings import Settings
from burgee.files import folder as room
from burgee.files.errors import StorageUnavailableError
from burgee.files.folder import FolderStorage
from burgee.files.keys import check_key
from burgee.files.opening import storage_of

PARTS = st.text("abAB.-_1", min_size=1, max_size=4).filter(lambda part: part.strip(".") != "")
NOWHERE = FolderStorage("/nowhere")


@given(first=st.lists(PARTS, min_size=1, max_size=3), second=st.lists(PARTS, min_size=1, max_size=3))
def test_two_keys_never_share_a_file_even_where_case_does_not_count(first: list[str], second: list[str]) -> None:
    one, other = (NOWHERE._place("/".join(parts)) for parts in (first, second))
    assert (str(one).lower() == str(other).lower()) == (first == second)
    assert str(one) == str(one).lower()
    assert not any(str(folder).endswith(".") for folder in one.parents)


@given(text=st.text(max_size=20))
def test_what_is_taken_as_a_key_stays_in_the_folder(text: str) -> None:
    try:
        check_key(text)
    except InvalidInputError:
        return
    place = NOWHERE._place(text)
    assert Path(os.path.normpath(place)) == place
    assert place.is_relative_to("/nowhere")
    assert text.isascii()


def test_a_key_may_be_the_beginning_of_another(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    made = ["A", "A/B", "a", "a/b", "a/b/c"]
    for key in made:
        storage.write(key, [key.encode()], {})
    assert [one.key for one in storage.list()] == made
    assert [b"".join(storage.read(key)).decode() for key in made] == made


def test_the_longest_key_fits(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    key = "/".join(["A" * 100] * 5)
    storage.write(key, [b"1"], {})
    assert [one.key for one in storage.list(key)] == [key]


def test_a_link_to_another_folder_is_not_followed(tmp_path: Path) -> None:
    outside = FolderStorage(tmp_path / "outside")
    outside.write("a", [b"secret"], {})
    storage = FolderStorage(tmp_path / "files")
    storage.write("b", [b"1"], {})
    (tmp_path / "files" / "acme").symlink_to(tmp_path / "outside")
    with pytest.raises(StorageUnavailableError, match="outside of the folder"):
        storage.read("acme/a")
    with pytest.raises(StorageUnavailableError):
        storage.stat("acme/a")
    with pytest.raises(StorageUnavailableError):
        storage.write("acme/new", [b"1"], {})
    with pytest.raises(StorageUnavailableError):
        storage.delete("acme/a")
    assert [one.key for one in storage.list()] == ["b"]
    assert storage.sweep("", 0) == 0
    assert [one.key for one in outside.list()] == ["a"]


def test_a_link_to_another_file_is_no_object_and_is_replaced_not_followed(tmp_path: Path) -> None:
    outside = FolderStorage(tmp_path / "outside")
    outside.write("a", [b"secret"], {})
    storage = FolderStorage(tmp_path / "files")
    storage.write("a", [b"1"], {})
    place = storage._place("a")
    place.unlink()
    place.symlink_to(outside._place("a"))
    assert storage.stat("a") is None
    assert list(storage.list()) == []
    with pytest.raises(NotFoundError):
        storage.read("a")
    storage.write("a", [b"mine"], {})
    assert b"".join(storage.read("a")) == b"mine"
    assert b"".join(outside.read("a")) == b"secret"


def test_a_folder_that_is_reached_by_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    storage = FolderStorage(tmp_path / "link")
    storage.write("a/b", [b"1"], {})
    assert b"".join(FolderStorage(tmp_path / "real").read("a/b")) == b"1"


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    storage.write("a", [b"1"], {})
    root = tmp_path / "files"
    (root / "README.txt").write_text("not ours")
    (root / "Capital@object").write_text("not ours")
    (root / "short@object").write_bytes(b"x")
    (root / "text@object").write_text("not an object, and long enough to have an end")
    (root / "é").mkdir()
    os.mkfifo(root / "pipe@object")
    assert [one.key for one in storage.list()] == ["a"]
    assert [storage.stat(key) for key in ("short", "text", "pipe")] == [None] * 3
    assert storage.sweep("", 0) == 0
    assert len(list(root.iterdir())) == 7


def test_an_object_that_was_cut_or_changed_in_length_is_no_object(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    storage.write("a", [b"0123456789"], {"name": "a"})
    place = storage._place("a")
    data = place.read_bytes()
    for damaged in (data[1:], b"0" + data, data[:-1], data + b"0", data[:10] + b"{}" + data[-12:], b"", data[-12:]):
        place.write_bytes(damaged)
        assert storage.stat("a") is None
        with pytest.raises(NotFoundError):
            storage.read("a")
    place.write_bytes(data)
    assert storage.stat("a") is not None


def test_a_write_that_still_runs_is_not_swept(tmp_path: Path) -> None:
    storage, other = FolderStorage(tmp_path / "files"), FolderStorage(tmp_path / "files")
    swept: list[int] = []

    def content() -> Iterator[bytes]:
        yield b"a"
        swept.append(other.sweep("", 0))
        yield b"b"

    storage.write("a", content(), {})
    assert swept == [0]
    assert b"".join(storage.read("a")) == b"ab"


def test_an_object_is_held_until_its_writer_lets_go(tmp_path: Path) -> None:
    writer, other = FolderStorage(tmp_path), FolderStorage(tmp_path)
    with ExitStack() as held:
        writer.write("a", [b"1"], {}, held)
        assert other.is_held("a")
        assert other.sweep("", 0) == 0
    assert not other.is_held("a")


def test_only_what_is_old_enough_and_begins_so_is_swept(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    for key in ("acme/a", "acme/b", "beta/a"):
        storage.write(key, [b"1"], {})
        storage._place(key).rename(storage._place(key).with_name(f"{key[-1]}@new-0123456789abcdef"))
    assert storage.sweep("", 3600) == 0
    assert storage.sweep("acme/b", 0) == 1
    assert storage.sweep("acme/", 0) == 1
    assert storage.sweep("", 0) == 1
    assert storage.sweep("", 0) == 0


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_a_disk_that_fails_leaves_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    storage = FolderStorage(tmp_path / "files")
    storage.write("old", [b"old"], {})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if name == "write":
            patch.setattr(room, "_put", full)
        elif name == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr(Path, "replace", full)
        for key in ("new", "old"):
            with pytest.raises(StorageUnavailableError, match="No space left on device"):
                storage.write(key, [b"1"], {})
    assert [(one.key, one.size) for one in storage.list()] == [("old", 3)]
    assert storage.sweep("", 0) == 0


def test_a_read_that_is_not_finished_closes_its_file(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    storage.write("a", [b"x" * 3_000_000], {})
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept = [storage.read("a") for _ in range(10)]
    next(kept[0])
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 10
    kept.clear()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_place_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    storage = FolderStorage(tmp_path / "file")
    with pytest.raises(StorageUnavailableError, match="can't be used"):
        storage.write("a", [b"1"], {})
    assert storage.stat("a") is None
    assert list(storage.list()) == []


def test_an_object_and_its_folders_are_on_the_disk_before_the_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.partition("@")[0])
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    storage = FolderStorage(tmp_path / "files")
    storage.write("acme/a", [b"1"], {})
    assert synced == [tmp_path.name, "files", "a", "acme"]
    synced.clear()
    storage.delete("acme/a")
    assert synced == ["acme"]


def test_eight_write_into_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "files")
    threads = [threading.Thread(target=storage.write, args=(f"a/b/c/{n}", [b"1"], {})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.key[-1] for one in storage.list("a/b/c/")] == list("01234567")


def test_a_folder_has_no_addresses_of_its_own(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    assert storage.signed_get("a", 60, name="a", type="text/plain") is None
    assert storage.signed_put("a", 60, type="text/plain") is None


def test_the_settings_say_where_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_FILES", str(tmp_path / "elsewhere"))
    elsewhere, within, passing = (
        storage_of(place, folder) for place, folder in ((Settings().files, tmp_path), (None, tmp_path), (None, None))
    )
    assert isinstance(elsewhere, FolderStorage)
    assert elsewhere.place == str(tmp_path / "elsewhere")
    assert isinstance(within, FolderStorage)
    assert within.place == str(tmp_path / "files")
    assert isinstance(passing, FolderStorage)
    passing.write("a", [b"1"], {})
    passing.close()
    assert not Path(passing.place).exists()
    for bad in ("", "a\x00b", "ftp://a/b", "s3:///a", "s3://"):
        with pytest.raises(InvalidInputError):
            storage_of(bad, None)
