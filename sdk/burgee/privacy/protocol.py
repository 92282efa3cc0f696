"""What can be asked about personal data. All of it happens in the current tenant."""

from collections.abc import Mapping
from typing import Protocol

from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.page import Page
from burgee.core.result import Result
from burgee.privacy.model import Forgotten, PrivacyChange, Rule, Subject
from burgee.wire.operation import operation


class PrivacyService(Protocol):
    """Personal fields of a tenant's events, encrypted with a key per person that can be destroyed."""

    @operation("POST", "/privacy/rules", repeatable=True)
    async def protect(
        self, type: str, fields: Mapping[str, str], why: str | None = None
    ) -> Result[Rule, ConflictError | InvalidInputError | MissingTenantError]:
        """Say which payload fields of an event type are personal, for all events from now on.

        `fields` maps each of them to what names the person: another field of the payload, or `stream`. The type
        may be a prefix (`order.*`). Said again for a type, it takes the place of what was said before.
        """
        ...

    @operation("DELETE", "/privacy/rules/{type}")
    async def unprotect(
        self, type: str, why: str | None = None
    ) -> Result[Rule, ConflictError | InvalidInputError | MissingTenantError | NotFoundError]:
        """Take a rule back, for events from now on; what is encrypted stays so, and readable."""
        ...

    @operation("GET", "/privacy/rules")
    async def rules(self) -> Result[tuple[Rule, ...], MissingTenantError]:
        """The rules there are, by event type."""
        ...

    @operation("GET", "/privacy/subjects")
    async def subjects(
        self, after: str | None = None, limit: int = 100
    ) -> Result[Page[Subject], InvalidInputError | MissingTenantError]:
        """The people there are or were keys for, a page at a time. The keys themselves are never told."""
        ...

    @operation("POST", "/privacy/forget", repeatable=True)
    async def forget(
        self, subject: str, why: str | None = None, missing_ok: bool = False
    ) -> Result[Forgotten, ConflictError | InvalidInputError | MissingTenantError | NotFoundError]:
        """Destroy a person's keys, for good: their personal fields read as null from now on.

        A second time does no more. For one of whom nothing personal is stored it is `NotFoundError`, unless
        `missing_ok`.
        """
        ...

    @operation("POST", "/privacy/rewrap", repeatable=True)
    async def rewrap(self) -> Result[int, MissingTenantError]:
        """Wrap the tenant's keys with the newest master key; how many were not wrapped so."""
        ...

    @operation("GET", "/privacy/history")
    async def history(self) -> Result[tuple[PrivacyChange, ...], MissingTenantError]:
        """Every rule made, changed or taken back, and everybody forgotten, oldest first."""
        ...
