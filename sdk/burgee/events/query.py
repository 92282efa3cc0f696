"""Choosing events and asking about them: the fluent `Query`, and answers that are asked when they are taken."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.core.listing import Listing
from burgee.core.page import Page
from burgee.core.periods import Period, check_period
from burgee.core.progress import ProgressBar
from burgee.events.model import Counts, EventQuery, Funnel, Question, StoredEvent
from burgee.events.protocol import EventService

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from burgee.notebook.figures import Plot


_BAR_ROWS = 20_000  # from this much on a progress bar is worth showing


class EventList(Listing[StoredEvent]):
    """Events in the order of the log."""

    __slots__ = ()
    columns = ("position", "stream", "version", "id", "type", "data", "metadata", "occurred_at", "recorded_at")

    @override
    def __iter__(self) -> Iterator[StoredEvent]:
        return super().__iter__()

    @override
    def _row(self, item: StoredEvent) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}


class Answer(Shown):
    """A question about events, not asked yet: `frame()` or `arrow()` asks it, where the data is."""

    __slots__ = ("_link", "_query", "_question", "_service")

    def __init__(self, link: Link, service: EventService, query: EventQuery, question: Question) -> None:
        self._link = link
        self._service = service
        self._query = query
        self._question = question

    def arrow(self) -> "pa.Table":
        """The answer as an Arrow table."""
        return self._link.call(self._service.ask(self._query, self._question)).read_all()

    def frame(self) -> "pd.DataFrame":
        """The answer as a frame."""
        from burgee.core.frames import to_pandas

        return to_pandas(self.arrow())

    def plot(self) -> "Plot":
        """The answer as a plot. A matplotlib figure."""
        figure: Plot = view("plots").answer(self._question, self.frame())
        return figure

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_words(self._question)} of {_words(self._query)}: .frame() answers>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("question", _words(self._question)), ("events", _words(self._query))]
        return Sheet(type(self).__name__, ("", "value"), rows, "not asked yet: .frame(), .arrow() or .plot() ask")


class CountsAnswer(Answer):
    """How many events. Frame: `time` (the period's start; with `per`), the properties, `count`."""

    __slots__ = ()
    _question: Counts

    def per(self, unit: Period) -> "CountsAnswer":
        """By period too: minute, hour, day, week, month, quarter or year (UTC)."""
        return CountsAnswer(self._link, self._service, self._query, replace(self._question, per=check_period(unit)))

    def by(self, *properties: str) -> "CountsAnswer":
        """By these properties too: `type`, `stream` or fields of the payload."""
        by = (*self._question.by, *properties)
        return CountsAnswer(self._link, self._service, self._query, replace(self._question, by=by))


class FunnelAnswer(Answer):
    """A funnel. Frame: `step, count, conversion, step_conversion, median_seconds` (with `split`: that column first)."""

    __slots__ = ()
    _question: Funnel


class Query(Shown):
    """Some of a tenant's events, not fetched yet. Immutable: each verb returns a new query."""

    __slots__ = ("_link", "_progress", "_query", "_service")

    def __init__(self, link: Link, service: EventService, query: EventQuery, *, progress: bool = False) -> None:
        self._link = link
        self._service = service
        self._query = query
        self._progress = progress

    def frame(self) -> "pd.DataFrame":
        """The events as a frame.

        Columns: `position, stream, version, id, type, occurred_at, recorded_at`, then the payload's fields
        (one named like a column before it becomes `data_<name>`), then `metadata`.
        """
        from burgee.core.frames import to_pandas

        return to_pandas(self.arrow())

    def arrow(self) -> "pa.Table":
        """The same as `frame()`, as an Arrow table."""
        from burgee.analytics.payload import expand

        return expand(self._link.call(self._service.table(self._query)).read_all())

    def count(self) -> int:
        """How many there are."""
        return self._link.call(self._service.count(self._query))

    def list(self) -> EventList:
        """The events one by one, in the order of the log, fetched a page at a time."""

        def ask(after: str | None) -> Page[StoredEvent]:
            query = self._query if after is None else replace(self._query, after=int(after))
            return self._link.call(self._service.read(query))

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

    def per(self, unit: Period) -> CountsAnswer:
        """How many per minute, hour, day, week, month, quarter or year (UTC, by `occurred_at`)."""
        return CountsAnswer(self._link, self._service, self._query, Counts(per=check_period(unit)))

    def by(self, *properties: str) -> CountsAnswer:
        """How many by these properties: `type`, `stream` or fields of the payload."""
        return CountsAnswer(self._link, self._service, self._query, Counts(by=properties))

    def funnel(self, steps: Sequence[str], *, by: str = "stream", split: str | None = None) -> FunnelAnswer:
        """How many actors did each step after the one before.

        Args:
            steps: event types, in order.
            by: what an actor is: `stream` or a field of the payload.
            split: a field of the first step's payload; one funnel for each of its values.
        """
        if isinstance(steps, str):
            raise InvalidInputError(f"a funnel needs a list of steps, not {steps!r}")
        return FunnelAnswer(self._link, self._service, self._query, Funnel(tuple(steps), by, split))

    @override
    def __repr__(self) -> str:
        return f"<Query of {_words(self._query)}: .frame(), .count(), .per(…), .by(…), .funnel(…)>"

    @override
    def _sheet(self) -> Sheet:
        note = "not fetched yet: .frame(), .count(), .list() fetch; .per(…), .by(…), .funnel(…) ask"
        return Sheet("Query", ("", "value"), [("events", _words(self._query))], note)


def _words(value: EventQuery | Question) -> str:
    """What was asked for, shortly."""
    given = []
    for name in value.__slots__:
        part = getattr(value, name)
        if (part or part == 0) and part is not False and name != "kind":
            given.append(f"{name} {', '.join(map(str, part)) if isinstance(part, tuple) else part}")
    return "; ".join(given) or ("all events" if isinstance(value, EventQuery) else "how many")
