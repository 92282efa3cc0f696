"""The event log of a tenant: append, ingest, read, and questions answered by DuckDB."""

from collections.abc import Callable, Iterable
from typing import override

import pyarrow as pa
from sqlglot.expressions import Expression

from burgee.analytics import questions
from burgee.analytics.duckdb import DuckDBEngine
from burgee.core.clock import Clock, to_us
from burgee.core.errors import ConflictError, DuplicateEventError, InvalidInputError, MissingTenantError
from burgee.core.json import dumps
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.events.model import (
    ANY,
    STREAM_EXISTS,
    Appended,
    Counts,
    EventQuery,
    Funnel,
    Ingested,
    NewEvent,
    Question,
    StoredEvent,
    StreamAppend,
)
from burgee.events.protocol import EventService
from burgee.events.rows import own_stream, raw_events
from burgee.store import log
from burgee.store import query as reading
from burgee.store.database import Database
from burgee.store.log import OWN, RawEvent, TakenIdError


class LocalEventService(EventService):
    """Events in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock, engine: DuckDBEngine) -> None:
        self._database = database
        self._clock = clock
        self._engine = engine

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
            items = reading.read(self._database, tenant, query, limit=limit + 1)
            return cut(items, limit, lambda event: str(event.position))

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
    async def ask(
        self, query: EventQuery, question: Question
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            tree = _tree(question)
            events = reading.read_batches(self._database, tenant, query).read_all()
            return self._engine.run(tree, {"events": events}).to_reader()

        return await self._reading(work)

    @override
    async def ingest(
        self, events: pa.RecordBatchReader
    ) -> Result[Ingested, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Ingested:
            rows = raw_events(events.read_all())
            try:  # most tables are new, and the database itself refuses an id that is not
                return self._stored(tenant, rows, {})
            except (TakenIdError, InvalidInputError):  # what a rule refuses today may be there from before the rule
                return self._stored(tenant, rows, rows)

        try:
            return Ok(await self._database.run(work))
        except (InvalidInputError, ConflictError) as error:
            return Err(error)

    def _stored(self, tenant: str, rows: dict[str, RawEvent], doubted: Iterable[str]) -> Ingested:
        """Store rows, leaving out those of the doubted ids that are there."""
        with self._database.write(tenant) as connection:
            known = log.by_ids(connection, tenant, doubted, like={id: rows[id].data for id in doubted})
            for id, old in known.items():
                if not _same(old, rows[id]):
                    raise DuplicateEventError(id, "is taken by an event with other content")
            new = [row for id, row in rows.items() if id not in known]
            log.store(connection, self._clock, tenant, new, log.heads(connection, tenant, {r.stream for r in new}))
        return Ingested(len(new), len(known))

    async def _reading[T](self, work: Callable[[], T]) -> Result[T, InvalidInputError]:
        try:
            return Ok(await self._database.run(work))
        except InvalidInputError as error:
            return Err(error)


def _tree(question: Question) -> Expression:
    match question:
        case Counts(per, by):
            return questions.counts(per=per, by=by)
        case Funnel(steps, by, split):
            return questions.funnel(steps, by=by, split=split)


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
