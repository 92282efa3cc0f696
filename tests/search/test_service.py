"""The service: what is acknowledged is in the database, and engines follow, whatever happens to them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from burgee.core.errors import InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import dumps, loads
from burgee.core.portal import drive, portal
from burgee.core.scope import tenant_scope
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Dates,
    Either,
    Exists,
    Histogram,
    Not,
    OneOf,
    Phrase,
    Ranges,
    SearchQuery,
    Sort,
    Stats,
    Terms,
    Together,
    Within,
    Without,
    Word,
)
from burgee.store.database import Database
from burgee.wire.client import Request
from burgee.workspace import Tenant, Workspace
from conftest import in_process
from search.served import MAPPING, Served

ROWS = [
    {"id": 1, "title": "Red shoes of leather", "brand": "Größe", "price": 20.0, "new": True, "made": "2026-01-05"},
    {"id": 2, "title": "Blue shoes", "brand": "x", "price": 30.5, "new": False, "made": "2026-02-01T10:00:00.000001Z"},
    {"id": 3, "title": "A red hat", "brand": "x", "tags": ["a", "b"]},
]


@pytest.fixture
def alone() -> Iterator[Served]:
    """A service with one engine."""
    made = Served()
    made.define()
    yield made
    made.close()


def test_every_way_of_asking_is_the_same_wherever_the_service_is(acme: Tenant) -> None:
    mapping = {
        "title": "text",
        "brand": "keyword",
        "price": "number",
        "new": "boolean",
        "made": "date",
        "tags": "keyword",
    }
    shop = acme.search.index("shop", ROWS, mapping=mapping)
    text = Within(("title",), AnyOf((All((Word("red"), Without(Phrase(("red", "hat"))))), Word("blu", prefix=True))))
    filters = (
        OneOf("brand", ("Größe", "x")),
        Between("made", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 10, 0, 0, 1, tzinfo=UTC)),
        Not(Exists("tags")),
        Between("price", 10, 30.5),
        Not(OneOf("new", ())),
        Either(
            (
                Together((OneOf("brand", ("x",)), Between("made", datetime(2026, 2, 1, tzinfo=UTC)))),
                Between("price", 0, 25),
            )
        ),
    )
    facets = (
        Terms("brand"),
        Stats("price"),
        Ranges("price", (None, 25, None)),
        Histogram("price", 10),
        Dates("made", "month"),
    )
    found = shop.asking(SearchQuery(text, None, filters, facets, (Sort("price", descending=True),))).result()
    assert [hit.id for hit in found.hits] == ["2", "1"]
    assert found.total == 2
    assert not found.degraded
    assert found.hits[1].highlights == {"title": ("<mark>Red</mark> shoes of leather",)}
    assert found.hits[0].document == ROWS[1]
    terms, stats, ranges, steps, months = found.facets
    assert isinstance(terms, tuple)
    assert {bucket.value: bucket.count for bucket in terms} == {"Größe": 1, "x": 1}
    assert (stats.min, stats.max) == (20.0, 30.5)  # type: ignore[union-attr]
    assert [(one.low, one.high, one.count) for one in ranges] == [(None, 25, 1), (25, None, 1)]  # type: ignore[union-attr]
    assert [(one.value, one.count) for one in steps] == [(20, 1), (30, 1)]  # type: ignore[union-attr]
    assert [one.count for one in months] == [1, 1]  # type: ignore[union-attr]
    first = shop.query("red OR shoes").top(2).result()
    assert len(first.hits) == 2
    assert [hit.id for hit in shop.query("red OR shoes").page(first.after).hits()] not in [[], [first.hits[0].id]]
    assert shop.get(3)["tags"] == ["a", "b"]
    assert shop.add(pd.DataFrame({"id": [4.0], "title": ["Hüte"], "made": [pd.Timestamp("2026-03-01")]})) == 1
    assert shop.query("hute").frame()["made"].tolist() == [pd.Timestamp("2026-03-01", tz="UTC")]
    assert shop.remove(4) == 1
    assert shop.remove([3, 4]) == 1
    assert shop.count() == shop.total() == 2
    with pytest.raises(NotFoundError, match="no document '3'"):
        shop.get(3)
    with pytest.raises(InvalidInputError, match="no field 'prize'"):
        shop.filter(prize=1).total()
    assert shop.reindex({"title": "text", "n": "integer"}, why="less").query("leather").total() == 1
    assert acme.search.list().frame()["generation"].tolist() == [2]
    assert [change.why for change in shop.history()] == [None, "less", "less"]
    assert shop.drop() is True
    assert shop.drop() is False
    with pytest.raises(NotFoundError, match="no search index 'shop'"):
        acme.search("shop").total()


def test_a_tenant_finds_nothing_of_another(ws: Workspace) -> None:
    """P10: the same name is another index."""
    one, other = (ws.tenants.create(f"search-{name}", exist_ok=True) for name in ("one", "other"))
    one.search.index("private", [{"id": 1, "title": "a secret"}], mapping={"title": "text"})
    for ask in (lambda: other.search("private").total(), lambda: other.search("private").get(1)):
        with pytest.raises(NotFoundError, match="no search index 'private'"):
            ask()
    assert other.search.list().count() == 0
    mine = other.search.index("private", [{"id": 1, "title": "another"}], mapping={"title": "text"})
    assert mine.query("secret").total() == 0
    assert mine.total() == 1
    assert other.search("private").drop()
    assert one.search("private").query("secret").total() == 1


def test_hostile_json_is_refused_with_a_reason() -> None:
    database = Database.in_memory()
    with in_process(database) as ws:
        ws.tenants.create("acme").search.index("i", [{"id": 1, "title": "x"}], mapping={"title": "text"})
        deep: object = {"kind": "word", "text": "x"}
        for _ in range(60):
            deep = {"kind": "all", "of": [deep]}
        inner: object = {"kind": "exists", "field": "title"}
        for _ in range(60):
            inner = {"kind": "either", "of": [inner]}
        hostile: list[object] = [
            {"text": {"text": "x"}},
            {"text": {"kind": "query_string", "text": "*"}},
            {"text": {"kind": "word", "text": "x", "fuzzy": 99}},
            {"text": deep},
            {"filters": [{"kind": "one_of", "field": "title", "values": {"$ne": 1}}]},
            {"filters": [{"kind": "one_of", "field": "tenant", "values": ["other"]}]},
            {"filters": [{"kind": "either", "of": []}]},
            {"filters": [{"kind": "together", "of": {"kind": "exists", "field": "title"}}]},
            {"filters": [{"kind": "either", "of": [{"kind": "exists", "field": "tenant"}]}]},
            {"filters": [inner]},
            {"facets": [{"kind": "script", "source": "1"}]},
            {"size": 10**9},
            {"after": "AAAA"},
            [],
        ]
        for query in hostile:
            assert ws._http is not None
            body = dumps({"query": query}).encode()
            request = Request("POST", "/v1/search/indexes/i/search", {}, body, "application/json", repeatable=False)
            with tenant_scope("acme"):
                response = portal.run(ws._http.send(request))
            assert (response.status, response.content_type) == (422, "application/problem+json"), (query, response)
    database.close()


def test_without_a_tenant_nothing_is_asked(alone: Served) -> None:
    with pytest.raises(MissingTenantError):
        drive(alone.service.list())


def test_what_is_put_again_unchanged_is_no_change(alone: Served) -> None:
    alone.put(1, 2)
    before = alone.head()
    alone.put(1, 2)
    assert alone.head() == before
    alone.put(2, title="other")
    assert alone.found("other") == [2]
    assert alone.found() == [1]


def test_documents_are_stored_all_or_none(alone: Served) -> None:
    alone.put(1)
    with pytest.raises(InvalidInputError, match="'n' must be a whole number"):
        alone.run(alone.service.put("things", {"2": {"title": "thing", "n": 2}, "3": {"n": "three"}}))
    table = pa.table({"id": ["4", None], "title": ["thing", "thing"], "n": [4, 5]})
    with pytest.raises(InvalidInputError, match="row 2 has no id"):
        alone.run(alone.service.put_table("things", "id", table.to_reader()))
    assert alone.found() == [1]


@pytest.mark.parametrize(
    ("id", "document"),
    [
        ("", {}),
        ("a\x00b", {}),
        ("x" * 5000, {}),
        ("1", {"title": 5}),
        ("1", {"n": float("nan")}),
        ("1", {"n": 2**63}),
        ("1", {"n": True}),
        ("1", {"title": "\ud800"}),
        ("1", {"more": float("inf")}),
        ("1", {"more": "x" * 1_000_001}),
        ("1", {"more": loads("[" * 300 + "]" * 300)}),
        ("1", "no document"),
        ("1", None),
    ],
    ids=range(13),
)
def test_a_document_that_cant_be_searched_is_refused(alone: Served, id: str, document: Any) -> None:
    with pytest.raises(InvalidInputError):
        alone.run(alone.service.put("things", {id: document}))
    assert alone.run(alone.service.count("things")) == 0


@pytest.mark.parametrize("name", ["", "A", "a b", "a.b", "../a", "a" * 64, "_a", "ä", None, 5], ids=range(10))
def test_an_index_has_a_name_that_every_engine_can_hold(alone: Served, name: Any) -> None:
    with pytest.raises(InvalidInputError, match="can't be an index's name"):
        alone.run(alone.service.define(name, MAPPING))
