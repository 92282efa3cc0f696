"""Plain bytes as an operation's parameter or answer: streamed both ways, never held as a whole.

Whoever has `Octets` goes through them once, by `for` in a thread that may wait, or by `async for`. Where they come
from (a file, a request's body, a server's answer) is the same to see.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from itertools import islice

from burgee.core.errors import InvalidInputError, ServerFailureError
from burgee.core.portal import driven, hop

MEDIA_TYPE = "application/octet-stream"

_LOOK_UP = 0.2  # seconds: as in `core.portal`, so that an interrupt is not missed


class RangeError(InvalidInputError):
    """The part that was asked for is not there; `total` is how many bytes there are."""

    code = "range"
    status = 416

    total: int


class Octets:
    """Bytes in pieces, to be gone through once.

    Args:
        pieces: them; asynchronous ones belong to the event loop that runs now.
        size: how many bytes will come, where it is known; fewer or more are a `ServerFailureError`.
        start: where in the whole they begin.
        total: how many bytes the whole has.
        headers: what is sent with them over HTTP.
        close: what to call when they are done with, or not wanted any more.
    """

    __slots__ = ("_close", "_loop", "_pieces", "headers", "size", "start", "total")

    def __init__(
        self,
        pieces: Iterable[bytes] | AsyncIterator[bytes],
        *,
        size: int | None = None,
        start: int = 0,
        total: int | None = None,
        headers: Mapping[str, str] | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop() if isinstance(pieces, AsyncIterator) else None
        self._close = close
        self.size = size
        self.start = start
        self.total = size if total is None else total
        self.headers = {} if headers is None else headers

    @property
    def is_part(self) -> bool:
        """Whether these are not all bytes of the whole."""
        return self.size != self.total

    @property
    def etag(self) -> str | None:
        """The quoted mark that changes with the content."""
        return self.headers.get("ETag")

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        try:
            for piece in self._waited():
                seen += len(piece)
                self._check(seen, over=False)
                yield piece
            self._check(seen, over=True)
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        try:
            async for piece in self._awaited():
                seen += len(piece)
                self._check(seen, over=False)
                yield piece
            self._check(seen, over=True)
        finally:
            await self.aclose()

    def close(self) -> None:
        """Let go of them, read or not."""
        if self._loop is not None:
            if self._close is not None and not self._loop.is_closed():
                _result(asyncio.run_coroutine_threadsafe(_closed(self._close), self._loop))
        elif callable(close := getattr(self._pieces, "close", None)):
            close()

    async def aclose(self) -> None:
        """As `close`, on an event loop."""
        if self._loop is None:
            await hop(self.close)
        elif self._close is not None:
            await self._close()

    def _check(self, seen: int, *, over: bool) -> None:
        if self.size is not None and (seen > self.size or (over and seen < self.size)):
            raise ServerFailureError(f"the bytes broke off: {self.size} were to come, {seen} came", hint="try again")

    def _waited(self) -> Iterator[bytes]:
        if not isinstance(self._pieces, AsyncIterator):
            yield from self._pieces
            return
        while self._loop is not None:
            piece = _result(asyncio.run_coroutine_threadsafe(_next(self._pieces), self._loop))
            if piece is None:
                return
            yield piece

    async def _awaited(self) -> AsyncIterator[bytes]:
        if isinstance(self._pieces, AsyncIterator):
            async for piece in self._pieces:
                yield piece
            return
        pieces = iter(self._pieces)

        while following := await hop(lambda: [*islice(pieces, 1)]):
            yield following[0]


async def apart[T](work: Callable[[], T]) -> T:
    """Do blocking work in a thread of its own, the scope with it; under `drive`, right here.

    What waits for bytes that arrive slowly must not keep one of the few threads that answer everybody.
    """
    if driven():
        return work()
    loop = asyncio.get_running_loop()
    done: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        if done.set_running_or_notify_cancel():
            try:
                done.set_result(context.run(work))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                done.set_exception(error)

    threading.Thread(target=run, name="burgee-octets", daemon=True).start()
    return await asyncio.wrap_future(done, loop=loop)


def range_header(start: int, stop: int | None) -> str | None:
    """The Range header (RFC 9110, section 14.2) of a part; none for all. A start below 0 counts from the end."""
    if stop is not None and (start < 0 or stop <= start):
        raise InvalidInputError(f"there are no bytes from {start} to before {stop}")
    if start < 0:
        return f"bytes={start}"
    return None if start == 0 and stop is None else f"bytes={start}-{'' if stop is None else stop - 1}"


def wanted_range(header: str | None) -> tuple[int, int | None] | None:
    """The one part a Range header asks for; none if it asks for all, for several, or for nothing that can be read."""
    unit, _, spec = (header or "").partition("=")
    first, dash, last = (part.strip() for part in spec.partition("-"))
    if unit.strip().lower() != "bytes" or not dash or not all(p.isascii() for p in (first, last)):
        return None
    if not first:
        return (-int(last), None) if last.isdecimal() and len(last) < _DIGITS and int(last) else None
    if not first.isdecimal() or not (last.isdecimal() or not last) or max(len(first), len(last)) > _DIGITS:
        return None
    if last and int(last) < int(first):
        return None
    return int(first), int(last) + 1 if last else None


_DIGITS = 18  # more bytes than there are anywhere


def content_range(octets: Octets) -> str:
    """The Content-Range header of a part."""
    return f"bytes {octets.start}-{octets.start + (octets.size or 0) - 1}/{octets.total}"


def placed(header: str | None) -> tuple[int, int | None]:
    """Start and total of a part, by its Content-Range."""
    _, _, spec = (header or "").partition(" ")
    place, _, total = spec.partition("/")
    start = place.partition("-")[0]
    return (int(start) if start.isdecimal() else 0, int(total) if total.isdecimal() else None)


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _closed(close: Callable[[], Awaitable[None]]) -> None:
    await close()


def _result[T](future: "Future[T]") -> T:
    while True:
        try:
            return future.result(_LOOK_UP)
        except TimeoutError:  # ours, or the work's own
            if future.done():
                raise
        except BaseException:
            future.cancel()
            raise
