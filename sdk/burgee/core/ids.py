"""Ids: UUID version 7 (RFC 9562, section 5.7), which sort by the time they were made.

Within a process ids are strictly increasing, also inside one millisecond (the RFC's section 6.2,
method 1: a counter in `rand_a`, 12 bits, that borrows from the timestamp when it runs over).
"""

import os
import threading

from burgee.core.clock import Clock, system_clock

_COUNTER_BITS = 12
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_lock = threading.Lock()
_last = 0  # milliseconds << 12 | counter


def new_id(clock: Clock = system_clock) -> str:
    """A new UUIDv7 as text, later than every one this process made before."""
    return new_ids(clock, 1)[0]


def new_ids(clock: Clock, number: int) -> list[str]:
    """So many of them, one later than the other."""
    global _last  # noqa: PLW0603 - the counter is the point
    if not number:
        return []
    millis = clock.now_us() // 1000
    with _lock:
        first = max(_last + 1, millis << _COUNTER_BITS)
        _last = first + number - 1
    chance = os.urandom(8 * number).hex()
    ids = []
    for place in range(number):
        time = f"{first + place:015x}"  # 12 digits of milliseconds, 3 of the counter
        bits = chance[16 * place : 16 * place + 16]
        ids.append(f"{time[:8]}-{time[8:12]}-7{time[12:]}-{_VARIANT[bits[0]]}{bits[1:4]}-{bits[4:]}")
    return ids


def _forget_counter() -> None:
    """A forked child shares no lock state with its parent; its random bits differ anyway."""
    global _lock  # noqa: PLW0603 - a lock held while forking would never open again
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_counter)
