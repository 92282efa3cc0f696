"""A burgee server in a process of its own, on a free port of 127.0.0.1. By hand: `python server.py FOLDER`."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from services import children

START_SECONDS = 30


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(folder: Path, *, port: int | None = None, env: dict[str, str] | None = None) -> Iterator[str]:
    """Serve the workspace in `folder`; gives the URL, and stops the process at the end."""
    port = port or free_port()
    log = folder.parent / f"server-{port}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "burgee", "serve", "--workspace", str(folder), "--port", str(port)]
        process = children.start(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def stop(process: "children.Child | subprocess.Popen[bytes]") -> None:
    """End a process of ours, in peace if it will."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(url: str, process: "children.Child | subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers; says what it printed if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=1).is_success:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no answer from {url}; it printed:\n{log.read_text()}")


if __name__ == "__main__":
    with running(Path(sys.argv[1])) as address:
        print(address, flush=True)  # noqa: T201 - for whoever runs this by hand
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
