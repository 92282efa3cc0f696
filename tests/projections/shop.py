"""Events and projections that the tests of this folder share."""

from decimal import Decimal
from typing import override

import burgee
from burgee.workspace import Tenant


@burgee.event("proj.placed")
class Placed:
    order: str
    total: Decimal
    currency: str = "EUR"


@burgee.event("proj.shipped")
class Shipped:
    order: str


class Revenue(burgee.Projection[Placed, dict[str, Decimal]]):
    """Revenue by currency. It can't stand the total 13."""

    key = "currency"

    @override
    def initial(self) -> dict[str, Decimal]:
        return {}

    @override
    def apply(self, state: dict[str, Decimal], event: Placed) -> dict[str, Decimal]:
        state[event.currency] = state.get(event.currency, Decimal(0)) + event.total
        if event.total == 13:
            raise ValueError("unlucky")
        return state


class Log(burgee.Projection[burgee.StoredEvent, list[int]]):
    """The positions of all events: what was applied, and how often."""

    @override
    def initial(self) -> list[int]:
        return []

    @override
    def apply(self, state: list[int], event: burgee.StoredEvent) -> list[int]:
        return [*state, event.position]


def place(acme: Tenant, *totals: float, currency: str = "EUR") -> None:
    """Orders of these totals."""
    acme.events.append("order-1", [Placed("order-1", Decimal(str(total)), currency) for total in totals])


def positions(acme: Tenant) -> list[int]:
    """Those of all events there are."""
    return [event.position for event in acme.events.read()]
