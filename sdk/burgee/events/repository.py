"""The repository of an aggregate: `orders = acme.events.store(Order)` loads, saves and changes (R2.2-R2.4, R2.9)."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast, override

from burgee.core.checks import need_text, need_whole
from burgee.core.clock import to_us
from burgee.core.display import Sheet, Shown
from burgee.core.errors import ConcurrencyError, InvalidInputError, NotFoundError
from burgee.core.ids import new_id
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.core.listing import Listing
from burgee.core.page import LARGEST_PAGE, Page
from burgee.events.aggregate import Aggregate, placed
from burgee.events.model import EventQuery, NewEvent, StoredEvent
from burgee.events.protocol import EventService
from burgee.events.snapshots import Policy, Snapshots

if TYPE_CHECKING:
    import pandas as pd

SNAPSHOT_EVERY = 100
"""Events after which a snapshot is kept, unless said otherwise."""

_FIRST_WAIT = 0.01  # seconds
_LONGEST_WAIT = 1.0


class Kind[TEvent, TAggregate](Protocol):
    """A class of aggregates: how a type checker learns the class and its events from `store(Order)`."""

    def __call__(self) -> TAggregate:
        """The state before the first event."""
        ...

    def apply(self, state: TAggregate, event: TEvent, /) -> TAggregate:
        """The state after an event."""
        ...


@dataclass(frozen=True, slots=True)
class Step[TAggregate]:
    """One event of a stream, and the aggregate it led to."""

    stored: StoredEvent
    state: TAggregate


class States[TAggregate](Listing[Step[TAggregate]]):
    """An aggregate after each of its events. Frame: `version, type, occurred_at, recorded_at`, then its fields."""

    __slots__ = ("columns",)

    def __init__(self, steps: Sequence[Step[TAggregate]], fields: Iterable[str]) -> None:
        super().__init__(Page(tuple(steps)))
        self.columns = ("version", "type", "occurred_at", "recorded_at", *fields)

    @override
    def __iter__(self) -> Iterator[Step[TAggregate]]:
        return super().__iter__()

    @override
    def _row(self, item: Step[TAggregate]) -> Mapping[str, object]:
        stored, state = item.stored, item.state
        row = {name: getattr(stored, name) for name in self.columns[:4]}
        return row | (dict(state.state()) if isinstance(state, Aggregate) else {})


class EventStore[TEvent, TAggregate](Shown):
    """The aggregates of one class. Each lives in a stream of its own, which is its name: `orders.load("order-42")`."""

    __slots__ = ("_kind", "_link", "_service", "_snapshots")

    def __init__(
        self, link: Link, service: EventService, kind: Kind[TEvent, TAggregate], snapshots: Policy = SNAPSHOT_EVERY
    ) -> None:
        if not isinstance(kind, type) or not issubclass(kind, Aggregate):
            hint = "write it as: class Order(burgee.Aggregate[OrderPlaced | OrderShipped])"
            raise InvalidInputError(f"{kind!r} is no class of aggregates", hint=hint)
        kind.kinds.check(kind.__name__)
        self._link = link
        self._service = service
        self._kind: type[Aggregate[TEvent]] = kind
        self._snapshots = Snapshots(self._kind, snapshots)

    def new(self, stream: str) -> TAggregate:
        """An aggregate that nothing has happened to yet."""
        need_text("stream", stream)
        return cast("TAggregate", placed(self._kind(), stream=stream))

    def load(
        self, stream: str, *, version: int | None = None, as_of: str | date | datetime | None = None
    ) -> TAggregate:
        """The aggregate as its events made it: now, at a version, or as it was recorded up to a time.

        Raises:
            NotFoundError: there is no such stream, or there was none yet.
            SchemaError: an event's version or data is not what this process knows.
        """
        state = self._load(stream, version, as_of)
        if state.version == 0:
            error = NotFoundError("stream", stream)
            error.add_note(f"begin it: .save(store.new({stream!r}).record(…)), or .change(…)")
            raise error
        return cast("TAggregate", state)

    def save(self, aggregate: TAggregate, *, metadata: Mapping[str, Json] | None = None) -> TAggregate:
        """Store what the aggregate recorded, all of it or nothing, and give it back as saved.

        Raises:
            ConcurrencyError: the stream has gone on since the aggregate was loaded.
        """
        state = self._own(aggregate)
        if not state.changes:
            return aggregate
        # With ids, so that a request that is sent again is known again.
        new = tuple(NewEvent.of(event, metadata=metadata, id=new_id()) for event in state.changes)
        before = state.version - len(new)
        self._link.call(self._service.append(state.stream, new, before))
        state = placed(state, changes=())
        if self._snapshots.due(state):
            state = self._keep(state)
        return cast("TAggregate", state)

    def change(
        self,
        stream: str,
        decide: Callable[[TAggregate], TAggregate | TEvent | Sequence[TEvent] | None],
        *,
        retries: int = 5,
        metadata: Mapping[str, Json] | None = None,
    ) -> TAggregate:
        """Load, decide, save; where another writer was first, load and decide again.

        Args:
            stream: which one; a new one begins at version 0.
            decide: gives the aggregate with what it recorded, or events to record, or none. It may run
                several times, so it should do nothing else.
            retries: how often to try again, after a random wait that doubles each time (10 ms to 1 s).
            metadata: what stands beside the events' data.

        Raises:
            ConcurrencyError: others were first each time.
        """
        need_whole("retries", retries)
        attempt = 0
        while True:
            state = self._load(stream, None, None)
            try:
                return self.save(self._decided(state, decide(cast("TAggregate", state))), metadata=metadata)
            except ConcurrencyError as error:
                if attempt == retries:
                    error.add_note(f"tried {retries + 1} times; raise retries=, or split the stream")
                    raise
            wait = random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))  # noqa: S311 - jitter is no secret
            time.sleep(wait)
            attempt += 1

    def snapshot(self, stream: str) -> TAggregate:
        """Keep a snapshot now, whatever the policy says."""
        if not self._snapshots.on:
            raise InvalidInputError("this store keeps no snapshots", hint="make it with snapshots=100")
        self.load(stream)  # says so if there is none
        return cast("TAggregate", self._keep(self._load(stream, None, None)))

    def history(self, stream: str) -> "States[TAggregate]":
        """The aggregate after each of its events, oldest first."""
        state, steps = placed(self._kind(), stream=stream), []
        for event in self._events(stream, 0, None):
            state = self._after(state, event)
            steps.append(Step(event, cast("TAggregate", state)))
        if not steps:
            self.load(stream)
        return States(steps, self._kind().state())

    def frame(self, category: str | None = None, *, streams: Iterable[str] = ()) -> "pd.DataFrame":
        """Aggregates as a frame, a row each: `stream, version`, then their fields.

        Args:
            category: all streams named `<category>-…`, read in one pass over the log.
            streams: or these streams.
        """
        import pandas as pd

        if (category is None) == (not streams):
            raise InvalidInputError("which aggregates? give a category or streams", hint='for example .frame("order")')
        found = [self._load(stream, None, None) for stream in streams] if category is None else self._fold(category)
        rows = [{"stream": state.stream, "version": state.version, **state.state()} for state in found]
        return pd.DataFrame(rows, columns=["stream", "version", *self._kind().state()])

    def _load(self, stream: str, version: int | None, as_of: str | date | datetime | None) -> Aggregate[TEvent]:
        need_text("stream", stream)
        if version is not None:
            need_whole("version", version)
        state = placed(self._kind(), stream=stream)
        if self._snapshots.on and as_of is None:
            kept = self._link.call(self._service.snapshot(stream, self._snapshots.name))
            if kept is not None and (version is None or kept.version <= version):
                found = self._snapshots.read(stream, kept)
                state = state if found is None else found
        until = None if as_of is None else to_us(as_of)
        for event in self._events(stream, state.version, version):
            if until is not None and to_us(event.recorded_at) > until:
                break
            state = self._after(state, event)
        return state

    def _events(self, stream: str, after: int, upto: int | None) -> Iterator[StoredEvent]:
        while True:
            page = self._link.call(self._service.stream(stream, after, upto, LARGEST_PAGE))
            yield from page.items
            if page.after is None:
                return
            after = int(page.after)

    def _fold(self, category: str) -> list[Aggregate[TEvent]]:
        need_text("category", category)
        states: dict[str, Aggregate[TEvent]] = {}
        after: int | None = None
        while True:
            query = EventQuery(category=category, after=after)
            page = self._link.call(self._service.read(query, LARGEST_PAGE))
            for event in page.items:
                if event.stream not in states:
                    states[event.stream] = placed(self._kind(), stream=event.stream)
                states[event.stream] = self._after(states[event.stream], event)
            if page.after is None:
                return [states[stream] for stream in sorted(states)]
            after = int(page.after)

    def _after(self, state: Aggregate[TEvent], stored: StoredEvent) -> Aggregate[TEvent]:
        """The state after a stored event. Others may write to its stream, too: what it is not about only counts."""
        if not state.kinds.takes(stored.type):
            return placed(state, version=stored.version)
        event = cast("TEvent", stored.event)
        try:
            return self._link.within(lambda: state.after(event))
        except Exception as error:
            error.add_note(f"at version {stored.version} of stream {stored.stream!r}, a {stored.type!r}")
            raise

    def _decided(self, state: Aggregate[TEvent], decided: object) -> TAggregate:
        if decided is None:
            return cast("TAggregate", state)
        if isinstance(decided, Aggregate):
            if decided.stream != state.stream:
                raise InvalidInputError(f"{decided!r} is not what was to be changed: {state.stream!r}")
            return cast("TAggregate", decided)
        events = [decided] if state.kinds.holds(decided) or not isinstance(decided, Sequence) else decided
        return cast("TAggregate", state.record(*cast("Sequence[TEvent]", events)))

    def _keep(self, state: Aggregate[TEvent]) -> Aggregate[TEvent]:
        made = self._snapshots.make(state)
        if made is not None:
            self._link.call(self._service.keep_snapshot(state.stream, self._snapshots.name, made))
        return placed(state, _kept=state.version)  # or else each save would try again

    def _own(self, aggregate: object) -> Aggregate[Any]:
        if not isinstance(aggregate, self._kind):
            raise InvalidInputError(f"{aggregate!r} is no {self._kind.__name__}, which this store is of")
        need_text("stream", aggregate.stream)
        return aggregate

    @override
    def __repr__(self) -> str:
        return f"<EventStore of {self._kind.__name__}: .load(stream), .new(stream), .save(…), .change(stream, decide)>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("aggregate", self._kind.__name__), ("fields", ", ".join(self._kind().state()))]
        rows += [("events", ", ".join(self._kind.kinds.names()))]
        return Sheet(
            "EventStore", ("", "value"), rows, ".load(stream), .save(…), .change(…), .history(stream), .frame(…)"
        )
