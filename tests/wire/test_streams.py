"""Streams over the wire: any protocol can answer one; it is read as it comes, and taken up again where it broke."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol, override

import httpx
import pytest
from fastapi import FastAPI

from burgee.core.errors import AuthenticationError, InvalidInputError, ServerFailureError, ServerUnavailableError
from burgee.core.portal import portal
from burgee.core.result import Err, Ok, Result
from burgee.core.settings import Settings
from burgee.wire import following, problem, serving, sse
from burgee.wire.client import HttpClient
from burgee.wire.mount import mount
from burgee.wire.operation import operation, operations
from burgee.wire.remote import remote
from burgee.wire.stream import Stream


@dataclass(frozen=True, slots=True)
class Tick:
    position: int
    text: str


class Ticks(Stream[Tick]):
    """So many ticks at once, then one for each that is put."""

    def __init__(self, after: int, upto: int) -> None:
        super().__init__(after)
        self.more: asyncio.Queue[Tick] = asyncio.Queue()
        self.asked: list[float | None] = []
        self.closed = False
        self.given_back = asyncio.Event()
        for position in range(after + 1, upto + 1):
            self.more.put_nowait(Tick(position, f"tick {position}\n\r\u2028ü"))

    @override
    async def some(self, seconds: float | None = None) -> Sequence[Tick]:
        self.asked.append(seconds)
        if self.more.empty() and not seconds:
            return ()
        try:
            tick = await asyncio.wait_for(self.more.get(), seconds)
        except TimeoutError:
            return ()
        if tick.text == "fail":
            raise ZeroDivisionError
        self.position = tick.position
        return (tick,)

    @override
    async def close(self) -> None:
        self.closed = True
        self.given_back.set()


class Clock(Protocol):
    """A protocol no part of burgee knows."""

    @operation("POST", "/ticks", repeatable=True)
    async def follow(self, upto: int, after: int | None = None) -> Result[Stream[Tick], InvalidInputError]:
        """Ticks."""
        ...


class LocalClock:
    def __init__(self) -> None:
        self.streams: list[Ticks] = []

    async def follow(self, upto: int, after: int | None = None) -> Result[Stream[Tick], InvalidInputError]:
        if upto < 0:
            return Err(InvalidInputError("no ticks below 0"))
        self.streams.append(Ticks(after or 0, upto))
        return Ok(self.streams[-1])


@pytest.fixture
def clock() -> LocalClock:
    return LocalClock()


@pytest.fixture
def app(clock: LocalClock) -> FastAPI:
    made = FastAPI()
    mount(made, Clock, clock, tag="clock")
    return made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries."""
    monkeypatch.setattr(following, "_FIRST_WAIT", 0.0)


def client(transport: httpx.AsyncBaseTransport, retries: int = 2) -> Clock:
    return remote(Clock, HttpClient("http://test", Settings(retries=retries), transport=transport))


def run[T](work: Callable[[], Coroutine[object, object, T]]) -> T:
    return portal.run(work())


def message(position: int) -> bytes:
    return sse.encode(json.dumps({"position": position, "text": "x"}), id=str(position))


def test_items_arrive_as_they_come_and_as_they_were_sent(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app)).follow(3)).unwrap()
        assert stream.position == 0
        assert [await anext(stream) for _ in range(3)] == [Tick(n, f"tick {n}\n\r\u2028ü") for n in (1, 2, 3)]
        assert await stream.some(0.01) == ()
        clock.streams[0].more.put_nowait(Tick(9, "late"))
        assert await stream.some(5) in ([Tick(9, "late")], (Tick(9, "late"),))
        assert stream.position == 9
        await stream.close()
        with pytest.raises(StopAsyncIteration):
            await stream.some(1)

    run(work)


def test_the_server_ends_a_stream_as_soon_as_its_reader_is_gone(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app)).follow(1)).unwrap()
        assert not clock.streams[0].closed
        await stream.close()
        assert clock.streams[0].closed

    run(work)


def test_a_stream_nobody_holds_any_more_is_given_back(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app)).follow(1)).unwrap()
        await anext(stream)
        assert await stream.some(0.01) == ()  # so that it is reading
        del stream
        async with asyncio.timeout(20):
            await clock.streams[0].given_back.wait()

    run(work)


def test_an_expected_failure_is_an_err_at_once(app: FastAPI) -> None:
    async def refused(_: object, error: Exception) -> httpx.Response:
        from fastapi import Response

        assert isinstance(error, InvalidInputError)
        return Response(problem.to_problem(error, "r-1"), error.status, media_type=problem.MEDIA_TYPE)  # type: ignore[return-value]

    app.add_exception_handler(InvalidInputError, refused)  # type: ignore[arg-type]
    result = run(lambda: client(httpx.ASGITransport(app)).follow(-1))
    assert isinstance(result, Err)
    assert "below 0" in result.error.message


def test_a_wait_that_is_cancelled_loses_nothing(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app)).follow(0)).unwrap()
        for position in range(1, 30):
            waiting = asyncio.create_task(stream.some())
            await asyncio.sleep(0)
            clock.streams[0].more.put_nowait(Tick(position, "x"))
            if position % 3:
                for _ in range(position % 7):
                    await asyncio.sleep(0)
                waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            before = [] if waiting.cancelled() else [tick.position for tick in waiting.result()]
            seen.extend(before)
        while not seen or seen[-1] < 29:
            seen.extend(tick.position for tick in await stream.some(5))
        await stream.close()

    seen: list[int] = []
    run(work)
    assert seen == list(range(1, 30))


class Servers(httpx.AsyncBaseTransport):
    """Answers each request as told; keeps from where each wanted to go on."""

    def __init__(self, *answers: Callable[[], httpx.Response]) -> None:
        self.answers = iter(answers)
        self.last_ids: deque[str | None] = deque()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.last_ids.append(request.headers.get("Last-Event-ID"))
        return next(self.answers)()


class Broken(httpx.AsyncByteStream):
    """Some pieces, then the connection breaks, or ends in peace."""

    def __init__(self, pieces: Sequence[bytes], *, peace: bool) -> None:
        self.pieces, self.peace = pieces, peace

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if not self.peace:
            raise httpx.ReadError("connection reset")


def answers(*pieces: bytes, peace: bool = False) -> Callable[[], httpx.Response]:
    headers = {"Content-Type": "text/event-stream"}
    return lambda: httpx.Response(200, headers=headers, stream=Broken(pieces, peace=peace))


def refuses() -> httpx.Response:
    raise httpx.ConnectError("refused")


async def positions(servers: Servers, count: int, retries: int = 2) -> list[int]:
    stream = (await client(servers, retries).follow(0)).unwrap()
    found = [(await anext(stream)).position for _ in range(count)]
    await stream.close()
    return found


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("peace", [True, False])
def test_a_stream_that_breaks_is_taken_up_behind_the_last_whole_message(peace: bool) -> None:
    whole = sse.encode(id="0") + message(1) + message(2)
    servers = Servers(
        answers(whole, message(3)[:-1], peace=peace),  # the third lacks its end
        answers(sse.encode(id="2"), message(3), sse.encode(id="8", comment="nothing new")),
        refuses,
        lambda: httpx.Response(503),
        answers(sse.encode(id="8"), message(9)),
    )
    assert run(lambda: positions(servers, 4, retries=3)) == [1, 2, 3, 9]
    assert list(servers.last_ids) == [None, "2", "8", "8", "8"]


@pytest.mark.usefixtures("patient")
def test_tries_without_anything_new_are_counted_and_end_in_a_clear_error() -> None:
    servers = Servers(answers(sse.encode(id="0") + message(1)), answers(sse.encode(id="1"), peace=True), refuses)
    with pytest.raises(ServerUnavailableError, match="refused") as caught:
        run(lambda: positions(servers, 2))
    assert caught.value.tries == 3
    assert "burgee serve" in caught.value.hints[0]


@pytest.mark.usefixtures("patient")
def test_a_server_that_is_not_there_at_first_is_tried_too() -> None:
    servers = Servers(refuses, lambda: httpx.Response(503), answers(sse.encode(id="0"), message(1)))
    assert run(lambda: positions(servers, 1)) == [1]


@pytest.mark.usefixtures("patient")
def test_what_will_not_get_better_is_raised_at_once() -> None:
    body = problem.to_problem(AuthenticationError("revoked"), "r-2")
    revoked = Servers(answers(sse.encode(id="0") + message(1)), lambda: httpx.Response(401, content=body))
    with pytest.raises(AuthenticationError, match="revoked"):
        run(lambda: positions(revoked, 2))
    html = Servers(lambda: httpx.Response(200, html="<p>hello</p>"))
    with pytest.raises(ServerFailureError, match="not what this burgee expects"):
        run(lambda: positions(html, 1))
    nonsense = Servers(answers(sse.encode(id="0") + sse.encode('{"what": 1}', id="1")))
    with pytest.raises(ServerFailureError, match="not what this burgee expects"):
        run(lambda: positions(nonsense, 1))


@pytest.mark.usefixtures("patient")
def test_what_fails_on_the_server_in_the_middle_breaks_the_stream_off(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app), retries=1).follow(1)).unwrap()
        await anext(stream)
        clock.streams[0].more.put_nowait(Tick(2, "fail"))

        async def go_on() -> None:
            async with asyncio.timeout(20):
                while True:  # the second try fails as the first
                    await stream.some(0.02)
                    clock.streams[-1].more.put_nowait(Tick(3, "fail"))

        with pytest.raises(ServerUnavailableError) as caught:
            await go_on()
        assert caught.value.tries == 2
        assert all(one.closed for one in clock.streams)

    run(work)


def test_a_stream_ends_in_peace_after_a_while_and_is_asked_for_again(
    app: FastAPI, clock: LocalClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LIFE", 0.05)

    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app), retries=0).follow(4)).unwrap()
        assert [(await anext(stream)).position for _ in range(4)] == [1, 2, 3, 4]
        async with asyncio.timeout(20):
            while len(clock.streams) < 2:
                assert await stream.some(0.01) == ()
        assert clock.streams[1].position == 4
        clock.streams[-1].more.put_nowait(Tick(5, "x"))
        await stream.close()

    run(work)


def test_silence_is_told_with_a_comment_and_the_position(
    app: FastAPI, clock: LocalClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEARTBEAT", 0.02)

    async def work() -> str:
        sent: list[bytes] = []

        async def receive() -> dict[str, object]:
            if not asked:
                asked.append(True)
                return {"type": "http.request", "body": b'{"upto": 1}', "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(told: dict[str, bytes]) -> None:
            sent.append(told.get("body", b""))
            if sent.count(b": nothing new\nid: 1\n\n") >= 2:
                gone.set()

        asked: list[bool] = []
        gone = asyncio.Event()
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/ticks", "headers": headers, "query_string": b""}
        async with asyncio.timeout(20):
            await app(scope, receive, send)  # type: ignore[arg-type]
        return b"".join(sent).decode()

    said = run(work)
    assert said.startswith("id: 0\n\n")
    assert 'id: 1\nevent: Tick\ndata: {"position":1,"text":"tick 1\\n\\r\u2028ü"}\n\n' in said
    assert clock.streams[0].closed


def test_all_streams_end_in_peace_when_the_server_stops(app: FastAPI, clock: LocalClock) -> None:
    async def work() -> None:
        stream = (await client(httpx.ASGITransport(app), retries=0).follow(1)).unwrap()
        await anext(stream)
        serving.streams_of(app).end()

        async def go_on() -> None:
            for _ in range(3):  # it is asked for again, as it had brought something; then no more
                await stream.some(0.2)
                serving.streams_of(app).end()

        with pytest.raises(ServerUnavailableError, match="ended"):
            await go_on()
        assert clock.streams[0].closed

    run(work)


def test_openapi_tells_of_the_stream(app: FastAPI) -> None:
    """R10.5."""
    route = app.openapi()["paths"]["/v1/ticks"]["post"]
    assert set(route["responses"]["200"]["content"]) == {"text/event-stream"}
    assert "Tick" in route["responses"]["200"]["description"]
    assert [parameter["name"] for parameter in route["parameters"]] == ["Last-Event-ID"]


@pytest.mark.parametrize("wanted", ["x", "-1", "٣", "1.5"])
def test_a_last_id_that_is_no_position_is_refused(app: FastAPI, wanted: str) -> None:
    async def work() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            headers = {"Last-Event-ID": wanted.encode()}
            with pytest.raises(InvalidInputError, match="Last-Event-ID"):
                await http.post("/v1/ticks", json={"upto": 1}, headers=headers)  # type: ignore[arg-type]

    run(work)


def test_a_stream_that_could_not_be_taken_up_again_is_refused_when_read() -> None:
    class Wrong(Protocol):
        @operation("POST", "/x")
        async def x(self) -> Result[Stream[Tick], InvalidInputError]: ...

    with pytest.raises(TypeError, match="after"):
        operations(Wrong)


def test_items_handed_over_one_by_one_are_those_handed_over_together() -> None:
    async def work() -> list[int]:
        stream = Ticks(0, 7)
        return [(await anext(stream)).position for _ in range(7)]

    assert run(work) == [1, 2, 3, 4, 5, 6, 7]
