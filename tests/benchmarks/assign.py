"""How long ten million users take: `python tests/benchmarks/assign.py`.

Users are made on the fly, as a relation of DuckDB, a stream of Arrow batches and a frame, and assigned on one thread.
Beside it stands the physical limit: DuckDB hashing each id once by MD5. What making the users takes is taken off. Each
case runs in a process of its own, so that its peak of memory is its own.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import duckdb
import numpy as np
import pyarrow as pa

from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.model import FlagState, Rule
from burgee.flags.sql.assign import assign
from burgee.flags.sql.streams import assign_relation, assign_stream

ROWS = 10_000_000
BATCH = 100_000
COUNTRIES = ("US", "GB", "IT", "ES", "DE", "FR", "NL", "PL", "SE", "PT")
USERS = f"""
    SELECT 'user-' || i AS id, [{", ".join(map(repr, COUNTRIES))}][i % 10 + 1] AS country, i * 7 % 52 + 18 AS age
    FROM range({ROWS}) AS t(i)
"""
RULES = (("country", "in", ["DE", "FR"]), ("age", "gte", 65))


def flag() -> FlagState:
    """A flag with two rules and a quarter of the others."""
    variants = make_variants({"control": 50, "treatment": 50})
    rules = tuple(Rule(f"r{n}", (make_condition(*rule),), "treatment") for n, rule in enumerate(RULES))
    return FlagState("f", variants, "control", enabled=True, rollout=25, rules=rules, salt="f")


def users() -> pa.RecordBatchReader:
    """The same users as a stream."""

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, ROWS, BATCH):
            numbers = pa.array(np.arange(start, start + BATCH))
            ids = pa.compute.binary_join_element_wise("user", numbers.cast(pa.string()), "-")
            places = np.arange(start, start + BATCH)
            country = pa.DictionaryArray.from_arrays(pa.array((places % 10).astype(np.int32)), list(COUNTRIES))
            yield pa.record_batch({"id": ids, "country": country, "age": pa.array(places * 7 % 52 + 18)})

    first = next(batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches())


def on_one_thread() -> duckdb.DuckDBPyConnection:
    """A DuckDB with one thread."""
    return duckdb.connect(config={"threads": 1})


def limit() -> float:
    """What is not beaten: one hash of each id."""
    connection = on_one_thread()
    made = making(connection)
    start = time.perf_counter()
    connection.sql(f"SELECT count(md5(id)), count(country), sum(age) FROM ({USERS})").fetchall()
    return time.perf_counter() - start - made


def making(connection: duckdb.DuckDBPyConnection) -> float:
    """Seconds to make the users alone, which are taken off."""
    start = time.perf_counter()
    connection.sql(f"SELECT count(id), count(country), sum(age) FROM ({USERS})").fetchall()
    return time.perf_counter() - start


def relation() -> float:
    """A relation, counted by variant and reason."""
    connection = on_one_thread()
    made = making(connection)
    start = time.perf_counter()
    answer = assign_relation(flag(), connection.sql(USERS))
    answer.aggregate("variant, reason, count(bucket)").fetchall()
    return time.perf_counter() - start - made


def stream() -> float:
    """A stream, read to its end; its making is timed apart and taken off."""
    start = time.perf_counter()
    rows = sum(batch.num_rows for batch in users())
    made = time.perf_counter() - start
    start = time.perf_counter()
    if sum(batch.num_rows for batch in assign_stream(flag(), users())) != rows:
        raise SystemExit("rows were lost")
    return time.perf_counter() - start - made


def frame() -> float:
    """A frame of Arrow, all in memory."""
    table = users().read_all()
    start = time.perf_counter()
    assign(flag(), table)
    return time.perf_counter() - start


CASES: dict[str, Callable[[], float]] = {"limit": limit, "relation": relation, "stream": stream, "frame": frame}


def main() -> None:
    """Measure all cases, or the one named, and print seconds, gigabytes and the ratio to the limit."""
    if len(sys.argv) > 1:
        seconds = CASES[sys.argv[1]]()
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        return
    print(f"{ROWS:,} users, one thread")
    least = 0.0
    for name in CASES:
        command = [sys.executable, __file__, name]
        if name in {"stream", "frame"} and sys.platform == "linux":
            command = ["taskset", "-c", "0", *command]  # one core for Arrow and DuckDB together
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, gigabytes = map(float, done.stdout.split())
        least = least or seconds
        print(f"{name:<10}{seconds:>8.2f} s {gigabytes:>7.2f} GB {seconds / least:>7.2f} times the limit")


if __name__ == "__main__":
    main()
