"""Redis servers of our own, on free ports of 127.0.0.1: one, a cluster of three, or two watched by a Sentinel."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import override

from components import require
from services.server import free_port

START_SECONDS = 20


def needs_redis() -> str:
    """The path of redis-server."""
    path = shutil.which("redis-server") or ""
    require("redis", path != "", "no redis-server on the PATH; apt-get install redis-server")
    return path


@dataclass
class RedisServer:
    """A server that can be killed and started again. It writes every change to disk, so that it comes back with all."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(lambda: self.cli("ping") == "PONG", f"Redis did not answer on port {self.port}")

    def _command(self) -> list[str]:
        command = [needs_redis(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [*command, "--save", "", "--appendonly", "yes", "--appendfsync", "always", *self.options]

    def cli(self, *words: str) -> str:
        """What redis-cli prints."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Sentinel(RedisServer):
    """Watches the master on the port that is its only option; it writes what it learns into its own settings."""

    @override
    def _command(self) -> list[str]:
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor watched 127.0.0.1 {self.options[0]} 1\n"
            "sentinel down-after-milliseconds watched 300\nsentinel failover-timeout watched 3000\n"
        )
        return [needs_redis(), str(settings), "--sentinel"]


@contextlib.contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """A server of our own."""
    needs_redis()
    with tempfile.TemporaryDirectory(prefix="burgee-redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(Path(folder), free_port(), options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextlib.contextmanager
def running_cluster() -> Iterator[str]:
    """A cluster of three servers; gives its URL."""
    with contextlib.ExitStack() as servers:
        ports = []
        for _ in range(3):
            port = free_port()
            bus = free_port()
            folder = Path(servers.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            server = RedisServer(folder, port, ("--cluster-enabled", "yes", "--cluster-port", str(bus)))
            server.start()
            servers.callback(server.kill)
            ports.append(port)
        places = [f"127.0.0.1:{port}" for port in ports]
        command = ["redis-cli", "--cluster", "create", *places, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
        _wait_for_cluster(ports)
        yield f"redis+cluster://{','.join(places)}"


def _wait_for_cluster(ports: list[int]) -> None:
    nodes = [RedisServer(Path(), port) for port in ports]
    _wait_for(
        lambda: all("cluster_state:ok" in node.cli("cluster", "info") for node in nodes), "the cluster is not whole"
    )


def _wait_for(true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.02)


@dataclass
class Watched:
    """A master, its replica, and the Sentinel that makes the replica the master when that is gone."""

    master: RedisServer
    replica: RedisServer
    sentinel: RedisServer

    @property
    def url(self) -> str:
        """The URL by which the Sentinel is asked who the master is."""
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/watched"

    def port(self) -> int:
        """The port of the server that the Sentinel holds for the master."""
        return int(self.sentinel.cli("sentinel", "get-master-addr-by-name", "watched").split()[-1])


@contextlib.contextmanager
def running_watched() -> Iterator[Watched]:
    """A master and a replica that is in step with it, watched by a Sentinel that notices within a second."""
    with contextlib.ExitStack() as servers:
        master = servers.enter_context(running_redis("--repl-diskless-sync-delay", "0"))
        replica = servers.enter_context(running_redis("--replicaof", f"127.0.0.1 {master.port}"))
        _wait_for(lambda: "master_link_status:up" in replica.cli("info", "replication"), "the replica is not in step")
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        sentinel = Sentinel(folder, free_port(), (str(master.port),))
        sentinel.start()
        servers.callback(sentinel.kill)
        _wait_for(lambda: "slaves=1" in sentinel.cli("info", "sentinel"), "the Sentinel does not see the replica")
        yield Watched(master, replica, sentinel)
