"""Semantic versions as SQL: the precedence of semver.org (2.0.0, section 11) against a version that is known.

They are a room of their own because the comparison is unrolled: each identifier of the known version becomes a
branch, so that numbers of any length are compared as texts and no engine has to read one.
"""

from sqlglot import exp

from burgee.flags.model import Operator
from burgee.flags.sql.words_text import found, length, part, rest, string

_NUMBER = "(0|[1-9][0-9]*)"
_SHAPE = f"^{_NUMBER}[.]{_NUMBER}[.]{_NUMBER}(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?$"
_PART_OF_LABEL = "(?:[0-9A-Za-z.-]*[.])?"
_WRONG_PRERELEASE = f"^[0-9.]+-{_PART_OF_LABEL}(?:0[0-9]+)?(?:[.+]|$)"
_WRONG_BUILD = f"[+]{_PART_OF_LABEL}(?:[.]|$)"
_DIGITS = "^[0-9]+$"


def version(seen: exp.Expr, op: Operator, bound: str, dialect: str) -> exp.Expr:
    """`seen op bound`, e.g. `semver_gte`, of texts compared by code point; NULL where one is no semantic version."""
    # Its grammar in two looks: the second finds identifiers that are empty, or numbers that begin with a zero. One
    # pattern for all would repeat a group, and Java goes as deep into its stack as such a group is repeated.
    wrong = found(seen, f"{_WRONG_PRERELEASE}|{_WRONG_BUILD}", dialect)
    valid = exp.and_(found(seen, _SHAPE, dialect), exp.not_(wrong))
    wanted = bound.partition("+")[0]
    if op is Operator.SEMVER_EQ:
        return exp.case().when(valid, part(seen, "+", 1, dialect).eq(string(wanted)))
    return exp.case().when(valid, _ordered(seen, op, wanted, dialect))


def _ordered(version: exp.Expr, op: Operator, bound: str, dialect: str) -> exp.Expr:
    """The first identifier that differs decides."""
    above = op in {Operator.SEMVER_GT, Operator.SEMVER_GTE}
    numbers, _, identifiers = bound.partition("-")
    higher, lower = exp.convert(above), exp.convert(not above)
    case = exp.case()
    for seen, wanted in zip(_numbers(version, dialect), numbers.split("."), strict=True):
        case = case.when(seen.neq(string(wanted)), _beyond(seen, wanted, above=above))
    prerelease = _prerelease(version, dialect)
    if identifiers:
        case = case.when(prerelease.eq(string("")), higher)
        position = 0
        for position, wanted in enumerate(identifiers.split("."), start=1):
            seen = part(prerelease, ".", position, dialect)
            case = case.when(seen.eq(string("")), lower.copy())
            numeric = found(seen, _DIGITS, dialect)
            if wanted.isdigit():
                differs = exp.case().when(numeric, _beyond(seen, wanted, above=above)).else_(higher.copy())
            else:
                differs = exp.case().when(numeric, lower.copy()).else_(_compared(seen, wanted, above=above))
            case = case.when(seen.neq(string(wanted)), differs)
        case = case.when(part(prerelease, ".", position + 1, dialect).neq(string("")), higher.copy())
    else:
        case = case.when(prerelease.neq(string("")), lower)
    return case.else_(exp.convert(op in {Operator.SEMVER_GTE, Operator.SEMVER_LTE}))


def _numbers(version: exp.Expr, dialect: str) -> tuple[exp.Expr, exp.Expr, exp.Expr]:
    """Major, minor and patch; the last may have a prerelease or build metadata behind it."""
    major, minor, patch = (part(version, ".", position, dialect) for position in (1, 2, 3))
    return major, minor, part(part(patch, "-", 1, dialect), "+", 1, dialect)


def _prerelease(version: exp.Expr, dialect: str) -> exp.Expr:
    """What stands between the first `-` and the build metadata; empty where there is none."""
    plain = part(version, "+", 1, dialect)
    return rest(plain, length(part(plain, "-", 1, dialect)) + 2)


def _beyond(seen: exp.Expr, wanted: str, *, above: bool) -> exp.Expr:
    """Numbers without leading zeros: the longer one is the greater one, and of one length the texts tell."""
    longer = length(seen) > len(wanted) if above else length(seen) < len(wanted)
    return exp.or_(longer, exp.and_(length(seen).eq(len(wanted)), _compared(seen, wanted, above=above)))


def _compared(seen: exp.Expr, wanted: str, *, above: bool) -> exp.Expr:
    return seen.copy() > string(wanted) if above else seen.copy() < string(wanted)
