"""Frames as files: written a part of their rows at a time, so that a large one is never there twice."""

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, override

from burgee.core.errors import InvalidInputError
from burgee.files.spelling import as_csv, as_lines

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP = 32 * 1024 * 1024
"""Bytes of the frame in memory that are written at once in Parquet, as a row group, and in Arrow, as a batch."""
_TEXT = 1024 * 1024
"""Bytes of it that are written at once as text, which takes several times that."""
_MOST_ROWS = 1024 * 1024
_DICTIONARY = 256 * 1024
"""How large a column's dictionary gets in a row group of Parquet before values are written as they are."""


class Encoded:
    """A table as the pieces of a file, of the kind that a name's ending asks for: Parquet, unless it is another one.

    Args:
        table: the table.
        ending: one of `ENDINGS`, or none that means anything.
    """

    def __init__(self, table: "pa.Table", ending: str) -> None:
        self._table = table.unify_dictionaries()  # a file of Arrow has one for each column
        self._kind, self._write, self._at_once = _KINDS.get(ending, _KINDS["parquet"])
        self.rows = table.num_rows
        self.done = 0
        """How many rows are written."""

    def __iter__(self) -> Iterator[bytes]:
        import pyarrow as pa

        try:
            yield from self._write(self._table.schema, self._parts())
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            why = str(error).partition("\n")[0]
            hint = "change the column's type, or give the name another ending: .parquet, .arrow, .csv, .jsonl"
            raise InvalidInputError(f"this frame can't be written as {self._kind}: {why}", hint=hint) from error

    def _parts(self) -> Iterator["pa.Table"]:
        step = min(_MOST_ROWS, max(1, self._at_once * self.rows // max(1, self._table.nbytes)))
        for start in range(0, self.rows, step):
            yield self._table.slice(start, step)
            self.done = min(self.rows, start + step)


class _Taken(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: object, /) -> int:
        part = bytes(memoryview(data))  # type: ignore[arg-type] # RawIOBase takes any buffer, typed only as such
        self._parts.append(part)
        return len(part)

    def take(self) -> Iterator[bytes]:
        """What came since the last time."""
        parts, self._parts = self._parts, []
        parts.reverse()
        while parts:  # each is let go of when it is handed on
            yield parts.pop()


def _parquet(schema: "pa.Schema", parts: Iterator["pa.Table"]) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    sink = _Taken()
    with pq.ParquetWriter(sink, schema, dictionary_pagesize_limit=_DICTIONARY) as writer:
        for part in parts:
            writer.write_table(part, row_group_size=max(1, part.num_rows))
            yield from sink.take()
    yield from sink.take()


def _arrow(schema: "pa.Schema", parts: Iterator["pa.Table"]) -> Iterator[bytes]:
    import pyarrow as pa

    sink = _Taken()
    with pa.ipc.new_file(sink, schema) as writer:
        for part in parts:
            writer.write_table(part)
            yield from sink.take()
    yield from sink.take()


def _csv(schema: "pa.Schema", parts: Iterator["pa.Table"], separator: str = ",") -> Iterator[bytes]:
    yield as_csv(schema.empty_table(), separator, header=True).encode()
    for part in parts:
        yield as_csv(part, separator, header=False).encode()


def _tabbed(schema: "pa.Schema", parts: Iterator["pa.Table"]) -> Iterator[bytes]:
    return _csv(schema, parts, "\t")


def _lines(_: "pa.Schema", parts: Iterator["pa.Table"]) -> Iterator[bytes]:
    for part in parts:
        yield as_lines(part).encode()


type _Writing = Callable[["pa.Schema", Iterator["pa.Table"]], Iterator[bytes]]
_KINDS: dict[str, tuple[str, _Writing, int]] = {
    **dict.fromkeys(("parquet", "pq"), ("Parquet", _parquet, _GROUP)),
    **dict.fromkeys(("arrow", "feather", "ipc"), ("Arrow", _arrow, _GROUP)),
    **dict.fromkeys(("jsonl", "ndjson"), ("JSON lines", _lines, _TEXT)),
    **dict.fromkeys(("tsv", "tab"), ("tab-separated text", _tabbed, _TEXT)),
    "csv": ("CSV", _csv, _TEXT),
}

ENDINGS = frozenset(_KINDS)
"""The endings of names that say how a frame is written."""
