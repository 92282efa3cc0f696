"""One execution at a time for each key within a process: who works, who waits, and what those who wait are given.

Whoever waits gets the result as its own, to change as it likes, or the error. If the one who worked was cancelled or
interrupted, that is no answer for the others: one of them works instead. So it is if the key or a tag of it was taken
away from the cache meanwhile, whoever did that and in whichever process.
"""

import copy
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from burgee.core.errors import InvalidInputError

_flying: ContextVar[tuple["Flight", ...]] = ContextVar("_flying", default=())
"""What is being worked on where this is asked: to wait for one of these would never end."""


class Flight:
    """One execution, and what became of it."""

    __slots__ = ("_error", "_in_time", "done", "left", "of", "value", "void", "waiting")

    def __init__(self, of: tuple[object, ...] = ()) -> None:
        self.of = of
        """The key, and the cache it is of."""
        self.done: Future[None] = Future()
        self.waiting = 0
        self._in_time = 0
        """How many waited when it was last looked whether anything was taken away."""
        self.left = False
        """Whether the one who worked on it was cancelled or interrupted."""
        self.void = False
        """Whether its key or a tag was taken away from the cache meanwhile: the result is not kept, and may be old."""
        self.value: Any = None
        self._error: BaseException | None = None

    def look(self) -> None:
        """Called just before the result is looked up or stored: who asks later may know that it was deleted since."""
        self._in_time = self.waiting

    def answers(self, number: int) -> bool:
        """Whether its result is one for who waited for it, the how many-th of them; 0 for who asked before it began.

        A void one is not for who asked after it began, perhaps because of what it is void for; nor is any for who came
        too late. If it began after that, it is new enough whatever happened since: so nobody waits for more than two.
        """
        new_enough = number == 0 or self._error is not None or (number <= self._in_time and not self.void)
        return new_enough and not self.left

    def result(self) -> Any:
        """The result, to be changed as one likes; or the error."""
        if self._error is not None:
            raise self._error
        return _copied(self.value)

    def land(self, error: BaseException | None = None) -> None:
        """It is done. The value is copied before the one who worked can change it."""
        self.left = error is not None and not isinstance(error, Exception)
        self._error = error
        self.value = _copied(self.value) if self.waiting else None
        self.done.set_result(None)


class Flights:
    """The executions of one function, whose results are in one place."""

    def __init__(self, name: str, place: tuple[object, ...]) -> None:
        self._name, self._place = name, place
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._working: dict[str, Flight] = {}

    def join(self, key: str) -> tuple[int, Flight]:
        """The how many-th this caller is of those who wait, 0 if it does the work; and the execution it belongs to."""
        self._after_fork()
        with self._lock:
            flight = self._working.get(key)
            if flight is None:
                flight = self._working[key] = Flight((*self._place, key))
                return 0, flight
            if flight in _flying.get():
                raise self._endless()
            flight.waiting += 1
            return flight.waiting, flight

    def begin(self, key: str) -> Flight | None:
        """The execution that this caller is to do; None if there is one already."""
        self._after_fork()
        with self._lock:
            if key in self._working:
                return None
            flight = self._working[key] = Flight((*self._place, key))
            return flight

    def check_others(self, flight: Flight) -> None:
        """Whether another's claim on its key can be waited for: not if that is for what this is called by."""
        if any(one is not flight and one.of == flight.of for one in _flying.get()):
            raise self._endless()

    def _endless(self) -> InvalidInputError:
        return InvalidInputError(
            f"{self._name} asks for its own result with the same arguments, and would wait for itself"
        )

    @contextmanager
    def working(self, key: str, flight: Flight) -> Iterator[None]:
        """Within it the work is done, and `flight.value` set. However it ends, those who wait are told."""
        token = _flying.set((*_flying.get(), flight))
        try:
            yield
        except BaseException as error:
            self._leave(key, flight)
            flight.land(error)
            raise
        else:
            self._leave(key, flight)
            flight.land()
        finally:
            _flying.reset(token)

    def cancel(self, key: str | None = None) -> None:
        """What is being worked on, for this key or all, is not waited for: who asks from now on starts anew."""
        with self._lock:
            if key is None:
                self._working.clear()
            else:
                self._working.pop(key, None)

    def _after_fork(self) -> None:
        if self._process != os.getpid():  # those who worked were left behind
            self._begin()

    def _leave(self, key: str, flight: Flight) -> None:
        with self._lock:
            if self._working.get(key) is flight:
                del self._working[key]


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - whatever an object of somebody's raises: then it is shared
        return value
