"""The mirror, beside hand-written pandas and SQL on SQLite, on the same events, in one run.

Pandas is what an analyst would write: read the rows out of SQLite, parse the JSON, group the frame; its second
column is the same question once all of it is in memory. Each line says the seconds, and the ratios of the others to
burgee. Run: `python tests/benchmarks/mirror.py [EVENTS]` (default a million; 10000000 shows memory, too).
"""

import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

import burgee
from burgee.core.settings import Settings

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
MORE = 10_000
TYPES = ("catalog", "product_view", "add_to_cart", "purchase", "search")
PANDAS_MOST = 2_000_000  # more than this does not fit into memory as Python objects
COLUMNS = "tenant, stream, version, id, type, schema_version, data, metadata, occurred_at, recorded_at"

type Row = tuple[str, str, int, str, str, int, str, str, int, int]


def rows(first: int, count: int) -> Iterator[Row]:
    """Made-up events of a shop with 20,000 users, one every two seconds."""
    rolls = random.Random(first)  # noqa: S311 - made-up data
    for n in range(first, first + count):
        user = rolls.randrange(20_000)
        data = {
            "country": rolls.choice(("DE", "FR", "US", "GB")),
            "items": rolls.randrange(5),
            "new": rolls.random() < 0.5,
            "user_id": user,
            "value": round(rolls.random() * 100, 2),
        }
        at = 1_700_000_000_000_000 + n * 2_000_000
        id = str(uuid.UUID(int=at << 64 | rolls.getrandbits(64)))  # in the order of time, as burgee's own
        text = json.dumps(data, separators=(",", ":"))
        yield "acme", f"user-{user}", n, id, rolls.choice(TYPES), 1, text, "{}", at, at


def store(file: Path, first: int, count: int) -> None:
    """Put the events into the database by hand: what is measured comes after."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    connection.execute("BEGIN")
    marks = ", ".join("?" * 10)
    connection.executemany(f"INSERT INTO events ({COLUMNS}) VALUES ({marks})", rows(first, count))
    connection.execute("COMMIT")
    connection.close()


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The best of some."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def line(what: str, ours: float, **others: float) -> None:
    cells = "".join(f"   {name} {taken:>8.3f} s {taken / ours:>6.1f}x" for name, taken in others.items())
    print(f"{what:<36}{ours:>8.3f} s{cells}", flush=True)


def by_hand(file: Path) -> pd.DataFrame:
    """The whole log as a frame, as one writes it without burgee."""
    connection = sqlite3.connect(file)
    frame = pd.read_sql("SELECT * FROM events WHERE tenant = 'acme' AND stream < '$' OR stream >= '%'", connection)
    connection.close()
    fields = pd.DataFrame(list(map(json.loads, frame.pop("data"))))
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], unit="us", utc=True)
    return pd.concat([frame, fields], axis=1)


def sqlite(file: Path, sql: str) -> Callable[[], object]:
    """The same question on the log's own table."""

    def work() -> object:
        connection = sqlite3.connect(file)
        found = connection.execute(sql).fetchall()
        connection.close()
        return found

    return work


def peak() -> float:
    """The most memory this process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "burgee.sqlite3"
        ws = burgee.open(folder, settings=Settings(progress=False))
        events = ws.tenants.create("acme").events
        store(file, 0, EVENTS)
        print(f"{EVENTS:,} events", flush=True)
        count = "select count(*) from events"
        line("the mirror made", seconds(events.sql(count).frame, 1))
        grown = []
        for turn in range(5):
            store(file, EVENTS + turn * MORE, MORE)
            grown.append(seconds(events.types, 1))
        line(f"{MORE:,} new events into the mirror", min(grown))
        group = events.sql("select type, count(*) n, sum(value) v from events group by 1")
        chosen = events.sql("select country, count(*) n from events where type = 'purchase' and value > 50 group by 1")
        in_sqlite = {
            "group": sqlite(
                file,
                "SELECT type, count(*), sum(json_extract(data, '$.value')) FROM events"
                " WHERE tenant = 'acme' GROUP BY 1",
            ),
            "chosen": sqlite(
                file,
                "SELECT json_extract(data, '$.country'), count(*) FROM events"
                " WHERE tenant = 'acme' AND type = 'purchase' AND json_extract(data, '$.value') > 50 GROUP BY 1",
            ),
        }
        once = {name: seconds(work, 1) for name, work in in_sqlite.items()}
        ours = {"group": seconds(group.frame), "chosen": seconds(chosen.frame)}
        memory = peak()
        if EVENTS > PANDAS_MOST:
            line("group by type, count and sum", ours["group"], sqlite=once["group"])
            line("filter and group", ours["chosen"], sqlite=once["chosen"])
            print(f"most memory used: {memory:.2f} GB")
            return
        arrow = seconds(lambda: events.query().frame(arrow=True))
        plain = seconds(lambda: events.query().frame(), 1)
        start = time.perf_counter()
        frame = by_hand(file)
        made = time.perf_counter() - start
        line("typed frame, Arrow-backed", arrow, pandas=made)
        line("typed frame, numpy-backed", plain, pandas=made)
        held = seconds(lambda: frame.groupby("type").agg(n=("value", "size"), v=("value", "sum")))
        line("group by type, count and sum", ours["group"], sqlite=once["group"], pandas=made + held, in_memory=held)
        held = seconds(lambda: frame[(frame["type"] == "purchase") & (frame["value"] > 50)].groupby("country").size())
        line("filter and group", ours["chosen"], sqlite=once["chosen"], pandas=made + held, in_memory=held)
        print(f"most memory used before pandas: {memory:.2f} GB")
        ws.close()


if __name__ == "__main__":
    main()
