"""Waiting for the log of a tenant to go on, for many at once.

Whoever follows from an event loop is woken by one thread per tenant, shared by all who follow it in this process:
the threads that answer requests are never held by somebody who waits. A sync caller waits in its own thread.
"""

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from burgee.core.portal import driven
from burgee.store import follow
from burgee.store.database import Database

PIECE = 1.0
"""Seconds to wait at a time: after so long a wait that is not wanted any more ends."""

type _Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]


@dataclass(slots=True)
class _Tenant:
    """Those who wait for one tenant, and how far its log is known to go."""

    last: int = 0
    waiting: list[_Waiting] = field(default_factory=list)


class Watch:
    """Wakes all who follow a tenant when its log goes on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._tenants: dict[str, _Tenant] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forgetting(weakref.ref(self)))

    async def wait(self, tenant: str, after: int, seconds: float) -> None:
        """Until the log of the tenant goes beyond `after`, or the seconds are over."""
        if driven():
            follow.wait(self._database, tenant, after, seconds)
            return
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        with self._changed:
            watched = self._tenants.get(tenant)
            if watched is None:
                watched = self._tenants[tenant] = _Tenant(after)
                threading.Thread(target=self._run, args=(tenant, watched), name="burgee-watch", daemon=True).start()
            if watched.last > after:
                return
            if watched.last < after:  # this one has looked already; the others shall, too
                _wake(watched.waiting)
                watched.last, watched.waiting = after, []
            entry = (loop, ready)
            watched.waiting.append(entry)
            self._changed.notify_all()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ready, seconds)
        finally:
            with self._changed, contextlib.suppress(ValueError):
                watched.waiting.remove(entry)

    def _run(self, tenant: str, watched: _Tenant) -> None:
        """Watch one tenant while somebody waits for it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: watched.waiting, PIECE)  # who was just woken comes back at once
                if not watched.waiting:
                    del self._tenants[tenant]
                    return
                last = watched.last
            failed: Exception | None = None
            try:
                found = follow.wait(self._database, tenant, last, PIECE)
            except Exception as error:  # noqa: BLE001 - it is raised in those who wait
                failed, found = error, None
            if found is None and failed is None:
                continue
            with self._changed:
                _wake(watched.waiting, failed)
                watched.last, watched.waiting = max(watched.last, found or 0), []
                if failed is not None:
                    del self._tenants[tenant]
                    return


def _wake(waiting: Sequence[_Waiting], failed: Exception | None = None) -> None:
    for loop, ready in waiting:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, ready, failed)


def _settle(ready: asyncio.Future[None], failed: Exception | None) -> None:
    if ready.done():
        return
    if failed is None:
        ready.set_result(None)
    else:
        ready.set_exception(failed)


def _forgetting(watch: "weakref.ref[Watch]") -> Callable[[], None]:
    """What a forked process does: the threads stay with its parent."""

    def forget() -> None:
        if it := watch():
            it._changed, it._tenants = threading.Condition(), {}  # noqa: SLF001 - its own module

    return forget
