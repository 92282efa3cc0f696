"""Choosing events: the fluent `Query`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet
from burgee.core.errors import InvalidInputError, MissingExtraError
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.core.periods import Period, check_period
from burgee.core.progress import ProgressBar
from burgee.events.export import Archived
from burgee.events.model import EventQuery, StoredEvent
from burgee.events.protocol import EventService
from burgee.questions.answers import (
    CountsAnswer,
    FunnelAnswer,
    Measured,
    PathsAnswer,
    RetentionAnswer,
    SessionsAnswer,
)
from burgee.questions.durations import Duration, to_seconds
from burgee.questions.model import Counts, Funnel, Measure, Paths, Retention, Sessions
from burgee.questions.protocol import QuestionService
from burgee.questions.words import words

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import ibis
    import pandas as pd
    import pyarrow as pa


_BAR_ROWS = 20_000  # from this much on a progress bar is worth showing


class EventList(Listing[StoredEvent]):
    """Events in the order of the log."""

    __slots__ = ()
    columns = ("position", "stream", "version", "id", "type", "data", "metadata", "occurred_at", "recorded_at")
    dtypes = typed(text="stream id type", whole="position version", moment="occurred_at recorded_at")

    @override
    def __iter__(self) -> Iterator[StoredEvent]:
        return super().__iter__()

    @override
    def _row(self, item: StoredEvent) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}


class Query(Measured):
    """Some of a tenant's events, not fetched yet. Immutable: each verb returns a new query."""

    __slots__ = ("_link", "_progress", "_query", "_questions", "_service")

    def __init__(
        self,
        link: Link,
        service: EventService,
        questions: QuestionService,
        query: EventQuery,
        *,
        progress: bool = False,
    ) -> None:
        self._link = link
        self._service = service
        self._questions = questions
        self._query = query
        self._progress = progress

    def frame(self, *, arrow: bool = False, as_stored: bool = False) -> "pd.DataFrame":
        """The events as a frame.

        Columns: `position, stream, version, id, type, occurred_at, recorded_at`, then the payload's fields
        (one named like a column before it becomes `data_<name>`), then `metadata`. With `arrow` the dtypes are
        Arrow's own: made without copying, and smaller; `metadata` is JSON text there. Events of older versions
        of a type that is registered here have the fields of its newest version, unless wanted `as_stored`.
        """
        from burgee.core.frames import to_arrow_backed, to_pandas

        table = self.arrow(as_stored=as_stored)
        return to_arrow_backed(table) if arrow else to_pandas(table)

    def arrow(self, *, as_stored: bool = False) -> "pa.Table":
        """The same as `frame()`, as an Arrow table."""
        if as_stored or not self._outdated():
            return self._link.call(self._questions.frame(self._query)).read_all()
        from burgee.analytics.payload import expand
        from burgee.events.upcasting import current

        return expand(current(self._link.call(self._service.table(self._query)).read_all()))

    def _outdated(self) -> bool:
        """Whether the log has events of other versions than the newest of a type that is registered here."""
        from burgee.store import registry

        known = registry.names()
        if not known:
            return False
        types = self._link.call(self._questions.types())
        return any(set(info.versions) != {registry.latest(info.type)} for info in types if info.type in known)

    def relation(self, connection: "duckdb.DuckDBPyConnection | None" = None) -> "duckdb.DuckDBPyRelation":
        """The events as a DuckDB relation, on a connection of yours or on a new one, to go on with alone.

        They are those of now, fetched; the relation's columns are those of `arrow()`.
        """
        import duckdb

        from burgee.core.frames import plain

        return (connection or duckdb.connect()).from_arrow(plain(self.arrow()))

    def ibis(self) -> "ibis.Table":
        """The events as an Ibis table on a DuckDB of its own, to go on with alone. Needs the extra `ibis`."""
        import duckdb

        try:
            import ibis
        except ModuleNotFoundError as error:
            raise MissingExtraError("an Ibis table", "ibis") from error
        from burgee.core.frames import plain

        connection = duckdb.connect()
        connection.register("events", plain(self.arrow()))
        return ibis.duckdb.from_connection(connection).table("events")

    def count(self) -> int:
        """How many there are."""
        return self._link.call(self._service.count(self._query))

    def list(self, *, as_stored: bool = False) -> EventList:
        """The events one by one, in the order of the log, fetched a page at a time; see `frame` for `as_stored`."""
        left = self._query.limit  # each page is asked for once, in order

        def ask(after: str | None) -> Page[StoredEvent]:
            nonlocal left
            query = replace(self._query, after=self._query.after if after is None else int(after), limit=left)
            page = self._link.call(self._service.read(query))
            left = None if left is None else left - len(page.items)
            return page if as_stored else Page(tuple(event.current() for event in page.items), page.after)

        return EventList(ask(None), ask)

    def __iter__(self) -> Iterator[StoredEvent]:
        return iter(self.list())

    def cloudevents(self, path: "str | Path", *, source: str | None = None, progress: bool | None = None) -> int:
        """Write the events to a file as CloudEvents 1.0, a line each (NDJSON); how many. Gzipped, if it ends in `.gz`.

        `acme.events.ingest_cloudevents(path)` reads them again, as the same events; see there for what becomes what.

        Args:
            path: the file; one that is there is replaced once the new one is whole.
            source: the `source` of events that came with none; by default `urn:burgee:<tenant>`.
            progress: a progress bar; by default as `BURGEE_PROGRESS` says.
        """
        from pathlib import Path

        from burgee.events import cloudevents

        shown = self._progress if progress is None else progress
        total = self.count() if shown else 0
        place = Path(path).expanduser()
        with ProgressBar(f"export {place.name}", total, shown=shown and total >= _BAR_ROWS) as bar:
            reader = self._link.call(self._service.table(self._query))
            return cloudevents.write(reader, place, source or f"urn:burgee:{self._link.tenant}", bar.reach)

    def export(
        self, to: "str | Path", *, format: str = "parquet", overwrite: bool = False, progress: bool | None = None
    ) -> Archived:
        """Write the events as Parquet, as `tenant=acme/date=2026-11-24/part-….parquet` in a folder or `s3://bucket/prefix`.

        Columns: those of the log, `data` and `metadata` as JSON text, and one for each payload field; what is nested,
        or of conflicting kinds, is JSON text. DuckDB, Spark, Dask, pandas and polars read `tenant` and `date` from the
        folders' names. S3 is reached as the usual `AWS_*` variables say.

        Args:
            to: the folder, which is made if it is not there, or the URL.
            format: `parquet`; for anything else take a frame.
            overwrite: write anew what is there of this tenant already.
            progress: a progress bar; by default as `BURGEE_PROGRESS` says.

        Raises:
            AlreadyExistsError: events of the tenant are there already.
            WorkspaceError: the place can't be written to.
        """
        from burgee.events.export import export

        raw = self._link.call(self._service.table(self._query)).read_all()
        shown = self._progress if progress is None else progress
        return export(self._link.tenant or "", raw, to, format=format, overwrite=overwrite, shown=shown)

    def per(self, unit: Period) -> CountsAnswer:
        """Per minute, hour, day, week, month, quarter or year (UTC, by `occurred_at`): how many, or other measures."""
        return self._counts(Counts(per=check_period(unit)))

    def by(self, *properties: str) -> CountsAnswer:
        """By these properties, `type`, `stream` or fields of the payload: how many, or other measures."""
        return self._counts(Counts(by=properties))

    def funnel(
        self, steps: Sequence[str], *, by: str = "stream", split: str | None = None, within: Duration | None = None
    ) -> FunnelAnswer:
        """How many actors did each step after the one before.

        Args:
            steps: event types, in order.
            by: what an actor is: `stream` or a field of the payload.
            split: a property of the first step's event; one funnel for each of its values.
            within: how long after the first step the last may be: `"7d"`, a timedelta, or seconds. Of an actor who
                starts several times, the start that leads furthest counts.
        """
        if isinstance(steps, str):
            raise InvalidInputError(f"a funnel needs a list of steps, not {steps!r}")
        seconds = None if within is None else to_seconds("within", within)
        question = Funnel(tuple(steps), by, split, seconds)
        return FunnelAnswer(self._link, self._questions, self._query, question)

    def retention(self, *, by: str = "stream", period: Period = "month") -> RetentionAnswer:
        """Who comes back: actors by the period of their first event, and how many are there again in later ones.

        Args:
            by: what an actor is: `stream` or a field of the payload.
            period: minute, hour, day, week, month, quarter or year (UTC).
        """
        return RetentionAnswer(self._link, self._questions, self._query, Retention(by, check_period(period)))

    def paths(self, *, by: str = "stream") -> PathsAnswer:
        """What follows what: how often an actor's event of one type is followed at once by one of another.

        Args:
            by: what an actor is: `stream` or a field of the payload.
        """
        return PathsAnswer(self._link, self._questions, self._query, Paths(by))

    def sessions(self, *, by: str = "stream", gap: Duration = "30m") -> SessionsAnswer:
        """Visits: an actor's events without a longer pause.

        Args:
            by: what an actor is: `stream` or a field of the payload.
            gap: the longest pause within a visit: `"30m"`, a timedelta, or seconds.
        """
        return SessionsAnswer(self._link, self._questions, self._query, Sessions(by, to_seconds("gap", gap)))

    @override
    def _measure(self, *measures: Measure) -> CountsAnswer:
        return self._counts(Counts(measures=measures))

    def _counts(self, question: Counts) -> CountsAnswer:
        return CountsAnswer(self._link, self._questions, self._query, question)

    @override
    def __repr__(self) -> str:
        return f"<Query of {words(self._query)}: .frame(), .count(), .per(…), .by(…), .funnel(…), …>"

    @override
    def _sheet(self) -> Sheet:
        asking = ".per(…), .by(…), .sum(…), .funnel(…), .retention(…), .paths(), .sessions() ask"
        note = f"not fetched yet: .frame(), .count(), .list() fetch; {asking}"
        return Sheet("Query", ("", "value"), [("events", words(self._query))], note)
