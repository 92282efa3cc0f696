"""The flags and segments of a tenant, kept as aggregates in its log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import override

import pyarrow as pa
from sqlalchemy import Connection

from burgee.core.checks import need_whole
from burgee.core.clock import Clock, from_us
from burgee.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import Json
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.flags.analysis.exposed import exposures, last_exposures
from burgee.flags.analysis.stale import StaleFlag, check_days, reasons
from burgee.flags.applications.following import FlagsChanged, LocalFlagChanges
from burgee.flags.changing import changes, segments
from burgee.flags.changing.changes import Change, FlagSpec, Revert
from burgee.flags.changing.rules import check_key
from burgee.flags.changing.segments import SegmentSpec
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.evaluation.rulesets import refers, segments_named
from burgee.flags.model import Evaluation, FlagChange, FlagState, Ruleset, Segment, SegmentChange
from burgee.flags.protocol import FlagService
from burgee.flags.stored import Stored, state_at, version_of
from burgee.flags.together import Others, check_flag, check_segment, check_segments
from burgee.store.aggregates import Aggregates, Versioned
from burgee.store.database import Database
from burgee.store.log import ANY, NewEvent
from burgee.store.query import last_position
from burgee.store.watch import Watch
from burgee.wire.stream import Stream

type Misfit = ConflictError | InvalidInputError
type Refusal = Misfit | NotFoundError


class LocalFlagService(FlagService):
    """Flags and segments in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._database = database
        self._stored = Stored(clock)
        self._watch = Watch(database)

    @override
    async def create(
        self, key: str, spec: FlagSpec, why: str | None = None
    ) -> Result[FlagState, AlreadyExistsError | ConflictError | InvalidInputError | MissingTenantError]:
        try:
            event = changes.created(check_key(key), spec)
        except InvalidInputError as error:
            return Err(error)
        named = segments_named(changes.applied(None, event.data))
        return await self._created(
            self._stored.flags, "flags", key, event, why, lambda others: check_segments(named, others)
        )

    @override
    async def get(self, key: str) -> Result[FlagState, NotFoundError | MissingTenantError]:
        return await self._reading(self._stored.flags, key, lambda _connection, state: Ok(state))

    @override
    async def list(
        self, after: str | None = None, limit: int = 100, archived: bool = False
    ) -> Result[Page[FlagState], InvalidInputError | MissingTenantError]:
        return await self._page(
            self._stored.flags, after, limit, lambda flag: flag.key, lambda flag: archived or not flag.archived
        )

    @override
    async def change(
        self, key: str, change: Change, expected_version: int | None = None, why: str | None = None
    ) -> Result[FlagState, ConflictError | InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()

        def decided(connection: Connection, state: FlagState) -> Result[NewEvent | None, Refusal]:
            to = changes.reverts_to(change)
            earlier = None if to is None else version_of(self._stored.flags, connection, tenant, key, to)
            event = changes.decide(change, state, earlier)
            if isinstance(event, Err) or event.value is None:
                return event
            after = changes.applied(state, event.value.data)
            return self._fitting(
                self._stored.flags, connection, key, state, event, lambda others: check_flag(state, after, others)
            )

        return await self._changed(self._stored.flags, key, decided, expected_version, why)

    @override
    async def history(self, key: str) -> Result[tuple[FlagChange, ...], NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        flags = self._stored.flags
        return await self._reading(
            flags, key, lambda connection, _state: Ok(tuple(flags.audit(connection, tenant, key, changes.audited)))
        )

    @override
    async def at(
        self, key: str, time: datetime | None = None, version: int | None = None
    ) -> Result[FlagState, InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        flags = self._stored.flags
        return await self._reading(
            flags, key, lambda connection, now: state_at(flags, connection, tenant, key, now, time, version)
        )

    @override
    async def evaluate(
        self, key: str, context: Mapping[str, Json]
    ) -> Result[Evaluation[Json], NotFoundError | MissingTenantError]:
        tenant = require_tenant()

        def asked(connection: Connection, state: FlagState) -> Ok[Evaluation[Json]]:
            ruleset = self._stored.around(connection, tenant, state) if refers(state) else Ruleset()
            return Ok(compile_flag(state, ruleset).evaluate(context))

        return await self._reading(self._stored.flags, key, asked)

    @override
    async def ruleset(self, time: datetime | None = None) -> Result[Ruleset, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Ruleset:
            with self._database.read(tenant) as connection:
                if time is None:
                    return self._stored.ruleset(connection, tenant)
                return self._stored.ruleset_at(connection, tenant, time)

        return Ok(await self._database.run(work))

    @override
    async def flag_changes(
        self, after: int | None = None
    ) -> Result[Stream[FlagsChanged], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def look(after: int) -> FlagsChanged:
            with self._database.read(tenant) as connection:
                return self._stored.changed(connection, tenant, after)

        def work() -> Stream[FlagsChanged]:
            if after is not None:
                need_whole("after", after)
            start = last_position(self._database, tenant) if after is None else after
            return LocalFlagChanges(self._database, self._watch, tenant, look, start)

        try:
            return Ok(await self._database.run(work))
        except InvalidInputError as error:
            return Err(error)

    @override
    async def exposures(
        self, key: str, since: datetime | None = None, until: datetime | None = None
    ) -> Result[pa.RecordBatchReader, NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        return await self._reading(
            self._stored.flags,
            key,
            lambda _connection, _state: Ok(exposures(self._database, tenant, key, since, until)),
        )

    @override
    async def stale(self, days: int = 30) -> Result[tuple[StaleFlag, ...], InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        try:
            check_days(days)
        except InvalidInputError as error:
            return Err(error)

        def work() -> tuple[StaleFlag, ...]:
            with self._database.read(tenant) as connection:
                seen = last_exposures(connection, tenant)
                return tuple(
                    one
                    for versions in self._stored.versions(connection, tenant)
                    for one in reasons(
                        versions,
                        seen.get(versions[0][1].key),
                        recorded=bool(seen),
                        days=days,
                        now=from_us(self._clock.now_us()),
                    )
                )

        return Ok(await self._database.run(work))

    @override
    async def create_segment(
        self, key: str, spec: SegmentSpec, why: str | None = None
    ) -> Result[Segment, AlreadyExistsError | ConflictError | InvalidInputError | MissingTenantError]:
        try:
            event = segments.created(check_key(key, "segment"), spec)
        except InvalidInputError as error:
            return Err(error)
        after = segments.applied(None, event.data)

        def check(others: Others) -> None:
            check_segment(None, after, others)

        return await self._created(self._stored.segments, "segments", key, event, why, check)

    @override
    async def get_segment(self, key: str) -> Result[Segment, NotFoundError | MissingTenantError]:
        return await self._reading(self._stored.segments, key, lambda _connection, state: Ok(state))

    @override
    async def list_segments(
        self, after: str | None = None, limit: int = 20, archived: bool = False
    ) -> Result[Page[Segment], InvalidInputError | MissingTenantError]:
        return await self._page(
            self._stored.segments, after, limit, lambda one: one.key, lambda one: archived or not one.archived
        )

    @override
    async def change_segment(
        self, key: str, change: segments.Change, expected_version: int | None = None, why: str | None = None
    ) -> Result[Segment, ConflictError | InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()

        def decided(connection: Connection, state: Segment) -> Result[NewEvent | None, Refusal]:
            earlier = None
            if isinstance(change, Revert):
                earlier = version_of(self._stored.segments, connection, tenant, key, change.to)
            event = segments.decide(change, state, earlier)
            if isinstance(event, Err) or event.value is None:
                return event
            after = segments.applied(state, event.value.data)
            return self._fitting(
                self._stored.segments, connection, key, state, event, lambda others: check_segment(state, after, others)
            )

        return await self._changed(self._stored.segments, key, decided, expected_version, why)

    @override
    async def segment_history(self, key: str) -> Result[tuple[SegmentChange, ...], NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        kept = self._stored.segments

        def told(connection: Connection, _state: Segment) -> Ok[tuple[SegmentChange, ...]]:
            return Ok(tuple(segments.with_ids(kept.audit(connection, tenant, key, segments.audited))))

        return await self._reading(kept, key, told)

    @override
    async def segment_at(
        self, key: str, time: datetime | None = None, version: int | None = None
    ) -> Result[Segment, InvalidInputError | NotFoundError | MissingTenantError]:
        tenant = require_tenant()
        kept = self._stored.segments
        return await self._reading(
            kept, key, lambda connection, now: state_at(kept, connection, tenant, key, now, time, version)
        )

    async def _created[S: (FlagState, Segment)](
        self,
        aggregates: Aggregates[S],
        place: str,
        key: str,
        event: NewEvent,
        why: str | None,
        check: Callable[[Others], None] = lambda _others: None,
    ) -> Result[S, AlreadyExistsError | ConflictError | InvalidInputError]:
        """Make a new one; `place` is where it is found by its key."""
        tenant = require_tenant()

        def work() -> Result[S, AlreadyExistsError | ConflictError | InvalidInputError]:
            with self._database.write(tenant) as connection:

                def once(state: S | None) -> Result[NewEvent | None, AlreadyExistsError | Misfit]:
                    if state is None:
                        return self._fitting(aggregates, connection, key, None, Ok(event), check)
                    where = (
                        "in the archive: take it out with restore()"
                        if state.archived
                        else f"there to use: {place}[{key!r}], or create(…, exist_ok=True)"
                    )
                    return Err(AlreadyExistsError(aggregates.kind, key, hint=f"it is {where}"))

                return aggregates.change(connection, tenant, key, once, why=why)

        return await self._database.run(work)

    async def _changed[S: Versioned](
        self,
        aggregates: Aggregates[S],
        key: str,
        decide: Callable[[Connection, S], Result[NewEvent | None, Refusal]],
        expected_version: int | None,
        why: str | None,
    ) -> Result[S, Refusal]:
        """Change one that exists."""
        tenant = require_tenant()
        expected = ANY if expected_version is None else expected_version

        def work() -> Result[S, Refusal]:
            with self._database.write(tenant) as connection:

                def decided(state: S | None) -> Result[NewEvent | None, Refusal]:
                    if state is None:
                        return Err(NotFoundError(aggregates.kind, key, aggregates.ids(connection, tenant)))
                    return decide(connection, state)

                return aggregates.change(connection, tenant, key, decided, expected=expected, why=why)

        return await self._database.run(work)

    async def _page[S: Versioned](
        self,
        aggregates: Aggregates[S],
        after: str | None,
        limit: int,
        key: Callable[[S], str],
        wanted: Callable[[S], bool],
    ) -> Result[Page[S], InvalidInputError]:
        tenant = require_tenant()
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[S]:
            with self._database.read(tenant) as connection:
                items = aggregates.page(connection, tenant, after=after or "", limit=limit + 1)
            page = cut(items, limit, key)
            return Page(tuple(filter(wanted, page.items)), page.after)

        return Ok(await self._database.run(work))

    async def _reading[S: Versioned, T, E: Exception](
        self, aggregates: Aggregates[S], key: str, use: Callable[[Connection, S], Result[T, E]]
    ) -> Result[T, E | NotFoundError]:
        """Do something with one that exists."""
        tenant = require_tenant()

        def work() -> Result[T, E | NotFoundError]:
            with self._database.read(tenant) as connection:
                state = aggregates.get(connection, tenant, key)
                if state is None:
                    return Err(NotFoundError(aggregates.kind, key, aggregates.ids(connection, tenant)))
                return use(connection, state)

        return await self._database.run(work)

    def _fitting[S: Versioned](
        self,
        aggregates: Aggregates[S],
        connection: Connection,
        key: str,
        state: S | None,
        event: Ok[NewEvent | None],
        check: Callable[[Others], None],
    ) -> Result[NewEvent | None, Misfit]:
        """The event, unless the check refuses it. What was done before, and is asked again, was checked then."""
        tenant = require_tenant()
        try:
            check(self._stored.others(connection, tenant))
        except (ConflictError, InvalidInputError) as error:
            if aggregates.get(connection, tenant, key) == state:
                return Err(error)
        return event
