"""Claims that last as long as the work they are for.

They are renewed while it goes on, and end soon after a process that was killed. Who is cancelled while it asks for one
gives it back.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any

from burgee.cache.checks import LONGEST_TTL
from burgee.cache.forks import on_fork
from burgee.cache.protocol import Claim

_SECONDS = 20.0
"""How long a claim lasts that is not renewed: after so long another process works instead of one that was killed."""

_PAUSE = _SECONDS / 4
"""Between renewals: a process may be held up for three of them."""

_log = logging.getLogger("burgee.cache")


class Renewals:
    """Renews claims, in a thread that is there only while there are some."""

    def __init__(self, pause: float = _PAUSE) -> None:
        self._pause = pause
        self._begin()
        on_fork(self)

    def in_child(self) -> None:
        """Begin anew: what was claimed is the parent's."""
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._held: set[Claim[Any]] = set()
        self._runs = False

    @contextmanager
    def of(self, claim: Claim[Any]) -> Iterator[None]:
        """Within it the claim is renewed."""
        with self._lock:
            self._held.add(claim)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="burgee-claims", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(claim)

    def _run(self) -> None:
        while True:
            time.sleep(self._pause)
            with self._lock:
                claims = list(self._held)
                self._runs = bool(claims)
            if not claims:
                return
            for claim in claims:
                try:
                    claim.renew()
                except Exception as error:  # noqa: BLE001 - whatever a client raises: it is tried again
                    _log.info("a claim could not be renewed: %s: %s", type(error).__name__, error)


_renewals = Renewals()


class Claims:
    """The claims of one function, each for one execution.

    Args:
        cache: where they are.
        tags: those of the results.
    """

    def __init__(self, cache: Any, tags: tuple[str, ...]) -> None:
        self._cache, self._tags = cache, tags

    @contextmanager
    def of(self, key: str) -> Iterator[Claim[Any] | None]:
        """A claim on a key within this; None if another has it."""
        claim = self._taken(key)
        with self._renewed(claim):
            try:
                yield claim
            finally:
                if claim is not None:
                    claim.release()

    @asynccontextmanager
    async def of_async(self, key: str) -> AsyncIterator[Claim[Any] | None]:
        """The same, in a thread where the cache blocks."""
        claim = await self._taken_in_thread(key) if self._cache.blocks else self._taken(key)
        with self._renewed(claim):
            try:
                yield claim
            finally:
                if claim is not None and self._cache.blocks:
                    await asyncio.to_thread(claim.release)
                elif claim is not None:
                    claim.release()

    def _taken(self, key: str) -> Claim[Any] | None:
        claim: Claim[Any] | None = self._cache.claim(key, _SECONDS if self._cache.blocks else LONGEST_TTL, self._tags)
        return claim

    async def _taken_in_thread(self, key: str) -> Claim[Any] | None:
        taken: list[Claim[Any] | None] = []
        cancelled = threading.Event()

        def let_go() -> None:
            with suppress(IndexError):  # the other of the two did
                claim = taken.pop()
                if claim is not None:
                    claim.release()

        def take() -> None:
            taken.append(self._taken(key))
            if cancelled.is_set():
                let_go()

        try:
            await asyncio.to_thread(take)
        except asyncio.CancelledError:  # the thread goes on
            cancelled.set()
            asyncio.get_running_loop().run_in_executor(None, let_go)
            raise
        return taken[0]

    def _renewed(self, claim: Claim[Any] | None) -> AbstractContextManager[None]:
        return _renewals.of(claim) if claim is not None and self._cache.blocks else nullcontext()
