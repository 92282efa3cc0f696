"""What a provider stores beside a value's bytes: when it was stored, and until when it holds."""

import struct

_HEAD = struct.Struct("<Bdd")
_VERSION = 1


def seal(body: bytes, created_at: float, expires_at: float) -> bytes:
    """The bytes to store."""
    return _HEAD.pack(_VERSION, created_at, expires_at) + body


def unseal(data: bytes) -> tuple[bytes, float, float]:
    """A value's bytes and its times; ValueError for what this version of burgee did not store."""
    if len(data) < _HEAD.size or data[0] != _VERSION:
        raise ValueError("not an entry of this cache")
    _, created_at, expires_at = _HEAD.unpack_from(data)
    return data[_HEAD.size :], created_at, expires_at
