"""The service of search on a database of its own, as a caller within one tenant has it."""

from collections.abc import Coroutine
from typing import Any, override

from burgee.core.clock import system_clock
from burgee.core.portal import drive
from burgee.core.result import Result
from burgee.core.scope import tenant_scope
from burgee.search import documents
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import Document, Field, IndexMapping, Kind, SearchQuery
from burgee.search.opening import Opened
from burgee.search.service import LocalSearchService
from burgee.search.text.language import parse
from burgee.store.database import Database

MAPPING = IndexMapping((Field("title", Kind.TEXT), Field("n", Kind.INTEGER)))


class _Engines(Opened):
    """The engines that a served one has at the moment: tests change them."""

    def __init__(self, served: "Served") -> None:
        super().__init__(lambda: served.engines)
        self._served = served

    @override
    def __call__(self) -> WithFallback[Any]:
        return self._served.engines


class Served:
    """A service, its database and its engines."""

    def __init__(self, engines: WithFallback[Any] | None = None, database: Database | None = None) -> None:
        self.database = database or Database.in_memory()
        self.engines = engines or WithFallback(Fts5Search())
        self.service = LocalSearchService(self.database, system_clock, _Engines(self))

    def run[T, E: Exception](self, work: Coroutine[object, object, Result[T, E]], tenant: str = "acme") -> T:
        with tenant_scope(tenant):
            return drive(work).unwrap()

    def define(self, name: str = "things", mapping: IndexMapping = MAPPING) -> None:
        self.run(self.service.define(name, mapping))

    def put(self, *numbers: int, title: str = "thing") -> None:
        documents: dict[str, Document] = {str(n): {"title": f"{title} number{n}", "n": n} for n in numbers}
        self.run(self.service.put("things", documents))

    def found(self, text: str = "thing", name: str = "things") -> list[int]:
        """The numbers of the things that are found, by number."""
        query = SearchQuery(parse(text), size=1000, highlight=False)
        hits = self.run(self.service.search(name, query)).hits
        return sorted(int(str(hit.document["n"])) for hit in hits)

    def head(self) -> int:
        """The position of the last change."""
        with self.database.read("acme") as connection:
            return documents.head(connection, "acme", "things")

    def close(self) -> None:
        self.engines.close()
        self.database.close()
