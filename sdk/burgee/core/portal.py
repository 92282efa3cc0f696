"""The way from sync to async: services are async and written once, the fluent objects are sync.

Two ways, chosen by the container, never guessed:

- `drive` runs a coroutine in the caller's thread. It is for services that never suspend (all their
  work is blocking work on this machine); one that suspends anyway is an error that says so. It works
  while a loop runs in the same thread, as in a notebook, costs under a microsecond, and an interrupt
  reaches the work itself.
- `Portal` runs coroutines on one background event loop per process, a daemon thread, made at first
  use and anew after a fork. An interrupt cancels the call.
"""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future

from burgee.core.scope import current_scope
from burgee.core.turns import Turns

_LOOK_UP = 0.2
"""Seconds to wait at a time: a wait without end misses the interrupt that another thread was given."""

_turns = Turns()
_driving = contextvars.ContextVar("burgee_driving", default=False)


def drive[T](work: Coroutine[object, object, T]) -> T:
    """Run a coroutine that never suspends, here and now."""
    token = _driving.set(True)
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        _driving.reset(token)
        work.close()
    raise RuntimeError(f"{getattr(work, '__qualname__', work)} was said never to suspend, and did")


def driven() -> bool:
    """Whether the caller's thread runs the coroutine, and may block."""
    return _driving.get()


async def hop[T](work: Callable[[], T]) -> T:
    """Do blocking work off the event loop: in a thread, the scope with it; no tenant takes all. Under `drive`, here."""
    if driven():
        return work()
    return await _turns.run(current_scope().tenant, work)


class Portal:
    """A background event loop that sync code can hand coroutines to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.__init__)  # type: ignore[misc] # the thread stays with the parent

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Run the coroutine on the loop and wait; the caller's context variables go with it."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._started())
        while True:
            try:
                return future.result(_LOOK_UP)
            except TimeoutError:  # ours, or the work's own
                if future.done():
                    raise
            except (KeyboardInterrupt, CancelledError):
                future.cancel()
                raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="burgee-portal", daemon=True).start()
            return self._loop


portal = Portal()
