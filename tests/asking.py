"""Questions about events that are made up in a test: the log as a table with typed columns, and the answers as rows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from burgee.analytics.dialects import render
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.source import ARROW, Column, Columns, Kind
from burgee.questions.model import Question
from burgee.questions.trees import tree
from burgee.store.query import EventQuery
from raw import raw_events

ENGINE = DuckDBEngine()
NOW = datetime(2100, 1, 1, tzinfo=UTC)
ALL = EventQuery()

type Event = tuple[str, float, Mapping[str, object]]
"""A type, seconds since `raw.START`, and the payload."""

type Rows = list[tuple[object, ...]]


class Log:
    """Some events, by position, with a column of the kind named for each field."""

    def __init__(self, events: Sequence[Event], **fields: Kind) -> None:
        self.events = list(events)
        payloads = [data for *_, data in events]
        self.table = raw_events(payloads, types=[kind for kind, *_ in events], seconds=[at for _, at, _ in events])
        self.types = frozenset(kind for kind, *_ in events)
        self.columns = Columns(
            {name: Column(name, f"c{place}", kind) for place, (name, kind) in enumerate(fields.items())}
        )
        for name, column in self.columns.fields.items():
            values = pa.array([data.get(name) for data in payloads], ARROW[column.kind])
            self.table = self.table.append_column(column.name, values)

    def sql(self, question: Question, dialect: str = "duckdb", query: EventQuery = ALL, table: str = "events") -> str:
        """The question as text."""
        return render(tree(query, question, self.columns, self.types, NOW), dialect, table)

    def ask(self, question: Question, query: EventQuery = ALL) -> pa.Table:
        """DuckDB's answer."""
        return ENGINE.run(self.sql(question, query=query), {"events": self.table})

    def rows(self, question: Question, query: EventQuery = ALL) -> Rows:
        """The answer's rows."""
        return [tuple(row.values()) for row in self.ask(question, query).to_pylist()]


def in_order(log: Sequence[Event]) -> list[tuple[int, Event]]:
    """The events with their positions in the order of time, of two at once the first in the log."""
    return sorted(enumerate(log, start=1), key=lambda event: event[1][1])


def beginning(at: datetime, per: str) -> datetime:
    """The start of the period."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "minute": at.replace(second=0, microsecond=0),
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(day=1, month=1 + (day.month - 1) // 3 * 3),
        "year": day.replace(day=1, month=1),
    }[per]


def null_last(value: object) -> tuple[bool, object]:
    """A key that sorts null behind everything else."""
    return (value is None, 0 if value is None else value)
