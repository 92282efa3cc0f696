"""An S3 server on a free port of 127.0.0.1: versitygw over a folder. By hand: `python -m services.s3 FOLDER`."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from components import needs_versitygw
from services.server import free_port, stop

START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class S3:
    """Where the server is, and who may use it."""

    url: str
    key: str = "burgee-tests"
    secret: str = "made-up-for-the-tests"
    region: str = "us-east-1"

    def environment(self) -> dict[str, str]:
        """The variables that every AWS client reads."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": self.region,
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        import boto3

        boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=self.region,
        ).create_bucket(Bucket=name)


@contextlib.contextmanager
def running_s3(folder: Path) -> Iterator[S3]:
    """Serve a folder, which is made if it is not there, as S3; the process is stopped at the end."""
    program = needs_versitygw()
    data, versions = folder / "data", folder / "versions"
    for place in (data, versions):
        place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    s3 = S3(f"http://127.0.0.1:{port}")
    log = folder / "versitygw.log"
    command = [program, "--port", f"127.0.0.1:{port}", "posix", "--versioning-dir", str(versions), str(data)]
    with log.open("wb") as output:
        env = {"ROOT_ACCESS_KEY": s3.key, "ROOT_SECRET_KEY": s3.secret}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            wait_for_s3(s3.url, process, log)
            yield s3
        finally:
            stop(process)


def wait_for_s3(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers anything: a refusal is an answer, too."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=1)
            return
        time.sleep(0.05)
    raise RuntimeError(f"no answer from {url}; it printed:\n{log.read_text()}")


if __name__ == "__main__":
    with running_s3(Path(sys.argv[1]).resolve()) as server:
        for name, value in server.environment().items():
            print(f"export {name}={value}", flush=True)  # noqa: T201 - for whoever runs this by hand
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
