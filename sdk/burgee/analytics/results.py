"""What engines have in common: answers made alike, refusals in the same words, and what the table `events` is."""

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.source import EVENTS, Column, LogSource
from burgee.core.errors import InvalidInputError

_TIME = pa.timestamp("us", "UTC")


def normal(table: pa.Table, names: Sequence[str] | None = None) -> pa.Table:
    """The table with the types that every engine's answer has, and these column names.

    Integers (also sums of them, which some engines give as wide decimals) are int64, fractions double, texts
    string, truth values bool, times and dates timestamps in microseconds of UTC. Integers beyond 64 bits
    are doubles.
    """
    columns = [_normal(column) for column in table.itercolumns()]
    return pa.table(columns, names=table.column_names if names is None else list(names))


def _normal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_ = pa.types
    if is_.is_integer(kind) or (is_.is_decimal(kind) and kind.scale <= 0):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # beyond 64 bits
            return column.cast(pa.float64())
    if is_.is_floating(kind) or is_.is_decimal(kind):
        return column.cast(pa.float64())
    if is_.is_timestamp(kind) or is_.is_date(kind):
        return column.cast(_TIME)
    return column if is_.is_boolean(kind) else column.cast(pa.string())


def refused(engine: str, error: Exception) -> InvalidInputError:
    """What an engine said to a question it can't answer: its name and the first line."""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return InvalidInputError(f"{engine} can't answer this question: {first.strip()}")


def here(tree: exp.Query, source: LogSource) -> pa.Table | None:
    """DuckDB's answer to questions about what burgee itself records, which is little and in no archive."""
    return normal(DuckDBEngine().answer(tree, source), tree.named_selects) if source.own else None


def used(tree: exp.Query, source: LogSource) -> list[Column]:
    """The payload's columns that the tree reads."""
    columns = source.columns.fields.values()
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return list(columns)
    names = {column.name for column in tree.find_all(exp.Column)}
    return [column for column in columns if column.name in names]


def over(tree: exp.Query, events: exp.Query, *, once: bool = False) -> exp.Query:
    """The tree, with what `events` is to it said first; `once`: to be read once, however often it is named."""
    said = tree.copy().with_(EVENTS, as_=events, materialized=once or None, copy=False)
    parts = said.ctes
    said.args["with_"].set("expressions", [parts[-1], *parts[:-1]])
    return said
