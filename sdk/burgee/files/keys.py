"""What may be a key, a beginning of keys, metadata, a range and a time, for every storage alike.

Keys become names of files and parts of URLs, so they are of few characters, and nothing in them can mean another place:
no `..`, no backslash, no letter that some system takes for another one.
"""

import math
import re
from collections.abc import Mapping
from urllib.parse import quote

from burgee.core.errors import InvalidInputError

LONGEST_PART = 100
LONGEST_KEY = 512
LARGEST_METADATA = 1536
"""Bytes of the names and values of an object's metadata, as S3 counts them: it takes 2048, some of which are ours."""
LONGEST_EXPIRY = 7 * 24 * 3600
"""Seconds; S3 signs for no longer."""
_OLDEST = 100 * 365 * 24 * 3600
"""Seconds; older is nothing here."""

OWN = "burgee-"
"""What names of metadata begin with that a storage writes itself."""

_PART = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST_PART}}}", re.ASCII)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_PLAIN = "".join(letter for letter in map(chr, range(0x20, 0x7F)) if letter != "%")
_HINT = f"a key is parts of a-z, A-Z, 0-9, '.', '_' and '-' between '/', each of at most {LONGEST_PART} and none '..'"


def check_key(key: object) -> str:
    """A key that is in order."""
    if not isinstance(key, str):
        raise InvalidInputError(f"a key is text, not {type(key).__name__}")
    parts = key.split("/")
    if len(key) > LONGEST_KEY or not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise InvalidInputError(f"{_shown(key)} can't be a key", hint=_HINT)
    return key


def check_prefix(prefix: object) -> str:
    """What keys may begin with: nothing, or the beginning of a key."""
    if not isinstance(prefix, str):
        raise InvalidInputError(f"what keys begin with is text, not {type(prefix).__name__}")
    whole, slash, rest = prefix.rpartition("/")
    if slash:
        check_key(whole)
    if len(prefix) > LONGEST_KEY or not (rest == "" or _PART.fullmatch(rest)):
        raise InvalidInputError(f"no key begins with {_shown(prefix)}", hint=_HINT)
    return prefix


def check_metadata(metadata: object) -> dict[str, str]:
    """Texts by name; names of a-z, 0-9 and '-', as S3 keeps them."""
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"metadata is a mapping of texts, not {type(metadata).__name__}")
    checked: dict[str, str] = {}
    for name, value in metadata.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith(OWN):
            hint = f"names are of a-z, 0-9 and '-', and don't begin with {OWN!r}"
            raise InvalidInputError(f"metadata can't have the name {_shown(name)}", hint=hint)
        if not isinstance(value, str):
            raise InvalidInputError(f"metadata {name!r} is text, not {type(value).__name__}")
        checked[name] = value
    size = sum(len(name) + len(quoted(value)) for name, value in checked.items())
    if size > LARGEST_METADATA:
        raise InvalidInputError(f"metadata has at most {LARGEST_METADATA} bytes, not {size}")
    return checked


def quoted(value: str) -> str:
    """A text in printable ASCII, as headers carry it."""
    try:
        text = quote(value, safe=_PLAIN)
    except UnicodeEncodeError:
        raise InvalidInputError(f"metadata can't be {value!r}: it holds half a character (a lone surrogate)") from None
    # A header's value loses the blanks at its ends.
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else 0
    return "%20" * before + inner + "%20" * (len(text) - before - len(inner))


def check_range(start: object, stop: object) -> tuple[int, int | None]:
    """The bytes from `start` to before `stop`."""
    for name, value in (("start", start), ("stop", stop)):
        if value is None and name == "stop":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidInputError(f"{name} is a number of bytes, 0 or more, not {value!r}")
    if isinstance(start, int) and (stop is None or (isinstance(stop, int) and start <= stop)):
        return start, stop
    raise InvalidInputError(f"a range can't begin at {start!r} and end before that, at {stop!r}")


def check_expires(expires: object) -> int:
    """Whole seconds an address works, rounded down so that it never works longer."""
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not math.isfinite(expires):
        raise InvalidInputError(f"expires is a number of seconds, not {expires!r}")
    if not 1 <= expires <= LONGEST_EXPIRY:
        hint = "an address that works for longer: make a new one when it is asked for"
        raise InvalidInputError(f"expires is 1 to {LONGEST_EXPIRY} seconds (7 days), not {expires!r}", hint=hint)
    return int(expires)


def check_age(older_than: object) -> float:
    """Seconds, none or more."""
    if isinstance(older_than, bool) or not isinstance(older_than, int | float):
        raise InvalidInputError(f"older_than is a number of seconds, not {older_than!r}")
    if not 0 <= older_than <= _OLDEST:  # nor not a number
        raise InvalidInputError(f"older_than is 0 to {_OLDEST} seconds, not {_shown(older_than)}")
    return float(older_than)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 2 * LONGEST_PART else f"{text[:LONGEST_PART]}… ({len(text)} characters)"
