"""Aggregates of the user's own: a state that changes only by events, and decisions that give events (R2.8).

An aggregate is a value. `apply` gives the state after an event, a decision records events and gives the
aggregate with them, and nothing is stored before a repository saves it (`events.repository`).
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.events.kinds import Kinds, arguments, kinds_of
from burgee.store import typed

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = ("stream", "version", "changes")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Aggregate[TEvent](Shown):
    """The base of aggregates. Its fields, all with defaults, are the state before the first event.

        class Order(burgee.Aggregate[OrderPlaced | OrderShipped]):
            total: Decimal = Decimal(0)
            shipped: bool = False

            def apply(self, event: OrderPlaced | OrderShipped) -> Self:
                match event:
                    case OrderPlaced(total=total):
                        return self.evolve(total=total)
                    case OrderShipped():
                        return self.evolve(shipped=True)

            def ship(self) -> Self:
                if self.shipped:
                    raise ValueError("shipped already")
                return self.record(OrderShipped())

    A subclass becomes a frozen dataclass. Where an old snapshot could mislead though neither fields nor
    methods of the class have changed (a helper elsewhere has), raise its `snapshot_version`.
    """

    stream: str = ""
    """The stream its events are in."""
    version: int = 0
    """How many events made it, those not saved yet included."""
    changes: tuple[TEvent, ...] = ()
    """The events that are not saved yet."""

    snapshot_version: ClassVar[int] = 1
    kinds: ClassVar[Kinds] = Kinds(())
    _kept: int = 0  # the version of the newest snapshot known

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True, kw_only=True, repr=False)(cls)
        for field in dataclasses.fields(cls):  # type: ignore[arg-type] # it has just become one
            if field.name in _TAKEN:
                raise InvalidInputError(f"{cls.__name__} can't have a field {field.name!r}: every aggregate has that")
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                hint = "the fields are the state before the first event"
                raise InvalidInputError(f"field {field.name!r} of {cls.__name__} needs a default", hint=hint)
        found = arguments(cls, Aggregate)
        cls.kinds = kinds_of(found[0]) if found else Kinds(())

    @abstractmethod
    def apply(self, event: TEvent) -> Self:
        """The state after this event; this one stays as it is. It must not refuse: what happened, happened."""

    def evolve(self, **fields: Any) -> Self:  # noqa: ANN401 - each field has a type of its own
        """The same with these fields changed."""
        return self._with(dataclasses.replace(self, **fields))  # type: ignore[type-var] # subclasses are dataclasses

    def record(self, *events: TEvent) -> Self:
        """The aggregate after these events, which it holds as `changes` until it is saved.

        Raises:
            InvalidInputError: it is not about events of this class.
            PayloadError: a field of an event holds what its annotation does not allow.
        """
        state = self
        for event in events:
            if not self.kinds.holds(event):
                there = ", ".join(kind.__name__ for kind in self.kinds.classes)
                hint = f"it is about {there}" if there else 'register it: @burgee.event("…")'
                raise InvalidInputError(f"{event!r} is no event of {type(self).__name__}", hint=hint)
            it = typed.settled(event)
            state = placed(state.after(it), changes=(*state.changes, it))
        return state

    def after(self, event: TEvent) -> Self:
        """The aggregate one version on, by `apply`, which is what subclasses write."""
        state = self.apply(event)
        if type(state) is not type(self):
            name = type(self).__name__
            hint = "every case must return the new state: return self.evolve(…), or self where nothing changes"
            raise InvalidInputError(f"{name}.apply gave {state!r} for {event!r}, not a {name}", hint=hint)
        return placed(self._with(state), version=self.version + 1)

    def state(self) -> Mapping[str, object]:
        """Its fields by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type] # subclasses are dataclasses

    def frame(self) -> "pd.DataFrame":
        """The state as a frame of one row: `stream, version`, then its fields."""
        import pandas as pd

        return pd.DataFrame([{"stream": self.stream, "version": self.version, **self.state()}])

    def _with(self, state: Self) -> Self:
        return placed(state, stream=self.stream, version=self.version, changes=self.changes, _kept=self._kept)

    @override
    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.state().items())
        unsaved = f"; {len(self.changes)} not saved" if self.changes else ""
        return f"<{type(self).__name__} {self.stream!r} at version {self.version}: {fields}{unsaved}>"

    @override
    def _sheet(self) -> Sheet:
        note = f"{len(self.changes)} events not saved yet" if self.changes else ""
        title = f"{type(self).__name__} {self.stream} at version {self.version}"
        return Sheet(title, ("", "value"), list(self.state().items()), note)


def placed[A](state: A, **marks: object) -> A:
    """The same state, with other marks of where it stands. Another object, so that a shared one is not touched."""
    made = object.__new__(type(state))
    vars(made).update(vars(state) | marks)
    return made
