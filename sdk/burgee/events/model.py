"""The words of events, as frozen values. Those that the log itself speaks are made in `store`."""

from dataclasses import dataclass
from typing import Literal

from burgee.core.checks import need_text, need_texts
from burgee.core.periods import Period
from burgee.store.log import ANY, NO_STREAM, STREAM_EXISTS, Appended, NewEvent, StoredEvent, StreamAppend
from burgee.store.query import EventQuery

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "Appended",
    "Counts",
    "EventQuery",
    "Funnel",
    "Ingested",
    "NewEvent",
    "Period",
    "Question",
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


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events, per period of time and by properties (`type`, `stream` or payload fields)."""

    per: Period | None = None
    by: tuple[str, ...] = ()
    kind: Literal["counts"] = "counts"

    def __post_init__(self) -> None:
        need_texts("a property", self.by)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many actors (`by`: `stream` or a payload field) did each step, in this order.

    `split` names a payload field of the first step's event: one funnel for each of its values.
    """

    steps: tuple[str, ...]
    by: str = "stream"
    split: str | None = None
    kind: Literal["funnel"] = "funnel"

    def __post_init__(self) -> None:
        need_texts("a step", self.steps)
        need_text("by", self.by)
        if self.split is not None:
            need_text("split", self.split)


type Question = Counts | Funnel
