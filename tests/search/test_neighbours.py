"""What one tenant asks or stores keeps the engine from no other (R4.7, R11.7)."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from burgee.search.errors import IndexUnavailableError, SearchFailedError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import Document, Field, IndexMapping, Kind, SearchQuery, SearchResult
from burgee.search.protocol import Put
from burgee.search.tantivy import provider as engine
from burgee.search.tantivy.index import document_of
from burgee.search.tantivy.provider import TantivySearch
from burgee.search.tantivy.state import State
from search.served import Served
from search.switched import Switched

BAD = SearchQuery(size=13)
MAPPING = IndexMapping((Field("title", Kind.TEXT, suggest=True), Field("n", Kind.INTEGER)))


class PanicException(BaseException):
    """What a panic of tantivy's is called, which is no `Exception`."""


class Street:
    """Two tenants with an index of the same name, on an engine with a database behind it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.first = Switched(TantivySearch())
        engines: WithFallback[Any] = WithFallback(self.first, Fts5Search(), clock=lambda: self.now)
        self.served = Served(engines)
        for tenant in ("mine", "other"):
            self.served.run(self.served.service.define("things", MAPPING), tenant)
            self.put(tenant, "one", "two")

    def put(self, tenant: str, *titles: str) -> None:
        documents: dict[str, Document] = {title: {"title": title} for title in titles}
        self.served.run(self.served.service.put("things", documents), tenant)

    def ask(self, tenant: str, query: SearchQuery | None = None) -> SearchResult[Document]:
        return self.served.run(self.served.service.search("things", query or SearchQuery()), tenant)


@pytest.fixture
def street() -> Iterator[Street]:
    made = Street()
    yield made
    made.served.close()


@pytest.mark.parametrize("kind", [ValueError, PanicException])
def test_a_question_that_is_beyond_the_engine_is_degraded_and_no_other_is(
    street: Street, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = State.answer

    def fails(self: State, query: SearchQuery) -> SearchResult[Document]:
        if query == BAD:
            raise kind("beyond me")
        return answer(self, query)

    monkeypatch.setattr(State, "answer", fails)
    with caplog.at_level(logging.WARNING, "burgee.search"):
        found = [street.ask("mine", BAD) for _ in range(20)]
    assert {(one.degraded, one.total) for one in found} == {(True, 2)}
    assert ["beyond me" in record.getMessage() for record in caplog.records] == [True]
    assert not street.ask("other").degraded
    assert not street.ask("mine").degraded
    with pytest.raises(SearchFailedError, match="beyond me"):
        street.first.engine.search(street.first.indexes()[0], BAD)


def test_an_index_that_cant_take_in_a_document_is_left_alone_and_no_other_is(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = document_of

    def fails(change: Put[Document], mapping: IndexMapping) -> Any:
        if change.id == "bad":
            raise ValueError("not that one")
        return made(change, mapping)

    monkeypatch.setattr(engine, "document_of", fails)
    street.put("mine", "bad")
    street.first.calls.clear()
    found = [street.ask("mine") for _ in range(20)]
    assert {(one.degraded, one.total) for one in found} == {(True, 3)}
    assert street.first.calls == []
    assert not street.ask("other").degraded
    monkeypatch.undo()
    street.now = 2.0
    assert not street.ask("mine").degraded
    monkeypatch.setattr(engine, "document_of", fails)
    with pytest.raises(IndexUnavailableError, match="not that one"):
        street.first.engine.write(street.first.indexes()[0], [Put("bad", {})], 9)


def test_an_engine_that_is_away_is_away_for_everybody_also_where_one_was_left_alone(street: Street) -> None:
    street.first.off = True
    assert street.ask("mine").degraded
    street.first.calls.clear()
    assert street.ask("other").degraded
    assert street.first.calls == []
    street.first.off, street.now = False, 2.0
    assert not street.ask("other").degraded
    assert not street.ask("mine").degraded


def test_a_document_of_lists_in_lists_is_found_like_others(street: Street) -> None:
    deep: Any = "end"
    for _ in range(198):
        deep = [deep]
    street.served.run(street.served.service.put("things", {"deep": {"title": "deep", "more": deep}}), "mine")
    found = street.ask("mine")
    assert (found.degraded, found.hits[0].document["more"]) == (False, deep)


def test_what_begins_like_thousands_of_words_is_suggested_behind_another_word() -> None:
    search = TantivySearch()
    search.create("a", MAPPING)
    titles = [f"red w{number}" for number in range(17_000)]  # tantivy takes 16,384
    search.write("a", [Put("many", {"title": titles}), Put("other", {"title": ["red z", "w9 red", "red w9"]})], 1)
    assert search.suggest("a", "red w", "title", 3) == ["red w9", "red w0", "red w1"]
    assert search.suggest("a", "red z", "title", 3) == ["red z"]
