"""What a provider stores beside a value's bytes: when it was stored, until when it holds, and who makes it anew.

| bytes  | what                                                                          |
|--------|-------------------------------------------------------------------------------|
| 1      | the version of all this                                                       |
| 16, 13 | a claim: who has it, in hexadecimal, and until when, in milliseconds since 1970 |
| 8, 8   | when it was stored, and until when it holds, in seconds since 1970            |

A claim lies within what it is about, so that whatever takes an entry away or writes it takes its claim with it, in one
step. Where there is no entry yet the claim stands alone, and is no entry.
"""

import struct

VERSION = 2
CLAIM = 16 + 13
"""Bytes of a claim."""

UNCLAIMED = b"0" * CLAIM
_HEAD = struct.Struct(f"<B{CLAIM}sdd")
HEAD = _HEAD.size


def seal(body: bytes, created_at: float, expires_at: float) -> bytes:
    """The bytes to store."""
    return _HEAD.pack(VERSION, UNCLAIMED, created_at, expires_at) + body


def unseal(data: bytes) -> tuple[bytes, float, float]:
    """A value's bytes and its times; ValueError for what this version of burgee did not store."""
    if len(data) < HEAD or data[0] != VERSION:
        raise ValueError("not an entry of this cache")
    _, _, created_at, expires_at = _HEAD.unpack_from(data)
    return data[HEAD:], created_at, expires_at


def is_claim(data: bytes) -> bool:
    """Whether it is a claim that stands alone."""
    return len(data) == 1 + CLAIM and data[0] == VERSION
