"""The same flag, the same answer: `evaluate`, and its SELECT on DuckDB, PostgreSQL, Spark and ClickHouse."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from burgee.flags.evaluation.compiled import compile_flag, is_live
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.sql.text import select_of
from flags.strategies import TEXTS, deep_flags
from services.postgres import Server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

type Row = tuple[int, int, str | None, str]
"""The flag's number, the row's, the variant and the reason."""
type Engine = Callable[[str], Sequence[Row]]
"""The rows of a SELECT over the table `users`."""

MOMENTS = (datetime(2026, 11, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), None)
USERS = pa.table(
    {
        "row": pa.array(range(40), pa.int64()),
        "id": pa.array([[*TEXTS, "", None, "7", "user-1"][n % 20] for n in range(40)], pa.string()),
        "number": pa.array([[7, 0, -3, 2**53 + 1, None, 2**63 - 1][n % 6] for n in range(40)], pa.int64()),
        "float": pa.array(
            [[7.0, -0.0, 1.5, None, math.nan, math.inf, 2.0**53][n % 7] for n in range(40)], pa.float64()
        ),
        "country": pa.array([[*TEXTS, None][n % 17] for n in range(40)], pa.string()),
        "age": pa.array([[1, 2, -1, None, 2**53 + 1, 0, -(2**63)][n % 7] for n in range(40)], pa.int64()),
        "price": pa.array([[0.1, 2.5, math.nan, None, -0.0, 1e300, 5e-324][n % 7] for n in range(40)], pa.float64()),
        "member": pa.array([[True, False, None][n % 3] for n in range(40)], pa.bool_()),
        "joined": pa.array([MOMENTS[n % 3] for n in range(40)], pa.timestamp("us", "UTC")),
        "born": pa.array([[date(2026, 11, 1), date(1970, 1, 1), None][n % 3] for n in range(40)], pa.date32()),
        "company": pa.array([["x", "ü", None, ""][n % 4] for n in range(40)], pa.string()),
    }
)
KINDS = {
    "id": "text",
    "number": "whole",
    "float": "fraction",
    "country": "text",
    "age": "whole",
    "price": "fraction",
    "member": "boolean",
    "joined": "time",
    "born": "time",
    "company": "text",
}
type Asked = tuple[FlagState, Ruleset, str]
"""A flag, those it requires, and the column of the targeting keys."""


@pytest.fixture(scope="module")
def flags() -> list[Asked]:
    """A hundred flags that are on, generated once for all engines."""
    made: list[Asked] = []

    @settings(max_examples=100, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(deep_flags().filter(lambda one: is_live(one[0])), st.sampled_from(("id", "number", "float")))
    def collect(one: tuple[FlagState, Ruleset], by: str) -> None:
        made.append((*one, by))

    collect()
    return made


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "users.parquet"
    pq.write_table(USERS, path)
    return path


@pytest.fixture(scope="module")
def on_duckdb(users: Path) -> Iterator[Engine]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE users AS SELECT * FROM '{users}'")
        yield lambda sql: connection.sql(sql).fetchall()


@pytest.fixture(scope="module")
def on_postgres(postgres: Server) -> Iterator[Engine]:
    import psycopg

    kinds = "row bigint, id text, number bigint, float double precision, country text, age bigint, "
    kinds += "price double precision, member boolean, joined timestamptz, born date, company text"
    with psycopg.connect(postgres.admin) as connection:
        connection.execute("SET TIME ZONE 'Asia/Kolkata'")
        connection.execute(f"CREATE TEMP TABLE users ({kinds})")
        places = ", ".join(["%s"] * USERS.num_columns)
        connection.cursor().executemany(
            f"INSERT INTO users VALUES ({places})", [tuple(row.values()) for row in USERS.to_pylist()]
        )
        yield lambda sql: connection.execute(sql.encode()).fetchall()


@pytest.fixture(scope="module")
def on_spark(spark: "SparkSession", users: Path) -> Engine:
    spark.read.parquet(str(users)).cache().createOrReplaceTempView("users")
    return lambda sql: [tuple(row) for row in spark.sql(sql).collect()]


@pytest.fixture(scope="module")
def on_clickhouse(users: Path) -> Engine:
    chdb = pytest.importorskip("chdb")

    def run(sql: str) -> Sequence[Row]:
        found = chdb.query(f"WITH users AS (SELECT * FROM file('{users}', Parquet)) {sql}", "ArrowTable")
        return [tuple(row.values()) for row in found.to_pylist()]

    return run


def check(dialect: str, engine: Engine, flags: Sequence[Asked], at_once: int = 20) -> None:
    """All flags, so many in a query."""
    for some in batched(flags, at_once, strict=False):
        texts = [select_of(compile_flag(state, ruleset), dialect, "users", by, KINDS) for state, ruleset, by in some]
        parts = [
            f"SELECT {number} AS flag, q.row AS place, q.variant AS variant, q.reason AS reason FROM ({text}) AS q"
            for number, text in enumerate(texts)
        ]
        got = sorted(tuple(row) for row in engine(" UNION ALL ".join(parts)))
        expected = [row for number, one in enumerate(some) for row in rows_of(number, *one)]
        for ours, theirs in zip(expected, got, strict=True):
            assert theirs == ours, (some[ours[0]], texts[ours[0]])


def rows_of(number: int, state: FlagState, ruleset: Ruleset, by: str) -> Iterator[Row]:
    ask = compile_flag(state, ruleset).evaluate
    for place, row in enumerate(USERS.to_pylist()):
        served = ask({**row, "id": row[by]})
        yield number, place, served.variant, served.reason.value


def test_duckdb_serves_what_evaluate_does(on_duckdb: Engine, flags: list[Asked]) -> None:
    """P19, P20, R9.1."""
    check("duckdb", on_duckdb, flags)


def test_postgres_serves_what_evaluate_does(on_postgres: Engine, flags: list[Asked]) -> None:
    """P19, P20, R9.1."""
    check("postgres", on_postgres, flags)


def test_clickhouse_serves_what_evaluate_does(on_clickhouse: Engine, flags: list[Asked]) -> None:
    """P19, P20, R9.1."""
    check("clickhouse", on_clickhouse, flags, at_once=5)  # it takes 256 KiB at once, and one may have 30


def test_spark_serves_what_evaluate_does(on_spark: Engine, flags: list[Asked]) -> None:
    """P19, P20, R9.1."""
    check("spark", on_spark, flags)
