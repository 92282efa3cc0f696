"""`burgee serve`: the server as a process."""

import asyncio
import contextlib
import logging
import socket
from typing import override

import uvicorn

from burgee.app import close, database_of, folder_of
from burgee.core.errors import InvalidInputError
from burgee.core.settings import load_settings
from burgee.server.app import create_app
from burgee.wire.serving import Streams, streams_of

_log = logging.getLogger("burgee.server")

_LAST_WORDS = 3.0
"""Seconds a client may take to read what was sent last, when the server stops."""


class _Server(uvicorn.Server):
    """Lets running requests end, but not the streams, which never would, nor what nobody reads any more."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.end()
        cutting = asyncio.create_task(self._cut_off())
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()

    async def _cut_off(self) -> None:
        """Connections that are closed, but still wait for somebody to take the rest, wait no longer."""
        while True:
            await asyncio.sleep(_LAST_WORDS)
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if isinstance(transport, asyncio.WriteTransport) and transport.is_closing():
                    transport.abort()


def serve(workspace: str | None, *, host: str, port: int) -> None:
    """Serve a workspace until interrupted; then let running requests end."""
    settings = load_settings()
    where = workspace or settings.workspace
    if where.startswith(("http://", "https://")):
        raise InvalidInputError(f"{where} is a server itself", hint="give a folder: --workspace DIR")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.ExitStack() as opened:
        database = database_of(where, settings)
        opened.callback(database.close)
        app = create_app(database, settings, folder=folder_of(where))
        opened.callback(close, app.state.services)
        config = uvicorn.Config(app, host=host, port=port, log_level="info", access_log=False)
        _log.info("serving the workspace %s", where)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_Server(config, streams_of(app)).serve())
