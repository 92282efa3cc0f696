"""What a cache can be asked. Every provider runs the same suite of tests.

Providers block: what they do takes microseconds in memory and one round trip to a server, and a caller of `await`
is given a thread for it where `blocks` says so (`cached` does that).
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from burgee.cache.model import CacheEntry, CacheStats


class CacheProvider[T](Protocol):
    """Keeps values by key for a time. All of it can be called from many threads at once."""

    blocks: bool
    """Whether a call may wait for a server."""

    def get_entry(self, key: str) -> CacheEntry[T] | None:
        """What is stored under the key; None if nothing is, or no longer."""
        ...

    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        """What is stored under these keys, those that are there."""
        ...

    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        """Store a value for `ttl` seconds; the provider's own time without."""
        ...

    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        """Store several values; all of them or, if one can't be stored, none."""
        ...

    def delete(self, key: str) -> bool:
        """Take a value away; whether there was one."""
        ...

    def delete_many(self, keys: Iterable[str]) -> int:
        """Take several away; how many there were."""
        ...

    def clear_pattern(self, pattern: str) -> int:
        """Take away all whose key the pattern (see `patterns`) matches; how many there were."""
        ...

    def clear_tags(self, tags: Iterable[str]) -> int:
        """Take away all that were stored with one of the tags; how many there were."""
        ...

    def clear(self) -> int:
        """Take everything away; how many there were."""
        ...

    def lock(self, key: str, ttl: float) -> AbstractContextManager[bool]:
        """A lock that other processes see, for at most `ttl` seconds: whether it was had. It is not waited for."""
        ...

    def stats(self) -> CacheStats:
        """What it did and holds."""
        ...

    def close(self) -> None:
        """Give back connections and memory."""
        ...
