"""Tails of a server that comes and goes: killed, stopped, started again; and of readers that come and go."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import burgee
from burgee.core.settings import Settings
from burgee.workspace import Workspace
from services import children
from services.server import free_port, stop, wait_for

SECONDS = 30


class Server:
    """A server that can be killed, or stopped, and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.parent / "server.log"
        with burgee.open(str(folder)) as ws:
            ws.tenants.create("acme")
            self.key = ws.create_key().key.get_secret_value()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "burgee", "serve", "--workspace", str(self.folder), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = children.start(command, stdout=log, stderr=log)
        wait_for(f"{self.url}/health", self.process, self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def open(self, retries: int = 8) -> Workspace:
        return burgee.open(self.url, token=self.key, settings=Settings(retries=retries, progress=False))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "ws")
    yield made
    stop(made.process)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_server_killed_twice_while_it_is_followed_skips_and_doubles_nothing(server: Server) -> None:
    """The events are written past the server, so that they go on while it is gone."""
    found: list[int] = []
    with server.open() as ws, burgee.open(str(server.folder)) as local:
        tail = ws.tenant("acme").events.tail("tick", after=0)
        acme = local.tenant("acme")
        written, over = 0, threading.Event()

        def write() -> None:
            nonlocal written
            while not over.is_set():
                acme.events.append(f"s{written % 7}", burgee.Event("tick", {"n": written}))
                written += 1
                time.sleep(0.002)

        def read() -> None:
            found.extend(event.data["n"] for event in tail)  # type: ignore[misc] # they are numbers

        with ThreadPoolExecutor(2) as pool:
            writing, reading = pool.submit(write), pool.submit(read)
            for _ in range(2):
                seen = len(found)
                until(lambda seen=seen: tail.position > seen + 20)  # type: ignore[misc] # mypy knows no defaults there
                server.kill()
                gone = written
                until(lambda gone=gone: written > gone + 20)  # type: ignore[misc] # the same
                server.start()
                until(lambda gone=gone: tail.position > gone)  # type: ignore[misc] # the same
            over.set()
            writing.result()
            last = max(event.position for event in acme.events.read(after=tail.position)) if written else 0
            until(lambda: tail.position >= last)
            tail.close()
            reading.result()
    assert found == list(range(written))


def test_a_server_that_does_not_come_back_ends_the_tail_with_a_clear_error(server: Server) -> None:
    with server.open(retries=1) as ws:
        tail = ws.tenant("acme").events.tail()
        server.kill()
        with pytest.raises(burgee.ServerUnavailableError) as caught:
            next(tail)
        assert (caught.value.url, caught.value.tries) == (server.url, 2)
        assert tail.closed
        assert next(tail, None) is None


def test_a_server_that_is_followed_stops_when_it_is_told(server: Server) -> None:
    with server.open(retries=0) as ws:
        acme = ws.tenant("acme")
        tails = [acme.events.tail() for _ in range(5)]
        acme.events.append("s", burgee.Event("last"))
        assert [next(tail).type for tail in tails] == ["last"] * 5
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(SECONDS) == 0
        assert "Traceback" not in server.log.read_text()


def test_a_server_stops_also_where_a_reader_takes_nothing(server: Server) -> None:
    with server.open(retries=0) as ws:
        acme = ws.tenant("acme")
        for _ in range(20):
            acme.events.append("s", [burgee.Event("big", {"text": "x" * 10_000}) for _ in range(100)])
        stuck = acme.events.tail(after=0)  # 20 MB, more than the sockets hold
        assert next(stuck).type == "big"
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(SECONDS) == 0


def test_many_follow_many_tenants_and_the_server_answers_meanwhile(server: Server) -> None:
    """More than there are threads for the work of the server."""
    with server.open() as ws:
        tenants = [ws.tenants.create(f"t{number}") for number in range(20)]
        tails = [tenant.events.tail(limit=2) for tenant in tenants for _ in range(5)]
        for turn in range(2):
            for tenant in tenants:
                tenant.events.append("s", burgee.Event(f"{tenant.id}-{turn}"))
        for number, tail in enumerate(tails):
            assert [event.type for event in tail] == [f"t{number // 5}-{turn}" for turn in range(2)]


def test_a_key_taken_away_ends_the_tail_at_the_next_connection(server: Server) -> None:
    with server.open() as ws, burgee.open(str(server.folder)) as local:
        made = local.create_key(tenant="acme")
        with burgee.open(server.url, token=made.key, settings=Settings(retries=8, progress=False)) as other:
            tail = other.tenant("acme").events.tail()
            local.revoke_key(made.info.id)
            server.kill()
            server.start()
            with pytest.raises(burgee.AuthenticationError):
                next(tail)
        assert ws.tenant("acme").id == "acme"


def test_a_workspace_that_is_closed_ends_its_tails(server: Server) -> None:
    with server.open() as ws:
        tail = ws.tenant("acme").events.tail()
        assert tail.some(0.05) == []
    with pytest.raises(burgee.WorkspaceError, match="closed"):
        next(tail)
