"""Following the log of a tenant where the database is: what is there already in pages, then what comes.

Whoever follows from an event loop is woken by one thread per tenant, shared by all who follow it in this process:
the threads that answer requests are never held by somebody who waits. A sync caller waits in its own thread.
"""

import asyncio
import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import override

from burgee.core.checks import need_whole
from burgee.core.errors import InvalidInputError
from burgee.core.portal import driven
from burgee.events.model import EventQuery, StoredEvent
from burgee.store import follow
from burgee.store import query as reading
from burgee.store.database import Database
from burgee.wire.stream import Stream

PAGE = 500
"""Events fetched at a time."""

_PIECE = 1.0
"""Seconds to wait at a time: after so long a wait that is not wanted any more ends."""

_ENDINGS = ("limit", "upto", "as_of")


def start(database: Database, tenant: str, query: EventQuery, after: int | None) -> int:
    """The position to follow from.

    Raises:
        InvalidInputError: the query has an end, or the position can't be one.
    """
    ended = [name for name in _ENDINGS if getattr(query, name) is not None]
    if ended:
        raise InvalidInputError(f"what is followed has no end, so no {ended[0]}", hint="read what is there: .query(…)")
    after = query.after if after is None else after
    if after is None:
        return reading.last_position(database, tenant)
    need_whole("after", after)
    return after


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
                self._changed.wait_for(lambda: watched.waiting, _PIECE)  # who was just woken comes back at once
                if not watched.waiting:
                    del self._tenants[tenant]
                    return
                last = watched.last
            failed: Exception | None = None
            try:
                found = follow.wait(self._database, tenant, last, _PIECE)
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


class LocalStream(Stream[StoredEvent]):
    """The events of a query, as they are stored."""

    def __init__(self, database: Database, watch: Watch, tenant: str, query: EventQuery, position: int) -> None:
        super().__init__(position)
        self._database = database
        self._watch = watch
        self._tenant = tenant
        self._query = query
        self._closed = False

    @override
    async def some(self, seconds: float | None = None) -> Sequence[StoredEvent]:
        until = math.inf if seconds is None else time.monotonic() + seconds
        while not self._closed:
            found, reached = await self._database.run(self._look)
            self.position = max(self.position, reached)
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            await self._watch.wait(self._tenant, self.position, min(left, _PIECE))
        raise StopAsyncIteration

    @override
    async def close(self) -> None:
        self._closed = True

    def _look(self) -> tuple[list[StoredEvent], int]:
        """A page of what is there, and the position up to which all of it was looked at."""
        last = reading.last_position(self._database, self._tenant)
        if last <= self.position:
            return [], last
        query = replace(self._query, after=self.position, upto=last)
        found = reading.read(self._database, self._tenant, query, limit=PAGE)
        return found, found[-1].position if len(found) == PAGE else last


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
