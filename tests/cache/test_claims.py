"""Claims: the right to store what is being made, lost as soon as it is taken away or written (R1.3, P3)."""

from collections.abc import Callable, Iterable
from typing import Any, override

import pytest
import redis

from burgee.cache.claims import Renewals
from burgee.cache.fallback import WithFallback
from burgee.cache.layered import Layered
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider
from burgee.cache.redis import RedisCache
from burgee.core.errors import InvalidInputError
from cache.conftest import until, value
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
