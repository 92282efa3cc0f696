"""The tables, and the number of their layout. Times are microseconds since 1970 (UTC), JSON is text."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

LAYOUT = 3
"""The layout this burgee writes. A database with a higher number is refused, not guessed at."""

metadata = MetaData()

# Compared byte by byte on PostgreSQL, too: the order of names does not hang on the server's language.
_name = String().with_variant(String(collation="C"), "postgresql")

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_position = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", _position, primary_key=True, autoincrement=True),
    Column("tenant", _name, nullable=False),
    Column("stream", _name, nullable=False),
    Column("version", Integer, nullable=False),
    Column("id", _name, nullable=False),
    Column("type", _name, nullable=False),
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
    Column("tenant", _name, primary_key=True),
    Column("kind", _name, primary_key=True),
    Column("id", _name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
)

# The states of aggregates that a repository keeps beside their streams, so that a load reads only the tail.
snapshots = Table(
    "snapshots",
    metadata,
    Column("tenant", _name, primary_key=True),
    Column("stream", _name, primary_key=True),
    Column("kind", _name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
)

# Each projection's view and how far it has read, in one row: they change together or not at all.
projections = Table(
    "projections",
    metadata,
    Column("tenant", _name, primary_key=True),
    Column("name", _name, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", _name, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("updated_at", BigInteger, nullable=False),
)

# The keys that personal fields are encrypted with. Forgetting a subject empties `key`, for good.
subjects = Table(
    "subjects",
    metadata,
    Column("tenant", _name, primary_key=True),
    Column("subject", _name, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("key", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Column("forgotten_at", BigInteger),
)

# What was given to search, as it is now. Engines take it in by rising `position` (of each index); no `data`: removed.
documents = Table(
    "documents",
    metadata,
    Column("tenant", _name, primary_key=True),
    Column("search_index", _name, primary_key=True),
    Column("id", _name, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("data", Text),
    UniqueConstraint("tenant", "search_index", "position", name="documents_position"),
)

meta = Table(
    "burgee",
    metadata,
    Column("name", _name, primary_key=True),
    Column("value", _name, nullable=False),
)
