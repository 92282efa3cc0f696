"""Every provider there is, for the suite that all of them run."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from burgee.cache.encrypted import Encrypted
from burgee.cache.fallback import WithFallback
from burgee.cache.layered import Layered
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider
from burgee.cache.redis import RedisCache
from services.redis import RedisServer, running_cluster, running_redis

PROVIDERS = ("memory", "redis", "cluster", "fallback", "away", "encrypted", "encrypted redis", "layered")
SECRET = "a-key-of-at-least-thirty-two-characters"
NOWHERE = "redis://127.0.0.1:1/0"

type Make = Callable[[], CacheProvider[Any]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests that do not harm it: take a prefix of your own."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[str]:
    """The URL of a cluster of three."""
    with running_cluster() as url:
        yield url


@pytest.fixture
def prefix() -> str:
    """A prefix nobody else has."""
    return f"test{next(_numbers)}"


@pytest.fixture(params=PROVIDERS)
def cache(request: pytest.FixtureRequest, prefix: str) -> Iterator[CacheProvider[Any]]:
    """A cache of each kind."""
    made = _made(request.param, request, prefix)
    yield made
    made.close()


@pytest.fixture
def far(redis_server: RedisServer, prefix: str) -> Iterator[RedisCache[Any]]:
    """A cache in the Redis of all tests."""
    made: RedisCache[Any] = RedisCache(redis_server.url, prefix=prefix, timeout=5)
    yield made
    made.close()


def value(cache: CacheProvider[Any], key: str = "k") -> object:
    """What is stored under a key; None if nothing is."""
    entry = cache.get_entry(key)
    return None if entry is None else entry.value


def until(true: Callable[[], bool]) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def forked(work: Callable[[], bool]) -> int:
    """A child of a fork that does this and nothing else, for at most 20 seconds, and ends with 0 if it is true."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        os._exit(0 if work() else 1)
    return child


def _made(kind: str, request: pytest.FixtureRequest, prefix: str) -> CacheProvider[Any]:
    if kind == "memory":
        return MemoryCache()
    if kind == "encrypted":
        return Encrypted(MemoryCache(), SECRET)
    if kind == "away":
        return WithFallback(RedisCache(NOWHERE, prefix=prefix), MemoryCache())
    if kind == "cluster":
        return RedisCache(request.getfixturevalue("redis_cluster"), prefix=prefix, timeout=5)
    far: RedisCache[Any] = RedisCache(request.getfixturevalue("redis_server").url, prefix=prefix, timeout=5)
    if kind == "fallback":
        return WithFallback(far, MemoryCache())
    if kind == "encrypted redis":
        return Encrypted(far, SECRET)
    return Layered(MemoryCache(), far) if kind == "layered" else far
