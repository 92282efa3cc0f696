"""The event log (design, "The event log"): append and read, within a transaction the caller holds.

Everything here takes a connection, so that an event and the state it leads to are stored together.
The tenant is always named; nothing here reads or writes across tenants. One writer of a tenant at a time
(`Database.write`): so versions have no gaps, and what an append read before is still so when it stores.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, text

from burgee.core.clock import Clock
from burgee.core.errors import ConcurrencyError, DuplicateEventError, InvalidInputError, StreamClosedError
from burgee.core.ids import new_ids
from burgee.core.result import Err, Ok, Result
from burgee.store import subjects
from burgee.store.backend import Prepared, session_of
from burgee.store.protection import ID, KIND, Protection, parsed
from burgee.store.record import (
    ANY,
    CLOSED,
    NO_STREAM,
    OWN,
    STREAM_EXISTS,
    Appended,
    NewEvent,
    RawEvent,
    StoredEvent,
    StreamAppend,
    check_expected,
    check_name,
    dumps_object,
    loads_object,
    raw,
    same_content,
    stored,
)
from burgee.store.schema import events

__all__ = [
    "ANY",
    "CLOSED",
    "NO_STREAM",
    "OWN",
    "STREAM_EXISTS",
    "AppendError",
    "Appended",
    "NewEvent",
    "RawEvent",
    "StoredEvent",
    "StreamAppend",
    "TakenIdError",
    "append",
    "append_many",
    "as_expected",
    "by_ids",
    "check_expected",
    "check_name",
    "close_stream",
    "dumps_object",
    "head",
    "heads",
    "loads_object",
    "opened",
    "read_stream",
    "same_content",
    "store",
    "stored",
]


class TakenIdError(Exception):
    """An event was stored that is stored already: whoever said it was new did not look."""


type AppendError = ConcurrencyError | DuplicateEventError | InvalidInputError | StreamClosedError

_ALL = ", ".join(column.name for column in events.columns)
_ID, _DATA = (events.columns.keys().index(name) for name in ("id", "data"))
# With the tenant's rules beside it: an append needs both, and asks once.
_HEAD = Prepared(
    text(
        "SELECT version, type, (SELECT data FROM states WHERE tenant = :tenant AND kind = :kind AND id = :id)"
        " FROM events WHERE tenant = :tenant AND stream = :stream ORDER BY version DESC LIMIT 1"
    )
)
# The last event of each stream by a look into the index each, however long the streams are.
_HEADS = Prepared(
    {
        "sqlite": text(
            "SELECT e.stream, e.version, e.type FROM json_each(:streams) AS s CROSS JOIN events AS e"
            " WHERE e.tenant = :tenant AND e.stream = s.value AND e.version ="
            " (SELECT max(version) FROM events WHERE tenant = :tenant AND stream = s.value)"
        ),
        "postgresql": text(
            "SELECT s.stream, e.version, e.type FROM unnest(CAST(:streams AS text[])) AS s(stream) CROSS JOIN LATERAL"
            " (SELECT version, type FROM events WHERE tenant = :tenant AND stream = s.stream"
            " ORDER BY version DESC LIMIT 1) AS e"
        ),
    }
)
_BY_IDS = Prepared(
    {
        "sqlite": text(
            f"SELECT {_ALL} FROM events WHERE tenant = :tenant AND id IN (SELECT value FROM json_each(:ids))"
        ),
        "postgresql": text(f"SELECT {_ALL} FROM events WHERE tenant = :tenant AND id = ANY(CAST(:ids AS text[]))"),
    }
)
_STREAM = Prepared(
    text(
        f"SELECT {_ALL} FROM events WHERE tenant = :tenant AND stream = :stream"
        " AND version > :after AND version <= :upto ORDER BY version LIMIT :most"
    )
)
_LAST = 2**31 - 1  # beyond every version
_NOTHING = (0, False)  # the head of a stream that does not exist: its version, and whether it is closed
_AT_ONCE = 5_000  # texts of one statement


def append(
    connection: Connection,
    clock: Clock,
    tenant: str,
    stream: str,
    new: Sequence[NewEvent],
    expected: int = ANY,
) -> Result[Appended, AppendError]:
    """Append to one stream, all or nothing. The same ids with the same content again are a no-op."""
    done = append_many(connection, clock, tenant, (StreamAppend(stream, tuple(new), expected),))
    return Ok(done.value[0]) if isinstance(done, Ok) else done


def append_many(
    connection: Connection, clock: Clock, tenant: str, appends: Sequence[StreamAppend]
) -> Result[tuple[Appended, ...], AppendError]:
    """Append to several streams, all or nothing; in the order given, also where a stream comes twice.

    No events check the expectation and store nothing. All of it again, by the events' ids, is a no-op with the
    first answer; some of it again is refused.
    """
    given: list[str] = []
    try:
        for part in appends:
            check_name("stream", part.stream)
            check_expected(part.expected_version)
            given.extend(event.id for event in part.events if event.id is not None)
        rows = _rows(clock, appends)
    except InvalidInputError as error:
        return Err(error)
    if given:
        if len(set(given)) < len(given):
            twice = next(id for id in given if given.count(id) > 1)
            return Err(DuplicateEventError(twice, "stands twice in this batch"))
        known = by_ids(connection, tenant, given, like={row.id: row.data for row in rows})
        if known:
            return _repeated(connection, tenant, appends, known)
    before, rules = _before(connection, tenant, {part.stream for part in appends})
    done = _numbered(appends, rows, before)
    if isinstance(done, Err):
        return done
    try:
        _write(connection, clock, tenant, rows, {stream: version for stream, (version, _) in before.items()}, rules)
    except InvalidInputError as error:  # personal fields that are nobody's
        return Err(error)
    return done


def close_stream(
    connection: Connection, clock: Clock, tenant: str, stream: str, expected: int = STREAM_EXISTS
) -> Result[Appended, AppendError]:
    """End a stream with a last event of type `$closed`: nothing can be appended after it, reading goes on.

    To close it again is a no-op.
    """
    try:
        check_name("stream", stream)
        check_expected(expected)
    except InvalidInputError as error:
        return Err(error)
    actual, closed, _ = _head(connection, tenant, stream)
    if closed:
        return Ok(Appended(stream, actual, (), repeated=True))
    if not as_expected(expected, actual):
        return Err(ConcurrencyError(stream, expected, actual))
    [id] = new_ids(clock, 1)
    store(connection, clock, tenant, [RawEvent(stream, id, CLOSED, "{}", "{}", clock.now_us())], {stream: actual})
    return Ok(Appended(stream, actual + 1, (id,)))


def store(
    connection: Connection, clock: Clock, tenant: str, rows: Iterable[RawEvent], heads: Mapping[str, int]
) -> None:
    """Write events that are known to be new, numbering each stream on from its head.

    Raises:
        TakenIdError: one of them was there; the transaction is of no use any more.
    """
    _write(connection, clock, tenant, list(rows), heads, None)


def head(connection: Connection, tenant: str, stream: str) -> int:
    """The version of a stream; 0 if there is none."""
    return _head(connection, tenant, stream)[0]


def heads(connection: Connection, tenant: str, streams: Iterable[str]) -> dict[str, int]:
    """The versions of those streams that exist.

    Raises:
        StreamClosedError: one of them is closed.
    """
    found: dict[str, int] = {}
    for stream, version, type in _of_many(_HEADS, connection, tenant, "streams", list(streams)):
        if type == CLOSED:
            raise StreamClosedError(cast("str", stream), cast("int", version))
        found[cast("str", stream)] = cast("int", version)
    return found


def by_ids(
    connection: Connection, tenant: str, ids: Iterable[str], *, like: Mapping[str, str] | None = None
) -> dict[str, StoredEvent]:
    """The events with these ids, as far as they exist; `like`: the data they are to be compared with, by id."""
    rows = list(_of_many(_BY_IDS, connection, tenant, "ids", list(ids)))
    events = opened(connection, tenant, rows, like)
    return {event.id: event for event in events}


def read_stream(
    connection: Connection,
    tenant: str,
    stream: str,
    *,
    after: int = 0,
    upto: int | None = None,
    limit: int | None = None,
) -> Iterator[StoredEvent]:
    """The events of a stream in order, those with `after < version <= upto`; of a closed one, `$closed` is the last."""
    most = _LAST if limit is None else limit
    upto = _LAST if upto is None else min(upto, _LAST)
    values = {"tenant": tenant, "stream": stream, "after": min(after, _LAST), "upto": upto, "most": most}
    return opened(connection, tenant, _STREAM.rows(connection, values))


def opened(
    connection: Connection, tenant: str, rows: Sequence[Sequence[Any]], like: Mapping[str, str] | None = None
) -> Iterator[StoredEvent]:
    """Rows of the table as values, their personal fields opened; for `like` see `subjects.opened_texts`."""
    texts = [row[_DATA] for row in rows]
    plain = subjects.opened_texts(connection, tenant, [row[_ID] for row in rows], texts, like)
    if plain is not texts:
        rows = [(*row[:_DATA], text, *row[_DATA + 1 :]) for row, text in zip(rows, plain, strict=True)]
    return map(stored, rows)


def _rows(clock: Clock, appends: Sequence[StreamAppend]) -> list[RawEvent]:
    """All events of all parts, ready; with ids where they have none."""
    made = iter(new_ids(clock, sum(event.id is None for part in appends for event in part.events)))
    now = clock.now_us()
    return [
        raw(part.stream, next(made) if event.id is None else check_name("event id", event.id), event, now)
        for part in appends
        for event in part.events
    ]


def _write(
    connection: Connection,
    clock: Clock,
    tenant: str,
    rows: Sequence[RawEvent],
    heads: Mapping[str, int],
    rules: Protection | None,
) -> None:
    """What `store` does, with the tenant's rules where they are known."""
    now = clock.now_us()
    at = dict(heads)
    values = []
    for stream, id, type, data, metadata, occurred_at, schema_version in subjects.seal(
        connection, tenant, rows, now, rules
    ):
        version = at[stream] = at.get(stream, 0) + 1
        values.append((tenant, stream, version, id, type, schema_version, data, metadata, occurred_at, now))
    if values:
        session = session_of(connection)
        try:
            session.backend.insert(session, values)
        except session.backend.taken as error:
            raise TakenIdError from error
        session.appended = tenant


def _before(
    connection: Connection, tenant: str, streams: Collection[str]
) -> tuple[dict[str, tuple[int, bool]], Protection | None]:
    """The versions of those streams that exist, and whether they are closed; the rules, if that told them, too."""
    if len(streams) == 1:
        [stream] = streams
        version, closed, rules = _head(connection, tenant, stream)
        return {stream: (version, closed)}, rules
    found = _of_many(_HEADS, connection, tenant, "streams", list(streams))
    return {cast("str", stream): (cast("int", version), type == CLOSED) for stream, version, type in found}, None


def _head(connection: Connection, tenant: str, stream: str) -> tuple[int, bool, Protection | None]:
    """The version of a stream, whether it is closed, and the tenant's rules; these only where there is a stream."""
    row = _HEAD.row(connection, {"tenant": tenant, "stream": stream, "kind": KIND, "id": ID})
    return (*_NOTHING, None) if row is None else (cast("int", row[0]), row[1] == CLOSED, parsed(row[2]))


def _numbered(
    appends: Sequence[StreamAppend], rows: Sequence[RawEvent], before: Mapping[str, tuple[int, bool]]
) -> Result[tuple[Appended, ...], AppendError]:
    """What each part leads to, from the heads as they are before all of them; the first that can't be."""
    now_at: dict[str, int] = {}
    done: list[Appended] = []
    place = 0
    for part in appends:
        stream = part.stream
        actual = now_at.get(stream)
        if actual is None:
            actual, closed = before.get(stream, _NOTHING)
            if closed:
                return Err(StreamClosedError(stream, actual))
        if not as_expected(part.expected_version, actual):
            return Err(ConcurrencyError(stream, part.expected_version, actual))
        now_at[stream] = actual = actual + len(part.events)
        end = place + len(part.events)
        done.append(Appended(stream, actual, tuple([row.id for row in rows[place:end]])))
        place = end
    return Ok(tuple(done))


def as_expected(expected: int, actual: int) -> bool:
    """Whether a stream at this version meets the expectation."""
    return expected in (ANY, actual) or (expected == STREAM_EXISTS and actual > 0)


def _of_many(
    statement: Prepared, connection: Connection, tenant: str, name: str, texts: list[str]
) -> Iterator[tuple[object, ...]]:
    """The rows of a statement that takes many texts, so many at once that it stays a statement of some size."""
    listed = session_of(connection).backend.listed
    for start in range(0, len(texts), _AT_ONCE):
        values = {"tenant": tenant, name: listed(texts[start : start + _AT_ONCE])}
        yield from statement.rows(connection, values)


def _repeated(
    connection: Connection, tenant: str, appends: Sequence[StreamAppend], known: Mapping[str, StoredEvent]
) -> Result[tuple[Appended, ...], AppendError]:
    """The first result again, if this is the same append again; else why it can't be."""
    done: list[Appended] = []
    versions: dict[str, int] = {}
    for part in appends:
        for event in part.events:
            old = None if event.id is None else known.get(event.id)
            if old is None:
                first = next(iter(known))
                return Err(DuplicateEventError(first, "is stored already, but others of this batch are not"))
            if not same_content(old, part.stream, event):
                return Err(DuplicateEventError(old.id, "is taken by an event with other content"))
            versions[part.stream] = old.version
        version = versions.get(part.stream)
        if version is None:  # nothing was stored by this part: as it was if it said so, else as it is
            said = part.expected_version
            version = said if said >= 0 else head(connection, tenant, part.stream)
        ids = tuple(event.id for event in part.events if event.id is not None)
        done.append(Appended(part.stream, version, ids, repeated=True))
    return Ok(tuple(done))
