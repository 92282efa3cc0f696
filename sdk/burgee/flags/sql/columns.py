"""Columns as a flag's SQL sees them: an expression, and what kind of value it gives.

Kinds are a room of their own because everything that makes SQL of a flag begins with them.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp


class ColumnKind(StrEnum):
    """What a column holds, as far as rules can tell. What they can't compare is `OTHER`: missing or not."""

    TEXT = "text"
    WHOLE = "whole numbers"
    FRACTION = "fractions"
    BOOLEAN = "truth values"
    TIME = "times"  # with a zone or without (then in UTC), and dates (their midnight in UTC)
    UUID = "UUIDs"  # as targeting keys; a rule can tell only whether one is there
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the tree sees it."""

    value: exp.Expr
    kind: ColumnKind


def column(name: str, kind: ColumnKind) -> Column:
    """A column by its name. A NaN is a missing value."""
    value: exp.Expr = exp.column(name, quoted=True)
    if kind is ColumnKind.FRACTION:
        value = exp.case().when(exp.IsNan(this=value), exp.null()).else_(value.copy())
    return Column(value, kind)
