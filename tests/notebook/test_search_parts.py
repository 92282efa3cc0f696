"""The parts of the search box that need no index: lines of facets and their filters, and hits as HTML."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.json import Json
from burgee.notebook.facets import facets_for, filter_of, lines_of, statistics_of, tells
from burgee.notebook.hits import hits, marked
from burgee.search.model import (
    Between,
    Bucket,
    Dates,
    Facet,
    Field,
    Histogram,
    Hit,
    IndexMapping,
    Kind,
    OneOf,
    Ranges,
    Statistics,
    Stats,
    Terms,
)

MAPPING = IndexMapping(
    (
        Field("title", Kind.TEXT, exact=True),
        Field("about", Kind.TEXT),
        Field("brand", Kind.KEYWORD),
        Field("stock", Kind.BOOLEAN),
        Field("price", Kind.NUMBER),
        Field("added", Kind.DATE),
        Field("id", Kind.KEYWORD),
    )
)


def day(year: int, month: int = 1, number: int = 1) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per", "start", "after", "words"),
    [
        ("year", day(2026), day(2027), "2026"),
        ("quarter", day(2026, 10), day(2027), "2026 Q4"),
        ("month", day(2026, 12), day(2027), "2026-12"),
        ("week", day(2026, 3, 30), day(2026, 4, 6), "2026-03-30"),
        ("day", day(2028, 2, 28), day(2028, 2, 29), "2028-02-28"),
        ("hour", day(2026), datetime(2026, 1, 1, 1, tzinfo=UTC), "2026-01-01 00:00"),
        ("minute", day(2026), datetime(2026, 1, 1, 0, 1, tzinfo=UTC), "2026-01-01 00:00"),
    ],
)
def test_a_step_of_time_is_named_and_chosen_up_to_the_next(
    per: str, start: datetime, after: datetime, words: str
) -> None:
    facet = Dates("at", per)
    (line,) = lines_of(facet, (Bucket(start, 3),))
    assert (line.words, line.count) == (words, 3)
    assert filter_of(facet, [line.key]) == Between("at", start, after, below=True)


def test_steps_of_time_stand_the_latest_first_and_empty_ones_are_left_out() -> None:
    answer = tuple(Bucket(day(year), year % 2) for year in range(1990, 2027))
    assert [line.words for line in lines_of(Dates("at", "year"), answer)][:2] == ["2025", "2023"]
    assert len(lines_of(Dates("at", "year"), answer)) == 12


@pytest.mark.parametrize(
    ("facet", "bucket", "words", "narrows"),
    [
        (Ranges("price", (0, 10)), Bucket(0, 1, 0, 10), "0 to 10", Between("price", 0, 10, below=True)),
        (Ranges("price", (None, 10)), Bucket(None, 1, None, 10), "below 10", Between("price", None, 10, below=True)),
        (Ranges("price", (1000, None)), Bucket(1000, 1, 1000, None), "from 1,000", Between("price", 1000, below=True)),
        (Histogram("price", 2.5), Bucket(5.0, 1), "5 to 7.5", Between("price", 5.0, 7.5, below=True)),
        (Terms("stock"), Bucket(True, 1), "yes", OneOf("stock", (True,))),
        (Terms("stock"), Bucket(False, 1), "no", OneOf("stock", (False,))),
        (Terms("brand"), Bucket("", 1), "", OneOf("brand", ("",))),
        (Terms("price"), Bucket(1234.5, 1), "1,234.5", OneOf("price", (1234.5,))),
    ],
    ids=["range", "open below", "open above", "step", "yes", "no", "empty text", "number"],
)
def test_a_line_is_named_and_narrows_to_what_it_counts(
    facet: Facet, bucket: Bucket, words: str, narrows: object
) -> None:
    (line,) = lines_of(facet, (bucket,))
    assert line.words == words
    assert filter_of(facet, [line.key]) == narrows


def test_several_values_are_one_of_them_and_none_is_no_filter() -> None:
    assert filter_of(Terms("brand"), ["a", "b"]) == OneOf("brand", ("a", "b"))
    assert filter_of(Terms("brand"), []) is None


def test_statistics_are_words_and_nothing_to_choose() -> None:
    stats = Stats("price")
    assert statistics_of(stats, Statistics(2, 1.0, 2000.0, 2001.0, 1000.5)) == "1 to 2,000, mean 1,000"
    assert statistics_of(stats, Statistics(0)) == "none"
    assert lines_of(stats, Statistics(2, 1.0, 2.0, 3.0, 1.5)) == []
    assert statistics_of(Terms("brand"), ()) == ""


def test_without_being_asked_those_fields_are_listed_that_tell_most_documents_apart() -> None:
    assert facets_for(MAPPING) == (Terms("brand", 12), Terms("stock", 12), Terms("id", 12))
    few = IndexMapping((Field("brand", Kind.TEXT, exact=True, suggest=True), Field("code", Kind.TEXT, exact=True)))
    assert facets_for(few) == (Terms("brand", 12),)
    brand = Terms("brand", 12)
    assert tells(brand, (Bucket("a", 6), Bucket("b", 1)), 10)
    assert not tells(brand, (Bucket("a", 10),), 10)
    assert not tells(brand, tuple(Bucket(letter, 1) for letter in "abcdefghijkl"), 1000)


def test_a_hit_shows_its_title_what_was_found_and_its_other_fields() -> None:
    document: dict[str, Json] = {"id": "p1", "title": "Red shoes", "about": "For running & more", "brand": "Acme"}
    document |= {"price": 49.9, "added": "2026-03-02T00:00:00+00:00", "stock": None, "more": "hidden"}
    marks = {"title": ("Red <mark>shoes</mark>",), "about": ("For <mark>running</mark> &amp; more",)}
    shown = hits([Hit("p1", 1.25, document, marks)], MAPPING, first=11)
    assert '<ol class="burgee-hits tex2jax_ignore mathjax_ignore" start="11">' in shown
    assert '<span class="burgee-hit-title">Red <mark>shoes</mark></span>' in shown
    assert "For <mark>running</mark> &amp; more" in shown
    assert ">1.25</span>" in shown
    assert "brand</span> Acme" in shown
    assert ">2026-03-02</span>" in shown
    assert "hidden" not in shown
    assert "p1" not in shown  # what names it is its title


def test_a_hit_without_a_title_shows_its_id_and_one_without_marks_how_its_text_begins() -> None:
    shown = hits([Hit("p<1>", None, {"title": None, "about": "word " * 100})], MAPPING)
    assert '<span class="burgee-hit-title">p&lt;1&gt;</span>' in shown
    assert "word word" in shown
    assert "…" in shown
    assert "burgee-score" not in shown


def test_short_texts_that_are_kept_whole_stand_among_the_other_fields_with_their_marks() -> None:
    whole = [Field(name, Kind.TEXT, exact=True, suggest=True) for name in ("id", "brand", "note")]
    mapping = IndexMapping((*whole, Field("about", Kind.TEXT)))
    document = {"id": "p1", "brand": "Tarn <&>", "note": "word " * 30, "about": "Warm"}
    marks = {"brand": ("<mark>Tarn</mark> &lt;&amp;&gt;",), "id": ("<mark>p1</mark>",)}
    shown = hits([Hit("p1", 1.0, document, marks)], mapping)
    assert '<span class="burgee-hit-title"><mark>p1</mark></span>' in shown
    assert '<span class="burgee-dim">brand</span> <mark>Tarn</mark> &lt;&amp;&gt;</span>' in shown
    assert '<div class="burgee-hit-text">word word' in shown
    titled = hits([Hit("p1", 1.0, document | {"title": "Jacket"}, marks)], IndexMapping((*whole, *MAPPING.fields[:1])))
    assert '<span class="burgee-dim">id</span> <mark>p1</mark></span>' in titled


def test_a_long_list_stays_in_line_with_its_name() -> None:
    tags = Field("tags", Kind.KEYWORD)
    shown = hits([Hit("p1", None, {"tags": ["walking", "x" * 60]})], IndexMapping((tags,)))
    assert f'<span><span class="burgee-dim">tags</span> walking, {"x" * 60}</span>' in shown


def test_a_part_of_a_title_does_not_stand_for_the_whole() -> None:
    document = {"title": "The whole title", "about": ""}
    assert ">The whole title</span>" in hits(
        [Hit("1", 1.0, document, {"title": ("whole <mark>title</mark>",)})], MAPPING
    )


@given(st.text(st.sampled_from("<>/&;\"'mark ascript="), max_size=60))
def test_whatever_a_part_holds_only_marks_become_markup(part: str) -> None:
    """R11.7: also if an engine did not escape what it gave."""
    left = marked(part).replace("<mark>", "").replace("</mark>", "")
    assert not set(left) & set("<>\"'")


def test_fields_that_hold_markup_are_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    shown = hits([Hit(f"{hostile}1", 1.0, {"about": hostile, "brand": hostile}, {"about": (hostile,)})], MAPPING)
    assert "<img" not in shown
    assert shown.count("&lt;img") == 3
