"""Evaluators of a server that is killed and comes back: they go on, say that they are stale, and catch up."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import burgee
from server.test_streams import Server
from services.server import stop

SECONDS = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "ws")
    yield made
    stop(made.process)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("refresh", ["push", 0.2])
def test_a_server_killed_leaves_what_was_known_and_one_restarted_is_caught_up_with(
    server: Server, refresh: str | float
) -> None:
    """The flag is changed past the server, while it is gone."""
    notices: list[burgee.Notice] = []
    with server.open(retries=0) as ws, burgee.open(str(server.folder)) as local:
        made = local.tenant("acme").flags.create("checkout").enable()
        evaluator = ws.tenant("acme").flags.evaluator(refresh=refresh, on_change=notices.append, exposures=True)
        before = evaluator.evaluate("checkout", {"id": "u1"})
        assert (before.value, before.reason, evaluator.stale) == (True, burgee.Reason.SPLIT, False)
        server.kill()
        until(lambda: evaluator.stale)
        made.disable()
        assert evaluator.evaluate("checkout", {"id": "u1"}) == before
        assert evaluator.exposures is not None
        evaluator.evaluate("checkout", {"id": "u2"})
        first = evaluator.age
        until(lambda: evaluator.age > first)
        until(lambda: evaluator.trouble is not None)
        assert [notice.kind for notice in notices] == ["stale"]
        with pytest.raises(burgee.ServerUnavailableError):
            evaluator.refresh()
        server.start()
        until(lambda: not evaluator.stale)
        assert evaluator.evaluate("checkout", {"id": "u1"}).value is False
        until(lambda: [notice.kind for notice in notices] == ["stale", "changed", "fresh"])
        assert evaluator.trouble is None
        made.enable()
        until(lambda: evaluator.evaluate("checkout", {"id": "u1"}).value is True)
        exposures = evaluator.exposures
        until(lambda: exposures.counts.waiting == 0)
        ids = local.tenant("acme").events.query("flag.exposure").frame()["data_id"]
        assert {"u1", "u2"} == set(ids)


def test_an_evaluator_may_begin_while_the_server_is_away(server: Server) -> None:
    with server.open(retries=0) as ws, burgee.open(str(server.folder)) as local:
        local.tenant("acme").flags.create("checkout").enable()
        acme = ws.tenant("acme")
        server.kill()
        evaluator = acme.flags.evaluator()
        assert (evaluator.ready, evaluator.stale, evaluator.age) == (False, True, float("inf"))
        answer = evaluator.boolean("checkout", {"id": "u1"}, False)
        assert (answer.value, answer.reason) == (False, burgee.Reason.ERROR)
        assert "no flags have been fetched yet" in str(answer.error)
        server.start()
        until(lambda: evaluator.boolean("checkout", {"id": "u1"}, False).value)
        assert not evaluator.stale


def test_a_key_that_is_refused_is_an_error_at_once(server: Server) -> None:
    with burgee.open(str(server.folder)) as local:
        made = local.create_key(tenant="acme")
        with burgee.open(server.url, token=made.key) as ws:
            acme = ws.tenant("acme")
            local.revoke_key(made.info.id)
            with pytest.raises(burgee.AuthenticationError):
                acme.flags.evaluator()


def test_evaluators_hold_no_thread_when_their_workspace_is_closed(server: Server) -> None:
    with server.open() as ws:
        for _ in range(3):
            ws.tenant("acme").flags.evaluator()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "burgee-flags"])
