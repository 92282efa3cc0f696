"""Every storage there is, for the suite that all of them run."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.files.folder import FolderStorage
from burgee.files.s3 import S3Storage
from services.moto import running_moto
from services.s3 import S3, running_s3

STORAGES = ("folder", "versitygw", "moto")
PART = 5 * 1024 * 1024

type Storage = FolderStorage | S3Storage

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server as strict as S3, with a bucket `files`: take a prefix of your own."""
    with running_s3(tmp_path_factory.mktemp("versitygw")) as s3:
        s3.make_bucket("files")
        yield s3


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server that is less strict, with a bucket `files`: take a prefix of your own."""
    with running_moto(tmp_path_factory.mktemp("moto")) as s3:
        s3.make_bucket("files")
        yield s3


@pytest.fixture(scope="session")
def connected() -> Iterator[dict[str, S3Storage]]:
    """A storage for each server: boto3 takes its time to make a client."""
    made: dict[str, S3Storage] = {}
    yield made
    for storage in made.values():
        storage.close()


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A storage of each kind, with nothing in it."""
    if request.param == "folder":
        return FolderStorage(tmp_path / "files")
    return _on_s3(request.param, request, monkeypatch)


@pytest.fixture
def strict(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    """A storage on S3 that refuses what S3 refuses, with nothing in it."""
    return _on_s3("versitygw", request, monkeypatch)


def _on_s3(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    """A storage under a prefix of its own; the environment says where its S3 is."""
    server: S3 = request.getfixturevalue(kind)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    connected: dict[str, S3Storage] = request.getfixturevalue("connected")
    if kind not in connected:
        connected[kind] = S3Storage("s3://files", part_size=PART)
    made = copy.copy(connected[kind])
    made._prefix = f"{kind}-{next(_numbers)}/"
    return made
