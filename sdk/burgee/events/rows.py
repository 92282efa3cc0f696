"""The rows of a canonical event table, checked: what stands between a table from anywhere and the log."""

import pyarrow as pa

from burgee.core.errors import DuplicateEventError, InvalidInputError, MissingColumnError
from burgee.core.json import dumps
from burgee.store import log
from burgee.store.log import OWN, RawEvent

_COLUMNS = ("id", "stream", "type", "occurred_at", "data", "metadata")


def raw_events(table: pa.Table) -> dict[str, RawEvent]:
    """The rows by id.

    Raises:
        MissingColumnError: one of `id, stream, type, occurred_at, data, metadata` is not there.
        InvalidInputError: a value can't be stored.
        DuplicateEventError: an id stands twice, with different content.
    """
    ids, streams, types, times, data, metadata = _columns(table)
    for stream in set(streams):
        if log.check_name("stream", stream).startswith(OWN):
            raise own_stream(stream)
    for type in set(types):
        log.check_name("event type", type)
    rows: dict[str, RawEvent] = {}
    versions = _versions(table)
    for row in map(RawEvent, streams, ids, types, map(_object, data), map(_object, metadata), times, versions):
        if rows.setdefault(log.check_name("event id", row.id), row) != row:
            raise DuplicateEventError(row.id, "stands twice in this table, with different content")
    return rows


def own_stream(stream: str) -> InvalidInputError:
    """The refusal of a stream that is burgee's own."""
    return InvalidInputError(f"stream {stream!r} can't be written to: names that begin with {OWN!r} are burgee's own")


def _versions(table: pa.Table) -> "list[int]":
    """The schema versions, where the table has them; 1 where it has not."""
    if "schema_version" not in table.column_names:
        return [1] * len(table)
    try:
        found: list[int] = table["schema_version"].cast(pa.int64()).fill_null(1).to_pylist()
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


def _object(text: str) -> str:
    """The text, if it is a JSON object; in the form the log keeps."""
    if text == "{}":  # most metadata
        return text
    try:
        return dumps(log.loads_object(text))
    except ValueError as error:
        raise InvalidInputError(f"data and metadata must be JSON objects; {text[:60]!r} is not: {error}") from None
