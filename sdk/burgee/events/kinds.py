"""Which events a class of the user's is about, read from its generic base: `Aggregate[OrderPlaced | OrderShipped]`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import NoneType, UnionType, get_original_bases
from typing import TypeAliasType, Union, get_args, get_origin

from burgee.core.errors import InvalidInputError
from burgee.store import registry
from burgee.store.log import StoredEvent


@dataclass(frozen=True, slots=True)
class Kinds:
    """Some classes of events: registered ones, or bases of registered ones. None at all: every registered one.

    Events are known by name, too, so that a cell that defines one can be run again without the others.
    """

    classes: tuple[type, ...]

    @property
    def stored(self) -> bool:
        """Whether events are wanted as the log holds them, of any type."""
        return StoredEvent in self.classes

    def names(self) -> tuple[str, ...]:
        """The names of the events meant, as far as they are registered now."""
        return tuple(sorted({known.name for known in registry.registered() if self._means(known.name, known.kind)}))

    def takes(self, name: str) -> bool:
        """Whether events of this name are meant."""
        known = registry.newest(name)
        return known is not None and self._means(name, known.kind)

    def holds(self, event: object) -> bool:
        """Whether this typed event is one of those meant."""
        named = registry.of_class(type(event))
        return named is not None and self._means(named[0], type(event))

    def check(self, owner: str) -> None:
        """Refuse a class that is no event, nor a base of one."""
        for kind in self.classes:
            if kind is not StoredEvent and registry.of_class(kind) is None and not _has_events(kind):
                hint = f'register it: @burgee.event("…") above class {kind.__name__}'
                raise InvalidInputError(f"{owner} is about {kind.__name__}, which is no event", hint=hint)

    def _means(self, name: str, kind: type) -> bool:
        if not self.classes or issubclass(kind, self.classes):
            return True
        return any(named[0] == name for named in map(registry.of_class, self.classes) if named is not None)


def arguments(kind: type, base: type) -> tuple[object, ...]:
    """What `kind` gives for the type parameters of its generic base; nothing where it leaves them open."""
    for parent in kind.__mro__:
        for written in get_original_bases(parent):
            origin = get_origin(written)
            open_ones = getattr(written, "__parameters__", ())
            if isinstance(origin, type) and issubclass(origin, base) and not open_ones:
                return get_args(written)
    return ()


def kinds_of(annotation: object) -> Kinds:
    """The classes of a union, an alias of one, or a single class."""
    return Kinds(tuple(_classes([annotation])))


def _classes(annotations: Iterable[object]) -> Iterator[type]:
    for annotation in annotations:
        if isinstance(annotation, TypeAliasType):
            yield from _classes([annotation.__value__])
        elif get_origin(annotation) in {Union, UnionType}:
            yield from _classes(get_args(annotation))
        elif isinstance(annotation, type) and annotation not in {object, NoneType}:
            yield annotation


def _has_events(kind: type) -> bool:
    return any(issubclass(known.kind, kind) for known in registry.registered())
