"""What users write with typed events, aggregates and projections, and the types they get. mypy checks this only."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Self, assert_type, override

import pandas as pd
from pydantic import BaseModel

import burgee
from burgee.core.json import Json
from burgee.events.repository import EventStore, Step


@burgee.event("order.placed", version=2)
class OrderPlaced:
    order: str
    total: Decimal
    currency: str = "EUR"


@burgee.event("order.shipped")
class OrderShipped(BaseModel):
    carrier: str


@burgee.upcaster("order.placed", 1)
def with_currency(data: dict[str, Json]) -> dict[str, Json]:
    return {**data, "currency": "EUR"}


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
        return self.record(OrderShipped(carrier="post"))


class Revenue(burgee.Projection[OrderPlaced, dict[str, Decimal]]):
    @override
    def initial(self) -> dict[str, Decimal]:
        return {}

    @override
    def apply(self, state: dict[str, Decimal], event: OrderPlaced) -> dict[str, Decimal]:
        return {**state, event.currency: event.total}


def appending(events: burgee.Events) -> None:
    placed = OrderPlaced("o1", Decimal("9.50"))
    assert_type(placed.total, Decimal)
    events.append("order-1", placed)
    events.append("order-1", [placed, OrderShipped(carrier="post"), burgee.Event("x")])
    assert_type(burgee.Event.of(placed, metadata={"by": "ada"}), burgee.Event)


def loading(events: burgee.Events) -> None:
    orders = events.store(Order)
    assert_type(orders, EventStore[OrderPlaced | OrderShipped, Order])
    order = orders.load("order-42")
    assert_type(order, Order)
    assert_type(order.total, Decimal)
    assert_type(order.version, int)
    assert_type(order.changes, tuple[OrderPlaced | OrderShipped, ...])
    assert_type(order.ship(), Order)
    assert_type(orders.save(order.ship()), Order)
    assert_type(orders.change("order-42", lambda it: it.ship(), retries=3), Order)
    assert_type(orders.change("order-42", lambda _: OrderShipped(carrier="bike")), Order)
    assert_type(orders.load("order-42", as_of="2026-11-01"), Order)
    assert_type(events.load(Order, "order-42", version=3), Order)
    assert_type(iter(orders.history("order-42")), Iterator[Step[Order]])
    assert_type(orders.history("order-42").frame(), pd.DataFrame)
    assert_type(orders.frame("order"), pd.DataFrame)


def projecting(tenant: burgee.Tenant) -> None:
    revenue = tenant.projections.add(Revenue())
    assert_type(revenue, burgee.ProjectionHandle[dict[str, Decimal]])
    assert_type(revenue.catch_up().run().state(), dict[str, Decimal])
    assert_type(revenue.frame(), pd.DataFrame)
    assert_type(tenant.projections.add(Revenue).rebuild().state(), dict[str, Decimal])
    assert_type(tenant.projections.frame(), pd.DataFrame)


def mistakes(events: burgee.Events, order: Order) -> None:
    order.total = Decimal(1)  # type: ignore[misc] # expected: an aggregate does not change
    Order(totl=Decimal(1))  # type: ignore[call-arg] # expected: there is no such field
    order.record(Revenue())  # type: ignore[arg-type] # expected: not one of its events
    OrderPlaced("o1")  # type: ignore[call-arg] # expected: it has a total
    OrderPlaced("o1", 9.5)  # type: ignore[arg-type] # expected: money is a Decimal
    events.store(OrderPlaced)  # type: ignore[arg-type] # expected: an event is no aggregate
