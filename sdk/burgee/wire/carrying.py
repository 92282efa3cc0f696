"""Octets as the server reads and sends them: a request's body, and an answer that may be a part of the whole."""

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


def body_of(request: Request) -> Octets:
    """The body, as it arrives."""
    length = request.headers.get("Content-Length", "")
    return Octets(_pieces(request), size=int(length) if length.isdecimal() else None)


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
    known = [mark.strip() for mark in request.headers.get("If-None-Match", "").split(",")]
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


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect:
        raise InvalidInputError("the body broke off before its end", hint="send it again") from None


def _stands(request: Request, found: Result[Octets, BurgeeError]) -> bool:
    """Whether the Range counts: If-Range and If-None-Match come before it, also where there is no such part."""
    only_if = request.headers.get("If-Range")
    if isinstance(found, Err):
        return only_if is None and "If-None-Match" not in request.headers
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
