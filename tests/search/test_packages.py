"""A real corpus on every engine: a hundred thousand packages, with counts that are known (`README.md` beside it)."""

import gzip
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from burgee.search.model import (
    Between,
    Dates,
    Field,
    Hit,
    IndexMapping,
    Kind,
    SearchQuery,
    Sort,
    Terms,
)
from burgee.search.protocol import Put, SearchProvider
from burgee.search.text.language import parse
from real_data import real_file
from search.corpus import new_name

type Provider = SearchProvider[Any]

MAPPING = IndexMapping((Field("summary", Kind.TEXT), Field("month", Kind.DATE)))
COUNTS = {"kubernetes": 111, "redis": 250, "django": 2576, "feature flags": 14, "async client": 188}


def hits_of(provider: Provider, index: str, query: SearchQuery) -> list[Hit[Any]]:
    """All hits, page by page."""
    hits: list[Hit[Any]] = []
    result = provider.search(index, query)
    while result.after is not None:
        hits += result.hits
        result = provider.search(index, replace(query, after=result.after))
    return [*hits, *result.hits]


@pytest.fixture(scope="module")
def packages(provider: Provider) -> str:
    """The index of all packages on this engine."""
    index = new_name()
    provider.create(index, MAPPING)
    with gzip.open(real_file("packages.tsv.gz"), "rt", encoding="utf-8", newline="\n") as lines:
        next(lines)
        rows = (line.rstrip("\n").split("\t") for line in lines)
        changes = (Put(name, {"summary": summary, "month": f"{month}-01"}) for name, _, month, summary in rows)
        provider.write(index, changes, 100_000)
    return index


def test_the_known_counts_are_found(provider: Provider, packages: str) -> None:
    assert provider.count(packages) == 100_000
    for typed, known in COUNTS.items():
        query = SearchQuery(parse(typed), size=1000)
        assert provider.search(packages, query).total == len(hits_of(provider, packages, query)) == known


def test_django_by_year_is_known_by_facet_and_by_filter(provider: Provider, packages: str) -> None:
    query = SearchQuery(parse("django"), facets=(Dates("month", "year"), Terms("month", 1000)))
    years, months = provider.search(packages, query).facets
    assert isinstance(years, tuple)
    assert isinstance(months, tuple)
    by_year = {bucket.value.year: bucket.count for bucket in years if isinstance(bucket.value, datetime)}
    assert {year: by_year[year] for year in (2013, 2019, 2025)} == {2013: 111, 2019: 132, 2025: 246}
    assert sum(by_year.values()) == sum(bucket.count for bucket in months) == COUNTS["django"]
    for year in (2013, 2019, 2025):
        only = replace(query, facets=(), filters=(Between("month", f"{year}-01-01", f"{year + 1}-01-01", below=True),))
        assert provider.search(packages, only).total == by_year[year]


def test_found_words_are_shown_in_their_place(provider: Provider, packages: str) -> None:
    for hit in provider.search(packages, SearchQuery(parse('"feature flags"'))).hits:
        shown = " ".join(hit.highlights["summary"]).lower()
        assert "<mark>feature</mark>" in shown
        assert "<mark>flags</mark>" in shown


def test_newest_first_goes_on_page_by_page_without_a_gap(provider: Provider, packages: str) -> None:
    query = SearchQuery(parse("redis"), sort=(Sort("month", descending=True),), size=100)
    seen = [(str(hit.document["month"]), hit.id) for hit in hits_of(provider, packages, query)]
    assert len(set(seen)) == len(seen) == COUNTS["redis"]
    assert [month for month, _ in seen] == sorted((month for month, _ in seen), reverse=True)


def test_mistyped_and_begun_words_find_more_than_the_word(provider: Provider, packages: str) -> None:
    totals = [provider.search(packages, SearchQuery(parse(typed))).total for typed in ("kubernetes", "kubernets~")]
    assert totals[1] >= totals[0]
    assert provider.search(packages, SearchQuery(parse("kube*"))).total > 111
