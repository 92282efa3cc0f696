"""Signed addresses of files, for storages that have none of their own.

These routes need no key: the signature is the permission, for one file, one method and a time. Whoever has none gets
403 whatever is wrong with it.
"""

import logging
from collections.abc import Awaitable
from dataclasses import replace

from fastapi import FastAPI, Request, Response
from pydantic import TypeAdapter

from burgee.core.errors import BurgeeError, PermissionDeniedError
from burgee.core.result import Err, Result
from burgee.core.scope import Caller, bind_scope, current_scope
from burgee.files.errors import ScannerUnavailableError, StorageUnavailableError
from burgee.files.model import FileMetadata
from burgee.files.service import SIGNED, LocalFileService
from burgee.files.signing import SignedClaims
from burgee.wire.carrying import body_of, drain, respond

_log = logging.getLogger("burgee.server")

_METADATA = TypeAdapter(FileMetadata)
_PATIENCE = 60.0
"""Seconds after which nobody waits any longer for more of a file: its sender may be anybody."""


def mount_signed(app: FastAPI, files: LocalFileService) -> None:
    """Add the routes."""

    async def claims_of(token: str, method: str) -> SignedClaims:
        claims = await files.permitted(token, method)
        if isinstance(claims, Err):
            raise PermissionDeniedError(claims.error.message, hint="; ".join(claims.error.hints))
        return claims.value

    async def download(token: str, request: Request) -> Response:
        """The file of a signed address."""
        claims = await claims_of(token, "GET")
        caller = Caller("signed address", confined_to=claims.tenant, admin=False)
        with bind_scope(replace(current_scope(), tenant=claims.tenant, caller=caller)):
            return await respond(request, lambda start, stop: _told(files.read(claims.file, start, stop)))

    async def upload(token: str, request: Request) -> Response:
        """Put the file that an address was signed for."""
        claims = await claims_of(token, "PUT")
        content = body_of(request, _PATIENCE)
        caller = Caller("signed address", confined_to=claims.tenant, admin=False)
        with bind_scope(replace(current_scope(), tenant=claims.tenant, caller=caller, idempotency_key=None)):
            kept = await _told(files.receive(claims, content))
        if isinstance(kept, Err):
            await drain(content)
            raise kept.error
        return Response(_METADATA.dump_json(kept.value), 201, media_type="application/json")

    path = f"{SIGNED}{{token}}"
    app.add_api_route(path, download, methods=["GET"], tags=["files"], operation_id="files.signed_get")
    app.add_api_route(path, download, methods=["HEAD"], include_in_schema=False)  # what readers of parts ask first
    app.add_api_route(path, upload, methods=["PUT"], tags=["files"], operation_id="files.signed_put")


async def _told[T, E: BurgeeError](asked: Awaitable[Result[T, E]]) -> Result[T, E | StorageUnavailableError]:
    """The answer, for anybody: what is wrong with the disk or the scanner, and where they are, is for the log only."""
    found = await asked
    if isinstance(found, Err) and isinstance(found.error, StorageUnavailableError | ScannerUnavailableError):
        _log.error("request %s: %s", current_scope().request_id, found.error)
        return Err(StorageUnavailableError("files can't be kept or read at the moment", hint="try again later"))
    return found
