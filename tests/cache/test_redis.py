"""A Redis that is full, takes no writes, is of somebody else, or was written to by others (R1.5, R11.6)."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, override

import pandas as pd
import pytest
import redis

from burgee.cache.facade import Cache
from burgee.cache.fallback import WithFallback
from burgee.cache.layered import Layered
from burgee.cache.memory import MemoryCache
from burgee.cache.model import CacheEntry
from burgee.cache.redis import RedisCache
from burgee.core.errors import InvalidInputError
from cache.conftest import forked
from services.redis import RedisServer, running_redis


@pytest.fixture(scope="module")
def harmed() -> Iterator[RedisServer]:
    """A server that tests may set as they like, if they set it back."""
    with running_redis() as server:
        yield server


@pytest.fixture
def far(redis_server: RedisServer, prefix: str) -> Iterator[RedisCache[Any]]:
    cache: RedisCache[Any] = RedisCache(redis_server.url, prefix=prefix, timeout=5, max_bytes=1_000_000)
    yield cache
    cache.close()


def test_a_server_that_fails_again_as_soon_as_it_is_back_is_left_alone_longer_each_time(
    harmed: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It has room for the small ones, and so is there; for the large ones it has not."""
    now = [0.0]
    cache = WithFallback(RedisCache[Any](harmed.url, timeout=5), MemoryCache(), pause=1, clock=lambda: now[0])
    used = int(harmed.cli("info", "memory").split("used_memory:")[1].split()[0])
    harmed.cli("config", "set", "maxmemory", str(used + 1_500_000))
    caplog.set_level(logging.WARNING, "burgee.cache")
    seconds = 200
    for second in range(seconds):
        now[0] = float(second)
        key = f"k{second}"
        cache.set(key, "x" * 900_000)
        assert cache.get_many([key]) if cache.stats().away else cache.get_entry(key)
    assert 4 <= cache.stats().failures <= 12
    assert len(caplog.records) <= 2 * cache.stats().failures
    harmed.cli("config", "set", "maxmemory", "0")
    now[0] += 100
    cache.set("room", 1)
    assert not cache.stats().away
    cache.close()


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        (("replicaof", "127.0.0.1", "1"), ("replicaof", "no", "one")),
        (("config", "set", "maxmemory", "1"), ("config", "set", "maxmemory", "0")),
    ],
    ids=["a replica", "full"],
)
def test_a_server_that_takes_no_writes_is_not_taken_up(
    harmed: RedisServer, caplog: pytest.LogCaptureFixture, harm: tuple[str, ...], mend: tuple[str, ...]
) -> None:
    now = [0.0]
    cache = WithFallback(RedisCache[Any](harmed.url, timeout=5), MemoryCache(), pause=1, clock=lambda: now[0])
    harmed.cli(*harm)
    for second in range(5):
        now[0] = second * 2.0
        cache.set("k", second)
        assert cache.stats().away
        entry = cache.get_entry("k")
        assert entry is not None
        assert entry.value == second
    assert cache.stats().failures == 5
    assert len(caplog.records) == 1
    harmed.cli(*mend)
    now[0] = 100
    assert cache.get_entry("k") is None
    assert not cache.stats().away
    harmed.cli(*harm)
    cache.set("other", 1)
    assert cache.stats().away
    assert cache.get_entry("k") is None, "what was kept in memory the time before"
    harmed.cli(*mend)
    cache.close()


def test_a_wrong_password_leaves_a_cache_in_memory_and_is_not_shown(
    harmed: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    harmed.cli("config", "set", "requirepass", "right")
    wrong = harmed.url.replace("//", "//:a-wrong-password@")
    cache = WithFallback(RedisCache[Any](wrong), MemoryCache())
    cache.set("k", 1)
    assert cache.get_entry("k") is not None
    assert cache.stats().away
    assert "a-wrong-password" not in caplog.text + repr(cache.stats())
    harmed.cli("-a", "right", "config", "set", "requirepass", "")


def test_a_value_that_is_too_large_is_not_kept_and_takes_the_old_one_with_it(
    far: RedisCache[Any], caplog: pytest.LogCaptureFixture
) -> None:
    cache = WithFallback(far, MemoryCache())
    cache.set_many({"one": "old", "other": "old"}, tags=["t"])
    cache.set("one", "x" * 1_000_000)
    cache.set_many({"other": "x" * 1_000_000, "small": 1}, tags=["t"])
    assert set(cache.get_many(["one", "other", "small"])) == {"small"}
    assert (cache.stats().evicted, cache.stats().away) == (2, False)
    assert "is not kept: one" in caplog.text
    with pytest.raises(InvalidInputError, match="max_bytes"):
        RedisCache("redis://h", max_bytes=0)


def test_a_value_is_gone_by_this_machines_clock_as_well(redis_server: RedisServer, prefix: str) -> None:
    now = [1_000.0]
    cache = RedisCache[Any](redis_server.url, prefix=prefix, timeout=5, clock=lambda: now[0])
    cache.set("k", 1, ttl=60)
    now[0] += 61
    assert cache.get_entry("k") is None
    cache.close()


class Changing(RedisCache[Any]):
    """Another process changes a value just after it was read."""

    before: Layered[Any]

    @override
    def get_entry(self, key: str) -> CacheEntry[Any] | None:
        entry = super().get_entry(key)
        self.set(key, "new")
        self.before._heard(f"another k {key}".encode())
        return entry


def test_what_was_read_just_before_it_changed_is_not_held(redis_server: RedisServer, prefix: str) -> None:
    far = Changing(redis_server.url, prefix=prefix, timeout=5)
    cache = far.before = Layered(MemoryCache[Any](), far)
    far.set("k", "old")
    values = [entry.value for _ in range(2) if (entry := cache.get_entry("k")) is not None]
    assert values == ["old", "new"]
    cache.close()


def test_a_sentinel_that_does_not_answer_is_asked_once_and_not_waited_for_again_and_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = WithFallback(
            RedisCache[Any](f"redis+sentinel://127.0.0.1:{silent.getsockname()[1]}/m", timeout=0.05), MemoryCache()
        )
        cache.set("k", 1)
        assert cache.stats().away
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
        cache.close()


HEAD = 46  # bytes before the value: the version, a claim and two times


@pytest.mark.parametrize(
    "body",
    [b"j" + b"[" * 100_000, b"fp\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 50, b"t\xff", b"?", b"", None],
    ids=["deep", "large", "no text", "unknown", "nothing", "cut off"],
)
def test_what_others_wrote_there_is_a_miss(
    far: RedisCache[Any], redis_server: RedisServer, prefix: str, body: bytes | None
) -> None:
    far.set("k", 1)
    with redis.Redis.from_url(redis_server.url) as raw:
        name = f"{prefix}:e:k"
        stored: Any = raw.get(name)
        raw.set(name, stored[:5] if body is None else stored[:HEAD] + body)
    assert far.get_entry("k") is None
    assert far.get_many(["k"]) == {}
    assert far.stats().dropped == 2


def test_what_is_no_text_there_is_a_miss_and_leaves_the_cache_on_its_server(
    far: RedisCache[Any], redis_server: RedisServer, prefix: str
) -> None:
    cache = WithFallback(far, MemoryCache())
    calls: list[int] = []

    @Cache(cache, "t").cached(ttl=60)
    def made() -> int:
        calls.append(1)
        return 1

    with redis.Redis.from_url(redis_server.url) as raw:
        for key in ("list", f"t:{made.key()}"):
            raw.rpush(f"{prefix}:e:{key}", "a stranger's")
    assert cache.get_entry("list") is None
    assert cache.get_many(["list"]) == {}
    assert (made(), made(), len(calls)) == (1, 1, 1)
    assert cache.delete("list")
    assert not cache.stats().away
    assert cache.stats().dropped >= 2


def test_a_frame_with_any_bit_flipped_is_a_frame_or_a_miss_and_no_error(
    far: RedisCache[Any], redis_server: RedisServer, prefix: str
) -> None:
    far.set("k", pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    with redis.Redis.from_url(redis_server.url) as raw:
        stored: Any = raw.get(f"{prefix}:e:k")
        for at in range(HEAD, len(stored), 7):
            data = bytearray(stored)
            data[at] ^= 1 << at % 8
            raw.set(f"{prefix}:e:k", bytes(data))
            far.get_entry("k")
    assert far.stats().dropped > 10


def test_memory_before_redis_keeps_a_values_own_times_and_the_child_of_a_fork_hears_what_is_changed(
    redis_server: RedisServer, prefix: str
) -> None:
    one, other = (Layered(MemoryCache[Any](), RedisCache(redis_server.url, prefix=prefix, timeout=5)) for _ in range(2))
    one.set("k", 1, ttl=600)
    assert one.get_entry("k") == one.get_entry("k")
    entry = one.get_entry("k")
    assert entry is not None
    assert entry.ttl == pytest.approx(600)
    assert one.stats().entries == 1
    ready, told = os.pipe(), os.pipe()

    def hears() -> bool:
        one._hearing.wait(10)
        one.get_entry("k")
        os.write(ready[1], b"x")
        os.read(told[0], 1)
        pause = threading.Event()
        while (entry := one.get_entry("k")) is None or entry.value != 2:
            pause.wait(0.01)
        return True

    child = forked(hears)
    os.read(ready[0], 1)
    other.set("k", 2)
    os.write(told[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    for cache in (one, other):
        cache.close()


@pytest.mark.parametrize("ttl", [1e300, 10**400, 3_153_600_001], ids=["large", "larger", "a second too long"])
def test_a_time_that_is_too_long_is_the_callers_mistake_and_not_the_servers(far: RedisCache[Any], ttl: float) -> None:
    cache = WithFallback(far, MemoryCache())
    with pytest.raises(InvalidInputError, match="hundred years"):
        cache.set("k", 1, ttl=ttl)
    cache.set("k", 1, ttl=3_153_600_000)
    assert not cache.stats().away
    assert far.get_entry("k") is not None
