"""Appending events, beside raw sqlite3 and `eventsourcing`, all on files, in one run.

Raw sqlite3 is the floor: the same table and indexes, the same WAL, the same `synchronous`, one prepared INSERT and no
check of anything; `executemany` in batches. It and `eventsourcing` leave the length of the WAL as SQLite has it by
default; burgee's is longer. `eventsourcing` twice: its SQLite recorder alone, which stores bytes in a table with a
third of the indexes, and its application, as people use it (`app.save(aggregate)`), which is what burgee's facade is
to be compared with. `ingest` is burgee's way for whole tables. Each line says how many events a second, and the ratio
to raw sqlite3; then the aims, and what they came to. All take turns, so that a slow moment of the machine is nobody's:
three turns each, of which the best counts, or one from 100,000 events on.

Run: `python tests/benchmarks/events.py [EVENTS]`. A million takes about twenty minutes, most of it one by one.
"""

import json
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from itertools import batched
from pathlib import Path
from typing import Any

import pyarrow as pa

import burgee
from burgee.core.json import Json, dumps
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.core.settings import Durability, Settings
from burgee.events.protocol import EventService
from burgee.store.database import Database

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
DATA: dict[str, Json] = {"total": 42.5, "items": 3, "country": "DE"}
SYNCHRONOUS = {"safe": "FULL", "fast": "NORMAL"}
TRIES = 3 if EVENTS < 100_000 else 1
SIZES = {1: "one by one", 100: "in batches of 100", 10_000: "in batches of 10,000"}
INGESTS_FROM = 10_000
SYNCED = 2_000  # events whose every single one waits for the disk
AIMS: list[tuple[Durability, int, str, float, str]] = [
    ("fast", 1, "service", 0.6, "raw sqlite3"),
    ("fast", 1, "facade", 1.0, "eventsourcing"),
    ("fast", 1, "facade", 1.0, "its recorder"),
    ("fast", 10_000, "facade", 0.8, "raw sqlite3"),
    ("fast", 10_000, "ingest", 0.8, "raw sqlite3"),
    ("fast", 10_000, "facade", 1.0, "eventsourcing"),
]

type Run = Callable[[], None]
type Make = Callable[[Path, int, Durability, int], Run]


def stream_of(number: int, size: int) -> str:
    """Ten events a stream, one by one; else a stream a batch."""
    return f"order-{number // max(size, 10)}"


def raw(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """The bare driver."""
    connection = sqlite3.connect(folder / "raw.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    memory = Database.in_memory()
    with memory.read("t") as schema:  # the very same tables and indexes
        for (statement,) in schema.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'"
        ):
            connection.execute(statement)
    memory.close()
    insert = "INSERT INTO events VALUES (NULL, 't', ?, ?, ?, 'order.placed', 1, ?, '{}', ?, ?)"
    text = json.dumps(DATA)

    def run() -> None:
        for numbers in batched(range(count), size, strict=False):
            now = time.time_ns() // 1000
            connection.execute("BEGIN IMMEDIATE")
            rows = [(stream_of(n, size), n, str(uuid.uuid4()), text, now, now) for n in numbers]
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
        connection.close()

    return run


def recorder(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """eventsourcing's SQLite recorder."""
    from eventsourcing.persistence import StoredEvent
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    store = SQLiteDatastore(str(folder / "peer.sqlite3"))
    recorder = SQLiteApplicationRecorder(store)
    recorder.create_table()
    with store.get_connection(commit=True) as connection:  # the pool keeps one connection for writing
        connection.cursor().execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    orders = [uuid.uuid4() for _ in range(500)]

    def run() -> None:
        for numbers in batched(range(count), size, strict=False):
            recorder.insert_events(
                [StoredEvent(orders[n % 500], n // 500 + 1, "order.placed", json.dumps(DATA).encode()) for n in numbers]
            )
        store.close()

    return run


def application(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """eventsourcing as people use it: aggregates, and `save`."""
    made, order_class = peer_application(str(folder / "application.sqlite3"))
    app: Any = made  # of a peer that is not installed where types are checked
    with app.factory.datastore.get_connection(commit=True) as connection:
        connection.cursor().execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")

    def run() -> None:
        order, seen = order_class(), ""
        for numbers in batched(range(count), size, strict=False):
            if stream_of(numbers[0], size) != seen:
                order, seen = order_class(), stream_of(numbers[0], size)
            for _ in numbers:
                order.place(42.5, 3, "DE")
            app.save(order)
        app.close()

    return run


def peer_application(path: str) -> tuple[object, Any]:
    """An application of eventsourcing on a SQLite file, and its aggregate of orders."""
    from eventsourcing.application import Application

    made: Any = Application
    return made(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": path}), peer_order()


@cache
def peer_order() -> Any:
    """Made once: it refuses a second class of the name."""
    from eventsourcing.domain import Aggregate, event

    class Order(Aggregate):
        @event("Placed")
        def place(self, total: float, items: int, country: str) -> None:
            pass

    return Order


def opened(folder: Path, durability: Durability) -> burgee.Workspace:
    """A new workspace, with the tenant `t`."""
    ws = burgee.open(str(folder / "ws"), settings=Settings(durability=durability, progress=False))
    ws.tenants.create("t")
    return ws


def service(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """burgee's service, awaited as its own server does, without the fluent layer."""
    ws = opened(folder, durability)
    events: EventService = ws.services.events

    def run() -> None:
        with tenant_scope("t"):
            for numbers in batched(range(count), size, strict=False):
                new = tuple([burgee.Event("order.placed", DATA) for _ in numbers])
                drive(events.append(stream_of(numbers[0], size), new)).unwrap()
        ws.close()

    return run


def facade(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """burgee as people use it."""
    ws = opened(folder, durability)
    events = ws.tenant("t").events

    def run() -> None:
        for numbers in batched(range(count), size, strict=False):
            events.append(stream_of(numbers[0], size), [burgee.Event("order.placed", DATA) for _ in numbers])
        ws.close()

    return run


def ingest(folder: Path, size: int, durability: Durability, count: int) -> Run:
    """burgee's service, given tables in the log's own columns."""
    ws = opened(folder, durability)
    events: EventService = ws.services.events
    text, now = dumps(DATA), time.time_ns() // 1000
    tables = []
    for numbers in batched(range(count), size, strict=False):
        columns = {
            "id": [str(uuid.uuid4()) for _ in numbers],
            "stream": [stream_of(n, size) for n in numbers],
            "type": ["order.placed"] * len(numbers),
            "occurred_at": pa.array([now] * len(numbers), pa.timestamp("us", "UTC")),
            "data": [text] * len(numbers),
            "metadata": ["{}"] * len(numbers),
        }
        tables.append(pa.table(columns))

    def run() -> None:
        with tenant_scope("t"):
            for table in tables:
                drive(events.ingest(table.to_reader())).unwrap()
        ws.close()

    return run


def main() -> None:
    """Print the table."""
    makers = {
        "service": service,
        "facade": facade,
        "ingest": ingest,
        "eventsourcing": application,
        "its recorder": recorder,
    }
    title = f"events a second, {EVENTS:,} events"
    print(f"{title:<34}{'raw sqlite3':>13}" + "".join(f"{head:>16}" for head in makers))
    found: dict[tuple[str, int], dict[str, float]] = {}
    for durability in ("fast", "safe"):
        for size, name in SIZES.items():
            count = min(EVENTS, SYNCED) if (size, durability) == (1, "safe") else EVENTS
            runs: dict[str, Make] = {"raw sqlite3": raw}
            runs |= {n: m for n, m in makers.items() if m is not ingest or size >= INGESTS_FROM}
            best = found[durability, size] = rates(runs, size, durability, count)
            base = best["raw sqlite3"]
            cells = "".join(f"{best[n]:>10,.0f} {best[n] / base:>4.2f}x" if n in best else f"{'':>16}" for n in makers)
            print(f"{f'{durability}, {name}':<34}{base:>13,.0f}{cells}", flush=True)
    for durability, size, ours, aim, other in AIMS:
        best = found[durability, size]
        what = f"{durability}, {SIZES[size]}: {ours} at least {aim:.2f} of {other}"
        print(f"aim: {what:<78}{best[ours] / best[other]:>5.2f}")


def rates(makers: dict[str, Make], size: int, durability: Durability, count: int) -> dict[str, float]:
    """How many events a second each stores, at best."""
    turns = [{name: seconds(make, size, durability, count) for name, make in makers.items()} for _ in range(TRIES)]
    return {name: count / min(turn[name] for turn in turns) for name in makers}


def seconds(make: Make, size: int, durability: Durability, count: int) -> float:
    """How long it takes in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        run = make(Path(folder), size, durability, count)
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
