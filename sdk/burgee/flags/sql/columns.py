"""Columns as a flag's SQL sees them: an expression, and what kind of value it gives.

Kinds are a room of their own because everything that makes SQL of a flag begins with them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.flags.evaluation.buckets import EXACT_FLOAT
from burgee.flags.sql.dialects import bytewise, is_nan


class ColumnKind(StrEnum):
    """What a column holds, as far as rules can tell. What they can't compare is `OTHER`: missing or not."""

    TEXT = "text"
    WHOLE = "whole"  # numbers
    FRACTION = "fraction"  # floats and decimals
    BOOLEAN = "boolean"
    TIME = "time"  # with a zone or without (then in UTC), and dates (their midnight in UTC)
    UUID = "uuid"  # as targeting keys; a rule can tell only whether one is there
    OTHER = "other"


_PLAIN = re.compile("[a-z_][a-z0-9_]*")
KEY_KINDS = frozenset({ColumnKind.TEXT, ColumnKind.WHOLE, ColumnKind.FRACTION, ColumnKind.UUID})
"""What targeting keys may be."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the tree sees it."""

    value: exp.Expr
    kind: ColumnKind


def identifier(name: str, dialect: str) -> exp.Identifier:
    """A column's name, quoted. Snowflake keeps names that were not quoted in capitals, so plain ones are meant so."""
    folded = dialect == "snowflake" and _PLAIN.fullmatch(name) is not None
    return exp.to_identifier(name.upper() if folded else name, quoted=True)


def column(name: str, kind: ColumnKind, dialect: str = "duckdb") -> Column:
    """A column by its name. A NaN is a missing value; texts are compared by code point."""
    value: exp.Expr = exp.column(identifier(name, dialect))
    if kind is ColumnKind.FRACTION:
        value = exp.cast(value, exp.DType.DOUBLE)
        value = exp.case().when(is_nan(value, dialect), exp.null()).else_(value.copy())
    elif kind is ColumnKind.TEXT:
        value = bytewise(value, dialect)
    return Column(value, kind)


def key_text(column: Column) -> exp.Expr:
    """An id as the text that is hashed; NULL for a missing, an empty and an unusable one."""
    id = column.value.copy()
    match column.kind:
        case ColumnKind.TEXT:
            return exp.Nullif(this=id, expression=exp.Literal.string(""))
        case ColumnKind.WHOLE | ColumnKind.UUID:
            return exp.cast(id, exp.DType.VARCHAR)
        case ColumnKind.FRACTION:
            digits = exp.cast(exp.cast(id, exp.DType.BIGINT), exp.DType.VARCHAR)
            if_whole = exp.case().when(exp.Floor(this=id.copy()).eq(id.copy()), digits)
            # First whether it is small enough: Spark's FLOOR is a whole number, and raises where there is none.
            return exp.case().when(exp.Abs(this=id.copy()) < EXACT_FLOAT, if_whole)
        case _:
            raise InvalidInputError(
                f"a column of the kind {column.kind.value!r} can't be targeting keys",
                hint="targeting keys are text, whole numbers or UUIDs; name their column with by=…",
            )
