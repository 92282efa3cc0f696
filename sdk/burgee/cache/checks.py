"""What keys, times and tags may be."""

import math
import random
from collections.abc import Iterable
from datetime import timedelta
from numbers import Real
from typing import Any

from burgee.core.errors import InvalidInputError, WorkspaceError

LONGEST_KEY = 1024
LONGEST_TTL = 100 * 365 * 86400


def check_key(key: object, what: str = "a cache key") -> str:
    """Text of 1 to 1,024 bytes without control characters."""
    if not isinstance(key, str):
        raise InvalidInputError(f"{what} is text, not {type(key).__name__}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"{what} can't be {key!r}: it holds half a character (a lone surrogate)") from None
    if not 0 < size <= LONGEST_KEY:
        raise InvalidInputError(f"{what} has 1 to {LONGEST_KEY} bytes, not {size}")
    if not key.isprintable() and any(ord(letter) < ord(" ") or letter == "\x7f" for letter in key):
        raise InvalidInputError(f"{what} can't be {key!r}: it holds a control character")
    return key


def check_tags(tags: object) -> tuple[str, ...]:
    """Tags are keys, too."""
    if isinstance(tags, str | bytes) or not isinstance(tags, Iterable):
        raise InvalidInputError(f"tags are a list of texts, not {tags!r}")
    return tuple(dict.fromkeys(check_key(tag, "a tag") for tag in tags))


def check_ttl(ttl: object, what: str = "ttl") -> float:
    """Seconds, more than none and at most a hundred years."""
    if isinstance(ttl, timedelta):
        raise InvalidInputError(f"{what} is a number of seconds, not {ttl!r}", hint="write .total_seconds()")
    number: Any = ttl if not isinstance(ttl, bool) and isinstance(ttl, Real) else math.nan
    if not (number > 0 or number <= 0):
        raise InvalidInputError(f"{what} is a number of seconds, not {ttl!r}")
    if number > LONGEST_TTL:  # before it is made a float, for which it may be too large
        raise InvalidInputError(f"{what} is at most {LONGEST_TTL} seconds (a hundred years)")
    if number <= 0:
        raise InvalidInputError(f"{what} is more than 0 seconds, not {ttl!r}", hint="to take a value away: delete(key)")
    return float(number)


def check_open(closed: bool) -> None:
    """`WorkspaceError` for a cache that was closed."""
    if closed:
        raise WorkspaceError("this cache is closed", hint="open its workspace again: burgee.open(…)")


def jittered(ttl: float, jitter: float) -> float:
    """A time a little shorter by chance, so that what was stored together is not gone together."""
    return ttl * (1 - jitter * random.random()) if jitter else ttl  # noqa: S311 - no secret


def check_jitter(jitter: object) -> float:
    """A share, 0 to below 1."""
    if isinstance(jitter, bool) or not isinstance(jitter, int | float) or not 0 <= jitter < 1:
        raise InvalidInputError(f"jitter is a share of the ttl, 0 to below 1, not {jitter!r}")
    return float(jitter)
