"""A Redis that is away, killed and back again (R1.5)."""

import logging
import threading
import time
from collections import Counter
from typing import Any

import pytest

from burgee.cache.fallback import WithFallback
from burgee.cache.layered import Layered
from burgee.cache.memory import MemoryCache
from burgee.cache.redis import RedisCache
from services.redis import RedisServer, running_redis, running_watched

CALLERS = 20


def made(server: RedisServer, pause: float = 0.1) -> WithFallback[Any]:
    return WithFallback(RedisCache(server.url, timeout=0.5), MemoryCache(), pause=pause)


def until(true: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_it_goes_on_in_memory_and_comes_back_without_what_was_deleted(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis() as server:
        cache = made(server)
        cache.set_many({"deleted": 1, "kept": 2, "changed": 3, "user:1": 4})
        cache.set("tagged", 5, tags=["t"])
        server.kill()
        with caplog.at_level(logging.WARNING, "burgee.cache"):
            assert cache.get_entry("kept") is None
            cache.set("changed", 30)
            cache.set("meanwhile", 6)
            assert cache.get_many(["changed", "meanwhile"])["changed"].value == 30
            cache.delete("deleted")
            cache.clear_pattern("user:*")
            cache.clear_tags(["t"])
            for _ in range(10):
                cache.get_entry("kept")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert cache.stats().away
        assert cache.stats().failures >= 1
        server.start()
        until(lambda: cache.get_entry("kept") is not None)
        assert not cache.stats().away
        assert set(cache.get_many(["deleted", "kept", "changed", "user:1", "tagged", "meanwhile"])) == {"kept"}
        cache.close()


def test_calls_while_it_is_away_take_no_time_of_the_server() -> None:
    with running_redis() as server:
        cache = made(server, pause=60)
        server.kill()
        cache.get_entry("k")
        cache._first = None  # type: ignore[assignment] # nobody may ask it now
        for n in range(1000):
            cache.set(f"k{n}", n)
        assert len(cache.get_many(f"k{n}" for n in range(1000))) == 1000


def test_killed_and_started_again_under_twenty_callers_no_error_and_no_deleted_value() -> None:
    """Each caller deletes a key of its own for good at some time: from then on nobody may read it."""
    with running_redis() as server:
        cache = made(server)
        gone: set[str] = set()
        wrong: list[str] = []
        counts: Counter[str] = Counter()
        stop = threading.Event()

        def call(number: int) -> None:
            turn = 0
            try:
                while not stop.is_set():
                    turn += 1
                    key = f"caller {number} turn {turn}"
                    cache.set(key, turn)
                    cache.get_entry(key)
                    cache.delete(key)
                    gone.add(key)
                    others = (key, f"caller {(number + 1) % CALLERS} turn {turn - 1}")
                    wrong.extend(one for one in others if one in gone and cache.get_entry(one) is not None)
                    counts["calls"] += 1
                    time.sleep(0.002)
            except Exception as error:  # noqa: BLE001 - whatever reaches a caller is what this test is about
                wrong.append(repr(error))

        callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        for _ in range(3):
            time.sleep(0.3)
            server.kill()
            time.sleep(0.3)
            server.start()
            until(lambda: not cache.stats().away)
        stop.set()
        for caller in callers:
            caller.join()
        assert wrong == []
        assert counts["calls"] > CALLERS
        assert cache.stats().failures >= 3
        assert [key for key in gone if cache.get_entry(key) is not None] == []
        cache.close()


def test_when_the_master_is_killed_the_replica_that_sentinel_names_is_used_and_nothing_deleted_comes_back() -> None:
    with running_watched() as watched:
        cache = WithFallback(RedisCache[Any](watched.url, timeout=0.5), MemoryCache(), pause=0.1)
        cache.set_many({"kept": {"a": [1]}, "deleted": 2})
        until(lambda: watched.replica.cli("dbsize") == "2")
        watched.master.kill()
        cache.delete("deleted")
        cache.set("meanwhile", 3)
        entry = cache.get_entry("meanwhile")
        assert entry is not None
        assert entry.value == 3
        until(lambda: cache.get_entry("kept") is not None)
        assert not cache.stats().away
        assert watched.port() == watched.replica.port
        assert {key: one.value for key, one in cache.get_many(["kept", "deleted"]).items()} == {"kept": {"a": [1]}}
        cache.set("after", 4, tags=["t"])
        assert watched.replica.cli("exists", "burgee:e:after") == "1"
        assert cache.clear_tags(["t"]) == 1
        cache.close()


def test_a_process_that_layers_memory_over_redis_sees_what_another_changes() -> None:
    with running_redis() as server:
        one, other = (Layered(MemoryCache[Any](), RedisCache(server.url, timeout=2)) for _ in range(2))
        one.set("k", 1)
        for cache in (one, other):
            entry = cache.get_entry("k")
            assert entry is not None
            assert entry.value == 1
        until(lambda: other.get_entry("k") is not None and other.stats().entries == 1)
        one.set("k", 2)
        until(lambda: (entry := other.get_entry("k")) is not None and entry.value == 2)
        one.delete("k")
        until(lambda: other.get_entry("k") is None)
        one.close()
        other.close()


def test_a_process_that_cant_hear_trusts_nothing_it_holds() -> None:
    with running_redis() as server:
        one, other = (Layered(MemoryCache[Any](), RedisCache(server.url, timeout=2)) for _ in range(2))
        one.set("k", 1)
        assert other.get_entry("k") is not None
        server.kill()
        until(lambda: other.stats().away)
        assert other._near.stats().entries == 0
        server.start()
        until(lambda: not other.stats().away and not one.stats().away)
        one.set("k", 2)
        until(lambda: (entry := other.get_entry("k")) is not None and entry.value == 2)
        one.close()
        other.close()
