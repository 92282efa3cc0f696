"""Conditions, compiled to functions of a context.

What a condition means, here and in `assign` alike:

- An attribute is text, a number or a truth value, and nothing is turned into another kind: `"1"` is not
  `1`, and `True` is not `1`. Whole numbers and fractions are compared as the numbers they are.
- A missing attribute (absent, None, NaN, NaT or NA) meets no condition but `not_exists`.
- An attribute of another kind than the rule's value (also a date, a list, …) is different from it: it
  meets `ne`, `not_in` and `not_contains`, and `exists`, and no other condition.
- Texts are compared character by character, by code point; case matters.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from burgee.core.errors import InvalidInputError
from burgee.flags.model import Clause, Condition, Operand, Operator, Segment
from burgee.flags.operators import MEMBERSHIP, NEGATIVE, PRESENCE, kind_of, plain

type Test = Callable[[Mapping[str, object]], bool]
type Holds = Callable[[Any], bool]  # Any: text or a number, as the rule's value is; told apart before it is called


def test_of(clauses: Sequence[Clause], segments: Mapping[str, Segment]) -> Test:  # noqa: ARG001
    """Whether a context meets all clauses."""
    tests = tuple(map(_clause, clauses))
    return tests[0] if len(tests) == 1 else _all(tests)


def _clause(clause: Clause) -> Test:
    if isinstance(clause, Condition):
        return _condition(clause)
    tests = tuple(map(_clause, clause.clauses))
    if clause.match == "all":
        return _all(tests)
    wanted = clause.match == "any"
    return lambda context: any(test(context) for test in tests) is wanted


def _all(tests: Sequence[Test]) -> Test:
    def matches(context: Mapping[str, object]) -> bool:
        for test in tests:  # noqa: SIM110 - all(...) makes a generator, at thrice the time
            if not test(context):
                return False
        return True

    return matches


def _condition(condition: Condition) -> Test:
    attribute, op, value = condition.attribute, condition.op, condition.value
    if op in PRESENCE:
        wanted = op is Operator.EXISTS
        return lambda context: (plain(context.get(attribute)) is not None) is wanted
    if op in MEMBERSHIP or op in {Operator.EQ, Operator.NE}:
        members = value if isinstance(value, tuple) else (value,)
        return _membership(attribute, members, met=op not in NEGATIVE)
    return _comparison(condition)


def _membership(attribute: str, members: Sequence[object], *, met: bool) -> Test:
    """`in` and `not_in`, and with one member `eq` and `ne`. Each kind has its own set, because `True == 1`."""
    by_kind = {kind: frozenset(x for x in members if kind_of(x) == kind) for kind in ("text", "number", "truth value")}
    numbers = by_kind["number"]
    sets: dict[type, frozenset[object]] = {
        str: by_kind["text"],
        int: numbers,
        float: numbers,
        bool: by_kind["truth value"],
    }

    def among(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        wanted = sets.get(type(seen))
        if wanted is None:
            seen = plain(seen)
            wanted = sets.get(type(seen))
            if wanted is None:
                return False
        return seen in wanted

    def not_among(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        unwanted = sets.get(type(seen))
        if unwanted is None:
            seen = plain(seen)
            unwanted = sets.get(type(seen))
            if unwanted is None:
                return seen is not None
        return seen not in unwanted and seen == seen  # noqa: PLR0124 - only NaN differs from itself

    return among if met else not_among


def _comparison(condition: Condition) -> Test:
    attribute, op, value = condition.attribute, condition.op, condition.value
    bound = value[0] if isinstance(value, tuple) else value
    types = frozenset({str}) if isinstance(bound, str) else frozenset({int, float})
    holds = _holds(op, value)
    otherwise = op in NEGATIVE

    def matches(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        if type(seen) not in types:
            seen = plain(seen)
            if type(seen) not in types:
                return otherwise and seen is not None
        return holds(seen)

    return matches


def _holds(op: Operator, value: Operand) -> Holds:  # noqa: PLR0911 - a table of operators
    if op is Operator.BETWEEN and isinstance(value, tuple):
        low, high = value
        return lambda seen: low <= seen <= high
    match op:
        case Operator.GT:
            return lambda seen: seen > value
        case Operator.GTE:
            return lambda seen: seen >= value
        case Operator.LT:
            return lambda seen: seen < value
        case Operator.LTE:
            return lambda seen: seen <= value
        case Operator.CONTAINS:
            return lambda seen: value in seen
        case Operator.NOT_CONTAINS:
            return lambda seen: value not in seen
        case Operator.STARTS_WITH:
            return lambda seen: seen.startswith(value)
        case Operator.ENDS_WITH:
            return lambda seen: seen.endswith(value)
        case _:
            raise InvalidInputError(f"{op} can't compare with {value!r}")
