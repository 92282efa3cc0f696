"""Changes of a segment: what may be asked, what a change does, and what a stored change means.

It goes as with flags (`asks`, `changes`). An event of ids holds only those that came or went, since there may be
hundreds of thousands.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from burgee.core.errors import ConflictError, InvalidInputError
from burgee.core.json import Json, loads_object
from burgee.core.result import Err, Ok, Result
from burgee.flags.changing.asks import Revert, SetArchived, SetDescription, check_description
from burgee.flags.changing.checks import check_ids
from burgee.flags.changing.groups import check_clauses
from burgee.flags.model import Clause, Segment, SegmentChange
from burgee.store.log import NewEvent, StoredEvent

SEGMENT: TypeAdapter[Segment] = TypeAdapter(Segment)

MOST_IDS = 1_000_000
"""In a segment."""

_IDS_TOLD = 100
_IDS_SHOWN = 3
_LISTS = ("ids", "without")
_NOT_CHANGED_BY_REVERT = {"key", "version", "created_at", "updated_at"}


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A new segment: users told by ids, by clauses, or both; never those in `without`."""

    clauses: tuple[Clause, ...] = ()
    ids: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        check_clauses(self.clauses)
        both = _checked(self.ids) & _checked(self.without)
        if both:
            raise InvalidInputError(f"{min(both)!r} is both among the ids of the segment and among those kept out")
        check_description(self.description)


@dataclass(frozen=True, slots=True)
class SetClauses:
    """Give the clauses anew: whoever meets all of them is in. With none, only ids tell."""

    clauses: tuple[Clause, ...]
    kind: Literal["where"] = "where"

    def __post_init__(self) -> None:
        check_clauses(self.clauses)


@dataclass(frozen=True, slots=True)
class AddIds:
    """Let these in by name; who was kept out by name is so no longer."""

    ids: tuple[str, ...]
    kind: Literal["add"] = "add"

    def __post_init__(self) -> None:
        _checked(self.ids)


@dataclass(frozen=True, slots=True)
class RemoveIds:
    """Name these no longer, neither as in nor as out."""

    ids: tuple[str, ...]
    kind: Literal["remove"] = "remove"

    def __post_init__(self) -> None:
        _checked(self.ids)


@dataclass(frozen=True, slots=True)
class ExcludeIds:
    """Keep these out by name, whatever the clauses say."""

    ids: tuple[str, ...]
    kind: Literal["exclude"] = "exclude"

    def __post_init__(self) -> None:
        _checked(self.ids)


type Change = Annotated[
    SetClauses | AddIds | RemoveIds | ExcludeIds | SetDescription | SetArchived | Revert, Field(discriminator="kind")
]


def created(key: str, spec: SegmentSpec) -> NewEvent:
    """The event that makes a segment."""
    clauses = check_clauses(spec.clauses)
    state = Segment(key, clauses, frozenset(spec.ids), frozenset(spec.without), spec.description)
    return NewEvent("segment.created", {"key": key, **_difference(Segment(key), state)})


def decide(
    change: Change, state: Segment, earlier: Segment | None = None
) -> Result[NewEvent | None, InvalidInputError | ConflictError]:
    """The event a change makes of this state, or none if the segment is so already. `earlier` is what to revert to."""
    if state.archived and not isinstance(change, SetArchived | Revert):
        hint = "take it out of the archive first: segment.restore()"
        return Err(ConflictError(f"segment {state.key!r} is archived", hint=hint))
    try:
        after = _after(change, state, earlier)
    except InvalidInputError as error:
        return Err(error)
    changed = _difference(state, after)
    return Ok(NewEvent(f"segment.{change.kind}", changed) if changed else None)


def applied(state: Segment | None, data: Mapping[str, Json]) -> Segment:
    """The state after an event's data, its version and times left as they were."""
    rest = {name: value for name, value in data.items() if name not in _CHANGES_OF_LISTS}
    before = Segment(str(data.get("key"))) if state is None else state
    plain = as_json(replace(before, ids=frozenset(), without=frozenset()))
    after = SEGMENT.validate_python({**plain, **rest})
    lists = {
        name: (getattr(before, name) - _texts(data, f"{name}_gone")) | _texts(data, f"{name}_new") for name in _LISTS
    }
    return replace(after, **lists)


def evolve(state: Segment | None, event: StoredEvent) -> Segment:
    """The state after an event."""
    at = event.recorded_at
    after = applied(state, event.data)
    return replace(after, version=event.version, created_at=at if state is None else state.created_at, updated_at=at)


def as_json(state: Segment) -> dict[str, Json]:
    """The state as plain JSON."""
    return loads_object(SEGMENT.dump_json(state), "a segment's state")


def audited(state: Segment | None) -> dict[str, Json]:
    """What the audit compares before and after: plain words, one for each thing that can change."""
    if state is None:
        return {"clauses": [], "ids": 0, "without": 0, "description": "", "archived": False}
    return {
        "clauses": list(map(str, state.clauses)),
        "ids": len(state.ids),
        "without": len(state.without),
        "description": state.description,
        "archived": state.archived,
    }


def with_ids(changes: Iterable[SegmentChange]) -> Iterator[SegmentChange]:
    """The changes of an audit, oldest first, with the ids that came and went: the first 100, and how many."""
    before = Segment("")
    for change in changes:
        told: dict[str, Json] = {}
        for name, words in (("ids", "in"), ("without", "out")):
            old, new = getattr(before, name), getattr(change.state, name)
            told.update(_told(f"added {words}", new - old))
            told.update(_told(f"no longer {words}", old - new))
        yield replace(change, after={**change.after, **told})
        before = change.state


def _told(what: str, ids: frozenset[str]) -> dict[str, Json]:
    if not ids:
        return {}
    if len(ids) <= _IDS_TOLD:
        return {what: sorted(ids)}
    return {what: f"{len(ids):,} ids: {', '.join(sorted(ids)[:_IDS_SHOWN])}, …"}


def _after(change: Change, state: Segment, earlier: Segment | None) -> Segment:
    match change:
        case SetClauses(clauses):
            return replace(state, clauses=check_clauses(clauses))
        case AddIds(ids):
            after = replace(state, ids=state.ids | frozenset(ids), without=state.without - frozenset(ids))
        case RemoveIds(ids):
            after = replace(state, ids=state.ids - frozenset(ids), without=state.without - frozenset(ids))
        case ExcludeIds(ids):
            after = replace(state, ids=state.ids - frozenset(ids), without=state.without | frozenset(ids))
        case SetDescription(description):
            return replace(state, description=description)
        case SetArchived(archived):
            return replace(state, archived=archived)
        case Revert(to):
            if earlier is None:
                raise InvalidInputError(
                    f"segment {state.key!r} has no version {to}", hint=f"its versions are 1 to {state.version}"
                )
            return replace(earlier, **{name: getattr(state, name) for name in _NOT_CHANGED_BY_REVERT})
    _check_count(len(after.ids) + len(after.without))
    return after


def _difference(before: Segment, after: Segment) -> dict[str, Json]:
    """What an event holds: fields with their new values, and of the lists only the ids that came or went."""
    old, new = (as_json(replace(state, ids=frozenset(), without=frozenset())) for state in (before, after))
    changed = {name: new[name] for name in new if new[name] != old[name]}
    for name in _LISTS:
        was, now = getattr(before, name), getattr(after, name)
        changed.update({f"{name}_new": sorted(now - was)} if now - was else {})
        changed.update({f"{name}_gone": sorted(was - now)} if was - now else {})
    return changed


def _checked(ids: object) -> frozenset[str]:
    found = check_ids("a segment", ids)
    _check_count(len(found))
    return found


def _check_count(count: int) -> None:
    if count > MOST_IDS:
        raise InvalidInputError(
            f"a segment names at most {MOST_IDS:,} ids, not {count:,}", hint="tell so many users by a condition"
        )


def _texts(data: Mapping[str, Json], name: str) -> frozenset[str]:
    found = data.get(name, ())
    return frozenset(map(str, found)) if isinstance(found, list | tuple) else frozenset()


_CHANGES_OF_LISTS = {f"{name}_{what}" for name in _LISTS for what in ("new", "gone")}
