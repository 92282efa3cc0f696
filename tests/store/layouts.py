"""Databases as older versions of burgee made them. What is here is never changed again."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    insert,
    make_url,
)

one = MetaData()
"""Layout 1, of burgee 0.1.0."""

events = Table(
    "events",
    one,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
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
    sqlite_autoincrement=True,
)
states = Table(
    "states",
    one,
    Column("tenant", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("data", Text, nullable=False),
)
meta = Table("burgee", one, Column("name", String, primary_key=True), Column("value", String, nullable=False))


def make_layout_1(address: str, *, number: int = 50) -> None:
    """A database of layout 1, with so many events of the tenant `t`."""
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.begin() as connection:
        one.create_all(connection)
        connection.execute(insert(meta).values(name="layout", value="1"))
        fill(connection, number)
    engine.dispose()


def fill(connection: Connection, number: int) -> None:
    """Events `e1`, `e2`, … in the stream `s`."""
    same = {"tenant": "t", "stream": "s", "type": "a", "schema_version": 1, "metadata": "{}"}
    times = {"occurred_at": 1_700_000_000_000_000, "recorded_at": 1_700_000_000_000_000}
    rows = [{**same, **times, "version": n, "id": f"e{n}", "data": f'{{"n":{n}}}'} for n in range(1, number + 1)]
    connection.execute(insert(events), rows)
