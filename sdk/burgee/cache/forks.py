"""What a fork leaves to the child: locks that nobody gives back, since only the thread that forked lives on there."""

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that must be set right in a child."""

    def in_child(self) -> None:
        """Make locks anew, and let go of what only the parent has."""
        ...


_all: "weakref.WeakSet[Forked]" = weakref.WeakSet()


def on_fork(one: Forked) -> None:
    """Have `one.in_child()` called in each child of a fork, for as long as `one` lives."""
    _all.add(one)


def _in_child() -> None:
    for one in list(_all):
        one.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
