"""Aggregates of the user's own, in every mode: loaded, changed, saved, at a version and a time (R2.2-R2.4, P5, P7)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Self

import pandas as pd
import pytest

import burgee
from burgee.events.repository import EventStore
from burgee.store import registry
from burgee.workspace import Tenant


@burgee.event("agg.placed")
class Placed:
    total: Decimal


@burgee.event("agg.shipped")
@dataclass(frozen=True)
class Shipped:
    carrier: str = "post"


@burgee.event("agg.noted")
class Noted:
    text: str


class TwiceError(Exception):
    """A decision of the shop's own."""


class Order(burgee.Aggregate[Placed | Shipped]):
    total: Decimal = Decimal(0)
    shipped: bool = False

    def apply(self, event: Placed | Shipped) -> Self:
        match event:
            case Placed(total=total):
                return self.evolve(total=self.total + total)
            case Shipped():
                return replace(self, shipped=True)

    def ship(self) -> Self:
        if self.shipped:
            raise TwiceError
        return self.record(Shipped())


type Orders = EventStore[Placed | Shipped, Order]


@pytest.fixture
def orders(acme: Tenant) -> Orders:
    return acme.events.store(Order)


def test_p5_what_was_saved_is_what_is_loaded(acme: Tenant, orders: Orders) -> None:
    order = orders.new("order-1").record(Placed(Decimal("1.50")), Placed(Decimal(2))).ship()
    assert (order.version, len(order.changes), order.total) == (3, 3, Decimal("3.50"))
    assert acme.events.query().count() == 0, "nothing is stored before it is saved"
    saved = orders.save(order)
    loaded = orders.load("order-1")
    assert saved == loaded == order
    assert (loaded.stream, loaded.version, loaded.changes, saved.changes) == ("order-1", 3, (), ())
    assert [e.event for e in acme.events.read("order-1")] == list(order.changes)
    assert acme.events.load(Order, "order-1") == loaded


def test_an_aggregate_is_a_value_and_its_decisions_give_new_ones(orders: Orders) -> None:
    new = orders.new("order-1")
    placed = new.record(Placed(Decimal(1)))
    assert (new.version, new.total, new.changes) == (0, Decimal(0), ())
    assert placed.version == 1
    with pytest.raises(AttributeError):
        placed.total = Decimal(2)  # type: ignore[misc] # expected: it does not change
    assert repr(placed) == "<Order 'order-1' at version 1: total=Decimal('1'), shipped=False; 1 not saved>"
    assert list(placed.frame().columns) == ["stream", "version", "total", "shipped"]


def test_a_number_where_a_decimal_is_declared_is_one_at_once(orders: Orders) -> None:
    order = orders.new("order-1").record(Placed(3))  # type: ignore[arg-type] # what a notebook lets through
    assert order.changes == (Placed(Decimal(3)),)
    assert repr(order.changes) == "(Placed(total=Decimal('3')),)"
    with pytest.raises(burgee.PayloadError, match="total"):
        order.record(Placed("much"))  # type: ignore[arg-type] # the same


def test_saving_nothing_new_is_a_no_op(acme: Tenant, orders: Orders) -> None:
    saved = orders.save(orders.new("order-1").record(Placed(Decimal(1))))
    assert orders.save(saved) is saved
    assert acme.events.query().count() == 1


def test_p7_of_two_who_loaded_the_same_the_second_is_refused(acme: Tenant, orders: Orders) -> None:
    first = orders.save(orders.new("order-1").record(Placed(Decimal(1))))
    second = orders.load("order-1")
    orders.save(first.ship())
    with pytest.raises(burgee.ConcurrencyError) as caught:
        orders.save(second.ship())
    assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("order-1", 1, 2)
    with pytest.raises(burgee.ConcurrencyError):
        orders.save(orders.new("order-1").record(Placed(Decimal(9))))
    assert acme.events.query().count() == 2


def test_change_decides_again_where_another_was_first(orders: Orders) -> None:
    orders.save(orders.new("order-1").record(Placed(Decimal(1))))
    seen: list[int] = []

    def decide(order: Order) -> Order:
        seen.append(order.version)
        if len(seen) <= 2:  # another writer, just now
            orders.save(orders.load("order-1").record(Placed(Decimal(10))))
        return order.ship()

    changed = orders.change("order-1", decide)
    assert seen == [1, 2, 3]
    assert (changed.version, changed.total, changed.shipped) == (4, Decimal(21), True)
    assert orders.load("order-1") == changed


def test_change_gives_up_after_its_retries_and_passes_on_what_a_decision_raises(orders: Orders) -> None:
    def overtaken(order: Order) -> Order:
        orders.save(orders.load("order-1").record(Placed(Decimal(1)))) if order.version else None
        return order.record(Placed(Decimal(1)))

    assert orders.change("order-1", overtaken).version == 1
    with pytest.raises(burgee.ConcurrencyError) as caught:
        orders.change("order-1", overtaken, retries=1)
    assert any("tried 2 times" in hint for hint in caught.value.hints)
    orders.change("order-1", Order.ship)
    with pytest.raises(TwiceError):
        orders.change("order-1", Order.ship)


def test_a_decision_may_give_events_or_nothing(acme: Tenant, orders: Orders) -> None:
    assert orders.change("order-1", lambda _: Placed(Decimal(1))).version == 1
    assert orders.change("order-1", lambda _: [Placed(Decimal(1)), Shipped("bike")]).version == 3
    assert orders.change("order-1", lambda _: None).version == 3
    assert orders.change("order-2", lambda _: None).version == 0
    assert acme.events.query().count() == 3
    with pytest.raises(burgee.InvalidInputError, match="not what was to be changed"):
        orders.change("order-1", lambda _: orders.new("order-2").record(Placed(Decimal(1))))


def test_many_at_once_lose_nothing(acme: Tenant, orders: Orders) -> None:
    """Eight threads, one stream: every decision is made on the state it changes."""

    def pay(_: int) -> None:
        orders.change("order-1", lambda order: order.record(Placed(order.total + 1)), retries=50)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pay, range(24)))
    totals = [e.event.total for e in acme.events.read("order-1") if isinstance(e.event, Placed)]
    assert totals == [Decimal(2**n) for n in range(24)], "each doubled what all before it had made"


def test_an_aggregate_as_it_was_at_a_version_and_at_a_time(acme: Tenant, orders: Orders) -> None:
    order = orders.new("order-1")
    for total in (1, 2, 3):
        order = orders.save(order.record(Placed(Decimal(total))))
    assert [orders.load("order-1", version=n).total for n in (1, 2, 3, 9)] == [1, 3, 6, 6]
    stored = list(acme.events.read("order-1"))
    at = stored[1].recorded_at
    if stored[2].recorded_at > at:
        assert orders.load("order-1", as_of=at).total == 3
    assert orders.load("order-1", as_of=at + timedelta(days=1)).total == 6
    for missing in ({"version": 0}, {"as_of": "2020-01-01"}):
        with pytest.raises(burgee.NotFoundError, match="order-1"):
            orders.load("order-1", **missing)


def test_a_stream_that_is_not_there_is_told_with_how_to_begin_it(orders: Orders) -> None:
    with pytest.raises(burgee.NotFoundError, match="no stream 'order-9'") as caught:
        orders.load("order-9")
    assert any("store.new('order-9')" in hint for hint in caught.value.hints)
    with pytest.raises(burgee.NotFoundError):
        orders.history("order-9")


def test_history_shows_every_state_on_the_way(orders: Orders) -> None:
    orders.save(orders.new("order-1").record(Placed(Decimal(1)), Placed(Decimal(2))).ship(), metadata={"by": "ada"})
    history = orders.history("order-1")
    assert [step.state.total for step in history] == [1, 3, 3]
    assert [step.stored.metadata for step in history] == [{"by": "ada"}] * 3
    frame = history.frame()
    assert list(frame.columns) == ["version", "type", "occurred_at", "recorded_at", "total", "shipped"]
    assert list(frame["shipped"]) == [False, False, True]


def test_all_aggregates_of_a_category_as_a_frame(acme: Tenant, orders: Orders) -> None:
    orders.save(orders.new("order-2").record(Placed(Decimal(5))))
    orders.save(orders.new("order-1").record(Placed(Decimal(1))).ship())
    acme.events.append("orderly-1", Placed(Decimal(7)))
    expected = pd.DataFrame({"stream": ["order-1", "order-2"], "version": [2, 1], "shipped": [True, False]})
    frame = orders.frame("order")
    pd.testing.assert_frame_equal(frame[["stream", "version", "shipped"]], expected, check_dtype=False)
    assert list(frame["total"]) == [1, 5]
    assert list(orders.frame(streams=["order-2"])["total"]) == [5]
    assert list(orders.frame("nothing").columns) == ["stream", "version", "total", "shipped"]
    with pytest.raises(burgee.InvalidInputError, match="which aggregates"):
        orders.frame()


def test_events_the_aggregate_is_not_about_only_count(acme: Tenant, orders: Orders) -> None:
    acme.events.append("order-1", [Placed(Decimal(1)), Noted("rang twice"), burgee.Event("unknown", {"x": 1})])
    order = orders.load("order-1")
    assert (order.version, order.total) == (3, Decimal(1))
    assert orders.save(order.ship()).version == 4
    with pytest.raises(burgee.InvalidInputError, match="no event of Order"):
        order.record(Noted("by mistake"))  # type: ignore[arg-type] # expected: not one of its events


def test_an_apply_that_forgets_a_case_is_told_with_the_event(acme: Tenant) -> None:
    class Half(burgee.Aggregate[Placed | Shipped]):
        total: Decimal = Decimal(0)

        def apply(self, event: Placed | Shipped) -> Self:
            match event:
                case Placed(total=total):
                    return self.evolve(total=total)
            return None  # type: ignore[return-value] # what a missing case gives

    halves = acme.events.store(Half)
    acme.events.append("half-1", [Placed(Decimal(1)), Shipped()])
    with pytest.raises(burgee.InvalidInputError, match=r"Half.apply gave None for Shipped") as caught:
        halves.load("half-1")
    assert any("version 2 of stream 'half-1'" in note for note in caught.value.hints)


def test_classes_that_cannot_be_aggregates_are_refused(acme: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match="needs a default"):
        type("NoDefault", (burgee.Aggregate,), {"__annotations__": {"x": int}})
    with pytest.raises(burgee.InvalidInputError, match="can't have a field 'version'"):
        type("Taken", (burgee.Aggregate,), {"__annotations__": {"version": int}, "version": 1})
    with pytest.raises(burgee.InvalidInputError, match="no class of aggregates"):
        acme.events.store(Placed)  # type: ignore[arg-type] # expected: it is an event

    class NotRegistered:
        pass

    class About(burgee.Aggregate[NotRegistered]):
        def apply(self, event: NotRegistered) -> Self:
            _ = event
            return self

    with pytest.raises(burgee.InvalidInputError, match="NotRegistered, which is no event"):
        acme.events.store(About)


@pytest.mark.parametrize("wrong", [0, -3, True, "often", 1.5])
def test_a_policy_that_is_none_is_refused(acme: Tenant, wrong: int) -> None:
    with pytest.raises(burgee.InvalidInputError, match="snapshots can't be"):
        acme.events.store(Order, snapshots=wrong)


def test_an_aggregate_of_another_class_is_refused(orders: Orders, acme: Tenant) -> None:
    class Other(burgee.Aggregate[Placed]):
        def apply(self, event: Placed) -> Self:
            _ = event
            return self

    with pytest.raises(burgee.InvalidInputError, match="is no Order"):
        orders.save(acme.events.store(Other).new("x"))  # type: ignore[arg-type] # expected: another class


def test_events_of_a_cell_that_was_run_again_are_still_its_events(acme: Tenant) -> None:
    with registry.isolated():

        def cell() -> type[Placed]:
            @burgee.event("agg.cell")
            class Cell:
                total: Decimal

            return Cell  # type: ignore[return-value] # it looks the same

        first = cell()

        class Sum(burgee.Aggregate[first]):  # type: ignore[valid-type] # a class all the same
            total: Decimal = Decimal(0)

            def apply(self, event: Placed) -> Self:
                return self.evolve(total=self.total + event.total)

        second = cell()
        sums = acme.events.store(Sum)
        saved = sums.save(sums.new("sum-1").record(first(Decimal(1)), second(Decimal(2))))
        assert saved.total == sums.load("sum-1").total == 3


def test_another_tenant_has_streams_of_its_own(ws: burgee.Workspace, acme: Tenant, orders: Orders) -> None:
    """P10."""
    orders.save(orders.new("order-1").record(Placed(Decimal(1))))
    other = ws.tenants.create(f"{acme.id}-other").events.store(Order)
    with pytest.raises(burgee.NotFoundError):
        other.load("order-1")
    assert other.save(other.new("order-1").record(Placed(Decimal(2)))).version == 1
    assert orders.load("order-1").total == 1


def test_a_closed_stream_can_be_loaded_and_no_longer_changed(acme: Tenant, orders: Orders) -> None:
    orders.save(orders.new("order-1").record(Placed(Decimal(1))))
    acme.events.close("order-1")
    assert orders.load("order-1").total == 1
    with pytest.raises(burgee.StreamClosedError):
        orders.change("order-1", Order.ship)
