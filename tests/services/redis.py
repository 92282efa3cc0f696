"""Redis servers of our own, on free ports of 127.0.0.1: one, or a cluster of three."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
        command = [needs_redis(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.cli("ping") == "PONG":
                return
            time.sleep(0.02)
        raise TimeoutError(f"Redis did not answer on port {self.port}")

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
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = [RedisServer(Path(), port).cli("cluster", "info") for port in ports]
        if all("cluster_state:ok" in one for one in said):
            return
        time.sleep(0.05)
    raise TimeoutError("the cluster is not whole")
