"""The client: the one module that speaks HTTP to a server. It knows no protocol by name.

A request that failed is tried again, with exponential backoff and full jitter, only where a second
time can do no harm: the connection was never made, or the operation is repeatable. Every try of one
call carries the same idempotency key.
"""

import asyncio
import contextlib
import random
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from burgee.core.errors import InvalidInputError, ServerUnavailableError
from burgee.core.ids import new_id
from burgee.core.scope import current_scope
from burgee.core.settings import Settings
from burgee.wire import arrow

type Transport = httpx.AsyncBaseTransport
"""A way to send requests: `httpx.ASGITransport(app)` reaches a server in this process."""

TENANT_HEADER = "Burgee-Tenant"
IDEMPOTENCY_HEADER = "Idempotency-Key"
REQUEST_HEADER = "X-Request-Id"

_FIRST_WAIT = 0.1  # seconds
_LONGEST_WAIT = 5.0
_BUSY = {429, 502, 503, 504}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None
    content_type: str | None
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered."""

    status: int
    body: bytes
    content_type: str
    request_id: str | None


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
        self._transport = transport
        # Connections belong to an event loop: the portal's, or that of whoever awaits the services.
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]
        self._clients = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    async def send(self, request: Request) -> Response:
        """Ask, and ask again where that is safe; `ServerUnavailableError` when all tries are used up."""
        headers = self._headers(request)
        for attempt in range(self._settings.retries + 1):
            last = attempt == self._settings.retries
            wait = random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))  # noqa: S311 - jitter is no secret
            try:
                answer = await self._client().request(
                    request.method, request.path, params=request.query, content=request.body, headers=headers
                )
            except httpx.TransportError as error:
                if last or not (request.repeatable or isinstance(error, _NEVER_SENT)):
                    why = str(error) or type(error).__name__
                    raise ServerUnavailableError(self.url, why, attempt + 1) from error
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise ServerUnavailableError(self.url, str(error), attempt + 1) from error
            else:
                if last or not request.repeatable or answer.status_code not in _BUSY:
                    return _response(answer)
                wait = max(wait, _retry_after(answer))
            await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Close the connections of the running loop."""
        with self._lock:
            client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _headers(self, request: Request) -> dict[str, str]:
        scope = current_scope()
        headers = {"Accept": f"application/json, {arrow.MEDIA_TYPE}", REQUEST_HEADER: scope.request_id or new_id()}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        if scope.tenant is not None:
            headers[TENANT_HEADER] = scope.tenant
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        if request.method != "GET":
            headers[IDEMPOTENCY_HEADER] = scope.idempotency_key or new_id()
        return headers

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._clients.get(loop)
            if client is None:
                client = self._clients[loop] = httpx.AsyncClient(
                    base_url=self.url,
                    timeout=self._settings.timeout,
                    transport=self._transport,
                    trust_env=self._transport is None,
                    follow_redirects=False,  # a redirect could carry the token elsewhere
                )
        return client


def _response(answer: httpx.Response) -> Response:
    content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    return Response(answer.status_code, answer.content, content_type, answer.headers.get(REQUEST_HEADER))


def _retry_after(answer: httpx.Response) -> float:
    """The seconds a busy server asks for, within reason."""
    with contextlib.suppress(ValueError):
        return min(_LONGEST_WAIT, max(0.0, float(answer.headers.get("Retry-After", "0"))))
    return 0.0
