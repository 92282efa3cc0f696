"""A cache in memory: its bounds, its clock, and what is encrypted (R1.1, R1.6, P1)."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.cache.encrypted import Encrypted
from burgee.cache.memory import MemoryCache
from burgee.core.errors import InvalidInputError

OLD, NEW = "an-old-key-of-thirty-two-characters-", "a-new-key-of-thirty-two-characters--"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_used_least_lately_goes_first() -> None:
    cache = MemoryCache[int](max_entries=3)
    for n, key in enumerate("abc"):
        cache.set(key, n)
    cache.get_entry("a")
    cache.set("d", 4)
    assert set(cache.get_many("abcd")) == {"a", "c", "d"}
    assert cache.stats().evicted == 1


def test_bytes_are_bounded_and_what_is_larger_than_all_is_not_kept() -> None:
    cache = MemoryCache[str](max_bytes=5_000)
    for n in range(50):
        cache.set(f"k{n}", "x" * 500)
        assert (cache.stats().bytes or 0) <= 5_000
    assert cache.get_entry("k49") is not None
    cache.set("k49", "x" * 10_000)
    assert cache.get_entry("k49") is None


@given(
    st.floats(1e-3, 1e9, allow_subnormal=False),
    st.lists(st.floats(0, 2), max_size=4),
    st.floats(0, 0.9, exclude_max=True),
)
def test_a_value_is_there_until_its_time_is_over_and_gone_from_then_on(
    ttl: float, shares: list[float], jitter: float
) -> None:
    now = [0.0]
    cache = MemoryCache[int](clock=lambda: now[0], jitter=jitter)
    cache.set("k", 1, ttl=ttl)
    entry = cache.get_entry("k")
    assert entry is not None
    assert (1 - jitter) * ttl <= entry.ttl <= ttl
    for share in sorted(shares):
        now[0] = share * ttl
        there = now[0] < entry.expires_at
        assert (cache.get_entry("k") is not None) is there
        assert ("k" in cache.get_many(["k"])) is there
    now[0] = 3 * ttl
    assert not cache.delete("k")
    assert cache.stats().entries == 0


def test_time_and_jitter() -> None:
    clock = Clock()
    cache = MemoryCache[int](ttl=100, jitter=0.5, clock=clock)
    for n in range(200):
        cache.set(f"k{n}", n)
    clock.now += 50
    assert cache.stats().entries == 200
    clock.now += 25
    assert 50 < (cache.stats().entries or 0) < 150
    clock.now += 26
    assert cache.stats().entries == 0
    assert cache.stats().bytes == 0


def test_many_threads_at_once_keep_the_books_right() -> None:
    cache = MemoryCache[int](max_entries=50)

    def work(number: int) -> None:
        for n in range(500):
            cache.set(f"k{(n * number) % 97}", n, tags=[f"t{n % 5}"])
            cache.get_entry(f"k{n % 97}")
            if n % 50 == 0:
                cache.clear_tags(["t1"])
            if n % 70 == 0:
                cache.clear_pattern("k1*")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cache.stats().entries or 0) <= 50
    cache.clear()
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)
    assert cache._tagged == {}


@pytest.mark.parametrize("bad", [{"max_entries": 0}, {"max_bytes": 1.5}, {"ttl": 0}, {"jitter": 1}, {"jitter": "x"}])
def test_options_that_are_none_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        MemoryCache(**bad)  # type: ignore[arg-type] # wrong on purpose


def test_encrypted_nothing_readable_is_kept_and_keys_can_be_changed() -> None:
    inner = MemoryCache[bytes]()
    Encrypted[str](inner, OLD).set("k", "a secret")
    entry = inner.get_entry("k")
    assert entry is not None
    assert b"secret" not in entry.value
    both = Encrypted[str](inner, f"{NEW} {OLD}")
    found = both.get_entry("k")
    assert found is not None
    assert found.value == "a secret"
    both.set("k", "a secret")
    assert Encrypted(inner, NEW).get_entry("k") is not None
    assert Encrypted(inner, OLD).get_entry("k") is None


def test_encrypted_a_value_that_was_changed_or_moved_is_a_miss() -> None:
    inner = MemoryCache[bytes]()
    cache = Encrypted[str](inner, OLD)
    cache.set("k", "value")
    entry = inner.get_entry("k")
    assert entry is not None
    for key, data in (("other", entry.value), ("k", entry.value[:-1] + b"x"), ("k", b"short"), ("k", b"")):
        inner.set(key, data)
        assert cache.get_entry(key) is None
        assert cache.get_many([key]) == {}
    inner.set("k", "text")  # type: ignore[arg-type] # somebody else's
    assert cache.get_entry("k") is None
    assert cache.stats().dropped == 9


@pytest.mark.parametrize("keys", ["", "short", "a-good-key-of-thirty-two-characters short"])
def test_a_key_that_is_too_short_is_refused_and_not_shown(keys: str) -> None:
    with pytest.raises(InvalidInputError, match="32 characters") as refused:
        Encrypted(MemoryCache(), keys)
    assert "good" not in str(refused.value)
