"""Waiting for events: until the log of a tenant goes on."""

import time

from burgee.store.database import Database
from burgee.store.query import last_position

_LOOK_AGAIN = 0.01  # seconds


def wait(database: Database, tenant: str, after: int, timeout: float) -> int | None:
    """The last position of the tenant, as soon as it is beyond `after`; none if that took longer than the timeout."""
    until = time.monotonic() + timeout
    while (last := last_position(database, tenant)) <= after:
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, _LOOK_AGAIN))
    return last
