"""Ids: UUID version 7 (RFC 9562, section 5.7), which sort by the time they were made.

Within a process ids are strictly increasing, also inside one millisecond (the RFC's section 6.2,
method 1: a counter in `rand_a`, 12 bits, that borrows from the timestamp when it runs over).
"""

import os
import threading
import uuid

from burgee.core.clock import Clock, system_clock

_COUNTER_BITS = 12
_lock = threading.Lock()
_last = 0  # milliseconds << 12 | counter


def new_id(clock: Clock = system_clock) -> str:
    """A new UUIDv7 as text, later than every one this process made before."""
    global _last  # noqa: PLW0603 - the counter is the point
    millis = clock.now_us() // 1000
    with _lock:
        _last = max(_last + 1, millis << _COUNTER_BITS)
        stamp = _last
    value = (stamp >> _COUNTER_BITS) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | int.from_bytes(os.urandom(8)) >> 2))


def _forget_counter() -> None:
    """A forked child shares no lock state with its parent; its random bits differ anyway."""
    global _lock  # noqa: PLW0603 - a lock held while forking would never open again
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_counter)
