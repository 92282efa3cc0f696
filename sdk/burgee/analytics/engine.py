"""What runs questions: an engine takes a tree over the table `events` and gives its rows."""

from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.source import LogSource


class Engine(Protocol):
    """Runs questions. A new one is one file with a class like this."""

    @property
    def dialect(self) -> str:
        """The SQL it speaks, by sqlglot's name."""
        ...

    def answer(self, tree: exp.Expr, source: LogSource) -> pa.Table:
        """The rows of one SELECT over the table `events`, in the tree's order and with its column names."""
        ...
