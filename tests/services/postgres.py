"""A PostgreSQL server of our own: in a temporary folder, on a free port of 127.0.0.1. By hand: `python postgres.py`."""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components import require
from services.server import free_port

AUTH = ("--auth-local=trust", "--auth-host=scram-sha-256")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """A running server. `plain` is a role that row-level security holds for; `admin` is the superuser."""

    folder: Path
    port: int
    fsync: bool

    @property
    def options(self) -> str:
        """What the server is started with."""
        fsync = "on" if self.fsync else "off"
        return f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync={fsync}"

    @property
    def admin(self) -> str:
        """The URL for the superuser."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"

    def schema(self) -> str:
        """The URL of a schema of its own, for a plain role that owns it."""
        name = f"workspace_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE SCHEMA {name} AUTHORIZATION plain")
        return f"postgresql://plain:secret-of-plain@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{name}"

    def run(self, sql: str) -> None:
        """Do something as the superuser."""
        import psycopg

        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(sql.encode())

    def control(self, *action: str) -> None:
        """`pg_ctl`, e.g. `control("restart", "-m", "immediate")`."""
        run_as_owner([_program("pg_ctl"), "-D", self.folder / "data", "-w", *action, "-l", self.folder / "log"])


@contextlib.contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[Server]:
    """Start a server; it stops at the end. Without `fsync` it is faster and would not survive a power cut."""
    pytest_needs_postgres()
    folder = Path(tempfile.mkdtemp(prefix="burgee-postgres-"))  # a short path: sockets can't have long ones
    try:
        _give_to_owner(folder)
        server = Server(folder, free_port(), fsync=fsync)
        run_as_owner([_program("initdb"), "-D", folder / "data", *AUTH, "-U", "postgres", "-E", "UTF8", "-N"])
        server.control("start", "-o", server.options)
        try:
            server.run("CREATE ROLE plain LOGIN PASSWORD 'secret-of-plain'")
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_needs_postgres() -> None:
    """Skip where there is no PostgreSQL, or no driver for it."""
    with contextlib.suppress(ImportError):
        import psycopg

        require("postgresql", _program("initdb") != "", f"apt-get install postgresql (psycopg {psycopg.__version__})")
        return
    require("psycopg", found=False, reason="pip install 'burgee[postgres]'")


def run_as_owner(command: list[str | Path]) -> None:
    """Run a program of PostgreSQL, as the user `postgres` where we are root: it refuses root."""
    user = ["runuser", "-u", "postgres", "--"] if _as_postgres() else []
    done = subprocess.run([*user, *command], cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")


def _give_to_owner(folder: Path) -> None:
    if _as_postgres():
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _as_postgres() -> bool:
    return os.geteuid() == 0


def _program(name: str) -> str:
    """Where a program of PostgreSQL is; Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(places[-1]) if places else shutil.which(name) or ""


if __name__ == "__main__":
    with running_postgres() as started:
        print(started.schema(), flush=True)  # noqa: T201 - for whoever runs this by hand
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
