"""The event log of a tenant: append, ingest and read."""

from collections.abc import Callable, Iterable
from typing import override

import pyarrow as pa

from burgee.core.checks import need_whole
from burgee.core.clock import Clock, to_us
from burgee.core.errors import ConflictError, DuplicateEventError, InvalidInputError, MissingTenantError
from burgee.core.json import dumps
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.events.following import LocalStream, start
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
from burgee.events.protocol import EventService
from burgee.events.rows import own_stream, raw_events
from burgee.store import log, snapshots
from burgee.store import query as reading
from burgee.store.database import Database
from burgee.store.log import OWN, RawEvent, TakenIdError
from burgee.store.watch import Watch
from burgee.wire.stream import Stream


class LocalEventService(EventService):
    """Events in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watch = Watch(database)

    @override
    async def append(
        self, stream: str, events: tuple[NewEvent, ...], expected_version: int = ANY
    ) -> Result[Appended, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if str(stream).startswith(OWN):
            return Err(own_stream(stream))

        def work() -> Result[Appended, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                return log.append(connection, self._clock, tenant, stream, events, expected_version)

        return await self._database.run(work)

    @override
    async def append_many(
        self, appends: tuple[StreamAppend, ...]
    ) -> Result[tuple[Appended, ...], ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        for part in appends:
            if str(part.stream).startswith(OWN):
                return Err(own_stream(part.stream))

        def work() -> Result[tuple[Appended, ...], ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                return log.append_many(connection, self._clock, tenant, appends)

        return await self._database.run(work)

    @override
    async def close_stream(
        self, stream: str, expected_version: int = STREAM_EXISTS
    ) -> Result[Appended, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if str(stream).startswith(OWN):
            return Err(own_stream(stream))

        def work() -> Result[Appended, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                return log.close_stream(connection, self._clock, tenant, stream, expected_version)

        return await self._database.run(work)

    @override
    async def read(
        self, query: EventQuery, limit: int = 100
    ) -> Result[Page[StoredEvent], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[StoredEvent]:
            most = limit + 1 if query.limit is None else min(query.limit, limit + 1)
            items = reading.read(self._database, tenant, query, limit=most)
            return cut(items, limit, lambda event: str(event.position))

        return await self._reading(work)

    @override
    async def stream(
        self, stream: str, after: int = 0, upto: int | None = None, limit: int = 1000
    ) -> Result[Page[StoredEvent], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[StoredEvent]:
            need_whole("after", after)
            if upto is not None:
                need_whole("upto", upto)
            with self._database.read(tenant) as connection:
                found = log.read_stream(connection, tenant, stream, after=after, upto=upto, limit=limit + 1)
                return cut(list(found), limit, lambda event: str(event.version))

        return await self._reading(work)

    @override
    async def snapshot(self, stream: str, kind: str) -> Result[Snapshot | None, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Snapshot | None:
            with self._database.read(tenant) as connection:
                return snapshots.get(connection, tenant, stream, kind)

        return await self._reading(work)

    @override
    async def keep_snapshot(
        self, stream: str, kind: str, snapshot: Snapshot
    ) -> Result[bool, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> bool:
            log.check_name("kind", kind)
            with self._database.write(tenant) as connection:
                return snapshots.keep(connection, tenant, stream, kind, snapshot)

        return await self._reading(work)

    @override
    async def follow(
        self, query: EventQuery, after: int | None = None
    ) -> Result[Stream[StoredEvent], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Stream[StoredEvent]:
            return LocalStream(self._database, self._watch, tenant, query, start(self._database, tenant, query, after))

        return await self._reading(work)

    @override
    async def count(self, query: EventQuery) -> Result[int, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        return await self._reading(lambda: reading.count(self._database, tenant, query))

    @override
    async def table(self, query: EventQuery) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        return await self._reading(lambda: reading.read_batches(self._database, tenant, query))

    @override
    async def ingest(
        self, events: pa.RecordBatchReader, keep_first: bool = False
    ) -> Result[Ingested, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Ingested:
            rows = raw_events(events.read_all())
            try:  # most tables are new, and the database itself refuses an id that is not
                return self._stored(tenant, rows, {}, keep_first)
            except (TakenIdError, InvalidInputError):  # what a rule refuses today may be there from before the rule
                return self._stored(tenant, rows, rows, keep_first)

        try:
            return Ok(await self._database.run(work))
        except (InvalidInputError, ConflictError) as error:
            return Err(error)

    def _stored(self, tenant: str, rows: dict[str, RawEvent], doubted: Iterable[str], keep_first: bool) -> Ingested:
        """Store rows, leaving out those of the doubted ids that are there."""
        with self._database.write(tenant) as connection:
            known = log.by_ids(connection, tenant, doubted, like={id: rows[id].data for id in doubted})
            for id, old in known.items():
                if not keep_first and not _same(old, rows[id]):
                    raise DuplicateEventError(id, "is taken by an event with other content")
            new = [row for id, row in rows.items() if id not in known]
            log.store(connection, self._clock, tenant, new, log.heads(connection, tenant, {r.stream for r in new}))
        return Ingested(len(new), len(known))

    async def _reading[T](self, work: Callable[[], T]) -> Result[T, InvalidInputError]:
        try:
            return Ok(await self._database.run(work))
        except InvalidInputError as error:
            return Err(error)


def _same(old: StoredEvent, row: RawEvent) -> bool:
    kept = (old.stream, old.type, old.schema_version, dumps(old.data), dumps(old.metadata), to_us(old.occurred_at))
    return kept == (
        row.stream,
        row.type,
        row.schema_version,
        row.data,
        row.metadata,
        row.occurred_at,
    )
