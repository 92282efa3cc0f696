"""The indexes of a tenant as aggregates: how each is mapped, and how often it was built."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from pydantic import TypeAdapter
from sqlalchemy import Connection

from burgee.core.clock import Clock
from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError, did_you_mean
from burgee.core.json import Json
from burgee.core.result import Err, Ok, Result
from burgee.search.model import IndexMapping, IndexState
from burgee.store.aggregates import Aggregates
from burgee.store.log import NewEvent, StoredEvent

KIND = "search-index"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_mapping = TypeAdapter(IndexMapping)


def indexes(clock: Clock) -> Aggregates[IndexState]:
    """All indexes there are; also those that were dropped, which are only told apart by their state."""
    return Aggregates(KIND, TypeAdapter(IndexState), _evolve, clock)


def check_index_name(name: object) -> str:
    """The name, if an index can have it on every engine."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        hint = "1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
        raise InvalidInputError(f"{name!r} can't be an index's name", hint=hint)
    return name


def found(
    all_of: Aggregates[IndexState], connection: Connection, tenant: str, name: str
) -> Result[IndexState, NotFoundError]:
    """The index of that name, if there is one."""
    state = all_of.get(connection, tenant, name)
    if state is None or state.dropped:
        there = [one.name for one in all_of.page(connection, tenant) if not one.dropped]
        error = NotFoundError("search index", name)
        error.add_note(
            did_you_mean(name, there, plural="search indexes")
            or f"there is none yet; make it: acme.search.index({name!r}, documents, id=…)"
        )
        return Err(error)
    return Ok(state)


def created(name: str, mapping: IndexMapping, state: IndexState | None) -> Result[NewEvent | None, ConflictError]:
    """What making an index comes to."""
    if state is None or state.dropped:
        generation = 1 if state is None else state.reserved + 1
        return Ok(NewEvent(f"{KIND}.created", {"name": name, "mapping": _plain(mapping), "generation": generation}))
    if state.mapping == mapping:
        return Ok(None)
    hint = f"build it anew with this one: acme.search({name!r}).reindex(mapping=…)"
    return Err(ConflictError(f"the search index {name!r} has another mapping", hint=hint))


def reserved(mapping: IndexMapping, generation: int) -> NewEvent:
    """A building of the index begins, under a number of its own."""
    return NewEvent(f"{KIND}.rebuilding", {"mapping": _plain(mapping), "generation": generation})


def rebuilt(mapping: IndexMapping, generation: int) -> NewEvent:
    """The building is whole: from now on readers see it."""
    return NewEvent(f"{KIND}.rebuilt", {"mapping": _plain(mapping), "generation": generation})


def dropped() -> NewEvent:
    """The index is gone."""
    return NewEvent(f"{KIND}.dropped", {})


def audited(state: IndexState | None) -> Mapping[str, Json]:
    """What its history compares."""
    if state is None:
        return {}
    fields = {f"field {one['name']}": one for one in cast("list[dict[str, Json]]", _plain(state.mapping)["fields"])}
    return {"generation": state.generation, "dropped": state.dropped, **fields}


def _plain(mapping: IndexMapping) -> dict[str, Json]:
    return cast("dict[str, Json]", _mapping.dump_python(mapping, mode="json"))


def _evolve(state: IndexState | None, event: StoredEvent) -> IndexState:
    what, at = event.type.removeprefix(f"{KIND}."), event.recorded_at
    if what == "created":
        name, generation = str(event.data["name"]), int(cast("int", event.data["generation"]))
        mapping = _mapping.validate_python(event.data["mapping"])
        return IndexState(name, mapping, generation, generation, version=event.version, created_at=at, updated_at=at)
    if state is None:
        raise RuntimeError("an index begins with its creation")
    now = replace(state, version=event.version, updated_at=at)
    if what == "dropped":
        return replace(now, dropped=True)
    generation = int(cast("int", event.data["generation"]))
    if what == "rebuilding":
        return replace(now, reserved=max(state.reserved, generation))
    return replace(now, mapping=_mapping.validate_python(event.data["mapping"]), generation=generation)
