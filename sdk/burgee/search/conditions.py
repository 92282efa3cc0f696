"""Conditions as people write them: `brand=["x"], price=(10, 50)`, or `where("price", ">=", 10)`; and facets, sorts."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import cast

from burgee.core.checks import need_number, need_text
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.search.cursor import SCORE
from burgee.search.foreign import plain_value
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Dates,
    Either,
    Exists,
    Facet,
    Field,
    Filter,
    Histogram,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Ranges,
    Scalar,
    Sort,
    Stats,
    Terms,
    Together,
    Within,
    Without,
    Word,
)

type Wanted = tuple[str, object]
"""A facet that was asked for: the field, and how, if that was said."""

TEXTS = Word | Phrase | All | AnyOf | Without | Within
FACETS = Terms | Ranges | Histogram | Dates | Stats
FILTERS = OneOf | Between | Exists | Not | Either | Together

_PAIR = 2
_ENDS = (-math.inf, math.inf)


def condition(field: str, value: object) -> Filter:
    """What `filter(field=value)` asks: one of a list, between a pair, equal to a value; None (NaN): holds nothing."""
    need_text("a field", field)
    if type(value).__name__ == "Period":  # of pandas: all of it
        return Between(field, scalar(getattr(value, "start_time")), scalar(getattr(value, "end_time")))  # noqa: B009
    plain = plain_value(value)
    if plain is None:
        return Not(Exists(field))
    if plain is Ellipsis:
        return Exists(field)
    if isinstance(plain, tuple):
        return _between(field, plain)
    several = _listed(plain)
    return OneOf(field, tuple(map(scalar, [plain] if several is None else several)))


def compared(field: str, operator: str, value: object) -> tuple[Filter, ...]:
    """What `where(field, operator, value)` asks."""
    need_text("a field", field)
    make = _OPERATORS.get(str(operator).lower())
    if make is None:
        hint = did_you_mean(operator, _OPERATORS, plural="operators", most=len(_OPERATORS))
        raise InvalidInputError(f"where can't compare with {operator!r}", hint=hint)
    return make(field, value)


def conditions(filters: Iterable[object], fields: Mapping[str, object]) -> tuple[Filter, ...]:
    """What `filter(*filters, **fields)` asks."""
    return tuple(one for group in _groups(filters, fields) for one in group)


def either(filters: Iterable[object], fields: Mapping[str, object]) -> Filter:
    """What `either(*filters, **fields)` asks: one of the filters and fields, or all of a mapping's, holds."""
    groups = _groups(filters, fields)
    if not groups or not all(groups):
        why = "either needs conditions" if not groups else "a group of either is empty: it would let everything pass"
        raise InvalidInputError(why, hint='write .either(brand="x", price=(10, 50)), or .either({"brand": "x"}, {…})')
    ways = tuple(group[0] if len(group) == 1 else Together(group) for group in groups)
    return ways[0] if len(ways) == 1 else Either(ways)


def negated(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """None of these may hold."""
    return tuple(one.of if isinstance(one, Not) else Not(one) for one in filters)


def said(given: object) -> str:
    """A filter in a few words, as one would write it; also one that can't be asked."""
    match given:
        case OneOf(field, (value,)):
            return f"{field} = {_shown(value)}"
        case OneOf(field, tuple(values)):
            return f"{field} in [{', '.join(map(_shown, values)):.80}]"
        case Between():
            return _said_range(given)
        case Exists(field):
            return f"{field} exists"
        case Not(Exists(field)):
            return f"{field} missing"
        case Not(of):
            return f"not ({said(of)})"
        case Either(tuple(several)) | Together(tuple(several)):
            joint = " or " if isinstance(given, Either) else " and "
            return joint.join(f"({said(one)})" if isinstance(one, Either | Together) else said(one) for one in several)
        case _:
            return f"{given!r:.80}"


def facet_of(wanted: Wanted, mapping: IndexMapping) -> Facet:
    """What is asked for by name alone, or with bounds, a width, a size or a period, as the field's kind has it."""
    name, how = wanted
    if isinstance(how, FACETS):
        return how
    kind = next((field.kind for field in mapping.fields if field.name == name), None)
    if isinstance(how, str):
        return Dates(name, how)
    bounds = _listed(how)
    if bounds is not None:
        return Ranges(name, _bounds(bounds))
    if how is None:
        if kind is Kind.DATE:
            return Dates(name, "month")
        return Stats(name) if kind in {Kind.INTEGER, Kind.NUMBER} else Terms(name)
    number = need_number(f"the facet of {name!r}", plain_value(how))
    if kind in {Kind.INTEGER, Kind.NUMBER}:
        return Histogram(name, number)
    return Terms(name, cast("int", number))


def sort_of(given: object) -> Sort:
    """A sort by a field's name, falling if it begins with `-`; `_score` is the best first."""
    if isinstance(given, Sort):
        return given
    need_text("a sort", given)
    name = str(given)
    if name.removeprefix("-") == SCORE:
        return Sort(SCORE, descending=True)
    return Sort(name.removeprefix("-"), descending=name.startswith("-"))


def scalar(value: object) -> Scalar:
    """A value to compare with. What frames hold is taken as what it stands for; a date is that day."""
    plain = plain_value(value)
    if isinstance(plain, str | bool | int | float | datetime):
        return plain
    if isinstance(plain, date):
        return plain.isoformat()
    hint = "a text, a number, True, False or a moment; several as a list, a range as a pair: (10, 50)"
    if plain is None:
        hint = "what holds nothing is asked for alone: None; of a column take what is there: .dropna()"
    raise InvalidInputError(f"nothing can be compared with {' '.join(repr(value).split()):.80}", hint=hint)


def field_of(mapping: IndexMapping, name: str) -> Field | None:
    """The field of that name, if it is mapped."""
    return next((field for field in mapping.fields if field.name == name), None)


def _groups(filters: Iterable[object], fields: Mapping[str, object]) -> list[tuple[Filter, ...]]:
    """What each of them asks: a mapping has several conditions."""
    groups: list[tuple[Filter, ...]] = []
    for one in filters:
        if isinstance(one, FILTERS):
            groups.append((one,))
        elif isinstance(one, Mapping):
            groups.append(tuple(condition(field, value) for field, value in one.items()))
        else:
            flat = " ".join(repr(one).split())  # a column is many lines
            hint = 'write .filter(brand=["x"], price=(10, 50)), or .where("price", ">", 10)'
            raise InvalidInputError(f"a filter can't be {flat:.80}", hint=hint)
    return [*groups, *((condition(field, value),) for field, value in fields.items())]


def _said_range(given: Between) -> str:
    if given.high is None:
        return f"{given.field} >= {_shown(given.low)}"
    begin = "" if given.low is None else f"{_shown(given.low)} <= "
    return f"{begin}{given.field} {'<' if given.below else '<='} {_shown(given.high)}"


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else f"{value!r:.80}"


def _between(field: str, pair: tuple[object, ...]) -> Filter:
    if len(pair) != _PAIR:
        hint = "a pair is a range, None is open: (10, 50), (10, None); several values are a list: [10, 20]"
        raise InvalidInputError(f"{field!r} can't be within {pair!r:.80}", hint=hint)
    low, high = (None if _is_open(bound, end) else scalar(bound) for bound, end in zip(pair, _ENDS, strict=True))
    return Between(field, low, high)


def _is_open(bound: object, end: float) -> bool:
    return bound is None or (isinstance(bound, float) and bound == end)


def _bounds(several: list[object]) -> tuple[float | None, ...]:
    """Bounds of ranges; the first and the last may be open."""
    ends = [_ENDS[0], *[math.nan] * (len(several) - _PAIR), _ENDS[1]]
    return tuple(
        None if _is_open(bound, end) else need_number("a bound", plain_value(bound))
        for bound, end in zip(several, ends, strict=False)
    )


def _listed(value: object) -> list[object] | None:
    """Several values as a list; none if it is one."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable) or hasattr(value, "columns"):
        return None
    return list(value)


def _equal(field: str, value: object) -> Filter:
    return condition(field, list(value) if isinstance(value, tuple) else value)


def _several(field: str, value: object) -> Filter:
    values = _listed(value)
    if values is None:
        raise InvalidInputError(f"{field!r} in needs a list of values, not {value!r:.80}")
    return OneOf(field, tuple(map(scalar, values)))


def _within(field: str, value: object) -> tuple[Filter, ...]:
    return (_between(field, tuple(_listed(value) or ())),)


_OPERATORS: dict[str, Callable[[str, object], tuple[Filter, ...]]] = {
    "=": lambda field, value: (_equal(field, value),),
    "==": lambda field, value: (_equal(field, value),),
    "!=": lambda field, value: negated((_equal(field, value),)),
    "<": lambda field, value: (Between(field, high=scalar(value), below=True),),
    "<=": lambda field, value: (Between(field, high=scalar(value)),),
    ">": lambda field, value: (Exists(field), Not(Between(field, high=scalar(value)))),
    ">=": lambda field, value: (Between(field, low=scalar(value)),),
    "in": lambda field, value: (_several(field, value),),
    "not in": lambda field, value: (Not(_several(field, value)),),
    "between": _within,
    "exists": lambda field, _: (Exists(field),),
    "missing": lambda field, _: (Not(Exists(field)),),
}
