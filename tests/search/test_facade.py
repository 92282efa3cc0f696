"""`acme.search`: what analysts write, and the frames they get."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import burgee
from burgee.core.errors import InvalidInputError, MissingColumnError, NotFoundError
from burgee.search.facade import SearchIndex
from burgee.search.model import Between, Exists, Not, OneOf, Sort, Terms
from burgee.workspace import Tenant


class Brand(Enum):
    X = "x"
    Y = "y"


PRODUCTS = pd.DataFrame(
    {
        "sku": ["a1", "a2", "b1", "b2"],
        "title": ["Red shoes of leather", "Blue shoes", "A red hat", "Grüne Schuhe"],
        "brand": ["x", "y", "x", None],
        "price": [20.0, 35.5, np.nan, 80.0],
        "stock": [3, 0, 7, 1],
        "sale": [True, False, False, True],
        "since": pd.to_datetime(["2026-01-05T10:30", "2026-01-20T00:00", "2026-02-03T00:00", "NaT"], utc=True),
    }
)
MAPPING = {
    "sku": "keyword",
    "title": {"kind": "text", "suggest": True},
    "brand": "keyword",
    "price": "number",
    "stock": "integer",
    "sale": "boolean",
    "since": "date",
}

WORDS = {"word": "text", "n": "integer"}


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    """A tenant that these tests share: take names of your own."""
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture(scope="module")
def products(tenant: Tenant) -> SearchIndex:
    """An index that nobody changes."""
    return tenant.search.index("products", PRODUCTS, id="sku", mapping=MAPPING)


def ids(query: Any) -> list[str]:
    return sorted(hit.id for hit in query.hits())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"brand": ["x"]}, ["a1", "b1"]),
        ({"brand": "x"}, ["a1", "b1"]),
        ({"brand": {"x", "y"}}, ["a1", "a2", "b1"]),
        ({"brand": pd.Series(["y"])}, ["a2"]),
        ({"brand": None}, ["b2"]),
        ({"brand": ...}, ["a1", "a2", "b1"]),
        ({"price": (10, 50)}, ["a1", "a2"]),
        ({"price": (35.5, None)}, ["a2", "b2"]),
        ({"stock": np.int64(7)}, ["b1"]),
        ({"sale": True}, ["a1", "b2"]),
        ({"since": (date(2026, 1, 6), datetime(2026, 2, 3, tzinfo=UTC))}, ["a2", "b1"]),
        ({"since": (pd.Timestamp("2026-02-01", tz="UTC"), None)}, ["b1"]),
        ({"brand": ["x"], "price": (10, 50)}, ["a1"]),
        ({"brand": Brand.X}, ["a1", "b1"]),
        ({"brand": [Brand.X, Brand.Y]}, ["a1", "a2", "b1"]),
        ({"brand": pa.array(["y"])}, ["a2"]),
        ({"price": np.nan}, ["b1"]),
        ({"since": pd.NaT}, ["b2"]),
        ({"price": (10, np.inf)}, ["a1", "a2", "b2"]),
        ({"since": date(2026, 1, 5)}, ["a1"]),
        ({"since": "2026-01-05"}, ["a1"]),
        ({"since": (None, date(2026, 1, 5))}, ["a1"]),
        ({"since": np.datetime64("2026-01-20", "ns")}, ["a2"]),
        ({"since": pd.Period("2026-01")}, ["a1", "a2"]),
    ],
    ids=range(24),
)
def test_filters_as_people_write_them(products: SearchIndex, fields: dict[str, Any], expected: list[str]) -> None:
    assert ids(products.filter(**fields)) == expected
    assert ids(products.filter(fields)) == expected
    if len(fields) == 1:
        assert ids(products.exclude(**fields)) == sorted(set(PRODUCTS["sku"]) - set(expected))


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", 20, ["a1"]),
        ("!=", 20, ["a2", "b1", "b2"]),
        ("<", 35.5, ["a1"]),
        ("<=", 35.5, ["a1", "a2"]),
        (">", 35.5, ["b2"]),
        (">=", 35.5, ["a2", "b2"]),
        ("in", [20, 80], ["a1", "b2"]),
        ("not in", [20, 80], ["a2", "b1"]),
        ("between", (20, 40), ["a1", "a2"]),
        ("exists", None, ["a1", "a2", "b2"]),
        ("missing", None, ["b1"]),
        ("NOT IN", [20, 80], ["a2", "b1"]),
        ("=", [20, 80], ["a1", "b2"]),
        ("=", None, ["b1"]),
        ("!=", None, ["a1", "a2", "b2"]),
    ],
)
def test_comparisons(products: SearchIndex, operator: str, value: Any, expected: list[str]) -> None:
    assert ids(products.where("price", operator, value)) == expected


def test_the_frame_has_typed_columns(products: SearchIndex) -> None:
    frame = products.query("red OR shoes").sort("stock").frame()
    assert list(frame) == ["id", "score", *MAPPING, "highlights"]
    assert frame["id"].tolist() == ["a2", "a1", "b1"]
    assert str(frame["since"].dtype) == "datetime64[us, UTC]"
    assert frame["stock"].tolist() == [0, 3, 7]
    assert frame["price"].isna().tolist() == [False, False, True]
    assert frame.loc[1, "highlights"] == {"title": ["<mark>Red</mark> <mark>shoes</mark> of leather"]}
    assert products.query("nothing like it").frame().empty
    assert list(products.query("nothing like it").frame()) == list(frame)


def test_facets_are_what_the_kind_of_field_has(products: SearchIndex) -> None:
    answer = products.facets("brand", "price", "since", "sale").ask()
    assert answer.facet("brand").frame().to_dict("list") == {"value": ["x", "y"], "count": [2, 1]}
    assert answer.facet("price").frame().round(1).to_dict("records") == [
        {"count": 3, "min": 20.0, "max": 80.0, "sum": 135.5, "mean": 45.2}
    ]
    months = answer.facet("since").frame()
    assert months["value"].tolist() == [pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-02-01", tz="UTC")]
    assert months["count"].tolist() == [2, 1]
    assert answer.facet("sale").frame()["value"].tolist() == [False, True]
    ranges = products.facets(price=[0, 30, None]).facet("price").frame()
    assert products.facets(price=np.array([0, 30, np.inf])).facet("price").frame().equals(ranges)
    assert products.facets(["brand", "price"]).ask().facet("brand").frame()["count"].tolist() == [2, 1]
    assert ranges["count"].tolist() == [1, 2]
    assert ranges["low"].tolist() == [0, 30]
    assert products.facets(stock=5).facet("stock").frame().to_dict("list") == {"value": [0.0, 5.0], "count": [3, 1]}
    assert len(products.facets(brand=1).facet("brand").frame()) == 1
    assert len(products.facets(since="week").facet("since").frame()) == 5
    assert len(products.facets(Terms("brand", 1)).facet("brand").frame()) == 1
    assert products.filter(brand="x").facet("sale").frame()["count"].tolist() == [1, 1]
    with pytest.raises(InvalidInputError, match="no facet of 'stock'"):
        answer.facet("stock")


def test_a_query_is_a_value_that_each_verb_leaves_as_it_is(products: SearchIndex) -> None:
    begin = products.query("shoes")
    narrowed = begin.filter(brand="x").facets("brand").sort("-price").top(1).highlight(False)
    assert begin.total() == 2
    assert narrowed.total() == 1
    asked = narrowed.asked
    assert asked.filters == (OneOf("brand", ("x",)),)
    assert asked.sort == (Sort("price", descending=True),)
    assert (asked.size, asked.highlight, asked.facets) == (1, False, (Terms("brand"),))
    assert products.asking(asked).asked == asked
    assert products.filter(Between("price", 1), Not(Exists("brand"))).total() == 1


def test_words_of_a_field(products: SearchIndex) -> None:
    assert ids(products.query("title:red -hat")) == ["a1"]
    assert ids(products.query('"red shoes"')) == ["a1"]
    assert ids(products.query("SCHUHE")) == ["b2"]
    assert ids(products.query("grune")) == ["b2"]
    assert products.query("brand:x OR 1=1; drop table").total() == 0
    assert "a2" in ids(products.like("a1"))
    assert "a1" not in ids(products.like("a1"))


def test_pages_and_iteration_go_through_everything_once(tenant: Tenant) -> None:
    many = tenant.search.index("many", [{"id": n, "word": "same", "n": n % 7} for n in range(2500)], mapping=WORDS)
    assert len(many.query("same").top(1500).frame()) == 1500
    seen = [hit.id for hit in many.sort("-n").highlight(False)]
    assert len(seen) == len(set(seen)) == 2500
    page = many.top(10).ask()
    assert [hit.id for hit in many.top(10).page(page.after)] != [hit.id for hit in page]
    assert many.total() == many.count() == 2500


def test_suggestions(products: SearchIndex) -> None:
    assert products.suggest("re", "title") == ["A red hat", "Red shoes of leather"]
    assert products.suggest("re", "title", limit=1) == ["A red hat"]
    with pytest.raises(InvalidInputError, match="'brand' is not mapped for suggestions"):
        products.suggest("x", "brand")


def test_every_kind_of_frame_goes_in(tenant: Tenant) -> None:
    rows = PRODUCTS[["sku", "title", "stock"]]
    expected = tenant.search.index("f-pandas", rows, id="sku").sort("sku").frame()
    for name, given in {
        "polars": pl.from_pandas(rows),
        "arrow": pl.from_pandas(rows).to_arrow(),
        "columns": rows.to_dict("list"),
        "rows": rows.to_dict("records"),
        "iterator": iter(rows.to_dict("records")),
    }.items():
        made = tenant.search.index(f"f-{name}", given, id="sku").sort("sku").frame()
        assert made["id"].tolist() == expected["id"].tolist(), name
        assert made["title"].tolist() == expected["title"].tolist(), name


@pytest.mark.parametrize(
    ("value", "kept", "kind"),
    [
        (pd.Period("2026-02"), "2026-02-01T00:00:00", "date"),
        (pd.Interval(0, 10), "(0, 10]", "text"),
        (time(1, 30), "01:30:00", "text"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007", "text"),
        (Decimal("1.50"), 1.5, "number"),
        ([Brand.X, Brand.Y], ["x", "y"], "text"),
        (np.int64(7), 7, "integer"),
        (np.datetime64("2026-02-01", "ns"), "2026-02-01T00:00:00", "date"),
        (np.array([1, 2]), [1, 2], "integer"),
        ({"b", "a"}, ["a", "b"], "text"),
        (pd.NA, None, None),
        (float("nan"), None, None),
        (pd.NaT, None, None),
    ],
    ids=range(13),
)
def test_what_frames_hold_is_kept_as_what_it_is(tenant: Tenant, value: Any, kept: Any, kind: str | None) -> None:
    handle = tenant.search.index(f"kept-{uuid4().hex}", [{"id": 1, "it": value}])
    assert handle.get(1).get("it") == kept
    assert [field.kind for field in handle.mapping().fields if field.name == "it"] == ([kind] if kind else [])
    assert len(handle.frame()) == 1


def test_a_column_of_whole_numbers_too_large_is_one_of_numbers(tenant: Tenant) -> None:
    given = pd.DataFrame({"id": [1, 2], "n": np.array([2**64 - 1, 1], dtype="uint64")})
    assert tenant.search.index("large", given).sort("n").frame()["n"].tolist() == [1.0, 2.0**64]


def test_what_is_found_joins_to_the_frame_it_came_from(tenant: Tenant) -> None:
    given = pd.DataFrame({"id": [10, 9], "word": ["some thing", "another thing"]})
    found = tenant.search.index("numbered", given).query("thing").frame()
    assert found.merge(given, on="id")["word_y"].tolist() == found["word"].tolist()
    assert tenant.search("numbered").query("nothing").frame()["id"].dtype == "int64"
    assert tenant.search("numbered").get(found["id"].iloc[0])["word"] == found.loc[0, "word"]


def test_ids_may_stand_in_the_index_of_a_frame_or_the_documents_may_be_one(tenant: Tenant) -> None:
    named = pd.DataFrame({"id": ["a"], "sku": [7], "word": ["some thing"]})
    assert tenant.search.index("by-index", named.set_index("id")).frame()["id"].tolist() == ["a"]
    assert tenant.search.index("by-level", named.set_index(["sku", "id"]), id="sku").frame()["id"].tolist() == ["7"]
    assert tenant.search.index("only-one", {"id": "a", "word": "some thing"}).total() == 1


def test_an_index_whose_documents_are_refused_is_not_left_behind(tenant: Tenant) -> None:
    for wrong in ({"word": ["x"]}, {"id": ["a"], "word": [timedelta(1)]}, {"id": [None], "word": ["x"]}):
        with pytest.raises(InvalidInputError):
            tenant.search.index("refused", wrong)
        assert "refused" not in tenant.search.frame()["name"].tolist()
    tenant.search.index("refused", {"id": ["a"], "word": ["x y"]})
    with pytest.raises(InvalidInputError, match="'word' must be text"):
        tenant.search.index("refused", {"id": ["b"], "word": [3]})
    assert tenant.search("refused").total() == 1


def test_what_is_typed_finds_inferred_texts_also_where_they_have_few_values_or_are_codes(tenant: Tenant) -> None:
    brands, rows = ["Kestrel", "Tarn", "Pine & Peak"], range(60)
    given = {
        "id": [f"SKU-{at:04}" for at in rows],
        "title": [f"Thing number {at}" for at in rows],
        "brand": [brands[at % 3] for at in rows],
        "ean": [f"40{at:04}" for at in rows],
    }
    handle = tenant.search.index("inferred", given)
    assert handle.query("kestrel").total() == handle.filter(brand="Kestrel").total() == 20
    assert ids(handle.query("SKU-0007")) == ids(handle.query("400007")) == ids(handle.filter(id="SKU-0007"))
    assert ids(handle.query("SKU-0007 OR 400007")) == ["SKU-0007"]
    assert handle.query("peak").sort("-brand").facet("brand").frame()["count"].tolist() == [20]
    assert handle.suggest("kes", "brand") == ["Kestrel"]


def test_more_documents_with_new_fields_extend_the_index(tenant: Tenant) -> None:
    tenant.search.index("growing", [{"id": 1, "title": "first thing"}])
    handle = tenant.search.index("growing", [{"id": 2, "title": "second thing", "price": 5}])
    assert handle.state().generation == 2
    assert handle.filter(price=5).total() == 1
    assert handle.total() == 2
    assert tenant.search.index("growing", [{"id": 2, "title": "second thing", "price": 5}]).state().generation == 2
    assert handle.add({"id": 3, "title": "third", "tags": ["a"]}) == 1
    assert handle.add(pd.DataFrame({"id": [4.0, 5.0], "title": ["x", "y"]})) == 2
    assert handle.get(4) == {"id": 4.0, "title": "x"}
    assert handle.remove([1, "2"]) == 2
    assert sorted(handle.frame()["id"]) == [3, 4, 5]
    names = tenant.search.frame().set_index("name")
    assert names.loc["growing", "documents"] == 3
    assert "growing" in tenant.search._ipython_key_completions_()


def test_what_can_be_asked_is_in_the_error(tenant: Tenant, products: SearchIndex) -> None:
    with pytest.raises(NotFoundError, match="no search index 'prodcts'") as caught:
        tenant.search("prodcts").frame()
    assert caught.value.hints == ["did you mean 'products'?"]
    with pytest.raises(InvalidInputError, match="no field 'prize'") as wrong:
        products.sort("prize").frame()
    assert wrong.value.hints == ["did you mean 'price'?"]
    with pytest.raises(MissingColumnError, match="no id column 'id'"):
        tenant.search.index("noid", PRODUCTS)
    with pytest.raises(InvalidInputError, match="row 2 has no id"):
        tenant.search.index("noid", [{"id": 1, "title": "x y"}, {"title": "y z"}])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda q: q.query(None),
        lambda q: q.query("x" * 2001),
        lambda q: q.filter(price=(1, 2, 3)),
        lambda q: q.filter(price=object()),
        lambda q: q.filter(price=(float("nan"), 5)).total(),
        lambda q: q.filter("price"),
        lambda q: q.where("price", "~", 1),
        lambda q: q.where("price", "in", 5),
        lambda q: q.facets(None),
        lambda q: q.facets(price=[]).ask(),
        lambda q: q.facets(since="fortnight").ask(),
        lambda q: q.sort(None),
        lambda q: q.top(0),
        lambda q: q.top("5"),
        lambda q: q.like(""),
        lambda q: q.page("nonsense").ask(),
        lambda q: q.suggest(None, "title"),
        lambda q: q.filter(title="x").total(),
    ],
    ids=range(18),
)
def test_what_cant_be_asked_is_refused(products: SearchIndex, wrong: Any) -> None:
    with pytest.raises(InvalidInputError):
        wrong(products)


def test_nothing_is_asked_by_looking(tenant: Tenant) -> None:
    query = tenant.search("not-there").query("x").filter(a=1).facets("b").sort("-c").like("1")
    assert "'not-there'" in repr(query)
    bundle = query._repr_mimebundle_()
    assert "<b" not in bundle["text/plain"]
    assert "facets" in bundle["text/html"]
    assert repr(tenant.search("not-there")).startswith("<SearchIndex 'not-there'")
    assert "index" in tenant.search._repr_mimebundle_()["text/html"]


def test_an_answer_shows_itself(products: SearchIndex) -> None:
    answer = products.query("red").ask()
    assert repr(answer) == "<Answer: 2 of 2 found: .frame(), .hits, .facet(name)>"
    assert "A red hat" in answer._repr_mimebundle_()["text/html"]
    assert "count" in products.facet("brand")._repr_mimebundle_()["text/html"]
    assert "keyword" in products._repr_mimebundle_()["text/html"]


def test_the_list_of_indexes_has_everything_in_its_column(tenant: Tenant, products: SearchIndex) -> None:
    listed = tenant.search.list()
    assert listed.frame().set_index("name").loc[products.name, "fields"] == ", ".join(MAPPING)
    shown = listed._repr_mimebundle_()["text/html"]
    assert f"{products.name}</td><td>{', '.join(MAPPING)}</td>" in shown
