"""What was found, shown in its place (R7.2)."""

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from burgee.search.model import Field, IndexMapping, Kind
from burgee.search.text.analysis import words
from burgee.search.text.highlights import highlights
from burgee.search.text.language import parse

MAPPING = IndexMapping((Field("t", Kind.TEXT), Field("u", Kind.TEXT), Field("k", Kind.KEYWORD)))


def shown(typed: str, text: object) -> tuple[str, ...]:
    asked = parse(typed, ["t", "u"])
    assert asked is not None
    return highlights(asked, {"t": text}, MAPPING).get("t", ())


def test_words_beginnings_mistakes_and_phrases_are_marked_as_they_are_written() -> None:
    assert shown("cafe", "Ein CAFÉ, ein Kaffee") == ("Ein <mark>CAFÉ</mark>, ein Kaffee",)
    assert shown("kaf*", "Ein Kaffee") == ("Ein <mark>Kaffee</mark>",)
    assert shown("kaffe~1", "Ein Kaffee") == ("Ein <mark>Kaffee</mark>",)
    assert shown('"a b"', "a, b; b a") == ("<mark>a</mark>, <mark>b</mark>; b a",)
    assert shown("東京", "在東京都") == ("在<mark>東</mark><mark>京</mark>都",)
    assert shown("strasse", "Straße") == ("<mark>Straße</mark>",)


def test_what_must_not_be_there_or_is_sought_elsewhere_is_not_marked() -> None:
    assert shown("a -b", "a b") == ("<mark>a</mark> b",)
    assert shown("u:a b", "a b") == ("a <mark>b</mark>",)
    assert shown("a", "nothing") == ()
    assert highlights(parse("a") or parse("b"), {"k": "a", "x": "a", "u": None}, MAPPING) == {}  # type: ignore[arg-type]


def test_all_else_is_escaped() -> None:
    assert shown("a", "<b onclick='x'>a</b> & \"") == (
        "&lt;b onclick=&#x27;x&#x27;&gt;<mark>a</mark>&lt;/b&gt; &amp; &quot;",
    )


def test_of_a_long_text_the_best_three_parts_are_shown_in_their_order() -> None:
    gap = "filler " * 40
    text = f"one hit {gap} hit hit {gap} hit {gap} hit hit hit {gap}"
    parts = shown("hit", text)
    assert [part.count("<mark>") for part in parts] == [1, 2, 3]
    assert all(len(re.sub("</?mark>", "", part)) <= 160 for part in parts)
    assert not any(part.startswith("iller") or part.endswith("fille") for part in parts)


def test_the_values_of_a_list_are_shown_apart() -> None:
    assert shown("a", ["a one", "no", "a two", None]) == ("<mark>a</mark> one", "<mark>a</mark> two")


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("ab é<&東 ."), max_size=400))
def test_a_part_is_a_piece_of_the_text_and_its_marks_are_what_was_sought(text: str) -> None:
    for part in shown("a OR e OR 東", text):
        assert unescape(re.sub("</?mark>", "", part)) in text
        marked = re.findall("<mark>(.*?)</mark>", part, re.DOTALL)
        assert marked
        for piece in marked:
            assert words(unescape(piece)) in (["a"], ["e"], ["東"])
