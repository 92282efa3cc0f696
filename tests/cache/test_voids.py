"""What is deleted stays deleted, also while it is being computed (R1.3, R1.4, P3)."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, override

import pytest
import redis

from burgee.cache import claims
from burgee.cache.claims import Claims, Renewals
from burgee.cache.facade import Cache
from burgee.cache.fallback import WithFallback
from burgee.cache.layered import Layered
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider
from burgee.cache.redis import RedisCache
from burgee.core.errors import InvalidInputError
from cache.conftest import forked
from services.redis import RedisServer, running_redis

type Provider = CacheProvider[Any]

VOIDING: dict[str, Callable[[Provider], object]] = {
    "delete": lambda cache: cache.delete("k"),
    "delete_many": lambda cache: cache.delete_many(["other", "k"]),
    "clear_pattern": lambda cache: cache.clear_pattern("[k]"),
    "clear_tags": lambda cache: cache.clear_tags(["none", "t"]),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("k", "set"),
    "set_many": lambda cache: cache.set_many({"k": "set"}),
}


@pytest.fixture
def far(redis_server: RedisServer, prefix: str) -> Iterator[RedisCache[Any]]:
    made: RedisCache[Any] = RedisCache(redis_server.url, prefix=prefix, timeout=5)
    yield made
    made.close()


def value(cache: Provider, key: str = "k") -> object:
    entry = cache.get_entry(key)
    return None if entry is None else entry.value


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@pytest.mark.parametrize("there", [False, True], ids=["where nothing was", "where a value was"])
def test_what_was_taken_away_or_written_after_it_was_claimed_is_not_kept(cache: Provider, there: bool) -> None:
    for name, work in VOIDING.items():
        if there:
            cache.set("k", "old", tags=["t"])
        claim = cache.claim("k", 30, ["t"])
        assert claim is not None
        work(cache)
        assert not claim.renew(), name
        assert not claim.keep("made of what was there before"), name
        claim.release()
        assert value(cache) == ("set" if name.startswith("set") else None), name
        cache.delete("k")


def test_what_was_claimed_is_kept_with_its_tags_if_others_were_taken_away(cache: Provider) -> None:
    claim = cache.claim("k", 30, ["t", "u"])
    assert claim is not None
    cache.delete("other")
    cache.clear_pattern("x*")
    cache.clear_tags(["none"])
    assert claim.renew()
    assert claim.keep({"a": [1]}, ttl=60)
    assert value(cache) == {"a": [1]}
    assert cache.clear_tags(["u"]) == 1
    assert value(cache) is None


def test_a_claim_is_had_by_one_until_it_is_kept_given_back_or_over(cache: Provider) -> None:
    first = cache.claim("k", 30)
    assert first is not None
    assert cache.claim("k", 30) is None
    assert cache.claim("other", 30) is not None
    first.release()
    second = cache.claim("k", 0.05)
    assert second is not None
    until(lambda: (third := cache.claim("k", 30)) is not None and third.keep("third"))
    second.release()
    assert not second.keep("second")
    assert value(cache) == "third"
    fourth = cache.claim("k", 30)
    assert fourth is not None
    assert fourth.keep("fourth")


def test_a_claim_is_no_value_and_hides_none(cache: Provider) -> None:
    misses = cache.stats().dropped
    assert cache.claim("k", 30, ["t"]) is not None
    assert value(cache) is None
    assert cache.get_many(["k"]) == {}
    assert not cache.delete("k")
    cache.claim("k", 30, ["t"])
    assert cache.clear_tags(["t"]) == cache.clear_pattern("k") == cache.clear() == 0
    cache.set("k", "there", ttl=60)
    there = cache.get_entry("k")
    claim = cache.claim("k", 30)
    assert claim is not None
    assert cache.get_entry("k") == there
    claim.release()
    assert cache.get_entry("k") == there
    assert cache.delete("k")
    assert cache.stats().dropped == misses


def test_what_cant_be_kept_is_refused_and_the_claim_goes_on(cache: Provider) -> None:
    claim = cache.claim("k", 30)
    assert claim is not None
    with pytest.raises(InvalidInputError, match="object"):
        claim.keep(object())
    with pytest.raises(InvalidInputError, match="ttl"):
        claim.keep(1, ttl=float("nan"))
    assert claim.keep(1)
    for bad in (0, float("nan"), "30"):
        with pytest.raises(InvalidInputError, match="ttl"):
            cache.claim("k", bad)  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(InvalidInputError, match="cache key"):
        cache.claim("", 30)


class Made:
    """A cached function that says when it is asked, and waits until it may go on."""

    def __init__(self, cache: Cache, stale: float | None = None) -> None:
        self.price, self.calls = 1, 0
        self.asked, self.go = threading.Event(), threading.Event()
        self.cached = cache.cached(ttl=60, key=lambda: "price", tags=["prices"], name="made", stale=stale)(self._made)

    def _made(self) -> int:
        self.calls += 1
        found = self.price
        self.asked.set()
        assert self.go.wait(20)
        return found

    def while_asked(self, callers: int, changed: Callable[[], object]) -> list[int]:
        """What callers are given who ask together, while the price is changed and that is told by `changed`."""
        given: list[int] = []
        threads = [threading.Thread(target=lambda: given.append(self.cached()), daemon=True) for _ in range(callers)]
        for thread in threads:
            thread.start()
        assert self.asked.wait(20)
        until(lambda: self._waiting() == callers - 1)
        self.price = 2
        changed()
        self.go.set()
        for thread in threads:
            thread.join(20)
        return sorted(given)

    def _waiting(self) -> int:
        return sum(flight.waiting for flight in self.cached._flights._working.values())


@pytest.fixture(params=["memory", "redis"])
def provider(request: pytest.FixtureRequest) -> Provider:
    return MemoryCache() if request.param == "memory" else request.getfixturevalue("far")


@pytest.mark.parametrize(
    "work",
    [lambda cache, _: cache.clear_tags("prices"), lambda cache, key: cache.delete(key), lambda cache, _: cache.clear()],
    ids=["by tag", "by key", "all"],
)
def test_a_result_whose_key_or_tag_was_cleared_while_it_was_made_is_not_kept_nor_given_to_who_waited(
    provider: Provider, work: Callable[[Cache, str], object]
) -> None:
    cache, elsewhere = (Cache(provider, "t") for _ in range(2))
    made = Made(cache)
    assert made.while_asked(4, lambda: work(elsewhere, made.cached.key())) == [1, 2, 2, 2]
    assert made.cached() == 2
    assert made.calls == 2


def test_who_waited_is_given_the_second_result_however_often_the_key_is_cleared(provider: Provider) -> None:
    cache = Cache(provider, "t")
    calls: list[int] = []
    first = threading.Event()

    @cache.cached(ttl=60, tags=["t"])
    def restless() -> int:
        calls.append(len(calls))
        if len(calls) == 1:
            assert first.wait(20)
        cache.clear_tags("t")
        return len(calls)

    given: list[int] = []
    threads = [threading.Thread(target=lambda: given.append(restless()), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: sum(flight.waiting for flight in restless._flights._working.values()) == 2)
    first.set()
    for thread in threads:
        thread.join(20)
    assert len(given) == 3
    assert min(given) == 1


def test_an_async_result_that_was_cleared_while_it_was_made_is_not_kept(provider: Provider) -> None:
    cache = Cache(provider, "t")
    price = 1

    @cache.cached(ttl=60, tags=["prices"])
    async def current() -> int:
        nonlocal price
        found = price
        if price == 1:
            asked.set()
            await go.wait()
        return found

    async def both() -> list[int]:
        nonlocal price
        tasks = [asyncio.create_task(current()) for _ in range(2)]
        await asked.wait()
        await asyncio.to_thread(until, lambda: any(one.waiting for one in current._flights._working.values()))
        price = 2
        cache.clear_tags("prices")
        go.set()
        return [*await asyncio.gather(*tasks), await current()]

    asked, go = asyncio.Event(), asyncio.Event()
    assert sorted(asyncio.run(both())) == [1, 2, 2]


def test_a_result_past_its_time_that_was_deleted_while_a_new_one_was_made_behind_is_gone(provider: Provider) -> None:
    class Later(Cache):
        @override
        def now(self) -> float:
            return time.time() + 3600

    made = Made(Later(provider, "t"), stale=86400)
    made.go.set()
    assert made.cached() == 1
    made.asked.clear()
    made.go.clear()
    assert made.cached() == 1
    assert made.asked.wait(20)
    made.price = 2
    assert provider.clear_tags(["t:prices"]) == 1
    made.go.set()
    until(lambda: not made.cached._flights._working)
    assert value(provider, f"t:{made.cached.key()}") is None
    assert made.cached() == 2


def test_a_process_that_is_killed_while_it_works_is_not_waited_for_longer_than_its_claim_lasts(
    far: RedisCache[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_SECONDS", 0.5)
    told = os.pipe()
    cache = Cache(far, "t")

    @cache.cached(ttl=60, name="slow")
    def slow() -> int:
        if os.getpid() != parent:
            os.write(told[1], b"x")
            time.sleep(60)
        return os.getpid()

    parent = os.getpid()
    child = forked(lambda: slow() == 0)
    os.read(told[0], 1)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert slow() == parent
    assert (slow.stats().misses, slow.stats().hits) == (1, 0)


def test_a_claim_is_renewed_while_the_work_goes_on_and_no_longer(
    far: RedisCache[Any], redis_server: RedisServer, prefix: str
) -> None:
    renewals = Renewals(pause=0.01)
    claim = far.claim("k", 60, ["t"])
    assert claim is not None
    with redis.Redis.from_url(redis_server.url) as raw:
        names = [f"{prefix}:e:k", f"{prefix}:t:t"]
        for name in names:
            raw.pexpire(name, 30_000)
        with renewals.of(claim):
            until(lambda: all(int(raw.pttl(name)) > 40_000 for name in names))
    until(lambda: not renewals._runs)


def test_a_claim_that_was_asked_for_by_who_was_cancelled_meanwhile_is_given_back(far: RedisCache[Any]) -> None:
    class Slow(Cache):
        @override
        def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Any:
            asked.set()
            assert go.wait(20)
            return super().claim(key, seconds, tags)

    asked, go = threading.Event(), threading.Event()
    cache = Slow(far, "t")

    async def cancelled() -> None:
        async with Claims(cache, ()).of_async("k"):
            pytest.fail("it was cancelled")

    async def main() -> None:
        task = asyncio.create_task(cancelled())
        await asyncio.to_thread(asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()

    asyncio.run(main())
    until(lambda: far.claim("t:k", 30) is not None)


def test_a_claim_does_not_outlast_the_server_it_is_of_nor_its_absence() -> None:
    with running_redis() as server:
        now = [0.0]
        cache = WithFallback(RedisCache[Any](server.url, timeout=5), MemoryCache(), pause=1, clock=lambda: now[0])
        of_server = cache.claim("k", 30)
        server.kill()
        assert of_server is not None
        assert not of_server.keep("made before the server died")
        assert value(cache) is None
        in_memory, forgotten = cache.claim("k", 30), cache.claim("forgotten", 30)
        assert in_memory is not None
        assert forgotten is not None
        assert in_memory.keep("made while it was away")
        assert value(cache) == "made while it was away"
        cache.delete("k")
        server.start()
        now[0] = 10
        assert not forgotten.renew()
        assert not forgotten.keep("made while it was away")
        assert not of_server.keep("made before the server died")
        assert not cache.stats().away
        assert cache.get_many(["k", "forgotten"]) == {}
        again = cache.claim("k", 30)
        assert again is not None
        assert again.keep("made now")
        assert value(cache) == "made now"
        cache.close()


def test_what_is_kept_by_a_claim_is_told_to_processes_that_hold_the_old_value(far: RedisCache[Any]) -> None:
    one, other = (Layered(MemoryCache[Any](), far) for _ in range(2))
    one.set("k", "old")
    until(lambda: value(other) == "old" and other.stats().entries == 1)
    claim = one.claim("k", 30)
    assert claim is not None
    assert claim.keep("new")
    until(lambda: value(other) == value(one) == "new")
    for cache in (one, other):
        cache._closing.set()


class Between(RedisCache[Any]):
    """Somebody stores a value between the steps of a clearing."""

    @override
    def _unlinked(self, names: Iterable[str]) -> int:
        count = super()._unlinked(names)
        self.set("k", "new", tags=["t"])
        return count


def test_what_is_stored_while_its_tag_is_cleared_is_gone_or_found_by_its_tag(
    redis_server: RedisServer, prefix: str, far: RedisCache[Any]
) -> None:
    between = Between(redis_server.url, prefix=prefix, timeout=5)
    works: list[Callable[[], object]] = [lambda: between.clear_tags(["t"]), between.clear]
    for work in works:
        far.set("k", "old", tags=["t"])
        work()
        far.clear_tags(["t"])
        assert value(far) is None
    between.close()
