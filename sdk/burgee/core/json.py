"""JSON as burgee stores it: one text per value, so that equal content is equal text."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from burgee.core.errors import InvalidInputError

type Json = str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None


def dumps(value: object, *, what: str = "value", sort: bool = True) -> str:
    """Compact JSON, its keys sorted unless their order means something. What JSON can't say (NaN, …) is refused."""
    try:
        text = (_sorting if sort else _keeping).encode(value)
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


_sorting, _keeping = _encoder(sort=True), _encoder(sort=False)
