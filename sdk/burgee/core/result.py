"""`Result`: success or an expected failure, as a value.

Services answer `Ok(value)` or `Err(error)` for what can be expected to go wrong (an unknown flag, a
lost race); the fluent layer calls `unwrap` and so raises the typed error. What nobody expects (the
disk is full, the server is gone) is raised as an exception everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Ok[T]:
    """Success, with its value."""

    value: T

    def unwrap(self) -> T:
        """The value."""
        return self.value

    def map[U](self, change: Callable[[T], U]) -> "Ok[U]":
        """`Ok` of the changed value."""
        return Ok(change(self.value))


@dataclass(frozen=True, slots=True)
class Err[E: Exception]:
    """An expected failure, with its error."""

    error: E

    def unwrap(self) -> NoReturn:
        """Raise the error, as of here: of where in a service it was made, whoever reads it learns nothing."""
        __tracebackhide__ = True
        raise self.error.with_traceback(None)

    def map(self, change: Callable[..., object]) -> "Err[E]":  # noqa: ARG002 - same shape as Ok.map
        """Itself: there is no value to change."""
        return self


type Result[T, E: Exception] = Ok[T] | Err[E]
