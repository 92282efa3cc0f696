"""Conditions as people write them: `brand=["x"], price=(10, 50)`, or `where("price", ">=", 10)`; and facets, sorts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import cast

from burgee.core.checks import need_number, need_text
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.search.cursor import SCORE
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Dates,
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
    Within,
    Without,
    Word,
)

type Wanted = tuple[str, object]
"""A facet that was asked for: the field, and how, if that was said."""

TEXTS = Word | Phrase | All | AnyOf | Without | Within
FACETS = Terms | Ranges | Histogram | Dates | Stats
FILTERS = OneOf | Between | Exists | Not

_PAIR = 2


def condition(field: str, value: object) -> Filter:
    """What `filter(field=value)` asks: one of a list, between a pair, equal to a value; None: holds nothing."""
    need_text("a field", field)
    if value is None:
        return Not(Exists(field))
    if value is Ellipsis:
        return Exists(field)
    if isinstance(value, tuple):
        return _between(field, value)
    several = _listed(value)
    return OneOf(field, tuple(map(scalar, [value] if several is None else several)))


def compared(field: str, operator: str, value: object) -> tuple[Filter, ...]:
    """What `where(field, operator, value)` asks."""
    need_text("a field", field)
    make = _OPERATORS.get(str(operator))
    if make is None:
        hint = did_you_mean(operator, _OPERATORS, plural="operators", most=len(_OPERATORS))
        raise InvalidInputError(f"where can't compare with {operator!r}", hint=hint)
    return make(field, value)


def negated(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """None of these may hold."""
    return tuple(one.of if isinstance(one, Not) else Not(one) for one in filters)


def facet_of(wanted: Wanted, mapping: IndexMapping) -> Facet:
    """What is asked for by name alone, or with bounds, a width, a size or a period, as the field's kind has it."""
    name, how = wanted
    if isinstance(how, FACETS):
        return how
    kind = next((field.kind for field in mapping.fields if field.name == name), None)
    if isinstance(how, list | tuple):
        return Ranges(name, tuple(None if bound is None else need_number("a bound", bound) for bound in how))
    if isinstance(how, str):
        return Dates(name, how)
    if how is None:
        if kind is Kind.DATE:
            return Dates(name, "month")
        return Stats(name) if kind in {Kind.INTEGER, Kind.NUMBER} else Terms(name)
    number = need_number(f"the facet of {name!r}", how)
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
    """A value to compare with. What frames hold is taken as what it stands for."""
    if isinstance(value, str | bool | int | float | datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if isinstance(value, Decimal):
        return float(value)
    item = getattr(value, "item", None)  # a numpy scalar
    if callable(item) and getattr(value, "shape", None) == ():
        return scalar(item())
    hint = "a text, a number, True, False or a moment; several as a list, a range as a pair: (10, 50)"
    raise InvalidInputError(f"nothing can be compared with {value!r:.80}", hint=hint)


def field_of(mapping: IndexMapping, name: str) -> Field | None:
    """The field of that name, if it is mapped."""
    return next((field for field in mapping.fields if field.name == name), None)


def _between(field: str, pair: tuple[object, ...]) -> Filter:
    if len(pair) != _PAIR:
        hint = "a pair is a range, None is open: (10, 50), (10, None); several values are a list: [10, 20]"
        raise InvalidInputError(f"{field!r} can't be within {pair!r:.80}", hint=hint)
    low, high = (None if bound is None else scalar(bound) for bound in pair)
    return Between(field, low, high)


def _listed(value: object) -> list[object] | None:
    """Several values as a list; none if it is one."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return None
    return list(value)


def _several(field: str, value: object) -> Filter:
    values = _listed(value)
    if values is None:
        raise InvalidInputError(f"{field!r} in needs a list of values, not {value!r:.80}")
    return OneOf(field, tuple(map(scalar, values)))


def _within(field: str, value: object) -> tuple[Filter, ...]:
    return (_between(field, tuple(_listed(value) or ())),)


_OPERATORS: dict[str, Callable[[str, object], tuple[Filter, ...]]] = {
    "=": lambda field, value: (OneOf(field, (scalar(value),)),),
    "==": lambda field, value: (OneOf(field, (scalar(value),)),),
    "!=": lambda field, value: (Not(OneOf(field, (scalar(value),))),),
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
