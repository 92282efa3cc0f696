"""What every provider does alike (R1.1, R1.2, R1.3, R1.7, P1, P2, P3)."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burgee.cache.protocol import CacheProvider
from burgee.core.errors import InvalidInputError, WorkspaceError

type Any_ = CacheProvider[Any]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)

ITSELF: list[object] = []
ITSELF.append(ITSELF)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, value=JSON)
def test_a_value_is_read_back_equal_and_a_deleted_one_is_a_miss(cache: Any_, key: str, value: object) -> None:
    cache.set(key, value)
    entry = cache.get_entry(key)
    assert entry is not None
    assert entry.value == value
    assert type(entry.value) is type(value)
    assert cache.get_many([key, key])[key].value == value
    assert cache.delete(key)
    assert cache.get_entry(key) is None
    assert not cache.delete(key)


def test_a_value_is_gone_once_its_time_is_over(cache: Any_) -> None:
    cache.set("short", 1, ttl=1)
    cache.set("long", 2, ttl=60)
    entry = cache.get_entry("short")
    assert entry is not None
    assert entry.ttl == pytest.approx(1)
    time.sleep(1.1)
    assert cache.get_entry("short") is None
    assert set(cache.get_many(["short", "long"])) == {"long"}


def test_none_is_a_value(cache: Any_) -> None:
    cache.set("nothing", None)
    entry = cache.get_entry("nothing")
    assert entry is not None
    assert entry.value is None
    assert cache.get_entry("other") is None


def test_what_is_read_can_be_changed_without_changing_what_is_kept(cache: Any_) -> None:
    twice = [1]
    given: dict[str, Any] = {"a": [1, 2], "flat": {"b": 1}, "twice": [twice, twice]}
    cache.set("k", given)
    cache.set("flat", given["flat"])
    given["a"].append(3)
    given["flat"]["b"] = 2
    for _ in range(2):
        entry, flat = cache.get_entry("k"), cache.get_entry("flat")
        assert entry is not None
        assert flat is not None
        assert entry.value == {"a": [1, 2], "flat": {"b": 1}, "twice": [[1], [1]]}
        assert flat.value == {"b": 1}
        entry.value["a"].append(4)
        entry.value["twice"][0].append(4)
        assert entry.value["twice"][1] == [1]
        flat.value["c"] = 4


def test_a_frame_that_is_read_can_be_changed_and_a_table_shares_nothing_with_what_was_given(cache: Any_) -> None:
    numbers = np.arange(3)
    cache.set("frame", pd.DataFrame({"n": numbers, "t": list("abc")}))
    cache.set("table", pa.table({"n": pa.array(numbers)}))
    numbers[0] = 9
    for _ in range(2):
        found = cache.get_many(["frame", "table"])
        assert found["table"].value.to_pydict() == {"n": [0, 1, 2]}
        frame = found["frame"].value
        assert frame.to_dict("list") == {"n": [0, 1, 2], "t": ["a", "b", "c"]}
        frame.loc[0, "n"] = 7
        frame["t"].array[0] = "x"


def test_bytes_and_frames_come_back_as_they_were(cache: Any_) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2], "t": ["ä", None], "at": [pd.Timestamp("2026-11-01", tz="UTC"), pd.NaT]},
        index=pd.Index([5, 7], name="row"),
    )
    cache.set("frame", frame)
    cache.set("bytes", b"\0\xff")
    found = cache.get_many(["frame", "bytes"])
    pd.testing.assert_frame_equal(found["frame"].value, frame)
    assert found["bytes"].value == b"\0\xff"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ((1, object()), "object"),
        ({"a": [object()]}, r"\['a'\]\[0\] can't be cached"),
        ("\ud800", "surrogate"),
        (ITSELF, "holds itself"),
        (pd.DataFrame({"x": [object()]}), "frame can't be cached"),
        (pd.DataFrame({"x": [1, "a"]}), "frame can't be cached"),
    ],
)
def test_what_would_not_come_back_equal_is_refused_and_nothing_is_stored(cache: Any_, value: object, says: str) -> None:
    cache.set("k", "old")
    with pytest.raises(InvalidInputError, match=says):
        cache.set("k", value)
    with pytest.raises(InvalidInputError, match=says):
        cache.set_many({"k": 1, "j": value})
    entry = cache.get_entry("k")
    assert entry is not None
    assert entry.value == "old"
    assert cache.get_entry("j") is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), "60", True])
def test_a_time_that_is_none_is_refused(cache: Any_, ttl: Any) -> None:
    with pytest.raises(InvalidInputError, match="ttl"):
        cache.set("k", 1, ttl=ttl)
    assert cache.get_entry("k") is None


@pytest.mark.parametrize("key", ["", "a\nb", "\0", "x" * 1025, "\ud800", 1, None, b"k"])
def test_a_key_that_is_none_is_refused(cache: Any_, key: Any) -> None:
    for work in (
        lambda: cache.get_entry(key),
        lambda: cache.set(key, 1),
        lambda: cache.delete(key),
        lambda: cache.get_many([key]),
        lambda: cache.delete_many([key]),
    ):
        with pytest.raises(InvalidInputError, match="cache key"):
            work()


@pytest.mark.parametrize(
    ("pattern", "cleared"),
    [
        ("user:*", {"user:1", "user:22", "user:ä", "user:a-b"}),
        ("user:?", {"user:1", "user:ä"}),
        ("*:1", {"user:1", "page:1"}),
        ("user:[0-9a-c]", {"user:1"}),
        ("user:[^1]", {"user:ä"}),
        (r"star\*", {"star*"}),
        ("star*", {"star*", "starling"}),
        ("user:[ab", None),
        ("*", {"user:1", "user:22", "user:ä", "user:a-b", "page:1", "star*", "starling"}),
        ("nobody", set()),
    ],
)
def test_a_pattern_takes_away_what_it_matches_and_no_more(cache: Any_, pattern: str, cleared: set[str] | None) -> None:
    keys = {"user:1", "user:22", "user:ä", "user:a-b", "page:1", "star*", "starling"}
    cache.set_many(dict.fromkeys(keys, 1))
    if cleared is None:
        with pytest.raises(InvalidInputError, match="does not close"):
            cache.clear_pattern(pattern)
        cleared = set()
    else:
        assert cache.clear_pattern(pattern) == len(cleared)
    assert set(cache.get_many(keys)) == keys - cleared


def test_tags_take_away_what_was_stored_with_them(cache: Any_) -> None:
    cache.set_many({"a": 1, "b": 2}, tags=["x", "y"])
    cache.set("c", 3, tags=["y"])
    cache.set("d", 4)
    assert cache.clear_tags(["x"]) == 2
    assert set(cache.get_many("abcd")) == {"c", "d"}
    assert cache.clear_tags(["x", "y"]) == 1
    assert set(cache.get_many("abcd")) == {"d"}


def test_many_at_once(cache: Any_) -> None:
    values = {f"key {n}": n for n in range(1200)}
    cache.set_many(values)
    assert {key: entry.value for key, entry in cache.get_many(values).items()} == values
    assert cache.delete_many([*list(values)[:700], "none"]) == 700
    assert cache.clear() == 500
    assert cache.get_many(values) == {}
    cache.set_many({})
    assert cache.get_many([]) == {}


def test_a_lock_is_had_by_one(cache: Any_) -> None:
    with cache.lock("k", 30) as first:
        with cache.lock("k", 30) as second, cache.lock("other", 30) as other:
            assert (first, second, other) == (True, False, True)
        with cache.lock("k", 30) as third:
            assert not third
    with cache.lock("k", 0.05) as again:
        assert again
        time.sleep(0.1)
        with cache.lock("k", 30) as after_its_time:
            assert after_its_time


def test_stats_count_hits_and_misses(cache: Any_) -> None:
    cache.set("k", 1)
    before = cache.stats()
    for key in ("k", "k", "k", "none"):
        cache.get_entry(key)
    after = cache.stats()
    assert (after.hits - before.hits, after.misses - before.misses) == (3, 1)
    assert after.hit_rate is not None
    assert 0 < after.hit_rate < 1


def test_what_is_closed_says_so(cache: Any_) -> None:
    cache.set("k", 1)
    cache.close()
    works: list[Callable[[], object]] = [
        lambda: cache.get_entry("k"),
        lambda: cache.get_many(["k"]),
        lambda: cache.set("k", 1),
        lambda: cache.claim("k", 30),
    ]
    for work in works:
        with pytest.raises(WorkspaceError, match="this cache is closed"):
            work()
