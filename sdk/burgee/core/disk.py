"""What files need beyond writing: names that are on the disk, and locks between processes."""

import os
from pathlib import Path
from typing import Any


def sync_folder(folder: str | Path) -> None:
    """Have the names in a folder on the disk; Windows does it by itself, and opens no folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(descriptor: int, *, wait: bool = True, shared: bool = False) -> bool:
    """Lock a file until it is closed, or the process ends; whether it was had.

    `shared`: against those who lock it alone, not against each other. Of a file that is open for reading only, NFS
    gives no other lock (flock(2)).
    Windows has no such lock: take care there that one process writes at a time.
    """
    try:
        import fcntl
    except ImportError:
        return True
    module: Any = fcntl
    try:
        module.flock(descriptor, (module.LOCK_SH if shared else module.LOCK_EX) | (0 if wait else module.LOCK_NB))
    except BlockingIOError:
        return False
    return True
