"""What is given to be searched, as documents: plain JSON, under an id of text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.store.log import check_name

if TYPE_CHECKING:
    import pyarrow as pa


def as_document(what: str, given: object) -> dict[str, Json]:
    """A mapping as a document: without what is missing (None, NaN), moments as ISO 8601, decimals as numbers."""
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"{what} must be a dict of fields, not {type(given).__name__}")
    made: dict[str, Json] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name:
            raise InvalidInputError(f"{what} has a field {name!r}: the names of fields are text")
        plain = _plain(what, name, value)
        if plain is not None:
            made[name] = plain
    return made


def as_id(what: str, value: object) -> str:
    """An id as text. A whole number that a frame turned into a float is one again."""
    if isinstance(value, bool) or value is None:
        raise InvalidInputError(f"{what} has no id but {value!r}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float) or not isinstance(value, str | int | UUID):
        raise InvalidInputError(f"{what} has {value!r} as its id: ids are texts or whole numbers")
    return check_name(f"id of {what}", str(value))


def of_rows(rows: Sequence[Mapping[str, object]], id: str, first: int = 1) -> Iterator[tuple[str, dict[str, Json]]]:
    """Rows as documents, with their ids, which stand under the name `id`. The rows are counted from `first`."""
    for number, row in enumerate(rows, first):
        document = as_document(f"row {number}", row)
        yield as_id(f"row {number}", row.get(id)), document


def of_table(reader: "pa.RecordBatchReader", id: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """The rows of a table as documents, with their ids from the column `id`."""
    first = 1
    for batch in reader:
        yield from of_rows(batch.to_pylist(), id, first)
        first += batch.num_rows


def _plain(what: str, name: str, value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(inner): _plain(what, f"{name}.{inner}", item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(what, name, item) for item in value]
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT
        return None
    if isinstance(value, Enum):
        return _plain(what, name, value.value)
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date | UUID):
        return value.isoformat() if isinstance(value, date) else str(value)
    if callable(item := getattr(value, "item", None)) and getattr(value, "shape", None) == ():  # a numpy scalar
        return _plain(what, name, item())
    raise InvalidInputError(f"{what}: {name!r} holds {value!r:.80} ({type(value).__name__}), which JSON can't say")
