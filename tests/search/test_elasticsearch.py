"""What is particular to Elasticsearch: names, limits, and what happens when it goes away."""

import itertools
import string
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import ConnectionTimeout
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.search.elasticsearch import provider
from burgee.search.elasticsearch.index import begun, decoded, encoded
from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.errors import SearchFailedError, SearchUnavailableError
from burgee.search.model import (
    AnyOf,
    Between,
    Bucket,
    Field,
    Histogram,
    IndexMapping,
    Kind,
    OneOf,
    SearchQuery,
    Sort,
    Terms,
    Word,
)
from burgee.search.protocol import Put, Remove
from search.corpus import new_name
from services.elasticsearch import PATIENCE, ElasticsearchServer

MAPPING = IndexMapping((Field("t", Kind.TEXT), Field("k", Kind.KEYWORD, suggest=True), Field("n", Kind.INTEGER)))
NUMBERS = IndexMapping((Field("n", Kind.INTEGER), Field("x", Kind.NUMBER), Field("d", Kind.DATE)))


@pytest.fixture(scope="module")
def elastic(elasticsearch_url: str) -> Iterator[ElasticsearchSearch]:
    made = ElasticsearchSearch(elasticsearch_url, timeout=PATIENCE)
    yield made
    made.close()


def ids_of(elastic: ElasticsearchSearch, index: str, query: SearchQuery) -> list[str]:
    return [hit.id for hit in elastic.search(index, query).hits]


@given(st.text(min_size=1, max_size=30) | st.text("aé*,/_.-W", min_size=1), st.text(max_size=5))
def test_a_name_is_taken_by_elasticsearch_and_read_again(name: str, more: str) -> None:
    made = encoded("burgee", name)
    assert set(made) <= set(string.ascii_lowercase + string.digits + "-._")
    assert decoded("burgee", made) == name
    assert begun(name + more).startswith(begun(name))
    assert decoded("burge", made) is None


HOSTILE = ("*", "..", "-x", "_all", "Ünï/*?<>|,# \\", "<logs-{now/d}>", "a_w", ".kibana")


def test_hostile_names_are_names_like_others(elastic: ElasticsearchSearch, name: str) -> None:
    elastic.create(name, MAPPING)
    for hostile in HOSTILE:
        assert not elastic.drop(hostile)
        assert elastic.pointed(hostile) is None
        with pytest.raises(NotFoundError):
            elastic.search(hostile, SearchQuery())
    assert elastic.count(name) == 0
    for hostile in HOSTILE[:5]:
        elastic.create(hostile, MAPPING)
    assert set(HOSTILE[:5]) <= set(elastic.indexes())
    assert list(elastic.indexes("*")) == ["*"]
    assert elastic.point("a/b*", "*") is None
    assert elastic.pointed("a/b*") == "*"
    for hostile in HOSTILE[:5]:
        assert elastic.drop(hostile)
    assert elastic.indexes(name) == [name]


@pytest.mark.parametrize("wrong", ["", "x" * 240, "é" * 80, "\ud800", None, 5], ids=range(6))
def test_a_name_that_can_t_be_is_refused(elastic: ElasticsearchSearch, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="name"):
        elastic.create(wrong, MAPPING)


def test_an_index_and_an_alias_can_t_have_one_name(elastic: ElasticsearchSearch, name: str) -> None:
    elastic.create(name, MAPPING)
    elastic.point(f"{name}.alias", name)
    with pytest.raises(InvalidInputError, match="is an alias"):
        elastic.create(f"{name}.alias", MAPPING)
    with pytest.raises(InvalidInputError, match="is an index"):
        elastic.point(name, name)
    assert not elastic.drop(f"{name}.alias")
    assert elastic.pointed(f"{name}.alias") == name


def test_those_of_another_prefix_are_not_seen(elastic: ElasticsearchSearch, elasticsearch_url: str, name: str) -> None:
    other = ElasticsearchSearch(
        f"{elasticsearch_url}{'&' if '?' in elasticsearch_url else '?'}prefix=burgee-other-{abs(hash(name))}",
        timeout=PATIENCE,
    )
    elastic.create(name, MAPPING)
    assert other.indexes() == []
    assert not other.drop(name)
    other.create(name, MAPPING)
    other.write(name, [Put("a", {"t": "x"})], 1)
    assert (elastic.count(name), other.count(name)) == (0, 1)
    assert other.drop(name)
    assert elastic.count(name) == 0
    other.close()


def test_two_that_make_an_index_at_once_both_have_it(
    elastic: ElasticsearchSearch, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(index: str) -> bool:
        monkeypatch.undo()
        elastic.create(index, MAPPING)
        elastic.write(index, [Put("a", {"t": "x"})], 1)
        return False

    monkeypatch.setattr(elastic, "drop", overtaken)
    elastic.create(name, MAPPING)
    assert elastic.count(name) == 1


def test_words_that_are_near_are_found_however_many(elastic: ElasticsearchSearch, name: str) -> None:
    ends = list(itertools.product(string.ascii_lowercase + string.digits, repeat=2))
    elastic.create(name, MAPPING)
    elastic.write(name, [Put(f"{a}{b}", {"t": f"word{a}{b}"}) for a, b in ends], 1)
    assert elastic.search(name, SearchQuery(Word("wordxx", fuzzy=2), size=1)).total == len(ends) == 36 * 36
    assert elastic.search(name, SearchQuery(Word("word", prefix=True), size=1)).total == len(ends)
    best = ids_of(elastic, name, SearchQuery(Word("wordxx", fuzzy=2), size=1))
    assert best == ["xx"]


def test_a_long_word_of_rare_signs_is_one_word(elastic: ElasticsearchSearch, name: str) -> None:
    long = "\U00010400" * 200  # of Deseret: two units of UTF-16 each
    elastic.create(name, MAPPING)
    elastic.write(name, [Put("a", {"t": f"{long} end"})], 1)
    assert ids_of(elastic, name, SearchQuery(Word(long))) == ["a"]
    assert ids_of(elastic, name, SearchQuery(AnyOf((Word("\U00010400"), Word("\U00010400" * 50))))) == []


def test_numbers_at_their_limits_are_exact(elastic: ElasticsearchSearch, name: str) -> None:
    largest, smallest = 2**63 - 1, -(2**63)
    elastic.create(name, NUMBERS)
    held: dict[str, Any] = {
        "largest": {"n": largest, "d": "9999-12-31T23:59:59.999999Z", "x": 1.7976931348623157e308},
        "beside": {"n": largest - 1, "d": "9999-12-31T23:59:59.999998Z", "x": 5e-324},
        "smallest": {"n": smallest, "d": "0001-01-01", "x": -0.0},
        "none": {},
    }
    elastic.write(name, [Put(id, document) for id, document in held.items()], 1)
    rising = ["smallest", "beside", "largest", "none"]
    falling = ["largest", "beside", "smallest", "none"]
    for field in ("n", "d", "x"):
        for descending, expected in ((False, rising), (True, falling)):
            query = SearchQuery(sort=(Sort(field, descending=descending),), size=1)
            paged, after = [], None
            for _ in expected:
                page = elastic.search(name, SearchQuery(sort=query.sort, size=1, after=after))
                paged += [hit.id for hit in page.hits]
                after = page.after
            assert paged == expected
            assert after is None
    for given_filter, expected in (
        (OneOf("n", (largest,)), ["largest"]),
        (Between("n", largest - 1, largest, below=True), ["beside"]),
        (Between("n", 1e300), []),
        (Between("n", high=-1e300), []),
        (Between("n", -1e300, 1e300), ["beside", "largest", "smallest"]),
        (OneOf("x", (0,)), ["smallest"]),
        (OneOf("d", ("9999-12-31T23:59:59.999998Z",)), ["beside"]),
        (Between("d", high="0001-01-01T00:00:00.000001Z"), ["smallest"]),
    ):
        assert ids_of(elastic, name, SearchQuery(filters=(given_filter,))) == expected
    only = (OneOf("n", (largest,)),)
    assert elastic.search(name, SearchQuery(filters=only, facets=(Terms("n"),))).facets == ((Bucket(largest, 1),),)


def test_what_elasticsearch_finds_too_much_is_refused(elastic: ElasticsearchSearch, name: str) -> None:
    wide = IndexMapping(tuple(Field(f"f {at}", Kind.TEXT, exact=True, suggest=True) for at in range(200)))
    elastic.create(name, wide)
    elastic.write(name, [Put("a", {"f 199": "Some Words"})], 1)
    assert ids_of(elastic, name, SearchQuery(Word("words"), filters=(OneOf("f 199", ("Some Words",)),))) == ["a"]
    many = AnyOf(tuple(Word(f"w{at}", fuzzy=0) for at in range(100)))
    with pytest.raises(InvalidInputError, match="clauses"):
        elastic.search(name, SearchQuery(many))
    numbers = f"{name}.numbers"
    elastic.create(numbers, NUMBERS)
    elastic.write(numbers, [Put(str(at), {"n": at}) for at in (0, 10**15)], 1)
    with pytest.raises(InvalidInputError, match="steps"):
        elastic.search(numbers, SearchQuery(facets=(Histogram("n", 1),)))


def test_a_question_that_takes_too_long_is_no_outage(
    elastic: ElasticsearchSearch, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elastic.create(name, MAPPING)

    def too_long(*_: object) -> None:
        raise ConnectionTimeout("timed out")

    monkeypatch.setattr(elastic, "_search", too_long)
    monkeypatch.setattr(provider, "_LOOK_SECONDS", PATIENCE)
    with pytest.raises(SearchFailedError, match="timed out"):
        elastic.search(name, SearchQuery())
    away = ElasticsearchSearch("http://127.0.0.1:9/")
    assert not away._is_there("anything")
    away.close()


def test_a_refused_write_says_why_and_does_not_count(elastic: ElasticsearchSearch, name: str) -> None:
    elastic.create(name, MAPPING)
    client: Any = vars(elastic)["_client"]
    place = encoded(vars(elastic)["_prefix"], name)
    client.indices.put_settings(index=place, settings={"blocks.write": True})
    changes: list[Put[Any] | Remove] = [Put("a", {"t": "x"}), Remove("b")]
    with pytest.raises(SearchUnavailableError, match=r"403.*blocked"):
        elastic.write(name, changes, 5)
    assert elastic.position(name) == 0
    client.indices.put_settings(index=place, settings={"blocks.write": False})
    elastic.write(name, changes, 5)
    assert (elastic.position(name), elastic.count(name)) == (5, 1)


def test_a_write_to_what_is_dropped_meanwhile_makes_nothing(elastic: ElasticsearchSearch, name: str) -> None:
    elastic.create(name, MAPPING)

    def changes() -> Iterator[Put[Any]]:
        yield Put("a", {"t": "x"})
        elastic.drop(name)

    with pytest.raises(NotFoundError, match=name):
        elastic.write(name, changes(), 1)
    assert elastic.indexes(name) == []


def test_many_readers_of_an_alias_never_see_half_an_index(elastic: ElasticsearchSearch, name: str) -> None:
    alias, size, rounds = f"{name}.alias", 30, 6

    def build(number: int) -> str:
        index = f"{name}.{number}"
        elastic.create(index, MAPPING)
        elastic.write(index, [Put(f"{at}", {"t": "x", "k": f"of {number}"}) for at in range(size)], number)
        return index

    elastic.point(alias, build(0))
    done, seen, wrong = threading.Event(), set[str](), list[object]()

    def read() -> None:
        while not done.is_set():
            try:
                result = elastic.search(alias, SearchQuery(Word("x"), facets=(Terms("k"),), size=1))
                (terms,) = result.facets
                (bucket,) = terms if isinstance(terms, tuple) else ()
                suggested = elastic.suggest(alias, "of", "k", 5)
                if result.total != size or bucket.count != size or len(suggested) != 1:
                    wrong.append((result, suggested))
                seen.add(str(bucket.value))
            except Exception as error:  # noqa: BLE001 # whatever it is, it is wrong
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, rounds):
        before = elastic.point(alias, build(number))
        assert before == f"{name}.{number - 1}"
        assert elastic.drop(before)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(seen) > 1


def test_two_writers_at_once_lose_nothing(elastic: ElasticsearchSearch, name: str) -> None:
    elastic.create(name, MAPPING)

    def write(writer: int) -> None:
        elastic.write(name, [Put(f"{writer} {at}", {"t": "x", "n": writer}) for at in range(200)], 1)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert elastic.count(name) == 600
    assert elastic.position(name) == 1


def test_a_closed_one_says_so(elasticsearch_url: str) -> None:
    closed = ElasticsearchSearch(elasticsearch_url)
    closed.close()
    closed.close()
    with pytest.raises(SearchUnavailableError, match="closed"):
        closed.indexes()
    with pytest.raises(SearchUnavailableError, match="closed"):
        closed.search("a", SearchQuery())


def test_stopped_in_mid_query_it_is_unavailable_and_then_back(elasticsearch_server: ElasticsearchServer) -> None:
    elastic, name = ElasticsearchSearch(elasticsearch_server.url, timeout=0.5), new_name()
    elastic.create(name, MAPPING)
    elastic.write(name, [Put("a", {"t": "x"})], 1)
    elasticsearch_server.pause()
    try:
        with pytest.raises(SearchUnavailableError, match="no answer"):
            elastic.search(name, SearchQuery(Word("x")))
    finally:
        elasticsearch_server.resume()
    patient = ElasticsearchSearch(elasticsearch_server.url, timeout=PATIENCE)
    assert ids_of(patient, name, SearchQuery(Word("x"))) == ["a"]
    elastic.close()
    patient.close()
