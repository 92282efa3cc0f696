"""Flags and segments as they are kept: aggregates in the tenant's log, read one by one or together in a transaction."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from burgee.core.clock import Clock, from_us, to_us
from burgee.core.errors import InvalidInputError
from burgee.core.result import Err, Ok, Result
from burgee.flags.applications.following import FlagsChanged
from burgee.flags.changing import changes, segments
from burgee.flags.evaluation.rulesets import segments_named, segments_of
from burgee.flags.model import FlagState, Ruleset, Segment
from burgee.flags.together import Others
from burgee.store.aggregates import Aggregates, Versioned
from burgee.store.log import OWN
from burgee.store.query import last_in, touched


class Stored:
    """The flags and segments of all tenants. Every method is asked within a transaction of one."""

    def __init__(self, clock: Clock) -> None:
        self.flags = Aggregates("flag", changes.STATE, changes.evolve, clock)
        self.segments = Aggregates("segment", segments.SEGMENT, segments.evolve, clock)

    def ruleset(self, connection: Connection, tenant: str) -> Ruleset:
        """All flags and segments as they are now."""
        position = last_in(connection, tenant)
        flags = {flag.key: flag for flag in self.flags.page(connection, tenant)}
        return Ruleset(flags, self._segments(connection, tenant), position)

    def changed(self, connection: Connection, tenant: str, after: int) -> FlagsChanged:
        """What changed behind a position, as it is now."""
        flags, segments = (f"{OWN}{kept.kind}" for kept in (self.flags, self.segments))
        found, position = touched(connection, tenant, (flags, segments), after)
        changed = [self.flags.get(connection, tenant, key) for key in found[flags]]
        kept = {key: self.segments.get(connection, tenant, key) for key in found[segments]}
        there = tuple(one for one in kept.values() if one is not None and not one.archived)
        gone = tuple(key for key, one in kept.items() if one is None or one.archived)
        return FlagsChanged(position, tuple(one for one in changed if one is not None), there, gone)

    def ruleset_at(self, connection: Connection, tenant: str, time: datetime) -> Ruleset:
        """All flags and segments as they were at a time; the position is that of the last change among them."""
        flags = list(_all_at(self.flags, connection, tenant, time))
        kept = list(_all_at(self.segments, connection, tenant, time))
        position = max((position for position, _ in [*flags, *kept]), default=0)
        return Ruleset(
            {flag.key: flag for _, flag in flags},
            {segment.key: segment for _, segment in kept if not segment.archived},
            position,
        )

    def versions(self, connection: Connection, tenant: str) -> Iterator[list[tuple[datetime, FlagState]]]:
        """All versions of each flag, oldest first, each with when it came to it."""
        for key in self.flags.ids(connection, tenant):
            yield [(event.recorded_at, state) for event, state in self.flags.replay(connection, tenant, key)]

    def around(self, connection: Connection, tenant: str, state: FlagState) -> Ruleset:
        """What a flag needs to be evaluated: the flags it requires and the segments they name, and so on."""
        flags: dict[str, FlagState] = {}
        found: dict[str, Segment] = {}
        names = set(segments_named(state))
        wanted = [one.flag for one in state.prerequisites]
        while wanted:
            key = wanted.pop()
            flag = None if key in flags else self.flags.get(connection, tenant, key)
            if flag is not None:
                flags[key] = flag
                names |= segments_named(flag)
                wanted += [one.flag for one in flag.prerequisites]
        while names:
            key = names.pop()
            segment = None if key in found else self.segments.get(connection, tenant, key)
            if segment is not None and not segment.archived:
                found[key] = segment
                names |= set(segments_of(segment.clauses))
        return Ruleset(flags, found)

    def others(self, connection: Connection, tenant: str) -> Others:
        """The flags and segments of a tenant, read when they are needed first."""
        return Others(
            lambda: {flag.key: flag for flag in self.flags.page(connection, tenant)},
            lambda: self._segments(connection, tenant),
        )

    def _segments(self, connection: Connection, tenant: str) -> dict[str, Segment]:
        return {one.key: one for one in self.segments.page(connection, tenant) if not one.archived}


def version_of[S: Versioned](
    aggregates: Aggregates[S], connection: Connection, tenant: str, key: str, version: int
) -> S | None:
    """One version of an aggregate, if there is it."""
    states = aggregates.replay(connection, tenant, key, upto=version)
    return next((state for event, state in states if event.version == version), None)


def state_at[S: Versioned](
    aggregates: Aggregates[S],
    connection: Connection,
    tenant: str,
    key: str,
    now: S,
    time: datetime | None,
    version: int | None,
) -> Result[S, InvalidInputError]:
    """An aggregate as it was at a time, or at a version."""
    kind = aggregates.kind
    if (time is None) == (version is None):
        return Err(InvalidInputError("give a time or a version, one of the two"))
    if version is not None:
        state = version_of(aggregates, connection, tenant, key, version)
        hint = f"its versions are 1 to {now.version}"
        if state is None:
            return Err(InvalidInputError(f"{kind} {key!r} has no version {version}", hint=hint))
        return Ok(state)
    until = to_us(time)
    last: S | None = None
    created: datetime | None = None
    for event, state in aggregates.replay(connection, tenant, key):
        created = created or event.recorded_at
        if to_us(event.recorded_at) <= until:
            last = state
    if last is None:
        hint = f"it was created at {created}"
        return Err(InvalidInputError(f"{kind} {key!r} did not exist at {from_us(until)}", hint=hint))
    return Ok(last)


def _all_at[S: Versioned](
    aggregates: Aggregates[S], connection: Connection, tenant: str, time: datetime
) -> Iterator[tuple[int, S]]:
    """Each aggregate that existed at a time, as it was then, with the position of its last event."""
    until = to_us(time)
    for key in aggregates.ids(connection, tenant):
        last: tuple[int, S] | None = None
        for event, state in aggregates.replay(connection, tenant, key):
            if to_us(event.recorded_at) > until:
                break
            last = event.position, state
        if last is not None:
            yield last
