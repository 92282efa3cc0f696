"""What runs questions: an engine takes a tree over the table `events` and gives its rows."""

from typing import Protocol, runtime_checkable

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.source import LogSource


@runtime_checkable
class Engine(Protocol):
    """Runs questions. A new one is one file with a class like this."""

    @property
    def dialect(self) -> str:
        """The SQL it speaks, by sqlglot's name."""
        ...

    def answer(self, tree: exp.Query, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        ...
