"""`check` beside uploads and deletions that still go on: nothing is lost that somebody was told is kept."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import override

import pytest

from burgee.core.clock import system_clock
from burgee.core.errors import ConflictError
from burgee.core.portal import drive
from burgee.core.scope import Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.folder import FolderStorage
from burgee.files.model import CheckReport
from burgee.files.service import LocalFileService
from burgee.store.database import Database
from burgee.wire.octets import Octets

WAYS = ("upload", "signed")


class Meanwhile:
    """A scanner that finds nothing, and takes so long that something else is done meanwhile."""

    def __init__(self) -> None:
        self.service: LocalFileService | None = None
        self.done: list[CheckReport] = []
        self.takes_away = False

    def scan(self, pieces: Iterable[bytes]) -> None:
        """The object is whole, and no file yet."""
        assert b"".join(pieces) == b"abc"
        assert self.service is not None
        if self.takes_away:  # as one does who can't see that it is held: on S3, on Windows, of another machine
            keeper = self.service._keeper
            [found] = keeper.storage.list()
            keeper.clear("acme", found.key)
        else:
            self.done.append(drive(self.service.check(repair=True, older_than=0)).unwrap())


class Ended(FolderStorage):
    """A folder in which deletions take so long that a check ends them."""

    service: LocalFileService | None = None

    @override
    def delete(self, key: str) -> bool:
        service, self.service = self.service, None
        if service is not None:
            assert drive(service.check(repair=True, older_than=0)).unwrap().unfinished
        return super().delete(key)


@pytest.fixture
def meanwhile() -> Meanwhile:
    """What happens while a file is scanned."""
    return Meanwhile()


@pytest.fixture
def service(tmp_path: Path, meanwhile: Meanwhile) -> Iterator[LocalFileService]:
    """The service alone, for a tenant."""
    database = Database.in_memory()
    settings = Settings(progress=False, files_quota=5)
    storage = Ended(tmp_path / "files")
    made = LocalFileService(database, system_clock, lambda: storage, settings, scanner=meanwhile, address="")
    meanwhile.service = made
    with bind_scope(Scope("acme")):
        yield made
    made.close()
    database.close()


def sent(service: LocalFileService, way: str) -> object:
    """The answer to a file that comes that way."""
    if way == "upload":
        return drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
    address = drive(service.upload_url("a.txt", "text/plain")).unwrap().address
    claims = drive(service.permitted(address.url.rpartition("/")[2], "PUT")).unwrap()
    with bind_scope(Scope("acme")):
        return drive(service.receive(claims, Octets([b"abc"]))).unwrap()


@pytest.mark.parametrize("way", WAYS)
def test_check_leaves_an_object_alone_whose_file_is_about_to_be_entered(
    service: LocalFileService, meanwhile: Meanwhile, way: str
) -> None:
    sent(service, way)
    assert [(report.orphans, report.files) for report in meanwhile.done] == [((), 0)]
    [file] = drive(service.list()).unwrap().items
    assert b"".join(drive(service.read(file.id)).unwrap()) == b"abc"
    assert not service._keeper.storage.is_held(f"acme/{file.id}")


@pytest.mark.parametrize("way", WAYS)
def test_no_file_is_kept_whose_object_was_taken_away_while_it_came(
    service: LocalFileService, meanwhile: Meanwhile, way: str
) -> None:
    meanwhile.takes_away = True
    with pytest.raises(ConflictError, match="was still coming when a check took it away"):
        sent(service, way)
    assert drive(service.usage()).unwrap().size == 0
    assert list(service._keeper.storage.list()) == []
    meanwhile.takes_away = False
    sent(service, way)
    assert drive(service.check(older_than=0)).unwrap().ok


def test_a_deletion_that_a_check_ends_is_done(service: LocalFileService) -> None:
    file = drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
    storage = service._keeper.storage
    assert isinstance(storage, Ended)
    storage.service = service
    assert drive(service.delete(file.id)).unwrap().id == file.id
    assert drive(service.usage()).unwrap().files == 0
    assert drive(service.check(older_than=0)).unwrap().ok
