"""CSV and TSV, checked whole and then given in batches. See `burgee.events.reading` for what is read how."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from burgee.core.errors import UnreadableFileError
from burgee.events.filebytes import FileBytes
from burgee.events.inference import TextTypes

_SEPARATORS = ",;\t|"
_HEAD = 1 << 20  # bytes in which the header must stand
_BLOCK = 8 << 20  # bytes parsed at once; a row must be shorter
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_HINT = "save the file as UTF-8; it may be in Latin-1 or Windows-1252"


class Delimited:
    """A file of separated values, with its header read.

    Args:
        path: where it is.
        tabs: tabs separate the values, and quotes are text like any other; otherwise RFC 4180 holds, and
            the separator is the first of comma, semicolon, tab and bar with which the header has `needed`.
        needed: the columns the header should have; whether it has is for the caller to see in `names`.
    """

    __slots__ = ("_path", "_quotes", "_separator", "names")

    def __init__(self, path: Path, needed: Collection[str], *, tabs: bool) -> None:
        self._path = path
        self._quotes = not tabs
        text = self._head()
        found = [(self._first_row(text, separator), separator) for separator in ("\t" if tabs else _SEPARATORS)]
        fitting = [each for each in found if set(needed) <= set(each[0])]
        self.names, self._separator = fitting[0] if fitting else max(found, key=lambda each: len(each[0]))
        for place, name in enumerate(self.names):
            if name in self.names[:place]:
                raise self._fault(f"column {name!r} stands twice in the header")

    def batches(self, texts: Collection[str], moved: Callable[[int], None]) -> Iterator[pa.Table]:
        """The rows, typed; the columns in `texts` stay text. `moved` hears how far the second pass has come."""
        types = TextTypes(texts)
        for batch in self._rows(None):
            types.observe(batch)
        yield from map(types.convert, self._rows(moved))

    def _fault(self, why: str, row: int | None = None, hint: str | None = None) -> UnreadableFileError:
        return UnreadableFileError(str(self._path), why, row=row, hint=hint)

    def _head(self) -> str:
        with FileBytes(self._path) as source:
            head = io.BufferedReader(source).read(_HEAD)
            if not head.removeprefix(_BOM).strip():
                raise self._fault(source.failure or "the file is empty")
        if head.startswith(_UTF16):
            raise self._fault("it is in UTF-16", hint="save the file as UTF-8")
        return head.removeprefix(_BOM).decode(errors="surrogateescape")

    def _first_row(self, text: str, separator: str) -> list[str]:
        lines = io.StringIO(text, newline="")
        if self._quotes:
            rows = csv.reader(lines, delimiter=separator)
        else:
            rows = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
        try:
            names = next(filter(None, rows))
            "".join(names).encode()
        except csv.Error as error:
            raise self._fault(f"the header can't be read: {error}") from None
        except UnicodeEncodeError:
            raise self._fault("the header is not UTF-8", hint=_UTF8_HINT) from None
        return names

    def _rows(self, moved: Callable[[int], None] | None) -> Iterator[pa.RecordBatch]:
        """The rows as columns of text, the empty ones null."""
        done = 0
        last: bytes | None = None
        ragged: list[pa_csv.InvalidRow] = []
        with FileBytes(self._path, moved) as source:
            try:
                with self._open(source, ragged) as reader:
                    for batch in reader:
                        yield self._decoded(batch, done)
                        done += len(batch)
                        last = batch.columns[-1][-1].as_py() if len(batch) else last
            except pa.ArrowInvalid as error:
                if "cannot infer number of columns" not in str(error):  # it says so of a header alone
                    raise self._explained(str(error), done, ragged, source) from None
            if source.failure:
                raise self._fault(source.failure, row=done if source.in_row else done + 1)
            if self._quotes and source.quotes % 2 and b"\n" in (last or b""):
                raise self._fault("a quote is opened and never closed", row=done)

    def _open(self, source: FileBytes, ragged: list[pa_csv.InvalidRow]) -> pa_csv.CSVStreamingReader:
        def refuse(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        return pa_csv.open_csv(
            io.BufferedReader(source, _HEAD),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._separator,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                invalid_row_handler=refuse,
            ),
            # As bytes, since of bytes that are no UTF-8 Arrow does not say where they are.
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.binary()), null_values=[""], strings_can_be_null=True
            ),
        )

    def _decoded(self, batch: pa.RecordBatch, done: int) -> pa.RecordBatch:
        columns: list[pa.Array] = []
        for name, column in zip(self.names, batch.columns, strict=True):
            try:
                columns.append(column.cast(pa.string()))
            except pa.ArrowInvalid:
                place = next(place for place, value in enumerate(column.to_pylist()) if not _is_utf8(value))
                raise self._fault(f"column {name!r} is not UTF-8", row=done + place + 1, hint=_UTF8_HINT) from None
        return pa.RecordBatch.from_arrays(columns, names=self.names)

    def _explained(
        self, error: str, done: int, ragged: list[pa_csv.InvalidRow], source: FileBytes
    ) -> UnreadableFileError:
        if not ragged:
            why = f"a row after row {done} is longer than {_BLOCK >> 20} MiB" if "straddl" in error else error
            return self._fault(why, hint="is a quote opened and never closed?" if self._quotes else None)
        row = ragged[0]
        why = f"it has {row.actual_columns} values, the header has {row.expected_columns} names"
        if source.failure:  # most likely the cause: the row was cut short
            why = f"{why}, and {source.failure}"
        hint = "quote values that contain the separator or a line break" if self._quotes else None
        return self._fault(why, row=row.number - 1, hint=hint)  # Arrow counts the header


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
