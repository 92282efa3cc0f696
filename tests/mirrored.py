"""Helpers of the mirror's tests: a log by hand, and the mirror beside it."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

from burgee.analytics import mirror
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.source import LogSource
from burgee.core.clock import system_clock
from burgee.store import log
from burgee.store.database import Database
from burgee.store.query import EventQuery, read_batches

ENGINE = DuckDBEngine()
INT64 = range(-(2**63), 2**63)


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, so that a small log has many."""
    for name, size in {"WRITE_ROWS": 3, "PART_ROWS": 5, "_SMALL_ROWS": 6, "_SMALL_PARTS": 3}.items():
        monkeypatch.setattr(mirror, name, size)


def add(database: Database, events: Sequence[tuple[str, Mapping[str, object]]], tenant: str = "acme") -> None:
    new = [log.NewEvent(type, data) for type, data in events]  # type: ignore[arg-type] # the payloads are JSON
    with database.write(tenant) as connection:
        log.append(connection, system_clock, tenant, "s", new).unwrap()


def raw(database: Database, query: EventQuery | None = None) -> pa.Table:
    return read_batches(database, "acme", query or EventQuery()).read_all()


def whole(source: LogSource) -> pa.Table:
    """What SQL sees of the source, by position."""
    return ENGINE.sql("select * from events order by position", source)


def assert_equal(source: LogSource, database: Database) -> None:
    """The table is the log: its rows, and each field's values in the kind that holds them all."""
    stored = raw(database)
    found = ENGINE._query(
        "select * from events order by position", source, {"events": 'select * from "burgee whole log"'}
    )
    for name in stored.column_names:
        assert found[name].to_pylist() == stored[name].to_pylist(), name
    documents = [json.loads(text) for text in stored["data"].to_pylist()]
    assert set(source.columns.fields) == {name for document in documents for name in document}
    for name, column in source.columns.fields.items():
        wanted = [document.get(name) for document in documents]
        kind = kind_of(wanted)
        assert column.kind == kind, name
        values = found[column.name].to_pylist()
        if kind in {"text", "json"}:
            assert all(map(is_said_by, values, wanted)), (name, values, wanted)
        else:
            assert values == wanted, name
            assert {type(one) for one in values if one is not None} <= {
                {"int": int, "float": float, "bool": bool}[kind]
            }
    assert source.rows == len(stored)


def kind_of(column: Sequence[object]) -> str:
    """What holds these values, said plainly."""
    there = [one for one in column if one is not None]
    if all(isinstance(one, str) for one in there):
        return "text"
    if all(isinstance(one, bool) for one in there):
        return "bool"
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in there):
        if any(isinstance(one, int) and one not in INT64 for one in there):
            return "json"
        return "float" if any(isinstance(one, float) for one in there) else "int"
    return "json"


def is_said_by(text: object, value: object) -> bool:
    if value is None or text is None:
        return value is text
    return text == value if isinstance(value, str) else json.loads(str(text)) == value


def assert_same(one: pa.Table, other: pa.Table) -> None:
    assert one.schema == other.schema
    assert one.to_pylist() == other.to_pylist()
