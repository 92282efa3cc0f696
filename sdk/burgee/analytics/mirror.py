"""The mirror: the log of each tenant as Parquet with typed columns, kept up as the log grows.

It is a cache. What has been looked at lies in parts on disk and, until there is enough for a part, in memory;
each question first reads what was committed since. Whatever is lost or doubtful (a file gone, another
database behind the same folder, a key of personal fields destroyed) is made anew from the log.

One process at a time writes; the others read what is whole on disk and keep the rest in memory. The database
is only ever read through its own connections: a second library at its file would drop SQLite's locks.
"""

import logging
import os
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import override
from urllib.parse import quote

import pyarrow as pa
from sqlalchemy import select

from burgee.analytics.layout import Facts, Kind, Seen, is_conflict, kind_of, merged_facts, merged_fields, named, words
from burgee.analytics.mirror_files import Manifest, MirrorFolder, Stamp
from burgee.analytics.mirror_rows import Rows, is_slow, read_part, typed_rows
from burgee.analytics.source import Column, Columns, Logs, LogSource, Part
from burgee.store import subjects
from burgee.store.database import Database
from burgee.store.log import OWN
from burgee.store.query import RAW, EventQuery, read_batches
from burgee.store.schema import events

PART_ROWS = 250_000
"""Rows of a part where there are as many to write."""

WRITE_ROWS = 25_000
"""So many rows are kept in memory before they are written: repeated questions write no tiny files."""

_SMALL_ROWS = 100_000
_SMALL_PARTS = 8  # so many small parts become one
_ALONE_ROWS = 200_000  # behind by more than this, a process waits for the one that writes
_STALLED = 30.0  # seconds without progress of the one that writes
_RETRY = 60.0  # seconds until a folder that could not be written is tried again
_TENANTS = 64  # of so many the newest rows are kept in memory

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of one log: all events up to the position `last`, whose id is `anchor`."""

    manifest: Manifest = field(default_factory=Manifest)
    stamp: Stamp = None
    last: int = 0
    anchor: str = ""
    names: dict[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    seen: dict[str, frozenset[Seen]] = field(default_factory=dict)
    tail: Rows = field(default_factory=Rows)

    @classmethod
    def of(cls, manifest: Manifest, stamp: Stamp) -> "_State":
        """What is on disk, and nothing newer."""
        seen = merged_fields(of.fields for of in manifest.facts.values())
        names = named(sorted(seen), manifest.names)
        return cls(manifest, stamp, manifest.last, manifest.anchor, names, manifest.facts, seen)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each column holds, by the columns' names."""
        return {self.names[name]: kind_of(seen) for name, seen in self.seen.items()}

    def grown(self, raw: pa.Table) -> "_State":
        """With the rows that follow."""
        rows, facts, seen, names = typed_rows(raw, self.seen, self.names, self.facts)
        grown = replace(
            self,
            last=raw["position"][-1].as_py(),
            anchor=raw["id"][-1].as_py(),
            names=names,
            facts=merged_facts(self.facts, facts),
            seen=seen,
        )
        return replace(grown, tail=self.tail.plus(rows, grown.kinds, names))


class Mirror(Logs):
    """The logs of a workspace as sources. Without a folder all of it is in memory."""

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._folder = folder
        self._lock = threading.Lock()
        self._tenants: OrderedDict[str, _TenantMirror] = OrderedDict()
        _mirrors.add(self)

    @override
    def source(self, tenant: str, *, own: bool = False) -> LogSource:
        """The log as it is now, with every event committed before this call."""
        return self._tenant(tenant).source(own=own)

    @override
    def renew(self, tenant: str) -> None:
        """Read all of the tenant's log again when it is next asked for."""
        self._tenant(tenant).renew()

    def _tenant(self, tenant: str) -> "_TenantMirror":
        with self._lock:
            if tenant not in self._tenants:
                folder = None if self._folder is None else MirrorFolder(self._folder / quote(tenant, safe=""))
                self._tenants[tenant] = _TenantMirror(self._database, tenant, folder)
            self._tenants.move_to_end(tenant)
            while len(self._tenants) > _TENANTS:
                self._tenants.popitem(last=False)
            return self._tenants[tenant]

    def _forget(self) -> None:
        """In a forked child locks may be held by threads that are not there."""
        self._lock = threading.Lock()
        self._tenants = OrderedDict()


class _TenantMirror:
    """The log of one tenant."""

    def __init__(self, database: Database, tenant: str, folder: MirrorFolder | None) -> None:
        self._database = database
        self._tenant = tenant
        self._folder = folder
        self._lock = threading.Lock()
        self._state = _State()
        self._made: tuple[_State, LogSource] | None = None
        self._retry_at = 0.0
        self._warned = False

    def source(self, *, own: bool) -> LogSource:
        with self._lock:
            head = self._advance()
            state = self._state
            if own:
                return self._with_own(state, head)
            if self._made is None or self._made[0] is not state:
                self._made = (state, _source(self._tenant, state))
            return self._made[1]

    def renew(self) -> None:
        with self._lock:
            self._reset()

    def _advance(self) -> int:
        """Look at everything that is committed now; gives the position of the last event."""
        self._reload()
        waited_since, waited_at = time.monotonic(), self._state.last
        while True:
            head, anchor = self._look()
            if self._folder is None or head - self._state.last <= _ALONE_ROWS or time.monotonic() < self._retry_at:
                self._read(head, anchor, writing=False)
                return head
            try:
                with self._folder.locked() as writing:
                    if writing:
                        self._reload()
                        self._read(head, anchor, writing=True)
                        return head
            except OSError as error:
                self._trouble(error)
                continue
            self._reload()
            if self._state.last != waited_at:
                waited_since, waited_at = time.monotonic(), self._state.last
            if time.monotonic() - waited_since > _STALLED:
                self._read(head, anchor, writing=False)
                return head
            time.sleep(0.02)

    def _reload(self) -> None:
        """Take what is on disk, if another process has changed it."""
        if self._folder is None:
            return
        stamp = self._folder.stamp()
        if stamp != self._state.stamp or not self._folder.is_whole(self._state.manifest):
            self._state = _State.of(self._folder.load(), stamp)

    def _look(self) -> tuple[int, str]:
        """Position and id of the last event; what is known is dropped if it is of another log than this."""
        c = events.c
        mine = select(c.position, c.id).where(c.tenant == self._tenant)
        with self._database.read(self._tenant) as connection:
            head = connection.execute(mine.order_by(c.position.desc()).limit(1)).first()
            anchor = connection.execute(mine.where(c.position == self._state.last)).first()
            epoch = subjects.epoch(connection, self._tenant)
        log = self._database.log_id
        known = self._state
        same = (known.manifest.log, known.manifest.epoch) == (log, epoch)
        if known.last and not (same and anchor is not None and anchor.id == known.anchor):
            self._reset()
        if not self._state.last:
            self._state = replace(self._state, manifest=replace(self._state.manifest, log=log, epoch=epoch))
        return (0, "") if head is None else (head.position, head.id)

    def _reset(self) -> None:
        """Drop what is known. What lies on disk goes at once: it may hold what was forgotten since."""
        self._made = None
        self._state = _State(stamp=None if self._folder is None else self._folder.stamp())
        if self._folder is None or self._state.stamp is None:
            return
        try:
            with self._folder.locked() as writing:
                if writing:
                    self._folder.publish(Manifest())
                    self._state = _State(stamp=self._folder.stamp())
        except OSError as error:
            self._trouble(error)

    def _read(self, head: int, anchor: str, *, writing: bool) -> None:
        """Look at what follows, up to the event at the position `head`."""
        if head <= self._state.last:
            return
        before = self._state.seen
        query = EventQuery(after=self._state.last, upto=head)
        for batch in read_batches(self._database, self._tenant, query):
            self._state = self._state.grown(pa.Table.from_batches([batch]))
            if len(self._state.tail) >= PART_ROWS:
                self._flush(writing=writing)
        self._state = replace(self._state, last=head, anchor=anchor)  # the last ones may be burgee's own
        if len(self._state.tail) >= WRITE_ROWS:
            self._flush(writing=writing)
        self._tell_conflicts(before)

    def _flush(self, *, writing: bool) -> None:
        """Write the tail as a part, if this process may."""
        if self._folder is None or time.monotonic() < self._retry_at:
            return
        try:
            if writing:
                self._write(self._folder)
                return
            with self._folder.locked() as granted:
                if granted and self._folder.stamp() == self._state.stamp:
                    self._write(self._folder)
        except OSError as error:  # the disk is full, or not ours to write: the rows stay in memory
            self._trouble(error)

    def _write(self, folder: MirrorFolder) -> None:
        state = self._state
        table, kinds = state.tail.dense()
        parts = (*state.manifest.parts, folder.write(table, kinds))
        parts, replaced = _settled(folder, parts, state)
        retired = (*state.manifest.retired, *((part.path.name, time.time()) for part in replaced))
        manifest = replace(
            state.manifest,
            last=state.last,
            anchor=state.anchor,
            parts=parts,
            names=state.names,
            facts=state.facts,
            retired=retired,
        )
        folder.publish(manifest)
        self._state = replace(state, manifest=manifest, stamp=folder.stamp(), tail=Rows())

    def _with_own(self, state: _State, head: int) -> LogSource:
        """With what burgee itself records, which is little and kept nowhere else."""
        c = events.c
        own = select(*(c[name] for name in RAW.names)).where(
            c.tenant == self._tenant, c.stream >= OWN, c.stream < chr(ord(OWN) + 1), c.position <= head
        )
        with self._database.read(self._tenant) as connection:
            rows = connection.execute(own.order_by(c.position)).all()
        if not rows:
            return replace(_source(self._tenant, state), own=True)
        columns = [pa.array(column, of.type) for column, of in zip(zip(*rows, strict=True), RAW, strict=True)]
        return replace(_source(self._tenant, state.grown(pa.Table.from_arrays(columns, schema=RAW))), own=True)

    def _trouble(self, error: OSError) -> None:
        self._retry_at = time.monotonic() + _RETRY
        if not self._warned:
            self._warned = True
            why = error.strerror or error
            _log.warning("the mirror of %r can't be written (%s): its questions read the log itself", self._tenant, why)

    def _tell_conflicts(self, before: dict[str, frozenset[Seen]]) -> None:
        for name, seen in self._state.seen.items():
            if is_conflict(seen) and not is_conflict(before.get(name, frozenset())):
                _log.warning("field %r of %r is %s: its column holds text", name, self._tenant, words(seen))


def _source(tenant: str, state: _State) -> LogSource:
    columns = {name: Column(name, state.names[name], kind_of(seen)) for name, seen in sorted(state.seen.items())}
    tail = state.tail.whole(state.kinds)
    parts, epoch = state.manifest.parts, state.manifest.epoch
    return LogSource(tenant, Columns(columns), frozenset(state.facts), parts, tail, state.facts, epoch)


def _settled(folder: MirrorFolder, parts: tuple[Part, ...], state: _State) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """The parts, with small ones at the end joined and some that are slow to read rewritten; and those replaced."""
    small = list(takewhile(lambda part: part.rows < _SMALL_ROWS, reversed(parts)))
    if len(small) >= _SMALL_PARTS:
        kept, rest = parts[: -len(small)], parts[-len(small) :]
        rows = Rows()
        for part in rest:
            table, kinds = read_part(part, state.seen, state.names)
            rows = Rows((*rows.runs, table), {**rows.kinds, **kinds})
        return (*kept, folder.write(*rows.dense())), rest
    slow = [part for part in parts if is_slow(part, state.kinds)][:_SMALL_PARTS]
    again = {part.path: folder.write(*read_part(part, state.seen, state.names)) for part in slow}
    return tuple(again.get(part.path, part) for part in parts), tuple(slow)


_mirrors: weakref.WeakSet[Mirror] = weakref.WeakSet()


def _after_fork() -> None:
    for mirror in list(_mirrors):
        mirror._forget()  # noqa: SLF001 - the module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
