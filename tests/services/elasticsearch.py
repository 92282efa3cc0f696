"""An Elasticsearch of our own, with TLS, users and API keys. By hand: `python -m services.elasticsearch`."""

import base64
import contextlib
import hashlib
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from components import needs_elasticsearch, needs_newest_java
from services.certificates import Authority

START_SECONDS, STOP_SECONDS = 240, 30
PATIENCE = 60
"""Seconds in which an answer comes, however busy the machine is."""
USER, PASSWORD = "burgee", "made-up:for/the@tests"
_HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=1s"  # all indexes can be asked
_JAVA = (
    "-Xms512m -Xmx512m "
    "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC "  # it starts sooner so, as by the next, by a fifth
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote -XX:-AlwaysPreTouch -Xlog:disable "
    "-Des.queryable_built_in_roles_enabled=false"  # an index of its own that nobody here asks for
)
_MEMORY, _ROOM = Path("/dev/shm"), 1024**3  # noqa: S108 # where data is kept, if there is so much room: nobody waits for a disk
_ANALYSIS = Path(__file__).with_name("ElasticsearchAnalysis.java")
_SETTINGS = {
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "xpack.security.enabled": True,
    "xpack.security.transport.ssl.enabled": False,
    "xpack.security.http.ssl.enabled": True,
    "xpack.security.http.ssl.certificate": "server.pem",
    "xpack.security.http.ssl.key": "server.key",
    "xpack.security.authc.api_key.enabled": True,
    "cluster.routing.allocation.disk.threshold_enabled": False,  # a full disk is no reason to refuse some tests
}


@dataclass
class ElasticsearchServer:
    """A server that can be stopped or killed, and started again over the same data."""

    folder: Path
    data: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    authority: Authority = field(init=False)

    @property
    def place(self) -> str:
        """Its URL, without a login."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL, with a login and its certificate: more options can follow."""
        login = f"{USER}:{PASSWORD.replace('/', '%2F').replace('@', '%40')}"
        return f"https://{login}@127.0.0.1:{self.port}/?ca={self.authority.file}"

    def client(self) -> httpx.Client:
        """Asks it anything."""
        trusted = ssl.create_default_context(cafile=self.authority.file)
        return httpx.Client(base_url=self.place, verify=trusted, auth=(USER, PASSWORD), timeout=60)

    def prepare(self, archive: str) -> None:
        """Unpack it, where a user who is not root can read it, and settle who may use it."""
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(self.folder)
        (unpacked,) = self.folder.glob("elasticsearch-*")
        home = unpacked.rename(self.folder / "home")
        places = {"path.data": self.data, "path.logs": self.folder / "logs"}
        settings = _SETTINGS | {"http.port": self.port} | {name: str(place) for name, place in places.items()}
        (self.folder / "tmp").mkdir()
        _add_analysis(home)
        config = home / "config"
        self.authority = Authority(config)
        self.authority.certificate("127.0.0.1")
        lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
        (config / "elasticsearch.yml").write_text("\n".join(lines))
        hashed = base64.b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
        (config / "users").write_text(f"{USER}:{{SHA}}{hashed}\n")
        (config / "users_roles").write_text(f"superuser:{USER}\n")
        owner = _owner()
        if owner is not None:
            for path in (self.data, self.folder, *self.folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._pid_file.unlink(missing_ok=True)
        env = {
            "PATH": os.environ["PATH"],
            "ES_JAVA_HOME": needs_newest_java(),
            "ES_JAVA_OPTS": _JAVA,
            "ES_TMPDIR": str(self.folder / "tmp"),
        }
        command = ["bash", str(self.folder / "home" / "bin" / "elasticsearch"), "-p", str(self._pid_file)]
        log, owner = self.folder / "printed.log", _owner()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=self.folder,
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else [],
            )
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if client.get(_HEALTH, timeout=5).is_success:
                        return
                time.sleep(0.1)
        printed = log.read_text(errors="replace")
        self.end(signal.SIGKILL)
        raise RuntimeError(f"no answer from {self.place}; it printed:\n{printed[-5000:]}")

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; by SIGKILL, at once. What started it ends with it."""
        if self.process is None:
            return
        with contextlib.suppress(OSError, ValueError):  # it has not come so far, or is gone
            os.kill(int(self._pid_file.read_text()), by)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pause(self) -> None:
        """Let it stand still: it takes connections and does not answer."""
        os.kill(int(self._pid_file.read_text()), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(int(self._pid_file.read_text()), signal.SIGCONT)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "server.pid"


def _add_analysis(home: Path) -> None:
    """Give it what it lacks to keep API keys."""
    (version,) = re.findall(r"-([\d.]+)\.jar", next((home / "lib").glob("elasticsearch-[0-9]*.jar")).name)
    place = home / "plugins" / "analysis"
    place.mkdir(parents=True)
    about = {"name": "analysis", "description": "-", "version": "1", "classname": f"services.{_ANALYSIS.stem}"}
    about |= {"java.version": "21", "elasticsearch.version": version}
    (place / "plugin-descriptor.properties").write_text("\n".join(f"{name}={value}" for name, value in about.items()))
    compiler = [f"{needs_newest_java()}/bin/javac", "-J-XX:TieredStopAtLevel=1", "-proc:none", "--release", "21"]
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([*compiler, "-cp", f"{home}/lib/*", "-d", made, str(_ANALYSIS)], check=True)
        with zipfile.ZipFile(place / "analysis.jar", "w") as packed:
            for compiled in Path(made).rglob("*.class"):
                packed.write(compiled, compiled.relative_to(made))


def _lasting_port() -> int:
    """A port that no connection is given while the server is away, and so is there for it when it comes back."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def _owner() -> pwd.struct_passwd | None:
    """Who runs it where we are root: it refuses root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@contextlib.contextmanager
def running_elasticsearch() -> Iterator[ElasticsearchServer]:
    """A server of our own."""
    archive = needs_elasticsearch()
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="burgee-elasticsearch-"))
    data = Path(tempfile.mkdtemp(prefix="burgee-elasticsearch-", dir=_MEMORY if in_memory else None))
    try:
        server = ElasticsearchServer(folder, data, _lasting_port())
        server.prepare(archive)
        try:
            server.start()
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    with running_elasticsearch() as started:
        print(started.url, flush=True)  # noqa: T201 - for whoever runs this by hand
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
