"""The words of projections, as frozen values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

type Status = Literal["active", "paused", "failed", "stale"]
"""`active`: it may run; `paused`: it may not; `failed`: an event could not be applied; `stale`: it must begin anew."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The event that could not be applied, and why."""

    position: int
    stream: str
    version: int
    type: str
    why: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a projection has come. `revision` counts the changes of its row, `position` is the last event's."""

    name: str
    position: int
    revision: int
    status: Status
    error: Failure | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredView:
    """A projection's view, as JSON text, with the checkpoint it belongs to."""

    checkpoint: Checkpoint
    state: str


@dataclass(frozen=True, slots=True)
class At:
    """Where the writer of a change believes the projection to be; none of it yet: 0 and 0."""

    position: int = 0
    revision: int = 0
