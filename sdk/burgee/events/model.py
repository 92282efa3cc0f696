"""The words of events, as frozen values. Those that the log itself speaks are made in `store`."""

from dataclasses import dataclass

from burgee.store.log import ANY, NO_STREAM, STREAM_EXISTS, Appended, NewEvent, StoredEvent, StreamAppend
from burgee.store.query import EventQuery

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "Appended",
    "EventQuery",
    "Ingested",
    "NewEvent",
    "StoredEvent",
    "StreamAppend",
]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did: how many events were new and how many were known already."""

    stored: int = 0
    known: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(self.stored + other.stored, self.known + other.known)
