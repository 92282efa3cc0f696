"""A process that takes a file in, or deletes one, and kills itself before a call of a given number.

The calls are those to what is written in C: open, write, fsync, rename, SQLite's own, … By hand:
`python dying.py FOLDER upload|delete ID CALL`; it prints how many calls there were, if it lives.
"""

import itertools
import os
import signal
import sys

from burgee import open as open_workspace


def main(folder: str, action: str, id: str, call: int) -> None:
    """Do it."""
    calls = itertools.count(1)

    def count(_: object, event: str, __: object) -> None:
        if event == "c_call" and next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_workspace(folder) as ws:
        files = ws.tenant("acme").files
        file = files.get(id) if action == "delete" else None
        files.upload(b"warm", "warm.txt", progress=False).delete()
        sys.setprofile(count)
        try:
            if file is None:
                files.upload(b"new", "new.txt", progress=False)
            else:
                file.delete()
        finally:
            sys.setprofile(None)
    print(next(calls))  # noqa: T201 - the answer


main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
