"""What a search engine can be asked, and what the service of search.

Every provider runs the same tests and gives the same answers.

An engine holds *built indexes*, each under a name that is never used twice (`acme.products.3`), and *aliases*, which
point to one of them (`acme.products`). What it holds can always be built anew from the documents in the database, so
it says up to which of their changes it has taken everything in (`position`): whoever feeds it goes on from there.

Engines block: a service gives a call a worker thread of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.result import Result
from burgee.search.errors import SearchUnavailableError
from burgee.search.model import (
    Document,
    IndexChange,
    IndexMapping,
    IndexState,
    SearchQuery,
    SearchResult,
    Suggestions,
)
from burgee.wire.operation import operation


@dataclass(frozen=True, slots=True)
class Put[TDocument]:
    """Take a document in, in place of the one of that id."""

    id: str
    document: TDocument


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the document of that id out; it need not be there."""

    id: str


class SearchProvider[TDocument](Protocol):
    """Finds documents. All of it can be called from many threads at once.

    What the engine can't do now, as it is away, broken or busy beyond its time, is a `SearchUnavailableError`
    (`search.errors`); an index that is not there a `NotFoundError`.
    """

    def create(self, index: str, mapping: IndexMapping) -> None:
        """Make an empty index; one that is there already is made anew."""
        ...

    def write(self, index: str, changes: Iterable[Put[TDocument] | Remove], position: int) -> None:
        """Take changes in, in their order. When this returns they are found, and they and the position are durable."""
        ...

    def position(self, index: str) -> int:
        """Up to where it has taken everything in, as the last `write` that was completed said; 0 if none was."""
        ...

    def search(self, index: str, query: SearchQuery) -> SearchResult[TDocument]:
        """Answer a query about an index or alias."""
        ...

    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        """What the field's values begin with, where one of their words begins so: most frequent first, then by text."""
        ...

    def count(self, index: str) -> int:
        """How many documents there are."""
        ...

    def point(self, alias: str, index: str) -> str | None:
        """Let the alias point to that index from now on, at once for everybody; the index it pointed to before."""
        ...

    def pointed(self, alias: str) -> str | None:
        """The index an alias points to; none if there is no such alias."""
        ...

    def indexes(self, prefix: str = "") -> Sequence[str]:
        """The indexes whose name begins so, by name."""
        ...

    def drop(self, index: str) -> bool:
        """Remove an index and what points to it; whether there was one."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


type Refused = InvalidInputError | MissingTenantError
type Unasked = NotFoundError | SearchUnavailableError | Refused


class SearchService(Protocol):
    """The indexes of a tenant. Documents are kept in the database; what is acknowledged is committed there."""

    @operation("GET", "/search/indexes")
    async def list(self) -> Result[tuple[IndexState, ...], MissingTenantError]:
        """The indexes by name."""
        ...

    @operation("GET", "/search/indexes/{name}")
    async def describe(self, name: str) -> Result[IndexState, NotFoundError | Refused]:
        """An index as it is now."""
        ...

    @operation("PUT", "/search/indexes/{name}")
    async def define(
        self, name: str, mapping: IndexMapping, why: str | None = None
    ) -> Result[IndexState, ConflictError | Refused]:
        """Make an index, without documents. With the mapping it has already, nothing changes; with another, reindex."""
        ...

    @operation("POST", "/search/indexes/{name}/documents", repeatable=True)
    async def put(self, name: str, documents: Mapping[str, Document]) -> Result[int, NotFoundError | Refused]:
        """Store documents by id, in place of those of the same id, all of them or none; how many."""
        ...

    @operation("POST", "/search/indexes/{name}/table", repeatable=True)
    async def put_table(
        self, name: str, id: str, documents: pa.RecordBatchReader
    ) -> Result[int, NotFoundError | Refused]:
        """Store the rows of a table as documents, all of them or none; `id` is the column of their ids. How many."""
        ...

    @operation("POST", "/search/indexes/{name}/remove", repeatable=True)
    async def remove(self, name: str, ids: tuple[str, ...]) -> Result[int, NotFoundError | Refused]:
        """Remove documents; how many there were."""
        ...

    @operation("GET", "/search/indexes/{name}/documents/{id}")
    async def get(self, name: str, id: str) -> Result[Document, NotFoundError | Refused]:
        """One document."""
        ...

    @operation("GET", "/search/indexes/{name}/count")
    async def count(self, name: str) -> Result[int, NotFoundError | Refused]:
        """How many documents there are."""
        ...

    @operation("POST", "/search/indexes/{name}/search", repeatable=True)
    async def search(self, name: str, query: SearchQuery) -> Result[SearchResult[Document], Unasked]:
        """Answer a query; while the engine is away the database does, and the answer says so: `degraded`."""
        ...

    @operation("POST", "/search/indexes/{name}/suggest", repeatable=True)
    async def suggest(self, name: str, prefix: str, field: str, limit: int = 10) -> Result[Suggestions, Unasked]:
        """Values of a field one of whose words begins so, most frequent first."""
        ...

    @operation("POST", "/search/indexes/{name}/reindex")
    async def reindex(
        self, name: str, mapping: IndexMapping | None = None, why: str | None = None
    ) -> Result[IndexState, ConflictError | Unasked]:
        """Build the index anew from its documents, with another mapping if one is given.

        Readers see the old one until the new one is whole; what is written meanwhile is in both.
        """
        ...

    @operation("DELETE", "/search/indexes/{name}")
    async def drop(self, name: str, why: str | None = None) -> Result[bool, ConflictError | Refused]:
        """Remove an index with its documents; false if there was none."""
        ...

    @operation("GET", "/search/indexes/{name}/history")
    async def history(self, name: str) -> Result[tuple[IndexChange, ...], NotFoundError | Refused]:
        """Every change of an index (not of its documents), oldest first."""
        ...
