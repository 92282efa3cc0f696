"""What a cache can be asked. Every provider runs the same suite of tests.

Providers block: what they do takes microseconds in memory and one round trip to a server, and a caller of `await`
is given a thread for it where `blocks` says so (`cached` does that).
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from burgee.cache.model import CacheEntry, CacheStats


class Claim[T](Protocol):
    """The right to store what is being made for a key, for one caller at a time.

    It is lost as soon as the key is written or taken away by anybody, by itself, by a pattern or by a tag: what was
    begun before is not to be kept then, since it may have been made of what was there before.
    """

    def keep(self, value: T, ttl: float | None = None) -> bool:
        """Store the value, if the claim was not lost: whether it was not. It ends the claim."""
        ...

    def renew(self) -> bool:
        """Have it last as long again, from now on: whether it was not lost."""
        ...

    def release(self) -> None:
        """End it with nothing stored."""
        ...


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

    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        """Claim what is to be stored under the key with these tags; None if somebody else has. It is not waited for.

        A claim that is not renewed ends after `seconds`, so that nobody waits for who was killed.
        """
        ...

    def stats(self) -> CacheStats:
        """What it did and holds."""
        ...

    def close(self) -> None:
        """Give back connections and memory."""
        ...
