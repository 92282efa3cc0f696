"""Conditions and groups as SQL: what `evaluation.conditions` compiles to functions, for columns of known kinds.

A condition is true, false, or NULL where it is not met because something is missing. No CASE takes NULL for true, so
that does as long as nothing is turned round: what stands under a `not` is made true or false first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.flags.model import Clause, Condition, Operator, Segment
from burgee.flags.operators import MEMBERSHIP, NEGATIVE, ORDER, PRESENCE, Kind, kind_of
from burgee.flags.sql.columns import Column, ColumnKind, key_text
from burgee.flags.sql.dialects import contains, ends_with, fraction, starts_with, text, whole
from burgee.flags.sql.words import WORDS, Segments, word

if TYPE_CHECKING:
    import pyarrow as pa

_WIDEST = 2**65  # beyond every whole number a column can hold


@dataclass(frozen=True, slots=True)
class Conditions:
    """Makes SQL of clauses.

    Attributes:
        columns: by attribute.
        dialect: whose SQL.
        segments: those that `in_segment` may name.
        tables: where the ids of large segments go, by the name to register each under; without it, into the SQL.
    """

    columns: Mapping[str, Column]
    dialect: str
    segments: Mapping[str, Segment] = field(default_factory=dict)
    tables: "dict[str, pa.Table] | None" = None

    def all_of(self, clauses: Sequence[Clause]) -> exp.Expr:
        """Whether all clauses are met."""
        return exp.and_(*map(self.clause, clauses)) if clauses else exp.true()

    def clause(self, clause: Clause) -> exp.Expr:
        """Whether a condition or a group is met."""
        if isinstance(clause, Condition):
            return self._condition(clause)
        match clause.match:
            case "all":
                return self.all_of(clause.clauses)
            case "any":
                return exp.or_(*map(self.clause, clause.clauses))
            case "not":
                return exp.not_(exp.or_(*(self._surely((one,)) for one in clause.clauses)))

    def _surely(self, clauses: Sequence[Clause]) -> exp.Expr:
        """Whether all are met, true or false."""
        return exp.Coalesce(this=self.all_of(clauses), expressions=[exp.false()])

    def _condition(self, condition: Condition) -> exp.Expr:
        column, op = self.columns[condition.attribute], condition.op
        if op in WORDS:
            return word(condition, column, self.dialect, Segments(self.segments, self._surely, key_text, self.tables))
        there = column.value.is_(exp.null()).not_()
        if op in PRESENCE:
            return there if op is Operator.EXISTS else column.value.is_(exp.null())
        met = self._met(condition, column)
        if op not in NEGATIVE:
            return met
        return there if met == exp.false() else exp.and_(there, met.not_())

    def _met(self, condition: Condition, column: Column) -> exp.Expr:
        """A condition over a value that is there; of a negative one, its contrary."""
        op, value = condition.op, condition.value
        operands = value if isinstance(value, tuple) else (value,)
        alike = [operand for operand in operands if kind_of(operand) == _KINDS.get(column.kind)]
        if op in MEMBERSHIP or op in {Operator.EQ, Operator.NE}:
            literals = [literal for one in alike if (literal := self._exact(one, column.kind)) is not None]
            return exp.In(this=column.value.copy(), expressions=literals) if literals else exp.false()
        if op in ORDER or op is Operator.BETWEEN:
            if not alike:
                return exp.false()
            ends = (Operator.GTE, Operator.LTE) if op is Operator.BETWEEN else (op,)
            return exp.and_(
                *(self._ordered(column, end, bound) for end, bound in zip(ends, alike, strict=True)),
            )
        return self._textual(column.value, op, str(value)) if alike else exp.false()

    def _textual(self, seen: exp.Expr, op: Operator, part: str) -> exp.Expr:
        """`seen op part`; for `not_contains` its contrary. An empty part is in every text."""
        if not part:
            return seen.is_(exp.null()).not_()
        match op:
            case Operator.STARTS_WITH:
                return starts_with(seen, part, self.dialect)
            case Operator.ENDS_WITH:
                return ends_with(seen, part, self.dialect)
            case _:
                return contains(seen, part, self.dialect)

    def _ordered(self, column: Column, op: Operator, bound: object) -> exp.Expr:
        """`seen op bound`, exactly, also where an engine would round a whole number to compare it with a fraction."""
        if isinstance(bound, str):
            limit = text(bound, self.dialect)
        elif not isinstance(bound, int | float):
            raise InvalidInputError(f"{op} can't compare with {bound!r}")
        elif column.kind is ColumnKind.WHOLE:
            # Between two whole numbers far apart lies every bound beyond the widest column; a fraction is small
            # enough (below 2**53) to be compared as one.
            if bound == int(bound):
                limit = whole(max(min(int(bound), _WIDEST), -_WIDEST), self.dialect)
            else:
                limit = fraction(bound, self.dialect)
        else:
            nearest = float(bound)
            if nearest > bound:  # no fraction lies between the two, so this side of one is this side of the other
                op = {Operator.GT: Operator.GTE, Operator.LTE: Operator.LT}.get(op, op)
            elif nearest < bound:
                op = {Operator.GTE: Operator.GT, Operator.LT: Operator.LTE}.get(op, op)
            limit = fraction(nearest, self.dialect)
        return _COMPARED[op](this=column.value.copy(), expression=limit)

    def _exact(self, value: object, kind: ColumnKind) -> exp.Expr | None:
        """A literal that a column of this kind may equal; None if it never can."""
        if isinstance(value, str):
            return text(value, self.dialect)
        if isinstance(value, bool):
            return exp.Boolean(this=value)
        if not isinstance(value, int | float):
            raise InvalidInputError(f"nothing can equal {value!r}")
        if kind is ColumnKind.WHOLE:
            return whole(int(value), self.dialect) if value == int(value) and abs(value) < _WIDEST else None
        return fraction(float(value), self.dialect) if float(value) == value else None


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
