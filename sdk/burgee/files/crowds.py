"""How many may do the same thing at once: whoever has a signed address may use it as often as he likes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Crowd:
    """Lets few in at once, in this process.

    Args:
        most: how many, for each thing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._within: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def entered(self, thing: str) -> Iterator[bool]:
        """Whether there was room; it is taken until the `with` ends."""
        with self._lock:
            there = self._within[thing] < self._most
            self._within[thing] += there
        try:
            yield there
        finally:
            with self._lock:
                self._within[thing] -= there
                if not self._within[thing]:
                    del self._within[thing]
