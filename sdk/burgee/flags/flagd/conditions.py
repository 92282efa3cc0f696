"""A condition of flagd's, in JsonLogic, as clauses of a rule.

JsonLogic (jsonlogic.com) has JavaScript's comparisons: a missing attribute is null, which is below 1 but equal to
nothing; `==` and the order turn other kinds into numbers. A clause compares kinds as they are, so what is said here is
the same for a missing attribute and for one of the kind it is compared with. That it has to be of this kind is noted
where flagd would turn another one into it.

What flagd's implementations don't agree about is noted, too: its daemon takes an operation of flagd's own that fails
(`starts_with` of a number) for met within an `and`, its providers in process don't, nor does this.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from burgee.core.json import Json
from burgee.flags.changing.rules import make_condition
from burgee.flags.changing.versions import precedence
from burgee.flags.flagd.saying import (
    FLAG_KEY,
    TIMESTAMP,
    Reading,
    Said,
    UnsayableError,
    exists,
    is_text,
    met_by_all,
    met_by_any,
    missing,
    unmet,
)
from burgee.flags.model import Operator
from burgee.flags.operators import kind_of

BOOLEAN = frozenset({"==", "===", "!=", "!==", "<", "<=", ">", ">=", "in", "!", "!!"})
"""The operations that give true or false, whatever they are given."""

_ORDER = {"<": Operator.LT, "<=": Operator.LTE, ">": Operator.GT, ">=": Operator.GTE}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TEXT = {"starts_with": Operator.STARTS_WITH, "ends_with": Operator.ENDS_WITH}
_VERSIONS = {
    "=": Operator.SEMVER_EQ,
    "<": Operator.SEMVER_LT,
    "<=": Operator.SEMVER_LTE,
    ">": Operator.SEMVER_GT,
    ">=": Operator.SEMVER_GTE,
}
_FAILING = frozenset({*_TEXT, "sem_ver", "var"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ODD_NUMBER = re.compile(r"[+-]?(0[xX_bBoO]|inf|Inf|INF|nan|NaN|\d[\d_]*_).*")
_PARTIAL = re.compile(r"v?(\d+)(?:\.(\d+))?")
_BOTH = 2
_THREE = 3

type Literal = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute asked for, and what stands for it where it is missing."""

    name: str
    here: str
    default: Literal = None


def condition(node: Json, reading: Reading) -> Said:
    """Who meets a condition."""
    if not isinstance(node, Mapping):
        return bool(_literal(node))
    name, args = operation(node)
    if name == "var":
        return _truthy(_attribute(args, reading))
    if name in {"!", "!!"}:
        inner = condition(args[0] if args else None, reading)
        return unmet(inner) if name == "!" else inner
    if name == "and":
        return met_by_all(_conjunct(one, reading) for one in args)
    if name == "or":
        return met_by_any(condition(one, reading) for one in args)
    if name == "if":
        return _chosen(args, reading)
    asked = _OPERATIONS.get(name)
    if asked is None:
        raise UnsayableError(f"it asks by {name!r}, for which there are no words here")
    return asked(name, args, reading)


def operation(node: Mapping[str, Json]) -> tuple[str, list[Json]]:
    """An operation's name and what it is given."""
    if len(node) != 1:
        raise UnsayableError(f"an operation has one name, not {len(node)}: {', '.join(map(repr, node)) or 'none'}")
    name, args = next(iter(node.items()))
    return name, list(args) if isinstance(args, Sequence) and not isinstance(args, str) else [args]


def conjuncts(node: Json) -> list[Json]:
    """The conditions that have to be met together."""
    if isinstance(node, Mapping) and len(node) == 1 and "and" in node:
        return [inner for one in operation(node)[1] for inner in conjuncts(one)]
    return [node]


def note_failing(node: Json, reading: Reading) -> None:
    """Note what flagd's implementations don't agree about where it stands within an `and`."""
    if isinstance(node, Mapping) and next(iter(node), None) in _FAILING:
        reading.note(
            f"{next(iter(node))!r} within 'and': flagd's daemon takes a missing attribute there for met; here, as with "
            "its providers in process, it is not met"
        )


def _conjunct(node: Json, reading: Reading) -> Said:
    note_failing(node, reading)
    return condition(node, reading)


def _chosen(args: Sequence[Json], reading: Reading) -> Said:
    if len(args) < _BOTH:
        return condition(args[0], reading) if args else False
    test = condition(args[0], reading)
    met = met_by_all([test, condition(args[1], reading)])
    return met_by_any([met, met_by_all([unmet(test), _chosen(args[2:], reading)])])


def _equality(name: str, args: Sequence[Json], reading: Reading) -> Said:
    left, right = _pair(name, args, reading)
    strict = name in {"===", "!=="}
    if isinstance(left, Attribute):
        if isinstance(right, Attribute):
            raise _two_attributes(left, right)
        same = _equal(left, right, reading, strict=strict)
    elif isinstance(right, Attribute):
        same = _equal(right, left, reading, strict=strict)
    else:
        same = _equals(left, right, strict=strict)
    return unmet(same) if name.startswith("!") else same


def _equal(attribute: Attribute, literal: Literal, reading: Reading, *, strict: bool) -> Said:
    def holds(value: Literal) -> bool:
        return _equals(value, literal, strict=strict)

    if literal is None:
        return _asked(attribute, present=False, holds=holds)
    if strict or (isinstance(literal, str) and math.isnan(as_number(literal))):
        return _asked(attribute, make_condition(attribute.here, Operator.EQ, literal), holds)
    if isinstance(literal, str):
        number = as_number(literal)
        alike: list[Literal] = [literal, int(number) if number.is_integer() else number]
        alike += [bool(number)] if number in {0, 1} else []
        return _asked(attribute, make_condition(attribute.here, Operator.IN, alike), holds)
    _note_kind(attribute, literal, reading)
    return _asked(attribute, make_condition(attribute.here, Operator.EQ, literal), holds)


def _order(name: str, args: Sequence[Json], reading: Reading) -> Said:
    if len(args) == _THREE:
        return met_by_all([_order(name, args[:2], reading), _order(name, args[1:], reading)])
    left, right = _pair(name, args, reading)
    if isinstance(left, Attribute):
        if isinstance(right, Attribute):
            raise _two_attributes(left, right)
        return _order_of(name, left, right, reading)
    if isinstance(right, Attribute):
        return _order_of(_TURNED[name], right, left, reading)
    return _ordered(name, left, right)


def _order_of(name: str, attribute: Attribute, literal: Literal, reading: Reading) -> Said:
    if literal is None or isinstance(literal, bool):
        raise UnsayableError(f"it compares {attribute.name!r} with {literal!r} by {name!r}")
    if isinstance(literal, str):
        if not math.isnan(as_number(literal)):
            raise UnsayableError(
                f"it compares {attribute.name!r} with the text {literal!r} by {name!r}, as text or as a number, as the "
                "attribute is one; write the number without quotes"
            )
    else:
        _note_kind(attribute, literal, reading)
    present = make_condition(attribute.here, _ORDER[name], literal)
    return _asked(attribute, present, lambda value: _ordered(name, value, literal))


def _in(name: str, args: Sequence[Json], reading: Reading) -> Said:
    if len(args) != _BOTH:
        raise _wrong_count(name, args)
    needle, hay = args
    if isinstance(hay, Sequence) and not isinstance(hay, str):
        return _among(_value(needle, reading), [_literal(one) for one in hay])
    where, what = _value(hay, reading), _value(needle, reading)
    if isinstance(where, Attribute) and isinstance(what, str):
        reading.note(f"{where.name!r} has to be text where {what!r} is looked for in it; flagd looks into lists, too")
        found = make_condition(where.here, Operator.CONTAINS, what) if what else is_text(where.here)
        return _asked(where, found, lambda value: isinstance(value, str) and what in value)
    if isinstance(where, Attribute):
        raise UnsayableError(f"it looks for {_shown(what)} in the list {where.name!r}; attributes hold no lists here")
    if isinstance(what, Attribute):
        raise UnsayableError(
            f"it looks for the attribute {what.name!r} within the text {where!r}; name the texts meant in a list"
        )
    return isinstance(where, str) and isinstance(what, str) and what in where


def _among(what: Attribute | Literal, members: Sequence[Literal]) -> Said:
    def holds(value: Literal) -> bool:
        return any(_equals(value, member, strict=True) for member in members)

    if not isinstance(what, Attribute):
        return holds(what)
    there = [member for member in members if member is not None]
    found: Said = make_condition(what.here, Operator.IN, there) if there else False
    return _asked(what, found, holds)


def _text(name: str, args: Sequence[Json], reading: Reading) -> Said:
    attribute, part = _pair(name, args, reading)
    if not isinstance(attribute, Attribute) or not isinstance(part, str):
        raise UnsayableError(f"{name!r} is asked of something else than an attribute and a text")
    found = make_condition(attribute.here, _TEXT[name], part) if part else is_text(attribute.here)

    def holds(value: Literal) -> bool:
        return isinstance(value, str) and (value.startswith(part) if name == "starts_with" else value.endswith(part))

    return _asked(attribute, found, holds)


def _version(name: str, args: Sequence[Json], reading: Reading) -> Said:
    if len(args) != _THREE:
        raise _wrong_count(name, args)
    attribute, sign, text = (_value(one, reading) for one in args)
    if not isinstance(attribute, Attribute) or attribute.default is not None:
        raise UnsayableError(f"{name!r} is asked of something else than an attribute")
    version = _whole_version(text)
    if version is None:
        raise UnsayableError(f"{name!r} compares with {_shown(text)}, which is no semantic version")
    reading.note(f"{attribute.name!r} has to be a whole version, '1.4.0'; flagd also takes 'v1.4.0' and '1.4'")
    if sign in _VERSIONS:
        return make_condition(attribute.here, _VERSIONS[str(sign)], version)
    if sign == "!=":
        below = make_condition(attribute.here, Operator.SEMVER_LT, version)
        return met_by_any([below, make_condition(attribute.here, Operator.SEMVER_GT, version)])
    if sign not in {"^", "~"}:
        raise UnsayableError(f"{name!r} compares by {_shown(sign)}")
    major, minor = map(int, version.split(".")[:2])
    start, end = ((major, 0), (major + 1, 0)) if sign == "^" else ((major, minor), (major, minor + 1))
    low, high = (f"{number}.{part}.0-0" for number, part in (start, end))  # -0 comes before all others of 1.4.0
    above = make_condition(attribute.here, Operator.SEMVER_GTE, low)
    return met_by_all([above, make_condition(attribute.here, Operator.SEMVER_LT, high)])


def _whole_version(text: object) -> str | None:
    """A version as flagd reads it (golang.org/x/mod/semver): a `v` before it, and parts missing, are no matter."""
    if not isinstance(text, str):
        return None
    bare = text.removeprefix("v")
    if precedence(bare) is not None:
        return bare
    partial = _PARTIAL.fullmatch(text)
    filled = f"{partial[1]}.{partial[2] or 0}.0" if partial else ""
    return filled if precedence(filled) is not None else None


def _truthy(attribute: Attribute) -> Said:
    there = make_condition(attribute.here, Operator.NOT_IN, [False, 0, ""])
    return _asked(attribute, there, bool)


def _asked(attribute: Attribute, present: Said, holds: Callable[[Literal], bool]) -> Said:
    """`present` where the attribute is there, and what holds of its default where it is not."""
    if present is True:
        present = exists(attribute.here)
    return met_by_any([present, missing(attribute.here)]) if holds(attribute.default) else present


def _pair(name: str, args: Sequence[Json], reading: Reading) -> tuple[Attribute | Literal, Attribute | Literal]:
    if len(args) != _BOTH:
        raise _wrong_count(name, args)
    return _value(args[0], reading), _value(args[1], reading)


def _value(node: Json, reading: Reading) -> Attribute | Literal:
    if not isinstance(node, Mapping):
        return _literal(node)
    name, args = operation(node)
    if name != "var":
        raise UnsayableError(f"it compares what {name!r} makes, for which there are no words here")
    if args and args[0] == FLAG_KEY:
        return reading.key
    return _attribute(args, reading)


def _attribute(args: Sequence[Json], reading: Reading) -> Attribute:
    name = args[0] if args else ""
    if not isinstance(name, str) or len(args) > _BOTH:
        raise UnsayableError(f"it asks for the attribute {_shown(name)}, which is no name")
    if name == TIMESTAMP:
        raise UnsayableError("it asks for the time where no schedule can: within 'or' or '!', or not by its order")
    return Attribute(name, reading.attribute(name), _literal(args[1]) if len(args) == _BOTH else None)


def _literal(node: Json) -> Literal:
    if node is None or isinstance(node, str | int | float):
        return node
    raise UnsayableError(f"it compares with {_shown(node)}, which is neither text nor a number nor true or false")


def _equals(left: Literal, right: Literal, *, strict: bool) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if strict and kind_of(left) != kind_of(right):
        return False
    return as_number(left) == as_number(right)


def _ordered(name: str, left: Literal, right: Literal) -> bool:
    if name in {">", ">="}:
        return _ordered(_TURNED[name], right, left)
    texts = isinstance(left, str) and isinstance(right, str)
    below = str(left) < str(right) if texts else as_number(left) < as_number(right)
    return below or (name == "<=" and _equals(left, right, strict=False))


def as_number(value: Literal) -> float:
    """The number that JsonLogic takes a value for; NaN for text that is none."""
    if not isinstance(value, str):
        return float(value or 0)
    if not value.strip():
        return 0.0
    if _ODD_NUMBER.fullmatch(value):
        raise UnsayableError(f"it compares with the text {value!r}, which some take for a number")
    return float(value) if _NUMBER.fullmatch(value) else math.nan


def _note_kind(attribute: Attribute, literal: Literal, reading: Reading) -> None:
    kind = "a truth value" if isinstance(literal, bool) else "a number"
    reading.note(f"{attribute.name!r} has to be {kind}; flagd takes other kinds for {kind}, e.g. text")


def _two_attributes(left: Attribute, right: Attribute) -> UnsayableError:
    return UnsayableError(f"it compares the attributes {left.name!r} and {right.name!r} with each other")


def _wrong_count(name: str, args: Sequence[Json]) -> UnsayableError:
    return UnsayableError(f"{name!r} is given {len(args)} values")


def _shown(value: object) -> str:
    return f"{value.name!r}" if isinstance(value, Attribute) else f"{value!r:.100}"


_OPERATIONS: dict[str, Callable[[str, Sequence[Json], Reading], Said]] = {
    **dict.fromkeys(("==", "===", "!=", "!=="), _equality),
    **dict.fromkeys(_ORDER, _order),
    **dict.fromkeys(_TEXT, _text),
    "in": _in,
    "sem_ver": _version,
}
