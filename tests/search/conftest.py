"""Every engine there is, for the suite that all of them run."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from burgee.search.fts5 import Fts5Search
from burgee.search.protocol import Put, SearchProvider
from search.corpus import DOCUMENTS, MAPPING, new_name

type Make = Callable[[pytest.FixtureRequest], SearchProvider[Any]]

MAKERS: dict[str, Make] = {
    "fts5": lambda _: Fts5Search(),  # what is particular to its file is in `test_fts5.py`
}
"""How each engine is made, once for the whole session; `request.getfixturevalue` has folders and servers."""

EXAMPLES = {"fts5": 100}
"""How many examples a property is tried with on an engine; 10 on those that aren't named."""


@pytest.fixture(scope="session", params=list(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    """The name of an engine."""
    return str(request.param)


@pytest.fixture(scope="session")
def provider(kind: str, request: pytest.FixtureRequest) -> Iterator[SearchProvider[Any]]:
    """An engine of each kind, shared by all tests: take names of your own (`name`)."""
    made = MAKERS[kind](request)
    yield made
    made.close()


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
    index = new_name()
    provider.create(index, MAPPING)
    provider.write(index, [Put(id, document) for id, document in DOCUMENTS.items()], len(DOCUMENTS))
    return index
