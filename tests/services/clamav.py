"""ClamAV's daemon, on a free port of 127.0.0.1 and on a socket, that knows one thing: the test text of EICAR."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from components import needs_clamd
from services.server import free_port

START_SECONDS = 30
STREAM_MOST = 4 * 1024 * 1024
SCAN_MOST = 16 * 1024 * 1024
SAYS_WHEN_IT_GIVES_UP = ("AlertExceedsMax yes", f"MaxFileSize {SCAN_MOST}")

_EICAR = ("X5O!P%@AP[4", "\\PZX54(P^)7CC)7}$EI", "CAR-STANDARD-ANTI", "VIRUS-TEST-FILE!$H+H*")


def eicar() -> bytes:
    """The text that every scanner finds and that does no harm; made when asked for, so that no file here holds it."""
    return "".join(_EICAR).encode()


@dataclass
class ClamServer:
    """A daemon that can be killed. Its limits are low, so that tests of them are fast."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Its URL, over TCP."""
        return f"clamd://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Its URL, by the socket."""
        return f"clamd://{self.folder / 'socket'}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        signatures = self.folder / "signatures"
        signatures.mkdir(mode=0o755, exist_ok=True)
        (signatures / "local.ndb").write_text(f"Eicar:0:*:{eicar().hex()}\n")
        config = self.folder / "clamd.conf"
        config.write_text("\n".join((*self._lines(), *self.options)) + "\n")
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen([needs_clamd(), "-c", str(config)], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"zPING\0")
                if probe.recv(16).startswith(b"PONG"):
                    return
            time.sleep(0.05)
        raise RuntimeError(f"clamd did not answer on port {self.port}:\n{(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _lines(self) -> tuple[str, ...]:
        return (
            f"DatabaseDirectory {self.folder / 'signatures'}",
            f"TemporaryDirectory {self.folder}",
            f"LocalSocket {self.folder / 'socket'}",
            "TCPAddr 127.0.0.1",
            f"TCPSocket {self.port}",
            "Foreground yes",
            f"StreamMaxLength {STREAM_MOST}",
            f"MaxScanSize {SCAN_MOST}",
            "MaxRecursion 10",
        )


@contextlib.contextmanager
def running_clamd(options: tuple[str, ...] = SAYS_WHEN_IT_GIVES_UP) -> Iterator[ClamServer]:
    """A daemon of our own; unless told otherwise, it is set as burgee needs it."""
    needs_clamd()
    folder = Path(tempfile.mkdtemp(prefix="burgee-clamd-"))
    server = ClamServer(folder, free_port(), options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
