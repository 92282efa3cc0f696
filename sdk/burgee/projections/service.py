"""Views and checkpoints in the database: one row each, changed by compare-and-set."""

import builtins
from typing import Any, override

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from burgee.core.checks import need_whole
from burgee.core.clock import Clock, from_us
from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import loads
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.projections.model import At, Checkpoint, Failure, Status, StoredView
from burgee.projections.protocol import ProjectionService
from burgee.store import log
from burgee.store.database import Database
from burgee.store.schema import projections

_c = projections.c
_CHECKPOINT = (_c.name, _c.position, _c.revision, _c.status, _c.error, _c.updated_at)
_failure: TypeAdapter[Failure] = TypeAdapter(Failure)
_status: TypeAdapter[Status] = TypeAdapter(Status)


class LocalProjectionService(ProjectionService):
    """Projections in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @override
    async def list(self) -> Result[tuple[Checkpoint, ...], MissingTenantError]:
        tenant = require_tenant()

        def work() -> builtins.list[Checkpoint]:
            with self._database.read(tenant) as connection:
                query = select(*_CHECKPOINT).where(_c.tenant == tenant).order_by(_c.name)
                return [_checkpoint(row) for row in connection.execute(query)]

        return Ok(tuple(await self._database.run(work)))

    @override
    async def view(self, name: str) -> Result[StoredView, NotFoundError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Result[StoredView, NotFoundError]:
            with self._database.read(tenant) as connection:
                query = select(*_CHECKPOINT, _c.state).where(*_at(tenant, name))
                row = connection.execute(query).first()
                if row is None:
                    return Err(NotFoundError("projection", name, _names(connection, tenant)))
                return Ok(StoredView(_checkpoint(row), row.state))

        return await self._database.run(work)

    @override
    async def checkpoint(self, name: str) -> Result[Checkpoint, NotFoundError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> Result[Checkpoint, NotFoundError]:
            with self._database.read(tenant) as connection:
                row = connection.execute(select(*_CHECKPOINT).where(*_at(tenant, name))).first()
                if row is None:
                    return Err(NotFoundError("projection", name, _names(connection, tenant)))
                return Ok(_checkpoint(row))

        return await self._database.run(work)

    @override
    async def save(
        self,
        name: str,
        expected: At,
        position: int,
        status: Status = "active",
        state: str | None = None,
        error: Failure | None = None,
    ) -> Result[Checkpoint, ConflictError | InvalidInputError | MissingTenantError]:
        tenant = require_tenant()
        try:
            _check(name, position, status, state, expected)
        except InvalidInputError as refused:
            return Err(refused)
        values: dict[str, object] = {
            "position": position,
            "revision": expected.revision + 1,
            "status": status,
            "error": None if error is None else _failure.dump_json(error).decode(),
            "updated_at": self._clock.now_us(),
            **({} if state is None else {"state": state}),
        }

        def work() -> Result[Checkpoint, ConflictError]:
            with self._database.write(tenant) as connection:
                if not _put(connection, tenant, name, expected, values):
                    return Err(_overtaken(name))
                return Ok(_checkpoint(connection.execute(select(*_CHECKPOINT).where(*_at(tenant, name))).one()))

        try:
            return await self._database.run(work)
        except IntegrityError:  # a database whose writers do not wait for each other: another one made it first
            return Err(_overtaken(name))

    @override
    async def remove(self, name: str) -> Result[bool, MissingTenantError]:
        tenant = require_tenant()

        def work() -> bool:
            with self._database.write(tenant) as connection:
                return connection.execute(delete(projections).where(*_at(tenant, name))).rowcount == 1

        return Ok(await self._database.run(work))


def _put(connection: Connection, tenant: str, name: str, expected: At, values: dict[str, object]) -> bool:
    """Change the row if it is where it is expected to be."""
    if expected.revision:
        here = (*_at(tenant, name), _c.position == expected.position, _c.revision == expected.revision)
        return connection.execute(update(projections).where(*here).values(values)).rowcount == 1
    if connection.scalar(select(_c.revision).where(*_at(tenant, name))) is not None:
        return False
    connection.execute(insert(projections).values({"tenant": tenant, "name": name, **values}))
    return True


def _check(name: str, position: int, status: str, state: str | None, expected: At) -> None:
    log.check_name("projection", name)
    bounds = (
        ("position", position, 2**63),
        ("position", expected.position, 2**63),
        ("revision", expected.revision, 2**31),
    )
    for what, number, end in bounds:
        need_whole(what, number)
        if number >= end - 1:  # what the columns can count to
            raise InvalidInputError(f"a {what} can't be {number}")
    try:
        _status.validate_python(status)
        if state is not None:
            loads(state)
    except ValidationError:
        raise InvalidInputError(f"a projection's status can't be {status!r}") from None
    except ValueError as error:
        raise InvalidInputError(f"a projection's state must be JSON: {error}") from None
    if state is None and not expected.revision:
        raise InvalidInputError("a new projection needs a state")


def _overtaken(name: str) -> ConflictError:
    return ConflictError(
        f"projection {name!r} has been changed by another one", hint="read it again and go on from there"
    )


def _names(connection: Connection, tenant: str) -> list[str]:
    return list(connection.scalars(select(_c.name).where(_c.tenant == tenant)))


def _at(tenant: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return _c.tenant == tenant, _c.name == name


def _checkpoint(row: Row[*tuple[Any, ...]]) -> Checkpoint:
    error = None if row.error is None else _failure.validate_json(row.error)
    return Checkpoint(row.name, row.position, row.revision, row.status, error, from_us(row.updated_at))
