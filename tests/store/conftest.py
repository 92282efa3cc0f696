"""The databases: a test that takes `database` runs on a SQLite file and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.store.database import Database
from services.postgres import Server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of its own, new and empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'burgee.sqlite3'}"
    postgres: Server = request.getfixturevalue("postgres")
    return postgres.schema()


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    """A new database."""
    database = Database(address, name="test")
    yield database
    database.close()
