"""Blocking work of many in a few threads, of which nobody has them all (R4.7)."""

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from burgee.core.portal import hop
from burgee.core.scope import tenant_scope
from burgee.core.turns import EACH, Turns


def test_who_asks_for_many_keeps_nobody_from_a_thread() -> None:
    async def both() -> tuple[str, int]:
        turns, go, begun = Turns(4, 2), threading.Event(), threading.Semaphore(0)

        def slow() -> int:
            begun.release()
            go.wait()
            return 1

        hostile = [asyncio.ensure_future(turns.run("hostile", slow)) for _ in range(50)]
        answers = [await turns.run(f"other{number}", lambda: "answered") for number in range(20)]
        running = len(hostile) - sum(not begun.acquire(blocking=False) for _ in hostile)
        go.set()
        assert sum(await asyncio.gather(*hostile)) == 50
        assert set(answers) == {"answered"}
        return answers[0], running

    answer, running = asyncio.run(both())
    assert answer == "answered"
    assert running <= 2


def test_those_who_wait_are_taken_by_turns() -> None:
    async def three() -> str:
        turns, go = Turns(1, 1), threading.Event()
        done: list[str] = []
        first = asyncio.ensure_future(turns.run("first", go.wait))
        calls = [asyncio.ensure_future(turns.run(whose, partial(done.append, whose))) for whose in "aaabbc"]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *calls)
        return "".join(done)

    assert asyncio.run(three()) == "abcaba"


def test_what_it_gives_and_what_goes_wrong_reach_the_caller_with_their_context() -> None:
    name: ContextVar[str] = ContextVar("name")

    async def ask() -> str:
        turns = Turns(1, 1)
        name.set("kept")
        with pytest.raises(ZeroDivisionError):
            await turns.run(None, lambda: 1 // 0)
        return await turns.run(None, name.get)

    assert asyncio.run(ask()) == "kept"


def test_what_was_given_up_before_its_turn_is_not_done() -> None:
    async def give_up() -> list[str]:
        turns, go = Turns(1, 1), threading.Event()
        done: list[str] = []
        first = asyncio.ensure_future(turns.run("a", go.wait))
        given_up = asyncio.ensure_future(turns.run("a", lambda: done.append("given up")))
        last = asyncio.ensure_future(turns.run("a", lambda: done.append("last")))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, last)
        return done

    assert asyncio.run(give_up()) == ["last"]


def test_as_many_slow_calls_as_there_are_threads_leave_other_tenants_answered() -> None:
    async def ask() -> str:
        go = threading.Event()

        async def of(tenant: str) -> str:
            with tenant_scope(tenant):
                return await hop(lambda: str(go.wait()) if tenant == "hostile" else tenant)

        hostile = [asyncio.ensure_future(of("hostile")) for _ in range(10 * EACH)]
        await asyncio.sleep(0)
        answer = await of("acme")
        go.set()
        assert set(await asyncio.gather(*hostile)) == {"True"}
        return answer

    assert asyncio.run(ask()) == "acme"


FORKED = """
import asyncio, os
from burgee.core.turns import Turns

turns = Turns(2, 1)
assert asyncio.run(turns.run("a", lambda: 1)) == 1
child = os.fork()
if not child:
    os._exit(asyncio.run(turns.run("a", lambda: 7)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_a_child_process_has_threads_of_its_own() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=True)
