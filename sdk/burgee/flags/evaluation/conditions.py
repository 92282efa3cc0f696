"""Conditions, compiled to functions of a context.

What a condition means, here and in `assign` alike:

- An attribute is text, a number or a truth value, and nothing is turned into another kind: `"1"` is not
  `1`, and `True` is not `1`. Whole numbers and fractions are compared as the numbers they are.
- A missing attribute (absent, None, NaN, NaT or NA) meets no condition but `not_exists`.
- An attribute of another kind than the rule's value (also a date, a list, …) is different from it: it
  meets `ne`, `not_in` and `not_contains`, and `exists`, and no other condition.
- Texts are compared character by character, by code point; case matters.
- `matches` looks for a regular expression anywhere in a text (what it means: `changing.patterns`).
- `before` and `after` are strict. They see a moment in a `datetime`, a `date` (its first moment), a `Timestamp`, a
  `numpy.datetime64` and a text of `changing.times.TIME_PATTERN`; what has no zone is UTC, and what is finer than
  microseconds is cut off. Anything else meets neither.
- `semver_…` see a version in a text of `changing.versions.VERSION_PATTERN`, and order it by its precedence, so without
  its build metadata, also in `semver_eq`. Anything else meets none.
- `in_segment` is met by who is in at least one of the segments named, as `model.Segment` tells, and `not_in_segment`
  by who is in none of them. Where the attribute is missing, or nothing that could be a targeting key, only the clauses
  of the segments tell.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt
from types import MappingProxyType
from typing import Any

from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.flags.changing.patterns import search
from burgee.flags.changing.times import moment_of
from burgee.flags.changing.versions import Precedence, precedence
from burgee.flags.evaluation.buckets import targeting_key
from burgee.flags.model import Clause, Condition, Operand, Operator, Segment
from burgee.flags.operators import MEMBERSHIP, NEGATIVE, PRESENCE, SEGMENT, TIME, VERSION, kind_of, plain

NO_SEGMENTS: Mapping[str, Segment] = MappingProxyType({})

type Test = Callable[[Mapping[str, object]], bool]
type Holds = Callable[[Any], bool]  # Any: text or a number, as the rule's value is; told apart before it is called
type Member = Callable[[str, Mapping[str, object]], bool]
"""Whether somebody is in a segment: by the text of a targeting key, empty for none, and the context."""


def test_of(clauses: Sequence[Clause], segments: Mapping[str, Segment] = NO_SEGMENTS) -> Test:  # noqa: PT028 - a name, no test
    """Whether a context meets all clauses.

    Args:
        clauses: what has to be met.
        segments: where the segments that they name are found.

    Raises:
        InvalidInputError: a segment is not there, or it is in itself.
    """
    return _Tests(segments).all_of(clauses)


class _Tests:
    """Makes tests of clauses, and of each segment that they name once."""

    def __init__(self, segments: Mapping[str, Segment]) -> None:
        self._segments = segments
        self._members: dict[str, Member] = {}
        self._path: list[str] = []

    def all_of(self, clauses: Sequence[Clause]) -> Test:
        tests = tuple(map(self._clause, clauses))
        return tests[0] if len(tests) == 1 else _all(tests)

    def _clause(self, clause: Clause) -> Test:
        if isinstance(clause, Condition):
            return self._in_segment(clause) if clause.op in SEGMENT else _condition(clause)
        if clause.match == "all":
            return self.all_of(clause.clauses)
        return _any(tuple(map(self._clause, clause.clauses)), met=clause.match == "any")

    def _in_segment(self, condition: Condition) -> Test:
        keys = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        members = tuple(self._member(str(key)) for key in keys)
        attribute, met = condition.attribute, condition.op is Operator.IN_SEGMENT
        alone = members[0] if len(members) == 1 else None

        def inside(context: Mapping[str, object]) -> bool:
            key = context.get(attribute)
            if type(key) is not str:
                key = _key(key)
            if alone is not None:
                return alone(key, context) is met
            return any(member(key, context) for member in members) is met

        return inside

    def _member(self, key: str) -> Member:
        if key not in self._members:
            segment = self._segments.get(key)
            if segment is None:
                raise InvalidInputError(
                    f"there is no segment {key!r}", hint=did_you_mean(key, self._segments, plural="segments")
                )
            if key in self._path:
                path = " -> ".join([*self._path[self._path.index(key) :], key])
                raise InvalidInputError(f"segment {key!r} is in itself: {path}")
            self._path.append(key)
            self._members[key] = self._made(segment)
            self._path.pop()
        return self._members[key]

    def _made(self, segment: Segment) -> Member:
        ids, without = segment.ids, segment.without
        if not segment.clauses:
            return lambda key, _context: key in ids and key not in without
        meets = self.all_of(segment.clauses)
        return lambda key, context: (key in ids or meets(context)) and key not in without


def _key(value: object) -> str:
    """The text of what can be a targeting key; empty for anything else."""
    try:
        return targeting_key(value)
    except InvalidInputError:
        return ""


def _all(tests: Sequence[Test]) -> Test:
    def matches(context: Mapping[str, object]) -> bool:
        for test in tests:  # noqa: SIM110 - all(...) makes a generator, at thrice the time
            if not test(context):
                return False
        return True

    return matches


def _any(tests: Sequence[Test], *, met: bool) -> Test:
    def matches(context: Mapping[str, object]) -> bool:
        for test in tests:
            if test(context):
                return met
        return not met

    return matches


def _condition(condition: Condition) -> Test:
    attribute, op, value = condition.attribute, condition.op, condition.value
    if op in PRESENCE:
        wanted = op is Operator.EXISTS
        return lambda context: (plain(context.get(attribute)) is not None) is wanted
    if op in MEMBERSHIP or op in {Operator.EQ, Operator.NE}:
        members = value if isinstance(value, tuple) else (value,)
        return _membership(attribute, members, met=op not in NEGATIVE)
    if op in TIME:
        return _moment(condition)
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


def _moment(condition: Condition) -> Test:
    attribute, bound = condition.attribute, moment_of(condition.value)
    if bound is None:
        raise InvalidInputError(f"{condition.op} can't compare with {condition.value!r}")
    before = condition.op is Operator.BEFORE

    def matches(context: Mapping[str, object]) -> bool:
        seen = moment_of(context.get(attribute))
        return seen is not None and (seen < bound if before else seen > bound)

    return matches


def _version(op: Operator, value: Operand) -> Holds:
    bound = precedence(value) if isinstance(value, str) else None
    if bound is None:
        raise InvalidInputError(f"{op} can't compare with {value!r}")
    compare = _COMPARED[op]

    def holds(text: str) -> bool:
        seen = precedence(text)
        return seen is not None and compare(seen, bound)

    return holds


def _holds(op: Operator, value: Operand) -> Holds:
    if op in VERSION:
        return _version(op, value)
    return search(str(value)) if op is Operator.MATCHES else _compared(op, value)


def _compared(op: Operator, value: Operand) -> Holds:  # noqa: PLR0911 - a table of operators
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


_COMPARED: dict[Operator, Callable[[Precedence, Precedence], bool]] = {
    Operator.SEMVER_EQ: eq,
    Operator.SEMVER_GT: gt,
    Operator.SEMVER_GTE: ge,
    Operator.SEMVER_LT: lt,
    Operator.SEMVER_LTE: le,
}
