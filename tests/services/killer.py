"""Processes that are killed in the middle of a write or a deletion, at a place that is counted and not guessed.

One process imports everything and forks a child for each order it reads. The child counts the calls that its work makes
to what is written in C (write, fsync, rename, send …), from the first byte on, and kills itself before a given one.
By hand: `python killer.py folder:/tmp/files`, then lines of JSON as `Killer.killed` writes them.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

PART = 5 * 1024 * 1024


class Killer:
    """The process that forks; `killed` gives it an order."""

    def __init__(self, place: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def killed(self, action: str, key: str, *, size: int = 0, call: int = 0) -> tuple[bool, int]:
        """Have a child write or delete `key` and die before the call of that number; without one, let it finish.

        Whether it was killed, and how many calls it made.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"action": action, "key": key, "size": size, "call": call}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        died, calls = json.loads(self._process.stdout.readline())
        return died, calls


def content(size: int) -> Iterator[bytes]:
    """What a child writes: so many bytes, a third at a time."""
    for start in range(0, size, max(1, size // 3)):
        yield b"n" * min(max(1, size // 3), size - start)


def _storage(place: str) -> Any:
    if place.startswith("folder:"):
        from burgee.files.folder import FolderStorage

        return FolderStorage(place.removeprefix("folder:"))
    from burgee.files.s3 import S3Storage

    return S3Storage(place, part_size=PART)


def _work(storage: Any, order: dict[str, Any], calls: "itertools.count[int]") -> None:
    def count(_: object, event: str, __: object) -> None:
        if event == "c_call" and next(calls) == order["call"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted() -> Iterator[bytes]:
        sys.setprofile(count)
        yield from content(order["size"])

    try:
        if order["action"] == "write":
            storage.write(order["key"], counted(), {"state": "new"})
        else:
            sys.setprofile(count)
            storage.delete(order["key"])
    finally:
        sys.setprofile(None)


def _child(storage: Any, order: dict[str, Any]) -> tuple[bool, int]:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        calls = itertools.count(1)
        with contextlib.suppress(BaseException):
            _work(storage, order, calls)
            os.write(writes, str(next(calls)).encode())
        os._exit(0)
    os.close(writes)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reads) as pipe:
        return os.WIFSIGNALED(status), int(pipe.read() or 0)


if __name__ == "__main__":
    made = _storage(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(_child(made, json.loads(line))), flush=True)  # noqa: T201 - the answer
