"""Flags over frames, relations, streams and warehouses: the verbs `assign` and `sql`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, overload

from burgee.core.checks import need_text
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.link import Link
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.protocol import FlagService

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa


class Batches(Protocol):
    """An Arrow `RecordBatchReader`."""

    def read_next_batch(self) -> object:
        """The next rows."""


class Dataset(Protocol):
    """A dataset or a scanner of pyarrow."""

    def count_rows(self) -> int:
        """How many rows there are."""


class FlagAssigning:
    """What one version of a flag serves to many."""

    __slots__ = ()

    state: FlagState
    _ruleset: Ruleset
    _now: datetime | None

    @overload
    def assign(  # type: ignore[overload-overlap] # a relation is an object, too, but it is never loaded
        self, frame: "duckdb.DuckDBPyRelation", *, by: str = "id"
    ) -> "duckdb.DuckDBPyRelation": ...

    @overload
    def assign(self, frame: "Batches | Dataset", *, by: str = "id") -> "pa.RecordBatchReader": ...

    @overload
    def assign(self, frame: object, *, by: str = "id") -> "pd.DataFrame": ...

    def assign(
        self, frame: object, *, by: str = "id"
    ) -> "pd.DataFrame | duckdb.DuckDBPyRelation | pa.RecordBatchReader":
        """What the flag serves to each row of a frame, and why; row by row what `evaluate` says.

        Schedules and ramps are looked at once for all rows.

        Args:
            frame: any frame: pandas, polars, Arrow. Its columns are the attributes that rules look at. Or what is too
                large for one: a relation of DuckDB, an Arrow `RecordBatchReader`, a dataset or scanner of pyarrow.
            by: the column that holds the targeting key.

        Returns:
            Of a frame, a frame with the same index and the columns `variant, value, reason, rule, bucket`. `bucket`
            is the rollout's: in a rollout of p % when below p/100 * 2**32. Of a relation, a relation, lazy, and of
            a stream, a `RecordBatchReader`, of bounded memory: all columns there were, and then those five (`value`
            as JSON text where the values are of several types).

        Raises:
            MissingColumnError: the frame lacks `by` or an attribute of a rule.
            InvalidInputError: a column is of a kind that can't be used.
        """
        from burgee.flags.sql.streams import assign_any

        return assign_any(self.state, frame, by, self._ruleset, self._now)

    def sql(
        self,
        dialect: str,
        *,
        table: str,
        by: str = "id",
        columns: Mapping[str, str] | None = None,
        like: object = None,
    ) -> str:
        """The same decision as a SELECT: the table's columns, and `variant` and `reason` as `evaluate` says them.

        Segments, flags required, schedules and ramps stand in the text as they are at this moment.

        Args:
            dialect: `bigquery`, `clickhouse`, `duckdb`, `postgres`, `snowflake`, `spark` or `trino`.
            table: its name as the dialect writes it: `"crm.users"`.
            by: the column that holds the targeting key.
            columns: what columns hold: `text`, `whole`, `fraction`, `boolean`, `time`, `uuid` or `other`. Columns not
                told, nor found in `like`, are taken for what rules compare them with: a text for text, a number for
                a fraction (whole numbers included, exact up to 2**53), `True` for boolean, a moment for time; keys
                for text.
            like: a frame whose columns are of the same kinds as the table's.

        Raises:
            InvalidInputError: there is no such dialect or kind, the table's name is none, what a column holds can't
                be told, or the flag can't be said in SQL (a split as flagd's).
            MissingColumnError: `like` lacks a column.
        """
        from burgee.flags.sql.assign import compiled_at
        from burgee.flags.sql.text import select_of

        compiled = compiled_at(self._now, self.state, self._ruleset)
        return select_of(compiled, dialect, table, by, columns, like)


class FlagsAssigning:
    """What several flags serve to many."""

    __slots__ = ()

    _link: Link
    _service: FlagService

    def assign(
        self, frame: object, flags: "Sequence[FlagAssigning | str] | None" = None, *, by: str = "id"
    ) -> "pd.DataFrame":
        """The variants that several flags serve now to each row of a frame: a column for each, named by its key.

        Args:
            frame: any frame, with the columns that rules look at.
            flags: keys, or flags; all that are not archived unless given.
            by: the column that holds the targeting key.

        Returns:
            A frame with the same index and a categorical column of variants for each flag.

        Raises:
            NotFoundError: there is no flag of that key.
            MissingColumnError: the frame lacks `by` or an attribute of a rule.
            InvalidInputError: a column is of a kind that can't be used, or a flag is given twice.
        """
        from burgee.flags.sql.several import assign_several

        ruleset = self._link.call(self._service.ruleset())
        return assign_several(chosen(ruleset, flags), frame, by, ruleset)


def chosen(ruleset: Ruleset, flags: Iterable[FlagAssigning | str] | None) -> Sequence[FlagState]:
    """The flags of a ruleset that are meant: those given, or all that are not archived."""
    if flags is None:
        return [state for _, state in sorted(ruleset.flags.items()) if not state.archived]
    if isinstance(flags, str):
        raise InvalidInputError(f"flags are given as a list, not {flags!r}", hint=f"flags=[{flags!r}]")
    states = []
    for one in flags:
        key = one.state.key if isinstance(one, FlagAssigning) else one
        need_text("a flag's key", key)
        if key not in ruleset.flags:
            raise NotFoundError("flag", key, sorted(ruleset.flags))
        states.append(ruleset.flags[key])
    return states
