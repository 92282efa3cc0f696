"""A cache in this process's memory, bounded by entries and by bytes; what was used least lately goes first."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, override

from burgee.cache.checks import check_jitter, check_key, check_open, check_tags, check_ttl, jittered
from burgee.cache.forks import on_fork
from burgee.cache.held import held
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.patterns import matcher
from burgee.cache.protocol import CacheProvider, Claim
from burgee.cache.serializers import Serializer, Standard
from burgee.core.errors import InvalidInputError

_OVERHEAD = 200  # bytes an entry takes beside its key and its value, about


class _Kept(NamedTuple):
    entry: CacheEntry[Any]
    """With the value as it is held."""
    read: Callable[[Any], Any] | None
    """What makes the value of what is held; None: it is the value."""
    expires: float
    size: int
    tags: tuple[str, ...]


class _Claimed[T](Claim[T]):
    """A claim in memory: it is had for as long as it is found there under its key."""

    __slots__ = ("_cache", "_key", "_seconds", "tags", "until")

    def __init__(self, cache: "MemoryCache[T]", key: str, seconds: float, tags: tuple[str, ...]) -> None:
        self._cache, self._key, self._seconds, self.tags = cache, key, seconds, tags
        self.until = cache.now() + seconds

    @override
    def keep(self, value: T, ttl: float | None = None) -> bool:
        return self._cache.keep(self, self._key, value, ttl)

    @override
    def renew(self) -> bool:
        self.until = self._cache.now() + self._seconds
        return self._cache.has(self, self._key)

    @override
    def release(self) -> None:
        self._cache.release(self, self._key)


class MemoryCache[T](CacheProvider[T]):
    """Values in memory.

    Args:
        max_entries: how many there may be.
        max_bytes: how many bytes they may take, about.
        ttl: seconds a value is kept unless said otherwise.
        jitter: by which share of it a ttl is shortened by chance, at most.
        serializer: turns values that can be changed to bytes.
        clock: seconds since 1970.
    """

    blocks = False

    def __init__(
        self,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        ttl: float = 300.0,
        jitter: float = 0.0,
        serializer: Serializer[T] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if type(bound) is not int or bound < 1:
                raise InvalidInputError(f"{name} is a whole number from 1, not {bound!r}")
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._ttl, self._jitter = check_ttl(ttl), check_jitter(jitter)
        self._serializer: Serializer[Any] = Standard() if serializer is None else serializer
        self._clock = clock
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._tagged: dict[str, set[str]] = {}
        self._locks: dict[str, float] = {}
        self._claims: dict[str, _Claimed[T]] = {}
        self._bytes = self._hits = self._misses = self._evicted = self._dropped = 0
        self._closed = False
        on_fork(self)

    def in_child(self) -> None:
        """Make the lock anew; what another thread was changing when the process forked is given up."""
        whole = self._lock.acquire(blocking=False)
        self._lock = threading.RLock()
        self._locks, self._claims = {}, {}
        if not whole:
            self._kept, self._tagged, self._bytes = OrderedDict(), {}, 0

    @override
    def get_entry(self, key: str) -> CacheEntry[T] | None:
        now = self._clock()
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.expires <= now:
                self._forget(key)
                kept = None
            if kept is None:
                self._misses += 1
                check_key(key)
                check_open(self._closed)  # here, since it costs a hit nothing: what is closed holds none
                return None
            self._hits += 1
            self._kept.move_to_end(key)
        entry, read, _, _, _ = kept
        return entry if read is None else CacheEntry(key, read(entry.value), entry.created_at, entry.expires_at)

    @override
    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        found = ((key, self.get_entry(check_key(key))) for key in keys)
        return {key: entry for key, entry in found if entry is not None}

    @override
    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        self.set_many({key: value}, ttl, tags)

    @override
    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        made = self._all(values, ttl, check_tags(tags))
        with self._lock:
            check_open(self._closed)
            for kept in made:
                self._claims.pop(kept.entry.key, None)
                self._keep(kept)

    def hold(self, entry: CacheEntry[T], until: float) -> None:
        """Hold what was read elsewhere, with its own times, until then."""
        kept = self._made(entry, ())._replace(expires=min(until, entry.expires_at))
        with self._lock:
            self._keep(kept)

    @override
    def delete(self, key: str) -> bool:
        return self.delete_many([key]) > 0

    @override
    def delete_many(self, keys: Iterable[str]) -> int:
        asked = [check_key(key) for key in keys]
        with self._lock:
            for key in asked:
                self._claims.pop(key, None)
            return sum(map(self._forget, asked))

    @override
    def clear_pattern(self, pattern: str) -> int:
        matches = matcher(check_key(pattern, "a pattern")).fullmatch
        with self._lock:
            self._claims = {key: claim for key, claim in self._claims.items() if not matches(key)}
            return sum(map(self._forget, [key for key in self._kept if matches(key)]))

    @override
    def clear_tags(self, tags: Iterable[str]) -> int:
        asked = check_tags(tags)
        with self._lock:
            self._claims = {key: claim for key, claim in self._claims.items() if not set(asked) & set(claim.tags)}
            keys = {key for tag in asked for key in self._tagged.get(tag, ())}
            return sum(map(self._forget, keys))

    @override
    def clear(self) -> int:
        with self._lock:
            self._sweep()
            count = len(self._kept)
            self._kept.clear()
            self._tagged.clear()
            self._claims.clear()
            self._bytes = 0
            return count

    @override
    @contextmanager
    def lock(self, key: str, ttl: float) -> Iterator[bool]:
        now = self._clock()
        until = now + check_ttl(ttl)
        with self._lock:
            had = self._locks.get(key, 0.0) <= now
            if had:
                self._locks[key] = until
        try:
            yield had
        finally:
            if had:
                with self._lock:
                    if self._locks.get(key) == until:
                        del self._locks[key]

    @override
    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        made = _Claimed(self, check_key(key), check_ttl(seconds), check_tags(tags))
        with self._lock:
            check_open(self._closed)
            there = self._claims.get(key)
            if there is not None and there.until > self._clock():
                return None
            self._claims[key] = made
            return made

    def has(self, claim: Claim[T], key: str) -> bool:
        """Whether a claim was not lost."""
        return self._claims.get(key) is claim

    def keep(self, claim: "_Claimed[T]", key: str, value: T, ttl: float | None) -> bool:
        """Store what was claimed, unless the claim was lost: whether it was not."""
        [kept] = self._all({key: value}, ttl, claim.tags)
        with self._lock:
            had = self._claims.get(key) is claim
            if had:
                del self._claims[key]
                self._keep(kept)
            return had

    def release(self, claim: Claim[T], key: str) -> None:
        """End a claim."""
        with self._lock:
            if self._claims.get(key) is claim:
                del self._claims[key]

    @override
    def stats(self) -> CacheStats:
        with self._lock:
            self._sweep()
            return CacheStats(
                "memory", self._hits, self._misses, len(self._kept), self._bytes, self._evicted, dropped=self._dropped
            )

    @override
    def close(self) -> None:
        with self._lock:
            self._closed = True
            self.clear()

    def now(self) -> float:
        """Seconds since 1970, as this provider reckons."""
        return self._clock()

    def _all(self, values: Mapping[str, T], ttl: float | None, tags: tuple[str, ...]) -> list[_Kept]:
        seconds = self._ttl if ttl is None else check_ttl(ttl)
        now = self._clock()
        return [
            self._made(CacheEntry(check_key(key), value, now, now + jittered(seconds, self._jitter)), tags)
            for key, value in values.items()
        ]

    def _made(self, entry: CacheEntry[T], tags: tuple[str, ...]) -> _Kept:
        body = self._serializer.dump(entry.value)  # also what is held as it is: not every serializer can say it
        what, read, size = held(entry.value, body, self._serializer)
        mine = CacheEntry(entry.key, what, entry.created_at, entry.expires_at)
        return _Kept(mine, read, entry.expires_at, len(entry.key) + size + _OVERHEAD, tags)

    def _keep(self, kept: _Kept) -> None:
        key = kept.entry.key
        self._forget(key)
        if kept.size > self._max_bytes:
            self._evicted += 1
            return
        self._kept[key] = kept
        self._bytes += kept.size
        for tag in kept.tags:
            self._tagged.setdefault(tag, set()).add(key)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            self._forget(next(iter(self._kept)))
            self._evicted += 1

    def _forget(self, key: str) -> bool:
        """Take an entry away; whether it was there and held still."""
        kept = self._kept.pop(key, None)
        if kept is None:
            return False
        self._bytes -= kept.size
        for tag in kept.tags:
            keys = self._tagged.get(tag)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._tagged[tag]
        return kept.expires > self._clock()

    def _sweep(self) -> None:
        now = self._clock()
        for key in [key for key, kept in self._kept.items() if kept.expires <= now]:
            self._forget(key)
