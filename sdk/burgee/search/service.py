"""Search: documents and indexes in the database, and engines that follow them.

What an engine holds of an index is named `tenant.index.log.generation`: the tenant, the index, the first signs of the
log's id (so that another workspace on the same engine never meets it), and how often the index was built. Which
generation is read is said by the database, and changes there in one commit. The alias `tenant.index` says the same to
whoever looks at the engine itself.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import override

import pyarrow as pa
from sqlalchemy import Connection

from burgee.core.checks import need_text, need_texts, need_whole
from burgee.core.clock import Clock
from burgee.core.errors import ConflictError, InvalidInputError, MissingColumnError, MissingTenantError, NotFoundError
from burgee.core.json import dumps, loads_object
from burgee.core.page import LARGEST_PAGE
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import bind_scope, current_scope, require_tenant
from burgee.search import documents as stored
from burgee.search import indexes
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.following import Engine, Following
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
from burgee.search.protocol import Refused, SearchService, Unasked
from burgee.search.values import field_values
from burgee.store.database import Database

type Engines = WithFallback[Document]

LARGEST_DOCUMENT = 1_000_000
"""Characters of JSON that one document may have."""


class LocalSearchService(SearchService):
    """Search in the database of this workspace, and on its engines."""

    def __init__(self, database: Database, clock: Clock, engines: Callable[[], Engines]) -> None:
        self._database = database
        self._indexes = indexes.indexes(clock)
        self._engines = engines
        self._following = Following(database)

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
            as_mapping(mapping)
        except InvalidInputError as refused:
            return Err(refused)

        def work() -> Result[IndexState, ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                defined = self._indexes.change(
                    connection, tenant, name, lambda state: indexes.created(name, mapping, state), why=why
                )
            if isinstance(defined, Ok):
                self._made(tenant, defined.value)
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
                as_mapping(mapping)
            # Two events in one call: neither can have the call's idempotency key for its id.
            with bind_scope(replace(current_scope(), idempotency_key=None)):
                return self._reindexed(tenant, name, mapping, why)

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
            self._clear(tenant, name, done.value.reserved + 1)
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
            self._tell(tenant, there.value)
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
            there = self._found(tenant, name)
            while isinstance(there, Ok):
                try:
                    return Ok(self._engines().either(partial(self._answer, tenant, there.value, work)))
                except NotFoundError:
                    asked, there = there.value.generation, self._found(tenant, name)
                    if isinstance(there, Ok) and there.value.generation == asked:
                        raise  # else it was built anew meanwhile, and what was to be read is gone
            return there

        return await self._asked(ask)

    def _answer[T](self, tenant: str, state: IndexState, work: Callable[[Engine, str], T], engine: Engine) -> T:
        built = self._built(tenant, state.name, state.generation)
        try:
            self._bring(engine, tenant, state)
            return work(engine, built)
        except DamagedIndexError:
            engine.create(built, state.mapping)
            self._bring(engine, tenant, state)
            return work(engine, built)

    def _bring(self, engine: Engine, tenant: str, state: IndexState) -> None:
        """Bring an engine up to where the documents are."""
        built = self._built(tenant, state.name, state.generation)
        if self._following.fresh(engine, tenant, state.name, built, state.mapping):
            engine.point(_alias(tenant, state.name), built)

    def _found(self, tenant: str, name: str) -> Result[IndexState, NotFoundError]:
        with self._database.read(tenant) as connection:
            return indexes.found(self._indexes, connection, tenant, name)

    def _tell(self, tenant: str, state: IndexState) -> None:
        """Let the engines take in what was committed."""
        with suppress(NotFoundError):  # it was built anew meanwhile, or dropped
            self._engines().tell(lambda engine: self._bring(engine, tenant, state))

    def _reindexed(
        self, tenant: str, name: str, mapping: IndexMapping | None, why: str | None
    ) -> Result[IndexState, ConflictError | Unasked]:
        begun = self._reserved(tenant, name, mapping, why)
        if isinstance(begun, Err):
            return begun
        wanted, generation = begun.value
        engine, built = self._engines().first, self._built(tenant, name, generation)
        try:
            engine.create(built, wanted)
            at = self._following.feed(engine, tenant, name, built, 0)
            at = self._following.feed(engine, tenant, name, built, at)
        except NotFoundError:  # another one, begun later, was whole sooner and has cleared this one away
            return self._found(tenant, name)
        done = self._swapped(tenant, name, wanted, generation, at, why)
        if isinstance(done, Ok) and done.value.generation == generation:
            engine.point(_alias(tenant, name), built)
            self._clear(tenant, name, generation)
            self._tell(tenant, done.value)
        return done

    def _swapped(
        self, tenant: str, name: str, mapping: IndexMapping, generation: int, at: int, why: str | None
    ) -> Result[IndexState, ConflictError | InvalidInputError | NotFoundError]:
        """Let readers see the new building, unless a newer one was faster.

        What was written since the engine took everything in goes there with the next use, so it must fit, too.
        """
        with self._database.write(tenant) as connection:
            there = indexes.found(self._indexes, connection, tenant, name)
            if isinstance(there, Err) or there.value.generation > generation:
                return there
            for row in stored.since(connection, tenant, name, at):
                if row.data is not None:
                    field_values(row.id, loads_object(row.data, "a document"), mapping)
            event = indexes.rebuilt(mapping, generation)
            return self._indexes.change(connection, tenant, name, lambda _: Ok(event), why=why)

    def _reserved(
        self, tenant: str, name: str, mapping: IndexMapping | None, why: str | None
    ) -> Result[tuple[IndexMapping, int], ConflictError | InvalidInputError | NotFoundError]:
        """The mapping to build with, and a generation that nobody else builds."""
        with self._database.write(tenant) as connection:
            there = indexes.found(self._indexes, connection, tenant, name)
            if isinstance(there, Err):
                return there
            wanted, generation = mapping or there.value.mapping, there.value.reserved + 1
            event = indexes.reserved(wanted, generation)
            changed = self._indexes.change(connection, tenant, name, lambda _: Ok(event), why=why)
            return changed.map(lambda _: (wanted, generation))

    def _clear(self, tenant: str, name: str, generation: int) -> None:
        """Remove what was built before, also by those that were killed; never what is being built now."""

        def clear(engine: Engine) -> None:
            prefix = self._built(tenant, name)
            for index in engine.indexes(prefix):
                if int(index.removeprefix(prefix)) < generation:
                    engine.drop(index)

        self._on_both(clear)

    def _made(self, tenant: str, state: IndexState) -> None:
        """Let the engines know of an index; what they have of one of that name that was dropped is of no use."""
        if state.generation > 1:
            self._clear(tenant, state.name, state.generation)
        self._tell(tenant, state)

    def _on_both(self, work: Callable[[Engine], None]) -> None:
        engines = self._engines()
        for engine in (engines.first, engines.second):
            if engine is not None:
                with suppress(SearchUnavailableError):  # what is left there is cleared away next time
                    work(engine)

    def _built(self, tenant: str, name: str, generation: int | str = "") -> str:
        return f"{tenant}.{name}.{self._database.log_id[:8]}.{generation}"


def _alias(tenant: str, name: str) -> str:
    return f"{tenant}.{name}"


def _checked(mapping: IndexMapping, id: str, document: Document) -> tuple[str, str]:
    """A document as it is stored, if every engine can take it."""
    as_id("a document", id)
    field_values(id, document, mapping)
    text = dumps(document, what=f"document {id!r}")
    if len(text) > LARGEST_DOCUMENT:
        raise InvalidInputError(
            f"the document {id!r} has {len(text):,} characters of JSON; at most {LARGEST_DOCUMENT:,} can be"
        )
    return id, text
