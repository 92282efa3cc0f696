"""`acme.files`, in each mode: the same to use embedded and from afar (R6)."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import burgee
from burgee.core.errors import BurgeeError, InvalidInputError, NotFoundError, UnreadableFileError
from burgee.core.settings import Settings
from burgee.files.errors import ChecksumError, FileTypeError
from burgee.files.facade import BAR_BYTES
from burgee.files.folder import FolderStorage
from burgee.files.service import LocalFileService
from burgee.wire.octets import RangeError
from burgee.workspace import Tenant

FRAME = pd.DataFrame({"city": ["Köln", "Oslo"], "count": [1, 2]})


def test_a_file_is_uploaded_listed_read_and_deleted(acme: Tenant, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    source = tmp_path / "numbers.zip"
    source.write_bytes(b"PK\x05\x06" + content)
    file = acme.files.upload(source, labels={"kind": "näh"}, progress=False)
    assert (file.name, file.size, file.type) == ("numbers.zip", len(content) + 4, "application/zip")
    assert file.read() == source.read_bytes()
    assert (file.read(4, 10), file.read(-3)) == (content[:6], content[-3:])
    with file.open() as stream:
        assert stream.read(4) == b"PK\x05\x06"
        assert stream.read() == content
    assert file.download(tmp_path / "copy.zip", progress=False).read_bytes() == source.read_bytes()
    assert [one.id for one in acme.files.list()] == [file.id]
    assert acme.files.frame()[["name", "size"]].to_dict("records") == [{"name": "numbers.zip", "size": file.size}]
    assert acme.files.list(type="text/*").count() == 0
    assert acme.files[file.id].labels == {"kind": "näh"}
    assert (acme.files.usage().files, acme.files.usage().size) == (1, file.size)
    assert acme.files.check(older_than=0).ok
    file.delete()
    with pytest.raises(NotFoundError):
        acme.files[file.id]
    assert acme.files.usage().size == 0
    assert list(file.history().frame()["change"]) == ["uploaded", "deleting", "deleted"]


def test_a_refusal_is_of_the_same_class_and_leaves_nothing(acme: Tenant) -> None:
    file = acme.files.upload(b"abc", "a.txt", progress=False)
    refusals: dict[type[BurgeeError], Callable[[], object]] = {
        FileTypeError: lambda: acme.files.upload(b"<html><script>", "a.html", progress=False),
        ChecksumError: lambda: acme.files.upload(b"abc", "a.txt", checksum="0" * 64, progress=False),
        RangeError: lambda: file.read(3),
        InvalidInputError: lambda: file.read(2, 1),
        NotFoundError: lambda: acme.files.get("nothing"),
    }
    for error, ask in refusals.items():
        with pytest.raises(error) as caught:
            ask()
        assert type(caught.value) is error
    assert acme.files.usage().files == 1
    assert acme.files.check(older_than=0).ok


def test_a_frame_comes_back_from_parquet_csv_arrow_and_json_lines(acme: Tenant) -> None:
    for name in (None, "towns.csv", "towns.arrow", "towns.jsonl"):
        file = acme.files.upload(FRAME, name, progress=False)
        pd.testing.assert_frame_equal(acme.files.read_frame(file.id), FRAME, check_dtype=False)
    assert next(iter(acme.files.list())).type.endswith(".parquet")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Tenant]:
    """A tenant of an embedded workspace."""
    with burgee.open(str(tmp_path / "workspace"), settings=Settings(progress=False)) as ws:
        yield ws.tenants.create("acme")


def test_any_source_of_bytes_is_taken(here: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        sources: list[Any] = [path, str(path), b"abc", bytearray(b"abc"), memoryview(b"abc"), io.BytesIO(b"abc"), file]
        sources += [[b"a", b"", b"bc"], (piece for piece in [b"ab", b"c"])]
        assert {here.files.upload(source, "a.txt").read() for source in sources} == {b"abc"}
    with path.open("rb") as file:
        assert here.files.upload(file).name == "a.txt"
    assert here.files.upload(b"", "empty.txt").read() == b""
    frames: list[Any] = [pl.DataFrame({"a": [1]}), pa.table({"a": [1]})]
    for frame in frames:
        assert here.files.upload(frame).frame().to_dict("list") == {"a": [1]}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (None, "None can't be uploaded"),
        (5, "5 can't be uploaded"),
        (float("nan"), "nan can't be uploaded"),
        ("/nowhere/a.txt", "No such file"),
        ("a\x00b", "null"),
        (b"abc", "without a name"),
        (io.StringIO("abc"), "open as text"),
        ([b"abc"], "without a name"),
    ],
    ids=["none", "number", "nan", "no file", "no path", "bytes", "text", "pieces"],
)
def test_what_can_not_be_uploaded_is_said_plainly(here: Tenant, source: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        here.files.upload(source)
    with pytest.raises(InvalidInputError, match="one piece is str"):
        here.files.upload(["abc"], "a.txt")  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match="name"):
        here.files.upload(b"abc", 5)  # type: ignore[arg-type]


def test_a_download_replaces_what_is_there_only_when_all_is_right(here: Tenant, tmp_path: Path) -> None:
    file = here.files.upload(b"new", "a.txt")
    target = tmp_path / "target"
    target.mkdir()
    (target / "a.txt").write_bytes(b"old")
    stored = next((tmp_path / "workspace" / "files").rglob("*@object"))
    whole = stored.read_bytes()
    stored.write_bytes(whole.replace(b"new", b"bad", 1))
    with pytest.raises(ChecksumError):
        file.download(target)
    with pytest.raises(ChecksumError):
        file.read()
    assert [(path.name, path.read_bytes()) for path in target.iterdir()] == [("a.txt", b"old")]
    stored.write_bytes(whole)
    assert file.download(target) == target / "a.txt"
    assert [(path.name, path.read_bytes()) for path in target.iterdir()] == [("a.txt", b"new")]


def test_only_tables_become_frames(here: Tenant) -> None:
    with pytest.raises(InvalidInputError, match=r"'a\.txt' is of type text/plain, which is no table"):
        here.files.upload(b"abc", "a.txt").frame()
    with pytest.raises(UnreadableFileError):
        here.files.upload(b"a,b\n1\n", "a.csv").frame()


def test_files_show_what_is_known_and_complete_their_ids(here: Tenant) -> None:
    file = here.files.upload(b"abc", "<b>.txt", labels={"a": 1})
    assert repr(file) == f"<File '<b>.txt': 3 bytes, text/plain, id {file.id!r}>"
    assert "&lt;b&gt;" in file._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;" in here.files._repr_mimebundle_()["text/html"]
    assert here.files._ipython_key_completions_() == [file.id]
    assert len({file, here.files[file.id]}) == 1
    assert file.history().frame().to_dict("records")[0]["change"] == "uploaded"


def test_a_progress_bar_is_shown_if_it_is_wanted_and_takes_a_while(
    here: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = b"abc", b"abc" * (BAR_BYTES // 2)
    assert here.files.upload(small, "a.txt", progress=True).read() == small
    assert here.files.upload(FRAME, "a.csv", progress=True).frame().equals(FRAME)
    assert capsys.readouterr() == ("", "")
    assert here.files.upload(large, "b.txt", progress=True).read() == large
    assert capsys.readouterr().out == ""  # it goes to stderr


def test_a_list_shows_what_is_read_and_its_frame_has_the_checksums_too(here: Tenant) -> None:
    assert here.files.list()._sheet().note == "nothing here"
    file = here.files.upload(b"abc", "a.txt")
    for shown in (here.files.list()._sheet(), here.files._sheet()):
        assert list(shown.columns) == ["id", "name", "size", "type", "created_at", "created_by", "labels"]
        assert [list(row[:3]) for row in shown.rows] == [[file.id, "a.txt", 3]]
    assert here.files.frame()["checksum"].tolist() == [file.checksum]


def test_an_archive_in_memory_goes_with_its_workspace() -> None:
    with burgee.open("memory://", settings=Settings(progress=False)) as ws:
        acme = ws.tenants.create("acme")
        acme.files.upload(b"abc", "a.txt")
        service = ws.services.files
        assert isinstance(service, LocalFileService)
        storage = service._keeper.storage
        assert isinstance(storage, FolderStorage)
        place = Path(storage.place)
        assert place.is_dir()
    assert not place.exists()
