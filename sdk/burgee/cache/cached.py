"""`@cached`: a function whose results are kept, with one execution per key however many ask.

Results are found by the function, its code and the content of its arguments: a function that was changed, as in a cell
of a notebook, does not get what the former one gave. While one caller works, others with the same
arguments wait for it: in this process, and by a lock of the provider in other processes. With `stale=` an answer that
is past its time is given at once for so much longer, while one caller in the background makes a new one.
"""

import asyncio
import functools
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, override

from burgee.cache.checks import check_key, check_tags, check_ttl
from burgee.cache.claims import Claims
from burgee.cache.fingerprint import code_of, fingerprint
from burgee.cache.flights import Flight, Flights
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.patterns import escaped
from burgee.core.errors import InvalidInputError

_POLL = (0.005, 0.1)
"""Seconds between looks at what another process is working on: at first, and at most."""

_PAUSE = 1.0
"""Seconds after an error in the background in which nothing is tried anew."""

_log = logging.getLogger("burgee.cache")


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
        if callable(ttl):
            raise InvalidInputError("cached is written with brackets: @cache.cached() or @cache.cached(ttl=60)")
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
        self._signature = _signature(function, options)
        functools.update_wrapper(self, function)
        self.attribute: str = getattr(function, "__name__", "")
        self._reference: str = getattr(function, "__qualname__", "")
        self._function = function
        self._cache = cache
        self._options = options
        self._name = options.name or _name(function)
        self._start = f"{self._name}:{code_of(function, named=options.name is not None)}"
        self._flights = Flights(self._name, cache.place)
        self._claims = Claims(cache, options.tags)
        self._lasting = None if options.ttl is None else options.ttl + options.stale
        self._rest_until = 0.0
        self._hits = self._misses = 0
        self.is_async = _is_async(function)
        if self.is_async:
            inspect.markcoroutinefunction(self)
        self._call: Callable[..., Any] = self._awaited if self.is_async else self._called

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result for these arguments: kept, or made now."""
        result: R = self._call(*args, **kwargs)
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else CachedMethod(self, instance)

    def __cache_key__(self) -> str:
        """What it is, where it is itself an argument."""
        return self._start

    @override
    def __reduce__(self) -> str:
        return self._reference  # by its name, as functions are

    @override
    def __repr__(self) -> str:
        return f"<cached {self._name}{self._signature}>"

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
        """Forget the result for these arguments, also one that is being made; whether there was one."""
        key = self.key(*args, **kwargs)
        self._flights.cancel(key)
        deleted: bool = self._cache.delete(key)
        return deleted

    def invalidate_all(self) -> int:
        """Forget all results, also those of its former code; how many there were."""
        self._flights.cancel()
        count: int = self._cache.clear_pattern(f"{escaped(self._name)}:*")
        return count

    def stats(self) -> CacheStats:
        """Hits and misses of this function in this process; an answer past its time is a hit."""
        return CacheStats(self._name, self._hits, self._misses)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        entry = self._cache.get_entry(key)
        if entry is not None:
            self._hits += 1
            if not self._is_fresh(entry):
                self._renew(key, args, kwargs)
            return entry.value
        waited = False
        while True:
            number, flight = self._flights.join(key)
            if number == 0:
                return self._work(key, flight, args, kwargs)
            flight.done.result()
            if flight.answers(0 if waited else number):
                self._hits += 1
                return flight.result()
            waited = True

    def _work(self, key: str, flight: Flight, args: Any, kwargs: Any) -> Any:
        with self._flights.working(key, flight):
            flight.value = result = self._once(key, flight, args, kwargs)
        return result

    def _once(self, key: str, flight: Flight, args: Any, kwargs: Any) -> Any:
        """The result: of another process that works on it or just did, or by calling the function."""
        pause = _POLL[0]
        while True:
            with self._claims.of(key) as claim:
                flight.look()
                entry = self._cache.get_entry(key)
                if entry is not None and self._is_fresh(entry):
                    self._hits += 1
                    return entry.value
                if claim is not None:
                    self._misses += 1
                    result = self._function(*args, **kwargs)
                    flight.look()
                    flight.void = not claim.keep(result, self._lasting)
                    return result
            self._flights.check_others(flight)
            time.sleep(pause)
            pause = min(2 * pause, _POLL[1])

    def _renew(self, key: str, args: Any, kwargs: Any) -> None:
        flight = self._renewal(key)
        if flight is not None:
            threading.Thread(target=self._renewed, args=(key, flight, args, kwargs), daemon=True).start()

    def _renewed(self, key: str, flight: Flight, args: Any, kwargs: Any) -> None:
        try:
            self._work(key, flight, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the old answer stands until it is gone; then the error is the caller's
            self._not_renewed(error)

    def _renewal(self, key: str) -> Flight | None:
        """The execution that makes a result anew; None if there is one, or it is too early after an error."""
        if time.monotonic() < self._rest_until:
            return None
        return self._flights.begin(key)

    def _not_renewed(self, error: BaseException) -> None:
        self._rest_until = time.monotonic() + _PAUSE
        _log.warning("%s goes on with a result past its time: %s: %s", self._name, type(error).__name__, error)

    async def _awaited(self, *args: Any, **kwargs: Any) -> Any:
        key = self.key(*args, **kwargs)
        entry = await self._hop(self._cache.get_entry, key)
        if entry is not None:
            self._hits += 1
            if not self._is_fresh(entry):
                self._renew_async(key, args, kwargs)
            return entry.value
        waited = False
        while True:
            number, flight = self._flights.join(key)
            if number == 0:
                return await self._work_async(key, flight, args, kwargs)
            await asyncio.shield(asyncio.wrap_future(flight.done))
            if flight.answers(0 if waited else number):
                self._hits += 1
                return flight.result()
            waited = True

    def _renew_async(self, key: str, args: Any, kwargs: Any) -> None:
        flight = self._renewal(key)
        if flight is not None:
            task = asyncio.ensure_future(self._renewed_async(key, flight, args, kwargs))
            _background.add(task)
            task.add_done_callback(_background.discard)

    async def _renewed_async(self, key: str, flight: Flight, args: Any, kwargs: Any) -> None:
        try:
            await self._work_async(key, flight, args, kwargs)
        except Exception as error:  # noqa: BLE001 - as above
            self._not_renewed(error)

    async def _work_async(self, key: str, flight: Flight, args: Any, kwargs: Any) -> Any:
        with self._flights.working(key, flight):
            flight.value = result = await self._once_async(key, flight, args, kwargs)
        return result

    async def _once_async(self, key: str, flight: Flight, args: Any, kwargs: Any) -> Any:
        pause = _POLL[0]
        while True:
            async with self._claims.of_async(key) as claim:
                flight.look()
                entry = await self._hop(self._cache.get_entry, key)
                if entry is not None and self._is_fresh(entry):
                    self._hits += 1
                    return entry.value
                if claim is not None:
                    self._misses += 1
                    made: Awaitable[Any] = self._function(*args, **kwargs)  # type: ignore[assignment] # a coroutine's
                    result = await made
                    flight.look()
                    flight.void = not await self._hop(claim.keep, result, self._lasting)
                    return result
            self._flights.check_others(flight)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _POLL[1])

    async def _hop[T](self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(work, *args) if self._cache.blocks else work(*args)

    def _is_fresh(self, entry: CacheEntry[Any]) -> bool:
        options = self._options
        return not options.stale or options.ttl is None or self._cache.now() < entry.created_at + options.ttl


class CachedMethod:
    """A cached function as the method of an object, which is its first argument."""

    def __init__(self, function: CachedFunction[..., Any], instance: object) -> None:
        self._function, self._instance = function, instance
        if function.is_async:
            inspect.markcoroutinefunction(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result for these arguments: kept, or made now."""
        return self._function(self._instance, *args, **kwargs)

    def key(self, *args: Any, **kwargs: Any) -> str:
        """The key under which the result for these arguments is kept."""
        return self._function.key(self._instance, *args, **kwargs)

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Forget the object's result for these arguments, also one that is being made; whether there was one."""
        return self._function.invalidate(self._instance, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._instance, self._function.attribute)

    @override
    def __repr__(self) -> str:
        return f"<{self._function!r} of {self._instance!r}>"


def _signature(function: Any, options: Options) -> inspect.Signature:
    """The function's signature; `InvalidInputError` for what can't be cached."""
    if isinstance(function, classmethod | property):
        kind = type(function).__name__
        raise InvalidInputError(f"a {kind} can't be cached, but what it is made of", hint=f"put @{kind} above @cached")
    if not callable(function):
        raise InvalidInputError(f"only a function can be cached, not {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidInputError(f"{_name(function)} yields: it has no result to be kept", hint="return a list")
    try:
        return inspect.signature(function)
    except ValueError:
        if options.key is None:
            raise InvalidInputError(f"the arguments of {_name(function)} can't be told", hint="give key=…") from None
        return inspect.Signature()


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - its own, not whether it has one


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    owner = getattr(named, "__objclass__", named)  # of a method of a type that is not written in Python
    return f"{owner.__module__}.{named.__qualname__}"


_background: set[asyncio.Future[Any]] = set()
"""What runs in the background: a loop itself holds its tasks only weakly."""
