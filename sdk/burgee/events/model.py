"""The words of events, as frozen values. Those that the log itself speaks are made in `store`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from burgee.core.json import Json
from burgee.store.log import ANY, NO_STREAM, STREAM_EXISTS, Appended, NewEvent, StoredEvent, StreamAppend
from burgee.store.query import EventQuery
from burgee.store.snapshots import Snapshot

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "Appended",
    "EventQuery",
    "Given",
    "Ingested",
    "NewEvent",
    "Snapshot",
    "StoredEvent",
    "StreamAppend",
]


class Dataclass(Protocol):
    """Whatever is a dataclass, as type checkers tell it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


type Given = NewEvent | Mapping[str, Json] | Dataclass | BaseModel
"""What can be appended: an event, a dict of its fields, or an object of a class registered with `@burgee.event`."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did: how many events were new and how many were known already."""

    stored: int = 0
    known: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(self.stored + other.stored, self.known + other.known)
