"""S3 as strict as it is: what it refuses, signed addresses, what was broken off, and S3 that is away (P16, R6.2)."""

import base64
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from burgee.core.clock import system_clock
from burgee.core.errors import InvalidInputError, MissingExtraError, NotFoundError
from burgee.core.portal import drive
from burgee.core.result import Err
from burgee.core.scope import Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.errors import StorageUnavailableError
from burgee.files.model import SignedUrl, Usage
from burgee.files.opening import storage_of
from burgee.files.s3 import S3Storage
from burgee.files.service import LocalFileService
from burgee.store.database import Database
from burgee.wire.octets import Octets

LARGE = 5 * 1024 * 1024 + 3


def fetched(signed: SignedUrl | None, url: str | None = None, method: str | None = None, **more: Any) -> httpx.Response:
    """What comes of an address, used as it is or changed."""
    assert signed is not None
    with httpx.Client(trust_env=False) as client:
        return client.request(
            method or signed.method, url or signed.url, headers={**signed.headers, **more.pop("headers", {})}, **more
        )


def test_a_signed_address_gives_the_object_as_an_attachment_of_that_name_and_type(strict: S3Storage) -> None:
    strict.write("acme/a", [b"0123456789"], {"name": "x"})
    before = datetime.now(UTC)
    signed = strict.signed_get("acme/a", 60.9, name='Bücher "1".csv', type="text/csv")
    assert signed is not None
    assert (
        before + timedelta(seconds=59) - timedelta(seconds=1)
        < signed.expires_at
        <= datetime.now(UTC) + timedelta(seconds=60)
    )
    answer = fetched(signed)
    assert answer.status_code == 200
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "B%C3%BCcher" in answer.headers["content-disposition"]
    ranged = fetched(signed, headers={"Range": "bytes=2-4"})
    assert (ranged.status_code, ranged.content) == (206, b"234")


def test_an_address_is_dead_when_altered_expired_or_used_for_something_else(strict: S3Storage) -> None:
    strict.write("acme/a", [b"1"], {})
    strict.write("acme/b", [b"2"], {})
    short = strict.signed_get("acme/a", 1, name="a", type="text/plain")
    signed = strict.signed_get("acme/a", 60, name="a", type="text/plain")
    assert short is not None
    assert signed is not None
    changed = {
        "another object": signed.url.replace("acme/a?", "acme/b?"),
        "another signature": signed.url[:-4] + ("0000" if not signed.url.endswith("0000") else "1111"),
        "a longer time": signed.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        "another name": signed.url.replace("filename", "filename0"),
        "another type": signed.url.replace("text%2Fplain", "text%2Fhtml"),
        "no signature": signed.url.partition("?")[0],
    }
    assert {what: fetched(signed, url).status_code for what, url in changed.items()} == dict.fromkeys(changed, 403)
    assert all(url != signed.url for url in changed.values())
    for method in ("PUT", "DELETE", "POST"):
        assert fetched(signed, method=method).status_code in {403, 405}
    assert strict.stat("acme/a") is not None
    assert fetched(signed).status_code == 200
    while datetime.now(UTC) <= short.expires_at:
        time.sleep(0.05)
    assert fetched(short).status_code == 403


def test_a_signed_put_takes_one_object_of_that_type_and_size(strict: S3Storage) -> None:
    signed = strict.signed_put("acme/a", 60, type="text/plain", size=4)
    assert signed is not None
    assert signed.method == "PUT"
    assert fetched(signed, content=b"data", headers={"Content-Type": "text/html"}).status_code == 403
    assert fetched(signed, content=b"longer", headers={"Content-Length": "6"}).status_code == 403
    without = SignedUrl(signed.url, "PUT", signed.expires_at, {"Content-Type": "text/plain"})
    assert fetched(without, content=b"data").status_code == 403  # it would write over what is there
    assert fetched(signed, method="GET", content=b"data").status_code == 403
    assert strict.stat("acme/a") is None
    assert fetched(signed, content=b"data").status_code == 200
    assert fetched(signed, content=b"evil").status_code == 412
    assert b"".join(strict.read("acme/a")) == b"data"
    found = strict.stat("acme/a")
    assert found is not None
    assert (found.size, found.checksum, found.metadata) == (4, None, {})


def test_a_signed_put_without_a_size_takes_any(strict: S3Storage) -> None:
    signed = strict.signed_put("acme/a", 60, type="application/octet-stream")
    assert fetched(signed, content=b"any size").status_code == 200
    found = strict.stat("acme/a")
    assert found is not None
    assert found.size == 8


def test_types_and_sizes_that_cannot_be_signed_are_refused(strict: S3Storage) -> None:
    types: list[Any] = ["", "text/plain\r\nX-A: b", "téxt/plain", None, 1]
    for type in types:
        with pytest.raises(InvalidInputError, match="media type"):
            strict.signed_put("a", 60, type=type)
        with pytest.raises(InvalidInputError, match="media type"):
            strict.signed_get("a", 60, name="a", type=type)
    sizes: list[Any] = [-1, 1.5, True, "4"]
    for size in sizes:
        with pytest.raises(InvalidInputError, match="size"):
            strict.signed_put("a", 60, type="text/plain", size=size)


@pytest.mark.parametrize("size", [10, LARGE])
def test_bytes_that_change_on_the_way_are_refused(
    strict: S3Storage, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burgee.files.s3._checksum", _wrong)
    with pytest.raises(StorageUnavailableError, match=r"BadDigest|checksum"):
        strict.write("a", [b"x" * size], {})
    assert strict.stat("a") is None
    assert strict.sweep("", 0) == 0


def test_an_object_that_was_damaged_where_it_lies_is_told_at_its_end(
    strict: S3Storage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    strict.write("a", [b"0123456789"], {})
    place = tmp_path_factory.getbasetemp() / "versitygw0" / "data" / "files" / strict._prefix / "a"
    with place.open("r+b") as file:
        file.write(b"X")
    with pytest.raises(StorageUnavailableError, match="checksum"):
        b"".join(strict.read("a"))


def test_parts_smaller_than_s3_takes_are_refused_and_nothing_stays(strict: S3Storage) -> None:
    with pytest.raises(InvalidInputError, match="a part has"):
        S3Storage("s3://files", part_size=1024)
    strict._part_size = 1024
    with pytest.raises(StorageUnavailableError, match="EntityTooSmall"):
        strict.write("a", [b"x" * 3000], {})
    assert strict.stat("a") is None
    assert strict.sweep("", 0) == 0


def test_only_uploads_that_are_old_enough_and_begin_so_are_swept(strict: S3Storage) -> None:
    at = strict._at("acme/a")
    strict._client.create_multipart_upload(**at)
    strict._client.create_multipart_upload(**strict._at("beta/a"))
    assert strict.sweep("acme/", 3600) == 0
    assert strict.sweep("acme/", 0) == 1
    assert strict.sweep("", 0) == 1
    assert strict.sweep("", 0) == 0


def test_an_upload_goes_on_as_long_as_parts_come_however_long_ago_it_began(strict: S3Storage) -> None:
    at = strict._at("a")
    begun = strict._client.create_multipart_upload(**at)["UploadId"]
    assert not strict._goes_on(at, begun, 0)
    strict._client.upload_part(**at, UploadId=begun, PartNumber=1, Body=b"abc")
    [part] = strict._client.list_parts(**at, UploadId=begun)["Parts"]
    came = part["LastModified"].timestamp()
    assert strict._goes_on(at, begun, came - 1)
    assert not strict._goes_on(at, begun, came + 1)
    assert strict.sweep("", 0) == 1
    assert not strict._goes_on(at, begun, 0)


def test_other_things_in_the_bucket_are_no_objects(strict: S3Storage) -> None:
    strict.write("a", [b"1"], {})
    place = strict._at("a")
    for name in ("with blank", "ü", "plus+"):
        strict._client.put_object(Bucket=place["Bucket"], Key=place["Key"].removesuffix("a") + name, Body=b"")
    assert [one.key for one in strict.list()] == ["a"]


def test_a_prefix_is_a_room_of_its_own(strict: S3Storage) -> None:
    strict.write("a", [b"1"], {})
    within = S3Storage(f"{strict.place}/within")
    assert list(within.list()) == []
    within.write("b", [b"2"], {})
    assert [one.key for one in strict.list()] == ["a", "within/b"]
    within.close()
    for bad in ("s3://files/../a", "s3://files/a//b", "s3://files/a b", "s3://", "http://files"):
        with pytest.raises(InvalidInputError):
            S3Storage(bad)


@pytest.mark.usefixtures("strict")
def test_a_bucket_that_is_not_there_is_told_by_every_verb() -> None:
    missing = storage_of("s3://not-there", None)
    verbs: dict[str, Callable[[], object]] = {
        "write": lambda: missing.write("a", [b"1"], {}),
        "write in parts": lambda: missing.write("a", [b"1" * 9_000_000], {}),
        "stat": lambda: missing.stat("a"),
        "read": lambda: missing.read("a"),
        "delete": lambda: missing.delete("a"),
        "list": lambda: list(missing.list()),
        "sweep": lambda: missing.sweep("", 0),
    }
    for what, verb in verbs.items():
        with pytest.raises(StorageUnavailableError, match="not-there") as told:
            pytest.fail(f"{what}: {verb()!r}")
        assert "AWS_ENDPOINT_URL" in told.value.hints[0]
    missing.close()


def test_wrong_keys_and_a_server_that_is_away_are_told_soon(strict: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    strict.write("a", [b"1"], {})
    place = strict.place
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        stranger = S3Storage(place)
        verbs: tuple[Callable[[], object], ...] = (
            lambda: stranger.stat("a"),
            lambda: stranger.read("a"),
            lambda: stranger.write("a", [b"2"], {}),
        )
        for verb in verbs:
            with pytest.raises(StorageUnavailableError, match=r"403|Forbidden|SignatureDoesNotMatch"):
                verb()
        stranger.close()
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        away = S3Storage(place)
        with pytest.raises(StorageUnavailableError, match="can't be reached"):
            away.write("a", [b"2"], {})
        away.close()
    assert b"".join(strict.read("a")) == b"1"


def test_an_upload_in_parts_whose_content_ends_it_is_aborted_and_the_old_object_stays(strict: S3Storage) -> None:
    strict.write("a", [b"old"], {})

    def content() -> Iterator[bytes]:
        yield b"x" * LARGE
        yield b"x" * LARGE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        strict.write("a", content(), {})
    assert b"".join(strict.read("a")) == b"old"
    assert strict.sweep("", 0) == 0


def test_keys_that_are_taken_away_in_mid_upload_leave_nothing_and_are_told(strict: S3Storage) -> None:
    keys = strict._client._request_signer._credentials
    right = keys.secret_key

    def content() -> Iterator[bytes]:
        yield b"a" * (2 * strict._part_size)
        keys.secret_key = "taken away"
        yield b"a" * strict._part_size

    database = Database.in_memory()
    service = LocalFileService(database, system_clock, lambda: strict, Settings(files_quota=50_000_000))
    with bind_scope(Scope("acme")):
        kept = drive(service.upload(Octets([b"abc"]), "a.txt")).unwrap()
        try:
            with pytest.raises(StorageUnavailableError, match="SignatureDoesNotMatch"):
                drive(service.upload(Octets(content()), "b.txt")).unwrap()
            for refused in (drive(service.delete(kept.id)), drive(service.check(older_than=0))):
                assert isinstance(refused, Err)
                assert isinstance(refused.error, StorageUnavailableError)
        finally:
            keys.secret_key = right
        assert drive(service.usage()).unwrap() == Usage(1, 3, 50_000_000)
        assert b"".join(drive(service.read(kept.id)).unwrap()) == b"abc"
        assert drive(service.check(repair=True, older_than=0)).unwrap().ok
        assert strict.sweep("", 0) == 0
        assert [found.key for found in strict.list()] == [f"acme/{kept.id}"]
    database.close()


def test_without_boto3_the_extra_is_named(strict: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError, match="a storage of files on S3 needs the extra 's3'"):
        S3Storage(strict.place)
    with pytest.raises(NotFoundError):
        strict.read("a")


def _wrong(part: bytes) -> str:
    return base64.b64encode(hashlib.sha256(part + b"!").digest()).decode()
