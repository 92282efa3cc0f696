"""Lists that page: the first page is there, the others come when iteration reaches them."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown
from burgee.core.json import dumps
from burgee.core.page import Page

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def typed(
    *, text: str = "", whole: str = "", number: str = "", yes_no: str = "", moment: str = ""
) -> Mapping[str, str]:
    """The dtypes of columns, which are named with blanks between: `typed(text="id name", moment="created_at")`."""
    kinds = {"str": text, "int64": whole, "float64": number, "bool": yes_no, "datetime64[us, UTC]": moment}
    return {name: kind for kind, names in kinds.items() for name in names.split()}


def typed_frame(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], dtypes: Mapping[str, str]
) -> "pd.DataFrame":
    """A frame of rows whose columns have their dtypes also where there are no rows."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=dtypes.get(name)) for name in columns})


class Listing[T](Shown):
    """Some of many things. Iterate for all of them; `frame()` has all; what is shown is what has been fetched."""

    __slots__ = ("_after", "_ask", "_items")

    columns: Sequence[str]
    """The columns of the frame."""
    dtypes: Mapping[str, str] = {}
    """Of columns whose values don't tell, where there are no rows or all are missing."""

    shown: Sequence[str] = ()
    """The columns of what it shows of itself; all of them, unless some are named."""

    def __init__(self, first: Page[T], ask: Callable[[str], Page[T]] | None = None) -> None:
        self._items = list(first.items)
        self._after = first.after
        self._ask = ask

    @abstractmethod
    def _row(self, item: T) -> Mapping[str, object]:
        """The item as a row: a value for each column."""

    def __iter__(self) -> Iterator[T]:
        index = 0
        while True:
            while index < len(self._items):
                yield self._items[index]
                index += 1
            if not self._more():
                return

    def count(self) -> int:
        """How many there are; fetches those that are not here yet."""
        return sum(1 for _ in self)

    def frame(self) -> "pd.DataFrame":
        """All of them as a frame, a row each."""
        return typed_frame(self.columns, [self._row(item) for item in self], self.dtypes)

    def arrow(self) -> "pa.Table":
        """All of them as an Arrow table; what is nested stands there as JSON text."""
        import pyarrow as pa

        rows = [self._row(item) for item in self]
        return pa.table({name: [_flat(row[name]) for row in rows] for name in self.columns})

    @override
    def _sheet(self) -> Sheet:
        columns = self.shown or self.columns
        rows = [[row[name] for name in columns] for row in map(self._row, self._items)]
        note = "" if rows else "nothing here"
        if self._after is not None:
            note = f"{len(rows)} shown and more: iterate, or take .frame()"
        return Sheet(type(self).__name__, list(columns), rows, note)

    @override
    def __repr__(self) -> str:
        more = "+" if self._after is not None else ""
        return f"<{type(self).__name__} of {len(self._items)}{more}>"

    def _more(self) -> bool:
        if self._after is None or self._ask is None:
            return False
        page = self._ask(self._after)
        self._items.extend(page.items)
        self._after = page.after
        return True


def _flat(value: object) -> object:
    return dumps(value) if isinstance(value, Mapping | tuple | list) else value
