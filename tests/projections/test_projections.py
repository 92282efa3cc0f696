"""Projections, in every mode: caught up, paused, rebuilt, replayed, failed, mended; seen as frames (R2.5, R2.10)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import BaseModel

import burgee
from burgee.projections.runner import BATCH
from burgee.workspace import Tenant, Workspace
from projections.shop import Log, Placed, Revenue, Shipped, place, positions

type View = burgee.ProjectionHandle[dict[str, Decimal]]


@pytest.fixture
def revenue(acme: Tenant) -> View:
    return acme.projections.add(Revenue())


def test_a_view_is_what_its_events_make_it_and_goes_on_where_it_stopped(acme: Tenant, revenue: View) -> None:
    assert revenue.state() == {}
    place(acme, 1.5, 2)
    place(acme, 9, currency="USD")
    assert revenue.catch_up().state() == {"EUR": Decimal("3.5"), "USD": Decimal(9)}
    place(acme, 1)
    assert revenue.state()["EUR"] == Decimal("3.5"), "nothing runs by itself"
    assert revenue.catch_up().catch_up().state()["EUR"] == Decimal("4.5")
    assert acme.projections["revenue"].state() == revenue.state()


def test_it_goes_on_in_another_handle_and_says_how_far_it_is(ws: Workspace, acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    assert (revenue.status().position, revenue.status().lag, revenue.status().updated_at) == (0, 1, None)
    revenue.catch_up()
    place(acme, 2, 3)
    status = ws.tenant(acme.id).projections.add(Revenue()).status()
    assert (status.name, status.status, status.position, status.lag) == ("revenue", "active", positions(acme)[0], 2)
    assert (status.running, status.error) == (False, None)
    assert ws.tenant(acme.id).projections["revenue"].catch_up().state() == {"EUR": Decimal(6)}


def test_more_events_than_fit_a_batch_are_each_applied_once_and_in_order(acme: Tenant) -> None:
    """P6."""
    acme.events.append("s", [burgee.Event("e", {"n": n}) for n in range(2 * BATCH + 7)])
    log = acme.projections.add(Log()).catch_up()
    assert log.state() == positions(acme)
    acme.events.append("s", [burgee.Event("e", {"n": n}) for n in range(BATCH)])
    assert log.catch_up().state() == positions(acme)
    assert log.status().lag == 0


def test_it_reads_only_the_events_it_is_about(acme: Tenant, revenue: View) -> None:
    acme.events.append("order-1", [Shipped("order-1"), burgee.Event("x"), Placed("order-1", Decimal(1))])
    assert revenue.catch_up().state() == {"EUR": 1}
    assert revenue.status().lag == 0


@pytest.mark.parametrize(
    ("types", "category", "seen"),
    [((), None, 4), (("proj.*",), None, 3), ("x", None, 1), ((), "order", 3), (("proj.placed",), "cart", 1)],
)
def test_types_and_category_choose(acme: Tenant, types: Any, category: str | None, seen: int) -> None:
    class Chosen(Log):
        pass

    Chosen.types, Chosen.category = types, category
    acme.events.append("order-1", [Placed("o", Decimal(1)), Shipped("o"), burgee.Event("x")])
    acme.events.append("cart-1", Placed("o", Decimal(1)))
    assert len(acme.projections.add(Chosen()).catch_up().state()) == seen


def test_a_view_as_a_frame_has_a_row_for_each_entry(acme: Tenant, revenue: View) -> None:
    place(acme, 1.5)
    place(acme, 9, currency="USD")
    frame = revenue.catch_up().frame()
    expected = pd.DataFrame({"currency": ["EUR", "USD"], "value": [1.5, 9.0]})
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert pa.types.is_decimal(revenue.arrow()["value"].type)
    assert revenue.arrow()["value"].to_pylist() == [Decimal("1.5"), Decimal(9)]


@dataclass
class Customer:
    orders: int = 0
    spent: Decimal = Decimal(0)


class Whole(BaseModel):
    orders: int = 0
    last: str | None = None


class Customers(burgee.Projection[Placed, dict[str, Customer]]):
    key = "order"

    @override
    def initial(self) -> dict[str, Customer]:
        return {}

    @override
    def apply(self, state: dict[str, Customer], event: Placed) -> dict[str, Customer]:
        it = state.setdefault(event.order, Customer())
        it.orders += 1
        it.spent += event.total
        return state


class Counted(burgee.Projection[Placed | Shipped, Whole]):
    name = "how-many"

    @override
    def initial(self) -> Whole:
        return Whole()

    @override
    def apply(self, state: Whole, event: Placed | Shipped) -> Whole:
        return Whole(orders=state.orders + 1, last=type(event).__name__)


class Number(burgee.Projection[Placed, int]):
    @override
    def initial(self) -> int:
        return 0

    @override
    def apply(self, state: int, event: Placed) -> int:
        return state + 1


def test_views_may_be_whatever_pydantic_writes_and_reads(acme: Tenant) -> None:
    acme.events.append(
        "s", [Placed("o1", Decimal(1)), Placed("o2", Decimal(2)), Placed("o1", Decimal(3)), Shipped("o1")]
    )
    customers = acme.projections.add(Customers()).catch_up()
    assert customers.state() == {"o1": Customer(2, Decimal(4)), "o2": Customer(1, Decimal(2))}
    assert list(customers.frame().columns) == ["order", "orders", "spent"]
    assert list(customers.frame()["orders"]) == [2, 1]
    counted = acme.projections.add(Counted).catch_up()
    assert counted.state() == Whole(orders=4, last="Shipped")
    assert counted.frame().to_dict("records") == [{"orders": 4, "last": "Shipped"}]
    assert acme.projections.add(Number()).catch_up().frame().to_dict("records") == [{"value": 3}]
    assert [handle.name for handle in acme.projections] == ["customers", "how-many", "number"]


# Names


def test_one_whose_code_is_elsewhere_can_be_seen_and_paused_and_not_run(
    ws: Workspace, acme: Tenant, revenue: View
) -> None:
    place(acme, 1.5)
    revenue.catch_up()
    acme.projections._known.clear()  # as in another process
    it = ws.tenant(acme.id).projections["revenue"]
    assert it.state() == {"EUR": "1.5"}
    assert it.frame().to_dict("records") == [{"key": "EUR", "value": "1.5"}]
    assert it.status().lag is None
    assert it.pause().status().status == "paused"
    assert it.resume().status().status == "active"
    assert it.state() == {"EUR": "1.5"}
    for run in (it.catch_up, it.run, it.rebuild, it.retry, it.skip, it.reset):
        with pytest.raises(burgee.InvalidInputError, match="not in this process"):
            run()


def test_an_unknown_name_is_told_with_those_there_are(acme: Tenant, revenue: View) -> None:
    revenue.catch_up()
    with pytest.raises(burgee.NotFoundError, match="no projection 'revenu'") as caught:
        acme.projections["revenu"]
    assert caught.value.hints == ["did you mean 'revenue'?"]


def test_a_removed_one_is_gone_and_begins_from_nothing(acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    revenue.catch_up()
    assert acme.projections.remove("revenue")
    assert not acme.projections.remove("revenue")
    with pytest.raises(burgee.NotFoundError):
        acme.projections["revenue"]
    assert acme.projections.add(Revenue()).state() == {}


def test_two_classes_of_one_name_are_refused_and_the_same_again_is_not(acme: Tenant, revenue: View) -> None:
    class Other(Revenue):
        name = "revenue"

    with pytest.raises(burgee.AlreadyExistsError, match="revenue"):
        acme.projections.add(Other())
    again = acme.projections.add(Revenue())
    assert again is not revenue
    assert acme.projections["revenue"] is again
    assert acme.projections._ipython_key_completions_() == ["revenue"]


class Unkept(burgee.Projection[Placed, burgee.Workspace]):
    def initial(self) -> Any:
        return None

    def apply(self, state: Any, event: Placed) -> Any:
        _ = event
        return state


class Unknown(burgee.Projection[Placed, "Nowhere"]):  # type: ignore[name-defined]
    def initial(self) -> Any:
        return None

    def apply(self, state: Any, event: Placed) -> Any:
        _ = event
        return state


class Quoted(burgee.Projection[Placed, "dict[str, Customer]"]):
    def initial(self) -> dict[str, Customer]:
        return {"all": Customer()}

    def apply(self, state: dict[str, Customer], event: Placed) -> dict[str, Customer]:
        state["all"].spent += event.total
        return state


def test_a_view_may_be_named_in_quotes(acme: Tenant) -> None:
    place(acme, 1, 2)
    assert acme.projections.add(Quoted()).catch_up().state() == {"all": Customer(0, Decimal(3))}


@pytest.mark.parametrize(
    ("given", "said"),
    [("revenue", "no projection"), (3, "no projection"), (Unkept(), "kept as JSON"), (Unknown(), "kept as JSON")],
)
def test_what_is_no_projection_is_refused(acme: Tenant, given: Any, said: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        acme.projections.add(given)


def test_a_view_that_no_longer_fits_its_class_is_told_and_can_be_rebuilt(acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    revenue.catch_up()

    class Named(Counted):
        name = "revenue"

    acme.projections._known.clear()
    changed = acme.projections.add(Named())
    with pytest.raises(burgee.InvalidInputError, match="does not fit its class") as caught:
        changed.catch_up()
    assert any("rebuild" in hint for hint in caught.value.hints)
    assert changed.rebuild().state() == Whole(orders=1, last="Placed")


def test_another_tenant_sees_nothing_of_it(ws: Workspace, acme: Tenant, revenue: View) -> None:
    """P10."""
    place(acme, 1)
    revenue.catch_up()
    other = ws.tenants.create(f"{acme.id}-other")
    assert list(other.projections) == []
    with pytest.raises(burgee.NotFoundError):
        other.projections["revenue"]
    place(other, 7)
    assert other.projections.add(Revenue()).catch_up().state() == {"EUR": Decimal(7)}
    assert revenue.catch_up().state() == {"EUR": Decimal(1)}
