"""The fluent object of a tenant's event log: `acme.events`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast, override

from burgee.core.checks import need_text, need_texts
from burgee.core.clock import Moment, from_us, to_us
from burgee.core.display import Sheet, view
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.core.page import Page
from burgee.events.export import Archived
from burgee.events.given import as_event, with_id
from burgee.events.intake import Intake
from burgee.events.model import ANY, STREAM_EXISTS, Appended, EventQuery, Given, NewEvent, StreamAppend
from burgee.events.protocol import EventService
from burgee.events.query import EventList, Query
from burgee.events.tail import Tail
from burgee.questions.protocol import QuestionService
from burgee.questions.statement import SqlAnswer, TypeList
from burgee.store.log import check_expected
from burgee.store.typed import is_typed

if TYPE_CHECKING:
    from pathlib import Path

    from burgee.events.repository import EventStore, Kind
    from burgee.events.snapshots import Policy
    from burgee.notebook.explorer import Explorer
    from burgee.notebook.live import Live


class Events(Intake):
    """The event log of a tenant: `acme.events`."""

    __slots__ = ("_questions",)

    def __init__(self, link: Link, service: EventService, questions: QuestionService, *, progress: bool) -> None:
        super().__init__(link, service, progress=progress)
        self._questions = questions

    def append(
        self,
        stream: str,
        events: Given | Sequence[Given],
        *,
        expected_version: int = ANY,
    ) -> Appended:
        """Append one event, or several at once, to a stream: all of them or none.

        Args:
            stream: the stream's name, e.g. `order-42`; what stands before the first `-` is its category.
            events: `burgee.Event("order.placed", {"total": 42})`, a dict with `type` and, if wanted,
                `data, metadata, id, occurred_at, schema_version`, or an object of a class registered with
                `@burgee.event` (`burgee.Event.of(it, metadata=…)` adds what stands beside it).
            expected_version: the version the stream must have; `burgee.NO_STREAM` for a new stream,
                `burgee.STREAM_EXISTS` for any that exists.

        Raises:
            ConcurrencyError: the stream is at another version: another writer was first.
            DuplicateEventError: an event id is taken by an event with other content.
            StreamClosedError: the stream was closed.
        """
        ready = self._ready(stream, events, expected_version)
        return self._link.call(self._service.append(stream, ready, expected_version))

    def append_all(
        self,
        events: Mapping[str, Given | Sequence[Given]],
        *,
        expected_version: int | Mapping[str, int] = ANY,
    ) -> list[Appended]:
        """Append to several streams in one transaction: all of it or nothing.

        Args:
            events: what each stream gets, by the stream's name; each as in `append`.
            expected_version: the version every stream must have, or a dict with that of each; `burgee.ANY` for
                those that are not in it.

        Raises:
            ConcurrencyError: a stream is at another version.
            DuplicateEventError: an event id is taken, or some of these events are stored already and others not.
            StreamClosedError: a stream was closed.
        """
        if not isinstance(events, Mapping):
            raise InvalidInputError("give a dict: what each stream gets, by the stream's name")
        if isinstance(expected_version, Mapping) and (other := expected_version.keys() - events.keys()):
            raise InvalidInputError(f"expected_version names streams that get nothing here: {sorted(other)}")
        wanted = expected_version if isinstance(expected_version, Mapping) else dict.fromkeys(events, expected_version)
        parts = tuple(
            StreamAppend(n, self._ready(n, new, e), e) for n, new in events.items() for e in [wanted.get(n, ANY)]
        )
        return list(self._link.call(self._service.append_many(parts)))

    def close(self, stream: str, *, expected_version: int = STREAM_EXISTS) -> Appended:
        """Close a stream for good: it can still be read, but nothing can be appended to it. Again is a no-op.

        Args:
            stream: the stream's name.
            expected_version: the version it must have; by default any, if only it exists.

        Raises:
            ConcurrencyError: the stream is at another version, or does not exist.
        """
        need_text("stream", stream)
        return self._link.call(self._service.close_stream(stream, check_expected(expected_version)))

    def read(self, stream: str | None = None, *, after: int | None = None) -> EventList:
        """The events of a stream (or of all) one by one, in the order of the log; `after` is a position."""
        return self._select(EventQuery(stream=stream, after=after)).list()

    def query(
        self,
        type: str | Sequence[str] = (),
        *,
        stream: str | None = None,
        category: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        upto: int | None = None,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        as_of: Moment | None = None,
        limit: int | None = None,
        own: bool = False,
    ) -> Query:
        """Choose events; every filter given must hold.

        Args:
            type: an event type, a prefix like `order.*`, or several of them.
            stream: one stream.
            category: the streams `<category>-…`.
            since: the first time of `occurred_at` that counts.
            until: the first time of `occurred_at` that no longer counts.
            after: only positions beyond this one.
            upto: only positions up to this one.
            metadata: fields of the metadata that must be equal.
            as_of: the log as it was recorded up to this time.
            limit: at most so many, the first by position.
            own: also what burgee itself records: changes of flags.
        """
        times = {name: _moment(at) for name, at in (("since", since), ("until", until), ("as_of", as_of))}
        query = EventQuery(
            _types(type),
            stream,
            category,
            after=after,
            upto=upto,
            metadata=dict(metadata or {}),
            limit=limit,
            own=own,
            **times,
        )
        return self._select(query)

    def sql(self, statement: str, *, as_of: Moment | None = None) -> SqlAnswer:
        """Ask a SELECT in DuckDB's SQL: over `events`, and over one view per type of event.

        `events` has the columns `position, stream, version, id, type, schema_version, occurred_at, recorded_at`,
        one for each payload field, `data` and `metadata` (JSON text). The view of a type has only the fields of
        that type; it is called like the type in quotes (`"order.placed"`), and `order_placed`.

        Args:
            statement: one SELECT; nothing else can be run, and nothing but the tenant's events is in reach.
            as_of: the log as it was recorded up to this time.
        """
        return SqlAnswer(self._link, self._questions, statement, _moment(as_of))

    def types(self) -> TypeList:
        """The types of events: how many of each, the first and last, schema versions, and fields with their kinds."""
        return TypeList(Page(self._link.call(self._questions.types())))

    def store[TEvent, TAggregate](
        self, kind: "Kind[TEvent, TAggregate]", *, snapshots: "Policy" = 100
    ) -> "EventStore[TEvent, TAggregate]":
        """The repository of a class of aggregates: `orders = acme.events.store(Order)`.

        Args:
            kind: a subclass of `burgee.Aggregate`.
            snapshots: keep the state beside the stream every so many events, so that a load reads only what
                came after; or a function of the aggregate and the number of events since the last one that
                says whether to; None for never.
        """
        from burgee.events.repository import EventStore

        return EventStore(self._link, self._service, kind, snapshots)

    def load[TEvent, TAggregate](
        self,
        kind: "Kind[TEvent, TAggregate]",
        stream: str,
        *,
        version: int | None = None,
        as_of: Moment | None = None,
    ) -> TAggregate:
        """An aggregate as its events made it: now, at a version, or as it was recorded up to a time."""
        return self.store(kind).load(stream, version=version, as_of=as_of)

    def tail(
        self,
        type: str | Sequence[str] = (),
        *,
        stream: str | None = None,
        category: str | None = None,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        after: int | None = None,
        timeout: float | None = None,
        limit: int | None = None,
        own: bool = False,
    ) -> Tail:
        """Events as they are stored: `for event in acme.events.tail(): …`.

        Args:
            type: an event type, a prefix like `order.*`, or several of them.
            stream: one stream.
            category: the streams `<category>-…`.
            metadata: fields of the metadata that must be equal.
            after: begin behind this position: 0 gives everything there is, then what comes; the `position` of
                an earlier tail goes on from there. By default there is only what is stored from this call on.
            timeout: seconds without any event after which it ends; by default it never does.
            limit: at most so many events, then it ends.
            own: also what burgee itself records: changes of flags.

        Raises:
            ServerUnavailableError: while iterating: the server is gone, and did not come back in all the tries allowed.
        """
        query = EventQuery(_types(type), stream, category, metadata=dict(metadata or {}), own=own)
        return Tail(self._link, self._service, query, after=after, timeout=timeout, limit=limit)

    def live(
        self,
        type: str | Sequence[str] = (),
        *,
        stream: str | None = None,
        category: str | None = None,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        after: int | None = None,
        own: bool = False,
    ) -> "Live":
        """Events as they arrive, to look at: the newest in a table, counts by type, how many a second.

        The arguments are those of `tail`. It goes on until it is closed, or shown anew by the same cell.
        """
        query = EventQuery(_types(type), stream, category, metadata=dict(metadata or {}), own=own)

        def tail(position: int | None) -> Tail:
            return Tail(self._link, self._service, query, after=position)

        live: Live = view("live").Live(tail, after)
        return live

    def export(
        self, to: "str | Path", *, format: str = "parquet", overwrite: bool = False, progress: bool | None = None
    ) -> Archived:
        """Write all events as Parquet to a folder of yours or to S3; see `Query.export`."""
        shown = self._progress if progress is None else progress
        return self.query().export(to, format=format, overwrite=overwrite, progress=shown)

    def archive(self) -> Archived:
        """Bring the workspace's archive to where the log is: what is in it stays, what is new is added.

        It lies where `BURGEE_ARCHIVE` says (a folder or `s3://bucket/prefix`), else in the workspace's folder; of a
        server, there. Events of somebody who was forgotten since are written anew.
        """
        return Archived(self._link.call(self._questions.archive()))

    def explorer(self) -> "Explorer":
        """Types, times, counts over time and a table: to use, not only to see."""
        explorer: Explorer = view("explorer").Explorer(self)
        return explorer

    def _ready(self, stream: str, events: object, expected: int) -> tuple[NewEvent, ...]:
        """The events of one stream, checked before anything travels."""
        need_text("stream", stream)
        check_expected(expected)
        one = isinstance(events, Mapping | str) or is_typed(events) or hasattr(events, "__pydantic_fields__")
        several = isinstance(events, Iterable) and not one
        ready = tuple(map(as_event, cast("Iterable[object]", events) if several else [events]))
        # With ids of their own, so that a request that is sent again is known again.
        return ready if self._link.inline else tuple(map(with_id, ready))

    def _select(self, query: EventQuery) -> Query:
        return Query(self._link, self._service, self._questions, query, progress=self._progress)

    @override
    def __repr__(self) -> str:
        return f"<Events of {self._link.tenant!r}: .append(…), .ingest(…), .read(…), .query(…), .tail(…)>"

    @override
    def _sheet(self) -> Sheet:
        rows = [
            (".query(…)", "choose events: .frame(), .count(), .per(…), .by(…), .funnel(…)"),
            (".ingest(frame, …)", "store the rows of a frame"),
            (".append(stream, event)", "store one event"),
            (".store(Order)", "aggregates: load, decide, save"),
            (".read(stream)", "the events of a stream"),
            (".types()", "which types there are, and their fields"),
            (".sql(select)", "ask in SQL"),
            (".tail()", "events as they are stored, one after another"),
            (".explorer()", "look around"),
            (".live()", "see events arrive"),
        ]
        return Sheet(f"Events of {self._link.tenant}", ("", "what it does"), rows)


def _types(type: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(type, str):
        return (type,)
    need_texts("type", type)
    return tuple(type)


def _moment(moment: Moment | None) -> datetime | None:
    return None if moment is None else from_us(to_us(moment))
