"""A cache that stores nothing readable: values are encrypted here, and the provider sees bytes.

AES-256-GCM with a random nonce for each value; the cache key is authenticated with it, so that a value under another
key is not taken. Keys are derived from texts of 32 characters or more; the first one encrypts, all of them decrypt.
A value whose key is gone, or that was tampered with, is a miss.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, override

from pydantic import SecretStr

from burgee.cache.checks import check_key
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.protocol import CacheProvider, Claim
from burgee.cache.serializers import Serializer, Standard
from burgee.core.errors import InvalidInputError

_LEAST = 32  # characters of a key
_NAME, _NONCE = 8, 12


class _Sealing[T](Claim[T]):
    """A claim of the provider within, for values that are encrypted first."""

    __slots__ = ("_inner", "_sealed")

    def __init__(self, inner: Claim[bytes], sealed: Callable[[T], bytes]) -> None:
        self._inner, self._sealed = inner, sealed

    @override
    def keep(self, value: T, ttl: float | None = None) -> bool:
        return self._inner.keep(self._sealed(value), ttl)

    @override
    def renew(self) -> bool:
        return self._inner.renew()

    @override
    def release(self) -> None:
        self._inner.release()


class Encrypted[T](CacheProvider[T]):
    """Another provider's cache, encrypted.

    Args:
        inner: what keeps the bytes; with the standard serializer.
        keys: one text or several, the newest first, separated by spaces.
        serializer: turns values to bytes.
    """

    def __init__(
        self, inner: CacheProvider[bytes], keys: str | SecretStr, *, serializer: Serializer[T] | None = None
    ) -> None:
        self._inner = inner
        self._keys = _derived(keys)
        self._serializer: Serializer[Any] = Standard() if serializer is None else serializer
        self._dropped = 0
        self.blocks = inner.blocks

    @override
    def get_entry(self, key: str) -> CacheEntry[T] | None:
        entry = self._inner.get_entry(key)
        return None if entry is None else self._opened(entry)

    @override
    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        opened = ((key, self._opened(entry)) for key, entry in self._inner.get_many(keys).items())
        return {key: entry for key, entry in opened if entry is not None}

    @override
    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        self._inner.set(key, self._sealed(key, value), ttl, tags)

    @override
    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        self._inner.set_many({key: self._sealed(key, value) for key, value in values.items()}, ttl, tags)

    @override
    def delete(self, key: str) -> bool:
        return self._inner.delete(key)

    @override
    def delete_many(self, keys: Iterable[str]) -> int:
        return self._inner.delete_many(keys)

    @override
    def clear_pattern(self, pattern: str) -> int:
        return self._inner.clear_pattern(pattern)

    @override
    def clear_tags(self, tags: Iterable[str]) -> int:
        return self._inner.clear_tags(tags)

    @override
    def clear(self) -> int:
        return self._inner.clear()

    @override
    def lock(self, key: str, ttl: float) -> AbstractContextManager[bool]:
        return self._inner.lock(key, ttl)

    @override
    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        inner = self._inner.claim(key, seconds, tags)
        return None if inner is None else _Sealing(inner, lambda value: self._sealed(key, value))

    @override
    def stats(self) -> CacheStats:
        inner = self._inner.stats()
        return replace(inner, provider=f"encrypted {inner.provider}", dropped=inner.dropped + self._dropped)

    @override
    def close(self) -> None:
        self._inner.close()

    def _sealed(self, key: str, value: T) -> bytes:
        name, cipher = next(iter(self._keys.items()))
        nonce = os.urandom(_NONCE)
        sealed: bytes = cipher.encrypt(nonce, self._serializer.dump(value), name + check_key(key).encode())
        return name + nonce + sealed

    def _opened(self, entry: CacheEntry[bytes]) -> CacheEntry[T] | None:
        from cryptography.exceptions import InvalidTag

        data: object = entry.value
        if not isinstance(data, bytes):  # somebody else's
            self._dropped += 1
            return None
        name, nonce = data[:_NAME], data[_NAME : _NAME + _NONCE]
        cipher = self._keys.get(name)
        if cipher is None:
            self._dropped += 1
            return None
        try:
            body = cipher.decrypt(nonce, data[_NAME + _NONCE :], name + entry.key.encode())
            value = self._serializer.load(body)
        except (InvalidTag, ValueError):
            self._dropped += 1
            return None
        return CacheEntry(entry.key, value, entry.created_at, entry.expires_at)


def _derived(keys: str | SecretStr) -> dict[bytes, Any]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    text = keys.get_secret_value() if isinstance(keys, SecretStr) else keys
    parts = [part for part in re.split(r"[\s,]+", text) if part]
    if not parts or any(len(part) < _LEAST for part in parts):
        hint = "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        raise InvalidInputError(f"a cache's key has {_LEAST} characters or more", hint=hint)
    digests = [hashlib.sha512(b"burgee cache " + part.encode()).digest() for part in parts]
    return {digest[32 : 32 + _NAME]: AESGCM(digest[:32]) for digest in digests}
