"""Snapshots: the same state as by full replay, whatever the policy; used where they fit, nowhere else (P8, R2.4)."""

import itertools
from collections.abc import Callable
from dataclasses import field
from decimal import Decimal
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import burgee
from burgee.core.portal import drive
from burgee.core.scope import Scope, bind_scope
from burgee.events.model import Snapshot
from burgee.store.database import Database
from burgee.workspace import Tenant, Workspace
from effort import COSTLY


@burgee.event("snap.added")
class Added:
    name: str
    amount: Decimal


@burgee.event("snap.removed")
class Removed:
    name: str


type Change = Added | Removed


class Basket(burgee.Aggregate[Change]):
    items: dict[str, Decimal] = field(default_factory=dict)
    gone: tuple[str, ...] = ()

    def apply(self, event: Change) -> Self:
        match event:
            case Added(name=name, amount=amount):
                return self.evolve(items=self.items | {name: self.items.get(name, Decimal(0)) + amount})
            case Removed(name=name):
                items = {other: amount for other, amount in self.items.items() if other != name}
                return self.evolve(items=items, gone=(*self.gone, name))


_numbers = itertools.count(1)
names = st.sampled_from(["pen", "ink", "käse"])
changes = st.builds(Added, names, st.decimals(-99, 99, places=2)) | st.builds(Removed, names)
policies: st.SearchStrategy[int | Callable[[Basket, int], bool] | None] = (
    st.none() | st.integers(1, 7) | st.just(lambda basket, since: len(basket.gone) % 2 == 1)  # noqa: ARG005 - a policy is given both
)


@settings(COSTLY, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saves=st.lists(st.lists(changes, max_size=4), min_size=1, max_size=8), policy=policies, direct=changes)
def test_p8_snapshot_and_tail_give_what_the_full_replay_gives(
    acme: Tenant, saves: list[list[Change]], policy: Any, direct: Change
) -> None:
    stream = f"basket-{next(_numbers)}"
    baskets, replayed = acme.events.store(Basket, snapshots=policy), acme.events.store(Basket, snapshots=None)
    basket = baskets.new(stream)
    for recorded in saves:
        basket = baskets.save(basket.record(*recorded))
    acme.events.append(stream, direct)  # past the repository
    basket = baskets.load(stream)
    assert basket == replayed.load(stream)
    for version in {1, basket.version // 2 + 1, basket.version}:
        assert baskets.load(stream, version=version) == replayed.load(stream, version=version)
    assert [step.state for step in baskets.history(stream)][-1] == basket


def kept(acme: Tenant, stream: str, name: str = "Basket") -> Snapshot | None:
    return acme._link.call(acme._services.events.snapshot(stream, name))


def keep(acme: Tenant, stream: str, snapshot: Snapshot, name: str = "Basket") -> bool:
    return acme._link.call(acme._services.events.keep_snapshot(stream, name, snapshot))


def filled(acme: Tenant, snapshots: Any = 3, events: int = 3) -> "burgee.EventStore[Change, Basket]":
    baskets = acme.events.store(Basket, snapshots=snapshots)
    baskets.save(baskets.new("b").record(*[Added("pen", Decimal(n)) for n in range(1, events + 1)]))
    return baskets


def test_a_policy_says_when(acme: Tenant) -> None:
    baskets = filled(acme, 3, 2)
    assert kept(acme, "b") is None
    baskets.change("b", lambda _: Removed("pen"))
    first = kept(acme, "b")
    assert first is not None
    assert first.version == 3
    baskets.change("b", lambda _: [Removed("pen")] * 2)
    assert kept(acme, "b") == first
    baskets.change("b", lambda _: [Removed("pen")] * 4)
    again = kept(acme, "b")
    assert again is not None
    assert again.version == 9


def test_a_load_reads_only_what_came_after_the_snapshot(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    baskets = filled(acme, 100, 5)
    baskets.snapshot("b")
    acme.events.append("b", Removed("pen"))
    applied: list[Change] = []
    apply = Basket.apply

    def counted(self: Basket, event: Change) -> Basket:
        applied.append(event)
        return apply(self, event)

    monkeypatch.setattr(Basket, "apply", counted)
    assert baskets.load("b").gone == ("pen",)
    assert applied == [Removed("pen")]


@pytest.mark.parametrize("broken", ["", "{", "[]", "3", '{"seal": "x"}', '{"seal": "", "state": "{}"}'])
def test_a_broken_snapshot_or_one_of_another_class_is_no_snapshot(acme: Tenant, broken: str) -> None:
    baskets = filled(acme)
    good = baskets.load("b")
    assert keep(acme, "b", Snapshot(3, broken))
    assert baskets.load("b") == good == acme.events.store(Basket, snapshots=None).load("b")


@pytest.mark.parametrize("changed", [("pen", "ink"), ("items", "things"), ("6", "9")])
def test_a_snapshot_with_any_letter_changed_is_no_snapshot(acme: Tenant, changed: tuple[str, str]) -> None:
    baskets = filled(acme)
    snapshot = kept(acme, "b")
    assert snapshot is not None
    assert changed[0] in snapshot.data
    assert keep(acme, "b", Snapshot(3, snapshot.data.replace(*changed)))
    loaded = baskets.load("b")
    assert (loaded.items, loaded._kept) == ({"pen": Decimal(6)}, 0)
    assert keep(acme, "b", snapshot)
    assert baskets.load("b")._kept == 3


def test_no_snapshot_is_ahead_of_its_stream_or_takes_the_place_of_a_newer_one(acme: Tenant) -> None:
    filled(acme, None, 3)
    for ahead in (4, 0, -1):
        with pytest.raises(burgee.InvalidInputError, match="is at version 3"):
            keep(acme, "b", Snapshot(ahead, "{}"))
    with pytest.raises(burgee.InvalidInputError, match="is at version 0"):
        keep(acme, "nothing", Snapshot(1, "{}"))
    assert keep(acme, "b", Snapshot(2, "two"))
    assert not keep(acme, "b", Snapshot(1, "one"))
    assert kept(acme, "b") == Snapshot(2, "two")
    assert kept(acme, "b", "Other") is None


def shape(add: int) -> Any:
    """A class as two runs of an edited cell would make it: the same name, other code."""
    if add == 1:

        class Sum(burgee.Aggregate[Added]):
            total: Decimal = Decimal(0)

            def apply(self, event: Added) -> Self:
                return self.evolve(total=self.total + event.amount)

        return Sum

    class Edited(burgee.Aggregate[Added]):
        total: Decimal = Decimal(0)

        def apply(self, event: Added) -> Self:
            return self.evolve(total=self.total + 100 * event.amount)

    Edited.__name__, Edited.__qualname__ = "Sum", shape(1).__qualname__
    return Edited


def test_a_class_whose_code_has_changed_replays(acme: Tenant) -> None:
    before: Any = acme.events.store(shape(1), snapshots=1)
    before.save(before.new("s").record(Added("a", Decimal(1)), Added("a", Decimal(2))))
    assert before.load("s").total == 3
    assert acme.events.store(shape(1), snapshots=1).load("s")._kept == 2, "the same code again: the snapshot holds"
    after: Any = acme.events.store(shape(2), snapshots=1)
    assert after.load("s").total == 300
    assert after.change("s", lambda _: Added("a", Decimal(1))).total == 400
    assert before.load("s").total == 4, "and the other way round"


def test_a_class_that_cannot_be_json_is_told_unless_it_wants_no_snapshots(acme: Tenant) -> None:
    class Odd(burgee.Aggregate[Added]):
        seen: object = Decimal  # what pydantic can't write

        def apply(self, event: Added) -> Self:
            return self.evolve(seen=event)

    with pytest.raises(burgee.InvalidInputError, match="no snapshots can be made of Odd") as caught:
        acme.events.store(Odd)
    assert any("snapshots=None" in hint for hint in caught.value.hints)
    odd = acme.events.store(Odd, snapshots=None)
    assert odd.save(odd.new("o").record(Added("a", Decimal(1)))) == odd.load("o")
    with pytest.raises(burgee.InvalidInputError, match="keeps no snapshots"):
        odd.snapshot("o")


def test_a_state_that_would_come_back_changed_is_not_kept(acme: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    class Loose(burgee.Aggregate[Added]):
        last: Any = None  # a Decimal would come back as text

        def apply(self, event: Added) -> Self:
            return self.evolve(last=event.amount)

    loose = acme.events.store(Loose, snapshots=1)
    saved = loose.save(loose.new("l").record(Added("a", Decimal("1.5"))))
    assert kept(acme, "l", "Loose") is None
    assert loose.load("l") == saved
    assert "no snapshot of Loose 'l'" in caplog.text


def test_snapshots_are_of_their_tenant(ws: Workspace, acme: Tenant) -> None:
    """P10."""
    filled(acme)
    other = ws.tenants.create(f"{acme.id}-other")
    assert kept(acme, "b") is not None
    assert kept(other, "b") is None
    other.events.append("b", Added("ink", Decimal(1)))
    assert other.events.load(Basket, "b").items == {"ink": Decimal(1)}


def test_without_a_tenant_there_is_nothing() -> None:
    with burgee.open("memory://") as ws, bind_scope(Scope()), pytest.raises(burgee.MissingTenantError):
        drive(ws.services.events.snapshot("s", "k"))


def test_snapshots_survive_a_restart(tmp_path: Any) -> None:
    with burgee.open(str(tmp_path / "ws")) as ws:
        filled(ws.tenants.create("acme"))
    database = Database.in_folder(tmp_path / "ws")
    with database.read("acme") as connection:
        assert connection.scalar(text("SELECT count(*) FROM snapshots")) == 1
    database.close()
    with burgee.open(str(tmp_path / "ws")) as ws:
        assert ws.tenant("acme").events.load(Basket, "b")._kept == 3
