"""The fluent object of a cache: `ws.cache`, and `acme.cache` for a tenant. Each sees its own keys and no others."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, override

from burgee.cache.cached import CachedFunction, Options
from burgee.cache.checks import check_key
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.patterns import escaped, matcher
from burgee.cache.protocol import CacheProvider, Claim
from burgee.core.checks import need_mapping
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    type Cached = Json | bytes | pd.DataFrame | pa.Table  # unless a provider has a serializer of its own


class StatsView(CacheStats):
    """Stats that can be had as a frame."""

    __slots__ = ()

    def frame(self) -> "pd.DataFrame":
        """One row: `provider, hits, misses, hit_rate, entries, bytes, evicted, away, failures, dropped`."""
        import pandas as pd

        return pd.DataFrame([self.row()])


class Cache(Shown):
    """Values by key, for a time: `ws.cache.set("rates", rates, ttl=60)`, `ws.cache.get("rates")`.

    What is cached is text, numbers, dates, bytes, frames, series, arrays, and lists, tuples, sets and mappings of them;
    what would not come back equal is refused.
    """

    __slots__ = ("_provider", "_start", "_where", "blocks")

    def __init__(self, provider: CacheProvider[Any], where: str) -> None:
        self._provider = provider
        self._where = where
        self._start = f"{where}:"
        self.blocks = provider.blocks

    def get(self, key: str, default: "Cached" = None) -> "Cached":
        """The value under a key; `default` if there is none, or no longer."""
        entry = self._provider.get_entry(self._start + _text(key))
        return default if entry is None else entry.value

    def get_entry(self, key: str) -> CacheEntry[object] | None:
        """The value with its times; None if there is none. So a stored None is told from nothing."""
        entry = self._provider.get_entry(self._start + _text(key))
        return None if entry is None else CacheEntry(key, entry.value, entry.created_at, entry.expires_at)

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """The values under these keys, those that are there."""
        cut = len(self._start)
        found = self._provider.get_many([self._start + _text(key) for key in _listed(keys)])
        return {key[cut:]: entry.value for key, entry in found.items()}

    def set(self, key: str, value: object, *, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        """Store a value for `ttl` seconds; without, for the time the provider was given."""
        self._provider.set(self._start + _text(key), value, ttl, self._tagged(tags))

    def set_many(self, values: Mapping[str, object], *, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        """Store several values; all of them or, if one can't be, none."""
        need_mapping("values by their keys", values)
        made = {self._start + _text(key): value for key, value in values.items()}
        self._provider.set_many(made, ttl, self._tagged(tags))

    def delete(self, key: str) -> bool:
        """Take a value away; whether there was one."""
        return self._provider.delete(self._start + _text(key))

    def delete_many(self, keys: Iterable[str]) -> int:
        """Take several away; how many there were."""
        return self._provider.delete_many([self._start + _text(key) for key in _listed(keys)])

    def clear_pattern(self, pattern: str) -> int:
        """Take away all whose key matches, e.g. `user:*`; how many there were. `*`, `?` and `[a-c]` as in Redis."""
        matcher(check_key(pattern, "a pattern"))  # what is wrong with it is said of what was given
        return self._provider.clear_pattern(escaped(self._start) + pattern)

    def clear_tags(self, *tags: str) -> int:
        """Take away all that were stored with one of these tags; how many there were."""
        return self._provider.clear_tags(self._tagged(tags))

    def clear(self) -> int:
        """Take away everything of this cache; how many there were."""
        return self._provider.clear_pattern(f"{escaped(self._start)}*")

    def lock(self, key: str, ttl: float) -> AbstractContextManager[bool]:
        """A lock that other processes see, for at most `ttl` seconds: whether it was had. It is not waited for."""
        return self._provider.lock(self._start + _text(key), ttl)

    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[Any] | None:
        """Claim what is to be made and stored under a key, for at most `seconds`; None if somebody else has.

        `claim.keep(value)` stores it, and not if the key, one of its tags or all was taken away meanwhile.
        """
        return self._provider.claim(self._start + _text(key), seconds, self._tagged(tags))

    def cached[**P, R](
        self,
        ttl: float | None = None,
        *,
        key: Callable[..., object] | None = None,
        tags: Iterable[str] = (),
        stale: float | None = None,
        name: str | None = None,
    ) -> Callable[[Callable[P, R]], CachedFunction[P, R]]:
        """Keep a function's results: `@ws.cache.cached(ttl=60)`. Also for `async def`, methods and frames.

        Args:
            ttl: seconds a result is kept.
            key: a function of the same arguments that gives what the result depends on; all arguments, by their
                content, unless given. A method's `self` is one of them.
            tags: for `clear_tags`.
            stale: so many seconds longer a result is given at once, while a new one is made in the background.
            name: what the keys begin with; the function's full name unless given. The function's code follows, so
                that one that was changed begins anew.
        """
        options = Options.of(ttl, key, [tags] if isinstance(tags, str) else tags, stale, name)
        return lambda function: CachedFunction(function, self, options)

    def stats(self) -> StatsView:
        """What the provider did in this process, and holds: for all caches that share it."""
        stats = self._provider.stats()
        return StatsView(**{name: getattr(stats, name) for name in CacheStats.__slots__})

    @property
    def place(self) -> tuple[object, ...]:
        """What tells it from caches with other contents."""
        return self._provider, self._start

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def _tagged(self, tags: Iterable[str]) -> list[str]:
        if isinstance(tags, str):
            tags = [tags]  # one tag, as people give it
        return [self._start + check_key(tag, "a tag") for tag in _listed(tags, "tags")]

    @override
    def __repr__(self) -> str:
        return f"<Cache {self._where!r}: {self._provider.stats().provider}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [(name, value) for name, value in self.stats().row().items() if value is not None]
        return Sheet(f"Cache {self._where}", ("", "value"), rows, ".get, .set, .delete, .cached, .stats().frame()")


def _listed(keys: Iterable[str], what: str = "keys") -> Iterable[str]:
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
        hint = "one key alone: get(key), delete(key)" if what == "keys" else None
        raise InvalidInputError(f"{what} are a list of texts, not {keys!r:.80}", hint=hint)
    return keys


def _text(key: object) -> str:
    return key if type(key) is str and key else check_key(key)
