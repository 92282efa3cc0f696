"""Questions about a tenant's events: built as a tree, answered by an engine."""

from typing import override

import pyarrow as pa

from burgee.analytics.engine import Engine
from burgee.analytics.source import Logs
from burgee.core.errors import InvalidInputError, MissingTenantError
from burgee.core.portal import hop
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.questions.model import Question
from burgee.questions.protocol import QuestionService
from burgee.questions.trees import tree
from burgee.store.query import EventQuery


class LocalQuestionService(QuestionService):
    """Questions about the events of this workspace."""

    def __init__(self, logs: Logs, engine: Engine) -> None:
        self._logs = logs
        self._engine = engine

    @override
    async def ask(
        self, query: EventQuery, question: Question
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            source = self._logs.source(tenant, own=query.own)
            return self._engine.answer(tree(query, question, source.columns), source).to_reader()

        try:
            return Ok(await hop(work))
        except InvalidInputError as error:
            return Err(error)
