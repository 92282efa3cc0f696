"""What is deleted stays deleted, also while it is being computed by `@cached` (R1.3, R1.4, P3)."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, override

import pytest

from burgee.cache import claims
from burgee.cache.claims import Claims
from burgee.cache.facade import Cache
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider
from burgee.cache.redis import RedisCache
from cache.conftest import forked, until, value

type Provider = CacheProvider[Any]


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


class Kept:
    """A claim after which something is done as soon as the value is stored."""

    def __init__(self, claim: Any, then: Callable[[], None]) -> None:
        self._claim, self._then = claim, then
        self.renew, self.release = claim.renew, claim.release

    def keep(self, value: Any, ttl: float | None = None) -> bool:
        kept: bool = self._claim.keep(value, ttl)
        self._then()
        return kept


def test_who_asks_just_after_a_result_that_was_stored_is_deleted_is_not_given_it(provider: Provider) -> None:
    class Deleting(Cache):
        @override
        def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Any:
            claim = super().claim(key, seconds, tags)
            return claim if claim is None or asking else Kept(claim, delete)

    cache = Deleting(provider, "t")
    price, asking, given = [1], [], []

    @cache.cached(ttl=60, name="current")
    def current() -> int:
        return price[0]

    def delete() -> None:
        price[0] = 2
        assert cache.delete(current.key())
        asking.append(threading.Thread(target=lambda: given.append(current()), daemon=True))
        asking[0].start()
        until(lambda: sum(flight.waiting for flight in current._flights._working.values()) == 1)

    assert current() == 1
    asking[0].join(20)
    assert given == [2]


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
