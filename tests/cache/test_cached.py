"""`@cached` (R1.4, P4)."""

import asyncio
import copy
import inspect
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.cache.facade import Cache
from burgee.cache.fingerprint import fingerprint
from burgee.cache.memory import MemoryCache
from burgee.cache.redis import RedisCache
from burgee.core.errors import InvalidInputError
from cache.conftest import forked
from services.redis import RedisServer


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, prefix: str) -> Iterator[Cache]:
    if request.param == "memory":
        yield Cache(MemoryCache(), "t")
    else:
        far: RedisCache[Any] = RedisCache(request.getfixturevalue("redis_server").url, prefix=prefix, timeout=5)
        yield Cache(far, "t")
        far.close()


calls: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


def test_equal_arguments_are_one_execution_however_they_are_given(store: Cache) -> None:
    @store.cached(ttl=60)
    def add(left: int, right: int = 2) -> int:
        """Adds."""
        calls["add"] += 1
        return left + right

    assert [add(1), add(1, 2), add(left=1), add(right=2, left=1)] == [3, 3, 3, 3]
    assert calls["add"] == 1
    assert add(1, 3) == 4
    assert (add.stats().hits, add.stats().misses) == (3, 2)
    assert add.__doc__ == "Adds."
    assert inspect.signature(add) == inspect.Signature.from_callable(add.__wrapped__)  # type: ignore[attr-defined]
    assert add.invalidate(1)
    assert not add.invalidate(1)
    add(1)
    assert calls["add"] == 3
    assert add.invalidate_all() == 2


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(), inner, max_size=3) | st.tuples(inner),
    max_leaves=5,
)


@given(st.lists(nested, max_size=3), st.dictionaries(st.sampled_from("abc"), nested, max_size=3))
def test_whatever_the_arguments_are_equal_ones_are_one_execution_and_give_one_result(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    executed: list[None] = []

    @Cache(MemoryCache(), "t").cached(ttl=60)
    def given(*args: object, **kwargs: object) -> tuple[object, object]:
        executed.append(None)
        return args, kwargs

    results = [given(*args, **kwargs), given(*copy.deepcopy(args), **dict(reversed(kwargs.items())))]
    assert len(executed) == 1
    assert fingerprint(results[0]) == fingerprint(results[1]) == fingerprint((tuple(args), kwargs))


def test_none_and_frames_are_results_like_others(store: Cache) -> None:
    @store.cached(ttl=60)
    def nothing() -> None:
        calls["nothing"] += 1

    @store.cached(ttl=60)
    def doubled(frame: pd.DataFrame) -> pd.DataFrame:
        calls["doubled"] += 1
        return frame * 2

    nothing()
    nothing()
    frame = pd.DataFrame({"a": [1, 2]})
    pd.testing.assert_frame_equal(doubled(frame), frame * 2)
    pd.testing.assert_frame_equal(doubled(frame.copy()), frame * 2)
    doubled(pd.DataFrame({"a": [1, 3]}))
    assert calls == {"nothing": 1, "doubled": 2}


def test_an_error_is_not_kept(store: Cache) -> None:
    @store.cached(ttl=60)
    def fails() -> int:
        calls["fails"] += 1
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fails()
    assert calls["fails"] == 2


def test_many_callers_at_once_are_one_execution(store: Cache) -> None:
    @store.cached(ttl=60)
    def slow(number: int) -> int:
        calls["slow"] += 1
        time.sleep(0.2)
        return number * 2

    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(slow(21))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [42] * 20
    assert calls["slow"] == 1


def test_an_error_reaches_everybody_who_waited_for_it() -> None:
    store = Cache(MemoryCache(), "t")

    @store.cached(ttl=60)
    def slow() -> int:
        time.sleep(0.2)
        raise ValueError("no")

    errors: list[str] = []

    def call() -> None:
        try:
            slow()
        except ValueError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["no"] * 5


def test_an_async_function_stays_one_and_is_executed_once(store: Cache) -> None:
    @store.cached(ttl=60)
    async def slow(number: int) -> int:
        calls["slow"] += 1
        await asyncio.sleep(0.1)
        return number * 2

    async def many() -> list[int]:
        return await asyncio.gather(*(slow(21) for _ in range(20)))

    assert inspect.iscoroutinefunction(slow)
    assert asyncio.run(many()) == [42] * 20
    assert asyncio.run(many()) == [42] * 20
    assert calls["slow"] == 1


def test_what_is_past_its_time_is_given_at_once_and_made_anew_behind(store: Cache) -> None:
    @store.cached(ttl=0.2, stale=60)
    def now() -> int:
        calls["now"] += 1
        return calls["now"]

    @store.cached(ttl=0.2, stale=60)
    async def now_async() -> int:
        calls["async"] += 1
        return calls["async"]

    async def twice() -> tuple[int, int]:
        first = await now_async()
        await asyncio.sleep(0.1)
        return first, await now_async()

    assert now() == 1
    assert asyncio.run(twice()) == (1, 1)
    time.sleep(0.25)
    assert now() == 1
    deadline = time.monotonic() + 10
    while calls["now"] < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert now() == 2
    assert asyncio.run(twice()) == (1, 2)


@dataclass
class Shop:
    name: str
    store_calls: Any = None

    def __cache_key__(self) -> str:
        return self.name


def test_a_method_is_kept_by_what_its_object_is(store: Cache) -> None:
    class Report:
        def __init__(self, shop: str) -> None:
            self.shop = shop

        def __cache_key__(self) -> str:
            return self.shop

        @store.cached(ttl=60)
        def total(self, year: int) -> str:
            calls["total"] += 1
            return f"{self.shop} {year}"

    assert Report("a").total(2026) == Report("a").total(2026) == "a 2026"
    assert Report("b").total(2026) == "b 2026"
    assert calls["total"] == 2


def test_an_object_whose_content_cant_be_told_is_refused_unless_a_key_is_given(store: Cache) -> None:
    class Opaque:
        __slots__ = ()

    @store.cached(ttl=60)
    def plain(what: object) -> str:
        return str(what)

    @store.cached(ttl=60, key=lambda _what: "always")
    def keyed(what: object) -> str:
        calls["keyed"] += 1
        return str(what)

    with pytest.raises(InvalidInputError, match=r"Opaque.*can't be told"):
        plain(Opaque())
    keyed(Opaque())
    keyed(Opaque())
    assert calls["keyed"] == 1


@pytest.mark.parametrize(
    "bad", [{"ttl": 0}, {"ttl": -1}, {"stale": 3}, {"ttl": 1, "stale": 0}, {"key": "k"}, {"tags": 3}]
)
def test_options_that_are_none_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises((InvalidInputError, TypeError)):
        Cache(MemoryCache(), "t").cached(**bad)


def test_several_processes_are_one_execution(redis_server: RedisServer, prefix: str) -> None:
    cache = Cache(RedisCache[Any](redis_server.url, prefix=prefix, timeout=5), "t")
    told, began = os.pipe(), os.pipe()

    @cache.cached(ttl=60, name="slow")
    def slow() -> int:
        os.write(began[1], b"x")
        time.sleep(0.3)
        return os.getpid()

    def tell() -> bool:
        os.write(told[1], slow().to_bytes(8))
        return True

    children = [forked(tell) for _ in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    results = os.read(told[0], 100)
    assert results == 4 * results[:8]
    assert int.from_bytes(results[:8]) in children
    assert os.read(began[0], 100) == b"x"
