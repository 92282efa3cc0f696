"""The fluent objects of search: `acme.search`, and the handle of one index."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, cast, override

import pyarrow as pa

from burgee.core.checks import need_mapping, need_text
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError, NotFoundError, did_you_mean
from burgee.core.history import History
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.core.progress import ProgressBar
from burgee.events.facade import Events
from burgee.projections.facade import ProjectionHandle, Projections
from burgee.search.foreign import plain_value
from burgee.search.given import Documents, as_document, as_id, given_documents, of_rows
from burgee.search.indexer import Indexer, Indexing, changes_of, check_indexer
from burgee.search.indexes import check_index_name
from burgee.search.mapping import MappingGiven, as_mapping, infer_mapping
from burgee.search.model import Document, IndexChange, IndexMapping, IndexState
from burgee.search.protocol import SearchService
from burgee.search.query import Known, Query

if TYPE_CHECKING:
    import pandas as pd

BAR_DOCUMENTS = 5_000
"""From this many documents on a progress bar is worth showing."""

_BATCH = 10_000  # documents that travel at once
_BATCH_BYTES = 16 * 1024 * 1024


class SearchIndex(Query):
    """One index: a query to begin with, and what changes it."""

    __slots__ = ("_id", "_progress")

    def __init__(self, link: Link, service: SearchService, name: str, known: Known, id: str, *, progress: bool) -> None:
        super().__init__(link, service, name, known)
        self._id = id
        self._progress = progress

    def add(self, documents: Documents, *, id: str | None = None) -> int:
        """Store documents, in place of those of the same id: a frame, a list of dicts, or one dict; how many.

        `id` is the column or field of their ids: by default what the index was made with, or `id`.
        """
        return self._store(*given_documents(documents, id or self._id), id or self._id, progress=self._progress)

    def put(self, documents: Mapping[str, Document]) -> int:
        """Store documents by their ids, in place of those of the same id; how many."""
        need_mapping("documents by their ids", documents)
        ready = {as_id("a document", id): as_document(f"document {id!r}", one) for id, one in documents.items()}
        return self._link.call(self._service.put(self.name, ready))

    def remove(self, ids: str | int | Iterable[str | int]) -> int:
        """Remove documents; how many there were."""
        plain = plain_value(ids)
        several = plain if isinstance(plain, Iterable) and not isinstance(plain, str) else [plain]
        return self._link.call(self._service.remove(self.name, tuple(as_id("what is removed", one) for one in several)))

    def get(self, id: str | int) -> Document:
        """One document."""
        return self._link.call(self._service.get(self.name, as_id("what is asked for", id)))

    def count(self) -> int:
        """How many documents there are."""
        return self._link.call(self._service.count(self.name))

    def state(self) -> IndexState:
        """The index as it is now: its mapping, and how often it was built."""
        self._known.state = self._link.call(self._service.describe(self.name))
        return self._known.state

    def reindex(self, mapping: MappingGiven | None = None, *, why: str | None = None) -> "SearchIndex":
        """Build the index anew from its documents, with another mapping if one is given.

        Whoever searches sees the old one until the new one is whole; nothing that is written meanwhile is lost.
        """
        wanted = None if mapping is None else as_mapping(mapping)
        self._known.state = self._link.call(self._service.reindex(self.name, wanted, why))
        return self

    def drop(self, *, why: str | None = None) -> bool:
        """Remove the index with its documents; false if there was none. Its history stays."""
        return self._link.call(self._service.drop(self.name, why))

    def knows(self, state: IndexState) -> None:
        """Take the index to be as it was just answered."""
        self._known.state = state

    def history(self) -> "IndexHistory":
        """Every change of the index (not of its documents), oldest first."""
        return IndexHistory(Page(self._link.call(self._service.history(self.name))))

    def _store(self, table: pa.Table | None, rows: Sequence[Mapping[str, object]], id: str, *, progress: bool) -> int:
        total = table.num_rows if table is not None else len(rows)
        with ProgressBar(f"index {self.name}", total, shown=progress and total >= BAR_DOCUMENTS) as bar:
            done = 0
            for stored in self._stored(table, rows, id):
                done += stored
                bar.reach(done)
        return done

    def _stored(self, table: pa.Table | None, rows: Sequence[Mapping[str, object]], id: str) -> Iterator[int]:
        if table is None:
            for start in range(0, len(rows), _BATCH):
                ready = dict(of_rows(rows[start : start + _BATCH], id, start + 1))
                yield self._link.call(self._service.put(self.name, ready))
            return
        step = max(1, min(_BATCH, _BATCH_BYTES * table.num_rows // max(1, table.nbytes)))
        for start in range(0, table.num_rows, step):
            reader = table.slice(start, step).to_reader()
            yield self._link.call(self._service.put_table(self.name, id, reader))

    @override
    def __repr__(self) -> str:
        return f"<SearchIndex {self.name!r}: .query(text), .filter(…), .facets(…), .add(…), .reindex(), .frame()>"

    @override
    def _sheet(self) -> Sheet:
        state = self._known.state
        fields = (IndexMapping(()) if state is None else state.mapping)._sheet()  # noqa: SLF001 - it shows the same
        note = ".query(text), .filter(…), .facets(…), .frame(), .widget(); .add(documents), .reindex()"
        return replace(fields, title=f"Search index {self.name}", note=note)


class IndexHistory(History[IndexState]):
    """The changes of an index. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[IndexChange]:
        return super().__iter__()


class IndexList(Listing[IndexState]):
    """The search indexes of a tenant."""

    __slots__ = ()
    columns = ("name", "fields", "generation", "created_at", "updated_at")
    dtypes = typed(text="name fields", whole="generation", moment="created_at updated_at")

    @override
    def __iter__(self) -> Iterator[IndexState]:
        return super().__iter__()

    @override
    def _row(self, item: IndexState) -> Mapping[str, object]:
        fields = ", ".join(field.name for field in item.mapping.fields)
        return {name: fields if name == "fields" else getattr(item, name) for name in self.columns}


class Search(Shown):
    """The search of a tenant: `acme.search("products").query("red shoes").frame()`."""

    __slots__ = ("_events", "_known", "_link", "_progress", "_projections", "_service")

    def __init__(
        self, link: Link, service: SearchService, projections: Projections, events: Events, *, progress: bool
    ) -> None:
        self._link, self._service = link, service
        self._projections, self._events = projections, events
        self._progress = progress
        self._known: dict[str, IndexState] = {}

    def __call__(self, name: str) -> SearchIndex:
        """The index of that name, to ask. Nothing is looked up before it must be."""
        return self._handle(name, None)

    def __getitem__(self, name: str) -> SearchIndex:
        return self(name)

    def index(
        self,
        name: str,
        documents: Documents | Iterable[object],
        *,
        id: str = "id",
        mapping: MappingGiven | None = None,
        indexer: "Indexer[Any, Any] | type[Indexer[Any, Any]] | None" = None,
        progress: bool | None = None,
    ) -> SearchIndex:
        """Make an index of these documents, or bring them into the one of that name.

        Args:
            name: of a-z, 0-9, `-` and `_`.
            documents: a frame (each row a document) or dicts; with `indexer` any entities that it knows.
            id: the column or field of the documents' ids. A document of an id that is there takes its place; of
                several with one id here, the last counts.
            mapping: what each field is, like `{"title": "text", "brand": "keyword"}`; inferred unless given. One that
                is another than the index has builds it anew; fields that are new here are added.
            indexer: how an entity becomes a document.
            progress: show a bar.

        Raises:
            InvalidInputError: a value is not of its field's kind; the message names document, field and value.
        """
        check_index_name(name)
        handle = self._handle(name, id)
        shown = self._progress if progress is None else progress
        if indexer is not None:
            code = check_indexer(indexer)
            self._ready(handle, mapping or code.fields(), f"{type(code).__name__}.mapping")
            for changes in changes_of(code, cast("Iterable[object]", documents), _BATCH):
                changes.give(handle.put, handle.remove)
            return handle
        table, rows = given_documents(documents, id)
        there = self._state(name)
        wanted = as_mapping(mapping) if mapping is not None else _extended(there, table if table is not None else rows)
        if mapping is not None:
            _warn_of_misspelt(wanted, {*table.column_names} if table is not None else {*chain(*rows)})
        self._mapped(handle, there, wanted)
        try:
            handle._store(table, rows, id, progress=shown)  # noqa: SLF001 - they are one
        except InvalidInputError:
            if there is None and handle.count() == 0:  # nothing could be stored: the index was not there before
                handle.drop(why="its documents were refused")
            raise
        return handle

    def follow[TEntity, TDocument](
        self,
        name: str,
        indexer: "Indexer[TEntity, TDocument] | type[Indexer[TEntity, TDocument]]",
        *,
        mapping: MappingGiven | None = None,
    ) -> ProjectionHandle[dict[str, int]]:
        """Keep an index fresh from events: made if it is not there, and followed by a projection.

        The handle is that of any projection: `.catch_up()` takes in what there is, `.run()` goes on in the background.
        """
        check_index_name(name)
        code = check_indexer(indexer)
        handle = self._handle(name, None)
        self._ready(handle, mapping or code.fields(), f"{type(code).__name__}.mapping")

        def load(stream: str) -> object:
            return self._events.load(cast("Any", code.entity), stream)

        return self._projections.add(Indexing(name, code, handle.put, handle.remove, load))

    def list(self) -> IndexList:
        """The indexes by name."""
        states = self._link.call(self._service.list())
        self._known.clear()
        self._known.update((state.name, state) for state in states)
        return IndexList(Page(states))

    def frame(self) -> "pd.DataFrame":
        """The indexes as a frame: `name, documents, fields, generation, created_at, updated_at`."""
        import pandas as pd

        frame = self.list().frame()
        counts = [self._link.call(self._service.count(name)) for name in frame["name"]]
        frame.insert(1, "documents", pd.Series(counts, dtype="int64"))
        return frame

    def _handle(self, name: str, id: str | None) -> SearchIndex:
        need_text("the name of an index", name)
        return SearchIndex(self._link, self._service, name, Known(), id or "id", progress=self._progress)

    def _ready(self, handle: SearchIndex, mapping: MappingGiven | None, where: str) -> None:
        """Make the index if it is not there; with another mapping it is built anew."""
        there = self._state(handle.name)
        if mapping is None and there is None:
            raise InvalidInputError(
                f"the search index {handle.name!r} is not there yet, so its fields must be said",
                hint=f'give mapping={{"title": "text", …}}, or set {where}',
            )
        self._mapped(
            handle, there, there.mapping if mapping is None and there is not None else as_mapping(mapping or ())
        )

    def _mapped(self, handle: SearchIndex, there: IndexState | None, wanted: IndexMapping) -> None:
        if there is None:
            state = self._link.call(self._service.define(handle.name, wanted))
        elif there.mapping != wanted:
            state = self._link.call(self._service.reindex(handle.name, wanted))
        else:
            state = there
        handle.knows(state)
        self._known[state.name] = state

    def _state(self, name: str) -> IndexState | None:
        try:
            return self._link.call(self._service.describe(name))
        except NotFoundError:
            return None

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Search of {self._link.tenant!r}: {', '.join(sorted(self._known)) or 'no index fetched yet'}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [
            ('("products").query(text)', "find: .filter(…), .facets(…), .sort(…), .frame()"),
            (".index(name, frame, id=column)", "make an index, or add to it"),
            (".follow(name, indexer)", "keep an index fresh from events"),
            (".list()", "the indexes there are"),
        ]
        return Sheet(f"Search of {self._link.tenant}", ("", "what it does"), rows)


def _extended(there: IndexState | None, source: object) -> IndexMapping:
    """The mapping there is with what is new in these documents; inferred, if there is none."""
    if there is None:
        return infer_mapping(source)
    try:
        inferred = infer_mapping(source)
    except InvalidInputError:  # nothing here that could be searched, so nothing new
        return there.mapping
    known = {field.name for field in there.mapping.fields}
    return replace(there.mapping, fields=(*there.mapping.fields, *(f for f in inferred.fields if f.name not in known)))


def _warn_of_misspelt(mapping: IndexMapping, names: set[object]) -> None:
    """A field that no document has is no mistake; but with one that is called almost so and not mapped, it looks it."""
    fields = {field.name for field in mapping.fields}
    others = [name for name in names - fields if isinstance(name, str)]
    for name in sorted(fields - names):
        if hint := did_you_mean(name, others, else_all=False):
            said = f"the mapping has a field {name!r}, which no document here has; {hint}"
            warnings.warn(said, UserWarning, stacklevel=3)
