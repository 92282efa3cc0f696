"""Who is asking, and for which tenant: context variables that travel with the call.

They follow tasks (asyncio copies the context) and the threads that burgee starts (`core.portal.hop`).
Scopes nest: the inner tenant holds until its `with` ends.
"""

import contextvars
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

from burgee.core.errors import MissingTenantError, PermissionDeniedError
from burgee.core.result import Err

SYSTEM_TENANT = "_burgee"
"""The log that holds what belongs to the workspace itself: its tenants and its keys. No tenant can take this name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `actor` is what the audit shows; `confined_to` names the one tenant a key may reach."""

    actor: str
    confined_to: str | None = None
    admin: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that travels with a call."""

    tenant: str | None = None
    caller: Caller | None = None
    idempotency_key: str | None = None
    request_id: str | None = None


_NOWHERE = Scope()
_scope: contextvars.ContextVar[Scope] = contextvars.ContextVar("burgee_scope", default=_NOWHERE)


def current_scope() -> Scope:
    """The scope of this task or thread."""
    return _scope.get()


@contextmanager
def bind_scope(scope: Scope) -> Iterator[Scope]:
    """Everything inside the `with` runs in this scope."""
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


@contextmanager
def tenant_scope(tenant: str | None) -> Iterator[None]:
    """Everything inside the `with` belongs to this tenant; `None` leaves all tenants."""
    with bind_scope(replace(_scope.get(), tenant=tenant)):
        yield


def require_tenant() -> str:
    """The current tenant, or `MissingTenantError`."""
    tenant = _scope.get().tenant
    if tenant is None:
        raise MissingTenantError
    return tenant


def current_caller() -> Caller:
    """Who calls; outside a server that is whoever is logged in on this machine."""
    return _scope.get().caller or _local_caller()


def unless_admin(what: str) -> Err[PermissionDeniedError] | None:
    """The refusal of a caller who may not act on the whole workspace; none for one who may."""
    return None if current_caller().admin else Err(PermissionDeniedError(f"{what} needs an admin key"))


@cache
def _local_caller() -> Caller:
    try:
        return Caller(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container without a user database
        return Caller("local")
