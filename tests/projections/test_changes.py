"""Projections that fail, are mended, paused, rebuilt, replayed and reset, in every mode (R2.5)."""

from decimal import Decimal
from typing import override

import pytest

import burgee
from burgee.projections.model import At
from burgee.workspace import Tenant, Workspace
from projections.shop import Log, Placed, Revenue, place, positions

type View = burgee.ProjectionHandle[dict[str, Decimal]]


@pytest.fixture
def revenue(acme: Tenant) -> View:
    return acme.projections.add(Revenue())


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
