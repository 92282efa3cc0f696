"""How things show themselves: as plain sheets of data here, as HTML, plots and widgets in `notebook`.

`notebook` stands above the features, so they can't import it; they name a view, and it is loaded when
somebody looks. Nothing here does I/O of its own: what is shown is what is already known.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, cast, runtime_checkable

from burgee.core.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a table shows: a title, named columns, rows of plain values, and a note below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""


@runtime_checkable
class Drawn(Protocol):
    """What a matplotlib figure has; matplotlib itself need not be here to write a report without plots."""

    def savefig(self, fname: object, **options: object) -> None:
        """Write the figure."""
        ...


class _Tables(Protocol):
    def html(self, sheet: Sheet) -> str:
        """The sheet as HTML that needs nothing from elsewhere."""
        ...


class Shown(ABC):
    """Shows itself as a line of text, and as an HTML table in notebooks."""

    __slots__ = ()

    @abstractmethod
    def _sheet(self) -> Sheet:
        """What its table shows."""

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        """What IPython asks for: HTML, and text for whoever can't show HTML."""
        tables = cast("_Tables", view("tables"))
        bundle = {"text/plain": repr(self), "text/html": tables.html(self._sheet())}
        wanted = set(include) if include else set(bundle)
        return {kind: text for kind, text in bundle.items() if kind in wanted - set(exclude or ())}


def view(name: str) -> ModuleType:
    """The module of `burgee.notebook` by that name, or what to install to have it."""
    try:
        return importlib.import_module(f"burgee.notebook.{name}")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("burgee"):
            raise
        raise MissingExtraError(f"the {name} view ({error.name} is not installed)", "notebook") from None
