"""Rows of the mirror in memory: typed, grown run by run, and widened where later events ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from burgee.analytics.layout import Facts, Kind, Seen, kind_of, named
from burgee.analytics.mirror_quick import quickly
from burgee.analytics.payload import texts, typed
from burgee.analytics.source import ARROW, STANDARD, Part


@dataclass(frozen=True, slots=True)
class Rows:
    """Events in the order of positions. `kinds` are what the columns of its tables hold; a table may lack some."""

    runs: tuple[pa.Table, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    def plus(self, rows: pa.Table, kinds: Mapping[str, Kind], names: Mapping[str, str]) -> Self:
        """With these rows behind; `kinds` and `names` are what holds for all of them now.

        Runs are joined when the one before is not much longer, so that adding one by one copies little.
        """
        runs = [widened(run, self.kinds, kinds, names) for run in self.runs]
        runs.append(rows)
        while len(runs) > 1 and len(runs[-2]) <= 2 * len(runs[-1]):
            last = runs.pop()
            runs[-1] = joined([runs[-1], last]).combine_chunks()
        return type(self)(tuple(runs), dict(kinds))

    def whole(self, kinds: Mapping[str, Kind]) -> pa.Table:
        """One table with all columns: the standard ones and those of `kinds`, in that order."""
        table = joined([STANDARD.empty_table(), *self.runs])
        for name, kind in kinds.items():
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table), ARROW[kind]))
        return table.select([*STANDARD.names, *kinds])

    def dense(self) -> tuple[pa.Table, dict[str, Kind]]:
        """One table without the columns that hold nothing, and the kinds of those that hold something."""
        table = joined(self.runs).combine_chunks()
        there = {
            name: self.kinds[name]
            for name in table.column_names
            if name in self.kinds and table[name].null_count < len(table)
        }
        return table.select([*STANDARD.names, *there]), there


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables one after the other; what one of them lacks is null there."""
    return pa.concat_tables(tables, promote_options="default")


def typed_rows(
    raw: pa.Table, seen: Mapping[str, frozenset[Seen]], names: Mapping[str, str], known: Facts
) -> tuple[pa.Table, Facts, dict[str, frozenset[Seen]], dict[str, str]]:
    """Raw events with their fields' columns; what is known of them; and what each field has been, and its column.

    `seen`, `names` and `known` are the same of the events before.
    """
    quick = quickly(raw, seen, known)
    facts, now, columns = typed(raw, seen) if quick is None else (quick[0], dict(seen), quick[1])
    named_now = named(sorted(now), names)
    table = raw.select(STANDARD.names)
    for name, column in columns.items():
        table = table.append_column(named_now[name], column)
    return table, facts, now, named_now


def widened(
    table: pa.Table, before: Mapping[str, Kind], after: Mapping[str, Kind], names: Mapping[str, str]
) -> pa.Table:
    """The table with its columns in the kinds `after`; `names` are the columns' names by field."""
    fields: dict[str, str] | None = None
    for place, name in enumerate(table.column_names):
        if name not in before or after.get(name, before[name]) == before[name]:
            continue
        if (before[name], after[name]) == ("float", "json"):  # 1 and 1.0 are one float, but two texts
            fields = fields or {column: of for of, column in names.items()}
            (column,) = texts(table, [fields[name]])
        else:
            column = table.column(place).cast(ARROW[after[name]])
        table = table.set_column(place, name, column)
    return table


def read_part(
    part: Part, seen: Mapping[str, frozenset[Seen]], names: Mapping[str, str]
) -> tuple[pa.Table, dict[str, Kind]]:
    """A part's rows, in the kinds that hold for the whole log now."""
    kinds = {names[name]: kind_of(of) for name, of in seen.items()}
    table = widened(pq.ParquetFile(part.path).read(), part.kinds, kinds, names)
    return table, {name: kinds[name] for name in part.kinds}
