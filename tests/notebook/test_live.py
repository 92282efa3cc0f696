"""The live view used without a browser: what arrives is shown, at its pace, at its tenant, until it is closed."""

import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.scope import current_scope
from burgee.events.tail import Tail
from burgee.notebook import live as module
from burgee.notebook.live import KEPT, SHOWN, TURN, Live, Rates, strip
from burgee.workspace import Tenant, Workspace

SECONDS = 20


def until(true: Callable[[], object]) -> None:
    """Wait for what the widget's thread does."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def put(tenant: Tenant, *types: str, stream: str = "s") -> None:
    tenant.events.append(stream, [burgee.Event(type, {"n": n}) for n, type in enumerate(types)])


@pytest.fixture(autouse=True)
def all_ended() -> Iterator[None]:
    """No widget goes on after its test."""
    before = set(threading.enumerate())
    yield
    for widget in list(widgets):
        widget.close()
        widgets.remove(widget)
    until(lambda: not [t for t in set(threading.enumerate()) - before if t.name == "burgee-live"])


widgets: list[Live] = []


def shown(tenant: Tenant, *, after: int | None = None, own: bool = False) -> Live:
    made = tenant.events.live(after=after, own=own)
    widgets.append(made)
    return made


def cells(live: Live, column: int) -> list[str]:
    """A column of the table, from top to bottom."""
    rows = re.findall(r"<tr><td.*?</tr>", live._table.value)
    return [re.sub("<[^>]*>", "", re.findall("<td.*?</td>", row)[column]) for row in rows]


def test_events_are_shown_as_they_arrive_newest_first(acme: Tenant) -> None:
    put(acme, "before")
    live = shown(acme)
    assert "nothing came yet" in live._table.value
    put(acme, "a", "b", stream="user-1")
    until(lambda: len(cells(live, 2)) == 2)
    put(acme, "c")
    until(lambda: cells(live, 2) == ["c", "b", "a"])
    assert cells(live, 1) == ["s", "user-1", "user-1"]
    assert cells(live, 3) == ["n: 0", "n: 1", "n: 0"]
    assert "3 events" in live._head.value
    until(lambda: [label for label, _ in live.types.options] == ["a  ·  1", "b  ·  1", "c  ·  1"])
    assert list(live.frame["type"]) == ["a", "b", "c"]
    assert live.position == max(event.position for event in acme.events.read())


def test_it_can_begin_with_what_is_there(acme: Tenant) -> None:
    put(acme, "a", "b")
    live = shown(acme, after=0)
    until(lambda: cells(live, 2) == ["b", "a"])


def test_only_the_types_chosen_are_shown_and_all_are_counted(acme: Tenant) -> None:
    live = shown(acme)
    put(acme, *["rare"] * 3, *["often"] * (KEPT + 10))
    until(lambda: len(live.types.options) == 2 and live.total == KEPT + 13)
    live.types.value = ("rare",)
    assert cells(live, 2) == ["rare"] * 3, "though so many others came since"
    put(acme, "often", "rare")
    until(lambda: cells(live, 2) == ["rare"] * 4)
    assert live.types.value == ("rare",)
    assert live.total == KEPT + 15
    assert len(live.frame) == 4


def test_paused_the_table_stands_still_and_then_catches_up(acme: Tenant) -> None:
    live = shown(acme)
    put(acme, *["a"] * (SHOWN + 5))
    until(lambda: len(cells(live, 2)) == SHOWN)
    assert f"the newest {SHOWN} of {SHOWN + 5} kept" in live._table.value
    live.pause.value = True
    assert live.pause.description == "Resume"
    assert len(cells(live, 2)) == SHOWN + 5, "now there is time to look at all of them"
    put(acme, "b", "c")
    until(lambda: "paused, 2 new" in live._head.value)
    assert set(cells(live, 2)) == {"a"}
    live.pause.value = False
    assert cells(live, 2)[:2] == ["c", "b"]
    assert "paused" not in live._head.value


def test_ten_thousand_at_once_are_counted_and_shown_at_its_own_pace(acme: Tenant) -> None:
    live = shown(acme)
    began, before = time.monotonic(), live.updates
    for _ in range(10):
        put(acme, *[f"t{n % 3}" for n in range(1000)])
    until(lambda: "10,000 events" in live._head.value)
    updates = live.updates - before
    assert updates <= (time.monotonic() - began) / TURN + 1
    assert updates >= 1
    assert len(live._newest) == KEPT
    assert [event.data["n"] for event in live._newest] == list(range(1000 - KEPT, 1000))
    until(lambda: [label for label, _ in live.types.options] == ["t0  ·  3,340", "t1  ·  3,330", "t2  ·  3,330"])


def test_events_of_another_tenant_are_not_shown(ws: Workspace, acme: Tenant) -> None:
    """P10."""
    other = ws.tenants.create(f"{acme.id}-other")
    live, theirs = shown(acme), shown(other)
    put(other, *["theirs"] * 5)
    put(acme, "mine")
    until(lambda: live.total == 1 and theirs.total == 5)
    assert cells(live, 2) == ["mine"]


def test_the_scope_travels_into_its_thread() -> None:
    """R4.9, P23."""
    seen = []
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")

        class Watched:
            position = 0

            def some(self, seconds: float) -> list[burgee.StoredEvent]:
                seen.append(current_scope().tenant)
                time.sleep(seconds)
                return []

            def close(self) -> None:
                seen.append("closed")

        with burgee.tenant_scope("acme"):
            live = Live(lambda _: Watched())  # type: ignore[arg-type,return-value] # as much of a tail as it needs
        until(lambda: seen)
        live.close()
        until(lambda: seen[-1] == "closed")
        assert set(seen) == {"acme", "closed"}
        assert acme.id == "acme"


def test_what_goes_wrong_is_told_and_it_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        live = shown(acme)
        put(acme, "a")
        until(lambda: live.total == 1)
        some = Tail.some
        broken = threading.Event()

        def fails(_: Tail, __: float) -> list[burgee.StoredEvent]:
            broken.set()
            raise burgee.ServerUnavailableError("http://x", "refused", 3)

        monkeypatch.setattr(Tail, "some", fails)
        until(lambda: "no answer from http://x" in live.problem.value)
        put(acme, "b")
        assert broken.is_set()
        assert live.following
        monkeypatch.setattr(Tail, "some", some)
        until(lambda: live.total == 2)
        until(lambda: live.problem.value == "")
        until(lambda: cells(live, 2) == ["b", "a"])
        live.close()


def test_a_workspace_that_is_closed_is_told() -> None:
    with burgee.open("memory://") as ws:
        live = shown(ws.tenants.create("acme"))
    until(lambda: "closed" in live.problem.value)
    live.close()


def test_closed_it_follows_no_longer(acme: Tenant) -> None:
    live = shown(acme)
    assert "closed" not in repr(live)
    live.close()
    assert not live.following
    until(lambda: not live._thread.is_alive())
    put(acme, "late")
    assert live.total == 0
    assert repr(live) == "<Live: 0 events came, closed; .frame, .close()>"


def test_a_cell_that_is_run_again_ends_what_it_showed_before(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_running", lambda: ("cell-1", "run-1"))
    first, second = shown(acme), shown(acme)
    monkeypatch.setattr(module, "_running", lambda: ("cell-2", "run-2"))
    elsewhere = shown(acme)
    monkeypatch.setattr(module, "_running", lambda: ("cell-1", "run-3"))
    again = shown(acme)
    assert [live.following for live in (first, second, elsewhere, again)] == [False, False, True, True]


def test_what_is_wrong_at_once_is_raised(acme: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match="after"):
        acme.events.live(after=-1)


def test_a_saved_notebook_keeps_what_was_there(acme: Tenant) -> None:
    acme.events.append("s", burgee.Event("a<b>", {"text": '"><script>alert(1)</script>', "$x$": 1}))
    live = shown(acme, after=0)
    until(lambda: live.total == 1 and "a&lt;b&gt;" in live._table.value)
    bundle = live._repr_mimebundle_() or {}
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    still = str(bundle["text/html"])
    assert "1 event<" in still
    assert "<script" not in still
    assert "a&lt;b&gt;" in still


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 1000)), max_size=20))
def test_the_last_minute_is_counted_by_the_second(came: list[tuple[int, int]]) -> None:
    rates = Rates()
    now = 1000
    all_of_it: dict[int, int] = {}
    for wait, count in came:
        now += wait
        rates.add(count, now + 0.5)
        all_of_it[now] = all_of_it.get(now, 0) + count
    assert rates.seconds(now) == [all_of_it.get(second, 0) for second in range(now - 59, now + 1)]


def test_how_many_a_second_is_taken_over_the_last_ones() -> None:
    rates = Rates()
    assert rates.now(10.0) == 0
    rates.add(8, 10.5)
    assert rates.now(10.9) == 8
    assert rates.now(11.0) == 8
    assert rates.now(12.0) == 4
    rates.add(2, 14.2)
    assert rates.now(15.0) == 2
    assert rates.now(100.0) == 0


def test_the_strip_is_as_high_as_its_highest_second() -> None:
    bars = strip([0] * 57 + [1, 50, 1000])
    assert bars.count("<i></i>") == 57
    assert re.findall(r"height:(\d+)%", bars) == ["4", "5", "100"]
    assert "at most 1,000 a second" in bars
    assert "nothing in the last minute" in strip([0] * 60)
