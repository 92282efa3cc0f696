"""The rows of a canonical event table, checked: what stands between a table from anywhere and the log."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

import pyarrow as pa

from burgee.core.errors import DuplicateEventError, InvalidInputError, MissingColumnError
from burgee.core.json import dumps
from burgee.store import log
from burgee.store.log import OWN, RawEvent, StoredEvent
from burgee.store.query import RAW
from burgee.store.record import check_names

_COLUMNS = ("id", "stream", "type", "occurred_at", "data", "metadata")
_BETWEEN = "\x1e"  # JSON escapes it, so it stands in no text of the form the log keeps
_MARK = f',"{_BETWEEN}",'
_decode = json.JSONDecoder(strict=False).decode  # reads it as it is


def raw_events(table: pa.Table) -> dict[str, RawEvent]:
    """The rows by id.

    Raises:
        MissingColumnError: one of `id, stream, type, occurred_at, data, metadata` is not there.
        InvalidInputError: a value can't be stored.
        DuplicateEventError: an id stands twice, with different content.
    """
    ids, streams, types, times, data, metadata = _columns(table)
    _refuse_own("stream", streams, own_stream)
    _refuse_own("event type", types, own_type)
    check_names("event id", ids)
    columns = zip(streams, ids, types, _objects(data), _objects(metadata), times, _versions(table), strict=False)
    rows = list(map(RawEvent._make, columns))
    found = dict(zip(ids, rows, strict=True))
    if len(found) < len(rows):
        for row in rows:
            if found[row.id] != row:
                raise DuplicateEventError(row.id, "stands twice in this table, with different content")
    return found


def own_stream(stream: str) -> InvalidInputError:
    """The refusal of a stream that is burgee's own."""
    return InvalidInputError(f"stream {stream!r} can't be written to: names that begin with {OWN!r} are burgee's own")


def own_type(type: str) -> InvalidInputError:
    """The refusal of an event type that is burgee's own."""
    return InvalidInputError(f"the event type {type!r} can't be used: types that begin with {OWN!r} are burgee's own")


def _versions(table: pa.Table) -> Iterable[int]:
    """The schema versions, where the table has them; 1 where it has not."""
    if "schema_version" not in table.column_names:
        return repeat(1)
    try:
        found: list[int] = table["schema_version"].cast(pa.int32()).fill_null(1).to_pylist()
    except pa.ArrowException as error:
        raise InvalidInputError(f"column 'schema_version' is not of the kind needed: {error}") from None
    if found and min(found) < 1:
        raise InvalidInputError(f"a schema version is a whole number from 1, not {min(found)}")
    return found


def _columns(table: pa.Table) -> "list[list[str]]":
    found = []
    for name in _COLUMNS:
        if name not in table.column_names:
            raise MissingColumnError(name, table.column_names)
        column = table[name]
        if column.null_count:
            raise InvalidInputError(f"column {name!r} holds nulls")
        try:
            if name == "occurred_at":
                column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            else:
                column = column.cast(pa.string())
        except pa.ArrowException as error:
            raise InvalidInputError(f"column {name!r} is not of the kind needed: {error}") from None
        found.append(column.to_pylist())
    return found


def _refuse_own(what: str, names: list[str], refusal: Callable[[str], InvalidInputError]) -> None:
    different = list(set(names))
    check_names(what, different)
    for name in different:
        if name.startswith(OWN):
            raise refusal(name)


def _objects(texts: list[str]) -> list[str]:
    """The texts, if they are JSON objects; in the form the log keeps.

    Most come in that form already. To see it, all are read at once and written again at once, which takes a quarter of
    the time it would take one by one. What stands between them shows that each was read as it is, none with a part of
    the next: what is written again never holds it.
    """
    if all(text == "{}" for text in texts):  # most metadata
        return texts
    try:
        values = _decode(f"[{_MARK.join(texts)}]")
    except (ValueError, RecursionError):
        values = []  # one of them is not what it should be; which one is found below
    own, marks = values[::2], values[1::2]
    whole = len(own) == len(texts) and marks == [_BETWEEN] * len(marks) and set(map(type, own)) == {dict}
    joined = ",".join(texts)
    if whole and "\\u0000" not in joined and dumps(own) == f"[{joined}]":
        return texts
    return list(map(_object, texts))


def _object(text: str) -> str:
    """The text, if it is a JSON object; in the form the log keeps."""
    if text == "{}":  # most metadata
        return text
    try:
        return log.dumps_object(log.loads_object(text), what="event")
    except ValueError as error:
        raise InvalidInputError(f"data and metadata must be JSON objects; {text[:60]!r} is not: {error}") from None


def raw_table(events: Sequence[StoredEvent]) -> pa.Table:
    """Events as the table the log hands out (`store.query.RAW`)."""
    texts = ("data", "metadata")
    columns = {
        name: [dumps(getattr(event, name)) if name in texts else getattr(event, name) for event in events]
        for name in RAW.names
    }
    return pa.table(columns, schema=RAW)
