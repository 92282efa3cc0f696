"""Files of events, read in batches: CSV, TSV, NDJSON and Parquet, each also packed (gzip, zstd).

A text file is read twice. The first pass checks every row and settles the type of every column; the second
gives the batches. So a file that can't be read gives nothing at all rather than its first half, and a
value's type never depends on where a batch happens to end. Neither pass holds more than a few batches.

| format  | names                      | how values are read                                                   |
|---------|----------------------------|-----------------------------------------------------------------------|
| CSV     | `.csv`, `.txt`             | a header; UTF-8, with or without mark; quotes as in RFC 4180, also    |
|         |                            | around line breaks; separated by comma, semicolon, tab or bar         |
| TSV     | `.tsv`, `.tab`             | a header; separated by tabs; quotes are text like any other           |
| NDJSON  | `.ndjson .jsonl .json`     | one JSON object per line                                              |
| Parquet | `.parquet`, `.pq`          | the types are the file's own                                          |

In CSV and TSV an empty value is missing, quoted or not; nothing else is (`NA` is Namibia). A column is
of booleans, integers or floats when each value in the whole file is one *and* can be written back without
losing a digit: `007`, an integer beyond 64 bits or 20 decimals make it a column of text. Streams, types
and ids are always text.

In NDJSON a field is a column of its type; one that holds objects, lists or several types is a column of
JSON, each value as it stands. Rows are counted by line.
"""

import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from burgee.core.errors import InvalidInputError, MissingColumnError, UnreadableFileError, did_you_mean
from burgee.events.delimited import Delimited
from burgee.events.filebytes import FileBytes
from burgee.events.jsonlines import JsonLines

BATCH_ROWS = 10_000
_KINDS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = (".gz", ".zst", ".zstd")
_PARQUET = b"PAR1"


def open_file(path: str | Path, *, columns: Mapping[str, str], batch_rows: int = BATCH_ROWS) -> "EventFile":
    """A file of events, to iterate over.

    Args:
        path: the file; its format goes by its name, else by its content.
        columns: the column of each role: `stream`, `type`, `time` and, if there is one, `id`.
        batch_rows: rows of a batch.

    Raises:
        UnreadableFileError: there is no such file, it is a folder, or it may not be read.
    """
    if batch_rows < 1:
        msg = f"batch_rows must be 1 or more, not {batch_rows}"
        raise InvalidInputError(msg)
    place = readable(path)
    return EventFile(place, _kind(place), columns, batch_rows)


def readable(path: str | Path) -> Path:
    """The path of a file that can be read; `UnreadableFileError` says why it can't."""
    place = Path(path).expanduser()
    try:
        with place.open("rb"):
            return place
    except FileNotFoundError:
        near = [each.name for each in place.parent.iterdir() if each.is_file()] if place.parent.is_dir() else []
        raise UnreadableFileError(str(path), "there is no such file", hint=did_you_mean(place.name, near)) from None
    except IsADirectoryError:
        raise UnreadableFileError(str(path), "it is a folder", hint="name one of the files in it") from None
    except OSError as error:
        raise UnreadableFileError(str(path), error.strerror or str(error)) from None


def read_batches(path: str | Path, *, columns: Mapping[str, str], batch_rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """The batches of a file of events; see `open_file` and `EventFile`."""
    yield from open_file(path, columns=columns, batch_rows=batch_rows)


class EventFile:
    """A file of events. Iterating gives its rows as Arrow tables, `batch_rows` at a time, the last one shorter.

    Attributes:
        path: where it is.
        kind: `csv`, `tsv`, `ndjson` or `parquet`.
        total_bytes: its size.
        bytes_read: how much of it the batches given so far came from. The pass that checks does not count.
        first_row: the number of the last batch's first row, from 1.

    Raises:
        UnreadableFileError: (while iterating, before the first batch of a text file) a row has too many or
            too few values, is not UTF-8, is no JSON object; the packed content breaks off; the file is
            empty, or not Parquet. Says at which row, from 1, where that is known.
        MissingColumnError: a column is not there; says which are.
    """

    __slots__ = ("_columns", "_rows", "bytes_read", "first_row", "kind", "path", "total_bytes")

    def __init__(self, path: Path, kind: str, columns: Mapping[str, str], batch_rows: int) -> None:
        self.path = path
        self.kind = kind
        self.total_bytes = path.stat().st_size
        self.bytes_read = 0
        self.first_row = 1
        self._columns = columns
        self._rows = batch_rows

    @property
    def name(self) -> str:
        """Its name, without the folder."""
        return self.path.name

    def __iter__(self) -> Iterator[pa.Table]:
        self.bytes_read = done = 0
        read = {"ndjson": self._json_lines, "parquet": self._parquet}.get(self.kind, self._delimited)
        for batch in read():
            self.first_row = done + 1
            done += len(batch)
            yield batch
        self.bytes_read = self.total_bytes

    def _delimited(self) -> Iterator[pa.Table]:
        file = Delimited(self.path, self._columns.values(), tabs=self.kind == "tsv")
        self._require(file.names)
        yield from _regroup(file.batches(self._texts(), self._moved), self._rows)

    def _json_lines(self) -> Iterator[pa.Table]:
        file = JsonLines(self.path, self._columns.values(), self._texts())
        self._require(file.names)
        yield from file.batches(self._rows, self._moved)

    def _parquet(self) -> Iterator[pa.Table]:
        try:
            with self._seekable() as plain, pq.ParquetFile(plain) as file:
                self._require(file.schema_arrow.names)
                batches = (pa.Table.from_batches([batch]) for batch in file.iter_batches(self._rows))
                done, total = 0, file.metadata.num_rows
                for batch in _regroup(batches, self._rows):
                    done += len(batch)
                    self._moved(self.total_bytes * done // total)
                    yield batch
        except (pa.ArrowException, OSError) as error:
            why = "the file is empty" if not self.total_bytes else f"it is not Parquet, or damaged: {error}"
            raise UnreadableFileError(str(self.path), why) from None

    @contextmanager
    def _seekable(self) -> Iterator[BinaryIO]:
        """The file itself, or unpacked into a temporary one: Parquet is read from its end."""
        with self.path.open("rb") as file:
            if file.read(4) == _PARQUET:
                yield file
                return
        with FileBytes(self.path) as source, tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(io.BufferedReader(source), unpacked)
            if source.failure:
                raise UnreadableFileError(str(self.path), source.failure)
            yield unpacked

    def _texts(self) -> set[str]:
        return {column for role, column in self._columns.items() if role != "time"}

    def _moved(self, position: int) -> None:
        self.bytes_read = position

    def _require(self, there: Iterable[str]) -> None:
        names = list(there)
        for role, column in self._columns.items():
            if column not in names:
                raise MissingColumnError(column, names, role=role)


def _kind(path: Path) -> str:
    """The format: by the name's ending, else by how the content begins."""
    with path.open("rb") as file:
        if file.read(4) == _PARQUET:
            return "parquet"
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    if endings and endings[-1] in _KINDS:
        return _KINDS[endings[-1]]
    with FileBytes(path) as source:
        head = io.BufferedReader(source).read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(_PARQUET):
        return "parquet"
    return "ndjson" if head.startswith(b"{") else "csv"


def _regroup(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows, so many at a time."""
    held: pa.Table | None = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        start = 0
        while len(held) - start >= rows:
            yield held.slice(start, rows)
            start += rows
        held = held.slice(start)
    if held is not None and len(held):
        yield held
