"""The archive: the log of a tenant as Parquet, for engines and people elsewhere.

    tenant=acme/date=2026-11-24/part-000000000001-000000010000.parquet
    tenant=acme/_manifest.json

Dates are those of `occurred_at`, in UTC. Every file has the columns of the log's source (`LogSource`), each with
one type in all files: a field that comes later is a column that older files lack; where a field's kind
changed, the tenant's files are written anew. What the manifest names is the archive. It is written last, in one
piece, so an archive that was interrupted is the one before; what the interrupted run left is removed by the next.

Fields named like the folders (`tenant`, `date`) are the columns `data_tenant`, `data_date`: whoever reads the files
takes the folders' names for columns.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from burgee.analytics.rows import id_at, newest, typed_rows
from burgee.analytics.source import ARROW, STANDARD, Column, LogSource
from burgee.analytics.storage import Storage, Writer, storage_at
from burgee.core.errors import WorkspaceError
from burgee.core.json import dumps, loads

MANIFEST = "_manifest.json"

ROWS_AT_ONCE = 500_000
"""The most rows of one file, and of what is in memory at a time."""

SMALL = 50_000
"""Files of a date with fewer rows are made into one, once there are `MANY` of them."""

MANY = 8

_FORMAT = 1
_FOLDERS = ("tenant", "date")


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of the log's source, and what it is called in the files."""

    column: Column
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its name below the archive's place, its rows, and their first and last position."""

    name: str
    date: str
    rows: int
    first: int
    last: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive of a tenant holds."""

    tenant: str
    columns: tuple[Stored, ...] = ()
    parts: tuple[Part, ...] = ()
    last: int = 0
    last_id: str = ""
    epoch: int = 0
    generation: int = 0

    @property
    def rows(self) -> int:
        """How many events it holds."""
        return sum(part.rows for part in self.parts)

    @property
    def schema(self) -> pa.Schema:
        """The columns of its files."""
        return pa.schema([*STANDARD, *(pa.field(each.name, ARROW[each.column.kind]) for each in self.columns)])


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """An archive of a tenant, as it is told: where it lies, its events, the last position, and its files."""

    place: str
    tenant: str
    events: int
    last: int
    parts: tuple[Part, ...]


class Archive:
    """The archives of a workspace's tenants, in a folder or on S3."""

    def __init__(self, place: str | Path) -> None:
        self.place = str(place)
        """The folder, or the URL."""

    @cached_property
    def _storage(self) -> Storage:
        return storage_at(self.place)  # when it is used: S3 needs a library

    def state(self, manifest: Manifest) -> ArchiveState:
        """A manifest, as it is told."""
        parts = tuple(sorted(manifest.parts, key=lambda part: (part.date, part.first)))
        return ArchiveState(self._storage.place, manifest.tenant, manifest.rows, manifest.last, parts)

    def paths(self, manifest: Manifest) -> list[str]:
        """Where its files are, for a reader."""
        return [self._storage.path(part.name) for part in manifest.parts]

    def manifest(self, tenant: str) -> Manifest:
        """What it holds of a tenant now."""
        text = self._storage.read(f"{_folder(tenant)}/{MANIFEST}")
        return Manifest(tenant) if text is None else _read(tenant, text, self.place)

    def refresh(self, source: LogSource) -> Manifest:
        """Bring the tenant's archive to where its log is; what is in it already stays as it is."""
        now = newest(source)
        found = self.manifest(source.tenant)
        if _is_current(found, source, now):
            return found
        with self._storage.writing(_folder(source.tenant)) as writer:
            there = self.manifest(source.tenant)
            if there.generation != found.generation and there.last >= now[0] and _fits(there, source):
                return there  # another writer did the work meanwhile
            self._remove_leftovers(writer, there)
            return self._write(writer, source, there)

    def holds(self, tenant: str) -> bool:
        """Whether anything of the tenant is there."""
        return any(name.endswith(".parquet") for name in self._storage.names(_folder(tenant)))

    def replace(self, source: LogSource, told: Callable[[int], None] = lambda _: None) -> Manifest:
        """Write all of it anew, whatever there was; `told` hears how many rows are written."""
        with self._storage.writing(_folder(source.tenant)) as writer:
            there = self.manifest(source.tenant)
            self._remove_leftovers(writer, there)
            return self._write(writer, source, there, anew=True, told=told)

    def _write(
        self,
        writer: Writer,
        source: LogSource,
        there: Manifest,
        *,
        anew: bool = False,
        told: Callable[[int], None] = lambda _: None,
    ) -> Manifest:
        begun = Manifest(source.tenant, generation=there.generation) if anew or not _goes_on(there, source) else there
        columns = _stored(begun.columns, source)
        made = replace(begun, columns=columns, epoch=source.epoch, generation=there.generation + 1)
        mark = "" if begun is there else f"-{made.generation}"  # no file of the same name is one of before
        for rows in _gathered(typed_rows(source, after=begun.last)):
            made = self._add(writer, made, _as_stored(rows, made), mark, told)
        old = {part.name for part in (*there.parts, *made.parts)}
        made = self._compact(writer, made)
        writer.write(f"{_folder(source.tenant)}/{MANIFEST}", _written(made))
        writer.delete(sorted(old - {part.name for part in made.parts}))
        return made

    def _add(self, writer: Writer, made: Manifest, rows: pa.Table, mark: str, told: Callable[[int], None]) -> Manifest:
        """Write rows, a file for each date among them."""
        days = pc.floor_temporal(rows["occurred_at"], unit="day").cast(pa.date32())
        keys = pa.table({"day": days, "position": rows["position"]})
        order = pc.sort_indices(keys, [("day", "ascending"), ("position", "ascending")])
        sorted_rows = rows.take(order)
        parts, start = [], 0
        for day in pc.value_counts(days.take(order)):  # in the order of appearance, which is that of the days
            count = day["counts"].as_py()
            parts.append(self._put(writer, made, day["values"].as_py(), sorted_rows.slice(start, count), mark))
            start += count
            told(made.rows + start)
        last, last_id = rows["position"][-1].as_py(), rows["id"][-1].as_py()
        return replace(made, parts=(*made.parts, *parts), last=last, last_id=last_id)

    def _put(self, writer: Writer, made: Manifest, day: date, rows: pa.Table, mark: str) -> Part:
        first, last = rows["position"][0].as_py(), rows["position"][-1].as_py()
        name = f"{_folder(made.tenant)}/date={day.isoformat()}/part-{first:012d}-{last:012d}{mark}.parquet"
        file = io.BytesIO()
        pq.write_table(rows, file, compression="zstd")
        data = file.getvalue()
        writer.write(name, data)
        return Part(name, day.isoformat(), len(rows), first, last, len(data))

    def _compact(self, writer: Writer, made: Manifest) -> Manifest:
        """Make one file of a date's small ones, where there are many: every question may bring one more."""
        small: dict[str, list[Part]] = {}
        for part in made.parts:
            if part.rows < SMALL:
                small.setdefault(part.date, []).append(part)
        for day, parts in small.items():
            if len(parts) < MANY:
                continue
            files = [pq.read_table(io.BytesIO(self._storage.read(part.name) or b"")) for part in parts]
            rows = pa.concat_tables([_widened(file, made.schema) for file in files]).sort_by("position")
            merged = self._put(writer, made, date.fromisoformat(day), rows, f"-{made.generation}")
            made = replace(made, parts=(*(part for part in made.parts if part not in parts), merged))
        return made

    def _remove_leftovers(self, writer: Writer, there: Manifest) -> None:
        """Remove what a writer left that was killed, before any reader takes it for a part of the archive."""
        known = {part.name for part in there.parts}
        found = (name for name in self._storage.names(_folder(there.tenant)) if name.count("/") > 1)
        writer.delete([name for name in found if name not in known])


def _folder(tenant: str) -> str:
    return f"tenant={tenant}"


def _fits(there: Manifest, source: LogSource) -> bool:
    """Whether its files can stay: every column is what it was, and nobody was forgotten since."""
    return there.epoch == source.epoch and {each.column for each in there.columns} <= set(
        source.columns.fields.values()
    )


def _is_current(there: Manifest, source: LogSource, now: tuple[int, str]) -> bool:
    return (there.last, there.last_id) == now and _fits(there, source)


def _goes_on(there: Manifest, source: LogSource) -> bool:
    """Whether the log is the one that was archived, some events longer."""
    return _fits(there, source) and (there.last == 0 or id_at(source, there.last) == there.last_id)


def _gathered(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables that are neither small nor too big."""
    held: list[pa.Table] = []
    for table in tables:
        for start in range(0, len(table), ROWS_AT_ONCE):
            held.append(table.slice(start, ROWS_AT_ONCE))
            if sum(map(len, held)) >= ROWS_AT_ONCE:
                yield pa.concat_tables(held)
                held = []
    if held:
        yield pa.concat_tables(held)


def _stored(known: tuple[Stored, ...], source: LogSource) -> tuple[Stored, ...]:
    """The source's columns: those that are known as they are called already, new ones behind them."""
    columns = list(known)
    taken = {*STANDARD.names, *_FOLDERS, *(each.name.lower() for each in known)}
    for column in source.columns.fields.values():
        if any(each.column == column for each in known):
            continue
        name = column.name
        while name.lower() in taken:
            name = f"data_{name}"
        taken.add(name.lower())
        columns.append(Stored(column, name))
    return tuple(columns)


def _as_stored(rows: pa.Table, made: Manifest) -> pa.Table:
    columns = [rows[name] for name in STANDARD.names] + [rows[each.column.name] for each in made.columns]
    return pa.table(columns, schema=made.schema)


def _widened(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """A file's rows with the columns that came later."""
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(len(rows), field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def _written(manifest: Manifest) -> bytes:
    value = {
        "format": _FORMAT,
        "tenant": manifest.tenant,
        "generation": manifest.generation,
        "epoch": manifest.epoch,
        "last": manifest.last,
        "last_id": manifest.last_id,
        "columns": [asdict(column) for column in manifest.columns],
        "parts": [asdict(part) for part in manifest.parts],
    }
    return dumps(value, what="archive's manifest").encode()


def _read(tenant: str, text: bytes, place: str) -> Manifest:
    try:
        value: Any = loads(text)
        known = value["format"] == _FORMAT
        columns = tuple(Stored(Column(**each["column"]), each["name"]) for each in value["columns"])
        parts = tuple(Part(**part) for part in value["parts"])
        numbers = {name: value[name] for name in ("last", "last_id", "epoch", "generation")}
        if known:
            return Manifest(tenant, columns, parts, **numbers)
    except (ValueError, TypeError, KeyError):
        pass
    hint = f"remove the folder tenant={tenant} there: it is written anew; or install a newer burgee"
    raise WorkspaceError(f"the archive {place!r} has a manifest this burgee can't read", hint=hint)
