"""Search: documents and indexes in the database, and engines that follow them (`building`)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import override

import pyarrow as pa
from sqlalchemy import Connection

from burgee.core.checks import need_text, need_texts, need_whole
from burgee.core.clock import Clock
from burgee.core.errors import ConflictError, InvalidInputError, MissingColumnError, MissingTenantError, NotFoundError
from burgee.core.json import DEEPEST, dumps, is_too_deep, loads_object
from burgee.core.page import LARGEST_PAGE
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import bind_scope, current_scope, require_tenant
from burgee.search import documents as stored
from burgee.search import indexes
from burgee.search.building import Buildings
from burgee.search.errors import SearchUnavailableError
from burgee.search.following import Engine
from burgee.search.given import as_id, of_table
from burgee.search.mapping import as_mapping
from burgee.search.model import (
    Document,
    IndexChange,
    IndexMapping,
    IndexState,
    SearchQuery,
    SearchResult,
    Suggestions,
)
from burgee.search.opening import Opened
from burgee.search.protocol import Refused, SearchService, Unasked
from burgee.search.text.stems import need_stems
from burgee.search.values import field_values
from burgee.store.database import Database

LARGEST_DOCUMENT = 1_000_000
"""Characters of JSON that one document may have."""


class LocalSearchService(SearchService):
    """Search in the database of this workspace, and on its engines."""

    def __init__(self, database: Database, clock: Clock, engines: Opened) -> None:
        self._database = database
        self._indexes = indexes.indexes(clock)
        self._engines = engines
        self._buildings = Buildings(database, self._indexes, engines)

    def close(self) -> None:
        """Give back what the engines hold."""
        self._engines.close()

    @override
    async def list(self) -> Result[tuple[IndexState, ...], MissingTenantError]:
        tenant = require_tenant()

        def work() -> tuple[IndexState, ...]:
            with self._database.read(tenant) as connection:
                return tuple(one for one in self._indexes.page(connection, tenant) if not one.dropped)

        return Ok(await self._database.run(work))

    @override
    async def describe(self, name: str) -> Result[IndexState, NotFoundError | Refused]:
        return await self._with(name, lambda _connection, state: state)

    @override
    async def define(
        self, name: str, mapping: IndexMapping, why: str | None = None
    ) -> Result[IndexState, ConflictError | Refused]:
        tenant = require_tenant()

        try:
            indexes.check_index_name(name)
            need_stems(as_mapping(mapping))
        except InvalidInputError as refused:
            return Err(refused)

        def work() -> Result[IndexState, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                defined = self._indexes.change(
                    connection, tenant, name, lambda state: indexes.created(name, mapping, state), why=why
                )
            if isinstance(defined, Ok):
                self._buildings.made(tenant, defined.value)
            return defined

        return await self._database.run(work)

    @override
    async def put(self, name: str, documents: Mapping[str, Document]) -> Result[int, NotFoundError | Refused]:
        return await self._put(name, documents.items)

    @override
    async def put_table(
        self, name: str, id: str, documents: pa.RecordBatchReader
    ) -> Result[int, NotFoundError | Refused]:
        def given() -> Iterable[tuple[str, Document]]:
            if id not in documents.schema.names:
                raise MissingColumnError(id, documents.schema.names, role="id")
            return of_table(documents, id)

        return await self._put(name, given)

    @override
    async def remove(self, name: str, ids: tuple[str, ...]) -> Result[int, NotFoundError | Refused]:
        def work(connection: Connection, state: IndexState) -> int:
            need_texts("ids", ids)
            return stored.remove(connection, require_tenant(), state.name, ids)

        return await self._write(name, work)

    @override
    async def get(self, name: str, id: str) -> Result[Document, NotFoundError | Refused]:
        def work(connection: Connection, state: IndexState) -> Document:
            need_text("a document's id", id)
            text = stored.get(connection, require_tenant(), state.name, id)
            if text is None:
                raise NotFoundError("document", id)
            return loads_object(text, "a document")

        return await self._with(name, work)

    @override
    async def count(self, name: str) -> Result[int, NotFoundError | Refused]:
        return await self._with(name, lambda connection, state: stored.count(connection, require_tenant(), state.name))

    @override
    async def search(self, name: str, query: SearchQuery) -> Result[SearchResult[Document], Unasked]:
        def ask(engine: Engine, built: str) -> SearchResult[Document]:
            return engine.search(built, query)

        asked = await self._ask(name, ask)
        return asked.map(lambda answer: replace(answer[0], degraded=True) if answer[1] else answer[0])

    @override
    async def suggest(self, name: str, prefix: str, field: str, limit: int = 10) -> Result[Suggestions, Unasked]:
        def ask(engine: Engine, built: str) -> tuple[str, ...]:
            need_whole("limit", limit, least=1)
            return tuple(engine.suggest(built, prefix, field, min(limit, LARGEST_PAGE)))

        asked = await self._ask(name, ask)
        return asked.map(lambda answer: Suggestions(*answer))

    @override
    async def reindex(
        self, name: str, mapping: IndexMapping | None = None, why: str | None = None
    ) -> Result[IndexState, ConflictError | Unasked]:
        tenant = require_tenant()

        def work() -> Result[IndexState, ConflictError | Unasked]:
            if mapping is not None:
                need_stems(as_mapping(mapping))
            # Two events in one call: neither can have the call's idempotency key for its id.
            with bind_scope(replace(current_scope(), idempotency_key=None)):
                return self._buildings.renew(tenant, name, mapping, why)

        return await self._asked(work)

    @override
    async def drop(self, name: str, why: str | None = None) -> Result[bool, ConflictError | Refused]:
        tenant = require_tenant()

        def work() -> Result[bool, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                there = indexes.found(self._indexes, connection, tenant, name)
                if isinstance(there, Err):
                    return Ok(False)
                done = self._indexes.change(connection, tenant, name, lambda _: Ok(indexes.dropped()), why=why)
                if isinstance(done, Err):
                    return done
                stored.clear(connection, tenant, name)
            self._buildings.clear(tenant, name, done.value.reserved + 1)
            return Ok(True)

        return await self._database.run(work)

    @override
    async def history(self, name: str) -> Result[tuple[IndexChange, ...], NotFoundError | Refused]:
        def work(connection: Connection, state: IndexState) -> tuple[IndexChange, ...]:
            return tuple(self._indexes.audit(connection, require_tenant(), state.name, indexes.audited))

        return await self._with(name, work)

    async def _put(
        self, name: str, given: Callable[[], Iterable[tuple[str, Document]]]
    ) -> Result[int, NotFoundError | Refused]:
        def work(connection: Connection, state: IndexState) -> int:
            ready = (_checked(state.mapping, id, document) for id, document in given())
            return stored.put(connection, require_tenant(), state.name, ready)

        return await self._write(name, work)

    async def _with[T](
        self, name: str, work: Callable[[Connection, IndexState], T]
    ) -> Result[T, NotFoundError | Refused]:
        """Read something of an index."""
        tenant = require_tenant()

        def read() -> Result[T, NotFoundError]:
            with self._database.read(tenant) as connection:
                return indexes.found(self._indexes, connection, tenant, name).map(lambda state: work(connection, state))

        return await self._caught(read)

    async def _write(
        self, name: str, work: Callable[[Connection, IndexState], int]
    ) -> Result[int, NotFoundError | Refused]:
        """Change an index's documents, and let the engines know once it is committed."""
        tenant = require_tenant()

        def write() -> Result[int, NotFoundError]:
            with self._database.write(tenant) as connection:
                there = indexes.found(self._indexes, connection, tenant, name)
                if isinstance(there, Err):
                    return there
                done = work(connection, there.value)
            self._buildings.tell(tenant, there.value)
            return Ok(done)

        return await self._caught(write)

    async def _caught[T, E: Exception](
        self, work: Callable[[], Result[T, E]]
    ) -> Result[T, E | NotFoundError | InvalidInputError]:
        """Do it off the loop; what can be expected to go wrong is a value."""

        def caught() -> Result[T, E | NotFoundError | InvalidInputError]:
            try:
                return work()
            except (InvalidInputError, NotFoundError) as error:
                return Err(error)

        return await self._database.run(caught)

    async def _asked[T, E: Exception](self, work: Callable[[], Result[T, E]]) -> Result[T, E | Unasked]:
        """The same where an engine must answer."""

        def asked() -> Result[T, E | SearchUnavailableError]:
            try:
                return work()
            except SearchUnavailableError as error:
                return Err(error)

        return await self._caught(asked)

    async def _ask[T](self, name: str, work: Callable[[Engine, str], T]) -> Result[tuple[T, bool], Unasked]:
        """Ask the engine that is there, once it is up to date; and whether it is the second."""
        tenant = require_tenant()

        def ask() -> Result[tuple[T, bool], Unasked]:
            there = self._buildings.found(tenant, name)
            while isinstance(there, Ok):
                built = self._buildings.built(tenant, name, there.value.generation)
                try:
                    answer = partial(self._buildings.answer, tenant, there.value, work)
                    return Ok(self._buildings.engines().either(built, answer))
                except NotFoundError:
                    asked, there = there.value.generation, self._buildings.found(tenant, name)
                    if isinstance(there, Ok) and there.value.generation == asked:
                        raise  # else it was built anew meanwhile, and what was to be read is gone
            return there

        return await self._asked(ask)


def _checked(mapping: IndexMapping, id: str, document: Document) -> tuple[str, str]:
    """A document as it is stored, if every engine can take it."""
    as_id("a document", id)
    field_values(id, document, mapping)
    text = dumps(document, what=f"document {id!r}")
    if len(text) > LARGEST_DOCUMENT:
        raise InvalidInputError(
            f"the document {id!r} has {len(text):,} characters of JSON; at most {LARGEST_DOCUMENT:,} can be"
        )
    if is_too_deep(text):
        raise InvalidInputError(f"the document {id!r} has more than {DEEPEST} lists and dicts in one another")
    return id, text
