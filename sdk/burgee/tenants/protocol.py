"""What can be asked about tenants."""

from collections.abc import Mapping
from typing import Protocol

from burgee.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from burgee.core.json import Json
from burgee.core.page import Page
from burgee.core.result import Result
from burgee.tenants.model import TenantChange, TenantState
from burgee.wire.operation import operation


class TenantService(Protocol):
    """The tenants of a workspace. A key confined to one tenant sees that one only."""

    @operation("POST", "/tenants", repeatable=True)
    async def create(
        self, id: str, name: str | None = None
    ) -> Result[TenantState, AlreadyExistsError | ConflictError | InvalidInputError | PermissionDeniedError]:
        """Create a tenant."""
        ...

    @operation("GET", "/tenants/{id}")
    async def get(self, id: str) -> Result[TenantState, NotFoundError]:
        """A tenant as it is now."""
        ...

    @operation("GET", "/tenants")
    async def list(self, after: str | None = None, limit: int = 100) -> Result[Page[TenantState], InvalidInputError]:
        """The tenants by id, a page at a time."""
        ...

    @operation("PATCH", "/tenants/{id}/settings", repeatable=True)
    async def configure(
        self, id: str, settings: Mapping[str, Json], expected_version: int | None = None, why: str | None = None
    ) -> Result[TenantState, ConflictError | InvalidInputError | NotFoundError]:
        """Set some of a tenant's settings; a null takes one back to its default."""
        ...

    @operation("GET", "/tenants/{id}/history")
    async def history(self, id: str) -> Result[tuple[TenantChange, ...], NotFoundError]:
        """Every change of a tenant, oldest first."""
        ...
