"""What the widgets have in common: their frame and look, a place for errors, and what is shown without a kernel.

JupyterLab may run what a control asks for in another thread than the cells (a subshell), while a cell runs that uses
the same widget. So whatever changes a widget does so alone, under one lock for all of them: no change of a hand is
lost, and what a widget shows fits together. They wait for each other at most as long as one change takes.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.resources import files
from typing import ClassVar, override

import ipywidgets

from burgee.core.errors import BurgeeError
from burgee.notebook import tables

LOCK = threading.RLock()
"""Held by whoever changes a widget."""

CSS = (files(__package__) / "widgets.css").read_text(encoding="utf-8")


def alone[**P, R](work: Callable[P, R]) -> Callable[P, R]:
    """The same, but never in two threads at once."""

    @wraps(work)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with LOCK:
            return work(*args, **kwargs)

    return locked


class Panel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types, so to mypy its classes are Any
    """A widget made of rows. Whatever goes wrong in it is told in it, in red, and it stays as it was.

    Saved notebooks keep it as plain HTML, for whoever opens them without a kernel.
    """

    kind: ClassVar[str]
    """The class of its style."""

    def __init__(self) -> None:
        super().__init__()
        self.add_class("burgee")
        self.add_class(self.kind)
        self._look = ipywidgets.HTML(f"<style>{tables.CSS}{CSS}</style>")
        self._look.add_class("burgee-look")
        self.problem = ipywidgets.HTML()
        self.problem.add_class("burgee-problem")
        self._tell("")
        self._quiet = False

    def _show(self, *rows: ipywidgets.Widget) -> None:
        """What it is made of, from top to bottom."""
        self.children = (self._look, self.problem, *rows)

    def _tell(self, problem: str) -> None:
        self.problem.value = problem
        self.problem.layout.display = "" if problem else "none"

    @alone
    def _by_hand(self, work: Callable[[], None], otherwise: Callable[[], None] = lambda: None) -> None:
        """Do what a control asks for, unless it is only being set to what is; if that fails, the other."""
        if not self._quiet and not self._attempt(work):
            otherwise()

    @alone
    def _attempt(self, work: Callable[[], None]) -> bool:
        """Do what somebody asked for by hand; whether it went well. What goes wrong is told."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - in a widget's callback a traceback would go to a log nobody reads
            self._tell(trouble(error))
            return False
        self._tell("")
        return True

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        """While its controls are set to what is, not to what somebody wants."""
        with LOCK:
            before, self._quiet = self._quiet, True
            try:
                yield
            finally:
                self._quiet = before

    def _still(self) -> str:
        """The widget as HTML that does nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no still")

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object] | None:
        bundle: dict[str, object] | None = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        still = f'<div class="burgee {self.kind}">{self._still()}</div>'
        return {**bundle, "text/plain": repr(self), "text/html": f"{self._look.value}{still}"}

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def row(*children: ipywidgets.Widget, kind: str = "") -> ipywidgets.HBox:
    """Widgets side by side, wrapped where there is no room."""
    box = ipywidgets.HBox(list(children))
    box.add_class("burgee-row")
    if kind:
        box.add_class(kind)
    return box


def label(words: str) -> ipywidgets.HTML:
    """What stands before a control."""
    made = ipywidgets.HTML(f'<span class="burgee-label">{tables.text(words)}</span>')
    made.add_class("burgee-name-of")
    return made


def unit(words: str) -> ipywidgets.HTML:
    """What stands behind a number."""
    return ipywidgets.HTML(f'<span class="burgee-label">{tables.text(words)}</span>')


def button(words: str, tooltip: str, *, icon: str = "") -> ipywidgets.Button:
    """A button."""
    made = ipywidgets.Button(description=words, tooltip=tooltip, icon=icon)
    made.add_class("burgee-button")
    return made


def trouble(error: Exception) -> str:
    """An error as HTML: what happened, and what to do about it."""
    message = str(error) if isinstance(error, BurgeeError) else f"{type(error).__name__}: {error}"
    hints = error.hints if isinstance(error, BurgeeError) else []
    lines = "".join(f'<div class="burgee-hint">{tables.text(hint)}</div>' for hint in hints)
    return f'<div role="alert"><b>{tables.text(message)}</b>{lines}</div>'
