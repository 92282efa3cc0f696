"""A flag's SQL run by DuckDB over Arrow columns: for each row the number of what it is served, and its bucket.

It is its own room because frames, streams and several flags at once all run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from burgee.core.json import Json
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.compiled import CompiledFlag
from burgee.flags.model import Evaluation
from burgee.flags.sql.attributes import keys_of, needed, splits_as_flagd, times_of
from burgee.flags.sql.columns import ColumnKind, column
from burgee.flags.sql.expression import flag_expression
from burgee.flags.sql.frames import Frame, prepared

type Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
type Served = tuple[Numbers, pa.Array]
"""For each row the number of what it is served, among `CompiledFlag.outcomes.all`, and its bucket, if it has one."""

_FRAME = "frame"
_ROW = "row_number"
_OUTCOME = "outcome"
_BATCH = 122_880  # rows DuckDB gives a thread at once; a column in one piece would keep one thread busy
_ALONE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB that reaches nothing, for one call: one that was kept would hang a forked process when it ends."""
    return duckdb.connect(":memory:", config=_ALONE)


@dataclass(frozen=True, slots=True)
class Needs:
    """The columns a flag looks at, and what it takes them for.

    Attributes:
        why: all of them, each with why.
        keys: those that hold targeting keys.
        times: those that are compared as times.
    """

    why: Mapping[str, str]
    keys: frozenset[str]
    times: frozenset[str]

    def prepared(self, name: str, array: pa.ChunkedArray) -> tuple[pa.ChunkedArray, ColumnKind]:
        """A column in the form that the flag needs."""
        return prepared(name, array, as_key=name in self.keys, as_time=name in self.times)


def needs_of(compiled: CompiledFlag, by: str) -> Needs:
    """What a flag needs of a frame whose targeting keys are in the column `by`."""
    why = {by: "it is the targeting key; name another column with by=…", **needed(compiled)}
    times = frozenset(by if name == TARGETING_KEY else name for name in times_of(compiled))
    return Needs(why, frozenset({by, *keys_of(compiled)}), times)


def served(compiled: CompiledFlag, frame: Frame, by: str, connection: duckdb.DuckDBPyConnection) -> Served:
    """What each row of a frame is served."""
    needs = needs_of(compiled, by)
    frame.check(needs.why)
    arrays = {name: frame.array(name) for name in needs.why}
    there = {name: needs.prepared(name, array) for name, array in arrays.items() if array is not None}
    if len(there) < len(arrays) or splits_as_flagd(compiled):
        return _row_by_row(compiled, {name: frame.values(name) for name in arrays}, by)
    return Statement(compiled, {name: kind for name, (_, kind) in there.items()}, by).run(
        connection, {name: array for name, (array, _) in there.items()}
    )


class Statement:
    """A flag's SQL for columns of these kinds, to be run over many tables of them."""

    __slots__ = ("_names", "_tables", "_text")

    def __init__(self, compiled: CompiledFlag, kinds: Mapping[str, ColumnKind], by: str) -> None:
        self._names = {name: f"c{position}" for position, name in enumerate(kinds)}
        columns = {name: column(self._names[name], kind) for name, kind in kinds.items()}
        self._tables: dict[str, pa.Table] = {}
        decision = flag_expression(compiled, columns, by, with_bucket=True, tables=self._tables)
        numbers = {id(answer): number for number, answer in enumerate(compiled.outcomes.all)}
        outcome = decision.case(lambda answer: exp.Literal.number(numbers[id(answer)]))
        rows = decision.nested(exp.select("*").from_(_FRAME)).subquery("decided")
        query = exp.select(_ROW, str(decision.bucket), exp.alias_(outcome, _OUTCOME)).from_(rows)
        self._text = query.sql("duckdb")

    def run(self, connection: duckdb.DuckDBPyConnection, arrays: Mapping[str, pa.ChunkedArray]) -> Served:
        """What each row of these columns, by their names, is served."""
        columns = {self._names[name]: array for name, array in arrays.items()}
        size = len(next(iter(columns.values())))
        table = pa.table({**columns, _ROW: np.arange(size)})
        table = pa.Table.from_batches(table.to_batches(max_chunksize=_BATCH), table.schema)
        for name, ids in self._tables.items():
            connection.register(name, ids)
        connection.register(_FRAME, table)
        got = connection.sql(self._text).to_arrow_table()
        connection.unregister(_FRAME)
        # DuckDB keeps the order of a plain scan, but a long list of values becomes a join, which does not.
        order = got[_ROW].to_numpy()
        if not np.array_equal(order, np.arange(len(order))):
            got = got.take(np.argsort(order))
        return got[_OUTCOME].to_numpy(), got[1]


def _row_by_row(compiled: CompiledFlag, columns: Mapping[str, Sequence[object]], by: str) -> Served:
    """For columns that hold values of several kinds, as no table can, and for what SQL can't say."""
    answers: Sequence[Evaluation[Json]] = compiled.outcomes.all
    numbers = {id(answer): number for number, answer in enumerate(answers)}
    contexts = {**columns, TARGETING_KEY: columns[by]}
    given = [
        numbers.get(id(compiled.evaluate(dict(zip(contexts, row, strict=True)))), 0)  # a cause makes a failure its own
        for row in zip(*contexts.values(), strict=True)
    ]
    buckets = pa.array([compiled.bucket(key) for key in columns[by]], pa.uint32())
    return np.array(given, np.int64), buckets
