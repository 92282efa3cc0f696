"""Which engine answers: DuckDB here, or the one that was handed in."""

from typing import TYPE_CHECKING, TypeGuard

from burgee.analytics.archive import Archive
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.engine import Engine
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.store.database import Database

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENGINES = ("duckdb", "clickhouse", "postgres")
"""Engines that need nothing handed in, by name."""


def engine_of(analytics: object, database: Database, archive: Archive) -> Engine:
    """The engine that `burgee.open(…, analytics=…)` names.

    Args:
        analytics: nothing or `"duckdb"`; `"clickhouse"` (in this process); `"postgres"` (where the log is); a
            `SparkSession`; or any object with `dialect` and `answer(tree, source)`.
        database: where the log is.
        archive: what engines that don't see the log read.

    Raises:
        InvalidInputError: it is none of these.
        MissingExtraError: the engine's library is not installed.
    """
    if analytics is None or analytics == "duckdb":
        return DuckDBEngine()
    if analytics == "clickhouse":
        from burgee.analytics.clickhouse import ClickHouseEngine

        return ClickHouseEngine(archive)
    if analytics == "postgres":
        from burgee.analytics.postgres import PostgresEngine

        return PostgresEngine(database)
    if isinstance(analytics, str):
        raise InvalidInputError(f"no engine is called {analytics!r}", hint=did_you_mean(analytics, ENGINES))
    if isinstance(analytics, Engine):
        return analytics
    if _is_spark(analytics):
        from burgee.analytics.spark import SparkEngine

        return SparkEngine(analytics, archive)
    hint = "give a SparkSession, 'clickhouse', 'postgres', or an object with `dialect` and `answer(tree, source)`"
    raise InvalidInputError(f"{analytics!r} is no engine for questions", hint=hint)


def _is_spark(analytics: object) -> "TypeGuard[SparkSession]":
    """Whether it is a session, seen by its name: only who has pyspark has one."""
    kind = type(analytics)
    return kind.__name__ == "SparkSession" and kind.__module__.startswith("pyspark.")
