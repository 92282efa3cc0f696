"""Indexers: entities and events as documents, kept fresh by a projection."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, Literal, Self

import pytest
from pydantic import BaseModel

import burgee
from burgee.core.errors import InvalidInputError, ProjectionFailedError
from burgee.search.model import Field, Kind
from burgee.workspace import Tenant


class Colour(Enum):
    """Texts."""

    RED = "red"


class Level(Enum):
    """Numbers."""

    LOW = 1
    HIGH = 2


@burgee.event("item.listed")
@dataclass(frozen=True)
class Listed:
    """Something is for sale."""

    item: str
    title: str
    price: float


@burgee.event("item.renamed")
@dataclass(frozen=True)
class Renamed:
    """It has another title."""

    item: str
    title: str


@burgee.event("item.sold")
@dataclass(frozen=True)
class Sold:
    """It is gone."""

    item: str


@dataclass(frozen=True)
class Offer:
    """A document."""

    title: str
    price: float | None = None


class Offers(burgee.Indexer[Listed | Sold, Offer]):
    """Documents from events: what was listed, until it is sold."""

    def id(self, entity: Listed | Sold) -> str:
        return entity.item

    def document(self, entity: Listed | Sold) -> Offer | None:
        return Offer(entity.title, entity.price) if isinstance(entity, Listed) else None


class Item(burgee.Aggregate[Listed | Renamed | Sold]):
    """An item as its events made it."""

    title: str = ""
    price: float = 0.0
    sold: bool = False

    def apply(self, event: Listed | Renamed | Sold) -> Self:
        if isinstance(event, Sold):
            return self.evolve(sold=True)
        if isinstance(event, Renamed):
            return self.evolve(title=event.title)
        return self.evolve(title=event.title, price=event.price)


class Items(burgee.Indexer[Item, dict[str, object]]):
    """Documents from aggregates: each as it is now."""

    mapping: ClassVar = {"title": "text", "price": "number"}

    def id(self, entity: Item) -> str:
        return entity.stream

    def document(self, entity: Item) -> dict[str, object] | None:
        return None if entity.sold else {"title": entity.title, "price": entity.price}


def titles(tenant: Tenant, name: str) -> list[str]:
    return sorted(str(hit.document.get("title")) for hit in tenant.search(name))


def test_an_index_follows_events(acme: Tenant) -> None:
    events = acme.events
    events.append("item-1", Listed("1", "red shoes", 20.0))
    follower = acme.search.follow("offers", Offers)
    follower.catch_up()
    assert titles(acme, "offers") == ["red shoes"]
    assert acme.search("offers").filter(price=(10, 30)).total() == 1
    events.append("item-2", Listed("2", "blue shoes", 30.0))
    events.append("item-1", Sold("1"))
    events.append("note-1", {"type": "note.taken", "data": {"item": "9"}})
    follower.catch_up()
    assert titles(acme, "offers") == ["blue shoes"]
    assert follower.state() == {"events": 3}
    assert follower.status().lag == 0
    follower.rebuild()
    assert titles(acme, "offers") == ["blue shoes"]
    assert acme.projections.frame()["name"].tolist() == ["search-offers"]


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    """A tenant in memory."""
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


def test_an_index_follows_aggregates_as_they_are_now(tenant: Tenant) -> None:
    follower = tenant.search.follow("items", Items)
    tenant.events.append("item-1", [Listed("1", "red shoes", 20.0), Renamed("1", "old shoes")])
    tenant.events.append("item-2", [Listed("2", "hat", 5.0), Sold("2")])
    follower.catch_up()
    assert titles(tenant, "items") == ["old shoes"]
    assert tenant.search("items").get("item-1") == {"title": "old shoes", "price": 20.0}
    tenant.events.append("item-1", Sold("1"))
    follower.catch_up()
    assert titles(tenant, "items") == []


def test_stored_events_of_any_type_can_be_followed(tenant: Tenant) -> None:
    class Notes(burgee.Indexer[burgee.StoredEvent, dict[str, object]]):
        types = ("note.*",)
        mapping: ClassVar = {"text": "text", "at": "date"}

        def id(self, entity: burgee.StoredEvent) -> str:
            return entity.id

        def document(self, entity: burgee.StoredEvent) -> dict[str, object]:
            return {"text": entity.data["text"], "at": entity.occurred_at}

    tenant.events.append("n-1", [{"type": "note.taken", "data": {"text": "buy milk"}}, {"type": "other", "data": {}}])
    tenant.search.follow("notes", Notes()).catch_up()
    frame = tenant.search("notes").query("milk").frame()
    assert frame["text"].tolist() == ["buy milk"]
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"


def test_who_is_forgotten_is_found_no_more(tenant: Tenant) -> None:
    tenant.privacy.protect("item.listed", fields=["title"], subject="item")

    class Kept(burgee.Indexer[burgee.StoredEvent, dict[str, object]]):
        types = ("item.*",)
        mapping: ClassVar = {"title": "text"}

        def id(self, entity: burgee.StoredEvent) -> str:
            return entity.stream

        def document(self, entity: burgee.StoredEvent) -> dict[str, object]:
            return {"title": entity.data.get("title")}

    tenant.events.append("item-ann", Listed("ann", "shoes of ann", 1.0))
    tenant.events.append("item-bob", Listed("bob", "shoes of bob", 1.0))
    follower = tenant.search.follow("kept", Kept).catch_up()
    assert tenant.search("kept").query("shoes").total() == 2
    tenant.privacy.forget("ann")
    follower.catch_up()
    assert titles(tenant, "kept") == ["None", "shoes of bob"]
    assert tenant.search("kept").query("ann").total() == 0


def test_an_event_applied_again_is_the_same_document(tenant: Tenant) -> None:
    """At least once is enough: here the view of the projection was lost after the documents were stored."""
    tenant.events.append("item-1", Listed("1", "red shoes", 20.0))
    follower = tenant.search.follow("offers", Offers)
    follower.catch_up()
    follower.reset()
    follower.catch_up()
    assert tenant.search("offers").count() == 1


def test_a_document_that_cant_be_taken_stops_it_there_and_keeps_what_came_before(tenant: Tenant) -> None:
    class Wrong(Offers):
        mapping: ClassVar = {"title": "integer"}

    tenant.events.append("item-1", [Sold("0"), Listed("1", "red shoes", 20.0), Sold("2")])
    with pytest.raises(ProjectionFailedError, match="'title' must be a whole number"):
        tenant.search.follow("wrong", Wrong).catch_up()
    assert tenant.projections["search-wrong"].status().lag == 2


def test_entities_of_any_kind_are_indexed(tenant: Tenant) -> None:
    class Person(BaseModel):
        name: str
        role: Literal["admin", "user"]
        born: datetime | None = None
        colour: Colour | None = None
        level: Level = Level.LOW
        odd: Literal["a", 1] = 1
        tags: list[str] = []
        more: dict[str, int] = {}

    class People(burgee.Indexer[tuple[int, str], Person]):
        def id(self, entity: tuple[int, str]) -> int:
            return entity[0]

        def document(self, entity: tuple[int, str]) -> Person | None:
            number, name = entity
            return Person(name=name, role="user", tags=["a"], more={"n": number}) if name else None

    people = tenant.search.index("people", [(1, "Ann"), (2, "Bob"), (3, "")], indexer=People)
    assert people.mapping().fields == (
        Field("name", Kind.TEXT, exact=True, suggest=True),
        Field("role", Kind.TEXT, exact=True, suggest=True),
        Field("born", Kind.DATE),
        Field("colour", Kind.TEXT, exact=True, suggest=True),
        Field("level", Kind.INTEGER),
        Field("tags", Kind.TEXT, exact=True, suggest=True),
    )
    assert people.sort("name").frame()["name"].tolist() == ["Ann", "Bob"]
    assert people.query("user").total() == people.filter(role="user", level=Level.LOW).total() == 2
    tenant.search.index("people", iter([(1, "")]), indexer=People())
    assert people.total() == 1


def test_what_is_no_indexer_or_says_no_fields_is_refused(tenant: Tenant) -> None:
    class Bare(burgee.Indexer[dict[str, object], dict[str, object]]):
        def id(self, entity: dict[str, object]) -> object:
            return entity.get("id")

        def document(self, entity: dict[str, object]) -> dict[str, object]:
            return entity

    with pytest.raises(InvalidInputError, match="so its fields must be said"):
        tenant.search.index("bare", [{"id": 1}], indexer=Bare)
    with pytest.raises(InvalidInputError, match="is no indexer"):
        tenant.search.follow("bare", object())  # type: ignore[arg-type] # that is the point
    bare = tenant.search.index("bare", [{"id": 1, "title": "x"}], indexer=Bare, mapping={"title": "text"})
    assert bare.total() == 1
    with pytest.raises(InvalidInputError, match="has no id but None"):
        tenant.search.index("bare", [{"title": "x"}], indexer=Bare)
