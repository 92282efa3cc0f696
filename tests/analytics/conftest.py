"""A database in a folder of its own, for the mirror's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.store.database import Database
from mirrored import cut_small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    database = Database.in_folder(folder)
    yield database
    database.close()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, so that a small log has many."""
    cut_small(monkeypatch)
