"""What a flag may be made of: checks that turn what a user typed into the values of `model`.

They are kept apart from the service because the fluent layer, the service and the evaluators share
them, and because nothing here needs more than the standard library. Every refusal is an
`InvalidInputError` that names the value and says what would be right.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json, dumps, loads
from burgee.flags.changing.patterns import check as check_pattern
from burgee.flags.changing.times import make_moment
from burgee.flags.changing.versions import make_version
from burgee.flags.model import Condition, Operand, Operator, Scalar, Variant
from burgee.flags.operators import MEMBERSHIP, ORDER, PRESENCE, SEGMENT, TEXT, TIME, VERSION, kind_of, plain

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SIGNS = {
    "==": "eq",
    "=": "eq",
    "!=": "ne",
    "<>": "ne",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "not in": "not_in",
}
"""What people type from habit."""

_LONGEST_NAME = 128
_LONGEST_ATTRIBUTE = 512
_LONGEST_SALT = 256
_TOLERANCE = 1e-6  # of the sum of weights, in percent
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # what a column of whole numbers can hold


def check_key(key: object, kind: str = "flag") -> str:
    """A flag's (or segment's) key: 1 to 128 letters, digits, `-`, `_` or `.`, the first a letter or digit."""
    if not isinstance(key, str):
        raise InvalidInputError(f"a {kind}'s key is text, not {type(key).__name__}")
    if not _KEY.fullmatch(key):
        raise InvalidInputError(
            f"{key[:150]!r} can't be a {kind}'s key",
            hint="1 to 128 letters, digits, '-', '_' or '.', beginning with a letter or digit, e.g. 'new-checkout'",
        )
    return key


def make_variants(
    weights: Mapping[str, float] | Sequence[Variant[Json]] | None, values: Mapping[str, Json] | None = None
) -> tuple[Variant[Json], ...]:
    """The variants of a flag, in the order given.

    Args:
        weights: each variant's share of the rollout in percent, summing to 100; or variants ready made; or
            None for a boolean flag: `on` (True, 100 %) and `off` (False, 0 %).
        values: what a variant serves, any JSON value; its own name where not given.
    """
    made = _listed(weights)
    given = dict(values or {})
    names = [_variant_name(variant.name) for variant in made]
    for name in given:
        if name not in names:
            raise InvalidInputError(
                f"a value is given for {name!r}, which is no variant", hint=did_you_mean(str(name), names)
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"variant {twice!r} is named twice")
    variants = tuple(
        Variant(
            variant.name,
            _variant_value(variant.name, given.get(variant.name, variant.value)),
            _weight(variant.name, variant.weight),
        )
        for variant in made
    )
    total = math.fsum(variant.weight for variant in variants)
    if abs(total - 100) > _TOLERANCE:
        raise InvalidInputError(
            f"the weights sum to {total:.10g} %, not 100 %",
            hint="weights are shares of the rollout in percent, e.g. {'control': 50, 'treatment': 50}",
        )
    return variants


def pick_default(variants: Sequence[Variant[Json]], default: str | None, *, boolean: bool) -> str:
    """The name of the variant served outside the rollout: the one set, else `off` if boolean, else the first."""
    if default is not None:
        return check_serve(variants, default)
    return "off" if boolean else variants[0].name


def check_serve(variants: Sequence[Variant[Json]], name: object) -> str:
    """The name of one of the variants."""
    names = [variant.name for variant in variants]
    if not isinstance(name, str) or name not in names:
        raise InvalidInputError(
            f"there is no variant {name!r} to serve", hint=did_you_mean(str(name), names, plural="variants")
        )
    return name


def check_rollout(percent: object) -> float:
    """A share in percent, 0 to 100."""
    share = plain(percent)
    if kind_of(share) != "number" or not isinstance(share, int | float):
        raise InvalidInputError(f"a rollout is a number of percent, 0 to 100, not {percent!r}")
    if not 0 <= share <= 100:  # noqa: PLR2004 - percent
        raise InvalidInputError(f"a rollout is 0 to 100 percent, not {percent!r}")
    return float(share)


def check_salt(salt: object) -> str:
    """What the buckets are made with: any text of up to 256 characters that a database can hold."""
    if not isinstance(salt, str) or len(salt) > _LONGEST_SALT:
        raise InvalidInputError(f"a salt is text of up to {_LONGEST_SALT} characters, not {salt!r}")
    _check_text("the salt", salt)
    return salt


def make_condition(attribute: object, op: object, value: object = None) -> Condition:
    """The condition `attribute op value`; lists, sets, arrays and series become tuples of plain scalars.

    `eq`, `ne` take one text, number or truth value; `in`, `not_in` several. `gt`, `gte`, `lt`, `lte`
    take a number or a text, and `between` a pair of either. `contains`, `not_contains`, `starts_with`
    and `ends_with` take text, and `matches` a regular expression (see `patterns`). `before` and `after` take a time
    (see `times`), `semver_eq` and those like it a version's text, `in_segment` and `not_in_segment` a segment's key or
    several. `exists` and `not_exists` take nothing. What they mean is told in `evaluation.conditions`.
    """
    if not isinstance(attribute, str) or not attribute or len(attribute) > _LONGEST_ATTRIBUTE:
        raise InvalidInputError(f"an attribute is named by 1 to {_LONGEST_ATTRIBUTE} characters, not {attribute!r}")
    _check_text("an attribute", attribute)
    operator = _operator(op)
    return Condition(attribute, operator, _operand(attribute, operator, value))


def _operator(op: object) -> Operator:
    names = [operator.value for operator in Operator]
    if not isinstance(op, str) or op not in names:
        meant = _SIGNS.get(str(op))
        near = f"did you mean {meant!r}?" if meant else did_you_mean(str(op), names)
        raise InvalidInputError(
            f"there is no operator {op!r}; the operators are: {', '.join(names)}",
            hint=near if near and near.startswith("did") else None,
        )
    return Operator(op)


def _operand(attribute: str, op: Operator, value: object) -> Operand:
    asked = f"{attribute} {op}"
    if op in PRESENCE:
        if value is not None:
            raise InvalidInputError(f"{asked!r} takes no value; {value!r} was given")
        return None
    if op in MEMBERSHIP:
        members = {(kind_of(member), member): member for member in _several(asked, value)}
        if not members:
            raise InvalidInputError(f"{asked!r} needs at least one value")
        return tuple(members.values())
    if op is Operator.BETWEEN:
        return _pair(asked, _several(asked, value))
    if op in SEGMENT:
        return _segments(asked, value)
    return _one(asked, op, value)


def _one(asked: str, op: Operator, value: object) -> Scalar:
    """What an operator compares with, where that is one value."""
    if op in TIME and plain(value) is not None:
        return make_moment(asked, value)
    scalar = _scalar(asked, value)
    if op in VERSION:
        return make_version(asked, scalar)
    if op in ORDER and isinstance(scalar, bool):
        raise InvalidInputError(f"{asked!r} compares numbers or texts, not {value!r}")
    if op in TEXT and not (isinstance(scalar, str) and scalar):
        raise InvalidInputError(f"{asked!r} needs text, not {value!r}")
    return check_pattern(scalar) if op is Operator.MATCHES else scalar


def _segments(asked: str, value: object) -> tuple[str, ...]:
    """The keys of segments, of one or of several."""
    if value is None:
        raise InvalidInputError(f"{asked!r} needs the key of a segment, or several")
    keys = _several(asked, [value] if isinstance(value, str) else value)
    if not keys:
        raise InvalidInputError(f"{asked!r} needs the key of at least one segment")
    return tuple(dict.fromkeys(check_key(key, "segment") for key in keys))


def _several(asked: str, value: object) -> list[Scalar]:
    if isinstance(value, str | bytes | Mapping) or hasattr(value, "columns") or not isinstance(value, Iterable):
        raise InvalidInputError(f"{asked!r} needs a list of values, not {value!r}")
    members = [_scalar(asked, member) for member in value]
    if isinstance(value, set | frozenset):  # a set has no order of its own; equal rules must be equal
        members.sort(key=lambda member: (str(kind_of(member)), member))
    return members


def _pair(asked: str, ends: Sequence[Scalar]) -> Operand:
    if len(ends) != 2:  # noqa: PLR2004 - a pair
        raise InvalidInputError(f"{asked!r} needs two values, (low, high); {len(ends)} were given")
    low, high = ends
    if isinstance(low, str) and isinstance(high, str):
        right = low <= high
    elif isinstance(low, bool) or isinstance(high, bool) or isinstance(low, str) or isinstance(high, str):
        raise InvalidInputError(f"{asked!r} needs two numbers or two texts, not {low!r} and {high!r}")
    else:
        right = low <= high
    if not right:
        raise InvalidInputError(f"{asked!r} needs (low, high); {low!r} is above {high!r}")
    return (low, high)


def _scalar(asked: str, value: object) -> Scalar:
    scalar = plain(value)
    if scalar is None:
        raise InvalidInputError(
            f"{asked!r} can't compare with {value!r}", hint="for missing values there are exists and not_exists"
        )
    if not isinstance(scalar, str | int | float):  # bool is an int
        raise InvalidInputError(
            f"{asked!r} compares text, numbers and truth values, not {value!r} ({type(value).__name__})"
        )
    if isinstance(scalar, str):
        _check_text(f"what {asked!r} compares with", scalar)
    elif isinstance(scalar, float) and not math.isfinite(scalar):
        raise InvalidInputError(f"{asked!r} can't compare with {value!r}; numbers are finite")
    elif not _SMALLEST <= scalar <= _LARGEST and isinstance(scalar, int):
        raise InvalidInputError(f"{asked!r} can't compare with {value!r}; whole numbers have at most 64 bits")
    return scalar


def _check_text(what: str, text: str) -> None:
    """Neither lone surrogates, which are no text, nor NUL, which most databases can't hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{what} can't be {text!r}: it holds half a character (a lone surrogate)") from None
    if "\0" in text:
        raise InvalidInputError(f"{what} can't be {text!r}: it holds a NUL character")


def _listed(weights: object) -> list[Variant[Json]]:
    if weights is None:
        return [Variant("on", value=True, weight=100.0), Variant("off", value=False, weight=0.0)]
    if isinstance(weights, Mapping):
        return [Variant(name, name, weight) for name, weight in weights.items()]
    if isinstance(weights, Sequence) and all(isinstance(variant, Variant) for variant in weights):
        return list(weights)
    raise InvalidInputError(
        f"variants can't be {weights!r}", hint="give names with weights: {'control': 50, 'treatment': 50}"
    )


def _variant_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInputError(f"a variant is named by 1 to {_LONGEST_NAME} printable characters, not {name!r}")
    return name


def _variant_value(name: str, value: Json) -> Json:
    """The value as it will be after it was stored."""
    return loads(dumps(value, what=f"value of variant {name!r}"))


def _weight(name: str, weight: object) -> float:
    share = plain(weight)
    if kind_of(share) != "number" or not isinstance(share, int | float) or not math.isfinite(share) or share < 0:
        raise InvalidInputError(f"the weight of {name!r} is a number of percent, 0 to 100, not {weight!r}")
    return float(share)
