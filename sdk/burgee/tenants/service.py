"""The tenants of a workspace, kept as aggregates in the workspace's own log."""

import re
from collections.abc import Mapping
from typing import override

from pydantic import TypeAdapter
from sqlalchemy import Connection

from burgee.core.clock import Clock
from burgee.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from burgee.core.json import Json
from burgee.core.page import Page, cut, wrong_limit
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import SYSTEM_TENANT, current_caller, unless_admin
from burgee.store.aggregates import Aggregates
from burgee.store.database import Database
from burgee.store.log import ANY, NewEvent, StoredEvent
from burgee.tenants.model import TenantChange, TenantState
from burgee.tenants.protocol import TenantService

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class LocalTenantService(TenantService):
    """Tenants in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._tenants = Aggregates("tenant", TypeAdapter(TenantState), _evolve, clock)

    @override
    async def create(
        self, id: str, name: str | None = None
    ) -> Result[TenantState, AlreadyExistsError | ConflictError | InvalidInputError | PermissionDeniedError]:
        if refused := unless_admin("creating a tenant"):
            return refused
        if not _ID.fullmatch(str(id)):
            hint = "1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
            return Err(InvalidInputError(f"{id!r} can't be a tenant's id", hint=hint))

        def decide(state: TenantState | None) -> Result[NewEvent | None, AlreadyExistsError]:
            if state is not None:
                return Err(
                    AlreadyExistsError(
                        "tenant", id, hint=f"it is there to use: ws.tenant({id!r}), or create(…, exist_ok=True)"
                    )
                )
            return Ok(NewEvent("tenant.created", {"id": id, "name": name or id}))

        def work() -> Result[TenantState, AlreadyExistsError | ConflictError | InvalidInputError]:
            with self._database.write(SYSTEM_TENANT) as connection:
                return self._tenants.change(connection, SYSTEM_TENANT, id, decide)

        return await self._database.run(work)

    @override
    async def get(self, id: str) -> Result[TenantState, NotFoundError]:
        def work() -> Result[TenantState, NotFoundError]:
            with self._database.read(SYSTEM_TENANT) as connection:
                return self._visible(connection, id)

        return await self._database.run(work)

    @override
    async def list(self, after: str | None = None, limit: int = 100) -> Result[Page[TenantState], InvalidInputError]:
        if refused := wrong_limit(limit):
            return refused

        def work() -> Page[TenantState]:
            with self._database.read(SYSTEM_TENANT) as connection:
                only = current_caller().confined_to
                if only is not None:
                    found = self._tenants.get(connection, SYSTEM_TENANT, only)
                    return Page((found,) if found is not None else ())
                items = self._tenants.page(connection, SYSTEM_TENANT, after=after or "", limit=limit + 1)
                return cut(items, limit, lambda tenant: tenant.id)

        return Ok(await self._database.run(work))

    @override
    async def configure(
        self, id: str, settings: Mapping[str, Json], expected_version: int | None = None, why: str | None = None
    ) -> Result[TenantState, ConflictError | InvalidInputError | NotFoundError]:
        def decide(state: TenantState | None) -> Result[NewEvent | None, NotFoundError]:
            if state is None:
                return Err(NotFoundError("tenant", id))
            changed = {name: value for name, value in settings.items() if state.settings.get(name) != value}
            return Ok(NewEvent("tenant.configured", {"settings": changed}) if changed else None)

        def work() -> Result[TenantState, ConflictError | InvalidInputError | NotFoundError]:
            with self._database.write(SYSTEM_TENANT) as connection:
                found = self._visible(connection, id)
                if isinstance(found, Err):
                    return found
                expected = ANY if expected_version is None else expected_version
                return self._tenants.change(connection, SYSTEM_TENANT, id, decide, expected=expected, why=why)

        return await self._database.run(work)

    @override
    async def history(self, id: str) -> Result[tuple[TenantChange, ...], NotFoundError]:
        def work() -> Result[tuple[TenantChange, ...], NotFoundError]:
            with self._database.read(SYSTEM_TENANT) as connection:
                found = self._visible(connection, id)
                if isinstance(found, Err):
                    return found
                return Ok(tuple(self._tenants.audit(connection, SYSTEM_TENANT, id, _audited)))

        return await self._database.run(work)

    def _visible(self, connection: Connection, id: str) -> Result[TenantState, NotFoundError]:
        """The tenant, if it exists and the caller may know of it."""
        only = current_caller().confined_to
        if only is not None and only != id:
            return Err(NotFoundError("tenant", id))
        state = self._tenants.get(connection, SYSTEM_TENANT, id)
        if state is None:
            there = self._tenants.ids(connection, SYSTEM_TENANT) if only is None else ()
            return Err(NotFoundError("tenant", id, there))
        return Ok(state)


def _audited(state: TenantState | None) -> Mapping[str, Json]:
    return {} if state is None else {"name": state.name, **state.settings}


def _evolve(state: TenantState | None, event: StoredEvent) -> TenantState:
    if state is None:
        state = TenantState(str(event.data["id"]), str(event.data["name"]), created_at=event.recorded_at)
    settings: dict[str, Json] = dict(state.settings)
    changed = event.data.get("settings", {})
    if isinstance(changed, Mapping):
        settings.update(changed)
    kept: Mapping[str, Json] = {name: value for name, value in settings.items() if value is not None}
    return TenantState(state.id, state.name, kept, event.version, state.created_at, event.recorded_at)
