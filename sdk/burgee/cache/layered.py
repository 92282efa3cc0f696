"""Memory before a server: what was read lately is had without asking, until somebody anywhere changes it.

Every change is told to the other processes by Redis's publish and subscribe. While this process can't hear (the
server is away, the connection broke) it trusts nothing it holds: memory is emptied and every read asks the server.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, override

from burgee.cache.checks import check_ttl
from burgee.cache.forks import on_fork
from burgee.cache.memory import MemoryCache
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.protocol import CacheProvider, Claim
from burgee.cache.redis import RedisCache

_log = logging.getLogger("burgee.cache")
_LOOK_UP = 0.2  # seconds a listener waits at a time
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


class _Telling[T](Claim[T]):
    """A claim of the far cache: what is stored by it is told to the other processes."""

    __slots__ = ("_far", "_tell")

    def __init__(self, far: Claim[T], tell: Callable[[], None]) -> None:
        self._far, self._tell = far, tell

    @override
    def keep(self, value: T, ttl: float | None = None) -> bool:
        kept = self._far.keep(value, ttl)
        if kept:
            self._tell()
        return kept

    @override
    def renew(self) -> bool:
        return self._far.renew()

    @override
    def release(self) -> None:
        self._far.release()


class Layered[T](CacheProvider[T]):
    """A memory cache before one in Redis.

    Args:
        near: the memory.
        far: what all processes share.
        ttl: seconds a value is held near at most.
    """

    blocks = True

    def __init__(self, near: MemoryCache[T], far: RedisCache[T], *, ttl: float = 60.0) -> None:
        self._near, self._far = near, far
        self._ttl = check_ttl(ttl)
        self._changes = 0
        """How many changes were seen: a value that was read before one may be old, and is not held."""
        self._begin()
        self._hearing.wait(1.0)
        on_fork(self)

    def in_child(self) -> None:
        """Listen anew: the thread that did was left behind."""
        self._near.in_child()
        self._near.clear()
        self._begin()

    def _begin(self) -> None:
        self._me = uuid.uuid4().hex
        self._hearing = threading.Event()
        self._closing = threading.Event()
        self._changes += 1
        self._listener = threading.Thread(target=self._listen, name="burgee-cache", daemon=True)
        self._listener.start()

    @override
    def get_entry(self, key: str) -> CacheEntry[T] | None:
        if self._hearing.is_set():
            entry = self._near.get_entry(key)
            if entry is not None:
                return entry
        before = self._changes
        entry = self._far.get_entry(key)
        if entry is not None:
            self._hold({key: entry}, before)
        return entry

    @override
    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        asked = list(keys)
        found = self._near.get_many(asked) if self._hearing.is_set() else {}
        before = self._changes
        further = self._far.get_many(key for key in asked if key not in found)
        self._hold(further, before)
        return {key: entry for key in asked if (entry := found.get(key) or further.get(key)) is not None}

    @override
    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        self._far.set(key, value, ttl, tags)
        self._changed("k", key)

    @override
    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        self._far.set_many(values, ttl, tags)
        self._changed("k", *values)

    @override
    def delete(self, key: str) -> bool:
        deleted = self._far.delete(key)
        self._changed("k", key)
        return deleted

    @override
    def delete_many(self, keys: Iterable[str]) -> int:
        asked = list(keys)
        count = self._far.delete_many(asked)
        self._changed("k", *asked)
        return count

    @override
    def clear_pattern(self, pattern: str) -> int:
        count = self._far.clear_pattern(pattern)
        self._changed("p", pattern)
        return count

    @override
    def clear_tags(self, tags: Iterable[str]) -> int:
        count = self._far.clear_tags(tags)
        self._changed("p", "*")  # near does not know the tags of what others stored
        return count

    @override
    def clear(self) -> int:
        count = self._far.clear()
        self._changed("p", "*")
        return count

    @override
    def lock(self, key: str, ttl: float) -> AbstractContextManager[bool]:
        return self._far.lock(key, ttl)

    @override
    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        far = self._far.claim(key, seconds, tags)
        return None if far is None else _Telling(far, lambda: self._changed("k", key))

    @override
    def stats(self) -> CacheStats:
        near, far = self._near.stats(), self._far.stats()
        return replace(
            far,
            provider=f"{near.provider} before {far.provider}",
            hits=near.hits + far.hits,
            entries=near.entries,
            bytes=near.bytes,
            evicted=near.evicted,
            away=not self._hearing.is_set(),
        )

    @override
    def close(self) -> None:
        self._closing.set()
        self._listener.join(5 * _LOOK_UP)
        self._near.close()
        self._far.close()

    def _hold(self, entries: Mapping[str, CacheEntry[T]], before: int) -> None:
        """Hold near what was read, unless something changed since it was asked for."""
        for key, entry in entries.items():
            left = entry.expires_at - self._far.now()
            if left > 0 and self._hearing.is_set() and self._changes == before:
                self._near.hold(entry, self._near.now() + min(left, self._ttl))
                if self._changes != before:
                    self._near.delete(key)

    def _changed(self, kind: str, *names: str) -> None:
        self._forget(kind, names)
        self._far.publish([f"{self._me} {kind} {name}" for name in names])

    def _forget(self, kind: str, names: Iterable[str]) -> None:
        self._changes += 1
        if kind == "p":
            for pattern in names:
                self._near.clear_pattern(pattern)
        else:
            self._near.delete_many(names)

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            try:
                with self._far.subscription() as heard:
                    self._near.clear()
                    while not self._closing.is_set():
                        message = heard.get_message(timeout=_LOOK_UP)
                        if message is None:
                            continue
                        if message["type"] == "subscribe":
                            self._hearing.set()
                            pause = _FIRST_PAUSE
                        elif message["type"] == "message":
                            self._heard(message["data"])
            except Exception as error:  # noqa: BLE001 - whatever the client raises: it is tried again
                if not self._closing.is_set():
                    _log.info("the cache listens again soon: %s: %s", type(error).__name__, error)
            finally:
                self._hearing.clear()
                self._changes += 1
                self._near.clear()
            self._closing.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _heard(self, data: Any) -> None:
        who, kind, name = data.decode().split(" ", 2)
        if who != self._me:
            self._forget(kind, [name])
