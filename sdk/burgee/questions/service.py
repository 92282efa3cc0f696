"""Questions about a tenant's events: built as a tree, answered by an engine."""

from typing import override

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.archive import Archive, ArchiveState
from burgee.analytics.dialects import render
from burgee.analytics.engine import Engine
from burgee.analytics.source import Logs, LogSource, answered
from burgee.core.clock import Clock, from_us
from burgee.core.errors import InvalidInputError, MissingExtraError, MissingTenantError, WorkspaceError
from burgee.core.portal import hop
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.questions.model import Question
from burgee.questions.protocol import QuestionService
from burgee.questions.trees import tree
from burgee.store.log import OWN
from burgee.store.query import EventQuery


class LocalQuestionService(QuestionService):
    """Questions about the events of this workspace."""

    def __init__(self, logs: Logs, engine: Engine, archive: Archive, clock: Clock) -> None:
        self._logs = logs
        self._engine = engine
        self._archive = archive
        self._clock = clock

    @override
    async def ask(
        self, query: EventQuery, question: Question
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            source = self._source(tenant, query)
            return self._engine.answer(self._tree(query, question, source), source).to_reader()

        try:
            return Ok(await hop(work))
        except InvalidInputError as error:
            return Err(error)

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
            return render(self._tree(query, question, self._source(tenant, query)), dialect, table, pretty=True)

        try:
            return Ok(await hop(work))
        except InvalidInputError as error:
            return Err(error)

    def _source(self, tenant: str, query: EventQuery) -> LogSource:
        """The log, with burgee's own events where the query asks for them or names one of their streams."""
        named = query.stream is not None and query.stream.startswith(OWN)
        return self._logs.source(tenant, own=query.own or named)

    def _tree(self, query: EventQuery, question: Question, source: LogSource) -> exp.Select:
        return tree(query, question, source.columns, source.types, from_us(self._clock.now_us()))
