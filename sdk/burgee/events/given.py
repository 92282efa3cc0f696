"""What is given to be appended, as the log takes it."""

from collections.abc import Mapping
from dataclasses import replace

from burgee.core.errors import InvalidInputError
from burgee.core.ids import new_id
from burgee.store.record import NewEvent
from burgee.store.typed import is_typed


def as_event(event: object) -> NewEvent:
    """An event, a dict of its fields, or an object of a registered class."""
    if isinstance(event, NewEvent):
        return event
    if is_typed(event):
        return NewEvent.of(event)
    if not isinstance(event, Mapping) or "type" not in event:
        hint = 'give burgee.Event("order.placed", {"total": 42}) or {"type": "order.placed", "data": {…}}'
        raise InvalidInputError(f"{event!r} is not an event", hint=hint)
    try:
        return NewEvent(**event)
    except TypeError:
        fields = ", ".join(NewEvent.__slots__)
        raise InvalidInputError(f"an event has the fields {fields}, not {', '.join(map(str, event))}") from None


def with_id(event: NewEvent) -> NewEvent:
    """The event with an id of its own, so that it is known again."""
    return event if event.id is not None else replace(event, id=new_id())
