"""Semantic versions as SQL: the precedence of semver.org (2.0.0, section 11) against a version that is known.

They are a room of their own because the comparison is unrolled: each identifier of the known version becomes a
branch, so that numbers of any length are compared as texts and no engine has to read one.
"""

from sqlglot import exp

from burgee.flags.model import Operator
from burgee.flags.sql.words_text import bytewise, found, length, part, rest, string

_NUMBER = "(0|[1-9][0-9]*)"
_SHAPE = f"^{_NUMBER}[.]{_NUMBER}[.]{_NUMBER}(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?$"
_HOLLOW = "(^|[.])([.]|$)"
_HOLLOW_OR_PADDED = "(^|[.])([.]|$|0[0-9]+([.]|$))"
_DIGITS = "^[0-9]+$"


def version(text: exp.Expr, op: Operator, bound: str, dialect: str) -> exp.Expr:
    """`text op bound`, e.g. `semver_gte`; NULL where the text is no semantic version."""
    seen = bytewise(text, dialect)
    plain = part(seen, "+", 1, dialect)
    core = part(plain, "-", 1, dialect)
    prerelease = rest(plain, length(core) + 2)
    valid = _valid(seen, plain, prerelease, dialect)
    wanted = bound.partition("+")[0]
    if op is Operator.SEMVER_EQ:
        return exp.case().when(valid, plain.eq(string(wanted)))
    return exp.case().when(valid, _ordered(core, prerelease, op, wanted, dialect))


def _valid(seen: exp.Expr, plain: exp.Expr, prerelease: exp.Expr, dialect: str) -> exp.Expr:
    """The grammar of semver.org, in three looks.

    One pattern for all of it would repeat a group, and Java goes as deep into its stack as such a group is repeated.
    """
    build = rest(seen, length(plain) + 2)
    return exp.and_(
        found(seen, _SHAPE, dialect),
        exp.or_(prerelease.eq(string("")), exp.not_(found(prerelease, _HOLLOW_OR_PADDED, dialect))),
        exp.or_(build.eq(string("")), exp.not_(found(build, _HOLLOW, dialect))),
    )


def _ordered(core: exp.Expr, prerelease: exp.Expr, op: Operator, bound: str, dialect: str) -> exp.Expr:
    """The first identifier that differs decides."""
    above = op in {Operator.SEMVER_GT, Operator.SEMVER_GTE}
    numbers, _, identifiers = bound.partition("-")
    higher, lower = exp.convert(above), exp.convert(not above)
    case = exp.case()
    for position, wanted in enumerate(numbers.split("."), start=1):
        seen = part(core, ".", position, dialect)
        case = case.when(seen.neq(string(wanted)), _beyond(seen, wanted, above=above))
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


def _beyond(seen: exp.Expr, wanted: str, *, above: bool) -> exp.Expr:
    """Numbers without leading zeros: the longer one is the greater one, and of one length the texts tell."""
    longer = length(seen) > len(wanted) if above else length(seen) < len(wanted)
    return exp.or_(longer, exp.and_(length(seen).eq(len(wanted)), _compared(seen, wanted, above=above)))


def _compared(seen: exp.Expr, wanted: str, *, above: bool) -> exp.Expr:
    return seen.copy() > string(wanted) if above else seen.copy() < string(wanted)
