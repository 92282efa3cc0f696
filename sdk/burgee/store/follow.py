"""Waiting for events: what a live tail stands on.

A commit in this process is heard at once. One in another process is heard by `PRAGMA data_version` on SQLite, which is
looked at every 10 ms and costs next to nothing, and by LISTEN on PostgreSQL.
"""

import asyncio
import threading
import time
from contextlib import suppress

from burgee.store.database import Database
from burgee.store.query import last_position

_SLICE = 0.05
"""Seconds between looks at whether the wait was cancelled."""


def wait(
    database: Database, tenant: str, after: int, timeout: float | None, cancelled: threading.Event | None = None
) -> int | None:
    """Block until the tenant has an event beyond position `after`; its last position then.

    None when the seconds of `timeout` are over or the wait was cancelled.
    """
    end = None if timeout is None else time.monotonic() + timeout
    bell = database.bell
    with bell.waiting():
        while True:
            seen = bell.rung
            last = last_position(database, tenant)
            if last > after:
                return last
            while bell.rung == seen:
                left = None if end is None else end - time.monotonic()
                if (left is not None and left <= 0) or (cancelled is not None and cancelled.is_set()):
                    return None
                bell.wait(seen, left if cancelled is None else min(_SLICE, left if left is not None else _SLICE))


async def wait_async(database: Database, tenant: str, after: int, timeout: float | None) -> int | None:  # noqa: ASYNC109 - the end of it is an answer here, no error
    """The same without a thread per wait, for a server with many who follow; cancel the task to cancel it."""
    bell = database.bell
    loop = asyncio.get_running_loop()
    rang = asyncio.Event()

    def rung() -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(rang.set)

    try:
        async with asyncio.timeout(timeout):
            with bell.waiting(rung):
                while True:
                    rang.clear()
                    last = await database.run(lambda: last_position(database, tenant))
                    if last > after:
                        return last
                    await rang.wait()
    except TimeoutError:
        return None
