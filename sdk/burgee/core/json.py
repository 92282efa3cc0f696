"""JSON as burgee stores it: one text per value, so that equal content is equal text."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined] # typeshed leaves it out
from uuid import UUID

from burgee.core.errors import InvalidInputError

type Json = str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None

DEEPEST = 200
"""Lists and objects in one another that are taken from outside."""


def dumps(value: object, *, what: str = "value", sort: bool = True) -> str:
    """Compact JSON, its keys sorted unless their order means something. What JSON can't say (NaN, …) is refused."""
    try:
        text = _encode(value) if sort else _keeping.encode(value)
        if not text.isascii():
            text.encode()  # a lone surrogate is no text
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"this {what} can't be stored as JSON: {error}"
        raise InvalidInputError(msg) from None
    return text


def loads(text: str | bytes) -> Json:
    """The value again."""
    value: Json = json.loads(text)
    return value


def loads_object(text: str | bytes, what: str) -> dict[str, Json]:
    """The value again, which is an object."""
    value = loads(text)
    if not isinstance(value, dict):
        raise TypeError(f"{what} is an object")
    return value


def is_too_deep(text: str) -> bool:
    """Whether more than `DEEPEST` lists and objects stand in one another in a text of JSON."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    from pydantic_core import from_json

    whole = text.replace("\\ud", "\\u0").replace("\\uD", "\\u0")  # half a sign would end it too soon
    try:
        from_json(whole)  # it goes just so deep
    except ValueError as error:
        return "recursion limit" in str(error)
    return False


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    item = getattr(value, "item", None)  # a numpy scalar
    if callable(item) and getattr(value, "shape", None) == ():
        return item()
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)


def _encoder(*, sort: bool) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, sort_keys=sort, separators=(",", ":"), default=_plain, allow_nan=False)


def _encoding() -> Callable[[object], str]:
    """The sorting encoder's work. The standard library sets it up anew for every value: that takes longer than most."""
    if c_make_encoder is None:  # a Python without it
        return _encoder(sort=True).encode
    made = c_make_encoder(None, _plain, encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(made(value, 0))


_encode, _keeping = _encoding(), _encoder(sort=False)
