"""Events as values: as their author gives them, as the log holds them, and what may be in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from burgee.core.checks import need_mapping, need_whole
from burgee.core.clock import from_us, to_us
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json, dumps, loads
from burgee.store import registry, typed

ANY = -1
"""`expected_version`: append whatever the stream's version is."""

NO_STREAM = 0
"""`expected_version`: append only if the stream does not exist yet."""

STREAM_EXISTS = -2
"""`expected_version`: append at any version, but only if the stream exists."""

OWN = "$"
"""Streams and types that begin with this are burgee's own; nobody else may append to or with them."""

CLOSED = "$closed"
"""The type of the event that closes a stream."""

_LONGEST_NAME = 512
_MOST_VERSION = 2**31 - 1
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


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
        if self.schema_version > _MOST_VERSION:
            raise InvalidInputError(f"a schema version is at most {_MOST_VERSION}, not {self.schema_version}")
        if self.occurred_at is not None:  # ISO 8601 text and dates will do, too
            object.__setattr__(self, "occurred_at", from_us(to_us(self.occurred_at)))

    @classmethod
    def of(
        cls,
        event: object,
        *,
        metadata: Mapping[str, Json] | None = None,
        id: str | None = None,
        occurred_at: datetime | None = None,
    ) -> "NewEvent":
        """An object of a class registered with `@burgee.event`, with what stands beside its data.

        Raises:
            PayloadError: a field holds what its annotation does not allow.
        """
        name, version, data = typed.encode(event)
        return cls(name, data, metadata or {}, id, occurred_at, version)


@dataclass(frozen=True, slots=True)
class StreamAppend:
    """What one stream gets in an append to several."""

    stream: str
    events: tuple[NewEvent, ...] = ()
    expected_version: int = ANY


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

    @property
    def event(self) -> object:
        """The typed event, upcast to the newest version, where a class is registered for its type; else none."""
        return typed.decode(self.type, self.schema_version, self.data, self._where)

    def current(self) -> "StoredEvent":
        """The event with its data upcast to the newest version known here; itself, if it is that already."""
        version, data = registry.upcast(self.type, self.schema_version, self.data, self._where)
        return self if version == self.schema_version else replace(self, schema_version=version, data=data)

    @property
    def _where(self) -> str:
        return f"version {self.version} of stream {self.stream!r}"


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: the stream, its version now, and the events' ids. `repeated`: they were there already."""

    stream: str
    version: int
    ids: tuple[str, ...]
    repeated: bool = False


class RawEvent(NamedTuple):
    """An event ready to be stored: texts and microseconds, no version yet."""

    stream: str
    id: str
    type: str
    data: str
    metadata: str
    occurred_at: int
    schema_version: int = 1


def stored(row: Sequence[Any]) -> StoredEvent:
    """A row of the table, all its columns in their order, as a value."""
    position, _, stream, version, id, type, schema_version, data, metadata, occurred_at, recorded_at = row
    return StoredEvent(
        position,
        stream,
        version,
        id,
        type,
        schema_version,
        loads_object(data),
        loads_object(metadata),
        from_us(occurred_at),
        from_us(recorded_at),
    )


def raw(stream: str, id: str, event: NewEvent, now: int) -> RawEvent:
    """An event as its stream will hold it."""
    if event.type.startswith(OWN):
        raise InvalidInputError(
            f"the event type {event.type!r} can't be used: types that begin with {OWN!r} are burgee's own"
        )
    return RawEvent(
        stream,
        id,
        event.type,
        dumps_object(event.data, what="event"),
        dumps_object(event.metadata, what="event's metadata"),
        now if event.occurred_at is None else to_us(event.occurred_at),
        event.schema_version,
    )


def dumps_object(value: Mapping[str, Json], *, what: str) -> str:
    """A JSON object as the log keeps it."""
    if not value:
        return "{}"
    return check_json(dumps(value if type(value) is dict else dict(value), what=what))


def loads_object(text: str) -> dict[str, Json]:
    """A JSON object from text."""
    if text == "{}":  # most metadata
        return {}
    value = loads(text)
    if not isinstance(value, dict):
        raise InvalidInputError(f"expected a JSON object, found {text[:60]!r}")
    return value


def check_json(text: str) -> str:
    """JSON that every database can work with: PostgreSQL's has no NUL character."""
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidInputError("a NUL character can't be stored", hint="leave it out of the event's texts and names")
    return text


def check_name(what: str, name: object) -> str:
    """A name that can be stored: text, not empty, not too long, without control characters."""
    if not isinstance(name, str):
        raise InvalidInputError(f"the {what} must be text, not {type(name).__name__}")
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidInputError(f"the {what} must have 1 to {_LONGEST_NAME} characters; this one has {len(name)}")
    if not name.isprintable():
        raise InvalidInputError(f"the {what} {name!r} holds characters that can't be printed")
    return name


def check_names(what: str, names: Sequence[str]) -> None:
    """The same for many texts, at once: in pieces, a million of them would take longer than storing them."""
    if not names or (
        "".join(names).isprintable() and 0 < min(map(len, names)) <= max(map(len, names)) <= _LONGEST_NAME
    ):
        return
    for name in names:
        check_name(what, name)


def check_expected(expected: object) -> int:
    """An expected version: `ANY`, `NO_STREAM`, `STREAM_EXISTS` or the version itself."""
    if not isinstance(expected, int) or isinstance(expected, bool) or expected < STREAM_EXISTS:
        raise InvalidInputError(
            f"expected_version can't be {expected!r}",
            hint="give the stream's version, burgee.NO_STREAM (a new stream), burgee.STREAM_EXISTS or burgee.ANY",
        )
    return expected


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
