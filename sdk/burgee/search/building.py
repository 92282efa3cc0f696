"""What engines hold of indexes: brought up to date, built anew beside what is read, and cleared away.

It is named `tenant.index.log.generation`: the tenant, the index, the first signs of the log's id (so that another
workspace on the same engine never meets it), and how often the index was built. Which generation is read is said by
the database, and changes there in one commit. The alias `tenant.index` says the same to whoever looks at the engine
itself.
"""

from collections.abc import Callable
from contextlib import suppress

from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError
from burgee.core.json import loads_object
from burgee.core.result import Err, Ok, Result
from burgee.search import documents as stored
from burgee.search import indexes
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.following import Engine, Following
from burgee.search.model import Document, IndexMapping, IndexState
from burgee.search.protocol import Unasked
from burgee.search.values import field_values
from burgee.store.aggregates import Aggregates
from burgee.store.database import Database

type Engines = WithFallback[Document]


class Buildings:
    """The built indexes of a workspace, on its engines."""

    def __init__(self, database: Database, all_indexes: Aggregates[IndexState], engines: Callable[[], Engines]) -> None:
        self._database = database
        self._indexes = all_indexes
        self.engines = engines
        self._following = Following(database)

    def answer[T](self, tenant: str, state: IndexState, work: Callable[[Engine, str], T], engine: Engine) -> T:
        """Ask an engine, once it is up to date.

        Raises:
            NotFoundError: there is a newer building than this state says.
        """
        built = self.built(tenant, state.name, state.generation)
        try:
            self._bring(engine, tenant, state)
            return work(engine, built)
        except DamagedIndexError:
            self._bring(engine, tenant, state)
            return work(engine, built)

    def _bring(self, engine: Engine, tenant: str, state: IndexState) -> None:
        """Bring an engine up to where the documents are."""
        built = self.built(tenant, state.name, state.generation)

        def current() -> bool:
            there = self.found(tenant, state.name)
            return isinstance(there, Ok) and there.value.generation == state.generation

        if self._following.fresh(engine, tenant, state.name, built, state.mapping, current):
            engine.point(_alias(tenant, state.name), built)

    def found(self, tenant: str, name: str) -> Result[IndexState, NotFoundError]:
        """The index as it is now."""
        with self._database.read(tenant) as connection:
            return indexes.found(self._indexes, connection, tenant, name)

    def tell(self, tenant: str, state: IndexState) -> None:
        """Let the engines take in what was committed."""
        with suppress(NotFoundError):  # it was built anew meanwhile, or dropped
            self.engines().tell(
                self.built(tenant, state.name, state.generation), lambda engine: self._bring(engine, tenant, state)
            )

    def renew(
        self, tenant: str, name: str, mapping: IndexMapping | None, why: str | None
    ) -> Result[IndexState, ConflictError | Unasked]:
        """Build an index anew beside the one that is read, let it be read when it is whole, and clear the old one."""
        begun = self._reserved(tenant, name, mapping, why)
        if isinstance(begun, Err):
            return begun
        wanted, generation = begun.value
        engine, built = self.engines().first, self.built(tenant, name, generation)
        try:
            engine.create(built, wanted)
            at = self._following.feed(engine, tenant, name, built, 0)
            at = self._following.feed(engine, tenant, name, built, at)
        except NotFoundError:  # another one, begun later, was whole sooner and has cleared this one away
            return self.found(tenant, name)
        done = self._swapped(tenant, name, wanted, generation, at, why)
        if isinstance(done, Ok) and done.value.generation == generation:
            engine.point(_alias(tenant, name), built)
            self.clear(tenant, name, generation)
            self.tell(tenant, done.value)
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
            if there.value.reserved == generation:  # else another one is perhaps building, and must hear of them
                stored.forget_removed(connection, tenant, name, at)
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

    def clear(self, tenant: str, name: str, generation: int) -> None:
        """Remove what was built before, also by those that were killed; never what is being built now."""

        def clear(engine: Engine) -> None:
            prefix = self.built(tenant, name)
            for index in engine.indexes(prefix):
                if int(index.removeprefix(prefix)) < generation:
                    engine.drop(index)

        self._on_both(clear)

    def made(self, tenant: str, state: IndexState) -> None:
        """Let the engines know of an index; what they have of one of that name that was dropped is of no use."""
        if state.generation > 1:
            self.clear(tenant, state.name, state.generation)
        self.tell(tenant, state)

    def _on_both(self, work: Callable[[Engine], None]) -> None:
        engines = self.engines()
        for engine in (engines.first, engines.second):
            if engine is not None:
                with suppress(SearchUnavailableError):  # what is left there is cleared away next time
                    work(engine)

    def built(self, tenant: str, name: str, generation: int | str = "") -> str:
        """The name that an engine has for it."""
        return f"{tenant}.{name}.{self._database.log_id[:8]}.{generation}"


def _alias(tenant: str, name: str) -> str:
    return f"{tenant}.{name}"
