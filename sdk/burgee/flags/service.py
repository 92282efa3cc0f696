"""The flags of a tenant, kept as aggregates in its log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import override

from sqlalchemy import Connection

from burgee.core.checks import need_whole
from burgee.core.clock import Clock, from_us, to_us
from burgee.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import Json
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.flags.applications.following import FlagsChanged, LocalFlagChanges
from burgee.flags.changing.changes import STATE, Change, FlagSpec, Revert, audited, created, decide, evolve
from burgee.flags.changing.rules import check_key
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import Evaluation, FlagChange, FlagState, Ruleset
from burgee.flags.protocol import FlagService
from burgee.store.aggregates import Aggregates
from burgee.store.database import Database
from burgee.store.log import ANY, OWN, NewEvent
from burgee.store.query import last_in, last_position, touched
from burgee.store.watch import Watch
from burgee.wire.stream import Stream


class LocalFlagService(FlagService):
    """Flags in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._flags = Aggregates("flag", STATE, evolve, clock)
        self._watch = Watch(database)

    @override
    async def create(
        self, key: str, spec: FlagSpec, why: str | None = None
    ) -> Result[FlagState, AlreadyExistsError | ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        try:
            event = created(check_key(key), spec)
        except InvalidInputError as error:
            return Err(error)

        def once(state: FlagState | None) -> Result[NewEvent | None, AlreadyExistsError]:
            if state is None:
                return Ok(event)
            where = (
                "in the archive: take it out with restore()"
                if state.archived
                else f"there to use: flags[{key!r}], or create(…, exist_ok=True)"
            )
            return Err(AlreadyExistsError("flag", key, hint=f"it is {where}"))

        def work() -> Result[FlagState, AlreadyExistsError | ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:
                return self._flags.change(connection, tenant, key, once, why=why)

        return await self._database.run(work)

    @override
    async def get(self, key: str) -> Result[FlagState, NotFoundError | MissingTenantError]:
        return await self._reading(key, lambda _connection, state: Ok(state))

    @override
    async def list(
        self, after: str | None = None, limit: int = 100, archived: bool = False
    ) -> Result[Page[FlagState], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[FlagState]:
            with self._database.read(tenant) as connection:
                items = self._flags.page(connection, tenant, after=after or "", limit=limit + 1)
            page = cut(items, limit, lambda flag: flag.key)
            return Page(tuple(flag for flag in page.items if archived or not flag.archived), page.after)

        return Ok(await self._database.run(work))

    @override
    async def change(
        self, key: str, change: Change, expected_version: int | None = None, why: str | None = None
    ) -> Result[FlagState, ConflictError | InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        expected = ANY if expected_version is None else expected_version

        def work() -> Result[FlagState, ConflictError | InvalidInputError | NotFoundError]:
            with self._database.write(tenant) as connection:

                def decided(
                    state: FlagState | None,
                ) -> Result[NewEvent | None, ConflictError | InvalidInputError | NotFoundError]:
                    if state is None:
                        return Err(NotFoundError("flag", key, self._flags.ids(connection, tenant)))
                    earlier = self._version(connection, tenant, key, change.to) if isinstance(change, Revert) else None
                    return decide(change, state, earlier)

                return self._flags.change(connection, tenant, key, decided, expected=expected, why=why)

        return await self._database.run(work)

    @override
    async def history(self, key: str) -> Result[tuple[FlagChange, ...], NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        return await self._reading(
            key, lambda connection, _state: Ok(tuple(self._flags.audit(connection, tenant, key, audited)))
        )

    @override
    async def at(
        self, key: str, time: datetime | None = None, version: int | None = None
    ) -> Result[FlagState, InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        if (time is None) == (version is None):
            return Err(InvalidInputError("give a time or a version, one of the two"))

        def find(connection: Connection, now: FlagState) -> Result[FlagState, InvalidInputError]:
            if version is not None:
                state = self._version(connection, tenant, key, version)
                hint = f"its versions are 1 to {now.version}"
                return (
                    Err(InvalidInputError(f"flag {key!r} has no version {version}", hint=hint))
                    if state is None
                    else Ok(state)
                )
            until = to_us(time)
            states = [
                state
                for event, state in self._flags.replay(connection, tenant, key)
                if to_us(event.recorded_at) <= until
            ]
            hint = f"it was created at {now.created_at}"
            if not states:
                return Err(InvalidInputError(f"flag {key!r} did not exist at {from_us(until)}", hint=hint))
            return Ok(states[-1])

        return await self._reading(key, find)

    @override
    async def evaluate(
        self, key: str, context: Mapping[str, Json]
    ) -> Result[Evaluation[Json], NotFoundError | MissingTenantError]:
        return await self._reading(key, lambda _connection, state: Ok(compile_flag(state).evaluate(context)))

    @override
    async def ruleset(self) -> Result[Ruleset, MissingTenantError]:
        tenant = require_tenant()

        def work() -> Ruleset:
            with self._database.read(tenant) as connection:
                flags = {flag.key: flag for flag in self._flags.page(connection, tenant)}
                return Ruleset(flags, {}, last_in(connection, tenant))

        return Ok(await self._database.run(work))

    @override
    async def flag_changes(
        self, after: int | None = None
    ) -> Result[Stream[FlagsChanged], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Stream[FlagsChanged]:
            if after is not None:
                need_whole("after", after)
            start = last_position(self._database, tenant) if after is None else after
            return LocalFlagChanges(self._database, self._watch, tenant, self._look, start)

        try:
            return Ok(await self._database.run(work))
        except InvalidInputError as error:
            return Err(error)

    def _look(self, tenant: str, after: int) -> FlagsChanged:
        """What changed behind a position."""
        with self._database.read(tenant) as connection:
            found, position = touched(connection, tenant, (f"{OWN}flag", f"{OWN}segment"), after)
            flags = (self._flags.get(connection, tenant, key) for key in found[f"{OWN}flag"])
            return FlagsChanged(position, tuple(flag for flag in flags if flag is not None))

    async def _reading[T, E: Exception](
        self, key: str, use: Callable[[Connection, FlagState], Result[T, E]]
    ) -> Result[T, E | NotFoundError]:
        """Do something with a flag that exists."""
        tenant = require_tenant()

        def work() -> Result[T, E | NotFoundError]:
            with self._database.read(tenant) as connection:
                state = self._flags.get(connection, tenant, key)
                if state is None:
                    return Err(NotFoundError("flag", key, self._flags.ids(connection, tenant)))
                return use(connection, state)

        return await self._database.run(work)

    def _version(self, connection: Connection, tenant: str, key: str, version: int) -> FlagState | None:
        states = self._flags.replay(connection, tenant, key, upto=version)
        return next((state for event, state in states if event.version == version), None)
