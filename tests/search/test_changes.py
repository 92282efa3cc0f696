"""How every search engine takes documents in, keeps them under names, and suggests their values (R7.1, R7.4, R7.6)."""

from typing import Any

import pytest

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.search.model import (
    Bucket,
    Field,
    IndexMapping,
    Kind,
    OneOf,
    SearchQuery,
    Statistics,
    Stats,
    Terms,
)
from burgee.search.protocol import Put, Remove, SearchProvider
from burgee.search.text.language import parse
from search.corpus import DOCUMENTS, MAPPING, new_name
from search.oracle import Oracle

type Provider = SearchProvider[Any]
type Change = Put[Any] | Remove

ORACLE = Oracle(MAPPING, DOCUMENTS)
SIMPLE = IndexMapping((Field("t", Kind.TEXT), Field("k", Kind.KEYWORD), Field("n", Kind.INTEGER)))


def ids_of(provider: Provider, index: str, query: SearchQuery) -> list[str]:
    return [hit.id for hit in provider.search(index, query).hits]


def texts_of(provider: Provider, index: str, typed: str) -> list[str]:
    return sorted(ids_of(provider, index, SearchQuery(parse(typed, ["t"]), size=1000)))


def test_what_was_put_last_is_there_and_what_was_removed_is_not(provider: Provider, name: str) -> None:
    provider.create(name, SIMPLE)
    provider.write(name, [Put("a", {"t": "one", "k": "x", "n": 1}), Put("b", {"t": "one", "k": "y", "n": 1})], 2)
    provider.write(name, [Put("a", {"t": "two", "k": "z"}), Remove("b"), Remove("never there")], 5)
    assert texts_of(provider, name, "one") == []
    assert texts_of(provider, name, "two") == ["a"]
    result = provider.search(name, SearchQuery(facets=(Terms("k"), Stats("n"))))
    assert result.total == provider.count(name) == 1
    assert result.facets == ((Bucket("z", 1),), Statistics(0))
    changes: list[Change] = [
        Put("c", {"t": "three"}),
        Remove("c"),
        Remove("a"),
        Put("a", {"t": "four"}),
        Put("a", {"t": "five"}),
    ]
    provider.write(name, changes, 10)
    assert texts_of(provider, name, "four OR five OR three OR two") == ["a"]
    assert texts_of(provider, name, "five") == ["a"]
    provider.write(name, changes, 10)
    assert provider.count(name) == 1


@pytest.mark.parametrize("id", ["é/ü 東京", "a b", "*", '"', "..", "x" * 500, "_all", "0", "-1", "\\", "a\nb"])
def test_an_id_may_be_any_text(provider: Provider, name: str, id: str) -> None:
    provider.create(name, SIMPLE)
    provider.write(name, [Put(id, {"t": "here"}), Put("other", {"t": "here"})], 1)
    assert set(texts_of(provider, name, "here")) == {id, "other"}
    provider.write(name, [Put(id, {"t": "there"})], 2)
    assert texts_of(provider, name, "there") == [id]
    assert ids_of(provider, name, SearchQuery(like=id)) == []
    provider.write(name, [Remove(id)], 3)
    assert texts_of(provider, name, "here OR there") == ["other"]


def test_the_position_is_the_last_write_s(provider: Provider, name: str) -> None:
    provider.create(name, SIMPLE)
    assert provider.position(name) == 0
    provider.write(name, [Put("a", {"t": "one"})], 41)
    provider.write(name, [], 42)
    assert provider.position(name) == 42
    with pytest.raises(InvalidInputError, match="'t'"):
        provider.write(name, [Put("b", {"t": "one"}), Put("c", {"t": 5})], 43)
    assert provider.position(name) == 42
    provider.create(name, SIMPLE)
    assert (provider.position(name), provider.count(name)) == (0, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 5),
        ("title", {"a": 1}),
        ("title", "\ud800"),
        ("brand", "x" * 8001),
        ("brand", True),
        ("tags", ["a", 1]),
        ("stock", 1.5),
        ("stock", True),
        ("stock", 2**63),
        ("price", "5"),
        ("price", float("nan")),
        ("price", float("inf")),
        ("price", 10**400),
        ("sold", 1),
        ("added", 5),
        ("added", "yesterday"),
        ("added", "0001-01-01T00:00:00+14:00"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "…",
)
def test_a_value_of_another_kind_is_refused_by_name(provider: Provider, name: str, field: str, value: object) -> None:
    provider.create(name, MAPPING)
    with pytest.raises(InvalidInputError, match=rf"'the one'.*'{field}' must be"):
        provider.write(name, [Put("the one", {field: value})], 1)
    assert provider.count(name) == 0


def test_a_whole_number_may_be_written_as_a_fraction_of_nothing(provider: Provider, name: str) -> None:
    provider.create(name, SIMPLE)
    provider.write(name, [Put("a", {"n": 3.0})], 1)
    assert ids_of(provider, name, SearchQuery(filters=(OneOf("n", (3,)),))) == ["a"]


SUGGESTED = (
    "",
    "r",
    "red l",
    "RED",
    "lam",
    "of",
    "two",
    "cafe z",
    "zür",
    "東",
    "京",
    "feature fl",
    "x",
    "*",
    "red  lamp!",
)


@pytest.mark.parametrize("field", ["title", "brand"])
def test_values_are_suggested_by_the_beginning_of_their_words(provider: Provider, corpus: str, field: str) -> None:
    for prefix in SUGGESTED:
        expected = ORACLE.suggestions(prefix, field)
        assert list(provider.suggest(corpus, prefix, field, 1000)) == expected, prefix
        assert list(provider.suggest(corpus, prefix, field, 3)) == expected[:3], prefix


def test_suggestions_follow_what_is_there(provider: Provider, name: str) -> None:
    provider.create(name, MAPPING)
    changes = [Put("1", {"brand": "one"}), Put("2", {"brand": "one two"}), Put("3", {"brand": ["one two", "one two"]})]
    provider.write(name, changes, 3)
    assert list(provider.suggest(name, "on", "brand", 5)) == ["one two", "one"]
    provider.write(name, [Remove("2"), Put("3", {"brand": "three"})], 5)
    assert list(provider.suggest(name, "o", "brand", 5)) == ["one"]
    assert list(provider.suggest(name, "", "brand", 5)) == ["one", "three"]


def test_an_alias_points_to_one_index_at_a_time(provider: Provider) -> None:
    alias, first, second = f"{new_name()}.alias", new_name(), new_name()
    for at, index in enumerate((first, second)):
        provider.create(index, MAPPING)
        provider.write(index, [Put(f"{at}", {"title": f"lamp {at}"})], 1)
    assert provider.pointed(alias) is None
    with pytest.raises(NotFoundError):
        provider.search(alias, SearchQuery())
    assert provider.point(alias, first) is None
    assert provider.pointed(alias) == first
    assert ids_of(provider, alias, SearchQuery(parse("lamp"))) == ["0"]
    assert provider.point(alias, second) == first
    assert ids_of(provider, alias, SearchQuery(parse("lamp"))) == ["1"]
    assert list(provider.suggest(alias, "lam", "title", 5)) == ["lamp 1"]
    assert provider.count(alias) == 1
    assert provider.point(alias, second) == second
    with pytest.raises(NotFoundError):
        provider.point(alias, f"{second}.not.there")
    assert provider.drop(first)
    assert provider.pointed(alias) == second
    assert provider.drop(second)
    assert provider.pointed(alias) is None
    assert not provider.drop(second)


def test_indexes_are_listed_by_name_and_gone_when_dropped(provider: Provider) -> None:
    start = new_name()
    names = [f"{start}.{ending}" for ending in ("b", "a", "c")]
    for index in names:
        provider.create(index, SIMPLE)
    provider.point(f"{start}.alias", names[0])
    assert list(provider.indexes(f"{start}.")) == sorted(names)
    assert set(names) <= set(provider.indexes())
    assert provider.drop(names[0])
    assert list(provider.indexes(f"{start}.")) == sorted(names[1:])
    with pytest.raises(NotFoundError, match="index"):
        provider.search(names[0], SearchQuery())


def test_what_is_asked_of_an_index_that_is_not_there_is_not_found(provider: Provider) -> None:
    nowhere = f"{new_name()}.nowhere"
    asked = (
        lambda: provider.search(nowhere, SearchQuery()),
        lambda: provider.write(nowhere, [], 1),
        lambda: provider.position(nowhere),
        lambda: provider.count(nowhere),
        lambda: provider.suggest(nowhere, "a", "title", 5),
    )
    for ask in asked:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert nowhere in caught.value.message
    provider.create(nowhere, SIMPLE)
    with pytest.raises(NotFoundError, match="document"):
        provider.search(nowhere, SearchQuery(like="not there"))
