"""Signed tokens: whoever has one may read or write one file, by one method, until it expires.

A token is the claims as JSON and their HMAC-SHA256, both in base64url (RFC 4648 §5) without padding, parted by a dot.
The signature is over the first part as it is written, so that no other spelling of a token is one. The claims can be
read by whoever has the token: they hold nothing secret.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from burgee.core.errors import AuthenticationError, InvalidInputError

_PURPOSE = b"burgee: signed addresses of files, version 1"
_FEWEST_BYTES = 32
_LONGEST_TOKEN = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_METHODS = frozenset({"GET", "PUT"})
_quoted = json.encoder.encode_basestring_ascii
"""A text in JSON; an encoder for the whole list takes twice as long, as it is made anew for each."""


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """What a token permits. `name`, `type` and `size` are those of the file; a PUT must keep to them."""

    tenant: str
    file: str
    method: str
    expires: datetime
    name: str
    type: str
    size: int | None = None


class Signer:
    """Signs and verifies with one secret, which all servers of a workspace share."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        if not _is_strong(secret):
            raise InvalidInputError(f"the secret for signing must have {_FEWEST_BYTES} bytes or more")
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def sign(self, claims: SignedClaims) -> str:
        """The token for these claims."""
        if claims.method not in _METHODS:
            raise InvalidInputError(f"an address can be signed for GET or PUT, not {claims.method!r}")
        if claims.expires.tzinfo is None:
            raise InvalidInputError(f"the expiry {claims.expires} has no time zone")
        until = (claims.expires - _EPOCH) // _MICROSECOND
        tenant, file, name, type_ = map(_quoted, (claims.tenant, claims.file, claims.name, claims.type))
        size = "null" if claims.size is None else int(claims.size)
        body = _text(f'[{tenant},{file},"{claims.method}",{until},{name},{type_},{size}]'.encode())
        token = body + b"." + self._signature(body)
        if len(token) > _LONGEST_TOKEN:
            raise InvalidInputError(f"a signed address has room for {_LONGEST_TOKEN} characters, not {len(token)}")
        return token.decode()

    def verify(self, token: str, method: str, now: datetime) -> SignedClaims:
        """The claims of a token that permits this method now; else `AuthenticationError`, which does not say why."""
        claims = self._read(token)
        if claims is None or claims.method != method or now >= claims.expires:
            raise AuthenticationError("this address is not valid, or not any more", hint="ask for a new one")
        return claims

    def _read(self, token: object) -> SignedClaims | None:
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            return None
        body, _, signature = token.encode(errors="replace").partition(b".")
        if not hmac.compare_digest(signature, self._signature(body)):
            return None
        tenant, file, method, until, name, type_, size = json.loads(urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
        return SignedClaims(tenant, file, method, _EPOCH + until * _MICROSECOND, name, type_, size)

    def _signature(self, body: bytes) -> bytes:
        return _text(hmac.digest(self._key, body, "sha256"))


def _is_strong(secret: object) -> bool:
    return isinstance(secret, bytes) and len(secret) >= _FEWEST_BYTES


def _text(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
