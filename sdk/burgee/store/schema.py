"""The tables, and the number of their layout. Times are microseconds since 1970 (UTC), JSON is text."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

LAYOUT = 1
"""The layout this burgee writes. A database with a higher number is refused, not guessed at."""

metadata = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_position = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", _position, primary_key=True, autoincrement=True),
    Column("tenant", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("tenant", "stream", "version", name="events_stream_version"),
    UniqueConstraint("tenant", "id", name="events_id"),
    Index("events_type", "tenant", "type", "position"),
    Index("events_position", "tenant", "position"),
    sqlite_autoincrement=True,  # a position is never given twice, not even after a rollback at the end
)

states = Table(
    "states",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
)

meta = Table(
    "burgee",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
