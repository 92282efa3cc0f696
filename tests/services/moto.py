"""moto's server on a free port of 127.0.0.1: an S3 that takes more than S3 does. By hand: `python -m services.moto`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from services.s3 import S3, wait_for_s3
from services.server import free_port, stop


@contextlib.contextmanager
def running_moto(folder: Path) -> Iterator[S3]:
    """Serve S3 from memory; what it prints goes to `folder`. The process is stopped at the end."""
    port = free_port()
    s3 = S3(f"http://127.0.0.1:{port}")
    log = folder / "moto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ,
        )
        try:
            wait_for_s3(s3.url, process, log)
            yield s3
        finally:
            stop(process)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, running_moto(Path(place)) as server:
        for name, value in server.environment().items():
            print(f"export {name}={value}", flush=True)  # noqa: T201 - for whoever runs this by hand
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
