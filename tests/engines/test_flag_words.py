"""The harder words of flags in four engines: the same answers as Python's, on texts and times that divide engines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING

import chdb
import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from burgee.flags.evaluation.conditions import test_of as python_of
from burgee.flags.model import Condition, Operator
from burgee.flags.sql.columns import ColumnKind, column
from burgee.flags.sql.words import word
from flags.word_values import ATTRIBUTE, UNBOUNDED, moment_conditions, text_conditions, texts, times
from services.postgres import Server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENGINES = ("duckdb", "postgres", "clickhouse", "spark")
ZONE = "America/New_York"
"""Of every session: no answer may depend on it."""

_AT_ONCE = 12  # Spark's time grows faster than a query
_EVERY = text_conditions()
CONDITIONS = [
    *[condition for condition in _EVERY if condition.op is not Operator.MATCHES][
        ::2
    ],  # long ones: half of them will do
    *[condition for condition in _EVERY if condition.op is Operator.MATCHES],
]
TEXTS = texts(500)
TIMES = times()
WALLS = [at and at.replace(tzinfo=None) for at in TIMES]
TABLE = pa.table(
    {
        "n": pa.array(range(len(TEXTS)), pa.int64()),
        "text": pa.array(TEXTS, pa.string()),
        **{
            name: pa.array([*values, *[None] * (len(TEXTS) - len(values))], type)
            for name, values, type in (
                ("zoned", TIMES, pa.timestamp("us", "UTC")),
                ("plain", WALLS, pa.timestamp("us")),
                ("day", [at and at.date() for at in TIMES], pa.date32()),
            )
        },
    }
)

type Ask = Callable[[str, str], Sequence[Sequence[object]]]
"""Rows of one SELECT over the table, by the engine's name."""


@pytest.fixture(scope="module")
def ask(spark: "SparkSession", postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The table in every engine, in a session far from UTC."""
    file = tmp_path_factory.mktemp("words") / "table.parquet"
    pq.write_table(TABLE, file)
    with closing(duckdb.connect()) as duck, psycopg.connect(postgres.admin, autocommit=True) as pg:
        duck.execute(f"SET TimeZone = '{ZONE}'")
        duck.register("frame", TABLE)
        in_postgres(pg)
        spark.conf.set("spark.sql.session.timeZone", ZONE)
        spark.read.parquet(str(file)).createOrReplaceTempView("frame")
        ways: Mapping[str, Callable[[str], Sequence[Sequence[object]]]] = {
            "duckdb": lambda query: duck.sql(query).fetchall(),
            "postgres": lambda query: pg.execute(query.encode()).fetchall(),
            "clickhouse": lambda query: in_clickhouse(query, file),
            "spark": lambda query: spark.sql(query).collect(),
        }
        yield lambda engine, query: ways[engine](query)
        pg.execute("DROP TABLE frame")
        spark.conf.set("spark.sql.session.timeZone", "UTC")


def in_postgres(connection: psycopg.Connection) -> None:
    """The table, and the session's time zone."""
    connection.execute(f"SET TIME ZONE '{ZONE}'".encode())
    connection.execute("CREATE TABLE frame (n int, text text, zoned timestamptz, plain timestamp, day date)")
    with connection.cursor() as cursor, cursor.copy("COPY frame FROM STDIN") as copy:
        for row in TABLE.to_pylist():
            copy.write_row(tuple(row.values()))


def in_clickhouse(query: str, file: Path) -> list[tuple[object, ...]]:
    """The answer of chdb, which has the file for a table."""
    time = "Nullable(DateTime64(6, \\'UTC\\'))"
    shape = f"n Int64, text Nullable(String), zoned {time}, plain {time}, day Nullable(Date32)"
    text = query.replace("FROM frame", f"FROM file('{file}', 'Parquet', '{shape}')")
    found: pa.Table = chdb.query(  # type: ignore[no-untyped-call] # it has no types
        f"{text} SETTINGS session_timezone = '{ZONE}'", "ArrowTable"
    )
    return [tuple(row.values()) for row in found.to_pylist()]


def answers(ask: Ask, engine: str, conditions: Sequence[Condition], name: str, kind: ColumnKind) -> list[list[bool]]:
    """What an engine answers each condition, row by row."""
    answered: list[list[bool]] = []
    for some in batched(conditions, _AT_ONCE, strict=False):
        trees = [word(condition, column(name, kind, engine), engine) for condition in some]
        met = [f"COALESCE({tree.sql(engine)}, FALSE) AS c{n}" for n, tree in enumerate(trees)]
        rows = ask(engine, f"SELECT n, {', '.join(met)} FROM frame ORDER BY n")
        answered += [[bool(row[n + 1]) for row in rows] for n in range(len(trees))]
    return answered


def meant(conditions: Sequence[Condition], name: str) -> list[list[bool]]:
    """What Python answers."""
    seen = TABLE[name].to_pylist()
    tests = [python_of((condition,)) for condition in conditions]
    return [[test({ATTRIBUTE: value}) for value in seen] for test in tests]


def differences(
    conditions: Sequence[Condition], name: str, got: Sequence[Sequence[bool]], wanted: Sequence[Sequence[bool]]
) -> list[str]:
    """What is answered otherwise: few of them, because a list of thousands tells nobody anything."""
    seen = TABLE[name].to_pylist()
    return [
        f"{condition}: {value!r:.80} is {answer}, not {right}"
        for condition, row, right_row in zip(conditions, got, wanted, strict=True)
        for value, answer, right in zip(seen, row, right_row, strict=True)
        if answer is not right
    ][:10]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_word_of_texts_is_met_by_the_texts_that_python_says(ask: Ask, engine: str) -> None:
    conditions = CONDITIONS
    if engine == "spark":  # it refuses this one
        conditions = [condition for condition in conditions if condition.value != UNBOUNDED]
    got, wanted = answers(ask, engine, conditions, "text", ColumnKind.TEXT), meant(conditions, "text")
    assert differences(conditions, "text", got, wanted) == []
    assert all(any(row) and not all(row) for row in wanted)  # each condition tells texts apart


@pytest.mark.parametrize("name", ["zoned", "plain", "day"])
@pytest.mark.parametrize("engine", ENGINES)
def test_columns_of_times_are_before_and_after_as_python_says(ask: Ask, engine: str, name: str) -> None:
    conditions = moment_conditions()
    got, wanted = answers(ask, engine, conditions, name, ColumnKind.TIME), meant(conditions, name)
    if engine == "clickhouse":  # it holds times of 1900 to 2299 only, and takes others for the nearest
        held = [at is None or 1900 <= at.year < 2299 for at in TABLE[name].to_pylist()]
        got = [[answer and there for answer, there in zip(row, held, strict=True)] for row in got]
        wanted = [[answer and there for answer, there in zip(row, held, strict=True)] for row in wanted]
    assert differences(conditions, name, got, wanted) == []
