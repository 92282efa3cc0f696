"""Typed events: registered, stored exactly, read back in their newest version; what does not fit is told (R2.7)."""

import enum
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import burgee
from burgee.core.errors import BurgeeError
from burgee.core.json import Json
from burgee.store import registry, typed
from burgee.store.registry import Data
from burgee.workspace import Tenant
from effort import COSTLY


class Channel(enum.Enum):
    WEB = "web"
    SHOP = "shop"


@dataclass(frozen=True)
class Line:
    sku: str
    price: Decimal
    count: int = 1


@burgee.event("typed.placed", version=3)
class Placed:
    """An event with one field of each kind there is."""

    order: str
    total: Decimal
    at: datetime
    day: date
    took: timedelta
    channel: Channel
    id: UUID
    note: str | None = None
    weight: float = 0.0
    count: int = 0
    gift: bool = False
    lines: tuple[Line, ...] = ()
    tags: dict[str, list[int]] = field(default_factory=dict)
    either: int | Decimal = 0


@burgee.event("typed.rated")
class Rated(BaseModel):
    stars: int
    by: Line | None = None


zones = st.just(UTC) | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
lines = st.builds(Line, texts, decimals, st.integers())
placed = st.builds(
    Placed,
    order=texts,
    total=decimals,
    at=st.datetimes(timezones=zones),
    day=st.dates(),
    took=st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
    channel=st.sampled_from(Channel),
    id=st.uuids(),
    note=st.none() | texts,
    weight=st.floats(allow_nan=False, allow_infinity=False),
    count=st.integers(),
    gift=st.booleans(),
    lines=st.lists(lines, max_size=3).map(tuple),
    tags=st.dictionaries(texts, st.lists(st.integers(), max_size=3), max_size=3),
    either=st.integers() | decimals,
)
_numbers = itertools.count(1)
rated = st.builds(Rated, stars=st.integers(), by=st.none() | lines)


@pytest.fixture
def fresh() -> Iterator[None]:
    """What a test registers is gone after it."""
    with registry.isolated():
        yield


@given(event=placed | rated)
def test_p5_a_typed_event_comes_back_equal(event: Placed | Rated) -> None:
    name, version, data = typed.encode(event)
    assert typed.decode(name, version, data, "") == event


@settings(COSTLY, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(placed | rated, min_size=1, max_size=5))
def test_p6_typed_events_come_back_equal_and_in_order_from_the_log(acme: Tenant, events: list[Placed | Rated]) -> None:
    stream = f"typed-{next(_numbers)}"
    acme.events.append(stream, events)
    stored = list(acme.events.read(stream))
    assert [one.event for one in stored] == events
    assert [one.type for one in stored] == [
        {"Placed": "typed.placed"}.get(type(e).__name__, "typed.rated") for e in events
    ]
    assert [one.schema_version for one in stored] == [3 if isinstance(e, Placed) else 1 for e in events]


def test_a_decimal_is_kept_as_text_so_that_no_digit_is_lost(acme: Tenant) -> None:
    acme.events.append("s", Rated(stars=5, by=Line("a", Decimal("0.10"))))
    [stored] = acme.events.read("s")
    assert stored.data == {"stars": 5, "by": {"sku": "a", "price": "0.10", "count": 1}}


def test_typed_and_plain_events_go_in_together_with_metadata_beside(acme: Tenant) -> None:
    rating = burgee.Event.of(
        Rated(stars=1), metadata={"source": "app"}, id="r1", occurred_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    acme.events.append("s", [rating, Rated(stars=2), burgee.Event("plain"), {"type": "dict"}])
    stored = list(acme.events.read("s"))
    assert [one.event for one in stored] == [Rated(stars=1), Rated(stars=2), None, None]
    assert (stored[0].id, stored[0].metadata, stored[0].occurred_at.day) == ("r1", {"source": "app"}, 2)


def test_a_number_where_a_decimal_is_declared_becomes_one() -> None:
    line = Rated.model_construct(stars=5, by=Line("a", 3))  # type: ignore[arg-type] # what a notebook lets through
    assert typed.encode(line)[2]["by"] == {"sku": "a", "price": "3", "count": 1}


@pytest.mark.parametrize(
    ("event", "field_name"),
    [
        (Rated.model_construct(stars="many"), "stars"),
        (Rated.model_construct(stars=1, by=Line("a", Decimal("NaN"))), "by.price"),
        (Rated.model_construct(stars=1, by=Line(7, Decimal(1))), "by.sku"),  # type: ignore[arg-type] # the same
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_name_and_nothing_is_stored(
    acme: Tenant, event: Rated, field_name: str
) -> None:
    with pytest.raises(burgee.PayloadError) as caught:
        acme.events.append("s", [Rated(stars=1), event])
    assert (caught.value.type, caught.value.field) == ("typed.rated", field_name)
    assert acme.events.query().count() == 0


@pytest.mark.usefixtures("fresh")
def test_what_would_come_back_as_something_else_is_refused() -> None:
    @burgee.event("typed.vague")
    class Vague:
        when: str | datetime

    with pytest.raises(burgee.PayloadError, match=r"when: datetime.* would come back as '2026"):
        typed.encode(Vague(datetime(2026, 1, 1, tzinfo=UTC)))
    assert typed.encode(Vague("noon"))[2] == {"when": "noon"}


class Unregistered(BaseModel):
    x: int = 1


@pytest.mark.parametrize("event", [Line("a", Decimal(1)), Unregistered()], ids=["dataclass", "model"])
def test_an_object_of_a_class_that_is_not_registered_is_no_event(acme: Tenant, event: object) -> None:
    with pytest.raises(burgee.InvalidInputError, match="is not an event"):
        acme.events.append("s", event)  # type: ignore[arg-type] # expected: it is no event


def test_data_that_does_not_fit_its_class_is_told_when_it_is_read_as_one(acme: Tenant) -> None:
    acme.events.append("s", burgee.Event("typed.rated", {"stars": "five"}))
    [stored] = acme.events.read("s")
    with pytest.raises(burgee.PayloadError, match=r"'typed.rated' at version 1 of stream 's': stars") as caught:
        _ = stored.event
    assert caught.value.field == "stars"
    assert stored.data == {"stars": "five"}, "as data it is there all the same"


# Registering


@pytest.mark.usefixtures("fresh")
def test_the_same_cell_again_takes_its_own_place_and_another_class_is_refused() -> None:
    def cell() -> type:
        @burgee.event("typed.cell")
        class Cell:
            x: int

        return Cell

    first, second = cell(), cell()
    assert first is not second
    newest = registry.newest("typed.cell")
    assert newest is not None
    assert newest.kind is second
    assert typed.encode(first(1)) == ("typed.cell", 1, {"x": 1}), "objects of the cell's first run are still events"
    with pytest.raises(burgee.AlreadyExistsError, match=r"typed.cell version 1") as caught:
        burgee.event("typed.cell")(type("Other", (), {"__annotations__": {"x": int}}))
    assert "version=2" in caught.value.hints[0]


def test_the_registry_says_name_version_and_fields() -> None:
    [rating] = [one for one in registry.registered() if one.name == "typed.rated"]
    assert (rating.version, rating.kind) == (1, Rated)
    assert list(rating.fields) == ["stars", "by"]
    assert rating.fields["stars"] == "int"
    assert rating.fields["by"].endswith("Line | None")


@pytest.mark.usefixtures("fresh")
def test_a_subclass_of_an_event_is_not_that_event() -> None:
    @dataclass(frozen=True)
    class Special(Line):
        pass

    burgee.event("typed.line")(Line)
    assert not typed.is_typed(Special("a", Decimal(1)))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
def test_a_schema_version_is_a_whole_number_from_1(wrong: int) -> None:
    with pytest.raises(burgee.InvalidInputError, match="schema version"):
        burgee.event("typed.x", version=wrong)
    with pytest.raises(burgee.InvalidInputError, match="schema version"):
        burgee.upcaster("typed.x", wrong)


# Upcasting


@pytest.fixture
def priced(acme: Tenant, fresh: None) -> Tenant:
    """A tenant with events of three versions, and the upcasters between them."""
    _ = fresh
    acme.events.append("p-1", burgee.Event("priced", {"cents": 150}))
    acme.events.append("p-1", burgee.Event("priced", {"total": "2.50"}, schema_version=2))
    acme.events.append("p-2", burgee.Event("priced", {"total": "3.50", "currency": "USD"}, schema_version=3))
    acme.events.append("p-2", burgee.Event("other", {"cents": 1}))

    @burgee.event("priced", version=3)
    class Priced:
        total: Decimal
        currency: str

    _ = Priced

    @burgee.upcaster("priced", 1)
    def _total(data: dict[str, Json]) -> Data:
        cents = data.pop("cents")
        assert isinstance(cents, int)
        return {"total": str(Decimal(cents) / 100)}

    @burgee.upcaster("priced", 2)
    def _currency(data: dict[str, Json]) -> Data:
        return {**data, "currency": "EUR"}

    return acme


def test_old_versions_are_read_as_the_newest_by_a_chain_of_upcasters(priced: Tenant) -> None:
    stored = list(priced.events.query("priced").list())
    assert [one.data for one in stored] == [
        {"total": "1.5", "currency": "EUR"},
        {"total": "2.50", "currency": "EUR"},
        {"total": "3.50", "currency": "USD"},
    ]
    assert [one.schema_version for one in stored] == [3, 3, 3]
    assert [vars_of(one.event) for one in stored] == [
        (Decimal("1.5"), "EUR"),
        (Decimal("2.50"), "EUR"),
        (Decimal("3.50"), "USD"),
    ]


def test_frames_have_the_fields_of_the_newest_version_and_others_are_left_alone(priced: Tenant) -> None:
    frame = priced.events.query().frame()
    assert list(frame["total"].fillna("-")) == ["1.5", "2.50", "3.50", "-"]
    assert list(frame["currency"].fillna("-")) == ["EUR", "EUR", "USD", "-"]
    assert list(frame["cents"].fillna(0)) == [0, 0, 0, 1]


def test_the_log_is_as_it_was_and_can_be_had_as_it_was(priced: Tenant) -> None:
    for one in priced.events.query("priced").list():
        _ = one.event
    frame = priced.events.query("priced").frame(as_stored=True)
    assert list(frame["cents"].fillna(0)) == [150, 0, 0]
    stored = list(priced.events.query("priced").list(as_stored=True))
    assert [one.schema_version for one in stored] == [1, 2, 3]
    assert stored[0].data == {"cents": 150}
    assert vars_of(stored[0].event) == (Decimal("1.5"), "EUR"), "its typed form is the newest all the same"


def test_a_newer_version_than_is_known_is_told(priced: Tenant) -> None:
    priced.events.append("p-3", burgee.Event("priced", {}, schema_version=7))
    for read in (lambda: list(priced.events.read("p-3")), priced.events.query("priced").frame):
        with pytest.raises(burgee.UnknownSchemaVersionError) as caught:
            read()
        assert (caught.value.type, caught.value.found, caught.value.known) == ("priced", 7, 3)
    assert len(priced.events.query("priced").frame(as_stored=True)) == 4


@pytest.mark.usefixtures("fresh")
def test_a_gap_in_the_chain_names_the_missing_step(acme: Tenant) -> None:
    acme.events.append("s", burgee.Event("gap", {}))

    @burgee.event("gap", version=3)
    class Gap:
        pass

    _ = Gap
    burgee.upcaster("gap", 1)(lambda data: data)
    with pytest.raises(burgee.MissingUpcasterError, match="from version 2 of 'gap' to version 3") as caught:
        acme.events.query("gap").frame()
    assert caught.value.step == 2
    assert "@burgee.upcaster('gap', 2)" in caught.value.hints[0]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("given_back", "why"), [(None, "it gave None"), (3, "it gave 3")])
def test_an_upcaster_that_gives_no_dict_is_told(acme: Tenant, given_back: object, why: str) -> None:
    acme.events.append("s", burgee.Event("bad", {}))
    burgee.upcaster("bad", 1)(lambda _: given_back)  # type: ignore[arg-type,return-value] # what a notebook lets through
    with pytest.raises(burgee.UpcastError, match=why):
        list(acme.events.read("s"))


@pytest.mark.usefixtures("fresh")
def test_an_upcaster_that_fails_says_where_and_why(acme: Tenant) -> None:
    acme.events.append("s", [burgee.Event("a"), burgee.Event("bad", {})])
    burgee.upcaster("bad", 1)(lambda data: {"x": data["missing"]})
    with pytest.raises(burgee.UpcastError, match="version 2 of stream 's': KeyError") as caught:
        acme.events.query().frame()
    assert isinstance(caught.value, BurgeeError)
    assert isinstance(caught.value.__cause__, KeyError)
    assert (caught.value.type, caught.value.schema_version) == ("bad", 1)


@pytest.mark.usefixtures("fresh")
def test_an_upcaster_twice_is_refused_unless_it_is_the_same_cell_again() -> None:
    def cell() -> None:
        @burgee.upcaster("twice", 1)
        def _(data: Data) -> Data:
            return data

    cell()
    cell()
    with pytest.raises(burgee.AlreadyExistsError, match="twice 1 -> 2"):
        burgee.upcaster("twice", 1)(lambda data: data)


@pytest.mark.usefixtures("fresh")
def test_what_an_upcaster_does_to_its_dict_harms_nobody_else(acme: Tenant) -> None:
    acme.events.append("s", burgee.Event("deep", {"a": {"b": [1]}}))
    [stored] = acme.events.query("deep").list()

    @burgee.upcaster("deep", 1)
    def _(data: dict[str, Json]) -> Data:
        inner = data["a"]
        assert isinstance(inner, dict)
        inner["b"].append(2)
        return data

    assert stored.current().data == {"a": {"b": [1, 2]}}
    assert stored.data == {"a": {"b": [1]}}
    assert stored.current().data == {"a": {"b": [1, 2]}}


def vars_of(event: object) -> tuple[object, object]:
    """The two fields of a priced event, whichever run of the fixture made its class."""
    return getattr(event, "total", None), getattr(event, "currency", None)
