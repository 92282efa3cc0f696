"""Typed events: objects of registered classes as the data of events, and back, exactly.

pydantic knows how: a Decimal travels as text, times as ISO 8601, an enum as its value. What would not come
back equal is refused before it is stored, since an event that can't be read is there for good.
"""

from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from burgee.core.errors import InvalidInputError, PayloadError
from burgee.core.json import dumps
from burgee.store import registry
from burgee.store.registry import Data

_KNOWN_CLASSES = 1024


def is_typed(event: object) -> bool:
    """Whether this is an object of a registered class."""
    return registry.of_class(type(event)) is not None


def encode(event: object) -> tuple[str, int, Data]:
    """The name, schema version and data of a typed event.

    Raises:
        InvalidInputError: its class is not registered.
        PayloadError: a field holds what its annotation does not allow, or what would not come back equal.
    """
    name, version = _named(event)
    return name, version, _settled(name, event)[1]


def settled[T](event: T) -> T:
    """The event as it would come back: a field given as 42 that is a Decimal is one. Refuses what `encode` refuses."""
    return _settled(_named(event)[0], event)[0]


def decode(name: str, version: int, data: Data, where: str) -> object | None:
    """The typed event of stored data, upcast to the newest version; none where the type has no class here.

    Raises:
        SchemaError: its version is not known, an upcaster is missing or fails, or the data does not fit;
            `where` says which event it is.
    """
    known = registry.newest(name)
    if known is None:
        return None
    _, data = registry.upcast(name, version, data, where)
    adapter: TypeAdapter[object] = _adapter(known.kind)
    return _read(name, data, adapter, where)


def _named(event: object) -> tuple[str, int]:
    named = registry.of_class(type(event))
    if named is None:
        hint = 'register its class: @burgee.event("order.placed")'
        raise InvalidInputError(f"{type(event).__name__} is not an event", hint=hint)
    return named


def _settled[T](name: str, event: T) -> tuple[T, Data]:
    adapter: TypeAdapter[T] = _adapter(type(event))  # type: ignore[arg-type] # mypy doubts that classes are hashable
    try:
        data = adapter.dump_python(event, mode="json", warnings="error")
    except PydanticSerializationError:  # a field is not quite what was declared: an int for a Decimal, or wrong
        event = _checked(name, event, adapter)
        data = adapter.dump_python(event, mode="json")
    again = _read(name, data, adapter, "")
    if not _equal(event, again, adapter):
        changed = next((field for field in data if getattr(event, field, None) != getattr(again, field, None)), "")
        value, other = getattr(event, changed, event), getattr(again, changed, again)
        raise PayloadError(name, changed, f"{value!r} would come back as {other!r}")
    return event, data


def _read[T](name: str, data: Data, adapter: TypeAdapter[T], where: str) -> T:
    try:
        return adapter.validate_json(dumps(data, what=f"{name} event"))
    except ValidationError as error:
        raise _unfit(name, error, where) from None


def _checked[T](name: str, event: T, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(adapter.dump_python(event, warnings=False))
    except ValidationError as error:
        raise _unfit(name, error, "") from None


def _unfit(name: str, error: ValidationError, where: str) -> PayloadError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return PayloadError(name, ".".join(map(str, first["loc"])), first["msg"], where)


def _equal[T](event: T, again: T, adapter: TypeAdapter[T]) -> bool:
    if type(event).__eq__ is object.__eq__:  # a class that compares identity
        return bool(adapter.dump_python(event, mode="json") == adapter.dump_python(again, mode="json"))
    return event == again


@lru_cache(_KNOWN_CLASSES)
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
