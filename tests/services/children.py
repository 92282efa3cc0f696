"""Processes for tests, started in milliseconds: they are forked from one that has everything heavy imported already.

`start` takes what `subprocess.Popen` takes for a Python: `-c CODE`, `-m MODULE` or a file, with arguments. The process
that forks (one for each process of tests, ended with it) has a single thread and has opened nothing, so that a child
is like a Python just started: streams, environment, folder, signals and exit code are its own.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn, Self

HEAVY = (
    *("alembic.command", "duckdb", "pandas", "psycopg", "pyarrow.parquet", "sqlalchemy.dialects.sqlite", "uvicorn"),
    *("rich.console", "rich.table", "typer", "burgee.workspace", "burgee.server.app", "burgee.store.postgres"),
)
"""Not `burgee.cli`: it reads the width of its terminal when it is imported."""

_MESSAGE = 1 << 20


class Child:
    """A process that was forked; what is used of it is named as in `subprocess.Popen`."""

    def __init__(self, pid: int, ended: int, streams: Sequence[IO[str] | None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit code; none while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; its exit code, or minus the signal that ended it."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All it still prints, after its input is closed; it has ended then."""
        if self.stdin is not None:
            self.stdin.close()
        said = ["", ""]

        def read(place: int, stream: IO[str]) -> None:
            said[place] = stream.read()

        readers = [
            threading.Thread(target=read, args=(place, stream), daemon=True)
            for place, stream in enumerate((self.stdout, self.stderr))
            if stream is not None
        ]
        for reader in readers:
            reader.start()
        deadline = None if timeout is None else time.monotonic() + timeout
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Close the streams to it."""
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.wait()

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            told = os.read(self._ended, 16)
            if not told:
                raise RuntimeError("the process that forks is gone")
            self.returncode = int(told)
            os.close(self._ended)
        return self.returncode


def start(
    command: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | IO[str] | IO[bytes] | None = None,
    stderr: int | IO[str] | IO[bytes] | None = None,
) -> Child:
    """Start `[sys.executable, …]`. Streams: `subprocess.PIPE`, `DEVNULL`, `STDOUT`, a file, or as here."""
    mine: list[IO[str] | None] = [None, None, None]
    theirs: list[int] = []
    owned: list[int] = []
    for place, wanted in enumerate((stdin, stdout, stderr)):
        if wanted == subprocess.PIPE:
            reading, writing = os.pipe()
            kept, given = (writing, reading) if place == 0 else (reading, writing)
            mine[place] = os.fdopen(kept, "w" if place == 0 else "r", encoding="utf-8")
            owned.append(given)
        elif wanted == subprocess.DEVNULL:
            given = os.open(os.devnull, os.O_RDWR)
            owned.append(given)
        elif wanted == subprocess.STDOUT:
            given = theirs[1]
        elif wanted is None:
            given = place
        else:
            given = wanted if isinstance(wanted, int) else wanted.fileno()
        theirs.append(given)
    ended, tell = os.pipe()
    owned.append(tell)
    request = {
        "argv": list(command[1:]),
        "cwd": str(cwd or Path.cwd()),
        "env": dict(os.environ if env is None else env),
    }
    try:
        pid = _forker().ask(json.dumps(request).encode(), [*theirs, tell])
    finally:
        for number in owned:
            os.close(number)
    return Child(pid, ended, mine)


def run(
    command: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Start it and wait until it ends, with what it printed; as `subprocess.run` with captured text."""
    pipe = subprocess.PIPE
    with start(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
        said, complained = child.communicate(timeout)
        return subprocess.CompletedProcess(command, child.wait(), said, complained)


class _Forker:
    """The process that forks, as the tests see it."""

    def __init__(self) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MESSAGE)
        command = [sys.executable, "-m", "services.children", str(there.fileno())]
        path = os.pathsep.join(place for place in sys.path if place)
        env = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, pass_fds=[there.fileno()], env=env, stdin=subprocess.DEVNULL)
        there.close()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """It ends with its socket."""
        self._here.close()
        self._process.wait()

    def ask(self, request: bytes, streams: Sequence[int]) -> int:
        with self._lock:
            socket.send_fds(self._here, [request], list(streams))
            told = self._here.recv(64)
        if not told:
            raise RuntimeError("the process that forks is gone")
        return int(told)


@functools.cache
def _forker() -> _Forker:
    return _Forker()


def _serve(place: int) -> None:
    """Fork a child for each request, and tell how each ended."""
    for name in HEAVY:
        __import__(name)
    # Arrow's memory has a thread of its own, which no child needs.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    gc.collect()
    gc.freeze()  # what was imported stays shared
    if threading.active_count() != 1:
        raise RuntimeError("a process with threads must not fork")
    requests = socket.socket(fileno=place)
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests' own ends this one, too: with its socket
    waited: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            _tell(waited)
        if requests.fileno() in ready:
            message, streams, _, _ = socket.recv_fds(requests, _MESSAGE, 4)
            if not message:
                return
            pid = os.fork()
            if pid == 0:
                _be(json.loads(message), streams)
            waited[pid] = streams[3]
            for number in streams[:3]:
                os.close(number)
            requests.send(str(pid).encode())


def _tell(waited: dict[int, int]) -> None:
    while waited:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        place = waited.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(place, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(place)


def _be(request: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    """Be the child."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for target, number in enumerate(streams[:3]):
            os.dup2(number, target)
        os.closerange(3, 1024)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as it lives
            for number, mode in enumerate("rww")
        )
        random.seed()
        code = _run(request["argv"])
        threading._shutdown()  # type: ignore[attr-defined] # as at the end of any Python
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - the last line there is
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _run(argv: list[str]) -> int:
    how, *arguments = argv
    sys.argv = [how, *arguments[how in {"-c", "-m"} :]]
    try:
        if how == "-m":
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        elif how == "-c":
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(arguments[0], "<string>", "exec"), main.__dict__)  # noqa: S102 - as python -c does
        else:
            runpy.run_path(how, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201 - as any Python does
        return 1
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - as any Python does
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
