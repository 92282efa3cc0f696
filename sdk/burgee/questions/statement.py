"""SQL and types of events as fluent objects."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_text
from burgee.core.display import Sheet, Shown
from burgee.core.errors import NotFoundError
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.questions.catalog import TypeInfo
from burgee.questions.protocol import QuestionService

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class SqlAnswer(Shown):
    """A SELECT over the events, not asked yet: `frame()` or `arrow()` asks it, where the data is."""

    __slots__ = ("_as_of", "_link", "_service", "_statement")

    def __init__(self, link: Link, service: QuestionService, statement: str, as_of: datetime | None) -> None:
        need_text("a SELECT", statement)
        self._link = link
        self._service = service
        self._statement = statement
        self._as_of = as_of

    def arrow(self) -> "pa.Table":
        """The answer as an Arrow table."""
        return self._link.call(self._service.sql(self._statement, self._as_of)).read_all()

    def frame(self) -> "pd.DataFrame":
        """The answer as a frame, with the SELECT's columns."""
        from burgee.core.frames import to_pandas

        return to_pandas(self.arrow())

    @override
    def __repr__(self) -> str:
        when = "" if self._as_of is None else f" as of {self._as_of:%Y-%m-%d %H:%M}"
        return f"<SqlAnswer of {' '.join(self._statement.split())[:80]!r}{when}: .frame() answers>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("sql", self._statement), *([("as of", self._as_of)] if self._as_of is not None else [])]
        return Sheet("SqlAnswer", ("", "value"), rows, "not asked yet: .frame() or .arrow() asks")


class TypeList(Listing[TypeInfo]):
    """Types of events, by name. Frame: `type, count, first, last, versions, fields, conflicts` (see `TypeInfo`)."""

    __slots__ = ()
    columns = TypeInfo.__slots__
    dtypes = typed(text="type", whole="count", moment="first last")

    @override
    def __iter__(self) -> Iterator[TypeInfo]:
        return super().__iter__()

    def __getitem__(self, type: str) -> TypeInfo:
        """What is known of a type: `acme.events.types()["order.placed"].fields`.

        Raises:
            NotFoundError: no event has this type; says which there are.
        """
        for info in self:
            if info.type == type:
                return info
        raise NotFoundError("event type", str(type), (info.type for info in self))

    def _ipython_key_completions_(self) -> Sequence[str]:
        return [info.type for info in self._items]

    @override
    def _row(self, item: TypeInfo) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}
