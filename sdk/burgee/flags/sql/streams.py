"""`assign` for tables too large to hold: DuckDB relations stay lazy, Arrow streams go through batch by batch.

It is its own room because nothing is loaded here: a relation becomes another relation, a reader another reader. All
columns are kept, and `variant`, `value`, `reason`, `rule` and `bucket` stand behind them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import EXACT_FLOAT, TARGETING_KEY
from burgee.flags.evaluation.compiled import ALONE, CompiledFlag
from burgee.flags.model import Evaluation, FlagState, Ruleset
from burgee.flags.sql.assign import assign, compiled_at
from burgee.flags.sql.columns import KEY_KINDS, Column, ColumnKind, column
from burgee.flags.sql.dialects import fraction, text, whole
from burgee.flags.sql.expression import PREFIX, flag_expression
from burgee.flags.sql.frames import Frame, check_columns
from burgee.flags.sql.running import Numbers, connect, needs_of, served

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow import dataset as ds

COLUMNS = ("variant", "value", "reason", "rule", "bucket")
_ROWS = 524_288  # that are held at once
_INT64 = 2**63


def assign_any(
    state: FlagState,
    frame: object,
    by: str = TARGETING_KEY,
    ruleset: Ruleset = ALONE,
    now: datetime | None = None,
) -> "pd.DataFrame | duckdb.DuckDBPyRelation | pa.RecordBatchReader":
    """A relation for a relation of DuckDB, a reader for an Arrow reader, dataset or scanner, a frame for a frame."""
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return assign_relation(state, frame, by, ruleset, now)
    if isinstance(frame, pa.RecordBatchReader) or hasattr(frame, "count_rows"):  # those of pyarrow.dataset have it
        return assign_stream(state, frame, by, ruleset, now)
    return assign(state, frame, by, ruleset, now)


def assign_relation(
    state: FlagState,
    relation: duckdb.DuckDBPyRelation,
    by: str = TARGETING_KEY,
    ruleset: Ruleset = ALONE,
    now: datetime | None = None,
) -> duckdb.DuckDBPyRelation:
    """A relation as another one: all its columns, then `variant, value, reason, rule, bucket`. Nothing is run.

    `value` is BOOLEAN, BIGINT, DOUBLE or VARCHAR where all values are such, else JSON text. Row by row it is what
    `evaluate` says; the order of rows is up to DuckDB.

    Raises:
        MissingColumnError: a column is not there.
        InvalidInputError: a column can't hold targeting keys, one of the columns to add is there already, or a rule
            splits as flagd does, which can't be said in SQL.
    """
    compiled = compiled_at(now, state, ruleset)
    needs = needs_of(compiled, by)
    _check(needs.why, relation.columns)
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    columns = {name: _of_type(name, types[name], is_key=name in needs.keys) for name in needs.why}
    decision = flag_expression(compiled, columns, by, with_bucket=True, prefix=_prefix(relation.columns))
    every = exp.Star(except_=[exp.to_identifier(name, quoted=True) for name, _ in decision.layers])
    added = [
        decision.case(lambda one: _text(one.variant)),
        decision.case(_value_of([answer.value for answer in compiled.outcomes.all])),
        decision.case(lambda one: _text(one.reason.value)),
        decision.case(lambda one: _text(one.rule)),
        exp.column(str(decision.bucket), quoted=True),
    ]
    named = [exp.alias_(value, name, quoted=True) for name, value in zip(COLUMNS, added, strict=True)]
    rows = decision.nested(exp.select("*").from_(_RELATION)).subquery("decided")
    answer = relation.query(_RELATION, exp.select(every, *named).from_(rows).sql("duckdb"))
    return cast("duckdb.DuckDBPyRelation", answer)  # only of what is no SELECT there is none


def assign_stream(
    state: FlagState,
    stream: "pa.RecordBatchReader | ds.Dataset | ds.Scanner",
    by: str = TARGETING_KEY,
    ruleset: Ruleset = ALONE,
    now: datetime | None = None,
) -> pa.RecordBatchReader:
    """A stream of Arrow batches as another one, in the same order: all columns, then those that `assign` gives.

    `variant`, `reason` and `rule` are dictionaries of text; `value` is a truth value, whole number, fraction or text
    where all values are such, else JSON text; `bucket` is uint32. About half a million rows are held at once, whatever
    the size of the batches.

    Raises:
        MissingColumnError: a column is not there.
        InvalidInputError: a column can't hold targeting keys, or one of the columns to add is there already.
    """
    reader = stream if isinstance(stream, pa.RecordBatchReader) else _reader_of(stream)
    compiled = compiled_at(now, state, ruleset)
    needs = needs_of(compiled, by)
    _check(needs.why, reader.schema.names)
    for name in needs.keys:  # what can't be is said now, and not when the first batch comes
        needs.prepared(name, pa.chunked_array([], reader.schema.field(name).type))
    answers = _Answers(compiled)
    schema = pa.schema([*reader.schema, *answers.fields], reader.schema.metadata)

    def batches() -> Iterator[pa.RecordBatch]:
        with closing(connect()) as connection:
            for table in _tables(reader):
                numbers, bucket = served(compiled, Frame(table), by, connection)
                added = answers.columns(numbers, bucket)
                yield from pa.table([*table.columns, *added], schema=schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


_RELATION = "burgee_relation"


def _reader_of(stream: "ds.Dataset | ds.Scanner") -> pa.RecordBatchReader:
    scanner = stream.scanner() if hasattr(stream, "scanner") else stream
    reader: pa.RecordBatchReader = scanner.to_reader()
    return reader


def _tables(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows of a stream, so many at once."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in reader:
        for start in range(0, batch.num_rows, _ROWS):
            part = batch.slice(start, _ROWS)
            waiting.append(part)
            size += part.num_rows
            if size >= _ROWS:
                yield pa.Table.from_batches(waiting, reader.schema)
                waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, reader.schema)


def _check(needed: Mapping[str, str], there: Sequence[str]) -> None:
    check_columns(needed, there)
    taken = sorted({name.casefold() for name in there} & set(COLUMNS))
    if taken:
        raise InvalidInputError(
            f"there is a column {taken[0]!r} already", hint=f"rename it: {', '.join(COLUMNS)} are added"
        )


def _prefix(columns: Sequence[str]) -> str:
    prefix = PREFIX
    while any(name.casefold().startswith(prefix) for name in columns):
        prefix += "_"
    return prefix


def _of_type(name: str, type: str, *, is_key: bool) -> Column:
    """A relation's column by DuckDB's name of its type."""
    kind = _TYPES.get(type.partition("(")[0], ColumnKind.OTHER)
    inexact = kind is ColumnKind.FRACTION and type != "DOUBLE"
    if is_key and (inexact or kind not in KEY_KINDS):
        raise InvalidInputError(
            f"column {name!r} can't hold targeting keys: it is of type {type}",
            hint="targeting keys are text, whole numbers or UUIDs; name their column with by=…",
        )
    made = column(name, kind)
    if type.startswith("ENUM") or type == _NOTHING:
        return Column(exp.cast(made.value, exp.DType.VARCHAR), kind)
    if type.startswith("DECIMAL"):  # a number is read from text as Python does it; elsewise it is rounded twice
        as_text = exp.cast(exp.column(name, quoted=True), exp.DType.VARCHAR)
        return Column(exp.cast(as_text, exp.DType.DOUBLE), kind)
    return made


_NOTHING = '"NULL"'
_TYPES = {
    **dict.fromkeys(("VARCHAR", "ENUM", _NOTHING), ColumnKind.TEXT),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), ColumnKind.WHOLE),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), ColumnKind.WHOLE),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), ColumnKind.FRACTION),
    "BOOLEAN": ColumnKind.BOOLEAN,
    "UUID": ColumnKind.UUID,
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"), ColumnKind.TIME),
    **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), ColumnKind.TIME),
}


def _text(word: str | None) -> exp.Expr:
    return exp.null() if word is None else text(word, "duckdb")


def _value_of(values: Sequence[Json]) -> Callable[[Evaluation[Json]], exp.Expr]:
    type = _type_of(values)
    if type == pa.bool_():
        return lambda one: exp.Boolean(this=one.value is True)
    if type == pa.int64():
        return lambda one: exp.cast(whole(_whole(one.value), "duckdb"), exp.DType.BIGINT)
    if type == pa.float64():
        return lambda one: fraction(_float(one.value), "duckdb")
    return lambda one: text(_said(one.value, values), "duckdb")


def _type_of(values: Sequence[Json]) -> pa.DataType:
    """The type that all the values are of; text for those of several, as JSON."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(-_INT64 <= _whole(value) < _INT64 for value in values):
        return pa.int64()
    if kinds <= {int, float} and not any(isinstance(value, int) and abs(value) > EXACT_FLOAT for value in values):
        return pa.float64()
    return pa.string()


def _whole(value: Json) -> int:
    return int(value) if isinstance(value, int) else 0


def _float(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _said(value: Json, among: Sequence[Json]) -> str:
    if all(isinstance(one, str) for one in among):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


class _Answers:
    """The columns to add, looked up by the numbers of outcomes."""

    def __init__(self, compiled: CompiledFlag) -> None:
        answers = compiled.outcomes.all
        values = [answer.value for answer in answers]
        type = _type_of(values)
        said = [_said(value, values) for value in values] if type == pa.string() else values
        self._values = pa.array(said, type)
        self._words = [
            pa.array([answer.variant for answer in answers]).dictionary_encode(),
            pa.array([answer.reason.value for answer in answers]).dictionary_encode(),
            pa.array([answer.rule for answer in answers], pa.string()).dictionary_encode(),
        ]
        variant, reason, rule = (pa.field("", words.type) for words in self._words)
        fields = (variant, pa.field("", type), reason, rule, pa.field("", pa.uint32()))
        self.fields = [field.with_name(name) for name, field in zip(COLUMNS, fields, strict=True)]

    def columns(self, numbers: Numbers, bucket: pa.Array) -> list[pa.Array]:
        """The columns of so many rows."""
        at = pa.array(numbers.astype(np.int32, copy=False))
        variant, reason, rule = (words.take(at) for words in self._words)
        return [variant, self._values.take(at), reason, rule, bucket]
