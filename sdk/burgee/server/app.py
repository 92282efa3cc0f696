"""The server: a workspace's services as an ASGI application. `mount` makes the routes, but those of OFREP."""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from burgee.app import PROTOCOLS, embedded
from burgee.core.clock import Clock, system_clock
from burgee.core.errors import BurgeeError, InvalidInputError, NotFoundError
from burgee.core.scope import SYSTEM_TENANT, current_scope
from burgee.core.settings import Settings
from burgee.files.service import LocalFileService
from burgee.keys.service import LocalKeyService
from burgee.server.access import Access, unexpected
from burgee.server.files import mount_signed
from burgee.server.ofrep import mount_ofrep
from burgee.store.database import Database
from burgee.wire import problem
from burgee.wire.mount import mount

_NOT_FOUND = 404


def create_app(
    database: Database, settings: Settings | None = None, clock: Clock = system_clock, *, folder: Path | None = None
) -> FastAPI:
    """The application that serves this database, with what lies beside it in `folder` (see `embedded`).

    Closing the database is its owner's, as is closing `app.state.services` before (`app.close`).
    """
    settings = settings or Settings()
    services = embedded(database, settings, clock, folder=folder, address="")
    app = FastAPI(
        title="burgee",
        version=version("burgee"),
        description="Feature flags and event streams. Errors are problem documents (RFC 9457).",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.services = services
    for name, protocol in PROTOCOLS:
        mount(app, protocol, getattr(services, name), tag=name)
    mount_ofrep(app, services.flags, clock)
    if isinstance(services.files, LocalFileService):
        mount_signed(app, services.files)

    async def health() -> dict[str, str]:
        """Whether the server can reach its database."""

        def ask() -> None:
            with database.read(SYSTEM_TENANT):
                pass

        await database.run(ask)
        return {"status": "ok", "version": version("burgee")}

    app.add_api_route("/health", health, tags=["health"])
    app.add_exception_handler(BurgeeError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    keys = LocalKeyService(database, clock)
    app.add_middleware(Access, keys=keys, tenants=services.tenants, settings=settings)
    return app


def _problem(error: BurgeeError) -> Response:
    body = problem.to_problem(error, current_scope().request_id)
    return Response(body, status_code=error.status, media_type=problem.MEDIA_TYPE)


async def _refused(_: Request, error: Exception) -> Response:
    return _problem(error if isinstance(error, BurgeeError) else unexpected())


async def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return _problem(unexpected())
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:] if part != "body_")
    return _problem(InvalidInputError(f"{place}: {first['msg']}" if place else str(first["msg"])))


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == _NOT_FOUND:
        return _problem(NotFoundError("route", request.url.path))
    detail = error.detail if isinstance(error, HTTPException) else ""
    refusal = InvalidInputError(f"{request.method} {request.url.path}: {detail}")
    body = problem.to_problem(refusal, current_scope().request_id)
    return Response(body, status_code=status, media_type=problem.MEDIA_TYPE)


async def _failed(_: Request, __: Exception) -> Response:
    return _problem(unexpected())
