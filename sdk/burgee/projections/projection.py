"""`Projection[TEvent, TState]`: what users write to have a view made of events (R2.10)."""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from burgee.core.errors import InvalidInputError
from burgee.events.kinds import Kinds, arguments, kinds_of
from burgee.events.model import EventQuery, StoredEvent


class Projection[TEvent, TState](ABC):
    """A view made of events: where it begins, and what each event makes of it.

        class Revenue(burgee.Projection[OrderPlaced, dict[str, Decimal]]):
            key = "currency"

            def initial(self) -> dict[str, Decimal]:
                return {}

            def apply(self, state: dict[str, Decimal], event: OrderPlaced) -> dict[str, Decimal]:
                state[event.currency] = state.get(event.currency, Decimal(0)) + event.total
                return state

    `TEvent` says which events it reads: registered classes, or `burgee.StoredEvent` for events of any type
    with stream, times and metadata (their typed form is in `.event`). `TState` is whatever pydantic can
    write as JSON and read again: dicts, lists, dataclasses, models. View and checkpoint are kept together,
    so each event changes the view exactly once; `apply` may run again for an event whose result was lost,
    so it should do nothing but compute.
    """

    name: ClassVar[str]
    """What it is called, and its view kept under; by default the class's name as `daily-sales`."""

    types: ClassVar[Sequence[str]] = ()
    """Event types to read, also prefixes like `order.*`; by default those of `TEvent`."""

    category: ClassVar[str | None] = None
    """Only the streams `<category>-…`."""

    key: ClassVar[str] = "key"
    """The name of the frame's first column, where the view is a dict."""

    kinds: ClassVar[Kinds]
    _written: ClassVar[object]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        found = arguments(cls, Projection)
        event, cls._written = cast("tuple[object, object]", found) if found else (StoredEvent, Any)
        kinds = kinds_of(event)
        cls.kinds = kinds if kinds.classes else Kinds((StoredEvent,))

    @abstractmethod
    def initial(self) -> TState:
        """The view before the first event."""

    @abstractmethod
    def apply(self, state: TState, event: TEvent) -> TState:
        """The view after this event. `state` is this projection's own: it may be changed and given back."""

    def settled(self, state: TState) -> TState:
        """The view before it is saved, after some events: for a projection that also writes elsewhere, in batches."""
        return state

    def rows(self, state: TState) -> Sequence[Mapping[str, object]]:
        """The view as rows of a frame: one for each entry of a dict or list, else one. Override it as you like."""
        if isinstance(state, Mapping):
            return [{self.key: key, **_fields(value)} for key, value in state.items()]
        if isinstance(state, Sequence | set | frozenset) and not isinstance(state, str):
            return [_fields(value) for value in state]
        return [_fields(state)]

    def query(self, after: int) -> EventQuery:
        """The events it reads, behind a position."""
        types = (self.types,) if isinstance(self.types, str) else tuple(self.types)
        if not types and not self.kinds.stored:
            types = self.kinds.names()
        return EventQuery(types, category=self.category, after=after)

    def event_of(self, stored: StoredEvent) -> TEvent | None:
        """What `apply` is given of a stored event; none if it is not about it."""
        if self.kinds.stored:
            return cast("TEvent", stored.current())
        return cast("TEvent", stored.event) if self.kinds.takes(stored.type) else None

    @cached_property
    def adapter(self) -> TypeAdapter[TState]:
        """Turns the view to JSON and back."""
        try:
            adapter = TypeAdapter(cast("type[TState]", self._written))
            adapter.rebuild(_types_namespace=vars(sys.modules[type(self).__module__]))  # what is named in quotes
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
            why = str(error).partition("\n")[0]
            raise InvalidInputError(f"the view of {self.name!r} can't be kept as JSON: {why}") from None
        return adapter


def _fields(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return {"value": value}
