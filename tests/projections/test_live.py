"""Projections that run: live in the background, two at once, killed at any moment; each event applied once (R2.5)."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import override

import pytest
from pydantic import SecretStr

import burgee
from burgee.core.scope import require_tenant
from burgee.core.settings import Settings
from burgee.projections.runner import BATCH
from burgee.workspace import Tenant, Workspace
from projections.shop import Log, Placed, Revenue, place, positions
from services import children
from services.postgres import Server
from services.server import free_port, running

PATIENCE = 30  # seconds until a thread that is alive must have come round
KILLS = 20


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or process does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(0.01)


@pytest.fixture
def log(acme: Tenant) -> Iterator[burgee.ProjectionHandle[list[int]]]:
    handle = acme.projections.add(Log())
    yield handle
    handle.stop()


def test_it_follows_live_until_it_is_stopped(acme: Tenant, log: burgee.ProjectionHandle[list[int]]) -> None:
    acme.events.append("s", burgee.Event("before"))
    log.run().run()
    until(lambda: len(log.state()) == 1)
    acme.events.append("s", [burgee.Event("while")] * 3)
    until(lambda: len(log.state()) == 4)
    assert log.status().running
    assert "running" in repr(log)
    log.stop()
    assert not log.status().running
    acme.events.append("s", burgee.Event("after"))
    assert log.catch_up().state() == positions(acme)
    log.run()
    acme.events.append("s", burgee.Event("again"))
    until(lambda: log.state() == positions(acme))


def test_closing_the_workspace_ends_the_threads() -> None:
    before = threading.active_count()
    with burgee.open("memory://") as ws:
        for name in ("acme", "umbrella"):
            ws.tenants.create(name).projections.add(Log()).run()
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


def test_p23_the_tenant_travels_into_the_thread(ws: Workspace, acme: Tenant) -> None:
    """R4.9."""

    class Whose(burgee.Projection[burgee.StoredEvent, list[str]]):
        @override
        def initial(self) -> list[str]:
            return []

        @override
        def apply(self, state: list[str], event: burgee.StoredEvent) -> list[str]:
            return [*state, f"{require_tenant()} {event.stream}"]

    other = ws.tenants.create(f"{acme.id}-other")
    handles = [tenant.projections.add(Whose()).run() for tenant in (acme, other)]
    acme.events.append("mine", burgee.Event("a"))
    other.events.append("theirs", burgee.Event("a"))
    until(lambda: all(handle.state() for handle in handles))
    assert [handle.stop().state() for handle in handles] == [[f"{acme.id} mine"], [f"{other.id} theirs"]]


def test_a_pause_a_failure_and_a_reset_by_others_are_seen_by_the_thread(ws: Workspace, acme: Tenant) -> None:
    revenue = acme.projections.add(Revenue()).run()
    place(acme, 1)
    until(lambda: revenue.state() == {"EUR": Decimal(1)})
    acme.projections._known.clear()  # as another process
    other = ws.tenant(acme.id).projections.add(Revenue())
    other.pause()
    place(acme, 2)
    time.sleep(0.3)  # long enough for it to apply what it must not
    assert other.state() == {"EUR": Decimal(1)}
    other.resume()
    until(lambda: other.state() == {"EUR": Decimal(3)})
    place(acme, 13)
    until(lambda: other.status().status == "failed")
    assert revenue.status().running, "it waits for whoever mends it"
    other.skip()
    place(acme, 4)
    until(lambda: other.state() == {"EUR": Decimal(7)})
    other.reset()
    until(lambda: revenue.status().status == "failed")
    assert revenue.state() == {"EUR": Decimal(3)}, "it began again, up to what fails"
    revenue.stop()


def test_two_who_run_the_same_apply_each_event_once(ws: Workspace, acme: Tenant) -> None:
    handles = []
    for _ in range(3):
        acme.projections._known.clear()
        handles.append(ws.tenant(acme.id).projections.add(Log()).run())
    for n in range(8):
        acme.events.append(f"s-{n}", [burgee.Event("e")] * 60)
    until(lambda: len(handles[0].state()) >= 480)
    for handle in handles:
        handle.stop()
    assert handles[0].state() == positions(acme)


def test_two_who_catch_up_at_once_apply_each_event_once(ws: Workspace, acme: Tenant) -> None:
    acme.events.append("s", [burgee.Event("e")] * (3 * BATCH))
    handles = []
    for _ in range(4):
        acme.projections._known.clear()
        handles.append(ws.tenant(acme.id).projections.add(Log()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda handle: handle.catch_up(), handles))
    assert handles[0].state() == positions(acme)


def test_a_rebuild_beside_a_running_one_loses_nothing(ws: Workspace, acme: Tenant) -> None:
    live = acme.projections.add(Log()).run()
    acme.projections._known.clear()
    rebuilding = ws.tenant(acme.id).projections.add(Log())
    for n in range(5):
        acme.events.append(f"s-{n}", [burgee.Event("e")] * 30)
        rebuilding.rebuild()
    until(lambda: len(live.state()) >= 150)
    live.stop()
    assert rebuilding.catch_up().state() == positions(acme)


def test_a_server_that_is_away_for_a_while_stops_nothing(tmp_path: Path) -> None:
    folder, port = tmp_path / "ws", free_port()
    with burgee.open(str(folder)) as local:
        acme = local.tenants.create("acme")
        key = local.create_key().key
        settings = Settings(retries=0, progress=False)
        with burgee.open(f"http://127.0.0.1:{port}", token=key, settings=settings) as remote:
            with running(folder, port=port):
                log = remote.tenant("acme").projections.add(Log()).run()
                acme.events.append("s", burgee.Event("a"))
                until(lambda: len(log.state()) == 1)
            live = log._live
            assert live is not None
            until(lambda: live.trouble is not None)
            acme.events.append("s", burgee.Event("b"))
            with running(folder, port=port):
                until(lambda: len(log.state()) == 2)
                assert log.status().trouble is None
                log.stop()


CHILD = textwrap.dedent("""
    import sys
    import burgee
    from burgee.core.settings import Settings
    from pydantic import SecretStr
    from projections.shop import Log

    where, url = sys.argv[1:]
    settings = Settings(progress=False, database=SecretStr(url) if url else None)
    with burgee.open(where, settings=settings) as ws:
        log = ws.tenant("acme").projections.add(Log())
        print("ready", flush=True)
        while True:
            log.catch_up()
    """)


@pytest.fixture(params=["sqlite", "postgres"])
def place_and_url(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        return "unused", server.schema()
    return str(tmp_path / "ws"), ""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_20_times_in_mid_run_the_view_is_what_the_log_says(
    place_and_url: tuple[str, str],
) -> None:
    """SIGKILL at moments that differ each time; every acknowledged event is in the view exactly once."""
    where, url = place_and_url
    settings = Settings(progress=False, database=SecretStr(url) if url else None)
    command = [sys.executable, "-c", CHILD, where, url]
    with burgee.open(where, settings=settings) as ws:
        acme = ws.tenants.create("acme")
        log = acme.projections.add(Log())
        moved = set()
        for kill in range(KILLS):
            before = log.status().position
            child = children.start(command, stdout=subprocess.PIPE)
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            for _ in range(4):
                acme.events.append(f"s-{kill}", [burgee.Event("e")] * 100)
            time.sleep(0.004 * kill)
            child.kill()
            child.wait()
            child.close()
            at = log.status().position
            moved.add(at - before)
            seen = log.state()
            assert seen == [position for position in positions(acme) if position <= at], "view and checkpoint agree"
        assert len(moved) > 1, "the kills came at different moments"
        assert log.catch_up().state() == positions(acme)
        assert len(log.state()) == 400 * KILLS


def test_typed_events_of_many_streams_make_one_view(acme: Tenant) -> None:
    revenue = acme.projections.add(Revenue())
    for n in range(20):
        acme.events.append(f"order-{n}", Placed(f"order-{n}", Decimal(n) + Decimal("0.5"), "EUR" if n % 2 else "USD"))
    totals = revenue.catch_up().state()
    assert totals == {"USD": Decimal(95), "EUR": Decimal(105)}
