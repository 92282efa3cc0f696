"""What operators go together, and values as operators see them."""

from decimal import Decimal
from typing import Literal

from burgee.flags.model import Operator

type Kind = Literal["text", "number", "truth value"]

MEMBERSHIP = frozenset({Operator.IN, Operator.NOT_IN})
ORDER = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})
TEXT = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.MATCHES})
TIME = frozenset({Operator.BEFORE, Operator.AFTER})
VERSION = frozenset(
    {Operator.SEMVER_EQ, Operator.SEMVER_GT, Operator.SEMVER_GTE, Operator.SEMVER_LT, Operator.SEMVER_LTE}
)
SEGMENT = frozenset({Operator.IN_SEGMENT, Operator.NOT_IN_SEGMENT})
PRESENCE = frozenset({Operator.EXISTS, Operator.NOT_EXISTS})
NEGATIVE = frozenset({Operator.NE, Operator.NOT_IN, Operator.NOT_CONTAINS})
"""Operators that a present value of another kind than the rule's value meets."""


def plain(value: object) -> object:
    """A value as evaluation sees it: text, int, float or bool of Python's own; None for a missing one.

    NaN, NaT and pandas' NA are missing. A `Decimal` is the nearest float. Scalars of numpy become Python's.
    What is none of these stays what it is: it is present, but of no kind a rule can compare.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if value == value else None  # noqa: PLR0124 - only NaN differs from itself
    if isinstance(value, Decimal):
        return None if value.is_nan() else float(value)
    if type(value).__name__ in {"NAType", "NaTType"}:  # by name, so that pandas need not be loaded
        return None
    item = getattr(value, "item", None)
    return _of_numpy(value, item()) if callable(item) and getattr(value, "shape", None) == () else value


def _of_numpy(value: object, scalar: object) -> object:
    if scalar is not None and type(value).__name__ in {"datetime64", "timedelta64"}:
        return value  # a time stays one, also where NumPy would count it in whole nanoseconds
    return plain(scalar) if type(scalar) is not type(value) else value


def kind_of(value: object) -> Kind | None:
    """What sort of plain value this is; None for those that rules can't compare."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, int | float) else None
