"""The event types this process knows: by name and schema version a class, and upcasters from version to version.

Registries belong to processes, not to workspaces: the log holds JSON of whatever version, services hand it
out as it is stored, and whoever reads it brings the classes. Nothing in the log is ever rewritten.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast, dataclass_transform

from pydantic import BaseModel

from burgee.core.checks import need_text, need_whole
from burgee.core.errors import (
    AlreadyExistsError,
    InvalidInputError,
    MissingUpcasterError,
    UnknownSchemaVersionError,
    UpcastError,
)
from burgee.core.json import Json

type Data = Mapping[str, Json]

type Upcaster = Callable[[dict[str, Json]], Data]
"""Data of one schema version in, data of the next out."""

MARK = "__burgee_event__"
"""The class attribute that says which event a class is: its name and version."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of an event type: its class, and its fields with their types as written."""

    name: str
    version: int
    kind: type
    fields: Mapping[str, str]


_types: dict[str, dict[int, EventType]] = {}
_upcasters: dict[str, dict[int, Upcaster]] = {}


@dataclass_transform(frozen_default=True)
def event[T](name: str, *, version: int = 1) -> Callable[[type[T]], type[T]]:
    """Make a class the event of that name: `@burgee.event("order.placed", version=2)`.

    The class is a dataclass or a pydantic model; a plain class with annotations becomes a frozen dataclass.
    To run the same cell again gives the new class the name; another class can't take it.

    Raises:
        AlreadyExistsError: another class has this name and version.
    """
    need_text("an event's name", name)
    need_whole("a schema version", version, least=1)

    def register(kind: type[T]) -> type[T]:
        if not isinstance(kind, type):
            raise InvalidInputError(f"@burgee.event is for classes, not {kind!r}")
        if not dataclasses.is_dataclass(kind) and not issubclass(kind, BaseModel):
            kind = dataclass(frozen=True, slots=True)(kind)
        taken = _types.get(name, {}).get(version)
        if taken is not None and _place(taken.kind) != _place(kind):
            owner = ".".join(_place(taken.kind))
            hint = f"it is the class {owner}; take another name, or version={max(_types[name]) + 1}"
            raise AlreadyExistsError("event type", f"{name} version {version}", hint=hint)
        setattr(kind, MARK, (name, version))
        _types.setdefault(name, {})[version] = EventType(name, version, kind, _fields(kind))
        return kind

    return register


def upcaster(name: str, version: int) -> Callable[[Upcaster], Upcaster]:
    """Say how data of one version becomes data of the next: `@burgee.upcaster("order.placed", 1)`.

    The function gets a dict of its own, as it is stored, and gives the dict of version + 1. Reading chains
    them up to the newest version there is a class for.

    Raises:
        AlreadyExistsError: another function is that upcaster.
    """
    need_text("an event's name", name)
    need_whole("a schema version", version, least=1)

    def register(function: Upcaster) -> Upcaster:
        taken = _upcasters.get(name, {}).get(version)
        if taken is not None and _place(taken) != _place(function):
            hint = f"it is {'.'.join(_place(taken))}"
            raise AlreadyExistsError("upcaster", f"{name} {version} -> {version + 1}", hint=hint)
        _upcasters.setdefault(name, {})[version] = function
        return function

    return register


def registered() -> tuple[EventType, ...]:
    """Every event type there is a class for, by name and version."""
    return tuple(versions[version] for _, versions in sorted(_types.items()) for version in sorted(versions))


def names() -> frozenset[str]:
    """The names that are known here: those with a class or an upcaster."""
    return frozenset(_types) | frozenset(_upcasters)


def latest(name: str) -> int | None:
    """The newest version known of an event type; none if nothing is known of it."""
    if name in _types:
        return max(_types[name])
    return max(_upcasters[name]) + 1 if name in _upcasters else None


def newest(name: str) -> EventType | None:
    """The newest class of an event type."""
    return _types[name][max(_types[name])] if name in _types else None


def of_class(kind: type) -> tuple[str, int] | None:
    """The name and version that this very class was registered with, not a class it inherits from."""
    return cast("tuple[str, int] | None", vars(kind).get(MARK))


def upcast(name: str, version: int, data: Data, where: str) -> tuple[int, Data]:
    """The data in the newest version known, and that version; as it is, where nothing is known of the type.

    Raises:
        UnknownSchemaVersionError: the version is newer than what is known here.
        MissingUpcasterError: a step of the chain is not there.
        UpcastError: a step failed; `where` says with which event.
    """
    newest_known = latest(name)
    if newest_known is None or version == newest_known:
        return version, data
    if version > newest_known:
        raise UnknownSchemaVersionError(name, version, newest_known)
    for step in range(version, newest_known):
        function = _upcasters.get(name, {}).get(step)
        if function is None:
            raise MissingUpcasterError(name, step, newest_known)
        try:
            data = function(copy.deepcopy(dict(data)))  # what an upcaster does to its dict harms nobody else
        except Exception as error:
            raise UpcastError(name, step, where, f"{type(error).__name__}: {error}") from error
        if not isinstance(data, Mapping):
            raise UpcastError(name, step, where, f"it gave {data!r}, not the dict of the next version")
    return newest_known, data


@contextmanager
def isolated() -> Iterator[None]:
    """What is registered inside the `with` is gone after it. For tests."""
    types = {name: dict(versions) for name, versions in _types.items()}
    upcasters = {name: dict(steps) for name, steps in _upcasters.items()}
    try:
        yield
    finally:
        for now, before in ((_types, types), (_upcasters, upcasters)):
            now.clear()
            now.update(before)  # type: ignore[arg-type] # each gets its own back


def _place(item: type | Upcaster) -> tuple[str, str]:
    """Where something is defined: a cell that is run again defines the same thing in the same place."""
    return item.__module__, item.__qualname__


def _fields(kind: type) -> dict[str, str]:
    if issubclass(kind, BaseModel):
        return {name: _written(field.annotation) for name, field in kind.model_fields.items()}
    return {field.name: _written(field.type) for field in dataclasses.fields(kind)}  # type: ignore[arg-type] # a dataclass: it was looked at


def _written(annotation: object) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation).replace("typing.", "")
