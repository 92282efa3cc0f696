"""The client: the one module that speaks HTTP to a server. It knows no protocol by name.

A request that failed is tried again, with exponential backoff and jitter, only where a second
time can do no harm: the connection was never made, or the operation is repeatable. Every try of one
call carries the same idempotency key.
"""

import asyncio
import contextlib
import random
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import override
from urllib.parse import urlsplit

import httpx

from burgee.core.errors import InvalidInputError, ServerUnavailableError, WorkspaceError
from burgee.core.ids import new_id
from burgee.core.scope import Scope, current_scope
from burgee.core.settings import Settings
from burgee.wire import arrow, sse
from burgee.wire.inprocess import Exchange
from burgee.wire.octets import Octets

type Transport = httpx.AsyncBaseTransport
"""A way to send requests: `httpx.ASGITransport(app)` reaches a server in this process."""

TENANT_HEADER = "Burgee-Tenant"
IDEMPOTENCY_HEADER = "Idempotency-Key"
REQUEST_HEADER = "X-Request-Id"

_FIRST_WAIT = 0.1  # seconds; at least half of it is waited, the rest is jitter
_LONGEST_WAIT = 5.0
_LOOKED_THROUGH = 300.0
_BUSY = {429, 502, 503, 504}
_UNLIMITED = httpx.Limits(max_connections=None, max_keepalive_connections=0)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | Octets | None
    content_type: str | None
    repeatable: bool
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered."""

    status: int
    body: bytes
    content_type: str
    request_id: str | None


class BrokenError(Exception):
    """A stream broke, or could not begin; it may be tried again after `wait` seconds. Stays within `wire`."""

    def __init__(self, why: str, *, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Flowing:
    """What is being answered: `pieces` is the body, as it arrives; `rest` is all of it."""

    status: int
    content_type: str
    request_id: str | None
    pieces: AsyncIterator[bytes]
    rest: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Arriving:
    """Bytes that arrive: `pieces` is the body, once; `rest` is all of it. `close` in any case."""

    status: int
    content_type: str
    request_id: str | None
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]
    rest: Callable[[], Awaitable[bytes]]
    close: Callable[[], Awaitable[None]]


class HttpClient:
    """A server's address, with what is needed to be let in."""

    def __init__(self, url: str, settings: Settings, *, transport: Transport | None = None) -> None:
        if settings.token is not None and not settings.token.get_secret_value().isascii():
            raise InvalidInputError("the token holds characters that no key or JWT has")
        try:
            host, _ = urlsplit(url).hostname, urlsplit(url).port
        except ValueError as error:
            raise InvalidInputError(f"{url!r} is no address of a server: {error}") from None
        if not host:
            raise InvalidInputError(f"{url!r} names no server", hint="write it like https://flags.example")
        self.url = url.rstrip("/")
        self._settings = settings
        self._transport = _InProcess(transport) if type(transport) is httpx.ASGITransport else transport
        # Connections belong to an event loop: the portal's, or that of whoever awaits the services. Streams have
        # theirs apart, as many as there are: requests need not wait until one of them ends.
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, httpx.AsyncClient]]
        self._clients = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def retries(self) -> int:
        """How often what failed is tried again."""
        return self._settings.retries

    async def send(self, request: Request) -> Response:
        """Ask, and ask again where that is safe; `ServerUnavailableError` when all tries are used up."""
        return _response(await self._tried(request, stream=False))

    async def fetch(self, request: Request) -> Arriving:
        """Ask as `send` does, for an answer that is read as it arrives."""
        answer = await self._tried(request, stream=True)
        return Arriving(
            answer.status_code,
            _content_type(answer),
            answer.headers.get(REQUEST_HEADER),
            answer.headers,
            self._arriving(answer),
            partial(self._whole, answer),
            answer.aclose,
        )

    async def _whole(self, answer: httpx.Response) -> bytes:
        return b"".join([piece async for piece in self._arriving(answer)])

    async def _arriving(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_raw():
                yield piece
        except httpx.TransportError as error:
            raise ServerUnavailableError(self.url, f"it broke off: {_why(error)}", 1) from error
        finally:
            await answer.aclose()

    def _need_open(self) -> None:
        """Refuse to begin anything after the end: it would go on in the background, and nobody would close it."""
        if self._closed:
            raise WorkspaceError(f"the workspace {self.url!r} is closed", hint="open it again: burgee.open(…)")

    async def _tried(self, request: Request, *, stream: bool) -> httpx.Response:
        self._need_open()
        headers = self._headers(request, current_scope())
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - jitter is no secret
            try:
                client = self._client(streams=stream)
                body = request.body
                sent = client.build_request(
                    request.method,
                    request.path,
                    params=request.query,
                    content=aiter(body) if isinstance(body, Octets) else body,
                    headers=headers,
                    timeout=self._timeout(request),
                )
                answer = await client.send(sent, stream=stream)
            except httpx.TransportError as error:
                if last or not (request.repeatable or isinstance(error, _NEVER_SENT)):
                    raise ServerUnavailableError(self.url, _why(error), attempt + 1) from error
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise ServerUnavailableError(self.url, str(error), attempt + 1) from error
            else:
                if last or not request.repeatable or answer.status_code not in _BUSY:
                    return answer
                wait = max(wait, _retry_after(answer))
                await answer.aclose()
            await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    @asynccontextmanager
    async def flow(
        self, request: Request, scope: Scope, *, after: int | None, silence: float
    ) -> AsyncIterator[Flowing]:
        """Ask once for a stream, in this scope, from that position on; `silence` is how many seconds it may be still.

        Raises:
            BrokenError: the server can't be reached or is busy, or the connection broke; maybe later.
            WorkspaceError: the workspace is closed.
        """
        self._need_open()
        headers = self._headers(request, scope) | {"Accept": f"{sse.MEDIA_TYPE}, application/json"}
        if after is not None:
            headers[sse.LAST_ID] = str(after)
        timeout = httpx.Timeout(self._settings.timeout, read=max(self._settings.timeout, silence))
        where = (request.method, request.path)
        try:
            async with self._client(streams=True).stream(
                *where, params=request.query, content=request.body, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code in _BUSY:
                    raise BrokenError(f"it answers {answer.status_code}", wait=_retry_after(answer))
                yield Flowing(
                    answer.status_code,
                    _content_type(answer),
                    answer.headers.get(REQUEST_HEADER),
                    answer.aiter_bytes(),
                    answer.aread,
                )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ServerUnavailableError(self.url, str(error), 1) from error
        except httpx.TransportError as error:
            raise BrokenError(_why(error)) from error

    async def close(self) -> None:
        """Close the connections of the running loop, and end all streams."""
        self._closed = True
        with self._lock:
            clients = self._clients.pop(asyncio.get_running_loop(), {})
        for client in clients.values():
            await client.aclose()

    def _headers(self, request: Request, scope: Scope) -> dict[str, str]:
        headers = {"Accept": f"application/json, {arrow.MEDIA_TYPE}", REQUEST_HEADER: scope.request_id or new_id()}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        if scope.tenant is not None:
            headers[TENANT_HEADER] = scope.tenant
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        if isinstance(request.body, Octets) and request.body.size is not None:
            headers["Content-Length"] = str(request.body.size)
        if isinstance(request.body, Octets) or request.headers:
            headers["Accept-Encoding"] = "identity"  # the bytes are counted as they are
        headers.update(request.headers)
        if request.method != "GET":
            headers[IDEMPOTENCY_HEADER] = scope.idempotency_key or new_id()
        return headers

    def _timeout(self, request: Request) -> httpx.Timeout:
        """A server that was sent bytes looks through all of them before it answers."""
        longest = max(self._settings.timeout, _LOOKED_THROUGH)
        taken = isinstance(request.body, Octets)
        return httpx.Timeout(self._settings.timeout, read=longest if taken else self._settings.timeout)

    def _client(self, *, streams: bool = False) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            clients = self._clients.setdefault(loop, {})
            client = clients.get(streams)
            if client is None:
                client = clients[streams] = httpx.AsyncClient(
                    base_url=self.url,
                    timeout=self._settings.timeout,
                    transport=self._transport,
                    limits=_UNLIMITED if streams else httpx.Limits(max_connections=100, max_keepalive_connections=20),
                    trust_env=self._transport is None,
                    follow_redirects=False,  # a redirect could carry the token elsewhere
                )
        return client


class _InProcess(httpx.AsyncBaseTransport):
    """As `httpx.ASGITransport`, but the answer is handed on while it is made."""

    def __init__(self, told: httpx.ASGITransport) -> None:
        self._told = told

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": self._told.client,
            "root_path": self._told.root_path,
        }
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("a request of an asynchronous client has an asynchronous body")
        exchange = Exchange(self._told.app, scope, aiter(request.stream))  # type: ignore[arg-type] # httpx types it looser
        try:
            await exchange.begin()
        except BaseException:
            await exchange.close()
            raise
        return httpx.Response(exchange.status, headers=exchange.headers, stream=_Pieces(exchange))


class _Pieces(httpx.AsyncByteStream):
    """The body of an answer that is being made."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._exchange.pieces():
                yield piece
        except Exception as error:  # over a socket, the connection would break off
            raise httpx.ReadError(f"the application failed: {error}") from error

    @override
    async def aclose(self) -> None:
        await self._exchange.close()


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _content_type(answer: httpx.Response) -> str:
    kind: str = answer.headers.get("Content-Type", "")
    return kind.partition(";")[0].strip()


def _response(answer: httpx.Response) -> Response:
    return Response(answer.status_code, answer.content, _content_type(answer), answer.headers.get(REQUEST_HEADER))


def _retry_after(answer: httpx.Response) -> float:
    """The seconds a busy server asks for, within reason."""
    with contextlib.suppress(ValueError):
        return min(_LONGEST_WAIT, max(0.0, float(answer.headers.get("Retry-After", "0"))))
    return 0.0
