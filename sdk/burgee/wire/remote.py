"""`remote`: a client made from a protocol. Its methods are the protocol's operations, asked over HTTP."""

import inspect
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import quote

import pyarrow as pa
from pydantic import ValidationError

from burgee.core.errors import BurgeeError, InvalidInputError, ServerFailureError
from burgee.core.json import dumps
from burgee.core.result import Err, Ok, Result
from burgee.wire import arrow, octets, problem
from burgee.wire.client import HttpClient, Request, Response
from burgee.wire.following import follow
from burgee.wire.octets import Octets, placed, range_header
from burgee.wire.operation import Operation, Parameter, operations


def remote[P](protocol: type[P], http: HttpClient) -> P:
    """An object with the protocol's operations that asks the server behind `http`."""
    methods = {operation.name: _method(operation, http) for operation in operations(protocol)}
    made = type(f"Remote{protocol.__name__}", (), methods)()
    return cast("P", made)  # it has every operation of P, made from P itself


def _method(operation: Operation, http: HttpClient) -> Callable[..., Awaitable[Result[object, BurgeeError]]]:
    signature = inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=p.default)
                for p in operation.parameters
            ),
        ]
    )

    async def call(*args: object, **kwargs: object) -> Result[object, BurgeeError]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            request = _request(operation, bound.arguments)
        except InvalidInputError as error:
            return Err(error)
        if operation.gives_stream:
            return await follow(operation, http, request)
        if operation.gives_octets:
            return await _fetched(operation, http, request)
        return _result(operation, await http.send(request))

    call.__name__ = operation.name
    call.__doc__ = operation.doc
    return call


def _request(operation: Operation, values: dict[str, object]) -> Request:
    path = operation.path
    for parameter in operation.at("path"):
        path = path.replace(f"{{{parameter.name}}}", _segment(parameter.name, _text(parameter, values)))
    query = {p.name: _text(p, values) for p in operation.at("query") if values[p.name] is not None}
    body: bytes | Octets | None = None
    content_type = None
    headers: dict[str, str] = {}
    if operation.at("arrow"):
        [parameter] = operation.at("arrow")
        reader = values[parameter.name]
        if not isinstance(reader, pa.RecordBatchReader):
            raise InvalidInputError(f"{parameter.name!r} must be an Arrow reader, not {type(reader).__name__}")
        body, content_type = b"".join(arrow.encode(reader)), arrow.MEDIA_TYPE
    elif operation.at("body"):
        fields = {p.name: _plain(p, values[p.name]) for p in operation.at("body")}
        body, content_type = (
            dumps(fields, what=f"argument of {operation.name}", sort=False).encode(),
            "application/json",
        )
    if operation.at("octets"):
        [parameter] = operation.at("octets")
        content = values[parameter.name]
        if not isinstance(content, Octets):
            raise InvalidInputError(f"{parameter.name!r} must be Octets, not {type(content).__name__}")
        body, content_type = content, octets.MEDIA_TYPE
    elif operation.gives_octets:
        start, stop = (_plain(parameter, values[parameter.name]) for parameter in operation.at("range"))
        wanted = range_header(start, stop)  # type: ignore[arg-type] # both were checked by their types
        headers = {} if wanted is None else {"Range": wanted}
    return Request(operation.method, path, query, body, content_type, operation.repeatable, headers)


async def _fetched(operation: Operation, http: HttpClient, request: Request) -> Result[object, BurgeeError]:
    """Bytes as they arrive; they must be as many as the server said."""
    answer = await http.fetch(request)
    if answer.status >= 300:  # noqa: PLR2004 - HTTP: everything below is success
        body = await answer.rest()
        return _result(operation, Response(answer.status, body, answer.content_type, answer.request_id))
    length = answer.headers.get("Content-Length", "")
    if not length.isdecimal() or (request.headers.keys() >= {"Range"} and answer.status != 206):  # noqa: PLR2004
        await answer.close()
        raise problem.unexpected(f"{operation.method} {operation.path}", answer.request_id)
    start, total = placed(answer.headers.get("Content-Range"))
    return Ok(
        Octets(answer.pieces, size=int(length), start=start, total=total, headers=answer.headers, close=answer.close)
    )


def _segment(name: str, value: str) -> str:
    """One segment of a path, whatever the value holds.

    ASGI gives paths with their percent signs resolved, where an escaped slash is a slash like any other.
    So what would be lost there is escaped once more; `mount` resolves it.
    """
    if not value:
        raise InvalidInputError(f"{name} is empty")
    kept = value.replace("%", "%25").replace("/", "%2F")
    return quote(kept.replace(".", "%2E") if kept in {".", ".."} else kept, safe="")


def _plain(parameter: Parameter, value: object) -> object:
    """A value as JSON knows it. What does not fit its type is refused here as the server would refuse it."""
    try:
        return parameter.adapter.dump_python(parameter.adapter.validate_python(value, strict=True), mode="json")
    except ValidationError as error:
        raise invalid(parameter.name, error) from None


def _text(parameter: Parameter, values: dict[str, object]) -> str:
    plain = _plain(parameter, values[parameter.name])
    return plain if isinstance(plain, str) else dumps(plain)


def invalid(where: str, error: ValidationError) -> InvalidInputError:
    """The first thing that is wrong, said plainly."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join([where, *map(str, first["loc"])])
    return InvalidInputError(f"{place}: {first['msg']}")


def _result(operation: Operation, response: Response) -> Result[object, BurgeeError]:
    if response.status >= 300:  # noqa: PLR2004 - HTTP: everything below is success
        error = problem.from_problem(response.status, response.body, response.request_id)
        if isinstance(error, operation.errors):
            return Err(error)
        raise error  # nobody expects this of the operation
    if operation.gives_arrow:
        if response.content_type != arrow.MEDIA_TYPE:
            raise _unexpected(operation, response)
        return Ok(arrow.decode(response.body))
    try:
        return Ok(operation.adapter.validate_json(response.body))
    except ValidationError:
        raise _unexpected(operation, response) from None


def _unexpected(operation: Operation, response: Response) -> ServerFailureError:
    return problem.unexpected(f"{operation.method} {operation.path}", response.request_id)
