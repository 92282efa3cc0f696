"""A file on its way in: counted, and looked at, while it streams to the storage. What is wrong ends the stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from burgee.core.checks import need_whole
from burgee.files.content import DEFAULT_TYPES, HEAD, check_end, need_allowed, sniff
from burgee.files.errors import ChecksumError, FileTooLargeError, QuotaExceededError, UploadRefusedError
from burgee.files.names import shortened

_HEXADECIMAL = frozenset("0123456789abcdef")
_CHECKSUM_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """What may come in: `limit` in bytes, `types` as patterns."""

    limit: int
    types: tuple[str, ...] = DEFAULT_TYPES


@dataclass(frozen=True, slots=True)
class Claims:
    """What a file is said to be."""

    name: str
    type: str | None = None
    size: int | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What a quota leaves."""

    used: int
    quota: int | None

    def need(self, size: int, name: str) -> None:
        """Refuse a file that there is no room for."""
        if self.quota is not None and self.used + size > self.quota:
            raise QuotaExceededError(
                f"there is no room for {shortened(name)!r}: {self.used} of {self.quota} bytes are taken",
                hint="delete files, or have an admin raise the quota: acme.files.set_quota(…)",
            )


class Intake:
    """Goes through a file's bytes once, for the storage; afterwards `size` and `type` are known.

    Args:
        content: the bytes.
        claims: what they are said to be.
        rules: what may come in.
        room: what the tenant's quota leaves.
    """

    def __init__(self, content: Iterable[bytes], claims: Claims, rules: Rules, room: Room) -> None:
        self._content = content
        self._claims = claims
        self._rules = rules
        self._room = room
        self.size = 0
        self.type = ""

    def __iter__(self) -> Iterator[bytes]:
        head, tail = bytearray(), b""
        for piece in self._content:
            self.size += len(piece)
            self._check_size()
            if not self.type:
                head += piece[: HEAD - len(head)]
                if len(head) >= HEAD:
                    self._look(bytes(head))
            tail = piece[-HEAD:] if len(piece) >= HEAD else (tail + piece)[-HEAD:]
            yield piece
        if not self.type:
            self._look(bytes(head))
        said = self._claims.size
        if said is not None and said != self.size:
            raise ChecksumError(f"{self._shown} has {self.size} bytes, not the {said} it was said to have")
        check_end(tail, self._claims.name, self.type)

    def check_sum(self, checksum: str) -> None:
        """Refuse bytes that are not those that were sent."""
        said = self._claims.checksum
        if said is not None and said != checksum:
            raise ChecksumError(f"{self._shown} has the checksum {checksum}, not {said}", hint="send it again")

    def _check_size(self) -> None:
        said, limit = self._claims.size, self._rules.limit
        if self.size > limit:
            raise FileTooLargeError(
                f"{self._shown} is larger than the {limit} bytes a file may have",
                hint="BURGEE_FILES_LIMIT sets how many",
            )
        if said is not None and self.size > said:
            raise ChecksumError(f"{self._shown} has more than the {said} bytes it was said to have")
        self._room.need(self.size, self._claims.name)

    def _look(self, head: bytes) -> None:
        self.type = sniff(head, self._claims.name, self._claims.type)
        need_allowed(self.type, self._claims.name, self._rules.types)

    @property
    def _shown(self) -> str:
        return repr(shortened(self._claims.name))


def check_claims(claims: Claims, rules: Rules, room: Room) -> None:
    """Refuse at once what can be told from what is said, before a byte is read."""
    if claims.size is not None:
        need_whole("a file's size in bytes", claims.size)
        if claims.size > rules.limit:
            raise FileTooLargeError(
                f"{shortened(claims.name)!r} has {claims.size} bytes; a file may have {rules.limit}",
                hint="BURGEE_FILES_LIMIT sets how many",
            )
        room.need(claims.size, claims.name)
    if claims.checksum is not None:
        _need_checksum(claims.checksum)


def _need_checksum(checksum: object) -> None:
    if not isinstance(checksum, str) or len(checksum) != _CHECKSUM_DIGITS or not set(checksum) <= _HEXADECIMAL:
        raise UploadRefusedError(f"{checksum!r} is no checksum: SHA-256 has 64 hexadecimal digits, in small letters")
