"""`ws.cache` and `acme.cache`, and what settings make of them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

import burgee
from burgee.cache.facade import Cache
from burgee.cache.memory import MemoryCache
from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.workspace import Workspace
from cache.conftest import NOWHERE
from services.redis import RedisServer


def test_a_tenant_sees_its_own_keys_and_no_others(ws: Workspace) -> None:
    one, other = (ws.tenants.create(f"cache-{name}", exist_ok=True) for name in ("one", "other"))
    for cache in (ws.cache, one.cache, other.cache):
        cache.clear()
        cache.set("k", repr(cache), tags=["t"])
    assert one.cache.get("k") != other.cache.get("k")
    for key in ("../tenant:cache-other:k", "tenant:cache-other:k", ":k", "*", "k\u200b"):
        assert one.cache.get(key) is None
        one.cache.set(key, 1)
    assert one.cache.clear_pattern("*") == 6
    assert one.cache.clear_pattern("*other*") == one.cache.clear_tags("t") == one.cache.clear() == 0
    assert other.cache.get("k") is not None
    assert ws.cache.get("k") is not None
    assert other.cache.clear_tags("t") == 1
    assert ws.cache.get_entry("k") is not None


def test_what_a_cache_is_called_is_no_pattern() -> None:
    shared = MemoryCache[object]()
    one, other = Cache(shared, "t*"), Cache(shared, "tenant")
    one.set("k", 1)
    other.set("k", 2)
    assert (one.clear_pattern("k"), one.clear()) == (1, 0)
    assert other.get("k") == 2


def test_the_verbs_of_a_cache() -> None:
    with burgee.open("memory://") as ws:
        cache = ws.cache
        cache.set("frame", pd.DataFrame({"a": [1]}), ttl=60)
        cache.set_many({"a": 1, "b": None})
        assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": None}
        assert cache.get("c", default=7) == 7
        assert cache.delete_many(["a", "c"]) == 1
        entry = cache.get_entry("b")
        assert entry is not None
        assert (entry.key, entry.value) == ("b", None)
        frame = cache.stats().frame()
        assert list(frame.columns[:4]) == ["provider", "hits", "misses", "hit_rate"]
        assert frame["entries"].item() == 2
        assert "memory" in repr(cache)
        assert ("entries", 2) in cache._sheet().rows


@pytest.mark.parametrize("one", ["user:1", b"user:1", None, 1], ids=["text", "bytes", "none", "number"])
def test_one_key_in_place_of_several_is_not_taken_apart_into_letters(one: Any) -> None:
    with burgee.open("memory://") as ws:
        ws.cache.set_many({"u": 1, "1": 2})
        for many in (ws.cache.get_many, ws.cache.delete_many):
            with pytest.raises(InvalidInputError, match="keys are a list of texts, not ") as caught:
                many(one)
            assert "one key alone" in caught.value.hints[0]
        with pytest.raises(InvalidInputError, match="values by their keys must be a dict, not "):
            ws.cache.set_many(one)
        assert ws.cache.get_many(pd.Series(["u", "1"])) == {"u": 1, "1": 2}


def test_a_pattern_that_is_wrong_is_named_as_it_was_given() -> None:
    with burgee.open("memory://") as ws, pytest.raises(InvalidInputError, match=r"the pattern '\[user' opens"):
        ws.cache.clear_pattern("[user")


def test_what_is_no_list_and_no_mapping_is_told_and_nothing_is_done() -> None:
    cache: Any = Cache(MemoryCache(), "t")
    cache.set_many({"a": 1, "b": 2})
    works: list[Callable[[], object]] = [
        lambda: cache.get_many("ab"),
        lambda: cache.delete_many("ab"),
        lambda: cache.delete_many(None),
        lambda: cache.set_many([("a", 3)]),
        lambda: cache.set("a", 3, tags=None),
        lambda: cache.set("a", 3, tags=b"t"),
        lambda: cache.set("a", 3, tags=3),
    ]
    for work in works:
        with pytest.raises(InvalidInputError, match=r"are a list of texts|must be a dict"):
            work()
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
    assert cache.cached(ttl=60, tags="one")(int.bit_length)(4) == 3
    assert cache.clear_tags("one") == 1


@pytest.mark.parametrize("seconds", [np.int64(60), np.float32(60), Fraction(60)], ids=["int64", "float32", "fraction"])
def test_a_time_may_be_any_number(seconds: Any) -> None:
    cache = Cache(MemoryCache(), "t")
    cache.set("k", 1, ttl=seconds)
    entry = cache.get_entry("k")
    assert entry is not None
    assert entry.ttl == pytest.approx(60)
    assert cache.cached(ttl=seconds, stale=seconds)(abs)(-1) == 1


@pytest.mark.parametrize("tenant", [False, True])
def test_the_cache_of_the_settings_is_shared_by_processes(
    redis_server: RedisServer, tmp_path: Path, *, tenant: bool
) -> None:
    settings = Settings(
        cache=SecretStr(redis_server.url),
        cache_key=SecretStr("a-key-of-at-least-thirty-two-characters"),
        progress=False,
    )
    values = []
    for _ in range(2):
        with burgee.open(str(tmp_path / "ws"), settings=settings) as ws:
            cache = ws.tenants.create("acme", exist_ok=True).cache if tenant else ws.cache
            values.append(cache.get("shared"))
            cache.set("shared", "yes")
            assert ws.cache.stats().provider == "encrypted redis, else memory"
    assert values == [None, "yes"]
    [key, *_] = redis_server.cli("--raw", "keys", "*shared*").split()
    assert '"yes"' not in redis_server.cli("--no-raw", "get", key).replace("\\", "")


@pytest.mark.parametrize(
    "url", [NOWHERE, NOWHERE.replace("redis:", "redis+cluster:"), "redis+sentinel://127.0.0.1:1/m"]
)
def test_a_server_that_is_not_there_leaves_a_cache_in_memory(url: str) -> None:
    with burgee.open("memory://", settings=Settings(cache=SecretStr(url))) as ws:
        ws.cache.set("k", 1)
        assert ws.cache.get("k") == 1
        assert ws.cache.stats().away


@pytest.mark.parametrize(
    "url", ["", "http://x", "memcached://x", "redis+sentinel://h:1", "redis+cluster://h:x", "redis://h:x"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError):
        burgee.open("memory://", settings=Settings(cache=SecretStr(url)))
