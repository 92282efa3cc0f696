"""A text for any arguments, equal for equal content: what `cached` makes keys of.

Values are told by their type and their content, so that `1`, `1.0`, `True` and `"1"` are four keys; frames by every
cell, by their columns' names and types, and by their index; functions by their code and what they close over.
"""

import hashlib
import math
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property
from pathlib import PurePath
from re import Pattern
from typing import Any
from uuid import UUID

from burgee.cache import fingerprint_code, fingerprint_tables
from burgee.cache.digest import home, put
from burgee.core.errors import InvalidInputError

_PLAIN = (bool, int, float, str, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID, complex)
_CONTAINERS = (list, tuple, dict)
_SHOWN = (range, Fraction, type(Ellipsis), type(NotImplemented))
"""Told by how they show themselves."""

_DEEPEST = 100
_NAME_IT = "give each a name=… of its own, or the class a method __cache_key__()"
_DEEPEST_CLOSED = 4
"""Levels of lists and mappings that a function closes over in which what can be told is told beside what can't."""


def fingerprint(value: object) -> str:
    """32 hexadecimal digits that stand for the content. `InvalidInputError` for what has none that can be told."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value, "the arguments", 0)
    return digest.hexdigest()


def code_of(function: object, *, named: bool = False) -> str:
    """Hexadecimal digits for a function's code and what it closes over, as far as that can be told.

    An object that can be called, or whose method it is, and what is given to a part of a function, are told as
    arguments are, unless the function is `named`: `InvalidInputError` for what has no content that can be told.
    """
    digest = hashlib.blake2b(digest_size=8)
    given = _feed_or_name if named else _feed
    if not fingerprint_code.feed(digest, function, _feed_or_name, "the function", 0, given):
        try:
            given(digest, function, "the function", 0)
        except InvalidInputError as error:
            raise InvalidInputError(str(error), hint=_NAME_IT) from None
    return digest.hexdigest()


def _feed(digest: Any, value: object, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise InvalidInputError(f"{where[:200]} holds itself, or is nested too deeply to be a key", hint="give key=…")
    known = (
        (type(value) in _PLAIN and _feed_plain(digest, value))
        or (type(value) in _CONTAINERS and _feed_container(digest, value, where, depth))
        or fingerprint_tables.feed(digest, value, _feed, where, depth)
        or _feed_plain(digest, value)
        or _feed_container(digest, value, where, depth)
        or _feed_object(digest, value, where, depth)
        or fingerprint_code.feed(digest, value, _feed, where, depth)
    )
    if not known:
        raise InvalidInputError(
            f"{where} is of type {type(value).__name__}, whose content can't be told for a key",
            hint="give key=…, a function of the arguments, or the class a method __cache_key__()",
        )


def _feed_or_name(digest: Any, value: object, where: str, depth: int) -> None:
    """What a function closes over: by its content or, of what has none that can be told, by its type."""
    part = hashlib.blake2b(digest_size=16)
    try:
        _feed(part, value, where, depth)
    except InvalidInputError:
        put(digest, f"some {home(value)}", b"")
        if type(value) in _CONTAINERS and depth < _DEEPEST_CLOSED:
            items: Any = value.items() if isinstance(value, dict) else value
            for item in items:
                _feed_or_name(digest, item, where, depth + 1)
    else:
        put(digest, "content", part.digest())


def _feed_plain(digest: Any, value: object) -> bool:
    if isinstance(value, Enum):
        put(digest, f"enum {home(value)}", repr(value.name).encode())
        _feed_or_name(digest, value.value, "an enum's value", 0)
    elif isinstance(value, _PLAIN):
        put(digest, _name(value), _text(value))
    elif isinstance(value, PurePath):
        put(digest, "path", str(value).encode("utf-8", "surrogateescape"))
    elif isinstance(value, bytearray | memoryview):
        put(digest, type(value).__name__, bytes(value))
    elif isinstance(value, _SHOWN):
        put(digest, type(value).__name__, repr(value).encode("utf-8", "surrogatepass"))
    elif isinstance(value, tzinfo):
        put(digest, f"zone {home(value)}", str(value).encode())
    elif isinstance(value, Pattern):
        put(digest, "pattern", f"{value.flags} {value.pattern!r}".encode("utf-8", "surrogatepass"))
    else:
        return False
    return True


def _feed_container(digest: Any, value: object, where: str, depth: int) -> bool:
    if isinstance(value, list | tuple | deque):
        kind = next(kind for kind in (list, tuple, deque) if isinstance(value, kind))
        put(digest, kind.__name__, str(len(value)).encode())
        for number, item in enumerate(value):
            _feed(digest, item, f"{where}[{number}]", depth + 1)
    elif isinstance(value, slice):
        put(digest, "slice", b"")
        _feed(digest, (value.start, value.stop, value.step), where, depth + 1)
    elif isinstance(value, Mapping):
        named = [(f"{where}[{key!r}]" if type(key) is str else where, (key, item)) for key, item in value.items()]
        _unordered(digest, "mapping", named, depth)
    elif isinstance(value, AbstractSet):
        _unordered(digest, "set", [(where, (item,)) for item in value], depth)
    else:
        return False
    return True


def _feed_object(digest: Any, value: Any, where: str, depth: int) -> bool:
    """What a class says of itself: its `__cache_key__`, what a dataclass or a pydantic model holds."""
    kind: Any = type(value)
    if callable(getattr(kind, "__cache_key__", None)):
        content = value.__cache_key__()
    elif is_dataclass(kind):
        content = {field.name: getattr(value, field.name) for field in fields(value)} | _attributes(value)
    elif hasattr(kind, "model_fields") and callable(getattr(kind, "model_dump", None)):
        content = _attributes(value) | (value.model_extra or {})
    else:
        return False
    put(digest, f"object {home(value)}", b"")
    _feed(digest, content, where, depth + 1)
    return True


def _attributes(value: Any) -> dict[str, Any]:
    """What an object holds, beside what it keeps of what it once computed."""
    kind = type(value)
    held = getattr(value, "__dict__", {})
    return {name: item for name, item in held.items() if not isinstance(getattr(kind, name, None), cached_property)}


def _unordered(digest: Any, name: str, items: list[tuple[str, tuple[Any, ...]]], depth: int) -> None:
    parts = []
    for where, item in items:
        part = hashlib.blake2b(digest_size=16)
        for half in item:
            _feed(part, half, where, depth + 1)
        parts.append(part.digest())
    put(digest, name, b"".join(sorted(parts)))


def _name(value: object) -> str:
    return next(kind.__name__ for kind in _PLAIN if isinstance(value, kind))


def _text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "surrogatepass")
    if isinstance(value, float) and math.isnan(value):
        return b"nan"
    if isinstance(value, datetime | time):
        return f"{value.isoformat()} {value.fold} {value.tzinfo}".encode()
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x}".encode()  # Python refuses to write very large ones with decimal digits
    kind: Any = next(kind for kind in _PLAIN if isinstance(value, kind))  # a subclass may show itself otherwise
    text: str = kind.__repr__(value)
    return text.encode()
