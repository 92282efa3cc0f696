"""What can be asked about projections. All of it happens in the current tenant."""

from typing import Protocol

from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.result import Result
from burgee.projections.model import At, Checkpoint, Failure, Status, StoredView
from burgee.wire.operation import operation


class ProjectionService(Protocol):
    """The views of a tenant, each with how far it has read. Their code runs where whoever wrote it runs it."""

    @operation("GET", "/projections")
    async def list(self) -> Result[tuple[Checkpoint, ...], MissingTenantError]:
        """The checkpoints of all projections, by name."""
        ...

    @operation("GET", "/projections/{name}")
    async def view(self, name: str) -> Result[StoredView, NotFoundError | MissingTenantError]:
        """A projection's view with its checkpoint, as one transaction left them."""
        ...

    @operation("GET", "/projections/{name}/checkpoint")
    async def checkpoint(self, name: str) -> Result[Checkpoint, NotFoundError | MissingTenantError]:
        """A projection's checkpoint alone."""
        ...

    @operation("PUT", "/projections/{name}")
    async def save(
        self,
        name: str,
        expected: At,
        position: int,
        status: Status = "active",
        state: str | None = None,
        error: Failure | None = None,
    ) -> Result[Checkpoint, ConflictError | InvalidInputError | MissingTenantError]:
        """Change view and checkpoint together, if nobody has changed them since `expected`.

        `state` is the view as JSON text; none leaves it as it is. The one who was second is refused and
        reads again: so each event is applied exactly once, however many run the same projection.
        """
        ...

    @operation("DELETE", "/projections/{name}")
    async def remove(self, name: str) -> Result[bool, MissingTenantError]:
        """Forget a projection, view and checkpoint; false if there was none."""
        ...
