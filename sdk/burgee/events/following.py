"""Following the log of a tenant where the database is: what is there already in pages, then what comes.

How whoever follows is woken is told in `store.watch`.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import override

from burgee.core.checks import need_whole
from burgee.core.errors import InvalidInputError
from burgee.events.model import EventQuery, StoredEvent
from burgee.store import query as reading
from burgee.store.database import Database
from burgee.store.watch import PIECE, Watch
from burgee.wire.stream import Stream

PAGE = 500
"""Events fetched at a time."""

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
            await self._watch.wait(self._tenant, self.position, min(left, PIECE))
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
