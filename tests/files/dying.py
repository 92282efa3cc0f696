"""Processes that take a file in, or delete one, and kill themselves before a call of a given number.

One imports everything and forks a child for each line it reads: the file's id, or `-` to upload one, and the number.
Counted are the calls to what is written in C: open, write, fsync, rename, SQLite's own, … It answers with how many
there were; 0: the child died. By hand: `python dying.py FOLDER`.
"""

import itertools
import os
import signal
import sys

import burgee


def child(folder: str, id: str, call: int) -> int:
    """Do it."""
    calls = itertools.count(1)

    def count(_: object, event: str, __: object) -> None:
        if event == "c_call" and next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    with burgee.open(folder) as ws:
        files = ws.tenant("acme").files
        file = None if id == "-" else files.get(id)
        sys.setprofile(count)
        try:
            if file is None:
                files.upload(b"new", "new.txt", progress=False)
            else:
                file.delete()
        finally:
            sys.setprofile(None)
    return next(calls)


def forked(folder: str, id: str, call: int) -> int:
    """What a child says, if it lives."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writes, str(child(folder, id, call)).encode())
        os._exit(0)
    os.close(writes)
    os.waitpid(pid, 0)
    with os.fdopen(reads) as pipe:
        return int(pipe.read() or 0)


if __name__ == "__main__":
    with burgee.open("memory://") as first:  # what is imported when it is used is imported now
        first.tenants.create("acme").files.upload(b"warm", "warm.txt", progress=False).delete()
    for line in sys.stdin:
        named, number = line.split()
        print(forked(sys.argv[1], named, int(number)), flush=True)  # noqa: T201 - the answer
