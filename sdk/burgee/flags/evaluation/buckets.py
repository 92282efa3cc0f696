"""Buckets: the number an id falls on, and where percentages cut the numbers.

The targeting key is the attribute `id`: text; or a whole number, which stands for its digits, also where
pandas made it a float (up to what a float holds exactly); or a UUID. A missing or empty one is no key.
Buckets are made by the schemes in `model.SCHEMES`.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from itertools import accumulate
from uuid import UUID

from burgee.core.errors import InvalidInputError
from burgee.flags.model import BUCKETS, SCHEME, SCHEMES, SHA256, FlagState
from burgee.flags.operators import plain

type Digest = Callable[[bytes], bytes]

TARGETING_KEY = "id"

BYTES = 4
EXACT_FLOAT = 2**53
"""Below this a float that is whole is the whole number it was made from; above, it may have been another."""


def rollout_limit(percent: float) -> int:
    """The first bucket outside a rollout of so many percent: `round(p / 100 * 2**32)`."""
    return round(percent / 100 * BUCKETS)


def split_limits(state: FlagState) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How the weights cut the variants' buckets: which variants, by position, and where each but the last ends."""
    return share_limits([variant.weight for variant in state.variants])


def share_limits(weights: Sequence[float]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How shares in percent cut the buckets: which of them, by position, and where each but the last ends.

    A share ends at `round(cumulated weight / 100 * 2**32)`. Those without weight are left out; the last one
    takes what rounding left over.
    """
    ends = accumulate(weights)
    weighted = [
        (position, rollout_limit(end))
        for position, (weight, end) in enumerate(zip(weights, ends, strict=True))
        if weight > 0
    ]
    return tuple(position for position, _ in weighted), tuple(end for _, end in weighted[:-1])


def targeting_key(value: object, name: str = TARGETING_KEY) -> str:
    """The text that is hashed for an id; empty for a missing one. `InvalidInputError` for what can't be an id.

    `name` is the attribute's, for the error.
    """
    if type(value) is str:
        return value
    if isinstance(value, UUID):
        return str(value)
    key = plain(value)
    if key is None:
        return ""
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    what = f"the targeting key {name!r}" if name == TARGETING_KEY else f"{name!r}, by which a rule splits,"
    if isinstance(key, float) and isinstance(value, float):  # neither a Decimal nor a float of fewer bits
        if key.is_integer() and abs(key) < EXACT_FLOAT:
            return str(int(key))
        raise InvalidInputError(f"{what} is text or a whole number, not {key!r}")
    raise InvalidInputError(f"{what} is text or a whole number, not {type(value).__name__}")


def digest_of(scheme: str) -> Digest:
    """What makes a digest of bytes, by the name of a scheme; a bucket is its first four bytes, big-endian."""
    made = _DIGESTS.get(scheme)
    if made is None:
        known = " and ".join(map(repr, SCHEMES))
        raise InvalidInputError(
            f"there is no way {scheme!r} to make buckets; this burgee knows {known}",
            hint="a newer burgee may know it: pip install --upgrade burgee",
        )
    return made


def bucketing(salt: str, scheme: str = SCHEME) -> Callable[[object], int | None]:
    """The function from an id to its bucket; None for what can't be a targeting key."""
    digest = digest_of(scheme)

    def bucket(id: object) -> int | None:
        try:
            key = targeting_key(id)
            return int.from_bytes(digest(f"{salt}-{key}".encode())[:BYTES]) if key else None
        except ValueError:  # InvalidInputError and UnicodeEncodeError are both of this kind
            return None

    return bucket


def _find_md5() -> Callable[[bytes], "hashlib._Hash"]:
    """Without the layers of hashlib it takes half the time, and it is most of an evaluation."""
    try:
        found: Callable[[bytes], hashlib._Hash] = import_module("_md5").md5
    except ImportError:  # a Python built without it
        return partial(hashlib.md5, usedforsecurity=False)
    return found


md5 = _find_md5()

_DIGESTS: dict[str, Digest] = {
    SCHEME: lambda data: md5(data).digest(),
    SHA256: lambda data: hashlib.sha256(data).digest(),
}
