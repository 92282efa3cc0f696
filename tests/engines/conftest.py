"""One Spark for all tests of engines, beside the one PostgreSQL of all tests, and logs that every engine sees."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

import burgee
from burgee.analytics.archive import Archive
from burgee.analytics.clickhouse import ClickHouseEngine
from burgee.analytics.duckdb import DuckDBEngine
from burgee.analytics.engine import Engine
from burgee.analytics.mirror import Mirror
from burgee.analytics.postgres import PostgresEngine
from burgee.analytics.spark import SparkEngine
from burgee.core.settings import Settings
from burgee.workspace import Tenant
from engines.asking import Log
from services.postgres import Server
from services.spark import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

type Filled = Callable[[Callable[[Tenant], None]], Log]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """A Spark session in this process."""
    with spark_session(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="module")
def filled(spark: "SparkSession", postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Gives a log that every engine sees, filled by a function: in PostgreSQL, with a mirror and an archive."""
    with ExitStack() as open_until_the_end:

        def fill(with_events: Callable[[Tenant], None]) -> Log:
            folder: Path = tmp_path_factory.mktemp("log")
            settings = Settings(database=SecretStr(postgres.schema()), progress=False)
            ws = open_until_the_end.enter_context(burgee.open(str(folder / "ws"), settings=settings))
            with_events(ws.tenants.create("acme"))
            database = ws._database
            assert database is not None
            archive = Archive(folder / "archive")
            engines: dict[str, Engine] = {
                "duckdb": DuckDBEngine(),
                "clickhouse": ClickHouseEngine(archive),
                "postgres": PostgresEngine(database),
                "spark": SparkEngine(spark, archive, cached=True),
            }
            return Log(Mirror(database, folder / "mirror").source("acme"), engines)

        yield fill
