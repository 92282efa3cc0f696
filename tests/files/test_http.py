"""Files as anybody on the network may ask for them, or send them: with plain sockets, and headers of every kind (R6.2,
R6.3, R6.7)."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import burgee
from burgee.workspace import Tenant

CONTENT = b"0123456789" * 10
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def tenant(served: tuple[str, Path], admin_key: str) -> Iterator[Tenant]:
    """A tenant of the server on a socket."""
    with burgee.open(served[0], token=admin_key) as ws:
        yield ws.tenants.create(f"http-{next(_numbers)}")


@pytest.fixture(scope="module")
def address(tenant: Tenant) -> str:
    """A signed address of a file of 100 bytes."""
    return tenant.files.upload(CONTENT, "a.txt").url(expires=600)


WHOLE = (200, None, CONTENT)


@pytest.mark.parametrize(
    ("asked", "status", "place", "content"),
    [
        ("bytes=0-3", 206, "bytes 0-3/100", b"0123"),
        ("bytes=-5", 206, "bytes 95-99/100", b"56789"),
        ("bytes=95-1000", 206, "bytes 95-99/100", b"56789"),
        ("bytes=-1000", *WHOLE),
        ("bytes=100-", 416, "bytes */100", None),
        ("bytes=5-2", *WHOLE),
        ("bytes=0-1,3-4", *WHOLE),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(5_000)), *WHOLE),
        ("bytes=0-" + "9" * 5_000, *WHOLE),
        ("bytes=+1-2", *WHOLE),
        ("bytes=\u0663-\u0664", *WHOLE),
        ("lines=0-1", *WHOLE),
    ],
    ids=range(12),
)
def test_a_range_gives_its_part_and_what_is_no_range_the_whole(
    address: str, asked: str, status: int, place: str | None, content: bytes | None
) -> None:
    got = httpx.get(address, headers={b"Range": asked.encode()})
    assert (got.status_code, got.headers.get("Content-Range")) == (status, place)
    assert content is None or got.content == content
    assert got.headers.get("X-Content-Type-Options") == ("nosniff" if status != 416 else None)


def test_its_length_can_be_asked_without_its_content(address: str) -> None:
    head, whole = httpx.head(address, headers={"Range": "bytes=0-3"}), httpx.get(address)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "100", b"")
    ours = {"content-disposition", "content-length", "content-type", "etag", "accept-ranges"}
    assert {name: head.headers.get(name) for name in ours} == {name: whole.headers.get(name) for name in ours}
    assert httpx.head(address[:-4] + "AAAA").status_code == 403
    assert httpx.head(address, headers={"If-Match": '"of another"'}).status_code == 412


def test_a_part_of_what_was_changed_meanwhile_is_not_given_and_what_is_known_is_not_sent_again(address: str) -> None:
    mark = httpx.get(address).headers["ETag"]
    for part, condition, status in (
        ("bytes=0-3", {"If-Range": mark}, 206),
        ("bytes=0-3", {"If-Range": '"of another"'}, 200),
        ("bytes=0-3", {"If-Range": f"W/{mark}"}, 200),
        ("bytes=500-", {"If-Range": '"of another"'}, 200),
        ("bytes=500-", {"If-None-Match": mark}, 304),
        ("bytes=0-3", {"If-None-Match": f'"x", W/{mark}'}, 304),
        ("bytes=0-3", {"If-None-Match": '"x"'}, 206),
        ("bytes=0-3", {"If-Match": f'"x", {mark}'}, 206),
        ("bytes=0-3", {"If-Match": "*"}, 206),
        ("bytes=0-3", {"If-Match": '"x"'}, 412),
        ("bytes=500-", {"If-Match": '"x"'}, 412),
    ):
        got = httpx.get(address, headers={"Range": part, **condition})
        assert (part, condition, got.status_code) == (part, condition, status)
        assert got.status_code != 200 or got.content == CONTENT


def sent(url: str, head: bytes, body: bytes) -> bytes:
    """The first line of what the server answers to a PUT with these headers and this body."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=10) as line:
        path = place.path.encode()
        line.sendall(b"PUT " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + head + b"\r\n" + body)
        line.shutdown(socket.SHUT_WR)
        return line.recv(1_000).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 10\r\n", b"01234"),
        (b"Content-Length: 5\r\n", b"01234"),
        (b"Content-Length: -1\r\n", b""),
        (b"Content-Length: " + b"9" * 5_000 + b"\r\n", b"0123456789"),
        (b"Content-Length: 5\r\nContent-Length: 10\r\n", b"0123456789"),
        (b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n", b"5\r\n01234\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"ZZ\r\n01234\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\n01234"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 10\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"),
        (b"Content-Length: 10\r\nContent-Encoding: gzip\r\n", b"0123456789"),
        (b"Content-Length: 10\r\nContent-Range: bytes 0-9/20\r\n", b"0123456789"),
    ],
    ids=[
        *("breaks off", "too short", "negative", "endless", "two lengths", "two ways", "no chunk", "no end"),
        *("one length twice", "packed", "a part"),
    ],
)
def test_a_body_that_is_not_just_the_file_leaves_nothing_behind_and_is_no_failure_of_the_server(
    tenant: Tenant, head: bytes, body: bytes
) -> None:
    before = tenant.files.usage()
    to = tenant.files.upload_url("n.txt", type="text/plain", size=10)
    said = sent(to.url, head, body)
    assert b" 500 " not in said
    assert b" 20" not in said
    assert tenant.files.usage() == before
    assert tenant.files.check().orphans == ()
    assert httpx.put(to.url, content=b"0123456789", headers={"Content-Type": "text/plain"}).status_code == 201
    tenant.files[to.id].delete()


def test_an_uploader_that_hangs_up_is_not_an_error_in_the_servers_log(served: tuple[str, Path], tenant: Tenant) -> None:
    to = tenant.files.upload_url("n.txt", type="text/plain", size=10)
    sent(to.url, b"Content-Length: 10\r\n", b"01234")
    assert tenant.files.usage().files == 1
    [log] = served[1].parent.glob("server-*.log")
    assert "ClientDisconnect" not in log.read_text()
