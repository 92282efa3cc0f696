"""`burgee serve`: the server as a process."""

import asyncio
import contextlib
import logging

import uvicorn

from burgee.app import archive_of, database_of, mirror_of
from burgee.core.errors import InvalidInputError
from burgee.core.settings import load_settings
from burgee.server.app import create_app

_log = logging.getLogger("burgee.server")


def serve(workspace: str | None, *, host: str, port: int) -> None:
    """Serve a workspace until interrupted; then let running requests end."""
    settings = load_settings()
    where = workspace or settings.workspace
    if where.startswith(("http://", "https://")):
        raise InvalidInputError(f"{where} is a server itself", hint="give a folder: --workspace DIR")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    database = database_of(where, settings)
    try:
        app = create_app(database, settings, mirror=mirror_of(where), archive=archive_of(where, settings))
        config = uvicorn.Config(app, host=host, port=port, log_level="info", access_log=False)
        _log.info("serving the workspace %s", where)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(uvicorn.Server(config).serve())
    finally:
        database.close()
