"""The words of tenants, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from burgee.core.history import Change
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


type TenantChange = Change[TenantState]
