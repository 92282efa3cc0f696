"""What a document's fields hold, as their kind: the same for every engine."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from burgee.core.errors import InvalidInputError
from burgee.search.model import Field, IndexMapping, Kind, Scalar

LONGEST_KEYWORD = 8000
"""Characters of a value that is taken whole. A longer text with `exact` is found by its words only."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = (
    (day.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    for day in (datetime.min, datetime.max)  # noqa: DTZ901
)
_EXPECTED = {
    Kind.TEXT: "text",
    Kind.KEYWORD: f"text of at most {LONGEST_KEYWORD:,} characters",
    Kind.INTEGER: "a whole number of 64 bits",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a moment like '2026-11-28' or '2026-11-28T12:30:00Z'",
}

type Value = str | int | float | bool
"""A value as engines hold it: a date is in microseconds since 1970, UTC."""


def field_values(id: str, document: Mapping[str, object], mapping: IndexMapping) -> dict[str, list[Value]]:
    """What each field of the mapping holds, fields that hold nothing left out.

    Raises:
        InvalidInputError: a value is not of its field's kind.
    """
    if not isinstance(document, Mapping):
        raise InvalidInputError(f"the document {id!r} must be a dict, not {type(document).__name__}")
    found: dict[str, list[Value]] = {}
    for field in mapping.fields:
        given = document.get(field.name)
        if given is None:
            continue
        several = given if isinstance(given, list | tuple) else (given,)
        values = [_of_kind(id, field, value) for value in several if value is not None]
        if values:
            found[field.name] = values
    return found


def whole_values(field: Field, values: Iterable[Value]) -> list[Value]:
    """Those of a field's values that filters, facets and sorting see."""
    if field.kind is not Kind.TEXT:
        return list(values)
    return [value for value in values if field.exact and len(str(value)) <= LONGEST_KEYWORD]


def as_kind(value: object, kind: Kind) -> Value | None:
    """A value as engines hold it; none if it is not of that kind."""
    if kind in {Kind.TEXT, Kind.KEYWORD}:
        fits = isinstance(value, str) and (kind is Kind.TEXT or len(value) <= LONGEST_KEYWORD)
        return str(value) if fits and _is_text(str(value)) else None
    if kind is Kind.DATE:
        return _micros(value)
    if kind is Kind.BOOLEAN or isinstance(value, bool):
        return value if isinstance(value, bool) and kind is Kind.BOOLEAN else None
    if not isinstance(value, int | float):
        return None
    return _number(value) if kind is Kind.NUMBER else _whole(value)


def expected(kind: Kind) -> str:
    """What a value of that kind is, in words."""
    return _EXPECTED[kind]


def checked_name(what: str, name: str) -> str:
    """A name of an index, an alias or a document, if it can be one."""
    if as_kind(name, Kind.KEYWORD) is None or not name:
        raise InvalidInputError(f"the name of {what} must be {expected(Kind.KEYWORD)}, not {name!r:.80}")
    return name


def stored(value: Value) -> Value:
    """A value as engines that know no booleans hold it. There is one zero."""
    if isinstance(value, bool):
        return int(value)
    return value + 0.0 if isinstance(value, float) else value


def whole_bounds(low: float | None, high: float | None, *, below: bool) -> tuple[int, int] | None:
    """Bounds of whole numbers of 64 bits, both included; none if nothing is between them."""
    least = _SMALLEST if low is None else max(_SMALLEST, math.ceil(low))
    most = _LARGEST if high is None else min(_LARGEST, math.ceil(high) - 1 if below else math.floor(high))
    return None if least > most else (least, most)


def moment(micros: int) -> datetime:
    """The moment that many microseconds after 1970, UTC."""
    return _EPOCH + micros * _MICROSECOND


def given_value(value: Value, kind: Kind) -> Scalar:
    """A value as it is given back: dates as moments."""
    if kind is Kind.DATE:
        return moment(int(value))
    return bool(value) if kind is Kind.BOOLEAN else value


def _of_kind(id: str, field: Field, value: object) -> Value:
    made = as_kind(value, field.kind)
    if made is None:
        shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}…"  # noqa: PLR2004 # of a line
        raise InvalidInputError(
            f"the document {id!r}: {field.name!r} must be {expected(field.kind)}, not {shown}",
            hint=f"give what is there, None where nothing is, or another kind: mapping={{{field.name!r}: …}}",
            id=str(id),
            field=field.name,
        )
    return made


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: float) -> float | None:
    try:
        made = float(value)
    except OverflowError:
        return None
    return made if made - made == 0 else None  # neither NaN nor infinite


def _whole(value: float) -> int | None:
    return int(value) if _SMALLEST <= value <= _LARGEST and value == int(value) else None


def _micros(value: object) -> int | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime) or value != value:  # noqa: PLR0124 # the NaT of pandas
        return None
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    micros = (aware - _EPOCH) // _MICROSECOND
    return micros if _FIRST <= micros <= _LAST else None
