"""Keeps a snapshot of a tenant's flags up to date in the background, by push or at an interval.

When the source is away the last good snapshot stays, and it is said to be stale; stale beats wrong beats failing. When
the source is back everything is fetched anew, so that another log (a restored backup) is taken for what it is, too.
"""

import contextlib
import logging
import math
import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from burgee.core.clock import Clock, system_clock
from burgee.core.errors import BurgeeError, RemoteError
from burgee.core.link import Link
from burgee.core.result import Result
from burgee.flags.applications.following import FlagsChanged, applied
from burgee.flags.applications.snapshot import Snapshot
from burgee.flags.model import Ruleset
from burgee.wire.stream import Stream

_log = logging.getLogger("burgee.flags")

_LOOK_UP = 0.2  # seconds to wait at a time for the next change, so that closing takes no longer
_FIRST_WAIT = 0.25  # seconds; at least half of it is waited, the rest is jitter
_LONGEST_WAIT = 10.0
_LAST_WORDS = 2.0  # seconds that closing waits for the thread


class Source(Protocol):
    """Where flags come from: what an evaluator needs of the service of flags."""

    async def ruleset(self) -> Result[Ruleset, BurgeeError]:
        """All flags and segments, at one moment."""
        ...

    async def flag_changes(self, after: int | None = None) -> Result[Stream[FlagsChanged], BurgeeError]:
        """What changes behind a position."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to an evaluator.

    `changed`: other flags are served now, and `flags` are the keys of those that may answer otherwise; `stale`: the
    source is away, and `error` says why if that is known; `fresh`: it is back.
    """

    kind: Literal["changed", "stale", "fresh"]
    flags: tuple[str, ...] = ()
    error: str | None = None


type Listener = Callable[[Notice], object]


class Keeper:
    """Holds the newest snapshot. Whoever asks flags reads it without a lock: it is replaced in one step."""

    def __init__(self, link: Link, source: Source, every: float | None, clock: Clock = system_clock) -> None:
        self._link = link
        self._source = source
        self._every = every
        self._clock = clock
        self._listeners: list[Listener] = []
        self.snapshot = Snapshot(Ruleset(), ready=False, clock=clock)
        self.trouble: Exception | None = None
        """What went wrong last, while it is not made good."""
        self._fresh_at = -math.inf
        self._lost = False
        self._closed = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_resuming(weakref.ref(self)))

    def _begin(self) -> None:
        self._lock = (
            threading.RLock()
        )  # held while fetching and replacing, so that the later fetch is the later snapshot
        self._stopping = threading.Event()
        self._stream: Stream[FlagsChanged] | None = None
        self._thread: threading.Thread | None = None
        self._wait = _FIRST_WAIT
        self._notices: deque[Notice] = deque()

    @property
    def age(self) -> float:
        """Seconds since the snapshot was known to be what the source has."""
        return max(0.0, time.monotonic() - self._fresh_at)

    @property
    def stale(self) -> bool:
        """Whether the source can't be asked, so that flags may have changed unseen."""
        return self._lost or self._closed

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def start(self) -> None:
        """Fetch the flags, and keep them up to date from now on.

        A source that can't be reached is no error, it may be there later; one that refuses is.
        """
        try:
            self.fetch()
        except RemoteError as error:
            self.trouble = error
        self._run_on()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell the listener what happens, in the background; gives the function that ends it."""
        self._listeners.append(listener)

        def end() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def fetch(self) -> None:
        """Get all flags anew."""
        try:
            with self._lock:
                begun = time.monotonic()
                self._replace(self._link.call(self._source.ruleset()))
                self._confirm(begun)
        except Exception as error:
            self._lose(error)
            raise
        finally:
            self._tell()

    def close(self) -> None:
        """End what runs in the background; the snapshot stays. Again is a no-op."""
        self._closed = True
        self._stopping.set()
        stream, thread = self._stream, self._thread
        if thread is None or thread is threading.current_thread():
            return
        if stream is not None:
            with contextlib.suppress(Exception):  # it is over anyway
                self._link.run(stream.close())
        thread.join(_LAST_WORDS)

    def resume(self) -> None:
        """Go on in a forked process: threads and connections stay with the parent."""
        self._begin()
        if not self._closed:
            self._run_on()

    def _run_on(self) -> None:
        self._thread = threading.Thread(target=self._run, args=(self._stopping,), name="burgee-flags", daemon=True)
        self._thread.start()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                if self._every is None:
                    self._follow(stopping)
                    continue
                if not self._lost:
                    stopping.wait(self._every)
                if not stopping.is_set():
                    self.fetch()
                self._wait = _FIRST_WAIT
            except Exception as error:  # noqa: BLE001 - whatever it is, the source may be back in a moment
                if not stopping.is_set():
                    self._lose(error)
                    self._tell()
                    stopping.wait(self._wait * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
                    self._wait = min(_LONGEST_WAIT, 2 * self._wait)

    def _follow(self, stopping: threading.Event) -> None:
        """Take in changes as they come, until contact is lost and found again."""
        if self._lost:
            self.fetch()
        stream = self._stream = self._link.call(self._source.flag_changes(self.snapshot.position))
        try:
            while not stopping.is_set():
                begun = time.monotonic()
                for changed in self._link.run(stream.some(_LOOK_UP)):
                    self._apply(changed)
                if not stream.connected:
                    self._lose(None)
                elif self._lost:
                    return
                else:
                    self._wait = _FIRST_WAIT
                    self._confirm(begun)
                self._tell()
        finally:
            self._stream = None
            with contextlib.suppress(Exception):  # what is wrong with it is known, or does not matter any more
                self._link.run(stream.close())

    def _apply(self, changed: FlagsChanged) -> None:
        with self._lock:
            if changed.position > self.snapshot.position:
                self._replace(applied(self.snapshot.ruleset, changed))

    def _replace(self, ruleset: Ruleset) -> None:
        before = self.snapshot
        after = Snapshot(ruleset, clock=self._clock, before=before)
        keys = after.changed_since(before)
        self.snapshot = after
        if keys and before.ready:
            self._notices.append(Notice("changed", keys))

    def _confirm(self, moment: float) -> None:
        self._fresh_at = moment
        self.trouble = None
        if self._lost:
            self._lost = False
            self._notices.append(Notice("fresh"))

    def _lose(self, error: Exception | None) -> None:
        self.trouble = error or self.trouble
        if not self._lost:
            self._lost = True
            self._notices.append(Notice("stale", error=None if error is None else str(error)))

    def _tell(self) -> None:
        """Tell the listeners what happened; not while the lock is held, as they may do anything."""
        while self._notices:
            with contextlib.suppress(IndexError):  # another thread tells it
                notice = self._notices.popleft()
                for listener in tuple(self._listeners):
                    try:
                        listener(notice)
                    except Exception:  # noqa: BLE001 - it is not ours, and the next one wants to know, too
                        _log.exception("a listener to changes of flags failed")


def _resuming(keeper: "weakref.ref[Keeper]") -> Callable[[], None]:
    def resume() -> None:
        if it := keeper():
            it.resume()

    return resume
