"""Octets as the server reads and sends them: a request's body, and an answer that may be a part of the whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect

from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.core.result import Err, Result
from burgee.core.scope import current_scope
from burgee.wire import octets, problem
from burgee.wire.octets import Octets, RangeError, content_range, wanted_range

type Asked = Callable[[int, int | None], Awaitable[Result[Octets, BurgeeError]]]
"""Gives the bytes from a start to before a stop."""

_DRAINED = 8 << 20
_PATIENCE = 600.0
"""Seconds after which nobody waits any longer for more of a body."""


def body_of(request: Request, patience: float = _PATIENCE) -> Octets:
    """The body, as it arrives; it breaks off if none of it comes for `patience` seconds.

    Raises:
        InvalidInputError: what comes is not the whole itself: a part of it, or packed, or of two lengths.
    """
    headers = request.headers
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        raise InvalidInputError(f"a file is taken as it is, without Content-Encoding: {coding[:60]!r}")
    if "Content-Range" in headers:
        raise InvalidInputError("a file is taken as a whole, without Content-Range")
    length = headers.get("Content-Length", "")
    if length and "Transfer-Encoding" in headers:  # RFC 9112, section 6.3: perhaps smuggled past a proxy
        raise InvalidInputError("a body has either a Content-Length or a Transfer-Encoding")
    return Octets(_pieces(request, patience), size=int(length) if length.isdecimal() else None)


async def drain(content: Octets) -> None:
    """Read what is still coming of a refused body, within reason: a client that is writing hears the answer then."""
    seen = 0
    try:
        async for piece in content:
            seen += len(piece)
            if seen > _DRAINED:
                return
    except Exception:  # noqa: BLE001 - it is gone, or was read to its end
        return


async def respond(request: Request, ask: Asked) -> Response:
    """The bytes that the request wants: all, or the one part its Range names (RFC 9110, section 14); for HEAD none."""
    part = wanted_range(request.headers.get("Range")) if request.method == "GET" else None
    found = await ask(*(part or (0, None)))
    if part is not None and not _stands(request, found):
        if not isinstance(found, Err):
            await found.value.aclose()
        found = await ask(0, None)
    if isinstance(found, Err):
        return _refused(found.error)
    content = found.value
    if content.etag is not None and not {content.etag, "*"} & set(_marks(request, "If-Match", "*")):
        await content.aclose()
        return Response(status_code=412, headers={"ETag": content.etag})
    known = _marks(request, "If-None-Match")
    if content.etag is not None and ({content.etag, f"W/{content.etag}", "*"} & set(known)):
        await content.aclose()
        return Response(status_code=304, headers={"ETag": content.etag})
    headers = dict(content.headers)
    if content.size is not None:
        headers["Content-Length"] = str(content.size)
    if content.is_part:
        headers["Content-Range"] = content_range(content)
    kind = headers.pop("Content-Type", octets.MEDIA_TYPE)
    answer: Response
    if request.method == "HEAD":
        await content.aclose()
        answer = Response(headers=headers)
    else:
        answer = StreamingResponse(_sent(content), 206 if content.is_part else 200, headers=headers)
    answer.headers["Content-Type"] = kind  # as it is: for text, Starlette would name an alphabet
    return answer


async def _pieces(request: Request, patience: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await anext(stream, None)
        except ClientDisconnect:
            raise InvalidInputError("the body broke off before its end", hint="send it again") from None
        except TimeoutError:
            raise InvalidInputError(f"nothing more came for {patience:g} seconds", hint="send it again") from None
        if piece is None:
            return
        if piece:
            yield piece


def _marks(request: Request, header: str, otherwise: str = "") -> list[str]:
    """The entity tags that a header names."""
    return [mark.strip() for mark in request.headers.get(header, otherwise).split(",")]


def _stands(request: Request, found: Result[Octets, BurgeeError]) -> bool:
    """Whether the Range counts: what is said of tags comes before it, also where there is no such part."""
    only_if = request.headers.get("If-Range")
    if isinstance(found, Err):
        return only_if is None and not {"if-match", "if-none-match"} & set(request.headers)
    return only_if is None or only_if == found.value.etag


async def _sent(content: Octets) -> AsyncIterator[bytes]:
    try:
        async for piece in iterate_in_threadpool(content):
            yield piece
    finally:
        content.close()


def _refused(error: BurgeeError) -> Response:
    if not isinstance(error, RangeError):
        raise error
    body = problem.to_problem(error, current_scope().request_id)
    headers = {"Content-Range": f"bytes */{error.total}"}
    return Response(body, error.status, headers, problem.MEDIA_TYPE)
