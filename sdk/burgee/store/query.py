"""Reading the log by filters: as events, as a count, or as Arrow batches.

The log never changes, so a long read needs no long transaction: it fixes the last position first and
then goes page by page, each in a short transaction of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, literal, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB

from burgee.core.checks import need_mapping, need_text, need_texts, need_whole
from burgee.core.clock import to_us
from burgee.core.errors import InvalidInputError
from burgee.core.json import dumps
from burgee.store import subjects
from burgee.store.backend import Prepared
from burgee.store.database import Database
from burgee.store.log import OWN, StoredEvent, opened
from burgee.store.schema import events

_time = pa.timestamp("us", "UTC")
RAW = pa.schema(
    [
        ("position", pa.int64()),
        ("stream", pa.string()),
        ("version", pa.int64()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("schema_version", pa.int64()),
        ("data", pa.string()),
        ("metadata", pa.string()),
        ("occurred_at", _time),
        ("recorded_at", _time),
    ]
)
"""The columns of raw events; `data` and `metadata` are JSON objects as text."""

_BATCH = 50_000  # rows; a batch of usual events is some 10 MB
_LAST = "\U0010ffff"  # sorts behind every other character


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: every filter given must hold.

    `types` are exact or prefixes ending in `*` (`order.*`); `category` is what stands before the first
    `-` in a stream's name; `since` (included) and `until` (excluded) are about `occurred_at`; `after`
    and `upto` are positions (excluded, included); `metadata` compares top-level fields; `as_of` leaves
    out what was recorded later (time travel). burgee's own events (flags and settings, in streams that
    begin with `$`) are left out unless `own` is true or the stream is named.
    """

    types: tuple[str, ...] = ()
    stream: str | None = None
    category: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    upto: int | None = None
    metadata: dict[str, str | int | float | bool] = field(default_factory=dict)
    as_of: datetime | None = None
    limit: int | None = None
    own: bool = False

    def __post_init__(self) -> None:
        need_texts("a type", self.types)
        for name in ("stream", "category"):
            if getattr(self, name) is not None:
                need_text(name, getattr(self, name))
        for name in ("after", "upto", "limit"):
            if getattr(self, name) is not None:
                need_whole(name, getattr(self, name))
        need_mapping("metadata", self.metadata)
        for name, wanted in self.metadata.items():
            _need_scalar(name, wanted)


def count(database: Database, tenant: str, query: EventQuery) -> int:
    """How many events there are."""
    with database.read(tenant) as connection:
        chosen = _select(connection, tenant, query).with_only_columns(events.c.position).limit(query.limit)
        return connection.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def read(database: Database, tenant: str, query: EventQuery, *, limit: int) -> list[StoredEvent]:
    """The first events, by position."""
    with database.read(tenant) as connection:
        rows = connection.execute(_select(connection, tenant, query).limit(limit)).all()
        return list(opened(connection, tenant, rows))


_LAST_POSITION = Prepared(select(func.max(events.c.position)).where(events.c.tenant == bindparam("tenant")))


def last_position(database: Database, tenant: str) -> int:
    """The position of the tenant's last event; 0 if there is none."""
    with database.read(tenant) as connection:
        return last_in(connection, tenant)


def last_in(connection: Connection, tenant: str) -> int:
    """The same, in a transaction there is."""
    row = _LAST_POSITION.row(connection, {"tenant": tenant})
    return cast("int", row[0] or 0) if row else 0


def touched(
    connection: Connection, tenant: str, categories: Sequence[str], after: int
) -> tuple[dict[str, list[str]], int]:
    """The streams `<category>-…` that went on behind a position, and the last position there is.

    The streams are told by category, as what stands behind its `-`.
    """
    c = events.c
    found: dict[str, list[str]] = {category: [] for category in categories}
    last = last_in(connection, tenant)
    if last <= after:
        return found, after
    within = or_(*(_begins(c.stream, f"{category}-") for category in categories))
    query = select(c.stream).distinct().where(c.tenant == tenant, c.position > after, c.position <= last, within)
    for stream in sorted(connection.scalars(query)):
        category, _, rest = stream.partition("-")
        found[category].append(rest)
    return found, last


def last_by(connection: Connection, tenant: str, type: str, name: str) -> dict[str, int]:
    """When events of a type occurred last, in microseconds, by the text of a field of their data."""
    c = events.c
    if connection.dialect.name == "sqlite":
        told: ColumnElement[str] = func.json_extract(c.data, "$." + dumps(name))
        is_text = func.json_type(c.data, "$." + dumps(name)) == "text"
    else:
        data = sql_cast(c.data, JSONB)
        told, is_text = data[name].astext, func.jsonb_typeof(data[name]) == "string"
    query = select(told, func.max(c.occurred_at)).where(c.tenant == tenant, c.type == type, is_text).group_by(told)
    return {str(text): int(at) for text, at in connection.execute(query)}


def read_batches(database: Database, tenant: str, query: EventQuery) -> pa.RecordBatchReader:
    """All events as Arrow batches (`RAW`), by position, as of the moment of the call."""
    return pa.RecordBatchReader.from_batches(RAW, _batches(database, tenant, query, last_position(database, tenant)))


def _batches(database: Database, tenant: str, query: EventQuery, last: int) -> Iterator[pa.RecordBatch]:
    position, left = 0, query.limit
    while left is None or left > 0:
        size = _BATCH if left is None else min(left, _BATCH)
        with database.read(tenant) as connection:
            page = (
                _select(connection, tenant, query)
                .with_only_columns(*(events.c[name] for name in RAW.names))
                .where(events.c.position > position, events.c.position <= last)
            )
            rows = connection.execute(page.limit(size)).all()
            if not rows:
                return
            columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), RAW, strict=True)]
            batch = subjects.opened(connection, tenant, pa.RecordBatch.from_arrays(columns, schema=RAW))
        yield batch
        if len(rows) < size:
            return
        position = rows[-1][0]
        left = None if left is None else left - len(rows)


def _select(connection: Connection, tenant: str, query: EventQuery) -> Select[tuple[object, ...]]:
    c = events.c
    where: list[ColumnElement[bool]] = [c.tenant == tenant]
    if query.types:
        where.append(or_(*(_type_is(pattern) for pattern in query.types)))
    if query.stream is not None:
        where.append(c.stream == query.stream)
    elif not query.own:
        where.extend(or_(name < OWN, name >= chr(ord(OWN) + 1)) for name in (c.stream, c.type))
    if query.category is not None:
        within = _begins(c.stream, f"{query.category}-")
        where.append(or_(c.stream == query.category, within))
    bounds = (
        (query.since, c.occurred_at.__ge__),
        (query.until, c.occurred_at.__lt__),
        (query.as_of, c.recorded_at.__le__),
    )
    where.extend(bound(to_us(moment)) for moment, bound in bounds if moment is not None)
    if query.after is not None:
        where.append(c.position > query.after)
    if query.upto is not None:
        where.append(c.position <= query.upto)
    where.extend(_metadata_is(connection, name, value) for name, value in query.metadata.items())
    return select(events).where(and_(*where)).order_by(c.position)


def _need_scalar(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str | int | float):
        raise InvalidInputError(f"metadata is text, a number or a truth value, not {name!r}: {value!r}")


def _type_is(pattern: str) -> ColumnElement[bool]:
    return _begins(events.c.type, pattern[:-1]) if pattern.endswith("*") else events.c.type == pattern


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """As a range, which uses the index and, unlike SQLite's LIKE, tells upper from lower case."""
    return and_(column >= prefix, column < prefix + _LAST)


def _metadata_is(connection: Connection, name: str, value: str | float) -> ColumnElement[bool]:
    """Compares JSON with JSON, so that 1, true and "1" stay three values."""
    if connection.dialect.name == "sqlite":
        path = "$." + dumps(name)
        return events.c.metadata.op("->")(path) == dumps(value)
    return sql_cast(events.c.metadata, JSONB)[name] == sql_cast(literal(dumps(value)), JSONB)
