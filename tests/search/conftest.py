"""Every engine there is, for the suite that all of them run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burgee.search.fts5 import Fts5Search
from burgee.search.model import Document
from burgee.search.protocol import Put, SearchProvider
from search.corpus import DOCUMENTS, MAPPING, new_name

PROVIDERS = ("fts5",)
"""An engine is added here and in `_made`; one by one, for the whole session."""

EXAMPLES = {"fts5": 100}
"""How many examples a property is tried with on an engine; 10 on those that aren't named."""


@pytest.fixture(scope="session", params=PROVIDERS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of an engine."""
    return str(request.param)


@pytest.fixture(scope="session")
def provider(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchProvider[Any]]:
    """An engine of each kind, shared by all tests: take names of your own (`name`)."""
    made = _made(kind, tmp_path_factory.mktemp("search"))
    yield made
    made.close()


def _made(kind: str, folder: Path) -> SearchProvider[Document]:
    assert (kind, folder.is_dir()) == ("fts5", True)
    return Fts5Search()  # what is particular to its file is in `test_fts5.py`


@pytest.fixture(scope="session")
def examples(kind: str) -> int:
    """How many examples a property is tried with on this engine."""
    return EXAMPLES.get(kind, 10)


@pytest.fixture
def name() -> str:
    """A name of an index that nobody else has."""
    return new_name()


@pytest.fixture(scope="session")
def corpus(provider: SearchProvider[Any]) -> str:
    """The index of the small corpus on this engine: for reading only."""
    name = new_name()
    provider.create(name, MAPPING)
    provider.write(name, [Put(id, document) for id, document in DOCUMENTS.items()], len(DOCUMENTS))
    return name
