"""What pandas, numpy, Arrow and Python hold beside texts and numbers, as plain values: for documents and filters alike.

None of them is imported for it: whoever has such a value has the library.
"""

from datetime import date, time
from decimal import Decimal
from enum import Enum
from uuid import UUID

_PLAIN = frozenset({str, bool, int, dict, list})


def plain_value(value: object) -> object:
    """A value as Python has it: what is missing (NaN, NaT, NA) as None; sets and arrays as lists.

    A period is its beginning, an interval its text, an enum its value; what nobody knows is given back as it is.
    """
    if type(value) in _PLAIN or value is None:
        return value
    if isinstance(value, Enum):
        return plain_value(value.value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else float(value)
    if isinstance(value, float | date):
        return None if value != value else value  # noqa: PLR0124 - NaN and NaT
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value) if all(isinstance(one, str) for one in value) else list(value)
    return _of_library(value)


def _of_library(value: object) -> object:
    name = type(value).__name__
    if name == "NAType":
        return None
    if name == "Interval":
        return str(value)
    if name == "Period":
        return plain_value(value.to_timestamp())  # type: ignore[attr-defined] # of pandas
    if callable(made := getattr(value, "as_py", None)):  # a scalar of Arrow
        return plain_value(made())
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None or len(shape) > 1 or not hasattr(value, "__array__"):
        return value
    if shape:
        return [plain_value(one) for one in value]  # type: ignore[attr-defined] # it has one dimension
    if dtype.kind in "mM":  # a nanosecond of numpy would be an int to Python
        moment = value.astype(f"{dtype.kind}8[us]").item()  # type: ignore[attr-defined] # of numpy
        return value if isinstance(moment, int) else moment  # it may be before or after all years
    return plain_value(value.item())  # type: ignore[attr-defined] # of numpy
