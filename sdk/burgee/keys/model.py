"""The words of API keys, as frozen values."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key as it is stored. The key itself is not: only the SHA-256 of its secret part."""

    id: str
    name: str
    tenant: str | None
    secret_hash: str
    revoked: bool = False
    version: int = 1
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be told of a key. `tenant` is the one it reaches; none for an admin key."""

    id: str
    name: str
    tenant: str | None
    admin: bool
    revoked: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. Its text is had now or never."""

    info: KeyInfo
    key: SecretStr
