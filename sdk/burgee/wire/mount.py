"""`mount`: a protocol's operations as routes of a FastAPI application, with OpenAPI from the same declaration."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from itertools import chain
from typing import Annotated, cast, get_origin
from urllib.parse import unquote

import pyarrow as pa
from fastapi import APIRouter, Body, FastAPI, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, FailFast, ValidationError, WrapValidator, create_model
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.routing import BaseRoute

from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.core.result import Err, Result
from burgee.wire import arrow, octets, sse
from burgee.wire.carrying import body_of, drain, respond
from burgee.wire.octets import Octets
from burgee.wire.operation import AFTER, Operation, Parameter, operations
from burgee.wire.reading import JsonRoute, few_wrong
from burgee.wire.serving import StreamResponse, streams_of
from burgee.wire.stream import Stream

type Endpoint = Callable[..., Awaitable[Response]]
type Method = Callable[..., Awaitable[Result[object, BurgeeError]]]

_BINARY = {"schema": {"type": "string", "format": "binary"}}


class Problem(BaseModel):
    """An error (RFC 9457): `code` names its class, `details` holds its attributes, `hints` what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: dict[str, object]
    hints: list[str]
    request_id: str | None


def mount[P](app: FastAPI, protocol: type[P], service: P, *, tag: str) -> None:
    """Add a route for each operation of the protocol, answered by the service."""
    known: type = protocol
    _services(app)[known] = service
    app.router.routes.extend(_routes(known, tag))


def _services(app: Starlette) -> dict[type, object]:
    """Who answers the operations of each protocol, of this application."""
    found: dict[type, object] | None = getattr(app.state, "mounted", None)
    if found is None:
        found = app.state.mounted = {}
    return found


@cache
def _routes(protocol: type, tag: str) -> tuple[BaseRoute, ...]:
    """The routes of a protocol. They are made once, as that takes long, and know no application."""
    router = APIRouter(route_class=JsonRoute)
    for operation in operations(protocol):
        summary, _, description = operation.doc.partition("\n")
        router.add_api_route(
            operation.path,
            _endpoint(protocol, operation),
            methods=[operation.method],
            operation_id=f"{tag}.{operation.name}",
            tags=[tag],
            summary=summary.rstrip("."),
            description=description.strip(),
            response_model=None if _flows(operation) else operation.answer,
            response_class=StreamingResponse if _flows(operation) else Response,
            responses=_responses(operation),
            openapi_extra=_extra(operation),
        )
    return tuple(router.routes)


def _flows(operation: Operation) -> bool:
    """Whether the answer is sent in pieces that are no JSON document."""
    return operation.gives_arrow or operation.gives_stream or operation.gives_octets


def _endpoint(protocol: type, operation: Operation) -> Endpoint:
    model = _body_model(operation)

    async def endpoint(request: Request, **given: object) -> Response:
        method: Method = getattr(_services(request.app)[protocol], operation.name)
        values = await _values(operation, model, request, given)
        if operation.gives_octets:
            asked = cast("Callable[..., Awaitable[Result[Octets, BurgeeError]]]", method)
            return await respond(request, lambda start, stop: asked(**values, start=start, stop=stop))
        result = await method(**values)
        if isinstance(result, Err):
            for parameter in operation.at("octets"):
                await drain(cast("Octets", values[parameter.name]))
            raise result.error
        if isinstance(result.value, Stream):
            return StreamResponse(result.value, operation.adapter, _kind(operation), streams_of(request.app))
        if isinstance(result.value, pa.RecordBatchReader):
            pieces = arrow.encode(result.value)
            first = await run_in_threadpool(next, pieces)  # what fails at once still gets its status
            return StreamingResponse(iterate_in_threadpool(chain([first], pieces)), media_type=arrow.MEDIA_TYPE)
        return Response(operation.adapter.dump_json(result.value), media_type="application/json")

    endpoint.__name__ = operation.name
    endpoint.__doc__ = operation.doc
    # FastAPI reads the parameters from here.
    endpoint.__signature__ = inspect.Signature(list(_parameters(operation, model)))  # type: ignore[attr-defined]
    return endpoint


async def _values(
    operation: Operation, model: type[BaseModel] | None, request: Request, given: dict[str, object]
) -> dict[str, object]:
    """What the method is to be called with, from wherever it travelled."""
    body = given.pop("body_", None)
    if model is not None:
        given.update((parameter.name, getattr(body, parameter.name)) for parameter in operation.at("body"))
    for parameter in operation.at("arrow"):
        given[parameter.name] = arrow.received(await request.body())
    for parameter in operation.at("octets"):
        given[parameter.name] = body_of(request)
    for parameter in operation.at("path"):
        value = given[parameter.name]
        given[parameter.name] = unquote(value) if isinstance(value, str) else value  # see remote._segment
    for parameter in operation.at("query"):
        if parameter.is_document and isinstance(text := given[parameter.name], str):
            given[parameter.name] = _document(parameter, text)
    if operation.gives_stream and sse.LAST_ID in request.headers:
        given[AFTER] = _position(request.headers[sse.LAST_ID])
    return given


def _parameters(operation: Operation, model: type[BaseModel] | None) -> Iterator[inspect.Parameter]:
    keyword = inspect.Parameter.KEYWORD_ONLY
    yield inspect.Parameter("request", keyword, annotation=Request)
    for parameter in operation.at("path"):
        annotation: object = Annotated[parameter.annotation, Path()]
        yield inspect.Parameter(parameter.name, keyword, annotation=annotation)
    for parameter in operation.at("query"):
        annotation = Annotated[str | None if parameter.is_document else parameter.annotation, Query()]
        yield inspect.Parameter(parameter.name, keyword, annotation=annotation, default=parameter.default)
    if model is not None:
        yield inspect.Parameter("body_", keyword, annotation=Annotated[model, WrapValidator(few_wrong), Body()])


def _body_model(operation: Operation) -> type[BaseModel] | None:
    """The JSON object of a request: one field for each parameter that travels in the body."""

    def field(parameter: Parameter) -> tuple[object, object]:
        annotation: object = parameter.annotation
        if get_origin(annotation) is tuple:
            annotation = Annotated[annotation, FailFast()]
        return annotation, ... if parameter.required else parameter.default

    fields = {parameter.name: field(parameter) for parameter in operation.at("body")}
    if not fields:
        return None
    name = "".join(word.capitalize() for word in operation.name.split("_")) + "Request"
    model: type[BaseModel] = create_model(  # type: ignore[call-overload] # the fields are known at run time only
        name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields
    )
    return model


def _document(parameter: Parameter, text: str) -> object:
    """A mapping of a query string."""
    try:
        return parameter.adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise InvalidInputError(f"{parameter.name}: {first['msg']}") from None


def _position(text: str) -> int:
    """Where a client wants to go on."""
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInputError(f"{sse.LAST_ID} must be a position, not {text[:60]!r}")
    return int(text)


def _kind(operation: Operation) -> str:
    """What the items of a stream are called."""
    return getattr(operation.item, "__name__", "item")


def _responses(operation: Operation) -> dict[int | str, dict[str, object]]:
    found: dict[int | str, dict[str, object]] = {}
    for error in operation.errors:
        text = (inspect.getdoc(error) or error.code).partition("\n")[0]
        known = found.setdefault(error.status, {"model": Problem, "description": text})
        if text not in str(known["description"]):
            known["description"] = f"{known['description']} {text}"
    if operation.gives_arrow:
        found[200] = {"description": "An Arrow stream.", "content": {arrow.MEDIA_TYPE: _BINARY}}
    if operation.gives_octets:
        content = {octets.MEDIA_TYPE: _BINARY}
        found[200] = {"description": "The bytes.", "content": content}
        found[206] = {"description": "The part of them that Range names.", "content": content}
    if operation.gives_stream:
        kind = _kind(operation)
        says = f"Server-sent events: `data` is a {kind} as JSON, `id` its position. Comments are heartbeats."
        found[200] = {"description": says, "content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}}}
    return found


def _extra(operation: Operation) -> dict[str, object] | None:
    """What FastAPI can't read from the signature."""
    if operation.gives_stream:
        says = f"The last `id` seen: the stream goes on from there, whatever `{AFTER}` says."
        header = {"name": sse.LAST_ID, "in": "header", "required": False, "description": says}
        return {"parameters": [{**header, "schema": {"type": "integer", "minimum": 0}}]}
    if operation.gives_octets:
        header = {"name": "Range", "in": "header", "required": False, "description": "bytes=FIRST-LAST"}
        return {"parameters": [{**header, "schema": {"type": "string"}}]}
    if operation.at("arrow") or operation.at("octets"):
        kind = arrow.MEDIA_TYPE if operation.at("arrow") else octets.MEDIA_TYPE
        return {"requestBody": {"required": True, "content": {kind: _BINARY}}}
    return None
