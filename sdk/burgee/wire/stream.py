"""Streams: answers without an end, whose items come when they happen. Each has a position, to go on from later."""

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, override


class Placed(Protocol):
    """What a stream is made of: items that know their place."""

    @property
    def position(self) -> int:
        """Where it stands; later items stand further on."""
        ...


class Stream[T: Placed](AsyncIterator[T]):
    """Items as they come: `async for` one by one, or `some` in batches; `close` it when done."""

    def __init__(self, position: int) -> None:
        self.position = position
        """Up to here everything was handed over: what to go on from later."""
        self._kept: deque[T] = deque()

    @property
    def connected(self) -> bool:
        """Whether what happens would come: not while a connection that broke is taken up again."""
        return True

    @abstractmethod
    async def some(self, seconds: float | None = None) -> Sequence[T]:
        """The next items, waited for; none if so many seconds passed without any. A wait cancelled loses nothing."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what the stream holds."""

    @override
    async def __anext__(self) -> T:
        while not self._kept:
            self._kept.extend(await self.some())
        return self._kept.popleft()
