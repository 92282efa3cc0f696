"""`Indexer[TEntity, TDocument]`: what users write to have entities or events searched (R7.10).

A projection may apply an event again whose result was lost. That does no harm here: a document that is put again is
the same document.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal, cast, get_args, get_origin, get_type_hints, override

from pydantic import BaseModel

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.events.aggregate import Aggregate
from burgee.events.kinds import Kinds, arguments, kinds_of
from burgee.events.model import EventQuery, StoredEvent
from burgee.projections.projection import Projection
from burgee.search.given import as_document, as_id
from burgee.search.mapping import MappingGiven, as_mapping
from burgee.search.model import Field, IndexMapping, Kind

type Put = Callable[[Mapping[str, Mapping[str, Json]]], object]
type Remove = Callable[[Sequence[str]], object]
type Load = Callable[[str], object]


class Indexer[TEntity, TDocument](ABC):
    """How an entity, or an event, becomes a document.

        class Orders(burgee.Indexer[OrderPlaced | OrderShipped, dict]):
            mapping = {"customer": "keyword", "note": "text", "total": "number"}

            def id(self, entity):
                return entity.order

            def document(self, entity):
                return {"customer": entity.customer, "note": entity.note, "total": entity.total}

    `TEntity` is what is given: any class for `acme.search.index(name, entities, indexer=…)`; for `acme.search.follow`
    registered classes of events, `burgee.StoredEvent` for events of any type, or a class of aggregates, whose newest
    state is indexed after each of its events. `TDocument` is a dict, a dataclass or a pydantic model.
    """

    mapping: ClassVar[MappingGiven | None] = None
    """The fields of the index; by default those of `TDocument`, where that is a dataclass or a model."""

    types: ClassVar[Sequence[str]] = ()
    """Event types to follow, also prefixes like `order.*`; by default those of `TEntity`."""

    category: ClassVar[str | None] = None
    """Only the streams `<category>-…`."""

    entity: ClassVar[object] = None
    written: ClassVar[object] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if found := arguments(cls, Indexer):
            cls.entity, cls.written = cast("tuple[object, object]", found)

    @abstractmethod
    def id(self, entity: TEntity) -> object:
        """The id of its document: a text or a whole number."""

    @abstractmethod
    def document(self, entity: TEntity) -> TDocument | None:
        """Its document; None takes the document of that id away."""

    def fields(self) -> IndexMapping | None:
        """The mapping of its documents, if it says one."""
        if self.mapping is not None:
            return as_mapping(self.mapping)
        return _mapped(self.written)


class Changes:
    """What some entities make of an index: the last document of each id, or that it is to be removed."""

    __slots__ = ("_documents",)

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Json] | None] = {}

    def add(self, indexer: Indexer[Any, Any], entity: object) -> None:
        """Take in what an entity becomes."""
        what = f"what {type(indexer).__name__} made"
        id, document = as_id(what, indexer.id(entity)), indexer.document(entity)
        self._documents[id] = None if document is None else as_document(what, _fields(document))

    def give(self, put: Put, remove: Remove) -> None:
        """Bring all of it to the index, and begin anew; also where it is refused."""
        made, self._documents = self._documents, {}
        there = {id: document for id, document in made.items() if document is not None}
        gone = [id for id in made if id not in there]
        if there:
            put(there)
        if gone:
            remove(gone)

    def __len__(self) -> int:
        return len(self._documents)


class Indexing(Projection[StoredEvent, dict[str, int]]):
    """The projection that keeps an index fresh; its view says how many events it took in."""

    def __init__(self, index: str, indexer: Indexer[Any, Any], put: Put, remove: Remove, load: Load) -> None:
        self.name = f"search-{index}"  # type: ignore[misc] # each of these stands for another projection
        self.types, self.category = indexer.types, indexer.category  # type: ignore[misc]
        self._indexer, self._put, self._remove, self._load = indexer, put, remove, load
        entity = indexer.entity
        self._loads = isinstance(entity, type) and issubclass(entity, Aggregate)
        self._about = _about(entity, loads=self._loads)
        self._held = threading.local()  # each thread that applies events brings its own to the index

    @override
    def initial(self) -> dict[str, int]:
        return {"events": 0}

    @override
    def apply(self, state: dict[str, int], event: StoredEvent) -> dict[str, int]:
        if self._about.stored or self._about.takes(event.type):
            if self._loads:
                self._streams()[event.stream] = None
            else:
                self._changes().add(self._indexer, event if self._about.stored else event.event)
            state["events"] += 1
        return state

    @override
    def settled(self, state: dict[str, int]) -> dict[str, int]:
        changes, streams = self._changes(), self._streams()
        for stream in streams:
            changes.add(self._indexer, self._load(stream))
        streams.clear()
        changes.give(self._put, self._remove)
        return state

    @override
    def query(self, after: int) -> EventQuery:
        asked = super().query(after)
        if asked.types or self._about.stored:
            return asked
        return EventQuery(self._about.names(), category=self.category, after=after)

    def _changes(self) -> Changes:
        if not hasattr(self._held, "changes"):
            self._held.changes = Changes()
        changes: Changes = self._held.changes
        return changes

    def _streams(self) -> dict[str, None]:
        if not hasattr(self._held, "streams"):
            self._held.streams = {}
        streams: dict[str, None] = self._held.streams
        return streams


def _about(entity: object, *, loads: bool) -> Kinds:
    """The events that an indexer is about."""
    if loads:
        return kinds_of((arguments(cast("type", entity), Aggregate) or (None,))[0])
    kinds = kinds_of(entity)
    return kinds if kinds.classes else Kinds((StoredEvent,))


def check_indexer(indexer: object) -> Indexer[Any, Any]:
    """The indexer, if it is one; of a class, one with no arguments."""
    made = indexer() if isinstance(indexer, type) else indexer
    if not isinstance(made, Indexer):
        hint = "write it as: class Orders(burgee.Indexer[OrderPlaced, dict])"
        raise InvalidInputError(f"{indexer!r} is no indexer", hint=hint)
    return made


def changes_of(indexer: Indexer[Any, Any], entities: Iterable[object], most: int) -> Iterator[Changes]:
    """What entities make of an index, in batches."""
    changes = Changes()
    for entity in entities:
        changes.add(indexer, entity)
        if len(changes) >= most:
            yield changes
    yield changes


def _fields(document: object) -> Mapping[str, object]:
    if isinstance(document, Mapping):
        return document
    if isinstance(document, BaseModel):
        return document.model_dump()
    if is_dataclass(document) and not isinstance(document, type):
        return asdict(document)
    raise InvalidInputError(f"a document is a dict, a dataclass or a pydantic model, not {type(document).__name__}")


_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, Kind.BOOLEAN),
    (int, Kind.INTEGER),
    (float, Kind.NUMBER),
    (Decimal, Kind.NUMBER),
    (date, Kind.DATE),
    (datetime, Kind.DATE),
)


def _mapped(written: object) -> IndexMapping | None:
    """The mapping of a dataclass or model: texts are found by words, and whole for filters."""
    if not isinstance(written, type):
        return None
    if issubclass(written, BaseModel):
        names = list(written.model_fields)
    elif is_dataclass(written):
        names = [field.name for field in fields(written)]
    else:
        return None
    hints = get_type_hints(written)
    found = [_field(name, hints[name]) for name in names]
    return IndexMapping(tuple(field for field in found if field is not None))


def _field(name: str, annotation: object) -> Field | None:
    """A field for an annotation, also of lists of it and where it may be missing; none for what can't be searched."""
    inner = [one for one in get_args(annotation) if one is not type(None) and one is not Ellipsis]
    if get_origin(annotation) is Literal:
        return _field_of_values(name, inner)
    if inner:
        return _field(name, inner[0]) if len(inner) == 1 else None
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, Enum):
        return _field_of_values(name, [member.value for member in annotation])
    if issubclass(annotation, str):
        return Field(name, Kind.TEXT, exact=True, suggest=True)
    return next((Field(name, kind) for known, kind in _KINDS if issubclass(annotation, known)), None)


def _field_of_values(name: str, values: Sequence[object]) -> Field | None:
    """A field that holds one of these, which are of one type."""
    types = {type(value) for value in values if value is not None}
    return _field(name, types.pop()) if len(types) == 1 else None
