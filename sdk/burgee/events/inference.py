"""Which type a column of texts has, settled over a whole file and without losing a digit.

A room of its own since it knows nothing of files: texts go in, batch by batch, and typed columns come out.
"""

from collections.abc import Collection
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

_BOOLEANS = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))
_WHOLE = r"^(0|-?[1-9]\d{0,18})$"
_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"
_SAFE_DIGITS = 15  # any decimal of so many digits survives the way through a double and back


class TextTypes:
    """The types of a table's columns, learnt from all of its rows.

    A column is `bool` (all of it `true` and `false`, or `True` and `False`, or `TRUE` and `FALSE`), `int64`
    or `double` when every value is one and comes back from it digit for digit, else text. Those in `texts`
    are text in any case.
    """

    __slots__ = ("_left", "_texts")

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = texts
        self._left: dict[str, list[str]] = {}

    def observe(self, batch: pa.RecordBatch) -> None:
        """Learn from a batch of text columns."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            left = self._left.setdefault(name, [] if name in self._texts else [*_TESTS])
            values = column.drop_null()
            if left and len(values):
                self._left[name] = [kind for kind in left if _TESTS[kind](values)]

    def convert(self, batch: pa.RecordBatch) -> pa.Table:
        """A batch of text columns with the types learnt."""
        columns = [self._typed(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        return pa.table(columns, names=batch.schema.names)

    def _typed(self, name: str, column: pa.Array) -> pa.Array:
        left = self._left.get(name, [])
        if not left or column.null_count == len(column):
            return column
        if left[0] == "int64":
            return column.cast(pa.int64())
        if left[0] == "double":
            return column.cast(pa.float64())
        return pc.equal(pc.utf8_lower(column), "true")


def _all(flags: pa.Array) -> bool:
    return bool(pc.all(flags).as_py())


def _are_booleans(values: pa.Array, spelling: tuple[str, str]) -> bool:
    return _all(pc.is_in(values, pa.array(spelling)))


def _are_whole(values: pa.Array) -> bool:
    if not _all(pc.match_substring_regex(values, _WHOLE)):
        return False
    try:
        values.cast(pa.int64())
    except pa.ArrowInvalid:  # 19 digits may be too many
        return False
    return True


def _are_numbers(values: pa.Array) -> bool:
    if not _all(pc.match_substring_regex(values, _NUMBER)):
        return False
    doubtful = pc.or_(
        pc.greater(pc.utf8_length(values), _SAFE_DIGITS),
        pc.match_substring_regex(values, "[eE]"),
    )
    return all(_survives(text) for text in values.filter(doubtful).unique().to_pylist())


def _survives(text: str) -> bool:
    return Decimal(text) == Decimal(repr(float(text)))


_TESTS = {
    "lower": lambda values: _are_booleans(values, _BOOLEANS[0]),
    "title": lambda values: _are_booleans(values, _BOOLEANS[1]),
    "upper": lambda values: _are_booleans(values, _BOOLEANS[2]),
    "int64": _are_whole,
    "double": _are_numbers,
}
