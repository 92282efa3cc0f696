"""Files of a tenant: what comes in and what does not, the quota, and what is left when something breaks (R6)."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import override

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import burgee
from burgee.core.clock import system_clock
from burgee.core.errors import (
    ConflictError,
    DuplicateEventError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from burgee.core.portal import drive
from burgee.core.scope import Caller, Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.content import sniff
from burgee.files.errors import (
    ChecksumError,
    FileTooLargeError,
    FileTypeError,
    InfectedFileError,
    QuotaExceededError,
    ScannerUnavailableError,
    StorageUnavailableError,
)
from burgee.files.folder import FolderStorage
from burgee.files.intake import Claims, Intake, Room, Rules
from burgee.files.model import StoredObject
from burgee.files.service import LocalFileService
from burgee.store.database import Database
from burgee.wire.octets import Octets
from burgee.workspace import Tenant, Workspace
from services.clamav import ClamServer, eicar
from services.postgres import Server

QUIET = Settings(progress=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a workspace is."""
    return tmp_path / "workspace"


@pytest.fixture
def acme(folder: Path) -> Iterator[Tenant]:
    """A tenant with a limit of 1000 bytes for a file and a quota of 2500."""
    with burgee.open(str(folder), settings=Settings(files_limit=1000, files_quota=2500, progress=False)) as ws:
        yield ws.tenants.create("acme")


def objects(folder: Path) -> list[str]:
    """The names in the storage of a workspace."""
    return sorted(path.name for path in (folder / "files").rglob("*") if path.is_file())


def left_nothing(tenant: Tenant, folder: Path) -> bool:
    """Neither object nor file nor used quota."""
    usage = tenant.files.usage()
    return (objects(folder), tenant.files.list().count(), usage.files, usage.size) == ([], 0, 0, 0)


def test_what_comes_in_is_described_by_its_content(acme: Tenant) -> None:
    file = acme.files.upload(b"a,b\n1,2\n", " Ärger.csv ", labels={"quarter": 3})
    assert (file.name, file.size, file.type) == ("Ärger.csv", 8, "text/csv")
    assert file.checksum == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert acme.files[file.id] == file
    assert dict(acme.files[file.id].labels) == {"quarter": 3}


def pieces_then(error: BaseException) -> Iterator[bytes]:
    yield b"abc"
    raise error


REFUSED: Mapping[str, tuple[type[BaseException], Callable[[Tenant], object]]] = {
    "too large": (FileTooLargeError, lambda t: t.files.upload(bytes([65]) * 1001, "a.txt")),
    "too large in pieces": (FileTooLargeError, lambda t: t.files.upload(iter([b"a" * 600] * 2), "a.txt")),
    "a page": (FileTypeError, lambda t: t.files.upload(b"<html><script>", "a.html")),
    "a page called text": (FileTypeError, lambda t: t.files.upload(b"<html><script>", "a.txt")),
    "a program called image": (FileTypeError, lambda t: t.files.upload(b"MZ\x90\x00" + bytes(60), "a.png")),
    "a table cut off": (FileTypeError, lambda t: t.files.upload(b"PAR1" + bytes(100), "a.parquet")),
    "another checksum": (ChecksumError, lambda t: t.files.upload(b"abc", "a.txt", checksum="0" * 64)),
    "no checksum": (InvalidInputError, lambda t: t.files.upload(b"abc", "a.txt", checksum="x")),
    "a path for a name": (InvalidInputError, lambda t: t.files.upload(b"abc", "../a.txt")),
    "a new line in its name": (InvalidInputError, lambda t: t.files.upload(b"abc", "a\r\nX: y.txt")),
    "labels that are none": (InvalidInputError, lambda t: t.files.upload(b"abc", "a.txt", labels=[1])),  # type: ignore[arg-type]
    "labels not a number": (InvalidInputError, lambda t: t.files.upload(b"abc", "a.txt", labels={"a": float("nan")})),
    "a type that is none": (InvalidInputError, lambda t: t.files.upload(b"abc", "a.txt", type="text")),
    "broken off": (ZeroDivisionError, lambda t: t.files.upload(pieces_then(ZeroDivisionError()), "a.txt")),
    "interrupted": (KeyboardInterrupt, lambda t: t.files.upload(pieces_then(KeyboardInterrupt()), "a.txt")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing_behind(acme: Tenant, folder: Path, case: str) -> None:
    error, upload = REFUSED[case]
    with pytest.raises(error):
        upload(acme)
    assert left_nothing(acme, folder)


@pytest.mark.parametrize(("quota", "error", "read"), [(None, FileTooLargeError, 1100), (250, QuotaExceededError, 300)])
def test_a_stream_without_end_is_cut_off_at_the_limit_and_where_the_quota_is_full(
    acme: Tenant, folder: Path, quota: int | None, error: type[Exception], read: int
) -> None:
    acme.files.set_quota(quota)
    seen = 0

    def endless() -> Iterator[bytes]:
        nonlocal seen
        while True:
            seen += 100
            yield b"a" * 100

    with pytest.raises(error):
        acme.files.upload(endless(), "a.txt")
    assert seen == read
    assert left_nothing(acme, folder)


def type_of(content: bytes) -> str:
    """What a content is; of one that pretends to be two, nothing."""
    try:
        return sniff(content, "file")
    except FileTypeError:
        return ""


@given(
    st.binary(max_size=3000) | st.text("ab\n", max_size=3000).map(str.encode), st.integers(0, 3000), st.integers(1, 700)
)
def test_p15_over_the_limit_or_of_a_refused_type_is_rejected(content: bytes, limit: int, step: int) -> None:
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    intake = Intake(pieces, Claims("file"), Rules(limit, ("text/plain",)), Room(0, None))
    text = type_of(content) == "text/plain"
    if len(content) <= limit and text:
        assert (b"".join(intake), intake.size, intake.type) == (content, len(content), "text/plain")
    else:
        with pytest.raises(FileTooLargeError if text else (FileTooLargeError, FileTypeError)):
            list(intake)


def test_a_full_quota_takes_no_more_until_something_is_deleted(acme: Tenant) -> None:
    first, *_ = [acme.files.upload(b"a" * 1000, f"{number}.txt") for number in range(2)]
    with pytest.raises(QuotaExceededError, match="2000 of 2500 bytes are taken"):
        acme.files.upload(b"a" * 501, "c.txt")
    acme.files.upload(b"a" * 500, "d.txt")
    first.delete()
    assert (acme.files.usage().files, acme.files.usage().size, acme.files.usage().quota) == (2, 1500, 2500)
    acme.files.upload(b"a" * 1000, "e.txt")


def test_a_tenant_may_have_a_quota_of_its_own_which_admins_set(acme: Tenant) -> None:
    assert acme.files.set_quota(10).quota == 10
    with pytest.raises(QuotaExceededError):
        acme.files.upload(b"a" * 11, "a.txt")
    assert acme.files.set_quota(None).quota == 2500
    for wrong in (-1, True, 1.5, "10"):
        with pytest.raises(InvalidInputError, match="a quota in bytes"):
            acme.files.set_quota(wrong)  # type: ignore[arg-type]
    service = acme.files._way.service
    with bind_scope(Scope("acme", Caller("somebody", "acme", admin=False))), pytest.raises(PermissionDeniedError):
        drive(service.set_quota(1)).unwrap()


def race(ws: Workspace) -> None:
    acme = ws.tenants.create("acme")
    acme.files.set_quota(350)

    def upload(number: int) -> bool:
        try:
            acme.files.upload(bytes([65 + number]) * 100, f"{number}.txt", progress=False)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(upload, range(8)))
    assert sum(done) == 3
    assert (acme.files.usage().files, acme.files.usage().size) == (3, 300)
    assert acme.files.check(older_than=0).ok


def test_eight_uploads_at_once_keep_to_the_quota_on_sqlite(folder: Path) -> None:
    with burgee.open(str(folder), settings=QUIET) as ws:
        race(ws)


def test_eight_uploads_at_once_keep_to_the_quota_on_postgres(postgres: Server) -> None:
    with burgee.open("memory://", settings=Settings(database=SecretStr(postgres.schema()), progress=False)) as ws:
        race(ws)


def again(tenant: Tenant, key: str, content: bytes, name: str = "a.txt") -> str:
    service = tenant.files._way.service
    checksum = hashlib.sha256(content).hexdigest()
    with bind_scope(Scope(tenant.id, idempotency_key=key)):
        return drive(service.upload(Octets([content], size=len(content)), name, checksum=checksum)).unwrap().id


def test_an_upload_that_comes_again_gets_the_first_answer(acme: Tenant) -> None:
    first = again(acme, "key-1", b"abc")
    assert again(acme, "key-1", b"abc") == first
    assert again(acme, "key-2", b"abc") != first
    assert acme.files.usage().files == 2
    for other in ((b"abd", "a.txt"), (b"abc", "b.txt")):
        with pytest.raises(DuplicateEventError):
            again(acme, "key-1", *other)


def test_the_same_upload_by_eight_at_once_is_one_file(acme: Tenant) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: again(acme, "key", b"abc"), range(8)))
    assert len(ids) == 1
    assert (acme.files.usage().files, acme.files.check(older_than=0).ok) == (1, True)


def test_a_deletion_that_comes_again_gets_the_first_answer(acme: Tenant) -> None:
    file = acme.files.upload(b"abc", "a.txt")
    service = acme.files._way.service
    with bind_scope(Scope("acme", idempotency_key="key")):
        assert [drive(service.delete(file.id)).unwrap().id for _ in range(2)] == [file.id] * 2
    with pytest.raises(NotFoundError):
        file.delete()
    assert acme.files.usage().files == 0


class Failing(FolderStorage):
    """A folder whose deletions fail while it is told so."""

    fails = False

    @override
    def delete(self, key: str) -> bool:
        if self.fails:
            raise StorageUnavailableError("the disk is gone")
        return super().delete(key)

    @override
    def write(
        self, key: str, content: Iterable[bytes], metadata: Mapping[str, str], held: ExitStack | None = None
    ) -> StoredObject[Mapping[str, str]]:
        if self.fails:
            next(iter(content))
            raise StorageUnavailableError("the disk is gone")
        return super().write(key, content, metadata, held)


def test_a_file_whose_object_can_not_be_deleted_comes_back(tmp_path: Path) -> None:
    storage = Failing(tmp_path)
    database = Database.in_memory()
    service = LocalFileService(database, system_clock, lambda: storage, QUIET)
    with bind_scope(Scope("acme")):
        file = drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
        storage.fails = True
        with pytest.raises(StorageUnavailableError):
            drive(service.delete(file.id)).unwrap()
        with pytest.raises(StorageUnavailableError):
            drive(service.upload(Octets([b"abc"]), "b.txt")).unwrap()
        storage.fails = False
        assert b"".join(drive(service.read(file.id)).unwrap()) == b"abc"
        assert drive(service.usage()).unwrap().files == 1
        drive(service.delete(file.id)).unwrap()
        assert [change.change for change in drive(service.history(file.id)).unwrap()] == [
            *("uploaded", "deleting", "restored", "deleting", "deleted"),
        ]
    database.close()


def test_tenants_do_not_reach_each_others_files(folder: Path) -> None:
    with burgee.open(str(folder), settings=QUIET) as ws:
        acme, rival = ws.tenants.create("acme"), ws.tenants.create("rival")
        file = acme.files.upload(b"abc", "a.txt")
        service = rival.files._way.service
        for id in (file.id, f"../acme/{file.id}", f"acme/{file.id}"):
            with bind_scope(Scope("rival")):
                asked = (service.get(id), service.read(id), service.url(id), service.delete(id), service.history(id))
                for answer in asked:
                    with pytest.raises(NotFoundError):
                        drive(answer).unwrap()
        assert rival.files.list().count() == rival.files.usage().files == 0
        assert rival.files.check(repair=True, older_than=0).ok
        assert file.read() == b"abc"


def test_what_the_scanner_finds_is_never_seen(folder: Path, clamd: ClamServer) -> None:
    with burgee.open(str(folder), settings=Settings(scanner=clamd.url, progress=False)) as ws:
        acme = ws.tenants.create("acme")
        with pytest.raises(InfectedFileError):
            acme.files.upload(eicar(), "a.txt")
        assert left_nothing(acme, folder)
        assert acme.files.upload(b"clean", "a.txt").read() == b"clean"


def test_without_its_scanner_nothing_comes_in(folder: Path) -> None:
    with burgee.open(str(folder), settings=Settings(scanner="clamd:///nowhere", progress=False)) as ws:
        acme = ws.tenants.create("acme")
        with pytest.raises(ScannerUnavailableError):
            acme.files.upload(b"clean", "a.txt")
        assert left_nothing(acme, folder)


def test_pages_hold_what_fits_the_name_and_the_type(acme: Tenant) -> None:
    for number in range(5):
        acme.files.upload(b"a,b\n", f"sales-{number}.csv")
        acme.files.upload(b"text", f"notes-{number}.txt")
    service = acme.files._way.service
    with bind_scope(Scope("acme")):
        names, after = [], None
        while True:
            page = drive(service.list(after, 2, "sales-", "text/*")).unwrap()
            names += [file.name for file in page.items]
            if (after := page.after) is None:
                break
    assert names == [f"sales-{number}.csv" for number in range(5)]
    assert acme.files.list(type="text/plain").count() == 5
    assert acme.files.list("nothing").count() == 0


def test_check_finds_what_is_lost_and_what_belongs_to_nobody(acme: Tenant, folder: Path) -> None:
    lost, kept = (acme.files.upload(b"abc", f"{name}.txt") for name in "ab")
    storage = FolderStorage(folder / "files")
    storage.delete(f"acme/{lost.id}")
    storage.write("acme/nobody", [b"orphan"], {})
    found = acme.files.check(older_than=0)
    assert (found.files, found.lost, found.orphans, found.ok) == (2, (lost.id,), ("acme/nobody",), False)
    assert acme.files.check(repair=True).orphans == ()  # it is young: somebody may be writing it
    assert acme.files.check(repair=True, older_than=0).repaired
    assert acme.files.check(older_than=0).orphans == ()
    assert kept.read() == b"abc"
    lost.delete()
    assert acme.files.check(older_than=0).ok


def test_check_leaves_an_upload_alone_that_goes_on(acme: Tenant) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"abc"
        begun.set()
        go_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(acme.files.upload, slow(), "a.txt")
        begun.wait(10)
        assert acme.files.check(repair=True, older_than=0).ok
        go_on.set()
        assert upload.result().read() == b"abc"


def test_what_is_deleted_is_still_in_its_history(acme: Tenant) -> None:
    file = acme.files.upload(b"abc", "a.txt")
    file.delete()
    assert list(file.history().frame()["change"]) == ["uploaded", "deleting", "deleted"]
    with pytest.raises((NotFoundError, ConflictError)):
        file.read()
