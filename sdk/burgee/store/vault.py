"""The vault: subjects' keys as they lie on disk, plain or wrapped with a master key that lies elsewhere.

A key is 64 random bytes. Without a master key it is stored as it is, and whoever has the database can read all of
it. With one (`BURGEE_PRIVACY_KEY`) a copy of the database alone opens no personal field.

| first byte | then                                                                                    |
|------------|-----------------------------------------------------------------------------------------|
| 0          | the key                                                                                 |
| 1          | 8 bytes that say which master key, then the key wrapped with it (AES-256-SIV, RFC 5297) |

Rotation: the setting may hold several master keys, the newest first. The first one wraps, all of them unwrap.
"""

import re
import secrets
from dataclasses import dataclass, field

from pydantic import SecretStr

from burgee.core.errors import InvalidInputError, WorkspaceError

KEY_BYTES = 64

_PLAIN, _WRAPPED = b"\x00", b"\x01"
_NAME_BYTES = 8
_LEAST = 32  # characters of a master key


@dataclass(frozen=True, slots=True)
class Vault:
    """Wraps and unwraps. `masters` are the master keys' names and keys, the newest first; often there is none."""

    masters: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, setting: SecretStr | None) -> "Vault":
        """The vault of the setting `BURGEE_PRIVACY_KEY`."""
        if setting is None:
            return cls()
        return cls(tuple(map(_master, check_masters(setting.get_secret_value()))))

    def wrap(self, key: bytes, *owner: str) -> bytes:
        """The key as it is stored. `owner` says whose it is; only there it can be unwrapped."""
        if not self.masters:
            return _PLAIN + key
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        name, master = self.masters[0]
        return _WRAPPED + name + AESSIV(master).encrypt(key, [part.encode() for part in owner])

    def unwrap(self, stored: bytes, *owner: str) -> bytes:
        """The key again.

        Raises:
            WorkspaceError: it is wrapped with a master key that is not here, or it was tampered with.
        """
        if stored.startswith(_PLAIN):
            return stored[1:]
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        master = dict(self.masters).get(stored[1 : 1 + _NAME_BYTES])
        if master is None:
            hint = "set BURGEE_PRIVACY_KEY to the key this workspace was used with; several are separated by spaces"
            raise WorkspaceError("personal fields are locked with a master key that is not here", hint=hint)
        try:
            return AESSIV(master).decrypt(stored[1 + _NAME_BYTES :], [part.encode() for part in owner])
        except InvalidTag:
            raise WorkspaceError("a key of personal fields was changed from outside burgee") from None

    def is_current(self, stored: bytes) -> bool:
        """Whether the key is stored as this vault would store it today."""
        if not self.masters:
            return stored.startswith(_PLAIN)
        return stored.startswith(_WRAPPED + self.masters[0][0])


def new_key() -> bytes:
    """A key for a subject."""
    return secrets.token_bytes(KEY_BYTES)


def check_masters(text: str) -> list[str]:
    """The master keys in the setting's text, the newest first; none of them is ever shown."""
    parts = [part for part in re.split(r"[\s,]+", text) if part]
    if not parts or any(len(part) < _LEAST for part in parts):
        hint = "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        raise InvalidInputError(f"a privacy key has {_LEAST} characters or more", hint=hint)
    return parts


def _master(text: str) -> tuple[bytes, bytes]:
    """The name and the key of a master key's text. The text is random already, so HKDF (RFC 5869) is enough."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    def derived(length: int, info: bytes) -> bytes:
        return HKDF(SHA256(), length, None, info).derive(text.encode())

    return derived(_NAME_BYTES, b"burgee master key name 1"), derived(KEY_BYTES, b"burgee master key 1")
