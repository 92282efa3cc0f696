"""The words of the cache, as frozen values."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class CacheEntry[T]:
    """A value that was found. Times are seconds since 1970."""

    key: str
    value: T
    created_at: float
    expires_at: float

    @property
    def ttl(self) -> float:
        """For how long it was stored."""
        return self.expires_at - self.created_at


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a provider did and holds.

    Attributes:
        provider: which one it is.
        hits, misses: of this process.
        entries, bytes: what it holds; None where the provider can't tell without asking its server at length.
        evicted: entries that went because there was no room.
        away: whether the server is out of reach, so that something else answers.
        failures: how often it could not be reached.
        dropped: entries that could not be read again (tampered with, of a key that is gone, of another version).
    """

    provider: str
    hits: int = 0
    misses: int = 0
    entries: int | None = None
    bytes: int | None = None
    evicted: int = 0
    away: bool = False
    failures: int = 0
    dropped: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of reads that found something; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    def row(self) -> dict[str, object]:
        """As a row of a frame."""
        row: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            "provider": row.pop("provider"),
            "hits": row.pop("hits"),
            "misses": row.pop("misses"),
            "hit_rate": self.hit_rate,
            **row,
        }
