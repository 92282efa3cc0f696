"""A cache that goes on without its server: in memory while the server is away, with the server again when it is back.

While the server is away nobody waits for it: after a failure it is left alone (the breaker is open), and only every
so often one caller looks whether it is back. What was deleted or written meanwhile is remembered and taken away from
the server before anybody reads there again, so that no deleted value comes back and no old one hides a new one.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Literal, override

from burgee.cache.forks import on_fork
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.protocol import CacheProvider, Claim
from burgee.core.errors import BurgeeError

_log = logging.getLogger("burgee.cache")
_ROUNDS = 2
"""How often the first is told what it missed before callers must wait for the last of it."""
_SOON, _LONGEST_PAUSE = 10, 60.0
"""A server that fails again within so many pauses after it was taken up is left alone twice as long, up to this."""
_PROBE = "burgee:there"
_MOST = 10_000  # deletions that are remembered; beyond that everything is taken away


class _Either[T](Claim[T]):
    """A claim of one of the two. It is lost when it is the other's turn: what was deleted there it can't tell."""

    __slots__ = ("_cache", "_claim", "_key", "_of_first")

    def __init__(self, cache: "WithFallback[T]", key: str, claim: Claim[T], *, of_first: bool) -> None:
        self._cache, self._key, self._claim, self._of_first = cache, key, claim, of_first

    @override
    def keep(self, value: T, ttl: float | None = None) -> bool:
        return self._with(lambda: self._claim.keep(value, ttl), [("key", self._key)])

    @override
    def renew(self) -> bool:
        return self._with(self._claim.renew)

    @override
    def release(self) -> None:
        self._with(self._claim.release)

    def _with[R](self, work: Callable[[], R], missed: Iterable[tuple[str, str]] = ()) -> R | Literal[False]:
        return self._cache.turn(work, missed, of_first=self._of_first)


class WithFallback[T](CacheProvider[T]):
    """One provider, and another for when it is away.

    Args:
        first: the one that may be away, e.g. Redis.
        second: the one that is not, e.g. memory.
        pause: seconds after a failure in which the first is left alone; twice as many each time it fails again soon.
    """

    blocks = True

    def __init__(
        self,
        first: CacheProvider[T],
        second: CacheProvider[T],
        *,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first, self._second = first, second
        self._pause, self._clock = pause, clock
        self._lock = threading.RLock()
        self._away = False
        self._again_at = 0.0
        self._taken_up_at = -math.inf
        self._resting = pause
        self._looking = False
        self._warned = False
        self._failures = 0
        self._missed: dict[tuple[str, str], None] = {}
        """What the first must be told: deleted keys, patterns, tags; in order, each once."""
        on_fork(self)

    def in_child(self) -> None:
        """Make the lock anew; who was looking whether the first is back was left behind."""
        self._lock = threading.RLock()
        self._looking = False

    @override
    def get_entry(self, key: str) -> CacheEntry[T] | None:
        return self._either(lambda one: one.get_entry(key))

    @override
    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        asked = list(keys)
        return self._either(lambda one: one.get_many(asked))

    @override
    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        named = list(tags)
        self._either(lambda one: one.set(key, value, ttl, named), [("key", key)])

    @override
    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        named = list(tags)
        self._either(lambda one: one.set_many(values, ttl, named), [("key", key) for key in values])

    @override
    def delete(self, key: str) -> bool:
        return self._either(lambda one: one.delete(key), [("key", key)])

    @override
    def delete_many(self, keys: Iterable[str]) -> int:
        asked = list(keys)
        return self._either(lambda one: one.delete_many(asked), [("key", key) for key in asked])

    @override
    def clear_pattern(self, pattern: str) -> int:
        return self._either(lambda one: one.clear_pattern(pattern), [("pattern", pattern)])

    @override
    def clear_tags(self, tags: Iterable[str]) -> int:
        named = list(tags)
        return self._either(lambda one: one.clear_tags(named), [("tag", tag) for tag in named])

    @override
    def clear(self) -> int:
        return self._either(lambda one: one.clear(), [("pattern", "*")])

    @override
    @contextmanager
    def lock(self, key: str, ttl: float) -> Iterator[bool]:
        held = self._either(lambda one: _entered(one, key, ttl))
        try:
            yield held[1]
        finally:
            try:
                held[0].__exit__(None, None, None)
            except BurgeeError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever its client raises; the lock ends by itself
                self._failed(error, ())

    @override
    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        named = list(tags)
        one, claim = self._either(lambda one: (one, one.claim(key, seconds, named)))
        return None if claim is None else _Either(self, key, claim, of_first=one is self._first)

    def turn[R](
        self, work: Callable[[], R], missed: Iterable[tuple[str, str]], *, of_first: bool
    ) -> R | Literal[False]:
        """Do it if it is the turn of that one of the two, and nothing otherwise; nothing also if that fails."""
        if of_first != (not self._away or self._taken_up()):
            return False
        try:
            return work()
        except BurgeeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever its client raises; the claim ends by itself
            self._failed(error, missed)
            return False

    @override
    def stats(self) -> CacheStats:
        first, second = self._first.stats(), self._second.stats()
        now = second if self._away else first
        return replace(
            now,
            provider=f"{first.provider}, else {second.provider}",
            hits=first.hits + second.hits,
            misses=first.misses + second.misses,
            evicted=first.evicted + second.evicted,
            dropped=first.dropped + second.dropped,
            away=self._away,
            failures=self._failures,
        )

    @override
    def close(self) -> None:
        self._first.close()
        self._second.close()

    def _either[R](self, work: Callable[[CacheProvider[T]], R], missed: Iterable[tuple[str, str]] = ()) -> R:
        """Do it with the first or, where that is away, with the second; `missed` is what the first is told then."""
        if not self._away or self._taken_up():
            try:
                return work(self._first)
            except BurgeeError:  # the caller's mistake, not the server's
                raise
            except Exception as error:  # noqa: BLE001 - whatever its client raises, somebody must answer
                self._failed(error, missed)
        elif not self._remembered(missed):
            return self._either(work, missed)
        return work(self._second)

    def _failed(self, error: Exception, missed: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            now = self._clock()
            if not self._away:
                again = now - self._taken_up_at < _SOON * self._resting
                self._resting = min(2 * self._resting, max(self._pause, _LONGEST_PAUSE)) if again else self._pause
                self._second.clear()  # also what came there late, when the first was taken up
            self._failures += 1
            self._away = True
            self._again_at = now + self._resting
            self._remember(missed)
            warn, self._warned = not self._warned, True
        if warn:
            _log.warning("the cache goes on in memory: %s: %.200s", type(error).__name__, error)

    def _remembered(self, missed: Iterable[tuple[str, str]]) -> bool:
        """Remember what the first misses; not if it was taken up meanwhile, and can be told itself."""
        with self._lock:
            if self._away:
                self._remember(missed)
            return self._away

    def _remember(self, missed: Iterable[tuple[str, str]]) -> None:
        for one in missed:
            self._missed[one] = None
        if len(self._missed) > _MOST:
            self._missed = {("pattern", "*"): None}

    def _taken_up(self) -> bool:
        """Look, if it is time, whether the first is back; tell it what it missed, and take it up again."""
        with self._lock:
            if self._looking or self._clock() < self._again_at:
                return not self._away
            self._looking = True
        try:
            for _ in range(_ROUNDS):
                with self._lock:
                    missed, self._missed = self._missed, {}
                if not self._told(missed):
                    return False
            with self._lock:  # what came meanwhile; nothing more can come while it is told
                missed, self._missed = self._missed, {}
                if not self._told(missed):
                    return False
                self._away = self._warned = False
                self._taken_up_at = self._clock()
        finally:
            self._looking = False
        self._second.clear()
        _log.warning("the cache is back on its server")
        return True

    def _told(self, missed: Mapping[tuple[str, str], None]) -> bool:
        try:
            self._tell(missed)
        except Exception as error:  # noqa: BLE001 - whatever its client raises
            with self._lock:
                later, self._missed = self._missed, {}
                self._remember([*missed, *later])
                self._failed(error, ())
            return False
        return True

    def _tell(self, missed: Mapping[tuple[str, str], None]) -> None:
        keys = [name for kind, name in missed if kind == "key"]
        with self._first.lock(_PROBE, self._pause or 1.0):  # a server that is full, or a replica, takes nothing in
            self._first.delete_many([*keys, _PROBE])
        for kind, name in missed:
            if kind == "pattern":
                self._first.clear_pattern(name)
            elif kind == "tag":
                self._first.clear_tags([name])


def _entered[T](one: CacheProvider[T], key: str, ttl: float) -> tuple[AbstractContextManager[bool], bool]:
    held = one.lock(key, ttl)
    return held, held.__enter__()
