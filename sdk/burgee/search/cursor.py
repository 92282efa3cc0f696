"""Where a page ended, as a text to go on from: the values it was sorted by, and the id.

It is of no use to anybody who changes it: it says where to go on, and which documents there are is decided by the
query that comes with it.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import NoReturn

from pydantic_core import to_json

from burgee.core.errors import InvalidInputError
from burgee.search.model import IndexMapping, Kind, SearchQuery, Sort
from burgee.search.values import Value, as_kind

SCORE = "_score"
BY_SCORE = (Sort(SCORE, descending=True),)


def order(query: SearchQuery) -> tuple[Sort, ...]:
    """What the found are sorted by, before their id."""
    if query.sort or (query.text is None and query.like is None):
        return query.sort
    return BY_SCORE


def encode(values: Sequence[Value | None], id: str) -> str:
    """The place after a document."""
    return base64.urlsafe_b64encode(to_json([*values, id])).decode().rstrip("=")


def decode(after: str, query: SearchQuery, mapping: IndexMapping) -> tuple[tuple[Value | None, ...], str]:
    """The values and the id again, for the query's `order`.

    Raises:
        InvalidInputError: no page of results sorted so ended there.
    """
    kinds = {field.name: Kind.KEYWORD if field.kind is Kind.TEXT else field.kind for field in mapping.fields}
    sorts = order(query)
    try:
        padded = after + "=" * (-len(after) % 4)
        parts = json.loads(base64.b64decode(padded.encode("ascii"), b"-_", validate=True), parse_constant=_no_number)
    except (AttributeError, TypeError, ValueError, binascii.Error, RecursionError):
        raise _wrong(after) from None
    if not isinstance(parts, list) or len(parts) != len(sorts) + 1 or as_kind(parts[-1], Kind.TEXT) is None:
        raise _wrong(after)
    values = [
        _value(part, Kind.NUMBER if sort.field == SCORE else kinds[sort.field], after)
        for part, sort in zip(parts[:-1], sorts, strict=True)
    ]
    return tuple(values), parts[-1]


def _value(part: object, kind: Kind, after: str) -> Value | None:
    if part is None:
        return None
    value = as_kind(part, Kind.INTEGER if kind is Kind.DATE else kind)
    if value is None:
        raise _wrong(after)
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _wrong(after: object) -> InvalidInputError:
    shown = after[:40] if isinstance(after, str) else after
    return InvalidInputError(
        f"after {shown!r}: no page of these results ended there",
        hint="give what `after` of the page before said, with the same query and sort",
    )
