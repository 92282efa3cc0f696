"""The live tail in three modes: what is stored arrives once, in order, at its tenant, and can be gone on with."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.core.portal import portal
from burgee.core.scope import Scope, bind_scope
from burgee.events.model import EventQuery
from burgee.events.tail import Tail
from burgee.workspace import Tenant, Workspace

SECONDS = 20  # long enough on a busy machine; a tail that works takes none of it


def put(tenant: Tenant, *types: str, stream: str = "s") -> None:
    tenant.events.append(stream, [burgee.Event(type) for type in types])


@pytest.fixture
def writer() -> Iterator[ThreadPoolExecutor]:
    """Somebody else, who writes meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def types(tail: Tail) -> list[str]:
    return [event.type for event in tail]


def test_what_is_stored_from_the_call_on_arrives_also_before_it_is_asked_for(acme: Tenant) -> None:
    put(acme, "before")
    tail = acme.events.tail(limit=2, timeout=SECONDS)
    put(acme, "a", "b", "c")
    assert types(tail) == ["a", "b"]
    assert tail.closed


def test_events_arrive_while_one_waits(acme: Tenant, writer: ThreadPoolExecutor) -> None:
    with acme.events.tail(timeout=SECONDS) as tail:
        for name in ("a", "b", "c"):
            done = writer.submit(put, acme, name)
            assert next(tail).type == name
            done.result()
    assert tail.closed


def test_an_event_arrives_whole(acme: Tenant) -> None:
    data: dict[str, Json] = {
        "text": "line\nline\r\n\u2028 ü 🎉",
        "n": 1.5,
        "list": [1, None],
        "id: 1\n\ndata: x": "\n\n",
    }
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    acme.events.append("s", burgee.Event("a", data, metadata={"source": "web"}, occurred_at=at))
    [event] = acme.events.tail(after=0, limit=1)
    [stored] = acme.events.read("s")
    assert event == stored
    assert (event.data, event.occurred_at) == (data, at)


def test_it_goes_on_behind_the_last_position(acme: Tenant) -> None:
    put(acme, *"abcdef")
    tail = acme.events.tail(after=0)
    assert [next(tail).type for _ in range(2)] == ["a", "b"]
    tail.close()
    again = acme.events.tail(after=tail.position, timeout=0.5)
    assert types(again) == list("cdef")
    assert again.position == max(event.position for event in acme.events.read())


def test_a_tail_that_gave_nothing_knows_where_it_began(acme: Tenant) -> None:
    put(acme, "a")
    [event] = acme.events.read()
    assert acme.events.tail().position == event.position
    assert acme.events.tail(after=0).position == 0


def test_what_is_not_wanted_is_passed_by(acme: Tenant) -> None:
    tail = acme.events.tail("order.*", category="order", metadata={"source": "web"}, timeout=0.5)
    web, app = {"source": "web"}, {"source": "app"}
    acme.events.append("order-1", [burgee.Event("order.placed", metadata=web), burgee.Event("seen", metadata=web)])
    acme.events.append("order-2", burgee.Event("order.placed", metadata=app))
    acme.events.append("user-1", burgee.Event("order.placed", metadata=web))
    assert [event.stream for event in tail] == ["order-1"]
    [first, *_, last] = [event.position for event in acme.events.read()]
    assert first <= tail.position <= last
    assert types(acme.events.tail(stream="user-1", after=0, limit=1)) == ["order.placed"]


def test_what_was_passed_by_need_not_be_looked_at_again() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        tail = acme.events.tail("order.*", timeout=0)
        put(acme, "seen", "seen")
        assert types(tail) == []
        assert tail.position == max(event.position for event in acme.events.read())


def test_changes_of_flags_are_there_for_who_asks(acme: Tenant) -> None:
    everything, usual = acme.events.tail(own=True, limit=1), acme.events.tail(timeout=0.3)
    acme.flags.create("checkout")
    assert [event.stream for event in everything] == ["$flag-checkout"]
    assert types(usual) == []


def test_silence_ends_it_and_a_slow_reader_is_no_silence(acme: Tenant) -> None:
    assert types(acme.events.tail(timeout=0.05)) == []
    put(acme, *"abc")
    found = []
    for event in acme.events.tail(after=0, timeout=0.3):
        found.append(event.type)
        time.sleep(0.4)
    assert found == list("abc")


def test_a_slow_reader_gets_every_page(acme: Tenant) -> None:
    tail = acme.events.tail(timeout=0.5)
    for start in range(0, 6000, 1000):
        acme.events.append("s", [burgee.Event("t", {"n": n, "text": "x" * 500}) for n in range(start, start + 1000)])
    first = next(tail)
    time.sleep(0.3)
    assert [event.data["n"] for event in (first, *tail)] == list(range(6000))


def test_its_frame_is_the_frame_of_the_query(acme: Tenant) -> None:
    acme.events.append("s", [burgee.Event("a", {"total": n, "who": {"name": "Zoë"}}) for n in range(3)])
    frame = acme.events.tail(after=0, limit=3).frame()
    assert frame.equals(acme.events.query().frame())
    assert list(acme.events.tail(timeout=0).frame().columns) == list(acme.events.query(limit=0).frame().columns)


def test_a_tail_without_an_end_has_no_frame(acme: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match="never ends") as caught:
        acme.events.tail().frame()
    assert "timeout" in caught.value.hints[0]


@pytest.mark.parametrize(
    "wrong",
    [{"after": -1}, {"after": "x"}, {"limit": 0}, {"timeout": -1}, {"timeout": "5"}, {"timeout": float("inf")}],
)
def test_what_makes_no_sense_is_refused(acme: Tenant, wrong: dict[str, int]) -> None:
    with pytest.raises(burgee.InvalidInputError, match=next(iter(wrong))):
        acme.events.tail(**wrong)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (EventQuery(limit=1), "limit"),
        (EventQuery(upto=1), "upto"),
        (EventQuery(as_of=datetime(2026, 1, 1, tzinfo=UTC)), "as_of"),
    ],
)
def test_a_query_with_an_end_cannot_be_followed(ws: Workspace, acme: Tenant, query: EventQuery, said: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        acme._link.call(ws.services.events.follow(query))


def test_events_of_another_tenant_never_arrive(ws: Workspace, acme: Tenant) -> None:
    """P10."""
    other = ws.tenants.create(f"{acme.id}-other")
    mine, theirs = acme.events.tail(timeout=0.5), other.events.tail(timeout=0.5)
    for number in range(20):
        put(acme, f"mine-{number}")
        put(other, f"theirs-{number}", f"theirs-{number}")
    assert types(mine) == [f"mine-{number}" for number in range(20)]
    assert types(theirs) == [f"theirs-{number}" for number in range(20) for _ in range(2)]
    assert types(acme.events.tail(after=0, timeout=0.3)) == types(acme.events.tail(after=0, limit=20))


def test_closing_ends_an_iteration_in_another_thread(acme: Tenant, writer: ThreadPoolExecutor) -> None:
    tail = acme.events.tail()
    iterating = writer.submit(types, tail)
    with pytest.raises(TimeoutError):
        iterating.result(0.2)
    tail.close()
    assert iterating.result(SECONDS) == []
    put(acme, "late")
    assert types(tail) == []
    tail.close()


def test_events_in_batches(acme: Tenant) -> None:
    tail = acme.events.tail(limit=3)
    assert tail.some(0.05) == []
    assert "closed" not in repr(tail)
    put(acme, "a", "b")
    assert [event.type for event in tail.some(SECONDS)] == ["a", "b"]
    put(acme, "c", "d")
    assert [event.type for event in tail.some(SECONDS)] == ["c"]
    assert tail.closed
    assert tail.some(0.05) == []


def test_many_follow_at_once_and_others_are_served_meanwhile(acme: Tenant) -> None:
    tails = [acme.events.tail(limit=3, timeout=SECONDS) for _ in range(60)]
    with ThreadPoolExecutor(len(tails)) as pool:
        found = [pool.submit(types, tail) for tail in tails]
        for name in "abc":
            put(acme, name)
            assert acme.events.query().count() > 0
        assert [one.result() for one in found] == [list("abc")] * len(tails)


def test_it_shows_itself_without_asking(acme: Tenant) -> None:
    tail = acme.events.tail("order.*", limit=3)
    assert repr(tail).startswith("<Tail of types order.* from position ")
    bundle = tail._repr_mimebundle_()
    assert "order.*" in bundle["text/html"]
    tail.close()
    assert "closed" in repr(tail)


def test_async_users_iterate_the_service(ws: Workspace, acme: Tenant) -> None:
    async def work() -> list[str]:
        with bind_scope(Scope(acme.id)):
            stream = (await ws.services.events.follow(EventQuery(), 0)).unwrap()
            await ws.services.events.append("s", (burgee.Event("c"),))
            found = []
            async for event in stream:
                found.append(event.type)
                if len(found) == 3:
                    break
            await stream.close()
            return found

    put(acme, "a", "b")
    assert portal.run(work()) == ["a", "b", "c"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.data())
def test_however_often_it_is_left_and_taken_up_nothing_is_skipped_or_doubled(
    sizes: list[int], data: st.DataObject
) -> None:
    """R2.5."""
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        position, found, stored = 0, [], 0
        for size in sizes:
            acme.events.append("s", [burgee.Event("t", {"n": stored + n}) for n in range(size)])
            stored += size
            tail = acme.events.tail(after=position, timeout=0)
            found += [
                event.data["n"] for event in (next(tail, None) for _ in range(data.draw(st.integers(0, 5)))) if event
            ]
            position = tail.position
            tail.close()
        found += [event.data["n"] for event in acme.events.tail(after=position, timeout=0)]
        assert found == list(range(stored))


def test_a_plain_http_client_reads_it_as_server_sent_events(served: tuple[str, object], admin_key: str) -> None:
    url = served[0]
    headers = {"Authorization": f"Bearer {admin_key}", "Burgee-Tenant": "plain-sse"}
    with burgee.open(url, token=admin_key) as ws:
        acme = ws.tenants.create("plain-sse")
        acme.events.append("s", [burgee.Event("a", {"text": "1\n2"}), burgee.Event("b"), burgee.Event("c")])
        first, *rest = [event.position for event in acme.events.read()]

        def lines(headers: dict[str, str], count: int) -> list[str]:
            with httpx.stream("POST", f"{url}/v1/events/follow", json={"query": {}}, headers=headers) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                found = answer.iter_lines()
                return [next(found) for _ in range(count)]

        said = lines(headers | {"Last-Event-ID": "0"}, 6)
        assert said[:4] == ["id: 0", "", f"id: {first}", "event: StoredEvent"]
        assert json.loads(said[4].removeprefix("data: "))["data"] == {"text": "1\n2"}
        assert said[5] == ""
        assert lines(headers | {"Last-Event-ID": str(first)}, 3)[::2] == [f"id: {first}", f"id: {rest[0]}"]
