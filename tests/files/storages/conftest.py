"""Every storage there is, for the suite that all of them run."""

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


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A storage of each kind, with nothing in it."""
    made = made_storage(request.param, request, tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def strict(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A storage on S3 that refuses what S3 refuses, with nothing in it."""
    made = made_storage("versitygw", request, tmp_path, monkeypatch)
    yield made
    made.close()


def made_storage(kind: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A storage of that kind, with nothing in it; the environment says where its S3 is."""
    if kind == "folder":
        return FolderStorage(folder / "files")
    server: S3 = request.getfixturevalue(kind)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return S3Storage(f"s3://files/{kind}-{next(_numbers)}", part_size=PART)
