"""The live tail of a log: `for event in acme.events.tail(): …`."""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, override

from burgee.core.checks import need_whole
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.events.model import EventQuery, StoredEvent
from burgee.events.protocol import EventService

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_LOOK_UP = 0.5  # seconds to wait at a time, so that a tail closed by another thread ends


class Tail(Shown):
    """Events as they are stored: an iterator that waits for the next one.

    It ends after `limit` events, after `timeout` seconds without one, when it is closed, and when the call is
    interrupted (Ctrl-C, the stop button). `position` is what to go on from: `acme.events.tail(after=tail.position)`.
    """

    __slots__ = ("_given", "_kept", "_limit", "_link", "_open", "_position", "_query", "_stream", "_timeout")

    def __init__(
        self,
        link: Link,
        service: EventService,
        query: EventQuery,
        *,
        after: int | None = None,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> None:
        if after is not None:
            need_whole("after", after)
        if limit is not None:
            need_whole("limit", limit, least=1)
        if timeout is not None and not (_is_number(timeout) and 0 <= timeout < math.inf):
            raise InvalidInputError(f"timeout must be seconds, not {timeout!r}", hint="without one, a tail waits on")
        self._link = link
        self._query = query
        self._timeout = timeout
        self._limit = limit
        self._given = 0
        self._kept: deque[StoredEvent] = deque()
        self._stream = link.call(service.follow(query, after))
        self._position = self._stream.position
        self._open = True

    @property
    def position(self) -> int:
        """The position of the last event it gave, or of where it began: what to go on from later."""
        return self._position

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return not self._open

    def __iter__(self) -> Iterator[StoredEvent]:
        return self

    def __next__(self) -> StoredEvent:
        if not self._kept and not self._wait():
            self.close()
            raise StopIteration
        event = self._kept.popleft()
        self._position = event.position
        self._given += 1
        if self._given == self._limit:
            self.close()
        return event

    def some(self, seconds: float) -> list[StoredEvent]:
        """The events that came, all at once, the next ones waited for so many seconds; none if none came.

        For whoever handles events in batches. `timeout` does not end the tail here.
        """
        if not self._kept:
            self._fetch(seconds)
        most = len(self._kept) if self._limit is None else self._limit - self._given
        return [next(self) for _ in range(min(most, len(self._kept)))]

    def close(self) -> None:
        """End it; an iteration in another thread ends within a second."""
        if self._open:
            self._open = False
            self._kept.clear()
            self._link.run(self._stream.close())

    def frame(self) -> "pd.DataFrame":
        """The events that are still to come, until it ends, as a frame with the columns of `query().frame()`.

        Raises:
            InvalidInputError: it was given neither `timeout` nor `limit`, so it has no end.
        """
        from burgee.core.frames import to_pandas

        return to_pandas(self.arrow())

    def arrow(self) -> "pa.Table":
        """The same as `frame()`, as an Arrow table."""
        from burgee.analytics.payload import expand
        from burgee.events.rows import raw_table

        if self._timeout is None and self._limit is None:
            hint = "give it an end: acme.events.tail(timeout=5) or tail(limit=100)"
            raise InvalidInputError("a tail without timeout or limit never ends, so it has no frame", hint=hint)
        return expand(raw_table(list(self)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self) -> bool:
        """Until there are events; whether there are."""
        until = math.inf if self._timeout is None else time.monotonic() + self._timeout
        while self._open and not self._kept:
            left = until - time.monotonic()
            self._fetch(max(0.0, min(left, _LOOK_UP)))
            if left <= 0:
                break
        return bool(self._kept)

    def _fetch(self, seconds: float) -> None:
        if not self._open:
            return
        try:
            found: Sequence[StoredEvent] = self._link.run(self._stream.some(seconds))
        except StopAsyncIteration:  # another thread closed it
            return
        except BaseException:
            self.close()
            raise
        if self._open:
            self._kept.extend(found)
            if not found:
                self._position = max(self._position, self._stream.position)  # nothing of what came is wanted

    @override
    def __repr__(self) -> str:
        state = "" if self._open else ", closed"
        return f"<Tail of {_words(self._query)} from position {self._position}{state}: iterate, .frame(), .close()>"

    @override
    def _sheet(self) -> Sheet:
        rows: list[tuple[str, object]] = [
            ("events", _words(self._query)),
            ("position", self._position),
            ("given", self._given),
            ("timeout", self._timeout),
            ("limit", self._limit),
            ("open", self._open),
        ]
        return Sheet("Tail", ("", "value"), rows, "for event in tail: …; .frame(), .some(seconds), .close()")


def _words(query: EventQuery) -> str:
    """What is wanted, shortly."""
    names = ("types", "stream", "category", "metadata")
    given = [(name, getattr(query, name)) for name in names if getattr(query, name)]
    return (
        "; ".join(f"{name} {', '.join(value) if name == 'types' else value}" for name, value in given) or "all events"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
