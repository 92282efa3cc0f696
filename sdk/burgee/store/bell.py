"""The bell of a database: it rings when something may have been committed, here or in another process.

One thread listens for all who wait. It starts with the first of them and ends when nobody has waited for a while.
A ring says "look again" and no more: whoever waits asks the database what there is.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from burgee.store.backend import Listener

_LINGER_SECONDS = 2.0
"""How long the thread stays after the last who waited: the next one often comes at once."""

_AGAIN_SECONDS = 0.5
"""The pause before listening is tried again, after the database could not be reached."""


class Bell:
    """Rings for everybody who waits; `listen` opens what hears other processes."""

    def __init__(self, listen: Callable[[], Listener | None]) -> None:
        self._listen = listen
        self._changed = threading.Condition()
        self._calls: set[Callable[[], None]] = set()
        self._rung = 0
        self._waiting = 0
        self._left_at = 0.0
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def rung(self) -> int:
        """How often it rang so far."""
        return self._rung

    def ring(self) -> None:
        """Let everybody look again."""
        with self._changed:
            self._rung += 1
            self._changed.notify_all()
            calls = list(self._calls)
        for call in calls:
            call()

    @contextmanager
    def waiting(self, call: Callable[[], None] | None = None) -> Iterator[None]:
        """Within the `with` the bell is heard; `call` is called at each ring, from another thread."""
        with self._changed:
            self._waiting += 1
            if call is not None:
                self._calls.add(call)
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._watch, name="burgee-bell", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._left_at = time.monotonic()
                if call is not None:
                    self._calls.discard(call)

    def wait(self, seen: int, seconds: float | None) -> None:
        """Until it rang more often than `seen` times, or the seconds are over."""
        with self._changed:
            if self._rung == seen and not self._stopped:
                self._changed.wait(seconds)

    def stop(self) -> None:
        """Ring a last time and listen no more."""
        self._stopped = True
        self.ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _watch(self) -> None:
        listener: Listener | None = None
        try:
            while self._needed():
                try:
                    if listener is None:
                        listener = self._listen()
                        if listener is None:  # all that is committed is committed here, and rings here
                            return
                        self.ring()  # for what was committed before this one listened
                    if listener.changed():
                        self.ring()
                except Exception:  # noqa: BLE001 - whatever the driver raises: who waits will meet it, and say so
                    if listener is not None:
                        with contextlib.suppress(Exception):
                            listener.close()
                        listener = None
                    self.ring()
                    time.sleep(_AGAIN_SECONDS)
        finally:
            if listener is not None:
                listener.close()

    def _needed(self) -> bool:
        with self._changed:
            idle = self._waiting == 0 and time.monotonic() - self._left_at > _LINGER_SECONDS
            if self._stopped or idle:
                self._thread = None
                return False
            return True
