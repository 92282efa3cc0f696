"""Questions about a tenant's events: built as a tree, answered by an engine."""

from collections.abc import Callable
from datetime import datetime
from typing import override

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.archive import Archive, ArchiveState
from burgee.analytics.dialects import render
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.engine import Engine
from burgee.analytics.layout import is_conflict, merged_fields
from burgee.analytics.mirror_frame import frame, wants_own
from burgee.analytics.source import Logs, LogSource, answered
from burgee.core.clock import Clock, from_us
from burgee.core.errors import InvalidInputError, MissingExtraError, MissingTenantError, WorkspaceError
from burgee.core.portal import hop
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.questions.catalog import TypeInfo
from burgee.questions.model import Question
from burgee.questions.protocol import QuestionService
from burgee.questions.trees import tree
from burgee.store.query import EventQuery

_BATCH_ROWS = 65_536  # of a table on its way


class LocalQuestionService(QuestionService):
    """Questions about the events of this workspace."""

    def __init__(
        self, logs: Logs, engine: Engine, archive: Archive, clock: Clock, local: DuckDBEngine | None = None
    ) -> None:
        """`local` is what users' SQL and frames run on, whichever engine answers the questions."""
        self._logs = logs
        self._engine = engine
        self._archive = archive
        self._clock = clock
        self._local = local or (engine if isinstance(engine, DuckDBEngine) else DuckDBEngine())

    @override
    async def ask(
        self, query: EventQuery, question: Question
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            def ask(source: LogSource) -> pa.Table:
                return self._engine.answer(self._tree(query, question, source), source)

            return answered(self._logs, tenant, ask, own=wants_own(query)).to_reader()

        return await _asked(work)

    @override
    async def frame(self, query: EventQuery) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            whole = answered(self._logs, tenant, lambda source: frame(query, source, self._local), own=wants_own(query))
            return whole.to_reader(_BATCH_ROWS)

        return await _asked(work)

    @override
    async def sql(
        self, statement: str, as_of: datetime | None = None
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            whole = answered(self._logs, tenant, lambda source: self._local.sql(statement, source, as_of))
            return whole.to_reader(_BATCH_ROWS)

        return await _asked(work)

    @override
    async def types(self) -> Result[tuple[TypeInfo, ...], MissingTenantError]:
        tenant = require_tenant()

        def work() -> tuple[TypeInfo, ...]:
            facts = self._logs.source(tenant).facts
            seen = merged_fields(of.fields for of in facts.values())
            conflicts = frozenset(name for name, kinds in seen.items() if is_conflict(kinds))
            return tuple(TypeInfo.of(type, facts[type], conflicts) for type in sorted(facts))

        return Ok(await hop(work))

    @override
    async def archive(
        self,
    ) -> Result[ArchiveState, InvalidInputError | MissingExtraError | MissingTenantError | WorkspaceError]:
        tenant = require_tenant()

        def refreshed(source: LogSource) -> ArchiveState:
            return self._archive.state(self._archive.refresh(source))

        try:
            return Ok(await hop(lambda: answered(self._logs, tenant, refreshed)))
        except (InvalidInputError, MissingExtraError, WorkspaceError) as error:
            return Err(error)

    @override
    async def text(
        self, query: EventQuery, question: Question, dialect: str, table: str
    ) -> Result[str, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> str:
            source = self._logs.source(tenant, own=wants_own(query))
            return render(self._tree(query, question, source), dialect, table, pretty=True)

        return await _asked(work)

    def _tree(self, query: EventQuery, question: Question, source: LogSource) -> exp.Select:
        return tree(query, question, source.columns, source.types, from_us(self._clock.now_us()))


async def _asked[T](work: Callable[[], T]) -> Result[T, InvalidInputError]:
    try:
        return Ok(await hop(work))
    except InvalidInputError as error:
        return Err(error)
