"""Streams as the client sees them: read as they arrive, and taken up again from the last position when they break.

A server that is started anew is waited for, half a second at first and longer each time. When the retries
of the settings are used up and nothing came meanwhile, the stream ends with `ServerUnavailableError`.
"""

import asyncio
import random
import time
import weakref
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import override

from burgee.core.errors import BurgeeError, ServerFailureError, ServerUnavailableError
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import Scope, current_scope
from burgee.wire import problem, sse
from burgee.wire.client import BrokenError, Flowing, HttpClient, Request
from burgee.wire.operation import Operation
from burgee.wire.stream import Placed, Stream

_FIRST_WAIT = 0.5  # seconds; at least half of it is waited, the rest is jitter
_LONGEST_WAIT = 5.0
_SILENCE = 45.0  # seconds: three heartbeats of the server
_LASTED = 5.0  # a stream that was up for so many seconds was up; what comes then is another failure

type Batch = tuple[Sequence[Placed], int]
"""Items that came together, and the position behind them."""


class RemoteStream(Stream[Placed]):
    """A stream of a server."""

    def __init__(self, source: "_Source", batches: AsyncGenerator[Batch], start: int, first: Batch) -> None:
        super().__init__(start)
        self._source = source
        self._batches = batches
        self._first: Batch | None = first
        # What is being read goes on being read when a wait for it is over or cancelled: so nothing is lost.
        self._reading: list[asyncio.Task[Batch]] = []
        self._closed = False
        weakref.finalize(self, _abandon, asyncio.get_running_loop(), self._reading)

    @property
    @override
    def connected(self) -> bool:
        return self._source.connected

    @override
    async def some(self, seconds: float | None = None) -> Sequence[Placed]:
        until = None if seconds is None else time.monotonic() + seconds
        while not self._closed:
            batch = await self._next(None if until is None else max(0.0, until - time.monotonic()))
            if batch is None:
                return ()
            items, self.position = batch
            if items:
                return items
        raise StopAsyncIteration

    @override
    async def close(self) -> None:
        self._closed = True
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        self._reading.clear()
        await self._batches.aclose()

    async def _next(self, seconds: float | None) -> Batch | None:
        """The next batch; none if it did not come in time."""
        if self._first is not None:
            batch, self._first = self._first, None
            return batch
        if not self._reading:
            self._reading.append(asyncio.create_task(_read(self._batches)))
        [task] = self._reading
        await asyncio.wait([task], timeout=seconds)
        if not task.done() or task.cancelled():  # cancelled it is when somebody closes the stream meanwhile
            return None
        self._reading.clear()
        return task.result()


def _abandon(loop: asyncio.AbstractEventLoop, reading: list[asyncio.Task[Batch]]) -> None:
    """Stop reading for a stream that nobody holds any more."""

    def stop() -> None:
        for task in reading:
            if not task.cancel() and not task.cancelled():
                task.exception()  # it has ended by itself, and nobody will ask why

    if not loop.is_closed():
        loop.call_soon_threadsafe(stop)


async def _read(batches: AsyncGenerator[Batch]) -> Batch:
    return await anext(batches)


async def follow(operation: Operation, http: HttpClient, request: Request) -> Result[RemoteStream, BurgeeError]:
    """Ask for a stream; it is there, and its position known, when this returns."""
    source = _Source(operation, http, request, current_scope())
    batches = source.batches()
    try:
        _, start = await anext(batches)
        return Ok(RemoteStream(source, batches, start, await anext(batches)))
    except operation.errors as error:
        return Err(error)


@dataclass(slots=True)
class _Source:
    """Where a stream comes from."""

    operation: Operation
    http: HttpClient
    request: Request
    scope: Scope
    connected: bool = False

    async def batches(self) -> AsyncGenerator[Batch]:
        """Where it begins, then what comes, over as many connections as it takes."""
        position: int | None = None
        failures = 0
        while True:
            begun = time.monotonic()
            peace = came = False
            try:
                async with self.http.flow(self.request, self.scope, after=position, silence=_SILENCE) as answer:
                    await self._check(answer)
                    self.connected = True
                    reader = sse.Reader()
                    async for piece in answer.pieces:
                        messages = reader.feed(piece)
                        if position is None and messages:
                            _, position = self._items(messages[:1], 0)
                            yield (), position
                        if position is not None and messages:
                            items, position = self._items(messages, position)
                            came = came or bool(items)
                            yield items, position
                peace, error = True, BrokenError("the stream ended")
            except BrokenError as broken:
                error, self.connected = broken, False
            if came or time.monotonic() - begun >= _LASTED:
                failures = 0
                if peace:
                    continue  # servers end streams now and then
            self.connected = False
            failures += 1
            if failures > self.http.retries:
                raise ServerUnavailableError(self.http.url, str(error), failures) from error
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failures - 1)) * random.uniform(0.5, 1)  # noqa: S311 - jitter is no secret
            await asyncio.sleep(max(wait, error.wait))

    async def _check(self, answer: Flowing) -> None:
        """Raise what the server answers instead of a stream."""
        if answer.status >= 300:  # noqa: PLR2004 - HTTP: everything below is success
            raise problem.from_problem(answer.status, await answer.rest(), answer.request_id)
        if answer.content_type != sse.MEDIA_TYPE:
            raise self._unexpected(answer.request_id)

    def _items(self, messages: Sequence[sse.Message], position: int) -> Batch:
        items: list[Placed] = []
        try:
            for message in messages:
                if message.data:
                    items.append(self.operation.adapter.validate_json(message.data))  # type: ignore[arg-type] # see Stream
                position = int(message.id) if message.id else position
        except ValueError:  # pydantic's is one, too
            raise self._unexpected(None) from None
        return items, position

    def _unexpected(self, request_id: str | None) -> ServerFailureError:
        return problem.unexpected(f"{self.operation.method} {self.operation.path}", request_id)
