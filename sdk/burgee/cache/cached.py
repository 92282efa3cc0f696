"""`@cached`: a function whose results are kept, with one execution per key however many ask.

Results are found by the function and the content of its arguments. While one caller works, others with the same
arguments wait for it: in this process, and by a lock of the provider in other processes. With `stale=` an answer that
is past its time is given at once for so much longer, while one caller in the background makes a new one.
"""

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from burgee.cache.checks import check_key, check_tags, check_ttl
from burgee.cache.fingerprint import fingerprint
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.patterns import escaped
from burgee.core.errors import InvalidInputError

_POLL = (0.005, 0.1)
"""Seconds between looks at what another process is working on: at first, and at most."""

_LONGEST = 60.0
"""Seconds after which another process is no longer waited for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How results are kept."""

    ttl: float | None
    key: Callable[..., object] | None
    tags: tuple[str, ...]
    stale: float
    name: str | None

    @classmethod
    def of(
        cls,
        ttl: float | None,
        key: Callable[..., object] | None,
        tags: Iterable[str],
        stale: float | None,
        name: str | None,
    ) -> "Options":
        """Checked."""
        if ttl is not None:
            check_ttl(ttl)
        if key is not None and not callable(key):
            raise InvalidInputError(f"key is a function of the same arguments, not {key!r}")
        if stale is not None:
            check_ttl(stale, "stale")
        if stale is not None and ttl is None:
            raise InvalidInputError("stale needs a ttl, after which a result is past its time")
        return cls(ttl, key, check_tags(tags), stale or 0.0, None if name is None else check_key(name, "a name"))


class CachedFunction[**P, R]:
    """A function with its cache. Called as the function; with some more verbs."""

    def __init__(self, function: Callable[P, R], cache: Any, options: Options) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._cache = cache
        self._options = options
        self._signature = inspect.signature(function)
        self._start = options.name or f"{function.__module__}.{function.__qualname__}"
        self._lock = threading.Lock()
        self._working: dict[str, Future[Any]] = {}
        self._hits = self._misses = 0
        if inspect.iscoroutinefunction(function):
            inspect.markcoroutinefunction(self)
            self._call: Callable[..., Any] = self._awaited
        else:
            self._call = self._called

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result for these arguments: kept, or made now."""
        result: R = self._call(*args, **kwargs)
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        bound: Any = self
        return self if instance is None else functools.partial(bound, instance)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key under which the result for these arguments is kept."""
        if self._options.key is not None:
            made = self._options.key(*args, **kwargs)
            part = made if isinstance(made, str) else fingerprint(made)
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            part = fingerprint(bound.arguments)
        return check_key(f"{self._start}:{part}")

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result for these arguments; whether there was one."""
        deleted: bool = self._cache.delete(self.key(*args, **kwargs))
        return deleted

    def invalidate_all(self) -> int:
        """Forget all results; how many there were."""
        count: int = self._cache.clear_pattern(f"{escaped(self._start)}:*")
        return count

    def stats(self) -> CacheStats:
        """Hits and misses of this function in this process; an answer past its time is a hit."""
        return CacheStats(self._start, self._hits, self._misses)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        entry = self._cache.get_entry(key)
        if entry is not None:
            self._hits += 1
            if not self._is_fresh(entry):
                self._renew(key, args, kwargs)
            return entry.value
        mine, future = self._join(key)
        if not mine:
            self._hits += 1
            return future.result()
        return self._work(key, future, args, kwargs)

    def _work(self, key: str, future: "Future[Any]", args: Any, kwargs: Any) -> Any:
        try:
            result = self._once(key, args, kwargs)
        except BaseException as error:
            self._done(key)
            future.set_exception(error)
            raise
        self._done(key)
        future.set_result(result)
        return result

    def _once(self, key: str, args: Any, kwargs: Any) -> Any:
        """The result: of another process that works on it or just did, or by calling the function."""
        began, pause = time.monotonic(), _POLL[0]
        while True:
            with self._cache.lock(key, _LONGEST) as had:
                late = time.monotonic() - began > _LONGEST
                entry = self._cache.get_entry(key)
                if entry is not None and self._is_fresh(entry):
                    self._hits += 1
                    return entry.value
                if had or late:
                    self._misses += 1
                    result = self._function(*args, **kwargs)
                    self._keep(key, result)
                    return result
            time.sleep(pause)
            pause = min(2 * pause, _POLL[1])

    def _renew(self, key: str, args: Any, kwargs: Any) -> None:
        mine, future = self._join(key)
        if mine:
            threading.Thread(target=self._renewed, args=(key, future, args, kwargs), daemon=True).start()

    def _renewed(self, key: str, future: "Future[Any]", args: Any, kwargs: Any) -> None:
        try:
            self._work(key, future, args, kwargs)
        except Exception:  # noqa: BLE001 - the old answer stands until it is gone; then the error is the caller's
            return

    async def _awaited(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        entry = await self._hop(self._cache.get_entry, key)
        if entry is not None:
            self._hits += 1
            if not self._is_fresh(entry):
                self._renew_async(key, args, kwargs)
            return entry.value
        mine, future = self._join(key)
        if not mine:
            self._hits += 1
            return await asyncio.shield(asyncio.wrap_future(future))
        return await self._work_async(key, future, args, kwargs)

    def _renew_async(self, key: str, args: Any, kwargs: Any) -> None:
        mine, future = self._join(key)
        if mine:
            task = asyncio.ensure_future(self._work_async(key, future, args, kwargs))
            _background.add(task)
            task.add_done_callback(_forget)

    async def _work_async(self, key: str, future: "Future[Any]", args: Any, kwargs: Any) -> Any:
        try:
            result = await self._once_async(key, args, kwargs)
        except BaseException as error:
            self._done(key)
            future.set_exception(error)
            raise
        self._done(key)
        future.set_result(result)
        return result

    async def _once_async(self, key: str, args: Any, kwargs: Any) -> Any:
        began, pause = time.monotonic(), _POLL[0]
        while True:
            held = self._cache.lock(key, _LONGEST)
            had = await self._hop(held.__enter__)
            try:
                late = time.monotonic() - began > _LONGEST
                entry = await self._hop(self._cache.get_entry, key)
                if entry is not None and self._is_fresh(entry):
                    self._hits += 1
                    return entry.value
                if had or late:
                    self._misses += 1
                    made: Awaitable[Any] = self._function(*args, **kwargs)  # type: ignore[assignment] # a coroutine's
                    result = await made
                    await self._hop(self._keep, key, result)
                    return result
            finally:
                await self._hop(held.__exit__, None, None, None)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _POLL[1])

    async def _hop[T](self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(work, *args) if self._cache.blocks else work(*args)

    def _keep(self, key: str, result: Any) -> None:
        options = self._options
        ttl = None if options.ttl is None else options.ttl + options.stale
        self._cache.set(key, result, ttl=ttl, tags=options.tags)

    def _is_fresh(self, entry: CacheEntry[Any]) -> bool:
        return not self._options.stale or self._cache.now() < entry.expires_at - self._options.stale

    def _join(self, key: str) -> "tuple[bool, Future[Any]]":
        """Whether this caller does the work, and where its result will be."""
        with self._lock:
            future = self._working.get(key)
            if future is not None:
                return False, future
            future = self._working[key] = Future()
            return True, future

    def _done(self, key: str) -> None:
        with self._lock:
            self._working.pop(key, None)


_background: set[asyncio.Future[Any]] = set()
"""What runs in the background: a loop itself holds its tasks only weakly."""


def _forget(task: "asyncio.Future[Any]") -> None:
    _background.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that nothing is said of it: the old answer stands
