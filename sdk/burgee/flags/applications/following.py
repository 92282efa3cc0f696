"""Flags as they change: what an evaluator follows, so that it need not ask for all of them again.

A commit is followed by one look at the log of the tenant. It tells which flags and segments changed and reads them as
they are then, all in one transaction: who applies each message to the ruleset before has, at any time, flags and
segments that stood together at one moment.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import override

from burgee.core.portal import driven
from burgee.flags.model import FlagState, Ruleset, Segment
from burgee.store.database import Database
from burgee.store.watch import PIECE, Watch
from burgee.wire.stream import Stream

_PAUSE = 0.03
"""Seconds between two looks: in a busy log, where most of what comes is no change of a flag, they are shared."""


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """The flags and segments that changed, as they are at `position`; `gone` are the keys of segments put away."""

    position: int
    flags: tuple[FlagState, ...] = ()
    segments: tuple[Segment, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.flags or self.segments or self.gone)


def applied(ruleset: Ruleset, changed: FlagsChanged) -> Ruleset:
    """The ruleset after a change; what did not change is the same object as before."""
    flags = {**ruleset.flags, **{flag.key: flag for flag in changed.flags}}
    segments = {**ruleset.segments, **{segment.key: segment for segment in changed.segments}}
    for key in changed.gone:
        segments.pop(key, None)
    return Ruleset(flags, segments, max(ruleset.position, changed.position))


type Look = Callable[[int], FlagsChanged]
"""What changed behind a position, and how far that was looked at."""


class LocalFlagChanges(Stream[FlagsChanged]):
    """The changes of a tenant's flags and segments, as they are committed."""

    def __init__(self, database: Database, watch: Watch, tenant: str, look: Look, position: int) -> None:
        super().__init__(position)
        self._database = database
        self._watch = watch
        self._tenant = tenant
        self._look = look
        self._looked = -math.inf
        self._closed = False

    @override
    async def some(self, seconds: float | None = None) -> Sequence[FlagsChanged]:
        until = math.inf if seconds is None else time.monotonic() + seconds
        while not self._closed:
            await _pause(min(self._looked + _PAUSE, until) - time.monotonic())
            self._looked = time.monotonic()
            found = await self._database.run(lambda: self._look(self.position))
            self.position = max(self.position, found.position)
            left = until - time.monotonic()
            if found or left <= 0:
                return (found,) if found else ()
            await self._watch.wait(self._tenant, self.position, min(left, PIECE))
        raise StopAsyncIteration

    @override
    async def close(self) -> None:
        self._closed = True


async def _pause(seconds: float) -> None:
    if seconds <= 0:
        return
    if driven():
        time.sleep(seconds)  # noqa: ASYNC251 - the caller's own thread, and no loop in it
    else:
        await asyncio.sleep(seconds)
