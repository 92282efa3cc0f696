"""What can be asked about events, and how. All of it happens in the current tenant."""

from typing import Protocol

import pyarrow as pa

from burgee.analytics.archive import ArchiveState
from burgee.core.errors import InvalidInputError, MissingExtraError, MissingTenantError, WorkspaceError
from burgee.core.result import Result
from burgee.questions.model import Question
from burgee.store.query import EventQuery
from burgee.wire.operation import operation


class QuestionService(Protocol):
    """Questions about the event log of a tenant, answered where the data is."""

    @operation("POST", "/questions/ask", repeatable=True)
    async def ask(
        self, query: EventQuery, question: Question
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        """Answer a question about these events, as a table."""
        ...

    @operation("POST", "/questions/text", repeatable=True)
    async def text(
        self, query: EventQuery, question: Question, dialect: str, table: str
    ) -> Result[str, InvalidInputError | MissingTenantError]:
        """The question as SQL of that dialect, over a table of this name with the log's columns."""
        ...

    @operation("POST", "/questions/archive", repeatable=True)
    async def archive(
        self,
    ) -> Result[ArchiveState, InvalidInputError | MissingExtraError | MissingTenantError | WorkspaceError]:
        """Bring the tenant's archive to where its log is; says what is in it and where it lies."""
        ...
