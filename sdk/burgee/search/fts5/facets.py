"""Facets of SQLite: what the rows in `temp.found` hold."""

import sqlite3
from itertools import pairwise

from burgee.search.fts5.sql import place
from burgee.search.model import (
    Bucket,
    Dates,
    Facet,
    FacetAnswer,
    Histogram,
    IndexMapping,
    Ranges,
    Statistics,
    Stats,
    Terms,
)
from burgee.search.steps import begin_of, dates, histogram, step_of
from burgee.search.values import given_value

_DOCUMENTS = "count(DISTINCT v.row)"


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection the steps of facets."""
    connection.create_function("burgee_step", 2, step_of, deterministic=True)
    connection.create_function("burgee_begin", 2, begin_of, deterministic=True)


def answer(connection: sqlite3.Connection, number: int, mapping: IndexMapping, facet: Facet) -> FacetAnswer:
    """What a facet of the found is."""
    at = place(mapping, facet.field)
    held = f"FROM temp.found CROSS JOIN values_{number} AS v ON v.row = found.row AND v.field = ?"
    match facet:
        case Terms(_, size):
            kind = mapping.fields[at].kind
            rows = connection.execute(
                f"SELECT v.value, {_DOCUMENTS} {held} GROUP BY v.value ORDER BY 2 DESC, 1 LIMIT ?", (at, size)
            )
            return tuple(Bucket(given_value(value, kind), count) for value, count in rows)
        case Ranges(_, bounds):
            return tuple(_range(connection, held, at, low, high) for low, high in pairwise(bounds))
        case Histogram(_, interval):
            rows = connection.execute(
                f"SELECT burgee_step(v.value, ?) AS step, {_DOCUMENTS} {held} GROUP BY step", (interval, at)
            )
            return histogram(facet, dict(rows))
        case Dates(_, per):
            rows = connection.execute(
                f"SELECT burgee_begin(v.value, ?) AS step, {_DOCUMENTS} {held} GROUP BY step", (per, at)
            )
            return dates(facet, dict(rows))
        case Stats():
            row = connection.execute(
                f"SELECT count(*), min(v.value), max(v.value), total(v.value), avg(v.value) {held}", (at,)
            ).fetchone()
            return Statistics(row[0], *map(float, row[1:])) if row[0] else Statistics(0)


def _range(connection: sqlite3.Connection, held: str, at: int, low: float | None, high: float | None) -> Bucket:
    bounds = [(text, bound) for text, bound in (("v.value >= ?", low), ("v.value < ?", high)) if bound is not None]
    where = " AND ".join(text for text, _ in bounds)
    (count,) = connection.execute(
        f"SELECT {_DOCUMENTS} {held} WHERE {where}", (at, *(bound for _, bound in bounds))
    ).fetchone()
    return Bucket(low, count, low, high)
