"""One request to an ASGI application in this process, whose answer is handed on while it is made.

httpx's own `ASGITransport` collects the whole answer first: a stream without an end would never arrive.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import cast

type Message = MutableMapping[str, object]
type Application = Callable[
    [Mapping[str, object], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
"""An ASGI application, whatever made it."""


class Exchange:
    """The request and its answer: first `begin`, then the `pieces` of the body; `close` it in any case."""

    def __init__(self, app: Application, scope: Mapping[str, object], body: AsyncIterator[bytes]) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self._app = app
        self._scope = scope
        self._body: AsyncIterator[bytes] | None = body
        self._begun = asyncio.Event()
        self._gone = asyncio.Event()
        self._made: asyncio.Queue[bytes | None] = asyncio.Queue(1)  # one at a time: whoever reads slowly is waited for
        self._work: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Until status and headers are there; what the application raises before is raised here."""
        self._work = asyncio.create_task(self._run())
        begun = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait((self._work, begun), return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        if not self._begun.is_set():
            self._work.result()
            raise RuntimeError("the application ended without an answer")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body; what the application raises meanwhile is raised here."""
        while (piece := await self._made.get()) is not None:
            yield piece
        if self._work is not None:
            await self._work

    async def close(self) -> None:
        """Be gone, and let the application see it."""
        self._gone.set()
        if self._work is not None and not self._work.done():
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._work

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            if not self._gone.is_set() and self._begun.is_set():
                await self._made.put(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            piece = await anext(self._body, None)
            if piece is None:
                self._body = None
            return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = cast("int", message["status"])
            self.headers = cast("list[tuple[bytes, bytes]]", message.get("headers", []))
            self._begun.set()
        elif piece := cast("bytes", message.get("body", b"")):
            await self._made.put(piece)
