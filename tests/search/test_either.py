"""One of several conditions, as analysts write it: `either(brand="x", price=(None, 20))`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import burgee
from burgee.core.errors import InvalidInputError
from burgee.search.facade import SearchIndex
from burgee.search.model import Between, Either, Exists, Not, OneOf

PRODUCTS = pd.DataFrame(
    {
        "sku": ["a1", "a2", "b1", "b2"],
        "title": ["Red shoes", "Blue shoes", "A red hat", "Grüne Schuhe"],
        "brand": ["x", "y", "x", None],
        "price": [20.0, 35.5, np.nan, 80.0],
        "stock": [3, 0, 7, 1],
        "sale": [True, False, False, True],
        "since": pd.to_datetime(["2026-01-05T10:30", "2026-01-20T00:00", "2026-02-03T00:00", "NaT"], utc=True),
    }
)


@pytest.fixture(scope="module")
def products() -> Iterator[SearchIndex]:
    """An index that nobody changes."""
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme").search.index("products", PRODUCTS, id="sku")


def ids(query: Any) -> list[str]:
    return sorted(hit.id for hit in query.hits())


@pytest.mark.parametrize(
    ("groups", "fields", "expected"),
    [
        ((), {"brand": "y", "price": (None, 20)}, ["a1", "a2"]),
        ((), {"brand": None, "stock": [7]}, ["b1", "b2"]),
        ((), {"price": np.nan}, ["b1"]),
        (({"brand": "x", "price": (None, 20)}, {"brand": "y"}), {}, ["a1", "a2"]),
        (({"brand": None, "sale": True}, {"price": None, "sale": False}), {}, ["b1", "b2"]),
        (({"brand": "x", "sale": True},), {"stock": 0}, ["a1", "a2"]),
        ((Not(Exists("brand")), Between("price", high=20)), {}, ["a1", "b2"]),
        ((Either((OneOf("stock", (3,)), OneOf("stock", (7,)))),), {"since": ...}, ["a1", "a2", "b1"]),
        (({"brand": "x", "stock": 3},), {}, ["a1"]),
        ((), {"brand": "nowhere", "stock": []}, []),
    ],
    ids=range(10),
)
def test_either_is_one_of_several_conditions_and_a_dict_a_group_of_them(
    products: SearchIndex, groups: tuple[Any, ...], fields: dict[str, Any], expected: list[str]
) -> None:
    asked = products.either(*groups, **fields)
    assert ids(asked) == expected
    assert ids(products.exclude(*asked.asked.filters)) == sorted(set(PRODUCTS["sku"]) - set(expected))
    assert products.asking(asked.asked).total() == len(expected)


def test_of_either_called_twice_both_must_hold_and_both_are_shown(products: SearchIndex) -> None:
    asked = products.either(brand="x", sale=True).either({"price": (30, None)}, {"price": None, "stock": [1, 7]})
    assert ids(asked) == ["b1", "b2"]
    assert "filter brand = 'x' or sale = True, " in repr(asked)
    assert "filter price >= 30 or (price missing and stock in [1, 7])" in repr(asked)
    moments = products.exclude(since=(None, datetime(2026, 1, 1, tzinfo=UTC))).where("price", "<", 5)
    assert "filter not (since <= 2026-01-01T00:00:00+00:00), filter price < 5;" in repr(moments)
    assert "filter 1 <= price <= 5, filter brand exists;" in repr(products.filter(price=(1, 5), brand=...))


WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "nothing": ((), {}, "either needs conditions"),
    "an empty group": (({},), {}, "a group of either is empty"),
    "an empty group beside another": (({"brand": "x"}, {}), {}, "a group of either is empty"),
    "a text": (("brand",), {}, "'brand'"),
    "none": ((None,), {}, "None"),
    "a list of groups": (([{"brand": "x"}],), {}, "a filter can't be"),
    "an unknown field": (({"brand": "x", "prize": 3}, {"stock": 1}), {}, "no field 'prize'"),
    "a text compared with a number": (
        (),
        {"price": "dear", "stock": 1},
        "'price' is compared with a number, not 'dear'",
    ),
    "a range of three": ((), {"price": (1, 2, 3)}, "'price' can't be within"),
    "more than can be asked": ((), {f"f{number}": number for number in range(101)}, "at most 100"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_either_of_what_is_no_condition_is_refused_by_name(products: SearchIndex, case: str) -> None:
    groups, fields, why = WRONG[case]
    with pytest.raises(InvalidInputError, match=why):
        products.either(*groups, **fields).total()


def test_what_is_wrong_in_a_filter_is_still_shown(products: SearchIndex) -> None:
    wrong: list[Any] = [Either(None), Not(Either(5)), OneOf("brand", None), Not("brand")]  # type: ignore[arg-type]
    shown = repr(products.filter(*wrong))
    assert "filter Either(of=None), filter not (Either(of=5)), filter OneOf(field='brand', values=None)" in shown
    for one in wrong:
        with pytest.raises(InvalidInputError):
            products.filter(one).total()


def test_either_narrows_words_facets_and_iteration_alike(products: SearchIndex) -> None:
    asked = products.query("red OR shoes").either(sale=True, brand="y")
    assert ids(asked) == sorted(hit.id for hit in asked) == ["a1", "a2"]
    assert asked.facet("brand").frame()["value"].tolist() == ["x", "y"]
    plain = {hit.id: hit.score for hit in products.query("red OR shoes").hits()}
    assert {hit.id: hit.score for hit in asked.hits()} == {id: plain[id] for id in ("a1", "a2")}
