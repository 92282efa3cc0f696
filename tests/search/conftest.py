"""Every engine there is, for the suite that all of them run."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.fts5.provider import Fts5Search
from burgee.search.protocol import Put, SearchProvider
from burgee.search.tantivy.provider import TantivySearch
from search.corpus import DOCUMENTS, MAPPING, new_name
from services.elasticsearch import PATIENCE, ElasticsearchServer, running_elasticsearch

type Make = Callable[[pytest.FixtureRequest], SearchProvider[Any]]

MAKERS: dict[str, Make] = {
    "tantivy": lambda _: TantivySearch(),  # what is particular to its folder is in `test_tantivy.py`
    "fts5": lambda _: Fts5Search(),  # what is particular to its file is in `test_fts5.py`
    "elasticsearch": lambda request: ElasticsearchSearch(
        request.getfixturevalue("elasticsearch_url"), timeout=PATIENCE
    ),
}
"""How each engine is made, once for the whole session; `request.getfixturevalue` has folders and servers."""

EXAMPLES = {"tantivy": 50, "fts5": 100}
"""How many examples a property is tried with on an engine; 10 on those that aren't named."""


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[ElasticsearchServer]:
    """An Elasticsearch of our own, for the whole run: whoever stops it starts it again."""
    with running_elasticsearch() as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """The Elasticsearch that `BURGEE_TEST_ELASTICSEARCH` names, with a prefix of its own; else one of our own."""
    given = os.environ.get("BURGEE_TEST_ELASTICSEARCH")
    if not given:
        return str(request.getfixturevalue("elasticsearch_server").url)
    return f"{given}{'&' if '?' in given else '?'}prefix=burgee-tests-{uuid4().hex}"


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
