"""What can be asked about flags. All of it happens in the current tenant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from burgee.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import Json
from burgee.core.page import Page
from burgee.core.result import Result
from burgee.flags.analysis.stale import StaleFlag
from burgee.flags.applications.following import FlagsChanged
from burgee.flags.changing.changes import Change, FlagSpec
from burgee.flags.changing.segments import Change as SegmentEdit
from burgee.flags.changing.segments import SegmentSpec
from burgee.flags.model import Evaluation, FlagChange, FlagState, Ruleset, Segment, SegmentChange
from burgee.wire.operation import operation
from burgee.wire.stream import Stream


class FlagService(Protocol):
    """The flags of a tenant."""

    @operation("POST", "/flags/{key}", repeatable=True)
    async def create(
        self, key: str, spec: FlagSpec, why: str | None = None
    ) -> Result[FlagState, AlreadyExistsError | ConflictError | InvalidInputError | MissingTenantError]:
        """Create a flag. It is disabled unless the spec says otherwise."""
        ...

    @operation("GET", "/flags/{key}")
    async def get(self, key: str) -> Result[FlagState, NotFoundError | MissingTenantError]:
        """A flag as it is now."""
        ...

    @operation("GET", "/flags")
    async def list(
        self, after: str | None = None, limit: int = 100, archived: bool = False
    ) -> Result[Page[FlagState], InvalidInputError | MissingTenantError]:
        """The flags by key, a page at a time; archived ones only if asked for."""
        ...

    @operation("PATCH", "/flags/{key}", repeatable=True)
    async def change(
        self, key: str, change: Change, expected_version: int | None = None, why: str | None = None
    ) -> Result[FlagState, ConflictError | InvalidInputError | NotFoundError | MissingTenantError]:
        """Change a flag. With `expected_version` only if nobody changed it since."""
        ...

    @operation("GET", "/flags/{key}/history")
    async def history(self, key: str) -> Result[tuple[FlagChange, ...], NotFoundError | MissingTenantError]:
        """Every change of a flag, oldest first: who, when, why, before and after."""
        ...

    @operation("GET", "/flags/{key}/at")
    async def at(
        self, key: str, time: datetime | None = None, version: int | None = None
    ) -> Result[FlagState, InvalidInputError | NotFoundError | MissingTenantError]:
        """A flag as it was at a time, or at a version."""
        ...

    @operation("POST", "/flags/{key}/evaluate", repeatable=True)
    async def evaluate(
        self, key: str, context: Mapping[str, Json]
    ) -> Result[Evaluation[Json], NotFoundError | MissingTenantError]:
        """What the flag serves to one context, and why. Nothing is stored."""
        ...

    @operation("GET", "/ruleset")
    async def ruleset(self, time: datetime | None = None) -> Result[Ruleset, InvalidInputError | MissingTenantError]:
        """All flags and segments together, as they are at one moment: now, or at a time."""
        ...

    @operation("GET", "/flag-changes")
    async def flag_changes(
        self, after: int | None = None
    ) -> Result[Stream[FlagsChanged], InvalidInputError | MissingTenantError]:
        """The flags and segments that change, as they are then, without an end.

        What changed behind the position `after` comes first, in one message; without it there is only what changes from
        now on.
        """
        ...

    @operation("GET", "/flags/{key}/exposures")
    async def exposures(
        self, key: str, since: datetime | None = None, until: datetime | None = None
    ) -> Result[pa.RecordBatchReader, NotFoundError | MissingTenantError]:
        """The exposures of a flag as a table: when, to whom, which variant, and by which version if they tell."""
        ...

    @operation("GET", "/stale-flags")
    async def stale(self, days: int = 30) -> Result[tuple[StaleFlag, ...], InvalidInputError | MissingTenantError]:
        """Flags that may have done their work: for so many days off, the same for everybody, or seen by nobody."""
        ...

    @operation("POST", "/segments/{key}", repeatable=True)
    async def create_segment(
        self, key: str, spec: SegmentSpec, why: str | None = None
    ) -> Result[Segment, AlreadyExistsError | ConflictError | InvalidInputError | MissingTenantError]:
        """Create a segment: users told by ids, by clauses, or both."""
        ...

    @operation("GET", "/segments/{key}")
    async def get_segment(self, key: str) -> Result[Segment, NotFoundError | MissingTenantError]:
        """A segment as it is now."""
        ...

    @operation("GET", "/segments")
    async def list_segments(
        self, after: str | None = None, limit: int = 20, archived: bool = False
    ) -> Result[Page[Segment], InvalidInputError | MissingTenantError]:
        """The segments by key, a page at a time; archived ones only if asked for."""
        ...

    @operation("PATCH", "/segments/{key}", repeatable=True)
    async def change_segment(
        self, key: str, change: SegmentEdit, expected_version: int | None = None, why: str | None = None
    ) -> Result[Segment, ConflictError | InvalidInputError | NotFoundError | MissingTenantError]:
        """Change a segment. With `expected_version` only if nobody changed it since."""
        ...

    @operation("GET", "/segments/{key}/history")
    async def segment_history(self, key: str) -> Result[tuple[SegmentChange, ...], NotFoundError | MissingTenantError]:
        """Every change of a segment, oldest first: who, when, why, before and after."""
        ...

    @operation("GET", "/segments/{key}/at")
    async def segment_at(
        self, key: str, time: datetime | None = None, version: int | None = None
    ) -> Result[Segment, InvalidInputError | NotFoundError | MissingTenantError]:
        """A segment as it was at a time, or at a version."""
        ...
