"""The words of tenants, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from burgee.core.json import Json


@dataclass(frozen=True, slots=True)
class TenantState:
    """A tenant, whole: its id, its name and its settings as they were given."""

    id: str
    name: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TenantChange:
    """One line of a tenant's audit: who did what, when and why."""

    version: int
    at: datetime
    actor: str
    change: str
    before: Mapping[str, Json]
    after: Mapping[str, Json]
    why: str | None
