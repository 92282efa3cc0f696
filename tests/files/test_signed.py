"""Signed addresses: burgee's server honours those of a folder, S3 its own (R6.2, P16)."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.clock import ManualClock, system_clock
from burgee.core.errors import AuthenticationError, InvalidInputError, NotFoundError
from burgee.core.portal import drive
from burgee.core.result import Err, Ok
from burgee.core.scope import Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.errors import FileTypeError
from burgee.files.folder import FolderStorage
from burgee.files.service import LocalFileService
from burgee.keys.service import LocalKeyService
from burgee.server.app import create_app
from burgee.store.database import Database
from burgee.wire.octets import Octets
from burgee.workspace import Tenant
from services.s3 import running_s3

TEXT = {"Content-Type": "text/plain"}


class Served:
    """A server in this process with a clock, a tenant of it, and somebody without a key."""

    def __init__(self, tenant: Tenant, app: object, clock: ManualClock) -> None:
        self.acme = tenant
        self.clock = clock
        self._app = app

    def ask(
        self, method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] = TEXT
    ) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.request(method, url, content=content, headers=headers)

        return asyncio.run(asked())


@pytest.fixture
def served() -> Iterator[Served]:
    """A server with a small limit for requests, which files do not have."""
    clock, database = ManualClock(), Database.in_memory()
    made = drive(LocalKeyService(database, system_clock).create(tenant=None, name="tests")).unwrap()
    app = create_app(database, Settings(max_body=1000, files_limit=5000), clock)
    with burgee.open("http://burgee.test", token=made.key, transport=httpx.ASGITransport(app)) as ws:
        yield Served(ws.tenants.create("acme"), app, clock)
    database.close()


def test_whoever_has_the_address_may_read_until_it_expires(served: Served) -> None:
    file = served.acme.files.upload(b"hello", 'grün "x".txt', progress=False)
    url = file.url(expires=60)
    answer = served.ask("GET", url)
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''gr%C3%BCn%20%22x%22.txt")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["ETag"] == f'"{file.checksum}"'
    assert served.ask("GET", url, headers={"Range": "bytes=1-2"}).content == b"el"
    served.clock.advance(seconds=59)
    assert served.ask("GET", url).status_code == 200
    served.clock.advance(seconds=1)
    assert served.ask("GET", url).status_code == 403


def test_an_address_permits_one_method_of_one_file_and_nothing_else(served: Served) -> None:
    url = served.acme.files.upload(b"hello", "a.txt", progress=False).url()
    put = served.acme.files.upload_url("b.txt", type="text/plain").url
    start, _, token = url.rpartition("/")
    asked = [
        served.ask("PUT", url, b"x"),
        served.ask("GET", put),
        served.ask("GET", f"{start}/{token[:-2]}"),
        served.ask("GET", f"{start}/{token.replace('.', '')}"),
        served.ask("GET", f"{start}/x"),
        served.ask("GET", f"{start}/%C3%A4.%00"),
    ]
    assert {answer.status_code for answer in asked} == {403}
    assert {answer.json()["detail"] for answer in asked} == {"this address is not valid, or not any more"}
    assert served.ask("GET", url.partition("signed/")[0]).status_code in {401, 404}


def test_what_is_put_at_an_address_is_a_file_like_any_other(served: Served) -> None:
    address = served.acme.files.upload_url("b.txt", type="text/plain", size=4000, labels={"a": 1})
    assert served.acme.files.list().count() == 0
    with pytest.raises(NotFoundError):
        served.acme.files[address.id]
    assert served.ask(address.method, address.url, b"a" * 4000, address.headers).status_code == 201
    file = served.acme.files[address.id]
    assert (file.name, file.size, file.type, file.labels) == ("b.txt", 4000, "text/plain", {"a": 1})
    assert served.acme.files.usage().size == 4000
    assert served.ask(address.method, address.url, b"b" * 4000).status_code == 409
    assert file.read() == b"a" * 4000


def test_what_is_put_must_keep_to_what_was_signed(served: Served) -> None:
    address = served.acme.files.upload_url("b.txt", type="text/plain", size=5)
    assert served.ask("PUT", address.url, b"123456").status_code == 422
    assert served.ask("PUT", address.url, b"1234").status_code == 422
    assert served.ask("PUT", address.url, b"<html").status_code in {415, 422}
    free = served.acme.files.upload_url("c.txt", type="text/plain")
    assert served.ask("PUT", free.url, b"a" * 5001).status_code == 413
    assert served.ask("PUT", free.url, b"<html><script>").status_code == 415
    assert served.acme.files.usage().files == 0
    served.clock.advance(hours=2)
    assert served.ask("PUT", address.url, b"12345").status_code == 403
    found = served.acme.files.check(repair=True, older_than=0)
    assert set(found.unfinished) == {address.id, free.id}
    assert served.acme.files.check(older_than=0).ok


@pytest.mark.parametrize("expires", [0, -1, 8 * 86400, float("nan"), float("inf")])
def test_an_expiry_is_within_a_week(served: Served, expires: float) -> None:
    with pytest.raises((InvalidInputError, ValueError)):
        served.acme.files.upload_url("a.txt", type="text/plain", expires=expires)


def test_an_address_is_not_signed_for_what_would_be_refused(served: Served) -> None:
    with pytest.raises(FileTypeError):
        served.acme.files.upload_url("a.html", type="text/html")
    with pytest.raises(InvalidInputError):
        served.acme.files.upload_url("a.txt", type="text/plain", size=5001)


def test_embedded_an_address_needs_a_server() -> None:
    with burgee.open("memory://", settings=Settings(progress=False)) as ws:
        file = ws.tenants.create("acme").files.upload(b"abc", "a.txt")
        with pytest.raises(InvalidInputError, match="need a burgee server") as caught:
            file.url()
    assert "BURGEE_PUBLIC_URL" in caught.value.hints[0]
    with burgee.open("memory://", settings=Settings(public_url="https://flags.example/", progress=False)) as ws:
        file = ws.tenants.create("acme").files.upload(b"abc", "a.txt")
        assert file.url().startswith("https://flags.example/v1/files/signed/")


def test_after_a_refusal_the_right_bytes_may_still_be_put_and_then_no_more(served: Served) -> None:
    address = served.acme.files.upload_url("a.csv", type="text/csv", size=8)
    for wrong in (b"a,b\n1,2", b"a,b\n1,2\n3", b"<html>!\n", b"PAR1\x00\x00\x00\x00"):
        assert served.ask("PUT", address.url, wrong).status_code in {415, 422}
    assert served.ask("PUT", address.url, b"a,b\n1,2\n").status_code == 201
    assert served.ask("PUT", address.url, b"a,b\n3,4\n").status_code == 409
    assert served.acme.files[address.id].read() == b"a,b\n1,2\n"


def test_whoever_has_an_address_does_not_hear_where_the_disk_is(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    file = served.acme.files.upload(b"hello", "a.txt", progress=False)
    to = served.acme.files.upload_url("b.txt", type="text/plain")
    service = cast("FastAPI", served._app).state.services.files
    [place] = Path(service._keeper.storage.place).glob("*/*@object")
    place.unlink()
    place.parent.rmdir()
    place.parent.write_bytes(b"no folder")
    for answer in (served.ask("GET", file.url()), served.ask("PUT", to.url, b"hello")):
        assert answer.status_code == 503
        assert answer.json()["detail"] == "files can't be kept or read at the moment"
        assert "burgee-files-" not in answer.text
    assert "burgee-files-" in caplog.text


def test_the_address_of_a_file_that_was_deleted_leads_nowhere() -> None:
    clock, database = ManualClock(), Database.in_memory()
    app = create_app(database, Settings(public_url="http://burgee.test"), clock)
    service = app.state.services.files
    with bind_scope(Scope("acme")):
        file = drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
    served = Served(cast("Tenant", None), app, clock)
    url = service.signed_address("acme", file, 60)
    assert served.ask("GET", url).content == b"abc"
    with bind_scope(Scope("acme")):
        assert drive(service.url(file.id, 60)).unwrap().url == url
        drive(service.delete(file.id)).unwrap()
    assert served.ask("GET", url).status_code == 404
    assert served.ask("GET", service.signed_address("acme", file, 60)).status_code == 404
    service.close()
    database.close()


def test_bad_signatures_cost_no_query_and_good_ones_are_told_by_any_server() -> None:
    clock, database = ManualClock(), Database.in_memory()
    service = LocalFileService(database, clock, lambda: FolderStorage("nowhere"), Settings(), address="")
    with bind_scope(Scope("acme")):
        address = drive(service.upload_url("a.txt", "text/plain")).unwrap().address.url
    token = address.rpartition("/")[2]
    database.close()  # whoever asks it now fails
    for bad in (token[:-1], token[::-1], "", "x" * 5_000, token.replace(".", "..")):
        assert isinstance(drive(service.permitted(bad, "PUT")), Err)
    assert isinstance(drive(service.permitted(token, "GET")), Err)
    assert isinstance(drive(service.permitted(token, "PUT")), Ok)


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[LocalFileService, LocalFileService, ManualClock]]:
    """Two servers of one workspace, and their time."""
    clock, database = ManualClock(), Database.in_memory()
    folder = tempfile.mkdtemp()
    storage = FolderStorage(folder, passing=True)
    one, other = (LocalFileService(database, clock, lambda: storage, Settings(), address="") for _ in range(2))
    yield one, other, clock
    one.close()
    database.close()


@given(expires=st.integers(1, 600_000), later=st.integers(0, 1_200_000))
def test_p16_a_signed_address_is_dead_after_its_expiry_whichever_server_made_it(
    two: tuple[LocalFileService, LocalFileService, ManualClock], expires: int, later: int
) -> None:
    one, other, clock = two
    with bind_scope(Scope("acme")):
        file = _only_file(one)
        token = drive(one.url(file, expires)).unwrap().url.rpartition("/")[2]
        clock.advance(seconds=later)
        found = drive(other.permitted(token, "GET"))
    if later < expires:
        assert isinstance(found, Ok)
        assert (found.value.tenant, found.value.file) == ("acme", file)
    else:
        assert isinstance(found, Err)
        assert isinstance(found.error, AuthenticationError)


def _only_file(service: LocalFileService) -> str:
    """The id of the one file there is."""
    there = drive(service.list()).unwrap().items
    return there[0].id if there else drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap().id


def test_what_is_put_into_a_bucket_is_seen_when_it_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_s3(tmp_path) as s3:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        s3.make_bucket("files")
        with burgee.open("memory://", settings=Settings(files="s3://files/here", progress=False)) as ws:
            acme = ws.tenants.create("acme")
            good, bad, late = (acme.files.upload_url(f"{name}.txt", type="text/plain") for name in ("a", "b", "c"))
            assert httpx.put(good.url, content=b"hello", headers=good.headers).status_code == 200
            assert httpx.put(bad.url, content=b"<html><script>", headers=bad.headers).status_code == 200
            assert (acme.files.list().count(), acme.files.usage().size) == (0, 0)
            assert acme.files.finish(good.id).read() == b"hello"
            with pytest.raises(FileTypeError):
                acme.files.finish(bad.id)
            both = acme.files.upload_url("d.txt", type="text/plain")
            assert httpx.put(both.url, content=b"both", headers=both.headers).status_code == 200
            with ThreadPoolExecutor(2) as pool:
                finished = list(pool.map(lambda _: acme.files.finish(both.id), range(2)))
            assert [file.read() for file in finished] == [b"both"] * 2
            acme.files[both.id].delete()
            with pytest.raises(NotFoundError):
                acme.files.finish(late.id)
            # Whoever still has the address may write again, but not to what was looked at.
            assert httpx.put(good.url, content=b"<html>", headers=good.headers).status_code == 200
            assert acme.files[good.id].read() == b"hello"
            assert httpx.get(acme.files[good.id].url()).content == b"hello"
            assert httpx.put(late.url, content=b"late", headers=late.headers).status_code == 200
            found = acme.files.check(repair=True, older_than=0)
            assert (found.files, len(found.orphans)) == (2, 1)
            assert acme.files[late.id].read() == b"late"
            assert acme.files.check(older_than=0).ok
