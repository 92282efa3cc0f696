"""Whatever is done in whichever order, a cache holds what a plain mapping would, and keeps no result made of what was
taken away meanwhile (R1.3, P2, P3)."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from burgee.cache.encrypted import Encrypted
from burgee.cache.fallback import WithFallback
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider, Claim
from burgee.cache.redis import RedisCache
from cache.conftest import SECRET
from services.redis import RedisServer

TAGS = {"a": ["x"], "b": ["y"], "ax": ["x", "y"], "bx": ["x", "y"], "c": []}
KEYS = tuple(TAGS)
keys = st.sampled_from(KEYS)
tags = st.sets(st.sampled_from("xy"))
values = st.one_of(st.integers(), st.lists(st.integers(), max_size=2))
EXAMPLES = {"memory": 100, "redis": 25, "encrypted, with a fallback": 25}


@pytest.fixture(params=EXAMPLES)
def provider(request: pytest.FixtureRequest, redis_server: RedisServer, prefix: str) -> Iterator[CacheProvider[Any]]:
    far: RedisCache[Any] = RedisCache(redis_server.url, prefix=prefix, timeout=5)
    made: dict[str, CacheProvider[Any]] = {
        "memory": MemoryCache(),
        "redis": far,
        "encrypted, with a fallback": Encrypted(WithFallback(far, MemoryCache()), SECRET),
    }
    yield made[request.param]
    far.close()


class Steps(RuleBasedStateMachine):
    """The cache, and what it should hold: values, and claims. Each key has its tags."""

    def __init__(self, cache: CacheProvider[Any]) -> None:
        super().__init__()
        self.cache = cache
        self.cache.clear()
        self.held: dict[str, Any] = {}
        self.claims: dict[str, Claim[Any]] = {}
        self.lost: list[Claim[Any]] = []

    def _lose(self, gone: set[str]) -> int:
        self.lost += [self.claims.pop(key) for key in gone & set(self.claims)]
        return len([self.held.pop(key) for key in gone & set(self.held)])

    @rule(key=keys, value=values)
    def set_one(self, key: str, value: Any) -> None:
        self.cache.set(key, value, tags=TAGS[key])
        self._lose({key})
        self.held[key] = value

    @rule(value=values)
    def set_many(self, value: Any) -> None:
        both = dict.fromkeys(("ax", "bx"), value)
        self.cache.set_many(both, tags=TAGS["ax"])
        self._lose(set(both))
        self.held |= both

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.cache.delete(key) is bool(self._lose({key}))

    @rule(named=tags)
    def clear_tags(self, named: set[str]) -> None:
        assert self.cache.clear_tags(named) == self._lose({key for key in KEYS if named & set(TAGS[key])})

    @rule(pattern=st.sampled_from(["a*", "?", "*x"]))
    def clear_pattern(self, pattern: str) -> None:
        matching = {"a*": {"a", "ax"}, "?": {"a", "b", "c"}, "*x": {"ax", "bx"}}[pattern]
        assert self.cache.clear_pattern(pattern) == self._lose(matching)

    @rule()
    def clear(self) -> None:
        assert self.cache.clear() == self._lose(set(KEYS))

    @rule(key=keys)
    def claim(self, key: str) -> None:
        claim = self.cache.claim(key, 60, TAGS[key])
        assert (claim is None) is (key in self.claims)
        if claim is not None:
            self.claims[key] = claim

    @rule(key=keys, value=values)
    def keep(self, key: str, value: Any) -> None:
        if key in self.claims:
            claim = self.claims.pop(key)
            assert claim.renew()
            assert claim.keep(value)
            self.held[key] = value

    @rule(key=keys)
    def release(self, key: str) -> None:
        if key in self.claims:
            self.claims.pop(key).release()

    @rule(value=values)
    def keep_what_was_lost(self, value: Any) -> None:
        for claim in self.lost:
            assert not claim.keep(value)
            claim.release()
        self.lost.clear()

    @invariant()
    def it_holds_what_it_should(self) -> None:
        found = {key: entry.value for key, entry in self.cache.get_many(KEYS).items()}
        assert found == self.held


def test_it_holds_what_a_mapping_would_and_keeps_nothing_that_was_made_before_it_was_taken_away(
    provider: CacheProvider[Any], request: pytest.FixtureRequest
) -> None:
    examples = EXAMPLES[request.node.callspec.params["provider"]]
    run_state_machine_as_test(
        lambda: Steps(provider),  # type: ignore[arg-type] # whatever makes one will do
        settings=settings(max_examples=examples, stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow]),
    )
