"""A flag version as one SQL tree (sqlglot): the same decision as `evaluate`, for frames and warehouses.

It is its own room because it needs sqlglot and nothing else: `assign` runs the tree with DuckDB, and
another engine can be given its text. The meaning of conditions, ids and missing values is told in
`evaluate`; a property test holds the two together. What a column holds is known before the tree is
made, so it never compares what `evaluate` would not compare, and no engine's coercions come into play.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import EXACT_FLOAT, TARGETING_KEY, rollout_limit, split_limits
from burgee.flags.evaluation.compiled import CompiledFlag, is_live
from burgee.flags.model import BUCKETS, Condition, Evaluation, Operator, Rule
from burgee.flags.operators import MEMBERSHIP, NEGATIVE, ORDER, PRESENCE, Kind, kind_of
from burgee.flags.sql.columns import Column, ColumnKind

BUCKET = "burgee_bucket"
VARIANT_BUCKET = "burgee_variant_bucket"
KEY = "burgee_key"

_WIDEST = 2**65  # beyond every whole number a column can hold


@dataclass(frozen=True, slots=True)
class FlagExpression:
    """A flag version as SQL, in layers, each named after what it gives: a key, its buckets, then a decision.

    Attributes:
        key: the targeting key's text, over the table's columns; NULL where there is none.
        bucket: where the key falls in the rollout, over `KEY`.
        variant_bucket: where it falls among the weights, over `KEY` and `BUCKET`; NULL outside the rollout.
        branches: conditions over all of these in their order, each with what it serves.
        otherwise: what is served if none is met.
    """

    key: exp.Expr
    bucket: exp.Expr
    variant_bucket: exp.Expr
    branches: tuple[tuple[exp.Expr, Evaluation[Json]], ...]
    otherwise: Evaluation[Json]

    def case(self, served: Callable[[Evaluation[Json]], exp.Expr]) -> exp.Expr:
        """One property of what is served, e.g. its variant."""
        if not self.branches:
            return served(self.otherwise)
        case = exp.case()
        for condition, evaluation in self.branches:
            case = case.when(condition.copy(), served(evaluation))
        return case.else_(served(self.otherwise))

    def layers(self, table: str) -> exp.Select:
        """A SELECT of the table's columns with `KEY`, `BUCKET` and `VARIANT_BUCKET`."""
        query = exp.select("*").from_(exp.to_table(table))
        for name, layer in ((KEY, self.key), (BUCKET, self.bucket), (VARIANT_BUCKET, self.variant_bucket)):
            query = exp.select("*", exp.alias_(layer.copy(), name)).from_(query.subquery("layer"))
        return query


def flag_expression(compiled: CompiledFlag, columns: Mapping[str, Column], by: str = TARGETING_KEY) -> FlagExpression:
    """The flag version over these columns: those its rules name, and `by`, the targeting keys.

    The attribute `id` of a rule is the targeting key, so the column `by`.
    """
    state, outcomes = compiled.settled, compiled.outcomes
    limit = rollout_limit(state.rollout)
    positions, ends = split_limits(state)
    key, bucket, variant_bucket = exp.column(KEY), exp.column(BUCKET), exp.column(VARIANT_BUCKET)
    inside = _hashed(state.variant_salt, key) if ends else exp.null()
    if ends and limit < BUCKETS:
        inside = exp.case().when(bucket < limit, inside)
    if not is_live(state):
        branches, otherwise = [], outcomes.disabled
    else:
        seen = {**columns, TARGETING_KEY: columns[by]}
        branches = [
            (_met(rule, seen), served)
            for rule, served in zip(state.rules, [one[0] for one in outcomes.rules], strict=True)
        ]
        branches.append((bucket.is_(exp.null()), outcomes.failed))
        if limit < BUCKETS:
            branches.append((bucket >= limit, outcomes.outside))
        for position, end in zip(positions, ends, strict=False):
            branches.append((variant_bucket < end, outcomes.inside[position]))
        otherwise = outcomes.inside[positions[-1]]
    return FlagExpression(_key(columns[by]), _hashed(state.salt, key), inside, tuple(branches), otherwise)


def _hashed(salt: str, key: exp.Expr) -> exp.Expr:
    """The bucket: the first eight hexadecimal digits of the MD5 are its first four bytes, big-endian."""
    digest = exp.MD5(this=exp.DPipe(this=exp.Literal.string(f"{salt}-"), expression=key.copy()))
    digits = exp.Left(this=digest, expression=exp.Literal.number(8))
    return exp.cast(exp.DPipe(this=exp.Literal.string("0x"), expression=digits), exp.DType.UINT)


def _key(column: Column) -> exp.Expr:
    """An id as the text that is hashed; NULL for a missing, an empty and an unusable one."""
    id = column.value.copy()
    match column.kind:
        case ColumnKind.TEXT:
            return exp.Nullif(this=id, expression=exp.Literal.string(""))
        case ColumnKind.WHOLE | ColumnKind.UUID:
            return exp.cast(id, exp.DType.VARCHAR)
        case ColumnKind.FRACTION:
            whole = exp.and_(exp.Floor(this=id).eq(id), exp.Abs(this=id.copy()) < EXACT_FLOAT)
            return exp.case().when(whole, exp.cast(exp.cast(id.copy(), exp.DType.BIGINT), exp.DType.VARCHAR))
        case _:
            raise InvalidInputError(f"{column.kind} can't be targeting keys")


def _met(rule: Rule, columns: Mapping[str, Column]) -> exp.Expr:
    return exp.and_(exp.true(), *(_condition(condition, columns[condition.attribute]) for condition in rule.conditions))


def _condition(condition: Condition, column: Column) -> exp.Expr:
    """A condition over a column of a known kind. Over a missing value it is NULL, which no CASE takes for true."""
    op, value, seen = condition.op, condition.value, column.value
    there = seen.is_(exp.null()).not_()
    if op in PRESENCE:
        return there if op is Operator.EXISTS else seen.is_(exp.null())
    operands = value if isinstance(value, tuple) else (value,)
    alike = [operand for operand in operands if kind_of(operand) == _KINDS.get(column.kind)]
    if op in MEMBERSHIP or op in {Operator.EQ, Operator.NE}:
        literals = [literal for operand in alike if (literal := _exact(operand, column.kind)) is not None]
        met: exp.Expr = exp.In(this=seen.copy(), expressions=literals) if literals else exp.false()
    elif not alike:
        met = exp.false()
    elif op is Operator.BETWEEN:
        bounds = zip((Operator.GTE, Operator.LTE), alike, strict=True)
        met = exp.and_(*(_ordered(seen, end, bound, column.kind) for end, bound in bounds))
    elif op in ORDER:
        met = _ordered(seen, op, value, column.kind)
    else:
        met = _textual(seen, op, exp.Literal.string(str(value)))
    if op not in NEGATIVE:
        return met
    return there if met == exp.false() else met.not_()


def _textual(seen: exp.Expr, op: Operator, text: exp.Expr) -> exp.Expr:
    """`seen op text`; for `not_contains` its contrary."""
    match op:
        case Operator.STARTS_WITH:
            return exp.StartsWith(this=seen.copy(), expression=text)
        case Operator.ENDS_WITH:
            return exp.EndsWith(this=seen.copy(), expression=text)
        case _:
            return exp.StrPosition(this=seen.copy(), substr=text) > 0


def _ordered(seen: exp.Expr, op: Operator, bound: object, kind: ColumnKind) -> exp.Expr:
    """`seen op bound`, exactly, also where an engine would round a whole number to compare it with a fraction."""
    if isinstance(bound, str):
        limit: exp.Expr = exp.Literal.string(bound)
    elif not isinstance(bound, int | float):
        raise InvalidInputError(f"{op} can't compare with {bound!r}")
    elif kind is ColumnKind.WHOLE:
        # Between two whole numbers far apart lies every bound beyond the widest column; a fraction is small
        # enough (below 2**53) to be compared as one.
        whole = bound == int(bound)
        limit = exp.convert(max(min(int(bound), _WIDEST), -_WIDEST)) if whole else _fraction(bound)
    else:
        nearest = float(bound)
        if nearest > bound:  # no fraction lies between the two, so this side of one is this side of the other
            op = {Operator.GT: Operator.GTE, Operator.LTE: Operator.LT}.get(op, op)
        elif nearest < bound:
            op = {Operator.GTE: Operator.GT, Operator.LT: Operator.LTE}.get(op, op)
        limit = _fraction(nearest)
    return _COMPARED[op](this=seen.copy(), expression=limit)


def _exact(value: object, kind: ColumnKind) -> exp.Expr | None:
    """A literal that a column of this kind may equal; None if it never can."""
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if not isinstance(value, int | float):
        raise InvalidInputError(f"nothing can equal {value!r}")
    if kind is ColumnKind.WHOLE:
        return exp.convert(int(value)) if value == int(value) and abs(value) < _WIDEST else None
    return _fraction(float(value)) if float(value) == value else None


def _fraction(number: float) -> exp.Expr:
    """As text, because a plain `0.1` is a decimal to most engines."""
    return exp.cast(exp.Literal.string(repr(float(number))), exp.DType.DOUBLE)


_KINDS: dict[ColumnKind, Kind] = {
    ColumnKind.TEXT: "text",
    ColumnKind.WHOLE: "number",
    ColumnKind.FRACTION: "number",
    ColumnKind.BOOLEAN: "truth value",
}
_COMPARED: dict[Operator, type[exp.Binary]] = {
    Operator.GT: exp.GT,
    Operator.GTE: exp.GTE,
    Operator.LT: exp.LT,
    Operator.LTE: exp.LTE,
}
