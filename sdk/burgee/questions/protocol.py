"""What can be asked about events, and how. All of it happens in the current tenant."""

from datetime import datetime
from typing import Protocol

import pyarrow as pa

from burgee.analytics.archive import ArchiveState
from burgee.core.errors import InvalidInputError, MissingExtraError, MissingTenantError, WorkspaceError
from burgee.core.result import Result
from burgee.questions.catalog import TypeInfo
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

    @operation("POST", "/questions/frame", repeatable=True)
    async def frame(self, query: EventQuery) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        """These events as a table with a typed column for each payload field."""
        ...

    @operation("POST", "/questions/sql", repeatable=True)
    async def sql(
        self, statement: str, as_of: datetime | None = None
    ) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        """Answer one SELECT over the views `events` and one per type; `as_of`: over what was recorded up to then."""
        ...

    @operation("GET", "/questions/types")
    async def types(self) -> Result[tuple[TypeInfo, ...], MissingTenantError]:
        """The types of events, with what is known of each."""
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
