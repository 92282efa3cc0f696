"""API keys, kept as aggregates in the workspace's own log.

A key is `burgee_<id>_<secret>`; its secret is 256 random bits, so that one SHA-256 is hash enough:
there is nothing to guess (a slow hash is for what people choose).
"""

import hashlib
import hmac
import secrets
from typing import override

from pydantic import SecretStr, TypeAdapter

from burgee.core.clock import Clock
from burgee.core.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import SYSTEM_TENANT, Caller, unless_admin
from burgee.keys.model import KeyInfo, KeyState, NewKey
from burgee.keys.protocol import KeyService
from burgee.store.aggregates import Aggregates
from burgee.store.database import Database
from burgee.store.log import NewEvent, StoredEvent

PREFIX = "burgee"

_ID_BYTES = 6
_SECRET_BYTES = 32


class LocalKeyService(KeyService):
    """Keys in the database of this workspace."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._keys = Aggregates("key", TypeAdapter(KeyState), _evolve, clock)

    async def create(
        self, *, tenant: str | None, name: str
    ) -> Result[NewKey, ConflictError | InvalidInputError | PermissionDeniedError]:
        """Make a key for one tenant, or an admin key where `tenant` is none. Done on this machine only."""
        if refused := unless_admin("making a key"):
            return refused
        id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        event = NewEvent("key.created", {"id": id, "name": name, "tenant": tenant, "secret_hash": _hash(secret)})

        def work() -> Result[KeyState, ConflictError | InvalidInputError]:
            with self._database.write(SYSTEM_TENANT) as connection:
                return self._keys.change(connection, SYSTEM_TENANT, id, lambda _: Ok(event))

        made = await self._database.run(work)
        if isinstance(made, Err):
            return made
        return Ok(NewKey(_info(made.value), SecretStr(f"{PREFIX}_{id}_{secret}")))

    async def check(self, key: SecretStr) -> Result[Caller, AuthenticationError]:
        """Whose key this is. A wrong secret, an unknown key and a revoked one get the same answer."""
        prefix, _, rest = key.get_secret_value().partition("_")
        id, _, secret = rest.partition("_")

        def work() -> KeyState | None:
            with self._database.read(SYSTEM_TENANT) as connection:
                return self._keys.get(connection, SYSTEM_TENANT, id)

        state = await self._database.run(work) if prefix == PREFIX and id else None
        expected = state.secret_hash if state is not None else _hash("")
        right = hmac.compare_digest(expected, _hash(secret))
        if state is None or not right or state.revoked:
            return Err(AuthenticationError("this API key is not known", hint="make one: burgee keys create"))
        return Ok(Caller(state.name, confined_to=state.tenant, admin=state.tenant is None))

    @override
    async def list(self) -> Result[tuple[KeyInfo, ...], PermissionDeniedError]:
        if refused := unless_admin("listing keys"):
            return refused

        def work() -> tuple[KeyInfo, ...]:
            with self._database.read(SYSTEM_TENANT) as connection:
                return tuple(map(_info, self._keys.page(connection, SYSTEM_TENANT)))

        return Ok(await self._database.run(work))

    @override
    async def revoke(
        self, id: str
    ) -> Result[KeyInfo, ConflictError | InvalidInputError | NotFoundError | PermissionDeniedError]:
        if refused := unless_admin("revoking a key"):
            return refused

        def decide(state: KeyState | None) -> Result[NewEvent | None, NotFoundError]:
            if state is None:
                return Err(NotFoundError("key", id))
            return Ok(None if state.revoked else NewEvent("key.revoked"))

        def work() -> Result[KeyState, ConflictError | InvalidInputError | NotFoundError]:
            with self._database.write(SYSTEM_TENANT) as connection:
                return self._keys.change(connection, SYSTEM_TENANT, id, decide)

        changed = await self._database.run(work)
        return Ok(_info(changed.value)) if isinstance(changed, Ok) else changed


def _evolve(state: KeyState | None, event: StoredEvent) -> KeyState:
    if state is None:
        tenant = event.data["tenant"]
        return KeyState(
            id=str(event.data["id"]),
            name=str(event.data["name"]),
            tenant=None if tenant is None else str(tenant),
            secret_hash=str(event.data["secret_hash"]),
            version=event.version,
            created_at=event.recorded_at,
        )
    return KeyState(state.id, state.name, state.tenant, state.secret_hash, True, event.version, state.created_at)


def _info(state: KeyState) -> KeyInfo:
    return KeyInfo(state.id, state.name, state.tenant, state.tenant is None, state.revoked, state.created_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
