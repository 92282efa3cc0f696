"""OFREP, the OpenFeature Remote Evaluation Protocol (version 0.1 of its OpenAPI): flags for clients of any language.

These routes are no operations of a protocol of ours: their shape, their errors too, is given from outside. Who may ask
about which tenant is the same as everywhere; what is refused before a flag is asked (401, 403) is a problem document.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

from burgee.core.clock import Clock
from burgee.core.json import Json, dumps, loads
from burgee.core.scope import require_tenant
from burgee.flags.applications.following import FlagsChanged, applied
from burgee.flags.applications.snapshot import Snapshot, metadata_of
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.model import Evaluation
from burgee.flags.protocol import FlagService
from burgee.wire.stream import Stream

BULK = "/ofrep/v1/evaluate/flags"
ONE = BULK + "/{key}"

_TARGETING_KEY = "targetingKey"
_JSON = "application/json"
_BODY = {
    "requestBody": {
        "content": {_JSON: {"schema": {"type": "object", "properties": {"context": {"type": "object"}}}}},
    }
}
_IF_NONE_MATCH = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}


class _Refused(Exception):  # noqa: N818 - it is an answer
    """The request can't be read."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(slots=True)
class _Known:
    """The flags of one tenant as they were when they were asked last."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    snapshot: Snapshot | None = None
    changes: Stream[FlagsChanged] | None = None


class Snapshots:
    """The flags of each tenant, compiled. Each request looks what changed since the one before it."""

    def __init__(self, flags: FlagService, clock: Clock) -> None:
        self._flags = flags
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def current(self) -> Snapshot:
        """The flags of the tenant of the request, as they are now."""
        known = self._known.setdefault(require_tenant(), _Known())
        async with known.lock:
            if known.snapshot is None or known.changes is None:
                known.snapshot = Snapshot((await self._flags.ruleset()).unwrap(), clock=self._clock)
                known.changes = (await self._flags.flag_changes(known.snapshot.position)).unwrap()
            for changed in await known.changes.some(0):
                ruleset = applied(known.snapshot.ruleset, changed)
                known.snapshot = Snapshot(ruleset, clock=self._clock, before=known.snapshot)
            return known.snapshot


def mount_ofrep(app: FastAPI, flags: FlagService, clock: Clock) -> None:
    """Add the routes."""
    snapshots = Snapshots(flags, clock)

    async def one(key: str, request: Request) -> Response:
        """Evaluate one flag, as OFREP has it."""
        try:
            context = await _context(request)
        except _Refused as refused:
            return _json(400, {"key": key, "errorCode": refused.code, "errorDetails": str(refused)})
        snapshot = await snapshots.current()
        told = _told(snapshot, snapshot.evaluate(key, context))
        code = told.get("errorCode")
        return _json(200 if code is None else 404 if code == "FLAG_NOT_FOUND" else 400, told)

    async def bulk(request: Request) -> Response:
        """Evaluate all flags that are not archived, as OFREP has it."""
        try:
            context = await _context(request)
        except _Refused as refused:
            return _json(400, {"errorCode": refused.code, "errorDetails": str(refused)})
        snapshot = await snapshots.current()
        flags = [_told(snapshot, answer) for answer in snapshot.evaluate_all(context).values()]
        answer = _json(200, {"flags": flags})
        tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
        answer.headers["ETag"] = tag
        if _is_known(tag, request.headers.get("If-None-Match", "")):
            return Response(status_code=304, headers={"ETag": tag})
        return answer

    says: dict[int | str, dict[str, Any]] = {400: {"description": "The request can't be used."}}
    app.add_api_route(
        ONE,
        one,
        methods=["POST"],
        tags=["ofrep"],
        operation_id="ofrep.one",
        summary="Evaluate one flag",
        responses={**says, 404: {"description": "There is no such flag."}},
        openapi_extra=_BODY,
    )
    app.add_api_route(
        BULK,
        bulk,
        methods=["POST"],
        tags=["ofrep"],
        operation_id="ofrep.bulk",
        summary="Evaluate all flags",
        responses={**says, 304: {"description": "The answer is the one that the client has."}},
        openapi_extra={**_BODY, "parameters": [_IF_NONE_MATCH]},
    )


async def _context(request: Request) -> Mapping[str, object]:
    """The context of a request, as burgee's: OFREP's targeting key is the attribute `id`."""
    body = await request.body()
    try:
        given = loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _Refused("PARSE_ERROR", f"the body is no JSON: {error}") from None
    if not isinstance(given, Mapping):
        raise _Refused("PARSE_ERROR", 'the body must be a JSON object: {"context": {…}}')
    context = given.get("context")
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise _Refused("INVALID_CONTEXT", "the context must be a JSON object")
    rest = {name: value for name, value in context.items() if name != _TARGETING_KEY}
    key = context.get(_TARGETING_KEY)
    if key is not None and not isinstance(key, str):
        raise _Refused("INVALID_CONTEXT", f"{_TARGETING_KEY} must be text, not {dumps(key):.60}")
    return {**rest, TARGETING_KEY: key} if key else rest


def _told(snapshot: Snapshot, answer: Evaluation[Json]) -> dict[str, Json]:
    """An evaluation as OFREP has it. A value that is null is left out, as the protocol knows none."""
    code = snapshot.error_code(answer)
    if code is not None:
        return {"key": answer.flag, "errorCode": code, "errorDetails": answer.error or ""}
    told: dict[str, Json] = {"key": answer.flag, "reason": answer.reason.value, "variant": answer.variant}
    told["metadata"] = metadata_of(answer, snapshot.version(answer.flag))
    return told if answer.value is None else {**told, "value": answer.value}


def _json(status: int, value: Mapping[str, Json]) -> Response:
    return Response(dumps(value, what="answer", sort=False), status_code=status, media_type=_JSON)


def _is_known(tag: str, asked: str) -> bool:
    """Whether a client has the answer already (RFC 9110, section 13.1.2; the comparison is the weak one)."""
    tags = [one.strip().removeprefix("W/") for one in asked.split(",")]
    return "*" in tags or tag in tags
