"""What can be asked about events. All of it happens in the current tenant."""

from typing import Protocol

import pyarrow as pa

from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError
from burgee.core.page import Page
from burgee.core.result import Result
from burgee.events.model import (
    ANY,
    STREAM_EXISTS,
    Appended,
    EventQuery,
    Ingested,
    NewEvent,
    Snapshot,
    StoredEvent,
    StreamAppend,
)
from burgee.wire.operation import operation
from burgee.wire.stream import Stream


class EventService(Protocol):
    """The event log of a tenant."""

    @operation("POST", "/events/append", repeatable=True)
    async def append(
        self, stream: str, events: tuple[NewEvent, ...], expected_version: int = ANY
    ) -> Result[Appended, ConflictError | InvalidInputError | MissingTenantError]:
        """Append events to one stream, all or nothing.

        `expected_version` is the version the stream must have: a number, 0 for a stream that must not exist
        yet, -1 for whatever it is, -2 for whatever it is if it exists. The same event ids with the same content
        again are a no-op.
        """
        ...

    @operation("POST", "/events/append-many", repeatable=True)
    async def append_many(
        self, appends: tuple[StreamAppend, ...]
    ) -> Result[tuple[Appended, ...], ConflictError | InvalidInputError | MissingTenantError]:
        """Append to several streams, all or nothing; each part says which version its stream must have."""
        ...

    @operation("POST", "/events/close", repeatable=True)
    async def close_stream(
        self, stream: str, expected_version: int = STREAM_EXISTS
    ) -> Result[Appended, ConflictError | InvalidInputError | MissingTenantError]:
        """Close a stream for good: it can be read, but nothing can be appended to it. Closing it again is a no-op."""
        ...

    @operation("POST", "/events/read", repeatable=True)
    async def read(
        self, query: EventQuery, limit: int = 100
    ) -> Result[Page[StoredEvent], InvalidInputError | MissingTenantError]:
        """Events by position, a page at a time: `after` of the page goes into the next query."""
        ...

    @operation("POST", "/events/stream", repeatable=True)
    async def stream(
        self, stream: str, after: int = 0, upto: int | None = None, limit: int = 1000
    ) -> Result[Page[StoredEvent], InvalidInputError | MissingTenantError]:
        """The events of one stream by version, those with `after < version <= upto`, a page at a time."""
        ...

    @operation("POST", "/events/snapshot", repeatable=True)
    async def snapshot(self, stream: str, kind: str) -> Result[Snapshot | None, InvalidInputError | MissingTenantError]:
        """What a repository of this kind of aggregate kept beside a stream; none if it kept nothing."""
        ...

    @operation("PUT", "/events/snapshot")
    async def keep_snapshot(
        self, stream: str, kind: str, snapshot: Snapshot
    ) -> Result[bool, InvalidInputError | MissingTenantError]:
        """Keep the state of a stream's aggregate; false where a newer one is there. Never one ahead of its stream."""

    @operation("POST", "/events/follow", repeatable=True)
    async def follow(
        self, query: EventQuery, after: int | None = None
    ) -> Result[Stream[StoredEvent], InvalidInputError | MissingTenantError]:
        """Events as they are stored, in the order of the log, without an end.

        Those beyond the position `after` come first; without it there are only those that are stored from now on.
        What ends by itself is refused in the query: `limit`, `upto`, `as_of`.
        """
        ...

    @operation("POST", "/events/count", repeatable=True)
    async def count(self, query: EventQuery) -> Result[int, InvalidInputError | MissingTenantError]:
        """How many events there are."""
        ...

    @operation("POST", "/events/table", repeatable=True)
    async def table(self, query: EventQuery) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        """The events as a table: raw columns, `data` and `metadata` as JSON text."""
        ...

    @operation("POST", "/events/ingest", repeatable=True)
    async def ingest(
        self, events: pa.RecordBatchReader, keep_first: bool = False
    ) -> Result[Ingested, ConflictError | InvalidInputError | MissingTenantError]:
        """Store a table of events, all or nothing; those whose ids are known already are left out.

        With `keep_first` also where the event known has other content: the first is the one that counts.

        Columns: `id, stream, type, occurred_at, data, metadata` and, if not 1, `schema_version`; `data` and `metadata`
        as JSON text.
        """
        ...
