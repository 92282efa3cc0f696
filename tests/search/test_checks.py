"""Whether a query can be asked, and where a page ended: before any engine is asked (R11.2)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.search.checks import check_query
from burgee.search.cursor import decode, encode, order
from burgee.search.model import (
    All,
    Between,
    Dates,
    Either,
    Exists,
    Histogram,
    Kind,
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
from burgee.search.steps import begin_of, dates, histogram, step_of
from burgee.search.values import as_kind, moment
from search.corpus import MAPPING

WRONG: dict[str, tuple[Any, str]] = {
    "no query": ("redis", "'redis'"),
    "no text": (SearchQuery(text="redis"), "'redis'"),  # type: ignore[arg-type]
    "a word of none": (SearchQuery(Word(None)), "None"),  # type: ignore[arg-type]
    "a phrase that is text": (SearchQuery(Phrase("ab")), "'ab'"),  # type: ignore[arg-type]
    "a phrase of numbers": (SearchQuery(Phrase((1, 2))), "1"),  # type: ignore[arg-type]
    "all of one": (SearchQuery(All(Word("a"))), "All"),  # type: ignore[arg-type]
    "within nothing": (SearchQuery(Within((), Word("a"))), "'title', 'body'"),
    "within an unknown field": (SearchQuery(Within(("ttle",), Word("a"))), "'ttle'"),
    "a long word": (SearchQuery(Word("a" * 2001)), "2,000"),
    "prefix and edits": (SearchQuery(Word("lamps", prefix=True, fuzzy=1)), "not both"),
    "edits as a boolean": (SearchQuery(Word("lamps", fuzzy=True)), "True"),
    "a like of nothing": (SearchQuery(like=""), "like"),
    "a like of a number": (SearchQuery(like=5), "5"),  # type: ignore[arg-type]
    "no filters": (SearchQuery(filters=None), "filters"),  # type: ignore[arg-type]
    "one filter": (SearchQuery(filters=Exists("brand")), "filters"),  # type: ignore[arg-type]
    "either of nothing": (SearchQuery(filters=(Either(()),)), "Either needs a filter"),
    "together of nothing": (SearchQuery(filters=(Not(Together(())),)), "Together needs a filter"),
    "either of no list": (SearchQuery(filters=(Either(Exists("brand")),)), "the filters of Either"),  # type: ignore[arg-type]
    "either of a text": (SearchQuery(filters=(Either(("brand",)),)), "'brand'"),  # type: ignore[arg-type]
    "either of none": (SearchQuery(filters=(Either(None),)), "None"),  # type: ignore[arg-type]
    "an unknown field in a group": (SearchQuery(filters=(Either((Together((Exists("brnd"),)),)),)), "'brnd'"),
    "many filters in one": (SearchQuery(filters=(Either((Exists("brand"),) * 101),)), "at most 100"),
    "text as a filter": (SearchQuery(filters=("brand",)), "'brand'"),  # type: ignore[arg-type]
    "a value alone": (SearchQuery(filters=(OneOf("brand", "Acme"),)), "'Acme'"),  # type: ignore[arg-type]
    "a filter without a name": (SearchQuery(filters=(Exists(None),)), "None"),  # type: ignore[arg-type]
    "below as a number": (SearchQuery(filters=(Between("price", 1, 2, 1),)), "below"),  # type: ignore[arg-type]
    "a half sign": (SearchQuery(filters=(OneOf("brand", ("\ud800",)),)), "brand"),
    "a huge number": (SearchQuery(filters=(OneOf("stock", (2**63,)),)), "9223372036854775808"),
    "a facet of text": (SearchQuery(facets=("brand",)), "'brand'"),  # type: ignore[arg-type]
    "an endless interval": (SearchQuery(facets=(Histogram("price", float("inf")),)), "interval"),
    "moments by width": (SearchQuery(facets=(Histogram("added", 1),)), "'added' holds dates"),
    "numbers by month": (SearchQuery(facets=(Dates("price", "month"),)), "'price' holds numbers"),
    "a sort of text": (SearchQuery(sort=("brand",)), "'brand'"),  # type: ignore[arg-type]
    "size as text": (SearchQuery(size="10"), "'10'"),  # type: ignore[arg-type]
    "after a number": (SearchQuery(after=5), "5"),  # type: ignore[arg-type]
    "many bounds": (SearchQuery(facets=(Ranges("price", tuple(range(10_002))),)), "10,002"),
    "many facets": (SearchQuery(facets=(Stats("price"),) * 31), "30"),
    "like half a sign": (SearchQuery(like="\ud800"), "the document to be like .* not '.ud800'"),
    "an endless width": (SearchQuery(facets=(Histogram("price", 10**400),)), "interval must be below 1.8e308"),
    "an endless bound": (SearchQuery(facets=(Ranges("price", (0, -(10**400))),)), "a bound must be below 1.8e308"),
    "many values": (SearchQuery(filters=(Not(OneOf("stock", tuple(range(20_000)))),) * 2), "30,000 values, not 40,000"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_wrong_is_named(case: str) -> None:
    query, why = WRONG[case]
    with pytest.raises(InvalidInputError, match=why):
        check_query(query, MAPPING)


def test_what_is_too_deep_is_refused() -> None:
    text: Any = Word("a")
    condition: Any = Exists("brand")
    nested: Any = Exists("brand")
    for _ in range(100):
        text, condition, nested = Without(text), Not(condition), Either((Together((nested,)),))
    for query in (SearchQuery(text), SearchQuery(filters=(condition,)), SearchQuery(filters=(nested,))):
        with pytest.raises(InvalidInputError, match="deep"):
            check_query(query, MAPPING)


def test_filters_are_counted_with_those_within_others_and_never_one_by_one() -> None:
    one = Exists("brand")
    many = Either((Together((one,) * 49), Not(Either((one,) * 50))))
    assert check_query(SearchQuery(filters=(one, many)), MAPPING).filters == (one, many)
    doubled: Any = one
    for _ in range(10):
        doubled = Either((doubled,) * 100)  # a hundred to the power of ten, in a few lines
    for filters in ((one, one, many), (doubled,)):
        with pytest.raises(InvalidInputError, match="at most 100, also with those within others"):
            check_query(SearchQuery(filters=filters), MAPPING)


def test_a_near_miss_is_told_the_right_name() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_query(SearchQuery(facets=(Terms("brnd"),)), MAPPING)
    assert caught.value.hints == ["did you mean 'brand'?"]


def test_values_become_those_of_their_field() -> None:
    asked = SearchQuery(filters=(OneOf("price", (5,)), OneOf("stock", (5.0,)), Between("added", "1970-01-02")))
    checked = check_query(asked, MAPPING)
    assert checked.filters == (OneOf("price", (5.0,)), OneOf("stock", (5,)), Between("added", 86_400_000_000))
    assert check_query(SearchQuery(All((Word("Café-Bar"), Word("!")))), MAPPING).text == Phrase(("cafe", "bar"))
    assert check_query(SearchQuery(Without(Word("?!"))), MAPPING).text is None


SORTED = SearchQuery(sort=(Sort("brand"), Sort("stock"), Sort("price"), Sort("sold"), Sort("added"), Sort("_score")))


@given(
    st.tuples(
        st.none() | st.text(st.characters(codec="utf-8")),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.integers(0, 2**53),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_a_place_is_read_back_as_it_was(values: tuple[Any, ...], id: str) -> None:
    after = encode(values, id)
    assert after.isascii()
    assert after.replace("-", "").replace("_", "").isalnum()
    assert decode(after, SORTED, MAPPING) == (values, id)


@given(st.text(st.sampled_from('WzEsIjEiXQ=-_ab/+é\n["]'), max_size=20) | st.text(max_size=20))
def test_a_place_that_was_made_up_is_refused(after: str) -> None:
    with pytest.raises(InvalidInputError, match="after"):
        decode(after, SORTED, MAPPING)


@pytest.mark.parametrize("values", [("a", True, 1, True, 1, 1), ("a", 1, "1", True, 1, 1), (1, 1, 1, 1, 1, 1), ("a",)])
def test_a_place_with_values_of_another_kind_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidInputError, match="after"):
        decode(encode(values, "id"), SORTED, MAPPING)


def test_a_query_with_words_is_in_the_order_of_its_score() -> None:
    assert order(SearchQuery()) == ()
    assert order(SearchQuery(Word("a"))) == order(SearchQuery(like="a")) == (Sort("_score", descending=True),)
    assert order(replace(SORTED, text=Word("a"))) == SORTED.sort


def test_steps_without_anything_between_are_there_and_empty() -> None:
    buckets = histogram(Histogram("price", 0.5), {step_of(value, 0.5): 1 for value in (-0.6, 1.4)})
    assert [(bucket.value, bucket.count) for bucket in buckets] == [(-1, 1), (-0.5, 0), (0, 0), (0.5, 0), (1, 1)]
    begins = {begin_of(as_kind(day, Kind.DATE), "quarter"): 2 for day in ("2025-12-31", "2026-09-30")}  # type: ignore[arg-type]
    quarters = dates(Dates("added", "quarter"), begins)
    assert [(str(bucket.value)[:10], bucket.count) for bucket in quarters] == [
        ("2025-10-01", 2),
        ("2026-01-01", 0),
        ("2026-04-01", 0),
        ("2026-07-01", 2),
    ]
    assert moment(begin_of(0, "week")).isoformat() == "1969-12-29T00:00:00+00:00"
    assert histogram(Histogram("price", 1), {}) == dates(Dates("added", "day"), {}) == ()
