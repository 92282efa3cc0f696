"""The server as a process that comes and goes: killed in the middle, started again, many callers at once."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

import burgee
from burgee.core.settings import Settings
from burgee.workspace import Workspace
from services import children
from services.server import free_port, running, wait_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    with burgee.open(str(folder)) as ws:
        ws.tenants.create("acme").flags.create("checkout")
    return folder


def key(folder: Path) -> str:
    with burgee.open(str(folder)) as ws:
        return ws.create_key().key.get_secret_value()


def opened(url: str, folder: Path, retries: int = 0) -> Workspace:
    return burgee.open(url, token=key(folder), settings=Settings(retries=retries, progress=False))


def test_a_server_gone_is_a_clear_error_and_one_that_is_back_is_used_again(folder: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with opened(url, folder) as ws:
        with running(folder, port=port):
            flag = ws.tenant("acme").flags["checkout"].enable()
        with pytest.raises(burgee.ServerUnavailableError) as caught:
            ws.tenant("acme")
        assert caught.value.url == url
        assert "burgee serve" in caught.value.hints[0]
        with pytest.raises(burgee.ServerUnavailableError):
            flag.rollout(10)
        assert flag.evaluate({"id": "u1"}).value is True, "a flag in hand goes on being evaluated"
        with running(folder, port=port):
            assert ws.tenant("acme").flags["checkout"].state.rollout == 100


class Killable:
    """A server that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder.parent / "killable.log"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "burgee", "serve", "--workspace", str(self.folder), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = children.start(command, stdout=log, stderr=log)
        wait_for(f"http://127.0.0.1:{self.port}/health", self.process, self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def killable(folder: Path) -> Iterator[Killable]:
    server = Killable(folder)
    yield server
    server.kill()


def test_a_server_killed_while_a_frame_is_stored_loses_and_doubles_nothing(killable: Killable) -> None:
    rows = 150_000  # so many that the second kill, too, comes before the end
    frame = pd.DataFrame({
        "user": [f"u{n % 300}" for n in range(rows)],
        "event": "tick",
        "at": pd.date_range("2026-01-01", periods=rows, freq="s", tz="UTC"),
        "n": range(rows),
    })  # fmt: skip
    # The kernel may take a while to hand the port out again, so the client is patient.
    with opened(f"http://127.0.0.1:{killable.port}", killable.folder, retries=8) as ws:
        acme = ws.tenant("acme")

        at_kill = []

        def kill_and_start_again() -> None:
            with burgee.open(str(killable.folder)) as local:
                events = local.tenant("acme").events.query()
                for wanted in (1, rows // 2):
                    while events.count() < wanted:
                        time.sleep(0.01)
                    killable.kill()
                    at_kill.append(events.count())
                    killable.start()

        killer = threading.Thread(target=kill_and_start_again)
        killer.start()
        done = acme.events.ingest(frame, stream="user", type="event", time="at")
        killer.join()
        assert all(0 < count < rows for count in at_kill)
        assert done.stored + done.known == rows
        stored = acme.events.query().frame()
        assert sorted(stored["n"]) == list(range(rows))
        assert (stored.groupby("stream")["version"].diff().dropna() == 1).all()


def test_many_callers_at_once_are_each_answered_with_their_own(folder: Path) -> None:
    with running(folder) as url, opened(url, folder) as ws:
        tenants = [ws.tenants.create(f"t{number}") for number in range(4)]

        def work(number: int) -> list[str]:
            tenant = tenants[number % 4]
            tenant.events.append(f"s{number}", [burgee.Event(tenant.id) for _ in range(5)])
            return [event.type for event in tenant.events.read(f"s{number}")]

        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(work, range(64))) == [[f"t{number % 4}"] * 5 for number in range(64)]
        for tenant in tenants:
            assert set(tenant.events.query().frame()["type"]) == {tenant.id}


def test_writers_in_this_process_and_on_the_server_share_one_log(folder: Path) -> None:
    """A second process may write too."""
    with running(folder) as url, opened(url, folder) as remote, burgee.open(str(folder)) as local:
        sides = [local.tenant("acme").events, remote.tenant("acme").events]

        def work(number: int) -> None:
            for turn in range(20):
                sides[number % 2].append("shared", burgee.Event("tick", {"by": number, "turn": turn}))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        for events in sides:
            stored = events.read("shared").frame()
            assert list(stored["version"]) == list(range(1, 81))
            for number in range(4):
                assert [data["turn"] for data in stored["data"] if data["by"] == number] == list(range(20))
