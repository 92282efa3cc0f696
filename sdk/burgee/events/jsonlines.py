"""NDJSON, checked whole and then given in batches. See `burgee.events.reading` for what is read how."""

import io
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from itertools import batched
from pathlib import Path
from types import NoneType
from typing import NoReturn

import pyarrow as pa

from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.json import dumps
from burgee.events.filebytes import FileBytes

_LEAST, _MOST = -(2**63), 2**63 - 1  # of an int64
_NAMES = frozenset({str, int, NoneType})  # what may stand for a name
_ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


class JsonLines:
    """A file of JSON objects, one per line, checked: `names` are all the fields there are, by first appearance.

    Args:
        path: where it is.
        needed: fields that each table has; whether the file has them is for the caller to see in `names`.
        texts: fields that are text in any case; in them whole numbers may stand for their digits.
    """

    __slots__ = ("_needed", "_path", "_texts", "_types", "names")

    def __init__(self, path: Path, needed: Collection[str], texts: Collection[str]) -> None:
        self._path = path
        self._needed = needed
        self._texts = texts
        kinds: dict[str, set[type]] = {}
        for row, record in self._records(None):
            for name in texts:
                if type(record.get(name)) not in _NAMES:
                    why = f"{name!r} is {json.dumps(record[name])[:60]}; text or a whole number is needed"
                    raise self._fault(why, row)
            for name, value in record.items():
                kind = type(value)
                if type(value) is int and not _LEAST <= value <= _MOST:
                    kind = Decimal  # any type that is no column's will do
                kinds.setdefault(name, set()).add(kind)
        self.names = list(kinds)
        self._types = {name: self._type(name, met) for name, met in kinds.items()}

    def batches(self, rows: int, moved: Callable[[int], None]) -> Iterator[pa.Table]:
        """The objects as rows, so many at a time. `moved` hears how far the reading has come.

        A table has the `needed` columns, and of the others those that one of its rows has.
        """
        for some in batched(self._records(moved), rows):
            there = {name for _, record in some for name in record}.union(self._needed)
            names = [name for name in self.names if name in there]
            yield pa.table({name: self._column(some, name) for name in names})

    def _column(self, records: Sequence[tuple[int, dict[str, object]]], name: str) -> pa.Array:
        kind = self._types[name]
        if isinstance(kind, pa.JsonType):
            return pa.array([self._json(record.get(name), row) for row, record in records], kind)
        values = [record.get(name) for _, record in records]
        if name in self._texts:
            values = [None if value is None else str(value) for value in values]
        return pa.array(values, kind)

    def _json(self, value: object, row: int) -> str | None:
        try:
            return None if value is None else dumps(value)
        except InvalidInputError as error:  # a number too big even for a float
            raise self._fault(error.message, row) from None

    def _type(self, name: str, kinds: set[type]) -> pa.DataType:
        kinds = kinds - {NoneType}
        if name in self._texts or not kinds:
            return pa.string()
        (kind, *others) = kinds
        return pa.json_() if others else _ARROW.get(kind, pa.json_())

    def _records(self, moved: Callable[[int], None] | None) -> Iterator[tuple[int, dict[str, object]]]:
        """Each object, with the number of its line."""
        return json_objects(self._path, moved)

    def _fault(self, why: str, row: int | None = None, hint: str | None = None) -> UnreadableFileError:
        return UnreadableFileError(str(self._path), why, row=row, hint=hint)


def json_objects(path: Path, moved: Callable[[int], None] | None) -> Iterator[tuple[int, dict[str, object]]]:
    """Each object of a file, with the number of its line. `moved` hears how far the reading has come."""
    with FileBytes(path, moved) as source:
        row, line = 0, b"\n"
        for row, line in enumerate(io.BufferedReader(source, 1 << 20), start=1):
            text = line.removeprefix(b"\xef\xbb\xbf") if row == 1 else line
            if text.isspace():
                continue
            if source.failure and not line.endswith(b"\n"):
                break
            yield row, _object(path, text, row)
        if source.failure:
            raise UnreadableFileError(str(path), source.failure, row=row + line.endswith(b"\n"))
        if not row:
            raise UnreadableFileError(str(path), "the file is empty")


def _object(path: Path, line: bytes, row: int) -> dict[str, object]:
    def fault(why: str, hint: str) -> UnreadableFileError:
        return UnreadableFileError(str(path), why, row=row, hint=hint)

    try:
        record: object = _decode(line.decode())
        if b"\\u" in line:
            dumps(record)  # half of a surrogate pair is no text
    except UnicodeDecodeError:
        raise fault("it is not UTF-8", "save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise fault(f"it is no JSON: {error}", "one JSON object per line is needed") from None
    if not isinstance(record, dict):
        hint = "one JSON object per line is needed, e.g. frame.to_json(path, orient='records', lines=True)"
        raise fault("it is no JSON object", hint)
    return record


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no number in JSON"
    raise ValueError(msg)


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
