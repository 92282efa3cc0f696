"""Any frame as the table of events the log stores: ids, streams, types, times and payloads as JSON.

It is its own room because it has one promise to keep: the same rows give the same events, byte for
byte, whoever brings them and in however many pieces. So ids can be made from content, and what was
ingested before is known again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from burgee.core.clock import to_us
from burgee.core.errors import InvalidInputError
from burgee.core.frames import require_columns, to_arrow
from burgee.core.json import dumps, loads

CANONICAL = pa.schema(
    [
        ("id", pa.string()),
        ("stream", pa.string()),
        ("type", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("data", pa.string()),
        ("metadata", pa.string()),
    ]
)
"""The columns of the canonical event table."""

_PIECE = 65_536  # rows worked on at once, so that texts stay within Arrow's 2 GiB per array
_EXACT = 2**53  # beyond this a float skips whole numbers
_TO_ESCAPE = r'["\\\x00-\x1f]'  # what JSON escapes in a text (RFC 8259, section 7)
_ZONE = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_NAIVE = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?"
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_FIRST_US, _LAST_US = to_us("0001-01-01"), to_us("9999-12-31T23:59:59.999999")


def canonical(
    frame: object,
    *,
    stream: str,
    type: str,
    time: str,
    id: str | None = None,
    occurrence: Counter[str] | None = None,
    first_row: int = 1,
) -> pa.Table:
    """The rows of a frame as events.

    Args:
        frame: any frame (see `burgee.core.frames`).
        stream: the column whose values name the streams. It stays in the payload, too.
        type: the column of event types.
        time: the column of times: timestamps, dates or ISO 8601 text. Without a zone they are UTC;
            what is finer than a microsecond is cut off.
        id: the column of event ids. Without it ids are made from content (see below).
        occurrence: how often each content was seen so far; give the same one with every part of a whole.
        first_row: the number of the frame's first row within the whole, for error messages.

    Returns:
        A table with `id, stream, type, occurred_at, data, metadata`. `data` is the JSON of every column
        but those of type, time and id, with sorted keys, as `burgee.core.json.dumps` writes it. What is
        null or NaN is left out, also inside structs, where Arrow can't tell null from absent; in lists it
        is null. Decimals, dates and times are texts. Whole numbers that pandas turned into floats are
        whole again in the columns of streams, types and ids. `metadata` is `{}`.

        An id made from content is a UUID of version 8 (RFC 9562, section 5.8) over the SHA-256 of stream,
        type, time and data; the second of two rows equal in all of that gets another, and so on.

    Raises:
        MissingColumnError: a column is not there.
        InvalidInputError: a value can't be used; the message names its column and row, counted from 1.
    """
    table = to_arrow(frame)
    require_columns(table, {"stream": stream, "type": type, "time": time, "id": id})
    seen: Counter[str] = Counter() if occurrence is None else occurrence
    pieces = [
        _events(_Piece(table.slice(start, _PIECE), first_row + start), stream, type, time, id, seen)
        for start in range(0, max(1, len(table)), _PIECE)
    ]
    return pa.concat_tables(pieces)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rows of a frame, and the number of the first of them."""

    table: pa.Table
    first_row: int

    def column(self, name: str) -> pa.Array:
        column = self.table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # as combine_chunks says it for no rows
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def error(self, name: str, place: int, why: str, hint: str | None = None) -> InvalidInputError:
        row = self.first_row + place
        return InvalidInputError(f"column {name!r}, row {row}: {why}", hint=hint, column=name, row=row)

    def refuse_first(self, name: str, bad: pa.Array, why: Callable[[int], str], hint: str | None = None) -> None:
        """Raise for the first row that is bad."""
        place = pc.index(bad, True).as_py()
        if place >= 0:
            raise self.error(name, place, why(place), hint)


def _events(piece: _Piece, stream: str, type: str, time: str, id: str | None, seen: Counter[str]) -> pa.Table:
    streams, types, times = _names(piece, stream), _names(piece, type), _times(piece, time)
    payload = {name: piece.column(name) for name in piece.table.column_names if name not in {type, time, id} - {stream}}
    if pa.types.is_floating(payload[stream].type):
        payload[stream] = payload[stream].cast(pa.int64())  # as `_names` found it to be
    data = _json_rows(piece, payload)
    ids = _ids(streams, types, times, data, seen) if id is None else _names(piece, id)
    metadata = pa.repeat(pa.scalar("{}"), len(piece.table))
    return pa.Table.from_arrays([ids, streams, types, times, data, metadata], schema=CANONICAL)


def _names(piece: _Piece, name: str) -> pa.Array:
    """A column of streams, types or ids as text."""
    column = piece.column(name)
    kind = column.type
    piece.refuse_first(name, pc.is_null(column, nan_is_null=True), lambda _: "there is no value")
    if pa.types.is_floating(kind):
        whole = pc.and_(pc.equal(pc.round(column), column), pc.less_equal(pc.abs(column), float(_EXACT)))
        hint = "whole numbers or text are needed; read the column as text, or frame[name].astype('Int64')"
        piece.refuse_first(name, pc.invert(whole), lambda place: f"{column[place]} is no whole number", hint)
        column = column.cast(pa.int64())
    elif pa.types.is_decimal(kind):
        whole = pc.equal(pc.round(column), column)
        piece.refuse_first(name, pc.invert(whole), lambda place: f"{column[place]} is no whole number")
        column = pc.round(column).cast(pa.decimal256(76, 0))
    elif isinstance(kind, pa.UuidType):
        column = pa.array(map(str, column.to_pylist()), pa.string())
    elif not (_is_text(kind) or pa.types.is_integer(kind)):
        msg = f"column {name!r} holds {kind}; text or whole numbers are needed"
        raise InvalidInputError(msg, column=name)
    texts = column.cast(pa.string())
    piece.refuse_first(name, pc.equal(texts, ""), lambda _: "the text is empty")
    return texts


def _times(piece: _Piece, name: str) -> pa.Array:
    """A column of times as microseconds in UTC."""
    column = piece.column(name)
    kind = column.type
    piece.refuse_first(name, pc.is_null(column), lambda _: "there is no time")
    if _is_text(kind):
        return _parsed_times(piece, name, column.cast(pa.string()))
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
    elif not pa.types.is_timestamp(kind):
        msg = f"column {name!r} holds {kind}; times are needed"
        numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        hint = f"say what the numbers count: frame[{name!r}] = pd.to_datetime(frame[{name!r}], unit='s')"
        raise InvalidInputError(msg, hint=hint if numeric else None, column=name)
    if column.type.unit == "ns":
        column = pc.floor_temporal(pc.cast(column, pa.timestamp("ns")), unit="microsecond")
    try:
        # The numbers of a zoned timestamp count in UTC, and those without a zone are said to.
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    except pa.ArrowInvalid as error:
        msg = f"column {name!r} holds times that can't be counted in microseconds: {error}"
        raise InvalidInputError(msg, column=name) from None
    return _within_calendar(piece, name, column)


def _parsed_times(piece: _Piece, name: str, texts: pa.Array) -> pa.Array:
    naive = pc.match_substring_regex(texts, f"^{_NAIVE}$")
    zoned = pc.match_substring_regex(texts, f"^{_NAIVE}{_ZONE}$")
    nothing = pa.scalar(None, pa.string())
    try:
        local = pc.if_else(naive, texts, nothing).cast(pa.timestamp("us")).cast(pa.int64())
        there = pc.if_else(zoned, texts, nothing).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        micros = pc.coalesce(local, there)
    except pa.ArrowInvalid:  # one of them looks like a time and is none
        micros = pa.nulls(len(texts), pa.int64())
    left = pc.is_null(micros)
    others: list[int] = []
    for place in pc.indices_nonzero(left).to_pylist():
        try:
            others.append(to_us(texts[place].as_py()))
        except (InvalidInputError, OverflowError):
            hint = "write times like 2026-11-24T09:30:00+01:00, or parse them: pd.to_datetime(…, format=…)"
            raise piece.error(name, place, f"{texts[place].as_py()!r} is not a time", hint) from None
    if others:
        micros = pc.replace_with_mask(micros, left, pa.array(others, pa.int64()))
    return _within_calendar(piece, name, micros)


def _within_calendar(piece: _Piece, name: str, micros: pa.Array) -> pa.Array:
    outside = pc.or_(pc.less(micros, _FIRST_US), pc.greater(micros, _LAST_US))
    piece.refuse_first(name, outside, lambda _: "the time is not between the years 1 and 9999")
    return micros.cast(pa.timestamp("us", "UTC"))


def _ids(streams: pa.Array, types: pa.Array, times: pa.Array, data: pa.Array, seen: Counter[str]) -> pa.Array:
    # The lengths keep apart what would run together: ("a", "bc") and ("ab", "c").
    numbers = [pc.utf8_length(streams), pc.utf8_length(types), times.cast(pa.int64())]
    head = pc.binary_join_element_wise(*(number.cast(pa.string()) for number in numbers), "", " ")
    contents = pc.binary_join_element_wise(head, streams, types, data, "").cast(pa.binary()).to_pylist()
    ids = [_uuid8(content) for content in contents]
    if len(set(ids)) < len(ids) or not seen.keys().isdisjoint(ids):
        for place, id in enumerate(ids):
            if seen[id]:
                ids[place] = _uuid8(b"%d %b" % (seen[id], contents[place]))
            seen[id] += 1
    else:
        seen.update(ids)
    return pa.array(ids, pa.string())


def _uuid8(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"


def _json_rows(piece: _Piece, payload: dict[str, pa.Array]) -> pa.Array:
    """The rows as JSON objects."""
    members: list[pa.Array] = []
    for name in sorted(payload):
        key = pa.scalar(f"{dumps(name)}:")
        members.append(pc.binary_join_element_wise(key, _json_values(piece, name, payload[name]), ""))
    joined = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _json_values(piece: _Piece, name: str, column: pa.Array) -> pa.Array:
    """Each value as JSON, or null where there is none."""
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        return _json_floats(piece, name, column.cast(pa.float64()))
    if _is_text(kind):
        return _json_texts(column.cast(pa.string()))
    if _is_binary(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        msg = f"column {name!r} holds {kind}, which JSON can't"
        raise InvalidInputError(msg, hint="leave the column out, or make it text or numbers", column=name)
    if isinstance(kind, pa.JsonType):
        return _json_each(piece, name, column.cast(pa.string()), _again)
    if pa.types.is_nested(kind):
        return _json_each(piece, name, column, _stripped)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_decimal(kind):
        write = _quoted_decimal if pa.types.is_decimal(kind) else _quoted_time
        coded = column.dictionary_encode()  # the same values come again and again
        return _json_each(piece, name, coded.dictionary, write).take(coded.indices)
    return _json_each(piece, name, column, dumps)


def _again(text: str) -> str:
    return _stripped(loads(text))


def _stripped(value: object) -> str:
    return dumps(_without_nulls(value))


def _quoted_time(value: date) -> str:
    return f'"{value.isoformat()}"'


def _quoted_decimal(value: Decimal) -> str:
    return f'"{value}"'


def _json_floats(piece: _Piece, name: str, column: pa.Array) -> pa.Array:
    piece.refuse_first(
        name, pc.is_inf(column), lambda _: "JSON has no infinity", "leave such rows out, or make it null"
    )
    texts = pa.array(map(repr, column.fill_null(0.0).to_numpy().tolist()), pa.string())
    return pc.if_else(pc.is_null(column, nan_is_null=True), pa.scalar(None, pa.string()), texts)


def _json_texts(column: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', column, '"', "")
    special = pc.match_substring_regex(column, _TO_ESCAPE).fill_null(False)
    if not pc.any(special).as_py():
        return quoted
    return pc.replace_with_mask(quoted, special, pa.array(map(dumps, column.filter(special).to_pylist()), pa.string()))


def _json_each[T](piece: _Piece, name: str, column: pa.Array, write: Callable[[T], str]) -> pa.Array:
    """Value by value, for the kinds that Arrow can't write as JSON."""
    texts: list[str | None] = []
    try:
        values = column.to_pylist(maps_as_pydicts="lossy")
    except (ValueError, OverflowError) as error:  # a timestamp that Python's calendar lacks
        msg = f"column {name!r} can't be stored as JSON: {error}"
        raise InvalidInputError(msg, column=name) from None
    for value in values:
        try:
            text = None if value is None else write(value)
        except (InvalidInputError, ValueError, RecursionError) as error:
            raise piece.error(name, len(texts), str(error)) from None
        texts.append(None if text == "null" else text)
    return pa.array(texts, pa.string())


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        parts = ((key, _without_nulls(part)) for key, part in value.items())
        return {key: part for key, part in parts if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - only NaN differs from itself


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
