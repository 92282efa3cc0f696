"""Bytes on their way over a socket: in constant memory, and never half (R6.3)."""

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import burgee
from burgee.core.errors import RemoteError
from burgee.core.settings import Settings
from burgee.workspace import Tenant

MIB = 1 << 20
SIZE = 96 * MIB
MOST_MEMORY = 16 * MIB


@pytest.fixture
def away(served: tuple[str, Path], admin_key: str) -> Iterator[tuple[Tenant, Callable[[], list[Path]]]]:
    """A tenant of a server in a process of its own, and what lies in its storage."""
    url, folder = served
    with burgee.open(url, token=admin_key, settings=Settings(progress=False, retries=0)) as ws:
        tenant = ws.tenants.create("transfer", exist_ok=True)
        yield tenant, lambda: [path for path in (folder / "files" / "transfer").rglob("*") if path.is_file()]


def zeros(size: int) -> Iterator[bytes]:
    yield b"PK\x05\x06" + bytes(18)  # an archive
    for _ in range(size // MIB):
        yield bytes(MIB)


def test_a_large_file_goes_up_and_down_in_constant_memory(
    away: tuple[Tenant, Callable[[], list[Path]]], tmp_path: Path
) -> None:
    acme, _ = away
    acme.files.upload(b"abc", "warm.txt").delete()
    tracemalloc.start()
    try:
        file = acme.files.upload(zeros(SIZE), "zeros.zip")
        copy = file.download(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert copy.stat().st_size == file.size == SIZE + 22
    assert peak < MOST_MEMORY
    file.delete()


def test_an_upload_that_breaks_off_leaves_nothing_on_the_server(
    away: tuple[Tenant, Callable[[], list[Path]]], admin_key: str, served: tuple[str, Path]
) -> None:
    acme, objects = away
    before, used = objects(), acme.files.usage()
    with socket.create_connection((urlsplit(served[0]).hostname, urlsplit(served[0]).port)) as connection:
        head = f"POST /v1/files?name=a.txt HTTP/1.1\r\nHost: x\r\nBurgee-Tenant: {acme.id}\r\n"
        head += f"Authorization: Bearer {admin_key}\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"a" * 500_000)
        while objects() == before:  # it is being written
            threading.Event().wait(0.005)
    while objects() != before:
        threading.Event().wait(0.005)
    assert acme.files.usage() == used
    assert acme.files.check(older_than=0).ok


def test_a_source_that_fails_leaves_nothing_on_the_server(away: tuple[Tenant, Callable[[], list[Path]]]) -> None:
    acme, objects = away
    before = objects()

    def failing() -> Iterator[bytes]:
        yield b"a" * MIB
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        acme.files.upload(failing(), "a.txt")
    while objects() != before:
        threading.Event().wait(0.005)
    assert acme.files.check(older_than=0).ok


def test_an_object_cut_short_on_the_server_is_an_error_for_who_downloads(
    away: tuple[Tenant, Callable[[], list[Path]]], tmp_path: Path
) -> None:
    acme, objects = away
    before = set(objects())
    file = acme.files.upload(zeros(32 * MIB), "zeros.zip")  # more than can be on its way at once
    [stored] = set(objects()) - before
    whole = stored.read_bytes()
    stored.write_bytes(whole[: 4 * MIB] + b"x" + whole[4 * MIB + 1 :])
    with pytest.raises(burgee.BurgeeError):
        file.download(tmp_path)
    with stored.open("r+b") as shortened, file.open() as stream:
        stream.read(MIB)
        shortened.truncate(30 * MIB)
        with pytest.raises(RemoteError):
            stream.read()
    assert list(tmp_path.iterdir()) == []
