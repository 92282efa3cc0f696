"""The modes: a test that takes `acme` or `ws` runs embedded, against a server in process, over a socket, on PostgreSQL.

The first three are on SQLite; on PostgreSQL burgee is embedded, as a role that row-level security holds for.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
from pydantic import SecretStr
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

import burgee
from burgee.core.clock import system_clock
from burgee.core.portal import drive
from burgee.core.settings import Settings
from burgee.keys.service import LocalKeyService
from burgee.server.app import create_app
from burgee.store.database import Database
from burgee.workspace import Tenant, Workspace
from services.postgres import Server, running_postgres
from services.server import running

# Deadlines measure the machine, not the code; the number of examples is what the properties promise.
hypothesis.settings.register_profile("burgee", deadline=None, max_examples=100)
hypothesis.settings.load_profile("burgee")

MODES = ("embedded", "asgi", "socket", "postgres")

_TOGETHER = re.compile(r"tests/(browser|engines|search(?=/test_(?:away|changes|elastic|packages|providers)))/")
"""Tests that share a server which is slow to start: Chromium and JupyterLab, Spark, Elasticsearch."""

_numbers = itertools.count(1)


class _ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """A file's tests are run by one worker, and so are all of `_TOGETHER`."""

    def _split_scope(self, nodeid: str) -> str:
        together = _TOGETHER.match(nodeid)
        return together[1] if together else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How tests are spread over workers (`-n`)."""
    config.option.loadscopereorder = False
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes one worker longest comes first."""
    items.sort(key=lambda item: _TOGETHER.match(item.nodeid) is None)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server in a process of its own, for the whole run: its address and its folder."""
    folder = tmp_path_factory.mktemp("served") / "workspace"
    with burgee.open(str(folder)):
        pass
    with running(folder) as url:
        yield url, folder


@pytest.fixture(scope="session")
def admin_key(served: tuple[str, Path]) -> str:
    """An admin key of the server."""
    with burgee.open(str(served[1])) as ws:
        return ws.create_key(name="tests").key.get_secret_value()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, for the whole run: make schemas of your own."""
    with running_postgres() as server:
        yield server


def in_process(database: Database, settings: Settings | None = None) -> Workspace:
    """A workspace on a server in this process, as an admin sees it."""
    made = drive(LocalKeyService(database, system_clock).create(tenant=None, name="tests")).unwrap()
    app = create_app(database, settings or Settings())
    return burgee.open("http://burgee.test", token=made.key, transport=httpx.ASGITransport(app))


@pytest.fixture(params=MODES)
def ws(request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A workspace, as an admin sees it, in each mode. In the socket mode it is shared: make tenants of your own."""
    if request.param == "socket":
        url, _ = request.getfixturevalue("served")
        with burgee.open(url, token=request.getfixturevalue("admin_key")) as workspace:
            yield workspace
    elif request.param == "postgres":
        postgres: Server = request.getfixturevalue("postgres")
        settings = Settings(database=SecretStr(postgres.schema()), progress=False)
        with burgee.open("memory://", settings=settings) as workspace:
            yield workspace
    elif request.param == "asgi":
        database = Database.in_memory()
        with in_process(database) as workspace:
            yield workspace
        database.close()
    else:
        with burgee.open("memory://") as workspace:
            yield workspace


@pytest.fixture
def acme(ws: Workspace) -> Tenant:
    """A tenant of its own, in each mode."""
    return ws.tenants.create(f"acme-{next(_numbers)}", name="Acme Ltd")
