"""Streams as answers of the server: server-sent events until the client is gone, the server stops, or a minute is over.

A stream that ends in peace is asked for again by its client, from where it was. So none needs to last: what
would end one after hours (a key revoked, a server added behind the balancer) takes effect within the minute.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import override

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from burgee.wire import sse
from burgee.wire.stream import Placed, Stream

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies and clients see that the connection lives."""

LIFE = 60.0
"""Seconds after which a stream ends in peace."""

_LAST_WORDS = 2.0  # seconds a reader may take for the end of its stream, when the server stops


class Streams:
    """The streams an application is sending."""

    def __init__(self) -> None:
        self._ends: set[asyncio.Event] = set()

    @contextmanager
    def one(self) -> Iterator[asyncio.Event]:
        """While one is sent; the event is set when it shall end."""
        end = asyncio.Event()
        self._ends.add(end)
        try:
            yield end
        finally:
            self._ends.discard(end)

    def end(self) -> None:
        """End all of them: the server stops."""
        for end in self._ends:
            end.set()


def streams_of(app: Starlette) -> Streams:
    """The streams of this application."""
    found = getattr(app.state, "streams", None)
    if not isinstance(found, Streams):
        found = app.state.streams = Streams()
    return found


class StreamResponse[T: Placed](StreamingResponse):
    """A stream, sent as it comes."""

    media_type = sse.MEDIA_TYPE

    def __init__(self, stream: Stream[T], adapter: TypeAdapter[object], kind: str, streams: Streams) -> None:
        # The last header is for nginx, which otherwise collects answers before it hands them on.
        super().__init__(iter(()), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._stream = stream
        self._adapter = adapter
        self._kind = kind
        self._streams = streams

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.one() as end:
            sending = asyncio.create_task(self._send(send))
            others = (asyncio.create_task(_gone(receive)), asyncio.create_task(end.wait()))
            try:
                await asyncio.wait((sending, *others), return_when=asyncio.FIRST_COMPLETED)
            finally:
                over = sending.done()
                for task in (sending, *others):
                    task.cancel()
                await asyncio.gather(sending, *others, return_exceptions=True)
                await self._stream.close()
            if over:
                sending.result()  # what went wrong breaks the connection off: the client asks again
            elif end.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(send({"type": "http.response.body"}), _LAST_WORDS)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        until = time.monotonic() + LIFE
        begin = sse.encode(id=str(self._stream.position))  # where it begins is told first, then what is there already
        wait = 0.0
        while time.monotonic() < until:
            items = await self._stream.some(wait)
            await send({"type": "http.response.body", "body": begin + self._messages(items), "more_body": True})
            begin = b""
            wait = min(HEARTBEAT, max(0.0, until - time.monotonic()))
        await send({"type": "http.response.body"})

    def _messages(self, items: Sequence[T]) -> bytes:
        parts = [
            sse.encode(self._adapter.dump_json(item).decode(), event=self._kind, id=str(item.position))
            for item in items
        ]
        if not items or items[-1].position < self._stream.position:
            parts.append(sse.encode(id=str(self._stream.position), comment="" if items else "nothing new"))
        return b"".join(parts)


async def _gone(receive: Receive) -> None:
    """Until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
