"""What questions run on: the log of one tenant as a table `events`, whichever engine reads it.

The table has the columns `STANDARD` and one for each payload field of the log. A field's column has the
field's name where SQL has room for it; `Columns` knows which it is, and what it holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from burgee.analytics import layout
from burgee.analytics.layout import Facts
from burgee.core.errors import BurgeeError, InvalidInputError, did_you_mean
from burgee.store.query import RAW

_TEXTS = ("data", "metadata")

EVENTS = "events"
"""The name of the table."""

STANDARD = pa.schema([*(each for each in RAW if each.name not in _TEXTS), *map(RAW.field, _TEXTS)])
"""The columns every log has; `data` and `metadata` are texts of JSON objects."""

PROPERTIES = ("type", "stream")
"""Standard columns that are properties of an event as well."""

type Kind = layout.Kind
"""What a column holds."""

ARROW: Mapping[Kind, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
}
"""What holds the values of each kind.

`json` is for objects, lists, integers beyond 64 bits and fields of conflicting kinds: text as it is, anything
else as its JSON.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A payload field and the column that holds it."""

    field: str
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Columns:
    """The payload fields of a log, by name."""

    fields: Mapping[str, Column] = field(default_factory=dict)

    def find(self, name: str) -> Column:
        """The column of a property: `type`, `stream` or a payload field.

        Raises:
            InvalidInputError: no event has such a field; says which there are.
        """
        if name in PROPERTIES:
            return Column(name, name, "text")
        if name not in self.fields:
            names = [*PROPERTIES, *self.fields]
            raise InvalidInputError(f"no event has a field {name!r}", hint=did_you_mean(name, names, plural="fields"))
        return self.fields[name]


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of events in the order of positions. `kinds` are what its columns hold, by the columns' names.

    A field that no event in it has is no column of it, and one may have a narrower kind than in the whole log.
    """

    path: Path
    first: int
    last: int
    rows: int
    size: int
    kinds: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class LogSource:
    """The log of a tenant as of one moment: Parquet files, and in memory what is newer than they are.

    The files are in the order of positions; `tail` has all the columns, in their kinds. `facts` say what is
    known of each type of event (with `own`, not of burgee's own). `epoch` changes when somebody is
    forgotten: what was read before must not be kept.
    """

    tenant: str
    columns: Columns
    types: frozenset[str]
    files: tuple[Part, ...]
    tail: pa.Table
    facts: Facts = field(default_factory=dict)
    epoch: int = 0
    own: bool = False

    @property
    def rows(self) -> int:
        """How many events there are."""
        return sum(part.rows for part in self.files) + len(self.tail)


class PartGoneError(BurgeeError):
    """A file of a source can't be read any more: it was deleted or replaced since."""

    code = "part-gone"


class Logs(Protocol):
    """Where the log of a tenant is had as a source; what is committed is in it."""

    def source(self, tenant: str, *, own: bool = False) -> LogSource:
        """The log as it is now; with `own` what burgee itself records, too."""
        ...

    def renew(self, tenant: str) -> None:
        """Trust nothing that was kept of this tenant: make it anew when asked again."""
        ...


def answered[T](logs: Logs, tenant: str, work: Callable[[LogSource], T], *, own: bool = False) -> T:
    """What `work` makes of the log; once more, from the log itself, if a file went away meanwhile."""
    try:
        return work(logs.source(tenant, own=own))
    except PartGoneError:
        logs.renew(tenant)
        return work(logs.source(tenant, own=own))
