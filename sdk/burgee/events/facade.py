"""The fluent object of a tenant's event log: `acme.events`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, cast, override

from burgee.core.checks import need_text, need_texts
from burgee.core.clock import from_us, to_us
from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError
from burgee.core.ids import new_id
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.core.page import Page
from burgee.core.progress import ProgressBar
from burgee.events.export import Archived
from burgee.events.model import ANY, STREAM_EXISTS, Appended, EventQuery, Ingested, NewEvent, StreamAppend
from burgee.events.protocol import EventService
from burgee.events.query import EventList, Query
from burgee.questions.protocol import QuestionService
from burgee.questions.statement import SqlAnswer, TypeList
from burgee.store.log import check_expected

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from burgee.notebook.explorer import Explorer

type Moment = str | date | datetime

INGEST_ROWS = 10_000
"""Rows of one ingest request, and so of one transaction."""

BAR_ROWS = 20_000
BAR_BYTES = 200_000
"""From this much on a progress bar is worth showing."""


class Events(Shown):
    """The event log of a tenant: `acme.events`."""

    __slots__ = ("_link", "_progress", "_questions", "_service")

    def __init__(self, link: Link, service: EventService, questions: QuestionService, *, progress: bool) -> None:
        self._link = link
        self._service = service
        self._questions = questions
        self._progress = progress

    def append(
        self,
        stream: str,
        events: NewEvent | Mapping[str, Json] | Sequence[NewEvent | Mapping[str, Json]],
        *,
        expected_version: int = ANY,
    ) -> Appended:
        """Append one event, or several at once, to a stream: all of them or none.

        Args:
            stream: the stream's name, e.g. `order-42`; what stands before the first `-` is its category.
            events: `burgee.Event("order.placed", {"total": 42})`, or a dict with `type` and, if wanted,
                `data, metadata, id, occurred_at, schema_version`.
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
        events: Mapping[str, NewEvent | Mapping[str, Json] | Sequence[NewEvent | Mapping[str, Json]]],
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

    def ingest(
        self, frame: object, *, stream: str, type: str, time: str, id: str | None = None, progress: bool | None = None
    ) -> Ingested:
        """Store each row of a frame as an event; rows that are stored already are left out.

        Args:
            frame: any frame: pandas, polars, Arrow.
            stream: the column whose values name the streams. It stays in the payload as well.
            type: the column of event types.
            time: the column of times: datetimes or ISO 8601 text; without a zone they are UTC.
            id: the column of event ids. Without one the ids are made from the rows' content, so that the
                same rows again store nothing twice.
            progress: a progress bar; by default as `BURGEE_PROGRESS` says.

        Raises:
            MissingColumnError: a column is not there; says which are.
            InvalidInputError: a value can't be used; names its column and row.
        """
        from burgee.events.canonical import canonical

        events = canonical(
            frame, stream=stream, type=type, time=time, id=id
        )  # all of it is right, or nothing is stored
        done = Ingested()
        with self._bar("ingest", len(events), progress) as bar:
            for start in range(0, len(events), INGEST_ROWS):
                done += self.ingest_canonical(events.slice(start, INGEST_ROWS))
                bar.reach(start + INGEST_ROWS)
        return done

    def import_file(
        self,
        path: "str | Path",
        *,
        stream: str,
        type: str,
        time: str,
        id: str | None = None,
        progress: bool | None = None,
    ) -> Ingested:
        """Store each row of a CSV, TSV, NDJSON or Parquet file (also gzipped) as an event; see `ingest`.

        The file is read in batches, each stored whole or not at all. An import that broke off is run again:
        what is stored already is left out.

        Raises:
            UnreadableFileError: the file can't be read; says at which row.
        """
        from burgee.events.canonical import canonical
        from burgee.events.reading import open_file

        seen: Counter[str] = Counter()
        done = Ingested()
        roles = {"stream": stream, "type": type, "time": time, **({"id": id} if id is not None else {})}
        file = open_file(path, columns=roles, batch_rows=INGEST_ROWS)
        with self._bar(f"import {file.name}", file.total_bytes, progress, least=BAR_BYTES) as bar:
            for batch in file:
                first = file.first_row
                ready = canonical(batch, stream=stream, type=type, time=time, id=id, occurrence=seen, first_row=first)
                done += self.ingest_canonical(ready)
                bar.reach(file.bytes_read)
        return done

    def ingest_canonical(self, batch: "pa.Table") -> Ingested:
        """Store a table that has the log's own columns already: `id, stream, type, occurred_at, data, metadata`."""
        return self._link.call(self._service.ingest(batch.to_reader()))

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
        if not isinstance(type, str):
            need_texts("type", type)
        types = (type,) if isinstance(type, str) else tuple(type)
        times = {name: _moment(at) for name, at in (("since", since), ("until", until), ("as_of", as_of))}
        query = EventQuery(
            types,
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
        several = isinstance(events, Iterable) and not isinstance(events, Mapping | str)
        ready = tuple(map(_event, cast("Iterable[object]", events) if several else [events]))
        # With ids of their own, so that a request that is sent again is known again.
        return ready if self._link.inline else tuple(map(_with_id, ready))

    def _select(self, query: EventQuery) -> Query:
        return Query(self._link, self._service, self._questions, query)

    def _bar(self, what: str, total: int, asked: bool | None, *, least: int = BAR_ROWS) -> ProgressBar:
        shown = (self._progress if asked is None else asked) and total >= least
        return ProgressBar(what, total, shown=shown)

    @override
    def __repr__(self) -> str:
        return f"<Events of {self._link.tenant!r}: .append(…), .ingest(…), .read(…), .query(…)>"

    @override
    def _sheet(self) -> Sheet:
        rows = [
            (".query(…)", "choose events: .frame(), .count(), .per(…), .by(…), .funnel(…)"),
            (".ingest(frame, …)", "store the rows of a frame"),
            (".append(stream, event)", "store one event"),
            (".read(stream)", "the events of a stream"),
            (".types()", "which types there are, and their fields"),
            (".sql(select)", "ask in SQL"),
            (".explorer()", "look around"),
        ]
        return Sheet(f"Events of {self._link.tenant}", ("", "what it does"), rows)


def _moment(moment: Moment | None) -> datetime | None:
    return None if moment is None else from_us(to_us(moment))


def _event(event: object) -> NewEvent:
    if isinstance(event, NewEvent):
        return event
    if not isinstance(event, Mapping) or "type" not in event:
        hint = 'give burgee.Event("order.placed", {"total": 42}) or {"type": "order.placed", "data": {…}}'
        raise InvalidInputError(f"{event!r} is not an event", hint=hint)
    try:
        return NewEvent(**event)
    except TypeError:
        fields = ", ".join(NewEvent.__slots__)
        raise InvalidInputError(f"an event has the fields {fields}, not {', '.join(map(str, event))}") from None


def _with_id(event: NewEvent) -> NewEvent:
    return event if event.id is not None else replace(event, id=new_id())
