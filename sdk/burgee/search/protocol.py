"""What a search engine can be asked. Every provider runs the same tests and gives the same answers.

An engine holds *built indexes*, each under a name that is never used twice (`acme.products.3`), and *aliases*, which
point to one of them (`acme.products`). What it holds can always be built anew from the documents in the database, so
it says up to which of their changes it has taken everything in (`position`): whoever feeds it goes on from there.

Engines block: a service gives a call a worker thread of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from burgee.search.model import IndexMapping, SearchQuery, SearchResult


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
