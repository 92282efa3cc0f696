"""Appending events, beside raw sqlite3 and the storage of `eventsourcing`, all on files, in one run.

Raw sqlite3 is the floor: the same table, the same WAL, the same `synchronous`, one prepared INSERT and no check of
anything. `eventsourcing` stores through its SQLite recorder. Each line says how many events a second, and the ratio to
raw sqlite3. Run: `python tests/benchmarks/events.py [EVENTS]`.
"""

import json
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from itertools import batched
from pathlib import Path

import burgee
from burgee.core.json import Json
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.core.settings import Settings
from burgee.events.protocol import EventService
from burgee.store.database import Database

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
DATA: dict[str, Json] = {"total": 42.5, "items": 3, "country": "DE"}
SYNCHRONOUS = {"safe": "FULL", "fast": "NORMAL"}


def raw(folder: Path, size: int, durability: str) -> Callable[[], None]:
    """The bare driver."""
    connection = sqlite3.connect(folder / "raw.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    with Database.in_memory().read("t") as schema:  # the very same tables and indexes
        for (statement,) in schema.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'"
        ):
            connection.execute(statement)
    insert = "INSERT INTO events VALUES (NULL, 't', ?, ?, ?, 'order.placed', 1, ?, '{}', ?, ?)"
    text = json.dumps(DATA)

    def run() -> None:
        for numbers in batched(range(EVENTS), size, strict=False):
            now = time.time_ns() // 1000
            connection.execute("BEGIN IMMEDIATE")
            rows = [(f"order-{n % 500}", n // 500 + 1, str(uuid.uuid4()), text, now, now) for n in numbers]
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
        connection.close()

    return run


def peer(folder: Path, size: int, durability: str) -> Callable[[], None]:
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
        for numbers in batched(range(EVENTS), size, strict=False):
            recorder.insert_events(
                [StoredEvent(orders[n % 500], n // 500 + 1, "order.placed", json.dumps(DATA).encode()) for n in numbers]
            )
        store.close()

    return run


def service(folder: Path, size: int, durability: str) -> Callable[[], None]:
    """burgee's service, awaited as its own server does, without the fluent layer."""
    ws = burgee.open(str(folder / "service"), settings=Settings(durability=durability, progress=False))  # type: ignore[arg-type]
    ws.tenants.create("t")
    events: EventService = ws.services.events

    def run() -> None:
        with tenant_scope("t"):
            for numbers in batched(range(EVENTS), size, strict=False):
                by_stream: dict[str, list[burgee.Event]] = {}
                for n in numbers:
                    by_stream.setdefault(f"order-{n // max(size, 10)}", []).append(burgee.Event("order.placed", DATA))
                for stream, new in by_stream.items():
                    drive(events.append(stream, tuple(new))).unwrap()
        ws.close()

    return run


def facade(folder: Path, size: int, durability: str) -> Callable[[], None]:
    """burgee as people use it."""
    ws = burgee.open(str(folder / "facade"), settings=Settings(durability=durability, progress=False))  # type: ignore[arg-type]
    events = ws.tenants.create("t").events

    def run() -> None:
        for numbers in batched(range(EVENTS), size, strict=False):
            events.append(f"order-{numbers[0] // max(size, 10)}", [burgee.Event("order.placed", DATA) for _ in numbers])
        ws.close()

    return run


def main() -> None:
    """Print the table."""
    heads = ("service", "facade", "eventsourcing")
    print(f"{f'events a second, {EVENTS} events':<34}{'raw sqlite3':>13}" + "".join(f"{head:>16}" for head in heads))
    for durability in ("safe", "fast"):
        for size in (1, 100):
            rates = []
            for make in (raw, service, facade, peer):
                with tempfile.TemporaryDirectory() as folder:
                    run = make(Path(folder), size, durability)
                    start = time.perf_counter()
                    run()
                    rates.append(EVENTS / (time.perf_counter() - start))
            name = f"{durability}, {'one by one' if size == 1 else f'in batches of {size}'}"
            cells = "".join(f"{rate:>10,.0f} {rate / rates[0]:>4.2f}x" for rate in rates[1:])
            print(f"{name:<34}{rates[0]:>13,.0f}{cells}")


if __name__ == "__main__":
    main()
