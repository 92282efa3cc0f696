"""Searching goes on while the engine is away: another one answers meanwhile, and its answers say so (R7.7).

While the engine is away nobody waits for it: after a failure it is left alone (the breaker is open), and only every so
often one caller looks whether it is back. What it missed it needs not be told: before an engine is asked it is brought
up to where the documents are (`following`), and so is the other one.

Not everything that goes wrong is an outage, and what one tenant asks or stores must not keep the engine from others.
A question that is beyond the engine (`SearchFailedError`) is answered by the other one, that once; an index that can't
be used (`IndexUnavailableError`) is left alone for as long as an engine would be. Whoever asks anything else meets the
engine as before.

An engine that refuses us (`SearchRefusedError`) from the start is a mistake in the settings, which reaches the caller.
One that answered before (its API key was revoked, say, or its certificate is too old now) is taken as away, and the log
says so as an error every time that it refuses again.
"""

import logging
import threading
import time
from collections.abc import Callable

from burgee.search.errors import (
    IndexUnavailableError,
    SearchFailedError,
    SearchRefusedError,
    SearchUnavailableError,
)
from burgee.search.protocol import SearchProvider

_log = logging.getLogger("burgee.search")


class WithFallback[TDocument]:
    """One engine, and another for when it is away.

    Args:
        first: the engine that answers.
        second: the one that answers while the first is away; without one its error reaches the caller.
        kept_fresh: whether the second is told of changes as they come, and not only when it is needed.
        pause: seconds after a failure in which the first, or an index of it, is left alone.
        refused_pause: the same after it refused us: what is wrong then is mended by somebody.
    """

    def __init__(
        self,
        first: SearchProvider[TDocument],
        second: SearchProvider[TDocument] | None = None,
        *,
        kept_fresh: bool = False,
        pause: float = 1.0,
        refused_pause: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.first, self.second = first, second
        self._kept_fresh = kept_fresh
        self._pause, self._refused_pause, self._clock = pause, refused_pause, clock
        self._lock = threading.Lock()
        self._answered = self._away = self._looking = False
        self._again_at = self._say_again_at = 0.0
        self._left_alone: dict[str, float] = {}

    @property
    def away(self) -> bool:
        """Whether the first failed, and has not been asked with success since."""
        return self._away

    def either[R](self, index: str, work: Callable[[SearchProvider[TDocument]], R]) -> tuple[R, bool]:
        """Do it to an index with the first or, where that can't, with the second; and whether that was so."""
        second = self.second
        if second is None:
            return work(self.first), False
        if self._may_ask(index):
            try:
                done = work(self.first)
            except SearchUnavailableError as error:
                if not self._failed(index, error):
                    raise
            except BaseException:
                self._looking = False
                raise
            else:
                self._is_there()
                return done, False
        return work(second), True

    def tell(self, index: str, work: Callable[[SearchProvider[TDocument]], object]) -> None:
        """Do it to an index with the first if it is there, and with the second if that is kept fresh.

        What is missed here is made up for at the next use, so nobody need hear of it.
        """
        if self._may_ask(index):
            try:
                work(self.first)
            except SearchUnavailableError as error:
                self._failed(index, error)
            except BaseException:
                self._looking = False
                raise
            else:
                self._is_there()
        if self._kept_fresh and self.second is not None:
            try:
                work(self.second)
            except SearchUnavailableError as error:
                _log.warning("the second search engine could not be told of changes: %s", error)

    def close(self) -> None:
        """Give back what both hold."""
        self.first.close()
        if self.second is not None:
            self.second.close()

    def _may_ask(self, index: str) -> bool:
        """Whether to ask the first: it is there, or it is time to look, and nobody else is looking."""
        if self._left_alone and self._clock() < self._left_alone.get(index, 0.0):
            return False
        if not self._away:
            return True
        with self._lock:
            if self._looking or self._clock() < self._again_at:
                return False
            self._looking = True
            return True

    def _failed(self, index: str, error: SearchUnavailableError) -> bool:
        """Note it; whether the other one is to answer."""
        if isinstance(error, SearchFailedError):
            self._is_there()
            self._say(error)
            return True
        if isinstance(error, IndexUnavailableError):
            self._leave_alone(index)
            self._say(error)
            return True
        refused = isinstance(error, SearchRefusedError)
        degrades = self._answered or not refused
        with self._lock:
            was_there, self._away, self._looking = not self._away, degrades, False
            self._again_at = self._clock() + (self._refused_pause if refused else self._pause)
        answers = "" if self.second is None or not degrades else "; the database answers meanwhile"
        if refused:
            _log.error("the search engine refuses this workspace%s: %s", answers, error)
        elif was_there:
            _log.warning("the search engine is away%s: %s", answers, error)
        return degrades

    def _leave_alone(self, index: str) -> None:
        """Ask nothing about one index for a while."""
        with self._lock:
            self._looking, now = False, self._clock()
            there = {name: until for name, until in self._left_alone.items() if now < until}
            self._left_alone = {**there, index: now + self._pause}

    def _say(self, error: SearchUnavailableError) -> None:
        """Tell the log why the first, which is there, did not answer: now and then, as anybody can repeat it."""
        with self._lock:
            now = self._clock()
            if now < self._say_again_at:
                return
            self._say_again_at = now + self._pause
        answers = "" if self.second is None else "; the database answers that"
        _log.warning("the search engine is there, but fails at this%s: %s", answers, error)

    def _is_there(self) -> None:
        with self._lock:
            back, self._away, self._looking, self._answered = self._away, False, False, True
        if back:
            _log.warning("the search engine is back")
