"""What is answered to what people get wrong with search, and what a mapping shows."""

import warnings
from collections.abc import Iterator

import pandas as pd
import pytest

import burgee
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.search.facade import Search
from burgee.search.mapping import as_mapping

SHOES = pd.DataFrame({"id": ["1", "2"], "title": ["Red shoes", "Blue shoes"], "price": [90.0, 120.0]})


@pytest.fixture
def search() -> Iterator[Search]:
    with burgee.open("memory://", settings=burgee.Settings(progress=False)) as ws:
        yield ws.tenants.create("acme").search


def test_who_asks_before_anything_is_indexed_hears_how_an_index_is_made(search: Search) -> None:
    with pytest.raises(NotFoundError, match="no search index 'shoes'") as caught:
        search("shoes").query("red").frame()
    assert caught.value.hints == ["there is none yet; make it: acme.search.index('shoes', documents, id=…)"]


@pytest.mark.parametrize("documents", [SHOES, SHOES.to_dict("records")], ids=["frame", "dicts"])
def test_a_mapping_with_a_misspelt_field_is_warned_of(search: Search, documents: pd.DataFrame) -> None:
    said = "the mapping has a field 'titel', which no document here has; did you mean 'title'"
    with pytest.warns(UserWarning, match=said) as warned:
        index = search.index("shoes", documents, mapping={"titel": "text", "price": "number"})
    assert warned[0].filename == __file__
    assert index.query("red").total() == 0


def test_a_mapping_of_fields_that_documents_may_have_later_is_no_mistake(search: Search) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.index("shoes", SHOES, mapping={"title": "text", "titles": "text", "colour": "keyword"})
        search.index("empty", [], mapping={"title": "text"})
        search.index("odd", [{"id": "1", "note": "x"}], mapping={"title": "text"})


def test_a_condition_as_pandas_has_it_is_refused_in_one_line(search: Search) -> None:
    index = search.index("shoes", SHOES)
    with pytest.raises(InvalidInputError, match="a filter can't be 0 False 1 True Name: price") as caught:
        index.filter(SHOES["price"] > 100)  # type: ignore[arg-type] # as with a frame
    assert '.where("price", ">", 10)' in caught.value.hints[0]


def test_a_mapping_shows_itself_as_a_table_of_its_fields(search: Search) -> None:
    mapping = search.index(
        "shoes", SHOES, mapping={"title": {"kind": "text", "weight": 2}, "price": "number"}
    ).mapping()
    assert mapping == as_mapping({"title": {"kind": "text", "weight": 2}, "price": "number"})
    shown = mapping._repr_mimebundle_()["text/html"]
    assert [shown.count(word) for word in ("title", ">text<", ">number<")] == [1, 1, 1]
