"""CloudEvents 1.0 in and out: structured mode in JSON, an event per line (NDJSON) or a batch (a JSON array).

| CloudEvents            | here                                                                                  |
|------------------------|---------------------------------------------------------------------------------------|
| `id`, `type`           | the same                                                                              |
| `subject`              | the stream (another attribute, if asked)                                              |
| `time`                 | `occurred_at`; what is finer than a microsecond is cut off                            |
| `data`                 | the payload; what is no JSON object becomes `{"data": …}`                              |
| `data_base64`          | kept as it is: `{"data_base64": "…"}`                                                 |
| `source`, `dataschema` | in the metadata, under their names; a source that burgee made (`urn:burgee:…`) is not |
| `datacontenttype`      | in the metadata, unless it is JSON                                                    |
| extension attributes   | in the metadata, under their names                                                    |
| `burgeeschemaversion`  | the schema version; written where it is not 1                                         |
| `burgeemetadata`       | what else the metadata holds, as JSON text: an attribute has a plain name and value   |

What burgee writes and reads again is the same event. An attribute that is null is not there (the JSON format's section
2.2). Specification: CloudEvents 1.0.2 and its JSON event format.
"""

import base64
import binascii
import gzip
import io
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from burgee.core.checks import need_mapping
from burgee.core.clock import to_us
from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.json import Json, dumps, loads
from burgee.events.canonical import CANONICAL
from burgee.events.filebytes import FileBytes
from burgee.events.jsonlines import json_objects
from burgee.events.reading import readable

SCHEMA = CANONICAL.append(pa.field("schema_version", pa.int64()))
"""The columns of the tables made here."""

_VERSION, _METADATA = "burgeeschemaversion", "burgeemetadata"
_REQUIRED = ("specversion", "id", "source", "type")
_CONTEXT = {*_REQUIRED, "subject", "time", "datacontenttype", "dataschema", "data", "data_base64", _VERSION, _METADATA}
_OURS = "urn:burgee:"
_NAME = re.compile(r"[a-z0-9]{1,20}")  # of an attribute (specification, "Naming Conventions")
_URI = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
_JSON_TYPE = re.compile(r"\s*[\w.+-]+/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_LEAST, _MOST = -(2**31), 2**31 - 1  # the specification's integers


@dataclass(frozen=True, slots=True)
class Reading:
    """How CloudEvents are read: which attribute names the stream, and when one without a time happened."""

    stream: str = "subject"
    time: int | None = None

    def row(self, event: Mapping[str, object]) -> dict[str, object]:
        """A CloudEvent as a row of `SCHEMA`.

        Raises:
            InvalidInputError: it lacks a required attribute, or one of its attributes can't be what it is.
        """
        attributes = {name: value for name, value in event.items() if value is not None}
        for name in _REQUIRED:
            if name not in attributes:
                raise InvalidInputError(f"the CloudEvent has no {name!r}", hint=f"required are {', '.join(_REQUIRED)}")
            _need_text(name, attributes[name])
        if attributes["specversion"] != "1.0":
            raise InvalidInputError(f"specversion is {attributes['specversion']!r}; only '1.0' is known here")
        version = attributes.get(_VERSION, 1)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise InvalidInputError(f"{_VERSION!r} must be a whole number from 1, not {version!r}")
        return {
            "id": attributes["id"],
            "stream": self._stream(attributes),
            "type": attributes["type"],
            "occurred_at": self._time(attributes),
            "data": dumps(_payload(attributes)),
            "metadata": dumps(self._metadata(attributes)),
            "schema_version": version,
        }

    def _stream(self, attributes: Mapping[str, object]) -> object:
        if self.stream not in attributes:
            hint = 'name another attribute, e.g. stream="source"'
            raise InvalidInputError(f"the CloudEvent has no {self.stream!r} to name its stream", hint=hint)
        return _need_text(self.stream, attributes[self.stream])

    def _time(self, attributes: Mapping[str, object]) -> int:
        if "time" in attributes:
            return to_us(_need_text("time", attributes["time"]).upper())
        if self.time is None:
            hint = 'say when such events happened: time="2026-11-24"'
            raise InvalidInputError("the CloudEvent has no 'time'", hint=hint)
        return self.time

    def _metadata(self, attributes: Mapping[str, object]) -> dict[str, object]:
        found = _packed(attributes.get(_METADATA))
        found |= {name: value for name, value in attributes.items() if name not in _CONTEXT}
        if not str(attributes["source"]).startswith(_OURS):
            found["source"] = attributes["source"]
        if "dataschema" in attributes:
            found["dataschema"] = attributes["dataschema"]
        if "subject" in attributes and self.stream != "subject":
            found["subject"] = attributes["subject"]
        if "datacontenttype" in attributes and not _is_json(attributes["datacontenttype"]):
            found["datacontenttype"] = attributes["datacontenttype"]
        return found


class Incoming:
    """CloudEvents on their way in. Iterating gives tables that can be ingested, once all of it is known to be right.

    Attributes:
        name: the file's name, or what else to call them.
        total: how much there is: bytes of a file, else events.
        reached: how much of it the tables given so far came from.
    """

    def __init__(self, source: object, reading: Reading, size: int) -> None:
        self.reached = 0
        self._reading = reading
        self._size = size
        self._rows: list[dict[str, object]] = []
        self.path = readable(source) if isinstance(source, str | Path) else None
        if self.path is not None:
            self.name, self.total = self.path.name, self.path.stat().st_size
            return
        if not isinstance(source, Iterable):
            raise InvalidInputError(f"{source!r} is no file and holds no events", hint="give a path, or dicts")
        self._rows = rows_of([source] if isinstance(source, Mapping) else source, reading)
        self.name, self.total = "CloudEvents", len(self._rows)

    def __iter__(self) -> Iterator[pa.Table]:
        if self.path is not None:
            for _ in rows_in(self.path, self._reading):
                pass
        rows = iter(self._rows) if self.path is None else rows_in(self.path, self._reading, self._moved)
        for some in batched(rows, self._size, strict=False):
            if self.path is None:
                self.reached += len(some)
            yield pa.Table.from_pylist(list(some), schema=SCHEMA)

    def _moved(self, position: int) -> None:
        self.reached = position


def rows_of(events: Iterable[Mapping[str, object]], reading: Reading) -> list[dict[str, object]]:
    """CloudEvents as rows; what is wrong is told with the number of its event, from 1."""
    rows = []
    for number, event in enumerate(events, start=1):
        need_mapping(f"event {number}", event)
        try:
            rows.append(reading.row(event))
        except InvalidInputError as error:
            raise InvalidInputError(f"event {number}: {error.message}", hint=_hint(error), row=number) from None
    return rows


def rows_in(path: Path, reading: Reading, moved: Callable[[int], None] | None = None) -> Iterator[dict[str, object]]:
    """The CloudEvents of a file (also gzipped) as rows; what is wrong is told with its line.

    In a JSON array, lines are counted by event.
    """
    for number, event in _objects(path, moved):
        try:
            yield reading.row(event)
        except InvalidInputError as error:
            raise UnreadableFileError(str(path), error.message, row=number, hint=_hint(error)) from None


def write(batches: Iterable[pa.RecordBatch], path: Path, source: str, wrote: Callable[[int], None]) -> int:
    """Write raw events as CloudEvents, a line each, gzipped if the name ends in `.gz`; how many.

    The file appears when it is whole. `wrote` hears how many there are so far.
    """
    if not _URI.fullmatch(source):
        raise InvalidInputError(f"{source!r} is no URI reference", hint='write it like "https://shop.example/orders"')
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    done = 0
    try:
        with part.open("xb") as plain, _packing(plain, packed=path.suffix == ".gz") as file:
            for batch in batches:
                file.writelines(f"{line(row, source)}\n".encode() for row in batch.to_pylist())
                done += batch.num_rows
                wrote(done)
        part.replace(path)
    except OSError as error:
        raise InvalidInputError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return done


def line(row: Mapping[str, object], source: str) -> str:
    """A raw event as the JSON text of a CloudEvent."""
    kept = loads(str(row["metadata"]))
    metadata = dict(kept) if isinstance(kept, dict) else {}
    event = {
        "specversion": "1.0",
        "id": row["id"],
        "source": _taken(metadata, "source", but=_OURS) or source,
        "type": row["type"],
        "subject": row["stream"],
        "time": str(row["occurred_at"]).replace(" ", "T").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
    }
    if schema := _taken(metadata, "dataschema"):
        event["dataschema"] = schema
    event |= {name: metadata.pop(name) for name in sorted(metadata) if _is_extension(name, metadata[name])}
    if row["schema_version"] != 1:
        event[_VERSION] = row["schema_version"]
    if metadata:
        event[_METADATA] = dumps(metadata)
    return f'{dumps(event, sort=False)[:-1]},"data":{row["data"]}}}'


def _taken(metadata: dict[str, Json], name: str, but: str = "\n") -> object:
    """The URI of that name, taken out of the metadata; none if it is no URI, or begins with `but`."""
    value = metadata.get(name)
    if isinstance(value, str) and _URI.fullmatch(value) and not value.startswith(but):
        return metadata.pop(name)
    return None


def _is_extension(name: str, value: Json) -> bool:
    """Whether it can be an attribute of its own."""
    if not _NAME.fullmatch(name) or name in _CONTEXT:
        return False
    if isinstance(value, str):
        return value != "" and value.isprintable()
    return isinstance(value, bool) or (isinstance(value, int) and _LEAST <= value <= _MOST)


def _payload(attributes: Mapping[str, object]) -> object:
    if "data_base64" in attributes:
        if "data" in attributes:
            raise InvalidInputError("the CloudEvent has both 'data' and 'data_base64'; one of them is allowed")
        text = _need_text("data_base64", attributes["data_base64"])
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInputError("'data_base64' is no base64") from None
        return {"data_base64": text}
    data = attributes.get("data", {})
    return data if isinstance(data, Mapping) else {"data": data}


def _packed(text: object) -> dict[str, object]:
    try:
        value = {} if text is None else json.loads(_need_text(_METADATA, text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInputError(f"{_METADATA!r} is no JSON object: {str(text)[:60]!r}")
    return value


def _need_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"{name!r} must be text that is not empty, not {str(value)[:60]!r}")
    return value


def _is_json(kind: object) -> bool:
    return bool(_JSON_TYPE.fullmatch(_need_text("datacontenttype", kind)))


def _hint(error: InvalidInputError) -> str | None:
    return next(iter(error.hints), None)


def _objects(path: Path, moved: Callable[[int], None] | None) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The objects of a file, with their numbers: its lines, or the items of its one array."""
    with FileBytes(path) as source:
        begins = io.BufferedReader(source).read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins != b"[":
        yield from json_objects(path, moved)
        return
    with FileBytes(path, moved) as source:
        content = io.BufferedReader(source).read()
        if source.failure:
            raise UnreadableFileError(str(path), source.failure)
    try:
        items = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(str(path), f"it is no JSON: {error}") from None
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise UnreadableFileError(str(path), "it is no JSON object", row=number)
        yield number, item


@contextmanager
def _packing(file: BinaryIO, *, packed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    """The file, or one that packs what is written to it."""
    if packed:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packing:
            yield packing
    else:
        yield file
