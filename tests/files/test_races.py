"""What must not go wrong with anybody's data: two at once, a full disk, a clock that goes back, names of any length."""

import io
import os
import resource
import sqlite3
import sys
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import burgee
from burgee.core.clock import ManualClock
from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError, UnreadableFileError, WorkspaceError
from burgee.core.portal import drive
from burgee.core.result import Err, Ok
from burgee.core.scope import Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.errors import FileTooLargeError, StorageUnavailableError
from burgee.files.folder import FolderStorage
from burgee.files.service import LocalFileService
from burgee.store.database import Database
from burgee.wire.octets import Octets
from burgee.workspace import Tenant
from services import children

QUIET = Settings(progress=False, public_url="https://flags.example")
LONG = "漢" * 83 + "ab.txt"
FULL = """
import resource, signal, sys, burgee
with burgee.open(sys.argv[1], settings=burgee.Settings(progress=False)) as ws:
    files = ws.tenant("acme").files
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    try:
        files.upload(b"a" * (2 << 20), "a.txt")
    except burgee.BurgeeError as error:
        print(type(error).__name__, "|", error)
    print(files.upload(b"abc", "b.txt").read().decode())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a workspace is."""
    return tmp_path / "workspace"


@pytest.fixture
def acme(folder: Path) -> Iterator[Tenant]:
    """A tenant of an embedded workspace."""
    with burgee.open(str(folder), settings=QUIET) as ws:
        yield ws.tenants.create("acme")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalFileService]:
    """The service alone."""
    database = Database.in_memory()
    made = LocalFileService(database, ManualClock(), lambda: FolderStorage(tmp_path / "files"), QUIET, address="")
    yield made
    made.close()
    database.close()


def test_of_two_who_put_at_one_address_at_once_one_has_put_a_whole_file(service: LocalFileService) -> None:
    both = threading.Barrier(2)

    def content(letter: bytes) -> Iterator[bytes]:
        yield letter * 50
        both.wait(10)  # both are writing
        yield letter * 50

    for _ in range(5):
        with bind_scope(Scope("acme")):
            awaited = drive(service.upload_url("a.txt", "text/plain")).unwrap()
        claims = drive(service.permitted(awaited.address.url.rpartition("/")[2], "PUT")).unwrap()
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda letter: drive(service.receive(claims, Octets(content(letter)))), (b"a", b"b")))  # noqa: B023 - used up in the loop
        [kept] = [answer.value for answer in done if isinstance(answer, Ok)]
        [refused] = [answer.error for answer in done if isinstance(answer, Err)]
        assert isinstance(refused, ConflictError)
        with bind_scope(Scope("acme")):
            whole = b"".join(drive(service.read(kept.id)).unwrap())
            assert whole in {b"a" * 100, b"b" * 100}
            assert drive(service.check(older_than=0)).unwrap().ok


def test_at_one_address_only_few_may_send_at_once(service: LocalFileService) -> None:
    all_four, refused = threading.Barrier(5), threading.Event()

    def slow() -> Iterator[bytes]:
        all_four.wait(30)
        refused.wait(30)
        yield b"abc"

    with bind_scope(Scope("acme")):
        awaited, other = (drive(service.upload_url(f"{name}.txt", "text/plain")).unwrap() for name in "ab")
    claims = drive(service.permitted(awaited.address.url.rpartition("/")[2], "PUT")).unwrap()
    with ThreadPoolExecutor(4) as pool:
        four = [pool.submit(lambda: drive(service.receive(claims, Octets(slow())))) for _ in range(4)]
        all_four.wait(30)
        with pytest.raises(ConflictError, match="is being sent by 4 already"):
            drive(service.receive(claims, Octets([b"abc"]))).unwrap()
        free = drive(service.permitted(other.address.url.rpartition("/")[2], "PUT")).unwrap()
        assert drive(service.receive(free, Octets([b"abc"]))).unwrap().id == other.id
        refused.set()
    assert [isinstance(one.result(), Ok) for one in four].count(True) == 1
    assert service._senders._within == {}


def test_what_says_it_is_too_large_is_refused_before_a_byte_of_it_is_read(service: LocalFileService) -> None:
    with bind_scope(Scope("acme")):
        awaited = drive(service.upload_url("a.txt", "text/plain")).unwrap()
    claims = drive(service.permitted(awaited.address.url.rpartition("/")[2], "PUT")).unwrap()
    pieces = iter([b"a", b"b"])
    with pytest.raises(FileTooLargeError):
        drive(service.receive(claims, Octets(pieces, size=QUIET.files_limit + 1))).unwrap()
    assert next(pieces) == b"a"


def test_check_takes_no_object_away_that_belongs_to_a_file_by_then(service: LocalFileService) -> None:
    with bind_scope(Scope("acme")):
        file = drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
        service._keeper.clear("acme", f"acme/{file.id}")
        service._keeper.storage.write("acme/nobody", [b"abc"], {})
        service._keeper.clear("acme", "acme/nobody")
        assert [found.key for found in service._keeper.storage.list()] == [f"acme/{file.id}"]


def test_two_files_of_one_name_are_two_files(acme: Tenant) -> None:
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(lambda letter: acme.files.upload(letter * 9, "a.txt"), (b"a", b"b", b"c", b"d")))
    assert sorted(file.read() for file in files) == [b"a" * 9, b"b" * 9, b"c" * 9, b"d" * 9]
    assert acme.files.list("a.txt").count() == len({file.id for file in files}) == 4


def test_whoever_reads_a_file_that_is_deleted_meanwhile_gets_all_of_it(acme: Tenant) -> None:
    content = b"0123456789" * 300_000
    file = acme.files.upload(content, "a.txt")
    with file.open() as stream:
        begun = stream.read(10)
        file.delete()
        assert begun + stream.read() == content


def test_a_file_larger_than_the_disk_takes_is_refused_and_leaves_nothing(folder: Path, acme: Tenant) -> None:
    assert acme.files.usage().files == 0
    with children.start([sys.executable, "-c", FULL, str(folder)], stdout=-1) as child:
        refused, kept = child.communicate()[0].splitlines()
    assert refused.startswith("StorageUnavailableError | the folder of files")
    assert refused.endswith("File too large")
    assert kept == "abc"
    assert acme.files.check(older_than=0).ok
    assert len([path for path in (folder / "files").rglob("*") if path.is_file()]) == acme.files.usage().files == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY  # here nothing was set


def test_a_clock_that_goes_back_loses_no_file_and_signs_for_no_longer(service: LocalFileService) -> None:
    clock = service._clock
    assert isinstance(clock, ManualClock)
    with bind_scope(Scope("acme")):
        first = drive(service.upload(Octets([b"1"]), "1.txt")).unwrap()
        clock.advance(days=-400)
        second = drive(service.upload(Octets([b"2"]), "2.txt")).unwrap()
        assert [file.id for file in drive(service.list()).unwrap().items] == [first.id, second.id]
        assert drive(service.check(repair=True)).unwrap().ok
        assert drive(service.url(first.id, 60)).unwrap().expires_at.year == 2024


def test_a_name_of_255_bytes_goes_in_out_and_into_an_address(acme: Tenant, tmp_path: Path) -> None:
    assert len(LONG.encode()) == 255
    file = acme.files.upload(b"abc", LONG)
    assert file.download(tmp_path) == tmp_path / LONG
    assert (tmp_path / LONG).read_bytes() == b"abc"
    assert acme.files.list(LONG[:50]).count() == 1
    assert len(file.url()) < 2_000
    with pytest.raises(InvalidInputError, match="256 bytes"):
        acme.files.upload(b"abc", f"{LONG}x")


def test_a_file_of_no_bytes_is_read_downloaded_and_checked(acme: Tenant, tmp_path: Path) -> None:
    file = acme.files.upload(b"", "a.txt")
    assert (file.read(), file.size) == (b"", 0)
    assert file.download(tmp_path).read_bytes() == b""
    with file.open() as stream:
        assert stream.read() == b""
    assert acme.files.check(older_than=0).ok


def test_files_are_found_by_their_name_in_either_form_of_its_letters(acme: Tenant) -> None:
    acme.files.upload(b"abc", unicodedata.normalize("NFD", "Ärger.txt"))
    for form in ("NFC", "NFD"):
        assert acme.files.list(unicodedata.normalize(form, "Ärg")).count() == 1


def test_a_list_by_what_is_no_text_is_refused(acme: Tenant) -> None:
    wrong: list[Any] = [5, float("nan"), b"a", ["a"]]
    for value in wrong:
        for what in ("prefix", "type"):
            with pytest.raises(InvalidInputError, match=f"{what} must be text"):
                acme.files.list(**{what: value})


def test_a_path_that_can_not_be_written_to_is_named(acme: Tenant, tmp_path: Path) -> None:
    file = acme.files.upload(b"abc", "a.txt")
    for place in (tmp_path / "nowhere" / "a.txt", tmp_path / ("x" * 300)):
        with pytest.raises(InvalidInputError, match="can't write") as caught:
            file.download(place)
        assert str(place) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_of_a_closed_workspace_nothing_is_opened_again() -> None:
    with burgee.open("memory://", settings=QUIET) as ws:
        file = ws.tenants.create("acme").files.upload(b"abc", "a.txt")
        service = ws.services.files
    with pytest.raises(WorkspaceError, match="closed"):
        file.url()
    assert isinstance(service, LocalFileService)
    with pytest.raises(WorkspaceError, match="closed"):
        service._storage.get()


def test_an_upload_is_two_transactions_of_few_statements_and_an_address_is_none(acme: Tenant) -> None:
    file = acme.files.upload(b"abc", "a.txt")
    file.url()
    service = acme.files._way.service
    assert isinstance(service, LocalFileService)
    seen: list[str] = []
    for session in service._database._sessions:
        assert isinstance(session.driver, sqlite3.Connection)
        session.driver.set_trace_callback(seen.append)
    acme.files.upload(b"abc", "b.txt")
    assert [statement.partition(" ")[0] for statement in seen].count("BEGIN") == 2
    assert len(seen) <= 17
    seen.clear()
    file.url()
    assert seen == []


def test_a_file_whose_bytes_are_gone_is_said_to_be_lost_not_never_there(acme: Tenant, folder: Path) -> None:
    file = acme.files.upload(b"abc", "a.txt")
    [stored] = (path for path in (folder / "files").rglob("*") if path.is_file())
    stored.unlink()
    with pytest.raises(StorageUnavailableError, match=r"the bytes of 'a\.txt' are gone"):
        file.read()
    assert acme.files.check().lost == (file.id,)
    file.delete()
    with pytest.raises(NotFoundError, match=f"no file '{file.id}'"):
        file.read()


def test_a_pipe_is_not_waited_for_and_a_file_that_can_not_be_read_is_named(acme: Tenant, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFileError, match="a pipe or a device"):
        acme.files.upload(pipe, "a.txt")
    with pytest.raises(UnreadableFileError, match="Is a directory"):
        acme.files.upload(tmp_path)
    closed = io.BytesIO(b"abc")
    closed.close()
    with (tmp_path / "new").open("wb") as written:
        for file in (closed, written):
            with pytest.raises(InvalidInputError, match="not open for reading"):
                acme.files.upload(file, "a.txt")


def test_an_address_for_a_size_that_is_none_is_refused(acme: Tenant) -> None:
    wrong: list[Any] = [float("nan"), 2.5, -1, True, "5"]
    for size in wrong:
        with pytest.raises(InvalidInputError, match="size in bytes must be a whole number"):
            acme.files.upload_url("a.txt", type="text/plain", size=size)


def test_an_age_or_an_id_that_is_none_is_named(acme: Tenant) -> None:
    for age in (float("inf"), float("nan"), 10**400, -1, True):
        with pytest.raises(InvalidInputError, match="older_than"):
            acme.files.check(older_than=age)
    for id in ("a\ud800", "a\0b"):
        with pytest.raises(InvalidInputError, match="is no file's id"):
            acme.files.get(id)
