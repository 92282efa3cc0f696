"""What questions run on: the log of one tenant as a table `events`, whichever engine reads it.

The table has the columns `STANDARD` and one for each payload field of the log. A field's column has the
field's name where SQL has room for it; `Columns` knows which it is, and what it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa

from burgee.core.errors import InvalidInputError, did_you_mean

EVENTS = "events"
"""The name of the table."""

STANDARD = pa.schema(
    [
        ("position", pa.int64()),
        ("stream", pa.string()),
        ("version", pa.int64()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("schema_version", pa.int64()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("recorded_at", pa.timestamp("us", "UTC")),
        ("data", pa.string()),
        ("metadata", pa.string()),
    ]
)
"""The columns every log has; `data` and `metadata` are texts of JSON objects."""

PROPERTIES = ("type", "stream")
"""Standard columns that are properties of an event as well."""

type Kind = Literal["int", "float", "bool", "text", "json"]

ARROW: Mapping[Kind, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
}
"""What holds the values of each kind. `json` is for objects, lists and fields of conflicting kinds."""


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
class LogSource:
    """The log of a tenant as of one moment: Parquet files, and in memory what is newer than they are.

    Files and `tail` hold the same columns, but a file may lack some (no event in it had the field) or hold a
    narrower kind; `data` is the truth. They are in the order of positions. `epoch` changes when somebody is
    forgotten: what was read before must not be kept. `own`: what burgee itself records is in it.
    """

    tenant: str
    columns: Columns
    types: frozenset[str]
    files: tuple[Path, ...]
    tail: pa.Table
    epoch: int = 0
    own: bool = False


class Logs(Protocol):
    """Where the log of a tenant is had as a source; what is committed is in it."""

    def source(self, tenant: str, *, own: bool = False) -> LogSource:
        """The log as it is now; with `own` what burgee itself records, too."""
        ...
