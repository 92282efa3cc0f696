"""Plain bytes as a parameter and an answer, in process and over a socket."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Protocol, override

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from burgee.core.errors import BurgeeError, InvalidInputError, RemoteError, ServerFailureError
from burgee.core.portal import drive
from burgee.core.result import Err, Ok, Result
from burgee.core.settings import Settings
from burgee.wire.carrying import body_of, drain
from burgee.wire.client import HttpClient
from burgee.wire.mount import mount
from burgee.wire.octets import Octets, RangeError, apart, range_header, wanted_range
from burgee.wire.operation import operation
from burgee.wire.remote import remote
from services.server import free_port

MIB = 1 << 20


class Bytes(Protocol):
    """Gives and takes bytes."""

    @operation("GET", "/numbers/{size}")
    async def numbers(self, size: int, start: int = 0, stop: int | None = None) -> Result[Octets, InvalidInputError]:
        """So many bytes; of 13, the last ones never come."""
        ...

    @operation("POST", "/sums")
    async def sums(self, content: Octets, name: str) -> Result[str, InvalidInputError]:
        """The checksum of what is sent."""
        ...


class LocalBytes(Bytes):
    """Makes them here."""

    @override
    async def numbers(self, size: int, start: int = 0, stop: int | None = None) -> Result[Octets, InvalidInputError]:
        if start >= size > 0:
            return Err(RangeError(f"there are {size} bytes", total=size))
        first = max(0, size + start) if start < 0 else start
        last = size if stop is None else min(stop, size)
        there = _numbers(5 if size == 13 else last, first)
        return Ok(Octets(there, size=last - first, start=first, total=size, headers={"ETag": f'"{size}"'}))

    @override
    async def sums(self, content: Octets, name: str) -> Result[str, InvalidInputError]:
        def work() -> str:
            digest = hashlib.sha256()
            for piece in content:
                digest.update(piece)
            return f"{name} {digest.hexdigest()}"

        return Ok(await apart(work))


def _numbers(stop: int, start: int = 0) -> Iterator[bytes]:
    for at in range(start, stop, MIB):
        yield (
            bytes(number % 251 for number in range(at, min(at + MIB, stop)))
            if stop < MIB
            else bytes(min(MIB, stop - at))
        )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of them on a socket."""
    app = FastAPI()
    mount(app, Bytes, LocalBytes(), tag="bytes")
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=["asgi", "socket"])
def http(request: pytest.FixtureRequest) -> HttpClient:
    """A client of them."""
    if request.param == "socket":
        return HttpClient(request.getfixturevalue("address"), Settings(retries=0))
    app = FastAPI()
    mount(app, Bytes, LocalBytes(), tag="bytes")
    return HttpClient("http://burgee.test", Settings(retries=0), transport=httpx.ASGITransport(app))


async def _all(found: Result[Octets, BurgeeError]) -> bytes:
    return b"".join([piece async for piece in found.unwrap()])


def _asked[T](http: HttpClient, work: Coroutine[object, object, T]) -> T:
    async def asked() -> T:
        try:
            return await work
        finally:
            await http.close()

    return asyncio.run(asked())


@pytest.mark.parametrize(("start", "stop"), [(0, None), (3, None), (0, 1), (250, 260), (-7, None), (290, 999)])
def test_a_part_of_the_bytes_is_the_same_from_afar_as_here(http: HttpClient, start: int, stop: int | None) -> None:
    async def ask(service: Bytes) -> tuple[bytes, int, int | None]:
        found = await service.numbers(300, start, stop)
        octets = found.unwrap()
        return await _all(found), octets.start, octets.total

    there = _asked(http, ask(remote(Bytes, http)))
    assert there == asyncio.run(ask(LocalBytes()))
    assert there[0] == bytes(number % 251 for number in range(300))[start:stop]


def test_no_bytes_at_all_are_an_answer_too(http: HttpClient) -> None:
    async def ask() -> bytes:
        return await _all(await remote(Bytes, http).numbers(0))

    assert _asked(http, ask()) == b""


def test_a_part_that_is_not_there_says_how_many_bytes_there_are(http: HttpClient) -> None:
    async def ask() -> None:
        (await remote(Bytes, http).numbers(300, 400)).unwrap()

    with pytest.raises(RangeError, match="300 bytes") as caught:
        _asked(http, ask())
    assert caught.value.total == 300


def test_bytes_that_break_off_are_an_error_never_a_short_answer(http: HttpClient) -> None:
    async def ask() -> bytes:
        return await _all(await remote(Bytes, http).numbers(13))

    with pytest.raises(RemoteError):
        _asked(http, ask())


@pytest.mark.parametrize("sized", [True, False])
def test_what_is_sent_arrives_from_a_generator_and_from_an_asynchronous_one(http: HttpClient, sized: bool) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for piece in _numbers(3 * MIB):
            yield piece

    async def ask() -> list[str]:
        service = remote(Bytes, http)
        size = 3 * MIB if sized else None
        both = [await service.sums(Octets(pieces, size=size), "é/?") for pieces in (_numbers(3 * MIB), slowly())]
        return [found.unwrap() for found in both]

    expected = f"é/? {hashlib.sha256(bytes(3 * MIB)).hexdigest()}"
    assert _asked(http, ask()) == [expected, expected]


def test_fewer_bytes_than_were_said_are_no_upload(http: HttpClient) -> None:
    async def ask() -> None:
        (await remote(Bytes, http).sums(Octets([b"abc"], size=5), "x")).unwrap()

    with pytest.raises((ServerFailureError, RemoteError)):
        _asked(http, ask())


def test_nobody_waits_for_ever_for_more_of_a_body() -> None:
    async def ask() -> None:
        messages = [{"type": "http.request", "body": b"abc", "more_body": True}]

        async def receive() -> Message:
            return messages.pop() if messages else await asyncio.Future()

        request = Request({"type": "http", "method": "PUT", "headers": []}, receive)
        content = body_of(request, patience=0.01)
        pieces = aiter(content)
        assert await anext(pieces) == b"abc"
        with pytest.raises(InvalidInputError, match=r"nothing more came for 0\.01 seconds"):
            await anext(pieces)
        await drain(content)  # has nothing left to wait for

    asyncio.run(ask())


def test_something_else_than_octets_is_refused_by_name(http: HttpClient) -> None:
    async def ask() -> None:
        (await remote(Bytes, http).sums(b"abc", "x")).unwrap()  # type: ignore[arg-type]

    with pytest.raises(InvalidInputError, match="'content' must be Octets, not bytes"):
        _asked(http, ask())


def test_here_nothing_suspends() -> None:
    octets = Octets(_numbers(300))
    assert drive(LocalBytes().sums(octets, "x")).unwrap().startswith("x ")


def test_of_a_known_content_only_its_mark_is_sent_again(address: str) -> None:
    first = httpx.get(f"{address}/v1/numbers/300")
    again = httpx.get(f"{address}/v1/numbers/300", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize(
    ("header", "status", "length"),
    [
        ("bytes=0-9", 206, 10),
        ("bytes=290-", 206, 10),
        ("bytes=-10", 206, 10),
        ("bytes=0-9999999", 200, 300),
        ("bytes=0-1,5-6", 200, 300),
        ("bytes=9-2", 200, 300),
        ("bytes=-0", 200, 300),
        ("bytes=٣-٤", 200, 300),
        ("bytes=" + "9" * 99 + "-", 200, 300),
        ("lines=0-9", 200, 300),
        ("bytes=300-", 416, None),
    ],
    ids=["first", "last", "suffix", "all", "several", "backwards", "none", "arabic", "huge", "lines", "beyond"],
)
def test_a_range_is_one_part_or_it_is_ignored(address: str, header: str, status: int, length: int | None) -> None:
    answer = httpx.get(f"{address}/v1/numbers/300", headers={b"Range": header.encode()})
    assert answer.status_code == status
    if length is None:
        assert answer.headers["Content-Range"] == "bytes */300"
    else:
        assert len(answer.content) == length
    assert ("Content-Range" in answer.headers) == (status != 200)


@given(st.integers(-1000, 1000), st.none() | st.integers(1, 1000))
def test_a_range_is_read_as_it_is_written(start: int, stop: int | None) -> None:
    if stop is not None and (start < 0 or stop <= start):
        with pytest.raises(InvalidInputError):
            range_header(start, stop)
    elif (start, stop) == (0, None):
        assert range_header(start, stop) is None
    else:
        assert wanted_range(range_header(start, stop)) == (start, stop)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_a_range(text: str) -> None:
    assert wanted_range(f"bytes={text}") is None or "-" in text
