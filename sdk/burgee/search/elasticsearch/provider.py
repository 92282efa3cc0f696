"""Search on Elasticsearch 9, of whatever size.

Texts are cut into words, and words to their stems, before they are sent (`search.text`), so that it finds what the
other engines find; its own analyzers for languages are not used. An index is written to by an alias of its own: what is
written after it was dropped is refused and does not make it again. Nothing is tried again here: what to do when the
server is away is the business of whoever asks.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, override

from pydantic import SecretStr

from burgee.core.checks import need_number, need_whole
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.json import loads_object
from burgee.search.checks import check_query, check_suggest
from burgee.search.cursor import SCORE, decode, encode, order
from burgee.search.elasticsearch.client import connecting
from burgee.search.elasticsearch.index import (
    WRITING,
    About,
    about,
    begun,
    decoded,
    encoded,
    key,
    mappings,
    meta,
    settings,
    source,
)
from burgee.search.elasticsearch.query import EVERYTHING, NOTHING, Asking, Query
from burgee.search.errors import SearchFailedError, SearchRefusedError, SearchUnavailableError
from burgee.search.model import Document, Hit, IndexMapping, SearchQuery, SearchResult
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.text.highlights import highlights
from burgee.search.text.language import all_of
from burgee.search.text.similar import similar
from burgee.search.text.stems import need_stems

_WRITE_SECONDS = 60.0  # for an answer to what changes something
_LOOK_SECONDS = 1.0  # for an answer to whether it is there, where it did not answer a question
_BATCH, _BATCH_BYTES = 1000, 10 * 1024 * 1024  # of one request
_TRIES = 5  # to ask what an alias points to, where that changes meanwhile
_MISSING, _EXISTS = 404, "resource_already_exists_exception"


class ElasticsearchSearch(SearchProvider[Document]):
    """Finds documents by Elasticsearch.

    Args:
        url: where it is, see `search.elasticsearch.client`.
        api_key: the key by which we are let in, encoded or as `id:key`, if the URL has no login.
        ca: whom it is trusted by, if not by those whom everybody trusts: a file of certificates, or the SHA-256
            fingerprint of its certificate or of the one that signed it.
        timeout: seconds to wait for an answer to a question.
    """

    def __init__(
        self, url: str, *, api_key: str | SecretStr | None = None, ca: str | None = None, timeout: float = 5.0
    ) -> None:
        if not 0 < need_number("timeout", timeout) < float("inf"):
            raise InvalidInputError(f"timeout must be above 0 seconds, not {timeout!r}")
        self._server = connecting(url, timeout, api_key, ca)
        self._client = self._server.client
        self._writer = self._client.options(request_timeout=max(timeout, _WRITE_SECONDS))
        self._prefix = self._server.prefix
        self._closed = False

    @override
    def create(self, index: str, mapping: IndexMapping) -> None:
        need_stems(mapping)
        place = self._encoded(index)
        if self.pointed(index) is not None:
            raise InvalidInputError(f"{index!r} is an alias: an index needs a name of its own")
        self.drop(index)
        with self._server.asked(index):
            try:
                self._writer.indices.create(
                    index=place,
                    settings=settings(mapping),
                    mappings=mappings(About(index, mapping)),
                    aliases={place + WRITING: {}},
                )
            except import_module("elasticsearch").BadRequestError as error:
                if error.error != _EXISTS:  # made by somebody else, or by a first host whose answer was lost
                    raise

    @override
    def write(self, index: str, changes: Iterable[Put[Document] | Remove], position: int) -> None:
        need_whole("position", position)
        place, known = self._about(index)
        with self._server.asked(index):
            for succeeded, said in import_module("elasticsearch.helpers").streaming_bulk(
                self._writer,
                _actions(place + WRITING, changes, known.mapping),
                chunk_size=_BATCH,
                max_chunk_bytes=_BATCH_BYTES,
                raise_on_error=False,
                require_alias=True,
            ):
                if not succeeded:
                    self._check(index, said)
            self._writer.indices.refresh(index=place)
            self._writer.indices.put_mapping(index=place, meta=meta(replace(known, position=position)))

    @override
    def position(self, index: str) -> int:
        return self._about(index)[1].position

    @override
    def search(self, index: str, query: SearchQuery) -> SearchResult[Document]:
        return self._of_one(index, lambda place, mapping: self._search(place, mapping, check_query(query, mapping)))

    @override
    def suggest(self, index: str, prefix: str, field: str, limit: int) -> Sequence[str]:
        def ask(place: str, mapping: IndexMapping) -> list[str]:
            offered = Asking(mapping).suggestions(field, check_suggest(mapping, prefix, field, limit), limit)
            said = self._client.search(
                index=place, size=0, aggs={"offered": offered}, allow_partial_search_results=False
            )
            return [one["key"] for one in said["aggregations"]["offered"]["matching"]["values"]["buckets"]]

        return self._of_one(index, ask)

    @override
    def count(self, index: str) -> int:
        return self._of_one(index, lambda place, _: int(self._client.count(index=place)["count"]))

    @override
    def point(self, alias: str, index: str) -> str | None:
        there = self.indexes()
        if index not in there:
            raise NotFoundError("index", index, there)
        if alias in there:
            raise InvalidInputError(f"{alias!r} is an index: an alias needs a name of its own")
        name, before = self._encoded(alias), self.pointed(alias)
        remove = {"index": f"{self._prefix}-*", "alias": name, "must_exist": False}
        actions = [{"remove": remove}, {"add": {"index": self._encoded(index), "alias": name}}]
        with self._server.asked(index):
            self._writer.indices.update_aliases(actions=actions)
        return before

    @override
    def pointed(self, alias: str) -> str | None:
        name = self._encoded(alias)
        try:
            with self._server.asked(alias):
                said = self._client.indices.get_alias(name=name)
        except NotFoundError:
            return None
        return next(iter(sorted(filter(None, (decoded(self._prefix, place) for place in said)))), None)

    @override
    def indexes(self, prefix: str = "") -> Sequence[str]:
        self._check_open()
        with self._server.asked(prefix):
            said = self._client.indices.get_alias(index=f"{self._prefix}-{begun(prefix)}*")
        names = filter(None, (decoded(self._prefix, place) for place in said))
        return sorted(name for name in names if name.startswith(prefix))

    @override
    def drop(self, index: str) -> bool:
        if index not in self.indexes(index):
            return False
        try:
            with self._server.asked(index):
                self._writer.indices.delete(index=self._encoded(index))
        except NotFoundError:  # somebody else was first
            return False
        return True

    @override
    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SearchUnavailableError("the search is closed", hint="open it again")

    def _encoded(self, name: str) -> str:
        self._check_open()
        return encoded(self._prefix, name)

    def _about(self, name: str) -> tuple[str, About]:
        """The index of that name, or that an alias of that name points to: its name there, and what it is."""
        place = self._encoded(name)
        try:
            with self._server.asked(name):
                said = self._client.indices.get_mapping(index=place)
        except NotFoundError:
            raise NotFoundError("index", name, self.indexes()) from None
        for there, described in sorted(said.items()):
            known = about(described["mappings"])
            if known is not None:
                return there, known
        raise NotFoundError("index", name, self.indexes())

    def _of_one[T](self, name: str, ask: Callable[[str, IndexMapping], T]) -> T:
        """What is answered of one index: the next one, if an alias was pointed to that and this one dropped.

        Raises:
            SearchFailedError: the server did not answer this, or not in time, and is there all the same.
        """
        tries = _TRIES
        while True:
            place, known = self._about(name)
            tries -= 1
            try:
                with self._server.asked(name):
                    return ask(place, known.mapping)
            except NotFoundError as error:
                if error.kind != "index" or not tries:
                    raise
            except SearchRefusedError:
                raise
            except SearchUnavailableError as error:
                if not self._is_there(place):
                    raise
                raise SearchFailedError(error.message, hint="ask for less at once") from error

    def _is_there(self, place: str) -> bool:
        """Whether the server answers at all."""
        try:
            with self._server.asked():
                self._client.options(request_timeout=_LOOK_SECONDS).indices.get_mapping(index=place)
        except (NotFoundError, SearchUnavailableError):
            return False
        return True

    def _check(self, index: str, said: dict[str, dict[str, Any]]) -> None:
        """Raise what a refused change says, unless it is that what should go was not there."""
        ((kind, item),) = said.items()
        if kind == "delete" and item["status"] == _MISSING and "error" not in item:
            return
        raise self._server.failure(index, item["status"], item.get("error"))

    def _search(self, place: str, mapping: IndexMapping, query: SearchQuery) -> SearchResult[Document]:
        asking, sorts = Asking(mapping), order(query)
        body: Query = {
            "query": self._query(place, asking, mapping, query),
            "size": query.size + 1,
            "sort": asking.sort(sorts),
            "track_total_hits": True,
        }
        if query.facets:
            body["aggs"] = {str(at): asking.facet(facet) for at, facet in enumerate(query.facets)}
        if query.after is not None:
            body["search_after"] = asking.after(sorts, *decode(query.after, query, mapping))
        said = self._client.search(index=place, body=body, allow_partial_search_results=False, preference=_copy(query))
        found = said["hits"]["hits"]
        hits = tuple(_hit(one, query, mapping) for one in found[: query.size])
        facets = tuple(asking.answer(facet, said["aggregations"][str(at)]) for at, facet in enumerate(query.facets))
        after = None
        if len(found) > query.size:
            last = found[query.size - 1]["sort"]
            after = encode(asking.place(sorts, last), str(last[-1]))
        return SearchResult(hits, int(said["hits"]["total"]["value"]), facets, after)

    def _query(self, place: str, asking: Asking, mapping: IndexMapping, query: SearchQuery) -> Query:
        text, others = query.text, [asking.filter(given) for given in query.filters]
        refused: list[Query] = []
        if query.like is not None:
            alike = similar(query.like, self._document(place, query.like), mapping)
            text = all_of([text, alike])
            refused = [{"term": {"id": query.like}}]
            others += [NOTHING] if alike is None else []
        wanted = EVERYTHING if text is None else asking.text(text)
        return {"bool": {"must": [wanted], "filter": others, "must_not": refused}}

    def _document(self, place: str, id: str) -> Document:
        found = self._client.search(index=place, query={"term": {"id": id}}, size=1)["hits"]["hits"]
        if not found:
            raise NotFoundError("document", id)
        return loads_object(found[0]["_source"]["document"], "a document")


def _actions(place: str, changes: Iterable[Put[Document] | Remove], mapping: IndexMapping) -> Iterator[dict[str, Any]]:
    for change in changes:
        action = {"_index": place, "_id": key(change.id)}
        if isinstance(change, Remove):
            yield action | {"_op_type": "delete"}
        else:
            yield action | {"_op_type": "index", "_source": source(change.id, change.document, mapping)}


def _hit(found: dict[str, Any], query: SearchQuery, mapping: IndexMapping) -> Hit[Document]:
    document = loads_object(found["_source"]["document"], "a document")
    shown = highlights(query.text, document, mapping) if query.highlight and query.text is not None else {}
    score = found["_score"] if any(sort.field == SCORE for sort in order(query)) else None
    return Hit(found["_source"]["id"], score, document, shown)


def _copy(query: SearchQuery) -> str:
    """Which copy of the index is asked: all pages of a query come from the same, as copies may score differently."""
    return hashlib.sha256(repr((query.text, query.like, query.sort)).encode(errors="replace")).hexdigest()[:16]
