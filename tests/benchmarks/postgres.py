"""Bulk into PostgreSQL, beside a raw COPY into the same tables, in one run.

Raw COPY is the floor: psycopg's `copy.write_row` into a table with the same columns and indexes and no row-level
security, a transaction per batch. Run: `python tests/benchmarks/postgres.py [EVENTS]`.

A plain role is held by row-level security, under which PostgreSQL takes no COPY: its rows go as whole columns.
"""

import logging
import sys
import time
import uuid
from collections.abc import Callable
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
TRIES = 3 if EVENTS <= 100_000 else 1
DATA: dict[str, Json] = {"total": 42.5, "items": 3, "country": "DE"}
COPY = """
    COPY events (tenant, stream, version, id, type, schema_version, data, metadata, occurred_at, recorded_at) FROM STDIN
"""


def raw(server: Server) -> Callable[[], None]:
    """The bare driver."""
    address = server.schema()
    Database(address, name="raw").close()  # the same tables
    connection = psycopg.connect(address)
    connection.execute("ALTER TABLE events DISABLE ROW LEVEL SECURITY")  # COPY can't write where it is on
    connection.commit()
    text = dumps(DATA)

    def run() -> None:
        for start in range(0, EVENTS, SIZE):
            now = time.time_ns() // 1000
            with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                for n in range(start, min(start + SIZE, EVENTS)):
                    id = str(uuid.uuid4())
                    copy.write_row(("t", f"order-{n // 10}", n, id, "order.placed", 1, text, "{}", now, now))
            connection.commit()
        connection.close()

    return run


def opened(server: Server, *, confined: bool) -> burgee.Workspace:
    """A new workspace, with the tenant `t`; as a role that row-level security holds for, or not."""
    address = server.schema()
    if not confined:
        address = f"{server.admin}&options={address.partition('options=')[2]}"
    ws = burgee.open("memory://", settings=burgee.Settings(database=SecretStr(address), progress=False))
    ws.tenants.create("t")
    return ws


def append(server: Server, *, confined: bool) -> Callable[[], None]:
    """burgee's facade, a batch of events at a time."""
    ws = opened(server, confined=confined)
    events = ws.tenant("t").events

    def run() -> None:
        for numbers in batched(range(EVENTS), SIZE, strict=False):
            events.append(f"order-{numbers[0]}", [burgee.Event("order.placed", DATA) for _ in numbers])
        ws.close()

    return run


def ingest(server: Server, *, confined: bool) -> Callable[[], None]:
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

    def run() -> None:
        with tenant_scope("t"):
            for table in tables:
                drive(ws.services.events.ingest(table.to_reader())).unwrap()
        ws.close()

    return run


def main() -> None:
    """Print the table."""
    logging.getLogger("burgee").setLevel(logging.ERROR)  # that a superuser is not confined is the point here
    runs: dict[str, Callable[[Server], Callable[[], None]]] = {"raw COPY": raw}
    for name, confined in {"plain role": True, "superuser": False}.items():
        runs[f"append, {name}"] = partial(append, confined=confined)
        runs[f"ingest, {name}"] = partial(ingest, confined=confined)
    with running_postgres(fsync=True) as server:
        turns = [{name: seconds(make(server)) for name, make in runs.items()} for _ in range(TRIES)]  # each in turn
    best = {name: EVENTS / min(turn[name] for turn in turns) for name in runs}
    for name, rate in best.items():
        aim = "" if name == "raw COPY" else f"   aim: {AIM:.2f}x"
        ratio = rate / best["raw COPY"]
        print(f"PostgreSQL, batches of {SIZE:,}: {name:<20}{rate:>10,.0f} events a second {ratio:>6.2f}x{aim}")


def seconds(run: Callable[[], None]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
