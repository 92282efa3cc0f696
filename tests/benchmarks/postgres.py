"""Bulk into PostgreSQL, beside a raw COPY into the same tables, in one run.

Raw COPY is the floor: psycopg's `copy.write_row` into a table with the same columns and indexes and no row-level
security, a transaction per batch. Run: `python tests/benchmarks/postgres.py [EVENTS]`.

A plain role is held by row-level security, under which PostgreSQL takes no COPY: its rows go as whole columns. Each way
writes a batch in turn, so that what else the machine does befalls them all.
"""

import logging
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from itertools import batched
from pathlib import Path

import psycopg
import pyarrow as pa
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script, beside the tests' own services

import burgee
from burgee.core.json import Json, dumps
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.store.database import Database
from services.postgres import Server, running_postgres

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
SIZE = 10_000
AIM = 0.7
DATA: dict[str, Json] = {"total": 42.5, "items": 3, "country": "DE"}
COPY = """
    COPY events (tenant, stream, version, id, type, schema_version, data, metadata, occurred_at, recorded_at) FROM STDIN
"""


def raw(server: Server) -> Iterator[None]:
    """The bare driver, a batch at a time."""
    address = server.schema()
    Database(address, name="raw").close()  # the same tables
    connection = psycopg.connect(address)
    connection.execute("ALTER TABLE events DISABLE ROW LEVEL SECURITY")  # COPY can't write where it is on
    connection.commit()
    text = dumps(DATA)
    yield
    for numbers in batched(range(EVENTS), SIZE, strict=False):
        now = time.time_ns() // 1000
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for n in numbers:
                id = str(uuid.uuid4())
                copy.write_row(("t", f"order-{n // 10}", n, id, "order.placed", 1, text, "{}", now, now))
        connection.commit()
        yield
    connection.close()


def opened(server: Server, *, confined: bool) -> burgee.Workspace:
    """A new workspace, with the tenant `t`; as a role that row-level security holds for, or not."""
    address = server.schema()
    if not confined:
        address = f"{server.admin}&options={address.partition('options=')[2]}"
    ws = burgee.open("memory://", settings=burgee.Settings(database=SecretStr(address), progress=False))
    ws.tenants.create("t")
    return ws


def append(server: Server, *, confined: bool) -> Iterator[None]:
    """burgee's facade, a batch of events at a time."""
    ws = opened(server, confined=confined)
    events = ws.tenant("t").events
    yield
    for numbers in batched(range(EVENTS), SIZE, strict=False):
        events.append(f"order-{numbers[0]}", [burgee.Event("order.placed", DATA) for _ in numbers])
        yield
    ws.close()


def ingest(server: Server, *, confined: bool) -> Iterator[None]:
    """burgee's service, given tables in the log's own columns."""
    ws = opened(server, confined=confined)
    tables = []
    for numbers in batched(range(EVENTS), SIZE, strict=False):
        same = {"type": "order.placed", "data": dumps(DATA), "metadata": "{}"}
        columns: dict[str, object] = {name: [value] * len(numbers) for name, value in same.items()}
        columns["id"] = [str(uuid.uuid4()) for _ in numbers]
        columns["stream"] = [f"order-{n // 10}" for n in numbers]
        columns["occurred_at"] = pa.array([time.time_ns() // 1000] * len(numbers), pa.timestamp("us", "UTC"))
        tables.append(pa.table(columns))
    yield
    for table in tables:
        with tenant_scope("t"):
            drive(ws.services.events.ingest(table.to_reader())).unwrap()
        yield
    ws.close()


def main() -> None:
    """Print the table."""
    logging.getLogger("burgee").setLevel(logging.ERROR)  # that a superuser is not confined is the point here
    ways: dict[str, Callable[[Server], Iterator[None]]] = {"raw COPY": raw}
    for name, confined in {"plain role": True, "superuser": False}.items():
        ways[f"append, {name}"] = partial(append, confined=confined)
        ways[f"ingest, {name}"] = partial(ingest, confined=confined)
    spent = dict.fromkeys(ways, 0.0)
    with running_postgres(fsync=True) as server:
        batches = {name: way(server) for name, way in ways.items()}
        for batch in batches.values():
            next(batch)  # what is made before the first
        for _ in range(0, EVENTS, SIZE):
            for name, batch in batches.items():
                start = time.perf_counter()
                next(batch)
                spent[name] += time.perf_counter() - start
        for batch in batches.values():
            next(batch, None)
    for name, seconds in spent.items():
        aim = "" if name == "raw COPY" else f"   aim: {AIM:.2f}x"
        ratio = spent["raw COPY"] / seconds
        print(
            f"PostgreSQL, batches of {SIZE:,}: {name:<20}{EVENTS / seconds:>10,.0f} events a second {ratio:>6.2f}x{aim}"
        )


if __name__ == "__main__":
    main()
