"""The words of events, as frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from burgee.core.json import Json

ANY = -1
"""`expected_version`: append whatever the stream's version is."""

NO_STREAM = 0
"""`expected_version`: append only if the stream does not exist yet."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as its author gives it. Without `id` one is made; without `occurred_at` it happened now."""

    type: str
    data: dict[str, Json] = field(default_factory=dict)
    metadata: dict[str, Json] = field(default_factory=dict)
    id: str | None = None
    occurred_at: datetime | None = None
    schema_version: int = 1


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the log holds it (R2.1). `position` orders the whole log, `version` its stream, from 1."""

    position: int
    stream: str
    version: int
    id: str
    type: str
    schema_version: int
    data: dict[str, Json]
    metadata: dict[str, Json]
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
class Ingested:
    """What an ingest did: how many events were new and how many were known already."""

    stored: int = 0
    known: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(self.stored + other.stored, self.known + other.known)


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: every filter given must hold.

    `types` are exact or prefixes ending in `*` (`order.*`); `category` is what stands before the first
    `-` in a stream's name; `since` (included) and `until` (excluded) are about `occurred_at`; `after`
    and `upto` are positions (excluded, included); `metadata` compares top-level fields; `as_of` leaves
    out what was recorded later (time travel).
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


type Period = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events, per period of time and by properties (`type`, `stream` or payload fields)."""

    per: Period | None = None
    by: tuple[str, ...] = ()
    kind: Literal["counts"] = "counts"


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many actors (`by`: `stream` or a payload field) did each step, in this order."""

    steps: tuple[str, ...]
    by: str = "stream"
    kind: Literal["funnel"] = "funnel"


type Question = Counts | Funnel
