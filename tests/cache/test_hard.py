"""`@cached` where it is used as nobody meant it: changed functions, cancelled callers, forks, functions that call
themselves, and what callers do with results (R1.4, P4)."""

import asyncio
import copy
import functools
import inspect
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from burgee.cache.cached import CachedFunction
from burgee.cache.facade import Cache
from burgee.cache.flights import Flight
from burgee.cache.memory import MemoryCache
from burgee.core.errors import InvalidInputError
from cache.conftest import forked


@pytest.fixture
def store() -> Cache:
    return Cache(MemoryCache(), "t")


def in_threads(work: Callable[[], object], callers: int = 3) -> list[Any]:
    """What several callers at once are given, or the error."""
    results: list[Any] = []
    together = threading.Barrier(callers)

    def call() -> None:
        together.wait()
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - also an interrupt
            results.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == callers
    return results


def test_a_function_whose_body_was_changed_does_not_get_the_former_ones_result(store: Cache) -> None:
    def times(factor: int) -> CachedFunction[[int], int]:
        if factor == 2:

            @store.cached(ttl=60, name="top")
            def top(number: int) -> int:
                return number * 2
        else:

            @store.cached(ttl=60, name="top")
            def top(number: int) -> int:
                return number * 3

        return top

    assert (times(2)(5), times(3)(5), times(2)(5)) == (10, 15, 10)
    again = times(2)
    again(5)
    assert (again.stats().hits, again.stats().misses) == (1, 0)
    assert again.invalidate_all() == 2


def test_functions_of_one_name_are_told_by_what_they_close_over(store: Cache) -> None:
    def made(factor: int) -> CachedFunction[[int], int]:
        return store.cached(ttl=60)(lambda number: number * factor)

    other = store.cached(ttl=60)(lambda number: number + 1)
    part = store.cached(ttl=60)(functools.partial(pow, 2))
    assert (made(2)(5), made(3)(5), made(2)(5), other(5), part(5)) == (10, 15, 10, 6, 32)


def test_a_function_that_asks_for_its_own_result_is_told_and_one_that_asks_for_others_is_not(store: Cache) -> None:
    @store.cached(ttl=60)
    def endless(number: int) -> int:
        return endless(number)

    @store.cached(ttl=60)
    async def endless_async(number: int) -> int:
        return await endless_async(number)

    @store.cached(ttl=60)
    def fibonacci(number: int) -> int:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    def layer(inner: Callable[[int], int] | None) -> CachedFunction[[int], int]:
        below = SimpleNamespace(ask=inner)  # only its type counts, so that all layers have one key

        @store.cached(ttl=60, name="layer", key=lambda number: number)
        def ask(number: int) -> int:
            return below.ask(number) if below.ask else number

        return ask

    with pytest.raises(InvalidInputError, match="wait for itself"):
        layer(layer(None))(1)
    with pytest.raises(InvalidInputError, match="wait for itself"):
        endless(1)
    with pytest.raises(InvalidInputError, match="wait for itself"):
        asyncio.run(endless_async(1))
    assert fibonacci(50) == 12586269025
    assert fibonacci.stats().misses == 51


def test_who_waits_for_a_caller_that_is_cancelled_gets_the_result_all_the_same(store: Cache) -> None:
    began = 0
    started = asyncio.Event()

    @store.cached(ttl=60)
    async def slow(number: int) -> int:
        nonlocal began
        began += 1
        started.set()
        await asyncio.sleep(0.02 if began > 1 else 60)
        return number

    async def many() -> list[Any]:
        tasks = [asyncio.create_task(slow(7)) for _ in range(4)]
        await started.wait()
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(many())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [7, 7, 7]
    assert began == 2


def test_who_waits_for_a_caller_that_is_interrupted_is_not(store: Cache) -> None:
    began = 0

    @store.cached(ttl=60)
    def slow() -> int:
        nonlocal began
        began += 1
        time.sleep(0.05)
        if began == 1:
            raise KeyboardInterrupt
        return 7

    results = in_threads(slow)
    assert sorted(map(repr, results)) == ["7", "7", "KeyboardInterrupt()"]


def test_each_of_those_who_waited_has_a_result_of_its_own(store: Cache) -> None:
    @store.cached(ttl=60)
    def slow() -> dict[str, list[int]]:
        time.sleep(0.1)
        return {"a": [1]}

    results = in_threads(slow)
    results.append(slow())
    for result in results:
        assert result == {"a": [1]}
        result["a"].append(2)


def test_what_the_one_who_worked_does_with_the_result_is_not_seen_by_those_who_waited() -> None:
    flight = Flight()
    flight.waiting = 1
    flight.value = result = {"a": [1]}
    flight.land()
    result["a"].append(2)
    assert flight.result() == {"a": [1]}


def test_a_result_that_was_invalidated_while_it_was_made_is_not_kept(store: Cache) -> None:
    price, asked, go = [1], threading.Event(), threading.Event()

    @store.cached(ttl=60)
    def current() -> int:
        found = price[0]
        asked.set()
        go.wait(10)
        return found

    thread = threading.Thread(target=current)
    thread.start()
    asked.wait(10)
    price[0] = 2
    current.invalidate()
    go.set()
    thread.join()
    assert current() == 2


def test_a_result_in_the_making_does_not_hold_up_the_child_of_a_fork(store: Cache) -> None:
    working, go = threading.Event(), threading.Event()
    parent = os.getpid()

    @store.cached(ttl=60)
    def slow() -> int:
        if os.getpid() == parent:
            with store._provider._lock:  # type: ignore[attr-defined] # as a thread has it that stores something
                working.set()
                go.wait(10)
        return 1

    thread = threading.Thread(target=slow)
    thread.start()
    working.wait(10)
    _, status = os.waitpid(forked(lambda: slow() == 1), 0)
    go.set()
    thread.join()
    assert status == 0


def test_a_result_in_its_time_is_not_made_anew_however_much_its_end_is_moved_by_chance() -> None:
    moved = Cache(MemoryCache(jitter=0.9), "t")

    @moved.cached(ttl=60, stale=6000)
    def once() -> int:
        return 1

    for _ in range(20):
        once()
    assert (once.stats().hits, once.stats().misses) == (19, 1)


def test_a_result_past_its_time_that_cant_be_made_anew_is_said_once_and_still_given(
    store: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    @store.cached(ttl=0.01, stale=60)
    def broken() -> int:
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("the source is away")
        return 1

    broken()
    time.sleep(0.02)
    deadline = time.monotonic() + 10
    while not caplog.records and time.monotonic() < deadline:
        assert broken() == 1
    assert [broken() for _ in range(10)] == [1] * 10
    [said] = caplog.records
    assert said.message.endswith("broken goes on with a result past its time: ValueError: the source is away")
    assert len(calls) == 2


class Report:
    """A method of each kind."""

    store = Cache(MemoryCache(), "t")

    def __init__(self, shop: str) -> None:
        self.shop = shop

    def __cache_key__(self) -> str:
        return self.shop

    @store.cached(ttl=60)
    def total(self, year: int) -> str:
        return f"{self.shop} {year}"

    @store.cached(ttl=60)
    async def later(self) -> str:
        return self.shop

    @classmethod
    @store.cached(ttl=60)
    def kind(cls, year: int) -> str:
        return f"{cls.__name__} {year}"

    @staticmethod
    @store.cached(ttl=60)
    def double(number: int) -> int:
        return 2 * number

    @property
    @store.cached(ttl=60)
    def name(self) -> str:
        return self.shop


def test_methods_of_all_kinds_can_be_cached_and_have_the_verbs() -> None:
    one, other = Report("one"), Report("other")
    assert (one.total(2026), other.total(2026), one.name, other.name) == ("one 2026", "other 2026", "one", "other")
    assert (Report.kind(2026), Report.double(4), asyncio.run(one.later())) == ("Report 2026", 8, "one")
    assert inspect.iscoroutinefunction(one.later)
    assert one.total.key(2026) == Report.total.key(one, 2026) != other.total.key(2026)
    assert one.total.invalidate(2026)
    assert not one.total.invalidate(2026)
    assert other.total.invalidate_all() == 1
    assert one.total.stats().misses == 2


@Report.store.cached(ttl=60)
def of_the_module(number: int = 3) -> int:
    """A function that others can find by its name."""
    return number


def test_it_is_pickled_by_its_name_and_shows_itself() -> None:
    assert pickle.loads(pickle.dumps(of_the_module)) is of_the_module  # noqa: S301 - our own
    assert copy.deepcopy(of_the_module) is of_the_module
    assert pickle.loads(pickle.dumps(Report("a").total))(1) == "a 1"  # noqa: S301 - our own
    assert repr(of_the_module) == f"<cached {__name__}.of_the_module(number: int = 3) -> int>"


def _yields() -> Iterator[int]:
    yield 1


async def _yields_async() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (_yields, "yields"),
        (_yields_async, "yields"),
        (classmethod(repr), "classmethod"),
        (property(len), "property"),
        (3, "only a function"),
        (max, "can't be told"),
    ],
    ids=["generator", "async generator", "classmethod", "property", "number", "builtin"],
)
def test_what_cant_be_cached_is_refused_where_it_is_written(store: Cache, function: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        store.cached(ttl=60)(function)


class Times:
    """An object that can be called, and whose method can be."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, number: int) -> int:
        return self.factor * number

    def once(self, number: int) -> int:
        return self.factor * number


@pytest.mark.parametrize(
    "make",
    [Times, lambda factor: Times(factor).once, lambda factor: functools.partial(Times.once, Times(factor))],
    ids=["an object", "its method", "a part with it"],
)
def test_what_is_called_through_an_object_is_told_by_that_and_never_taken_for_another(
    store: Cache, make: Callable[[int], Callable[[int], int]]
) -> None:
    with pytest.raises(InvalidInputError, match="is of type Times, whose content can't be told"):
        store.cached(ttl=60)(make(2))
    named = [store.cached(ttl=60, name=str(factor))(make(factor)) for factor in (2, 3)]
    assert [one(5) for one in named] == [10, 15]


def test_an_object_that_says_what_it_is_can_be_called_and_cached(store: Cache) -> None:
    class Told(Times):
        def __cache_key__(self) -> int:
            return self.factor

    assert [store.cached(ttl=60)(Told(factor))(5) for factor in (2, 3, 2)] == [10, 15, 10]
    assert [store.cached(ttl=60)(Told(factor).once)(5) for factor in (2, 3, 2)] == [10, 15, 10]


def test_cached_without_brackets_is_told(store: Cache) -> None:
    with pytest.raises(InvalidInputError, match="brackets"):
        store.cached(_yields)  # type: ignore[arg-type] # wrong on purpose
