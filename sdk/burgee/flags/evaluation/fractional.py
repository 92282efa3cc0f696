"""How flagd shares users out: its operation `fractional`, scheme `flagd/1`, for definitions that came from there.

The hash of `salt + key` in UTF-8 is MurmurHash3 (x86, 32 bits, seed 0; Austin Appleby, smhasher, MurmurHash3.cpp).
With whole weights that sum to `total`, it falls on `(hash * total) >> 32`, and the first weight whose running sum is
above that is served. So says flagd since its pull request 1909 of April 2026 (`core/pkg/evaluator/fractional.go`);
before, it walked percentages of the hash's absolute value, and gave other people other variants.

A weight is kept as its share in percent. `fractions` makes the exact weight of it again.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate

from burgee.flags.model import BUCKETS

MOST_WEIGHT = 10_000_000
"""What whole weights may sum to: so far, a share in percent tells the weight it was made of, exactly."""

_WHOLE = 100.0
_MASK = BUCKETS - 1
_BLOCK = 4


def fractional[T](salt: str, shares: Sequence[float], answers: Sequence[T]) -> Callable[[str], T]:
    """Which of the answers, one for each share in percent, a key is given."""
    weighted = [position for position, share in enumerate(shares) if share > 0]
    ends = list(accumulate(fractions(shares)))
    # A hash h falls below the running weight w when h * total < w * 2**32, so when h is below w / total * 2**32.
    limits = [-(-end.numerator * BUCKETS // end.denominator) for end in (ends[position] for position in weighted[:-1])]
    served = [answers[position] for position in weighted]
    return lambda key: served[bisect_right(limits, murmur3(f"{salt}{key}".encode()))]


def fractions(shares: Sequence[float]) -> list[Fraction]:
    """The exact shares of the whole that percentages were made of."""
    return [Fraction(share / _WHOLE).limit_denominator(MOST_WEIGHT) for share in shares]


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3, x86, 32 bits."""
    whole = len(data) - len(data) % _BLOCK
    value = seed
    for start in range(0, whole, _BLOCK):
        value ^= _mixed(int.from_bytes(data[start : start + _BLOCK], "little"))
        value = (_rotated(value, 13) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        value ^= _mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _MASK
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _MASK
    return value ^ (value >> 16)


def _mixed(block: int) -> int:
    return (_rotated(block * 0xCC9E2D51 & _MASK, 15) * 0x1B873593) & _MASK


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _MASK
