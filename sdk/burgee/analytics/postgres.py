"""Questions on the log's own PostgreSQL: nothing is copied, the payload is read where it lies."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlglot
from sqlalchemy import CursorResult
from sqlalchemy.exc import DataError, NotSupportedError, ProgrammingError
from sqlglot import exp

from burgee.analytics.dialects import render
from burgee.analytics.layout import Kind
from burgee.analytics.results import normal, over, refused, used
from burgee.analytics.rows import newest
from burgee.analytics.source import EVENTS, STANDARD, Column, LogSource
from burgee.core.errors import InvalidInputError
from burgee.store.database import Database
from burgee.store.log import OWN

_CASTS: dict[Kind, str] = {"int": "bigint", "float": "double precision", "bool": "boolean"}
_LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer ones off
_ARROW = {
    **dict.fromkeys((20, 21, 23), pa.int64()),
    **dict.fromkeys((700, 701), pa.float64()),
    16: pa.bool_(),
    **dict.fromkeys((1114, 1184), pa.timestamp("us", "UTC")),
    1082: pa.date32(),
}
"""PostgreSQL's types by their object ids (pg_type.dat); anything else but numeric is text."""

_NUMERIC = 1700


_SETTINGS = ("SET LOCAL enable_nestloop = off", "SET LOCAL jit = off")
"""What its planner can't know: that the parts of a question are long. It takes each for one row, and to look through
one part for each row of another is never done in time."""


class PostgresEngine:
    """Runs questions in the database that holds the log, in a transaction of the tenant.

    Fields that are encrypted because they are personal are so here, too: the keys never go into SQL.
    """

    __slots__ = ("_database",)
    dialect = "postgres"

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        said = over(tree, _events(used(tree, source), source))
        for identifier in said.find_all(exp.Identifier):
            identifier.set("this", _short(identifier.name))
        with self._database.read(source.tenant) as connection:
            if connection.dialect.name != "postgresql":
                hint = "set BURGEE_DATABASE, or leave out analytics="
                raise InvalidInputError("the log is in no PostgreSQL database", hint=hint)
            try:
                for setting in _SETTINGS:
                    connection.exec_driver_sql(setting)
                found = connection.exec_driver_sql(
                    render(said, self.dialect),
                    execution_options={"no_parameters": True},  # a % in a text is one
                )
                return normal(_arrow(found), tree.named_selects)
            except (DataError, ProgrammingError, NotSupportedError) as error:
                raise refused("PostgreSQL", error.orig if isinstance(error.orig, Exception) else error) from error


def _events(columns: Sequence[Column], source: LogSource) -> exp.Query:
    """The log as the table of questions."""
    shown = [_standard(field) for field in STANDARD]
    for column in columns:  # each costs a look into the JSON of every event
        value = f"data::json ->> {exp.Literal.string(column.field).sql('postgres')}"
        cast = _CASTS.get(column.kind)
        value = f'({value}) COLLATE "C"' if cast is None else f"CAST({value} AS {cast})"
        shown.append(f"{value} AS {_quoted(column.name)}")
    tenant = exp.Literal.string(source.tenant).sql("postgres")
    where = f"tenant = {tenant} AND position <= {newest(source)[0]}"
    if not source.own:
        where += f" AND left(stream, 1) <> '{OWN}'"
    text = f"SELECT {', '.join(shown)} FROM {EVENTS} WHERE {where}"
    made = sqlglot.parse_one(text, dialect="postgres", into=exp.Select)
    if not isinstance(made, exp.Select):
        raise TypeError(text)
    return made


def _standard(field: pa.Field) -> str:
    if pa.types.is_timestamp(field.type):
        return f"TIMESTAMPTZ '1970-01-01 00:00:00+00' + {field.name} * INTERVAL '1 microsecond' AS {field.name}"
    if pa.types.is_integer(field.type):
        return f"CAST({field.name} AS bigint) AS {field.name}"
    return f'{field.name} COLLATE "C" AS {field.name}'  # sorted by the characters' numbers, as everywhere else


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("postgres")


def _short(name: str) -> str:
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{name[:8]}_{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def _arrow(found: CursorResult[Any]) -> pa.Table:
    described = found.cursor.description or ()
    rows = found.all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(described)
    arrays = []
    for (_, oid, *_), values in zip(described, columns, strict=True):
        if oid == _NUMERIC:  # exact: sums of integers stay integers
            whole = all(value is None or value == value.to_integral_value() for value in values)
            ready = [value if value is None else int(value) if whole else float(value) for value in values]
            arrays.append(pa.array(ready, pa.int64() if whole else pa.float64()))
        else:
            arrays.append(pa.array(values, _ARROW.get(oid, pa.string())))
    return pa.table(arrays, names=[column[0] for column in described])
