"""What is given to be searched, as documents: plain JSON, under an id of text."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from burgee.core.checks import need_text
from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.frames import Frame, to_arrow
from burgee.core.json import Json
from burgee.search.foreign import plain_value
from burgee.store.log import check_name

if TYPE_CHECKING:
    import pyarrow as pa

_IDS = "name the column that tells documents apart: id=…; where there is none, number them: frame.reset_index()"

type Documents = "Frame | Iterable[Mapping[str, object]] | Mapping[str, object]"


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
    plain = plain_value(value)
    if isinstance(plain, bool) or plain is None:
        raise InvalidInputError(f"{what} has no id but {value!r}")
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if not isinstance(plain, str | int):
        raise InvalidInputError(f"{what} has {value!r:.80} as its id: ids are texts or whole numbers")
    return check_name(f"id of {what}", str(plain))


def given_documents(documents: object, id: str) -> "tuple[pa.Table | None, Sequence[Mapping[str, object]]]":
    """A frame as a table, or dicts as they are. The named index of a pandas frame is a column, if that has the ids."""
    need_text("the field of the ids", id)
    if isinstance(documents, Mapping) and not all(map(_is_column, documents.values())):
        documents = [documents]
    if isinstance(documents, Iterator):
        documents = list(documents)
    if isinstance(documents, list | tuple):
        wrong = next((at for at, one in enumerate(documents, 1) if not isinstance(one, Mapping)), None)
        if wrong is not None:
            kind = type(documents[wrong - 1]).__name__
            raise InvalidInputError(f"document {wrong} is no dict but of type {kind}", hint="or give an indexer=")
        return None, documents
    pandas = sys.modules.get("pandas")  # not imported yet: then nobody holds one of its frames
    if pandas is not None and isinstance(documents, pandas.DataFrame):
        levels = documents.index.names
        documents = documents.reset_index(id) if id in levels and id not in documents.columns else documents
    table = to_arrow(documents)
    if id not in table.column_names:
        missing = MissingColumnError(id, table.column_names, role="id")
        missing.add_note(_IDS)
        raise missing
    return table, ()


def _is_column(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping)


def of_rows(rows: Sequence[Mapping[str, object]], id: str, first: int = 1) -> Iterator[tuple[str, dict[str, Json]]]:
    """Rows as documents, with their ids, which stand under the name `id`. The rows are counted from `first`."""
    for number, row in enumerate(rows, first):
        document = as_document(f"row {number}", row)
        if id not in document:
            raise InvalidInputError(f"row {number} has no id: {id!r} holds nothing there", hint=_IDS)
        yield as_id(f"row {number}", row[id]), document


def of_table(reader: "pa.RecordBatchReader", id: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """The rows of a table as documents, with their ids from the column `id`."""
    first = 1
    for batch in reader:
        yield from of_rows(batch.to_pylist(), id, first)
        first += batch.num_rows


def _plain(what: str, name: str, given: object) -> Json:
    value = plain_value(given)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(inner): _plain(what, f"{name}.{inner}", item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(what, name, item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    raise InvalidInputError(
        f"{what}: {name!r} holds {value!r:.80} ({type(value).__name__}), which JSON can't say",
        hint=f"make it a text or a number, or leave {name!r} out",
    )
