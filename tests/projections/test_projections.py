"""Projections, in every mode: caught up, paused, rebuilt, replayed, failed, mended; seen as frames (R2.5, R2.10)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import BaseModel

import burgee
from burgee.projections.model import At
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


# Failing


def test_an_event_that_fails_stops_its_projection_before_it_with_the_cause(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 2, 13, 4)
    log = acme.projections.add(Log())
    with pytest.raises(burgee.ProjectionFailedError, match="ValueError: unlucky") as caught:
        revenue.catch_up()
    failing = positions(acme)[2]
    assert (caught.value.name, caught.value.position) == ("revenue", failing)
    assert isinstance(caught.value.__cause__, ValueError)
    assert revenue.state() == {"EUR": Decimal(3)}, "what came before is kept, and no half of the failing one"
    status = revenue.status()
    assert (status.status, status.position, status.lag) == ("failed", positions(acme)[1], 2)
    assert status.error is not None
    assert (status.error.stream, status.error.version, status.error.type) == ("order-1", 3, "proj.placed")
    assert log.catch_up().state() == positions(acme), "others go on"


def test_a_failure_is_there_for_others_and_after_a_restart(ws: Workspace, acme: Tenant, revenue: View) -> None:
    place(acme, 13)
    with pytest.raises(burgee.ProjectionFailedError):
        revenue.catch_up()
    again = ws.tenant(acme.id).projections.add(Revenue())
    with pytest.raises(burgee.ProjectionFailedError, match="unlucky"):
        again.catch_up()
    frame = acme.projections.frame()
    assert list(frame.columns) == ["name", "status", "position", "lag", "running", "error", "updated_at"]
    assert frame[["name", "status", "error"]].to_dict("records") == [
        {"name": "revenue", "status": "failed", "error": "ValueError: unlucky"}
    ]
    assert list(revenue.status().frame().columns) == list(frame.columns)


def test_retry_goes_on_when_the_code_is_mended_and_fails_again_when_not(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 13, 4)
    for go_on in (revenue.catch_up, revenue.retry):
        with pytest.raises(burgee.ProjectionFailedError, match="unlucky"):
            go_on()
    assert revenue.state() == {"EUR": Decimal(1)}

    class Mended(Revenue):
        name = "revenue"

        @override
        def apply(self, state: dict[str, Decimal], event: Placed) -> dict[str, Decimal]:
            return state | {event.currency: state.get(event.currency, Decimal(0)) + event.total}

    Mended.__qualname__, Mended.__module__ = Revenue.__qualname__, Revenue.__module__  # the cell, edited
    mended = acme.projections.add(Mended())
    assert mended.retry().state() == {"EUR": Decimal(18)}
    assert mended.status().status == "active"


def test_skip_leaves_out_the_failing_event_and_only_that(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 13, 4, 13, 5)
    with pytest.raises(burgee.ProjectionFailedError):
        revenue.catch_up()
    with pytest.raises(burgee.ProjectionFailedError) as caught:
        revenue.skip()
    assert caught.value.position == positions(acme)[3]
    assert revenue.state() == {"EUR": Decimal(5)}
    assert revenue.skip().state() == {"EUR": Decimal(10)}
    with pytest.raises(burgee.InvalidInputError, match="has not failed"):
        revenue.skip()


def test_an_event_whose_data_does_not_fit_fails_its_projection_too(acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    acme.events.append("order-1", burgee.Event("proj.placed", {"order": "o", "total": "much"}))
    with pytest.raises(burgee.ProjectionFailedError, match="total") as caught:
        revenue.catch_up()
    assert isinstance(caught.value.__cause__, burgee.PayloadError)
    assert revenue.skip().state() == {"EUR": Decimal(1)}


class Forgetful(burgee.Projection[Placed, dict[str, int]]):
    @override
    def initial(self) -> dict[str, int]:
        return {}

    @override
    def apply(self, state: dict[str, int], event: Placed) -> dict[str, int]:
        state[event.order] = 1
        if event.total == 1:
            return state
        return None if event.total == 2 else {"x": "many"}  # type: ignore[return-value,dict-item] # two usual slips


@pytest.mark.parametrize(("total", "why"), [(2, "apply gave None"), (3, "many")])
def test_a_view_that_is_not_one_fails_at_the_event_that_made_it(acme: Tenant, total: int, why: str) -> None:
    place(acme, 1, total, 1)
    forgetful = acme.projections.add(Forgetful())
    with pytest.raises(burgee.ProjectionFailedError, match=why) as caught:
        forgetful.catch_up()
    assert caught.value.position == positions(acme)[1]
    assert forgetful.state() == {"order-1": 1}


# Pausing, rebuilding, replaying, resetting


def test_a_pause_holds_for_everybody_until_it_is_over(ws: Workspace, acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    revenue.catch_up().pause().pause()
    place(acme, 2)
    other = ws.tenant(acme.id).projections.add(Revenue())
    for handle in (revenue, other):
        with pytest.raises(burgee.ConflictError, match="paused"):
            handle.catch_up()
    assert (other.state(), other.status().status) == ({"EUR": Decimal(1)}, "paused")
    assert other.resume().catch_up().state() == {"EUR": Decimal(3)}
    assert revenue.status().status == "active"


def test_one_that_never_ran_can_be_paused(acme: Tenant, revenue: View) -> None:
    place(acme, 1)
    assert revenue.pause().state() == {}
    assert revenue.resume().catch_up().state() == {"EUR": Decimal(1)}


def test_a_failed_one_that_was_paused_is_still_failed(acme: Tenant, revenue: View) -> None:
    place(acme, 13)
    with pytest.raises(burgee.ProjectionFailedError):
        revenue.catch_up()
    revenue.pause()
    with pytest.raises(burgee.ConflictError, match="paused"):
        revenue.retry()
    assert revenue.resume().status().status == "failed"
    assert revenue.skip().status().status == "active"


def test_rebuild_makes_the_view_anew_and_readers_see_the_old_one_meanwhile(ws: Workspace, acme: Tenant) -> None:
    seen: list[dict[str, Decimal]] = []
    reader = ws.tenant(acme.id).projections

    class Doubled(Revenue):
        name = "revenue"
        factor = 1

        @override
        def apply(self, state: dict[str, Decimal], event: Placed) -> dict[str, Decimal]:
            if self.factor == 2:
                seen.append(reader["revenue"].state())
            return super().apply(state, Placed(event.order, self.factor * event.total, event.currency))

    place(acme, *range(1, 6))
    it = Doubled()
    handle = acme.projections.add(it).catch_up()
    it.factor = 2
    assert handle.rebuild().state() == {"EUR": Decimal(30)}
    assert seen == [{"EUR": Decimal(15)}] * 5
    assert handle.status().lag == 0
    place(acme, 1)
    assert handle.catch_up().state() == {"EUR": Decimal(32)}


def test_a_rebuild_that_fails_leaves_the_view_as_it_was(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 13)
    with pytest.raises(burgee.ProjectionFailedError):
        revenue.catch_up()
    revenue.skip()
    before = revenue.status()
    with pytest.raises(burgee.ProjectionFailedError, match="unlucky") as caught:
        revenue.rebuild()
    assert any("as it was" in hint for hint in caught.value.hints)
    assert (revenue.status(), revenue.state()) == (before, {"EUR": Decimal(1)})


def test_a_rebuild_mends_a_failed_one_and_lets_a_paused_one_rest(acme: Tenant, revenue: View) -> None:
    place(acme, 13, 1)
    with pytest.raises(burgee.ProjectionFailedError):
        revenue.catch_up()
    assert revenue.replay(after=positions(acme)[0]).state() == {"EUR": Decimal(1)}
    assert revenue.status().status == "active"
    revenue.pause().replay(after=positions(acme)[0])
    assert revenue.status().status == "paused"


def test_replay_counts_only_what_comes_behind_a_position(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 2, 3)
    assert revenue.catch_up().replay(after=positions(acme)[1]).state() == {"EUR": Decimal(3)}
    assert revenue.replay(after=positions(acme)[-1]).state() == {}
    with pytest.raises(burgee.InvalidInputError, match="after must be a whole number"):
        revenue.replay(after=-1)


def test_reset_empties_the_view_and_begins_again(acme: Tenant, revenue: View) -> None:
    place(acme, 1, 2)
    assert revenue.catch_up().reset().state() == {}
    assert revenue.status().lag == 2
    assert revenue.catch_up().state() == {"EUR": Decimal(3)}


def test_a_stale_view_begins_anew_and_is_not_shown(ws: Workspace, acme: Tenant, revenue: View) -> None:
    """As after a person's data was forgotten."""
    place(acme, 1)
    revenue.catch_up()
    service = acme._services.projections
    row = acme._link.call(service.checkpoint("revenue"))
    acme._link.call(service.save("revenue", At(row.position, row.revision), row.position, "stale"))
    assert revenue.state() == {}
    elsewhere = ws.tenant(acme.id)
    elsewhere.projections._known.clear()
    with pytest.raises(burgee.ConflictError, match="no longer to be seen"):
        elsewhere.projections["revenue"].state()
    assert revenue.pause().resume().state() == {}
    place(acme, 2)
    assert revenue.catch_up().state() == {"EUR": Decimal(3)}
    assert revenue.status().status == "active"


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
