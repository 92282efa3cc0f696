"""What a word is, and what nobody sees in it (R11.7)."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.search.model import Field, IndexMapping, Kind
from burgee.search.text.analysis import accented, tokens, words
from burgee.search.text.highlights import highlights
from burgee.search.text.language import parse
from burgee.search.text.stems import stems, words_and_stems

UNSEEN = "\u00ad\u200c\u200d\u200e\u202e\u2060\u2069\ufeff\u180b\ufe0f\U000e0100"
MAPPING = IndexMapping((Field("t", Kind.TEXT),))

READ = {
    "a soft hyphen": ("Donau\u00addampf", ["donaudampf"]),
    "a joiner in Hindi": ("क्\u200dष", ["क्ष"]),
    "a non-joiner in Persian": ("می\u200cگویم", ["میگویم"]),
    "a mark of direction": ("abc\u200e\u202edef", ["abcdef"]),
    "a word joiner": ("foo\u2060bar", ["foobar"]),
    "a mark of byte order": ("\ufefffoo\ufeffbar", ["foobar"]),
    "a variant of a sign": ("葛\U000e0100飾", ["葛", "飾"]),
    "a joiner of graphemes": ("e\u034f\u0301a", ["ea"]),
    "between letter and accent": ("e\u200d\u0301", ["e"]),
    "before a mark that belongs to a letter": ("न\u200d\u093c", ["ऩ"]),
    "between signs that stand alone": ("東\u00ad京", ["東", "京"]),
    "kana of half width": ("ｶﾞｷﾞｱ", ["ガ", "ギ", "ア"]),
    "kana of half width among others": ("東ﾊﾟ", ["東", "パ"]),
    "a sign for two": ("ゟ東", ["よ", "り", "東"]),
    "an ideograph in brackets": ("東㈠", ["東", "一"]),
    "a number in a circle beside letters": ("東㊁a", ["東二a"]),
    "a letter that comes apart": ("ำ กำ", ["า", "กํา"]),
    "a mark that is a letter": ("ﹰ", []),
    "faces joined": ("\U0001f469\u200d\U0001f4bb", []),
    "nothing else": ("\u00ad \ufeff", []),
    "a space of no width": ("ភាសា\u200bខ្មែរ", ["ភាសា", "ខ្មែរ"]),
    "a sign before numbers": ("ab\u060112", ["ab", "12"]),
    "a minus": ("a\u00ad-\u00adb", ["a", "b"]),
}


@pytest.mark.parametrize("case", list(READ))
def test_what_nobody_sees_is_nothing_and_what_parts_words_parts_them(case: str) -> None:
    text, expected = READ[case]
    assert words(text) == expected


def test_each_word_of_any_sign_is_found_by_itself() -> None:
    for sign in (chr(code) for code in range(0x80, sys.maxunicode + 1) if unicodedata.decomposition(chr(code))):
        for text in (sign, f"a{sign}", f"東{sign}", f"{sign}東", f"-{sign}a"):
            for word in words(text):
                assert words(word) == [word], f"U+{ord(sign):04X}"


strewn_texts = st.lists(
    st.tuples(st.text(max_size=3) | st.text("aEé\u0301ß ै-東京न\u093c一", max_size=3), st.text(UNSEEN, max_size=2)),
    max_size=12,
)


@given(strewn_texts)
def test_with_and_without_what_nobody_sees_a_text_has_the_same_words_in_the_same_places(
    pieces: list[tuple[str, str]],
) -> None:
    bare = "".join(text for text, _ in pieces)
    strewn = "".join(text + unseen for text, unseen in pieces)
    assert words(strewn) == words(bare)
    for in_strewn, in_bare in zip(tokens(strewn), tokens(bare), strict=True):
        assert seen(strewn[in_strewn.start : in_strewn.end]) == seen(bare[in_bare.start : in_bare.end])
        assert strewn[in_strewn.start] not in UNSEEN


@given(strewn_texts, st.sampled_from(["a", '"a e"', "東 OR E", "a*", "ee~"]))
def test_the_same_is_marked_with_and_without_what_nobody_sees(pieces: list[tuple[str, str]], typed: str) -> None:
    bare, strewn = ("".join(piece[0] + piece[1] * many for piece in pieces) for many in (0, 1))
    asked = parse(typed)
    assert asked is not None
    marked = [highlights(asked, {"t": text}, MAPPING).get("t", ()) for text in (bare, strewn)]
    assert [seen(part) for part in marked[1]] == [seen(part) for part in marked[0]]


def test_a_word_is_marked_whole_with_what_nobody_sees_in_it() -> None:
    asked = parse("donaudampf\u00adschiff")
    assert asked == parse("Donau\u00adDampfschiff")
    assert asked is not None
    shown = highlights(asked, {"t": "Ein Donau\u00addampf\u00adschiff, <i>"}, MAPPING)["t"]
    assert shown == ("Ein <mark>Donau\u00addampf\u00adschiff</mark>, &lt;i&gt;",)


def test_a_sign_that_is_several_words_is_marked_once() -> None:
    asked = parse("よ り")
    assert asked is not None
    assert highlights(asked, {"t": "東ゟ"}, MAPPING)["t"] == ("東<mark>ゟ</mark>",)


def test_a_non_joiner_still_says_where_a_word_of_persian_has_its_stem() -> None:
    written = "می\u200cکنم"
    assert accented(f"\u200c{written}\u200c") == written
    assert stems(words(written)[0], "persian", written) == ("میکنم", "کنم")
    assert set(words_and_stems("کنم", "persian")[1]) <= set(words_and_stems(written, "persian")[1])
    assert accented("foo\u200c") == accented("foo\u00adbar") == ""


def seen(text: str) -> str:
    """A text without format characters and selectors of variants, composed."""
    shown = "".join(sign for sign in text if unicodedata.category(sign) != "Cf" or sign in "\u200b\u0601")
    return unicodedata.normalize(
        "NFC", re.sub("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]", "", shown)
    )
