"""What can be asked about API keys. Only admins may."""

from typing import Protocol

from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from burgee.core.result import Result
from burgee.keys.model import KeyInfo
from burgee.wire.operation import operation


class KeyService(Protocol):
    """The API keys of a workspace. Making one is done on the server's own machine: `burgee keys create`."""

    @operation("GET", "/keys")
    async def list(self) -> Result[tuple[KeyInfo, ...], PermissionDeniedError]:
        """The keys there are, revoked ones too, by their ids."""
        ...

    @operation("DELETE", "/keys/{id}")
    async def revoke(
        self, id: str
    ) -> Result[KeyInfo, ConflictError | InvalidInputError | NotFoundError | PermissionDeniedError]:
        """Take a key's power away, for good and at once."""
        ...
