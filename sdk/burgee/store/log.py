"""The event log (design, "The event log"): append and read, within a transaction the caller holds.

Everything here takes a connection, so that an event and the state it leads to are stored together.
The tenant is always named; nothing here reads or writes across tenants.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from sqlalchemy import Connection, Row, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from burgee.core.checks import need_mapping, need_whole
from burgee.core.clock import Clock, from_us, to_us
from burgee.core.errors import ConcurrencyError, DuplicateEventError, InvalidInputError
from burgee.core.ids import new_id
from burgee.core.json import Json, dumps, loads
from burgee.core.result import Err, Ok, Result
from burgee.store import subjects
from burgee.store.schema import events

ANY = -1
"""`expected_version`: append whatever the stream's version is."""

NO_STREAM = 0
"""`expected_version`: append only if the stream does not exist yet."""

OWN = "$"
"""Streams that begin with this are burgee's own; nobody else may append to them."""

_LONGEST_NAME = 512
_IDS_AT_ONCE = 500  # bound parameters of one statement


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as its author gives it. Without `id` one is made; without `occurred_at` it happened now."""

    type: str
    data: Mapping[str, Json] = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    id: str | None = None
    occurred_at: datetime | None = None
    schema_version: int = 1

    def __post_init__(self) -> None:
        check_name("event type", self.type)
        if self.id is not None:
            check_name("event id", self.id)
        need_mapping("an event's data", self.data)
        need_mapping("an event's metadata", self.metadata)
        need_whole("a schema version", self.schema_version, least=1)
        if self.occurred_at is not None:  # ISO 8601 text and dates will do, too
            object.__setattr__(self, "occurred_at", from_us(to_us(self.occurred_at)))


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the log holds it (R2.1). `position` orders the whole log, `version` its stream, from 1."""

    position: int
    stream: str
    version: int
    id: str
    type: str
    schema_version: int
    data: Mapping[str, Json]
    metadata: Mapping[str, Json]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: the stream, its version now, and the events' ids. `repeated`: they were there already."""

    stream: str
    version: int
    ids: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event ready to be stored: texts and microseconds, no version yet."""

    stream: str
    id: str
    type: str
    data: str
    metadata: str
    occurred_at: int
    schema_version: int = 1


# Made once: to build a statement costs more than to run it.
_of_tenant = events.c.tenant == bindparam("tenant")
_INSERT = insert(events)
_HEAD = select(func.max(events.c.version)).where(_of_tenant, events.c.stream == bindparam("stream"))
_HEADS = (
    select(events.c.stream, func.max(events.c.version))
    .where(_of_tenant, events.c.stream.in_(bindparam("streams", expanding=True)))
    .group_by(events.c.stream)
)
_BY_IDS = select(events).where(_of_tenant, events.c.id.in_(bindparam("ids", expanding=True)))

type AppendError = ConcurrencyError | DuplicateEventError | InvalidInputError


def append(
    connection: Connection,
    clock: Clock,
    tenant: str,
    stream: str,
    new: Sequence[NewEvent],
    expected: int = ANY,
) -> Result[Appended, AppendError]:
    """Append to one stream, all or nothing. The same ids with the same content again are a no-op."""
    try:
        check_name("stream", stream)
        check_expected(expected)
        ids = [check_name("event id", event.id) if event.id is not None else new_id(clock) for event in new]
        rows = [_raw(stream, id, event, clock) for id, event in zip(ids, new, strict=True)]
    except InvalidInputError as error:
        return Err(error)
    given = [id for id, event in zip(ids, new, strict=True) if event.id is not None]
    if len(set(given)) < len(given):
        twice = next(id for id in given if given.count(id) > 1)
        return Err(DuplicateEventError(twice, "stands twice in this batch"))
    known = by_ids(connection, tenant, given, like={row.id: row.data for row in rows})
    if known:
        return _repeated(stream, new, ids, known)
    actual = head(connection, tenant, stream)
    if expected not in {ANY, actual}:
        return Err(ConcurrencyError(stream, expected, actual))
    try:
        store(connection, clock, tenant, rows, {stream: actual})
    except InvalidInputError as error:  # personal fields that are nobody's
        return Err(error)
    except IntegrityError:  # a database whose writers do not wait for each other: the other one was first
        return Err(ConcurrencyError(stream, actual if expected == ANY else expected, actual + 1))
    return Ok(Appended(stream, actual + len(rows), tuple(ids)))


def store(connection: Connection, clock: Clock, tenant: str, rows: Iterable[RawEvent], heads: dict[str, int]) -> None:
    """Write events that are known to be new, numbering each stream on from its head."""
    heads = dict(heads)
    now = clock.now_us()
    values = []
    for row in subjects.seal(connection, tenant, list(rows), now):
        version = heads[row.stream] = heads.get(row.stream, 0) + 1
        values.append(
            {
                "tenant": tenant,
                "stream": row.stream,
                "version": version,
                "id": row.id,
                "type": row.type,
                "schema_version": row.schema_version,
                "data": row.data,
                "metadata": row.metadata,
                "occurred_at": row.occurred_at,
                "recorded_at": now,
            }
        )
    if values:
        connection.execute(_INSERT, values)


def head(connection: Connection, tenant: str, stream: str) -> int:
    """The version of a stream; 0 if there is none."""
    return connection.scalar(_HEAD, {"tenant": tenant, "stream": stream}) or 0


def heads(connection: Connection, tenant: str, streams: Iterable[str]) -> dict[str, int]:
    """The versions of those streams that exist."""
    found: dict[str, int] = {}
    for some in batched(streams, _IDS_AT_ONCE, strict=False):
        rows = connection.execute(_HEADS, {"tenant": tenant, "streams": some})
        found.update((name, version) for name, version in rows)
    return found


def by_ids(
    connection: Connection, tenant: str, ids: Iterable[str], *, like: Mapping[str, str] | None = None
) -> dict[str, StoredEvent]:
    """The events with these ids, as far as they exist; `like`: the data they are to be compared with, by id."""
    found: dict[str, StoredEvent] = {}
    for some in batched(ids, _IDS_AT_ONCE, strict=False):
        rows = connection.execute(_BY_IDS, {"tenant": tenant, "ids": some}).all()
        found.update((event.id, event) for event in opened(connection, tenant, rows, like))
    return found


def read_stream(
    connection: Connection, tenant: str, stream: str, *, after: int = 0, upto: int | None = None
) -> Iterator[StoredEvent]:
    """The events of a stream in order, those with `after < version <= upto`."""
    query = select(events).where(events.c.tenant == tenant, events.c.stream == stream, events.c.version > after)
    if upto is not None:
        query = query.where(events.c.version <= upto)
    for rows in connection.execute(query.order_by(events.c.version)).partitions(_IDS_AT_ONCE):
        yield from opened(connection, tenant, rows)


def opened(
    connection: Connection,
    tenant: str,
    rows: Sequence[Row[tuple[object, ...]]],
    like: Mapping[str, str] | None = None,
) -> Iterator[StoredEvent]:
    """Rows of the table as values, their personal fields opened."""
    ids, texts = [row.id for row in rows], [row.data for row in rows]
    return map(stored, rows, subjects.opened_texts(connection, tenant, ids, texts, like))


def stored(row: Row[tuple[object, ...]], data: str) -> StoredEvent:
    """A row of the table as a value, with its data opened."""
    return StoredEvent(
        row.position,
        row.stream,
        row.version,
        row.id,
        row.type,
        row.schema_version,
        loads_object(data),
        loads_object(row.metadata),
        from_us(row.occurred_at),
        from_us(row.recorded_at),
    )


def loads_object(text: str) -> dict[str, Json]:
    """A JSON object from text."""
    value = loads(text)
    if not isinstance(value, dict):
        raise InvalidInputError(f"expected a JSON object, found {text[:60]!r}")
    return value


def check_name(what: str, name: object) -> str:
    """A name that can be stored: text, not empty, not too long, without control characters."""
    if not isinstance(name, str):
        raise InvalidInputError(f"the {what} must be text, not {type(name).__name__}")
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidInputError(f"the {what} must have 1 to {_LONGEST_NAME} characters; this one has {len(name)}")
    if not name.isprintable():
        raise InvalidInputError(f"the {what} {name!r} holds characters that can't be printed")
    return name


def check_expected(expected: object) -> int:
    """An expected version: `ANY`, `NO_STREAM` or the version itself."""
    if not isinstance(expected, int) or isinstance(expected, bool) or expected < ANY:
        raise InvalidInputError(
            f"expected_version can't be {expected!r}",
            hint="give the stream's version, burgee.NO_STREAM (a new stream) or burgee.ANY",
        )
    return expected


def _raw(stream: str, id: str, event: NewEvent, clock: Clock) -> RawEvent:
    return RawEvent(
        stream,
        id,
        event.type,
        dumps(dict(event.data), what="event"),
        dumps(dict(event.metadata), what="event's metadata"),
        clock.now_us() if event.occurred_at is None else to_us(event.occurred_at),
        event.schema_version,
    )


def _repeated(
    stream: str, new: Sequence[NewEvent], ids: list[str], known: dict[str, StoredEvent]
) -> Result[Appended, AppendError]:
    """The first result again, if this is the same append again; else why it can't be."""
    for id, event in zip(ids, new, strict=True):
        old = known.get(id)
        if old is None:
            first = next(iter(known))
            return Err(DuplicateEventError(first, "is stored already, but others of this batch are not"))
        if not same_content(old, stream, event):
            return Err(DuplicateEventError(id, "is taken by an event with other content"))
    versions = [known[id].version for id in ids]
    return Ok(Appended(stream, versions[-1], tuple(ids), repeated=True))


def same_content(old: StoredEvent, stream: str, event: NewEvent) -> bool:
    """Whether the stored event is what this one would become. A time not given is not compared."""
    return (
        old.stream == stream
        and old.type == event.type
        and old.schema_version == event.schema_version
        and dumps(old.data) == dumps(dict(event.data))
        and dumps(old.metadata) == dumps(dict(event.metadata))
        and (event.occurred_at is None or to_us(old.occurred_at) == to_us(event.occurred_at))
    )
