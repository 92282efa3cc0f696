"""Whose turn it is: blocking work of many, in a few threads that nobody of them takes all of (R4.7).

Asyncio's own threads are first come, first served: as many slow calls of one tenant as there are threads, and nobody
else is answered. Here each has so many threads at most, and what waits is taken up by turns.
"""

import asyncio
import contextvars
import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

EACH = min(32, (os.cpu_count() or 1) + 4)
"""Threads that one has at most: as many as asyncio has for all."""

ALL = 4 * EACH


class _Call(NamedTuple):
    whose: str | None
    future: Future[Any]
    context: contextvars.Context
    work: Callable[[], object]


class Turns:
    """Does work in threads.

    Args:
        threads: how many there are; they are started when they are needed.
        each: how many of them one has at most.
    """

    def __init__(self, threads: int = ALL, each: int = EACH) -> None:
        self._threads, self._each = threads, each
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)  # the threads stay with the parent

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str | None, deque[_Call]] = {}
        self._busy: Counter[str | None] = Counter()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="burgee-work")

    async def run[T](self, whose: str | None, work: Callable[[], T]) -> T:
        """Do it when it is their turn, the caller's context variables with it, and wait for it."""
        future: Future[T] = Future()
        call = _Call(whose, future, contextvars.copy_context(), work)
        with self._lock:
            self._waiting.setdefault(whose, deque()).append(call)
        self._pool.submit(self._work_off)
        return await asyncio.wrap_future(future)

    def _work_off(self) -> None:
        """Do what may be done, until nothing is left: what must wait is done by the threads that it waits for."""
        while (call := self._next()) is not None:
            try:
                _do(call)
            finally:
                with self._lock:
                    self._busy[call.whose] -= 1
                    if not self._busy[call.whose]:
                        del self._busy[call.whose]
            del call  # it holds on to what it was given

    def _next(self) -> _Call | None:
        """A call of whom the fewest threads work for; none if all who wait have theirs."""
        with self._lock:
            whose = min(self._waiting, key=self._busy.__getitem__, default=None)
            if whose not in self._waiting or self._busy[whose] >= self._each:
                return None
            calls = self._waiting.pop(whose)
            call = calls.popleft()
            if calls:
                self._waiting[whose] = calls  # behind the others
            self._busy[whose] += 1
            return call


def _do(call: _Call) -> None:
    if not call.future.set_running_or_notify_cancel():
        return
    try:
        done = call.context.run(call.work)
    except BaseException as error:  # noqa: BLE001 - the caller's, whatever it is
        call.future.set_exception(error)
    else:
        call.future.set_result(done)
