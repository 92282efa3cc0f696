"""The documents of search in the database: what they are now, and in which order they changed.

Everything here takes a connection of the tenant. Each change gives its document the next position of its index, so
whoever knows up to where an engine has taken everything in finds what is missing. What was removed stays as a row
without data: engines must hear of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from sqlalchemy import ColumnElement, Connection, delete, func, select, text

from burgee.store.schema import documents

_c = documents.c
_AT_ONCE = 500  # ids in one statement

# A document that is the same again changes nothing, and no engine hears of it.
_PUT = text(
    "INSERT INTO documents (tenant, search_index, id, position, data)"
    " VALUES (:tenant, :search_index, :id, :position, :data)"
    " ON CONFLICT (tenant, search_index, id) DO UPDATE SET position = excluded.position, data = excluded.data"
    " WHERE COALESCE(documents.data, '') <> COALESCE(excluded.data, '')"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A document as the database holds it: JSON text, or none where it was removed."""

    id: str
    position: int
    data: str | None


def head(connection: Connection, tenant: str, index: str) -> int:
    """The position of the last change; 0 if there was none."""
    query = select(func.max(_c.position)).where(_c.tenant == tenant, _c.search_index == index)
    return connection.scalar(query) or 0


def put(connection: Connection, tenant: str, index: str, given: Iterable[tuple[str, str]]) -> int:
    """Store documents, as id and JSON text, in place of those of the same id; how many. The last of an id counts."""
    return _write(connection, tenant, index, list(dict(given).items()))


def remove(connection: Connection, tenant: str, index: str, ids: Iterable[str]) -> int:
    """Remove documents; how many there were."""
    there: list[tuple[str, None]] = []
    for some in batched(dict.fromkeys(ids), _AT_ONCE, strict=False):
        query = select(_c.id).where(*_of(tenant, index), _c.id.in_(some), _c.data.is_not(None))
        there += [(id, None) for id in connection.scalars(query)]
    return _write(connection, tenant, index, there)


def behind(connection: Connection, tenant: str, index: str, position: int, upto: int, limit: int) -> list[Row]:
    """What changed behind a position, up to another, in order."""
    within = (_c.position > position, _c.position <= upto)
    query = select(_c.id, _c.position, _c.data).where(*_of(tenant, index), *within)
    return [Row(*row) for row in connection.execute(query.order_by(_c.position).limit(limit))]


def since(connection: Connection, tenant: str, index: str, position: int) -> Iterator[Row]:
    """All that changed behind a position, in order."""
    query = select(_c.id, _c.position, _c.data).where(*_of(tenant, index), _c.position > position)
    for row in connection.execute(query.order_by(_c.position)):
        yield Row(*row)


def get(connection: Connection, tenant: str, index: str, id: str) -> str | None:
    """A document as JSON text; none if there is none."""
    data: str | None = connection.scalar(select(_c.data).where(*_of(tenant, index), _c.id == id))
    return data


def count(connection: Connection, tenant: str, index: str) -> int:
    """How many there are."""
    query = select(func.count()).select_from(documents).where(*_of(tenant, index), _c.data.is_not(None))
    return connection.scalar(query) or 0


def clear(connection: Connection, tenant: str, index: str) -> None:
    """Forget all documents of an index, and that there were any."""
    connection.execute(delete(documents).where(*_of(tenant, index)))


def _write(connection: Connection, tenant: str, index: str, given: Sequence[tuple[str, str | None]]) -> int:
    if given:
        start = head(connection, tenant, index) + 1
        same = {"tenant": tenant, "search_index": index}
        rows = [{**same, "id": id, "position": at, "data": data} for at, (id, data) in enumerate(given, start)]
        connection.execute(_PUT, rows)
    return len(given)


def _of(tenant: str, index: str) -> tuple[ColumnElement[bool], ...]:
    return _c.tenant == tenant, _c.search_index == index
