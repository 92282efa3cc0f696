"""What every search engine refuses, and what it takes for words like others (R11.2, R11.7)."""

from dataclasses import replace
from typing import Any

import pytest

from burgee.core.errors import InvalidInputError
from burgee.search.model import (
    AnyOf,
    Between,
    Dates,
    Exists,
    Histogram,
    IndexMapping,
    OneOf,
    Phrase,
    Ranges,
    SearchQuery,
    Sort,
    Stats,
    Terms,
    Within,
    Without,
    Word,
)
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.text.language import parse
from search.corpus import DOCUMENTS, MAPPING
from search.oracle import Oracle

type Provider = SearchProvider[Any]
type Change = Put[Any] | Remove

ORACLE = Oracle(MAPPING, DOCUMENTS)


def ids_of(provider: Provider, index: str, query: SearchQuery) -> list[str]:
    return [hit.id for hit in provider.search(index, query).hits]


WRONG: dict[str, tuple[SearchQuery, str]] = {
    "an unknown field": (SearchQuery(filters=(OneOf("brnad", ("x",)),)), "'brnad'"),
    "a text as a filter": (SearchQuery(filters=(Exists("body"),)), "'body' is a text"),
    "a number for a keyword": (SearchQuery(filters=(OneOf("brand", (5,)),)), "'brand'"),
    "a NaN": (SearchQuery(filters=(Between("price", float("nan")),)), "nan"),
    "no bounds": (SearchQuery(filters=(Between("price"),)), "bound"),
    "true between": (SearchQuery(filters=(Between("sold", True),)), "'sold'"),
    "no moment": (SearchQuery(filters=(OneOf("added", ("soon",)),)), "'soon'"),
    "statistics of keywords": (SearchQuery(facets=(Stats("brand"),)), "'brand' holds keywords"),
    "no steps": (SearchQuery(facets=(Histogram("price", 0),)), "interval"),
    "too many steps": (SearchQuery(facets=(Histogram("price", 1),)), "steps"),
    "too many minutes": (SearchQuery(facets=(Dates("added", "minute"),)), "steps"),
    "a fortnight": (SearchQuery(facets=(Dates("added", "fortnight"),)), "'fortnight'"),
    "falling bounds": (SearchQuery(facets=(Ranges("price", (5, 1)),)), "rising"),
    "an open bound inside": (SearchQuery(facets=(Ranges("price", (1, None, 5)),)), "bound"),
    "no terms": (SearchQuery(facets=(Terms("brand", 0),)), "0"),
    "a text as a sort": (SearchQuery(sort=(Sort("body"),)), "'body' is a text"),
    "words in a keyword": (SearchQuery(Within(("brand",), Word("x"))), "'brand' is no text"),
    "three edits": (SearchQuery(Word("lampe", fuzzy=3)), "3"),
    "no hits": (SearchQuery(size=0), "0"),
    "too many hits": (SearchQuery(size=1001), "1001"),
    "a made-up place": (SearchQuery(after="abc"), "'abc'"),
    "a place of another order": (SearchQuery(after="WzEsIjEiXQ"), "after"),
    "21 fuzzy words": (SearchQuery(AnyOf(tuple(Word(f"word{n}", fuzzy=1) for n in range(21)))), "21"),
    "a hundred and one words": (SearchQuery(AnyOf(tuple(Word(f"w{n}") for n in range(101)))), "101"),
}


@pytest.mark.parametrize("asked", list(WRONG))
def test_what_can_t_be_asked_is_refused_by_name(provider: Provider, corpus: str, asked: str) -> None:
    query, why = WRONG[asked]
    with pytest.raises(InvalidInputError, match=why):
        provider.search(corpus, query)


HOSTILE = (
    *('"', "'", "*", "**", "~", "a~99", "(", ")", "((((((((()", "AND", "OR", "NOT", "NEAR(a b)", "a NEAR b", "^lamp"),
    *("{title}:lamp", "title : lamp", "-", "--", "- - lamp", "+lamp", "lamp^5", "lamp~~", "/la.p/", "[a TO z]"),
    *("_exists_:brand", "*:*", "'; DROP TABLE documents; --", '" OR 1=1 --', "\x00lamp\x00", "lamp\\", '\\"lamp'),
    *(
        '{"match_all": {}}',
        "<b>lamp</b>",
        "&& ||",
        "!lamp",
        "lamp?",
        "la?p",
        "\u202elamp",
        "\ud800",
        "\ue000",
        "\ue001",
    ),
    *("lamp" * 400, "é" * 2000, "brand:Acme", "%%", "$where"),
)


def test_hostile_texts_are_words_like_others(provider: Provider, corpus: str) -> None:
    for typed in HOSTILE:
        text = parse(typed, ["title", "body"])
        query = SearchQuery(text, filters=(OneOf("brand", ("Acme",)),))
        found = provider.search(corpus, replace(query, size=1000))
        assert {hit.id for hit in found.hits} == set(ORACLE.answer(query).ids), typed
        provider.suggest(corpus, typed, "title", 5)


@pytest.mark.parametrize("word", ["Café-Bar", "", "a b", '" OR "', "LAMP", "\ue000"])
def test_words_made_by_hand_are_cut_like_typed_ones(provider: Provider, corpus: str, word: str) -> None:
    typed = provider.search(corpus, SearchQuery(parse(f'"{word.replace(chr(34), "")}"'), size=1000))
    by_hand = provider.search(corpus, SearchQuery(Word(word), size=1000))
    if '"' not in word:
        assert [hit.id for hit in by_hand.hits] == [hit.id for hit in typed.hits]
    assert provider.search(corpus, SearchQuery(Phrase((word, word)))).total <= by_hand.total


def test_an_index_without_texts_or_fields_works(provider: Provider, name: str) -> None:
    provider.create(name, IndexMapping(()))
    provider.write(name, [Put("a", {"x": 1})], 1)
    assert ids_of(provider, name, SearchQuery()) == ["a"]
    assert ids_of(provider, name, SearchQuery(Word("x"))) == []
    assert ids_of(provider, name, SearchQuery(Without(Word("x")))) == ["a"]
