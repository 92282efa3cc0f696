"""Who is let in: pure ASGI middleware that reads the key, binds caller, tenant and request id, and answers refusals.

Not Starlette's `BaseHTTPMiddleware`: that costs 10 to 40 times as much per request and breaks context
variables. Everything a request does runs inside the scope bound here.
"""

import logging
import re
from collections.abc import Mapping
from typing import cast

import jwt
from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from burgee.core.errors import (
    AuthenticationError,
    BurgeeError,
    InvalidInputError,
    PermissionDeniedError,
    ServerFailureError,
)
from burgee.core.ids import new_id
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import Caller, Scope, bind_scope
from burgee.core.settings import Settings
from burgee.files.service import FILES, SIGNED
from burgee.keys.service import PREFIX, LocalKeyService
from burgee.tenants.protocol import TenantService
from burgee.wire import problem
from burgee.wire.client import IDEMPOTENCY_HEADER, REQUEST_HEADER, TENANT_HEADER

_log = logging.getLogger("burgee.server")

_OPEN = {"/health", "/openapi.json"}
_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")  # what may come back in a header and into the log
_NOBODY = ""  # a tenant id that no tenant can have

_HMAC = ["HS256", "HS384", "HS512"]
_PUBLIC = ["RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "EdDSA"]


class Access:
    """Lets requests through to the application that come with a key or a JWT."""

    def __init__(self, app: ASGIApp, *, keys: LocalKeyService, tenants: TenantService, settings: Settings) -> None:
        self._app = app
        self._keys = keys
        self._tenants = tenants
        self._settings = settings
        self._known_tenants: set[str] = set()  # a tenant that exists goes on existing

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_HEADER, "")
        request_id = given if _PLAIN.fullmatch(given) else new_id()
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)[REQUEST_HEADER] = request_id
            await send(message)

        try:
            bound = await self._bound(scope["method"], scope["path"], headers, request_id)
            if isinstance(bound, Err):
                await respond(bound.error, request_id, answer)
                return
            streamed = _is_streamed(scope["method"], scope["path"])
            with bind_scope(bound.value):
                await self._app(scope, receive if streamed else limited(receive, self._settings.max_body), answer)
        except Exception:
            _log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if started:
                raise  # the connection breaks off, so that the client can't take a part for the whole
            await respond(unexpected(), request_id, answer)

    async def _bound(self, method: str, path: str, headers: Headers, request_id: str) -> Result[Scope, BurgeeError]:
        if path in _OPEN:
            return Ok(Scope(request_id=request_id))
        if path.startswith(SIGNED):  # the signature is the permission
            return Ok(Scope(caller=Caller("signed address", confined_to=_NOBODY, admin=False), request_id=request_id))
        key = headers.get(IDEMPOTENCY_HEADER)
        if key is not None and not _PLAIN.fullmatch(key):
            return Err(InvalidInputError(f"{IDEMPOTENCY_HEADER} must be 1 to 128 plain characters"))
        length = headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) > self._settings.max_body and not _is_streamed(method, path):
            return Err(too_large(self._settings.max_body))
        caller = await self._caller(headers)
        if isinstance(caller, Err):
            return caller
        tenant = await self._tenant(caller.value, headers.get(TENANT_HEADER))
        return tenant.map(lambda name: Scope(name, caller.value, key, request_id))

    async def _caller(self, headers: Headers) -> Result[Caller, AuthenticationError]:
        kind, _, token = headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            hint = "send it as `Authorization: Bearer …`, or open with burgee.open(url, token=…)"
            return Err(AuthenticationError("this needs an API key or a JWT", hint=hint))
        if token.startswith(f"{PREFIX}_"):
            return await self._keys.check(SecretStr(token))
        return self._from_jwt(token)

    def _from_jwt(self, token: str) -> Result[Caller, AuthenticationError]:
        settings = self._settings
        if settings.jwt_secret is not None:
            key, algorithms = settings.jwt_secret.get_secret_value(), _HMAC
        elif settings.jwt_public_key is not None:
            key, algorithms = settings.jwt_public_key, _PUBLIC
        else:
            return Err(
                AuthenticationError("this API key is not known", hint="this server takes API keys only, no JWTs")
            )
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=settings.jwt_audience,
                options={"require": ["exp", "sub"], "verify_aud": settings.jwt_audience is not None},
            )
        except jwt.PyJWTError as error:
            hint = "API keys begin with `burgee_`; anything else is read as a JWT"
            return Err(AuthenticationError(f"this JWT is not accepted: {error}", hint=hint))
        tenant = cast("Mapping[str, object]", claims).get(settings.jwt_tenant_claim)
        confined = tenant if isinstance(tenant, str) else _NOBODY
        return Ok(Caller(str(claims["sub"]), confined_to=confined, admin=False))

    async def _tenant(self, caller: Caller, asked: str | None) -> Result[str | None, BurgeeError]:
        """The tenant of the request: the key's own, or what the header narrows an admin's key to."""
        tenant = caller.confined_to if asked is None else asked
        if not tenant:
            return Ok(None)
        if caller.confined_to is not None and caller.confined_to != tenant:
            return Err(PermissionDeniedError(f"this key does not reach tenant {tenant!r}"))
        if tenant not in self._known_tenants:
            with bind_scope(Scope(caller=caller)):
                found = await self._tenants.get(tenant)
            if isinstance(found, Err):
                return found
            self._known_tenants.add(tenant)
        return Ok(tenant)


def _is_streamed(method: str, path: str) -> bool:
    """Whether the body is a file's, which has limits of its own and is never held as a whole."""
    return (method, path) == ("POST", FILES) or (method == "PUT" and path.startswith(SIGNED))


def limited(receive: Receive, most: int) -> Receive:
    """The request's body, refused as soon as it is longer than allowed, whatever its headers said."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise too_large(most)
        return message

    return counted


def too_large(most: int) -> InvalidInputError:
    """The refusal of a body that is too long."""
    return InvalidInputError(f"the request is larger than {most} bytes", hint="send it in smaller batches")


def unexpected() -> ServerFailureError:
    """What is told of a failure nobody expected: nothing but where to look."""
    return ServerFailureError("the server failed", hint="its log has the cause under this request id")


async def respond(error: BurgeeError, request_id: str, send: Send) -> None:
    """Send the error as a problem document."""
    headers = [(b"content-type", problem.MEDIA_TYPE.encode())]
    if isinstance(error, AuthenticationError):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.to_problem(error, request_id)})
