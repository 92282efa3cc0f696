"""A real engine with a switch: off, it is as a server that nobody reaches."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, override

from burgee.search.errors import SearchUnavailableError
from burgee.search.model import IndexMapping, SearchQuery, SearchResult
from burgee.search.protocol import Put, Remove, SearchProvider


class Switched(SearchProvider[Any]):
    """`off`: it is away. `calls`: what was asked of it, by name. `before`: called with the name of each call first."""

    def __init__(self, engine: SearchProvider[Any], before: Callable[[str], object] = lambda _: None) -> None:
        self.engine, self.before = engine, before
        self.off = False
        self.calls: list[str] = []

    def there(self, call: str) -> SearchProvider[Any]:
        self.calls.append(call)
        self.before(call)
        if self.off:
            raise SearchUnavailableError("nobody answers")
        return self.engine

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        self.there("create").create(index, mapping)

    @override
    def write(self, index: str, changes: Iterable[Put[Any] | Remove], position: int) -> None:
        self.there("write").write(index, changes, position)

    @override
    def position(self, index: str) -> int:
        return self.there("position").position(index)

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Any]:
        return self.there("search").search(index, query)

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        return self.there("suggest").suggest(index, prefix, field, limit)

    @override
    def count(self, index: str) -> int:
        return self.there("count").count(index)

    @override
    def point(self, alias: str, index: str) -> str | None:
        return self.there("point").point(alias, index)

    @override
    def pointed(self, alias: str) -> str | None:
        return self.there("pointed").pointed(alias)

    @override
    def indexes(self, prefix: str = "") -> Sequence[str]:
        return self.there("indexes").indexes(prefix)

    @override
    def drop(self, index: str) -> bool:
        return self.there("drop").drop(index)

    @override
    def close(self) -> None:
        self.engine.close()
