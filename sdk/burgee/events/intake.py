"""Many events at once, from frames and files: the part of `acme.events` that takes them in."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from burgee.core.clock import Moment, to_us
from burgee.core.display import Shown
from burgee.core.link import Link
from burgee.core.progress import ProgressBar
from burgee.events.model import Ingested
from burgee.events.protocol import EventService

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

INGEST_ROWS = 10_000
"""Rows of one ingest request, and so of one transaction."""

BAR_ROWS = 20_000
BAR_BYTES = 200_000
"""From this much on a progress bar is worth showing."""


class Intake(Shown):
    """Takes events in by the frame, the file and the stream of CloudEvents."""

    __slots__ = ("_link", "_progress", "_service")

    def __init__(self, link: Link, service: EventService, *, progress: bool) -> None:
        self._link = link
        self._service = service
        self._progress = progress

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

    def ingest_cloudevents(
        self,
        source: "str | Path | Mapping[str, object] | Iterable[Mapping[str, object]]",
        *,
        stream: str = "subject",
        time: Moment | None = None,
        progress: bool | None = None,
    ) -> Ingested:
        """Store CloudEvents 1.0; those that are stored already are left out.

        `id` and `type` stay, `subject` is the stream, `time` becomes `occurred_at`, `data` the payload; `source`,
        `dataschema` and extension attributes go into the metadata. Data that is no JSON object becomes
        `{"data": …}`, binary data `{"data_base64": "…"}`.

        Args:
            source: a file (an event per line, or a JSON array of events; also gzipped), or CloudEvents as dicts.
            stream: the attribute that names the stream.
            time: when events happened that do not say it; without it they are refused.
            progress: a progress bar; by default as `BURGEE_PROGRESS` says.

        Raises:
            InvalidInputError: an event lacks a required attribute, or has one that can't be. Nothing is stored then.
                `UnreadableFileError`, with the line, for a file.
            DuplicateEventError: an id is taken by another event. (CloudEvents are told apart by `source` and `id`
                together, events here by `id`.)
        """
        from burgee.events.cloudevents import Incoming, Reading

        incoming = Incoming(source, Reading(stream, None if time is None else to_us(time)), INGEST_ROWS)
        done = Ingested()
        least = BAR_ROWS if incoming.path is None else BAR_BYTES
        with self._bar(f"import {incoming.name}", incoming.total, progress, least=least) as bar:
            for table in incoming:
                done += self.ingest_canonical(table)
                bar.reach(incoming.reached)
        return done

    def ingest_canonical(self, batch: "pa.Table") -> Ingested:
        """Store a table that has the log's own columns already: `id, stream, type, occurred_at, data, metadata`."""
        return self._link.call(self._service.ingest(batch.to_reader()))

    def _bar(self, what: str, total: int, asked: bool | None, *, least: int = BAR_ROWS) -> ProgressBar:
        shown = (self._progress if asked is None else asked) and total >= least
        return ProgressBar(what, total, shown=shown)
