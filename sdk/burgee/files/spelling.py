"""Values that a text has no form of its own for, as CSV and JSON lines hold them: nothing is cut short or rounded.

Left to pandas, a long list would be written with `...` in its middle, bytes as `b'…'`, and whole numbers beside none
within a list or an object as fractions.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from burgee.core.frames import to_arrow_backed
from burgee.core.json import dumps

if TYPE_CHECKING:
    import pyarrow as pa


def as_csv(table: "pa.Table", separator: str, *, header: bool) -> str:
    """The rows as CSV; lists and objects as JSON, bytes as the text they are."""
    import pyarrow as pa

    table = _spelled(table)
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            table = table.set_column(place, field.name, pa.array(_texts(table.column(place), None), pa.string()))
    return str(to_arrow_backed(table).to_csv(sep=separator, index=False, header=header))


def as_lines(table: "pa.Table") -> str:
    """The rows as JSON, a line for each."""
    import pyarrow as pa

    table = _spelled(table)
    if not any(pa.types.is_nested(field.type) for field in table.schema):
        return _lines(table)
    names = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    columns = [_values(table, place) for place in range(table.num_columns)]
    rows = zip(*columns, strict=True)
    return "".join("{" + ",".join(map(":".join, zip(names, row, strict=True))) + "}\n" for row in rows)


def _values(table: "pa.Table", place: int) -> Iterable[str]:
    """A column's values, each as JSON."""
    import pyarrow as pa

    if pa.types.is_nested(table.schema.types[place]):
        return (text or "null" for text in _texts(table.column(place), "null"))
    begin = len('{"a":')
    lines = _lines(pa.table({"a": table.column(place)}))
    return (line[begin:-1] for line in lines.split("\n")[: table.num_rows])


def _lines(table: "pa.Table") -> str:
    frame = to_arrow_backed(table)
    return str(frame.to_json(orient="records", lines=True, date_format="iso", date_unit="us", force_ascii=False))


def _texts(column: "pa.ChunkedArray", missing: str | None) -> Iterator[str | None]:
    """Lists and objects as JSON."""
    for value in column.to_pylist(maps_as_pydicts="lossy"):
        yield missing if value is None else dumps(_bare(value), sort=False)


def _bare(value: object) -> object:
    """What JSON has: numbers that are none are null."""
    if isinstance(value, Mapping):
        return {name: _bare(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if isinstance(value, bytes):
        return value.decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _spelled(table: "pa.Table") -> "pa.Table":
    """Bytes as the text they are, UUIDs as they are written."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        kind, column = field.type, table.column(place)
        if isinstance(kind, pa.UuidType):
            texts = [None if one is None else str(one) for one in column.to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
        elif _is_bytes(kind):
            try:
                text = column.cast(pa.large_binary()).cast(pa.large_string())
            except pa.ArrowInvalid:
                raise ValueError(f"column {field.name!r} holds bytes that are no text in UTF-8") from None
            table = table.set_column(place, field.name, text)
    return table


def _is_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    are = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_one(kind) for is_one in are)
