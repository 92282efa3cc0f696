"""flagd's operation `fractional` as splits of rules: what it goes by, and who has none of that.

Without an expression to go by, flagd hashes the flag's key and the targeting key. So it does where an attribute to go
by is missing. An attribute of another kind than text fails, and so do those without a targeting key: they are served
the default. Text put together (`cat`) is text also where its attribute is missing, and then the same for all of those.
An empty targeting key is none here, and one like others in flagd.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from burgee.core.json import Json
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.fractional import MOST_WEIGHT, fractional
from burgee.flags.flagd.conditions import operation
from burgee.flags.flagd.saying import (
    FLAG_KEY,
    TIMESTAMP,
    Reading,
    UnsayableError,
    exists,
    is_text,
    missing,
)
from burgee.flags.model import FLAGD, Clause, Operator, Split

_BOTH = 2
_HEAVIEST = 2**31 - 1

type Shares = tuple[tuple[str, float], ...]
type Variant = Callable[[Json], str]
"""The name of a variant, as a tree says it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Who of those in a branch is served what: a variant or a split; the default if neither."""

    clauses: tuple[Clause, ...] = ()
    serve: str | None = None
    split: Split | None = None


def parts_of(args: Sequence[Json], variant: Variant, reading: Reading) -> tuple[Part, ...]:
    """What `fractional` serves, in this order; everybody is in the last part."""
    if len(args) < _BOTH:
        raise UnsayableError(f"'fractional' is given {len(args)} values; flagd needs two at least")
    by, buckets = (None, args) if _is_bucket(args[0]) else (args[0], args[1:])
    shares = _shares(buckets, variant)
    if by is None:
        return (*_keyed(shares, reading), Part())
    if isinstance(by, str):
        return (Part(serve=_constant(by, shares)),)
    name, given = operation(by) if isinstance(by, Mapping) else ("", [])
    if name == "var" and len(given) == 1:
        return _by_attribute(given[0], shares, reading)
    if name == "cat":
        return _by_text(given, shares, reading)
    raise UnsayableError(f"'fractional' goes by {by!r:.100}; it can go by an attribute, or by text with one behind it")


def lifted(args: Sequence[Json]) -> Json:
    """The same with the first choice (`if`) among its variants and weights outside; None if there is none."""
    for position, bucket in enumerate(args):
        if not _is_bucket(bucket):
            continue
        for place, inner in enumerate(bucket):
            if isinstance(inner, Mapping) and len(inner) == 1 and "if" in inner:
                return {"if": _choices(args, position, place, operation(inner)[1])}
    return None


def _choices(args: Sequence[Json], position: int, place: int, choice: Sequence[Json]) -> list[Json]:
    def chosen(value: Json) -> Json:
        bucket = args[position]
        inside = list(bucket) if _is_bucket(bucket) else []
        inside[place] = value
        return {"fractional": [*args[:position], inside, *args[position + 1 :]]}

    choices: list[Json] = []
    for index in range(0, len(choice) - 1, 2):
        choices += [choice[index], chosen(choice[index + 1])]
    return [*choices, chosen(choice[-1] if len(choice) % 2 else None)]


def _is_bucket(node: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(node, Sequence) and not isinstance(node, str)


def _keyed(shares: Shares, reading: Reading, *clauses: Clause) -> tuple[Part, ...]:
    """By the flag's key and the targeting key."""
    return (Part((*clauses, exists(TARGETING_KEY)), split=Split(shares, reading.key, TARGETING_KEY, FLAGD)),)


def _by_attribute(name: Json, shares: Shares, reading: Reading) -> tuple[Part, ...]:
    if name == FLAG_KEY:
        return (Part(serve=_constant(reading.key, shares)),)
    by = _named(name, reading)
    if by == TARGETING_KEY:
        return Part((exists(by),), split=Split(shares, "", by, FLAGD)), Part()
    return *_by(by, "", shares, is_text(by)), *_keyed(shares, reading, missing(by)), Part()


def _by_text(args: Sequence[Json], shares: Shares, reading: Reading) -> tuple[Part, ...]:
    salt, by = "", None
    for part in args:
        named = operation(part)[1] if isinstance(part, Mapping) and "var" in part else None
        if by is not None or not isinstance(part, str | Mapping) or (named is None) is not isinstance(part, str):
            raise UnsayableError("'fractional' goes by text made otherwise than of texts and one attribute behind them")
        if named is None or named == [FLAG_KEY]:
            salt += reading.key if named else str(part)
        elif len(named) == 1:
            by = _named(named[0], reading)
        else:
            raise UnsayableError("'fractional' goes by an attribute with a default")
    if salt != salt.strip():
        raise UnsayableError(f"'fractional' goes by {salt!r} and more; flagd's daemon cuts blanks off, others don't")
    rest = Part(serve=_constant(salt, shares))
    return (rest,) if by is None else (*_by(by, salt, shares, exists(by)), rest)


def _by(by: str, salt: str, shares: Shares, present: Clause) -> tuple[Part, ...]:
    """By an attribute that is there. No split here goes by the empty text, so that is served what its hash is."""
    empty = Part((make_condition(by, Operator.EQ, ""),), serve=_constant(salt, shares))
    return empty, Part((present,), split=Split(shares, salt, by, FLAGD))


def _named(name: Json, reading: Reading) -> str:
    if not isinstance(name, str) or name == TIMESTAMP:
        raise UnsayableError(f"'fractional' goes by {name!r:.100}; it can go by the name of an attribute")
    return reading.attribute(name)


def _constant(text: str, shares: Shares) -> str:
    """What everybody is served if everybody's hash is that of one text."""
    return fractional(text, [share for _, share in shares], [name for name, _ in shares])("")


def _shares(buckets: Sequence[Json], variant: Variant) -> Shares:
    weights: dict[str, int] = {}
    last: str | None = None
    for bucket in buckets:
        if not _is_bucket(bucket) or not bucket:
            raise UnsayableError(f"'fractional' has the bucket {bucket!r:.100}; a bucket is a variant and a weight")
        name = variant(bucket[0])
        weight = _weight(bucket[1] if len(bucket) > 1 else None, name)
        if not weight:
            continue
        if name in weights and name != last:
            raise UnsayableError(f"'fractional' names {name!r} twice; here a variant has one share")
        weights[name] = weights.get(name, 0) + weight
        last = name
    total = sum(weights.values())
    if not total:
        raise UnsayableError("'fractional' gives nothing a weight")
    if total // math.gcd(*weights.values()) > MOST_WEIGHT:
        raise UnsayableError(
            f"'fractional' has weights that sum to {total:,}; here they sum to {MOST_WEIGHT:,} at most"
        )
    return tuple((name, 100 * weight / total) for name, weight in weights.items())


def _weight(weight: Json, name: str) -> int:
    if weight is None:
        return 1
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight != weight // 1:
        raise UnsayableError(f"'fractional' gives {name!r} the weight {weight!r:.100}; weights are whole numbers")
    if not 0 <= weight <= _HEAVIEST:
        raise UnsayableError(f"'fractional' gives {name!r} the weight {weight!r}; weights are 0 to {_HEAVIEST:,}")
    return int(weight)
