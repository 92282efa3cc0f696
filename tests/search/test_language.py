"""What people type, and what it asks for (R11.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.search.model import All, AnyOf, Phrase, Text, Within, Without, Word
from burgee.search.text.analysis import words
from burgee.search.text.language import leaves, parse

A, B, C = Word("a"), Word("b"), Word("c")

READ: dict[str, Text | None] = {
    "": None,
    " \n\t": None,
    "!!! ???": None,
    "a": A,
    "Ä": Word("a", accented="ä"),
    "Éa* Éab~": All((Word("ea", prefix=True), Word("eab", fuzzy=1))),
    "a b": All((A, B)),
    "a AND b": All((A, B)),
    "a OR b": AnyOf((A, B)),
    "a b OR c": AnyOf((All((A, B)), C)),
    "a (b OR c)": All((A, AnyOf((B, C)))),
    "a or b": All((A, Word("or"), B)),
    "OR a OR": A,
    '"a b"': Phrase(("a", "b")),
    '"a"': Phrase(("a",)),
    '"É"': Phrase(("e",)),
    '"a b': Phrase(("a", "b")),
    "a-b": Phrase(("a", "b")),
    "a.b.c": Phrase(("a", "b", "c")),
    "abc*": Word("abc", prefix=True),
    "wi-fi*": All((Word("wi"), Word("fi", prefix=True))),
    "*": None,
    "ab~": Word("ab"),
    "abc~": Word("abc", fuzzy=1),
    "abcde~": Word("abcde", fuzzy=1),
    "abcdef~": Word("abcdef", fuzzy=2),
    "abcdef~0": Word("abcdef"),
    "abcdef~1": Word("abcdef", fuzzy=1),
    "abcd~2": Word("abcd", fuzzy=2),
    "abc~2": Word("abc", fuzzy=1),
    "abcdef~9": Word("abcdef", fuzzy=2),
    "-a": Without(A),
    "NOT a": Without(A),
    "NOT NOT a": A,
    "NOT -a": A,
    "a -b": All((A, Without(B))),
    "a - b": All((A, B)),
    "--a": A,
    '-"a b"': Without(Phrase(("a", "b"))),
    "-(a OR b)": Without(AnyOf((A, B))),
    "a NOT": A,
    "title:a": Within(("title",), A),
    "title:a b": All((Within(("title",), A), B)),
    "title:(a b)": Within(("title",), All((A, B))),
    'title:"a b"': Within(("title",), Phrase(("a", "b"))),
    "-title:a": Without(Within(("title",), A)),
    "title: a": Within(("title",), A),
    "title:": None,
    "other:a": Phrase(("other", "a")),
    "http://a": Phrase(("http", "a")),
    ")(": None,
    "a)b(c": All((A, All((B, C)))),
    "((a": A,
    "東京": Phrase(("東", "京")),
    "\x00a\x00": A,
    "\ud800": None,
}


@pytest.mark.parametrize("number", range(len(READ)))
def test_what_is_typed_is_read_as_people_mean_it(number: int) -> None:
    typed, asked = list(READ.items())[number]
    assert parse(typed, ["title"]) == asked, typed


@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from('"()-~*: ORNTa'), max_size=90))
def test_any_text_is_words_and_nothing_else(typed: str) -> None:
    asked = parse(typed, ["a"])
    for leaf in [] if asked is None else leaves(asked):
        for word in [leaf.text] if isinstance(leaf, Word) else leaf.words:
            assert words(word) == [word]


@pytest.mark.parametrize(
    ("typed", "why"),
    [("a" * 2001, "2,000"), ("a " * 101, "100 words, not 101"), ("(" * 11 + "a", "10 deep"), (None, "None"), (5, "5")],
    ids=["long", "many", "deep", "none", "number"],
)
def test_what_is_too_much_or_no_text_is_refused_with_the_limit(typed: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        parse(typed)


def test_one_name_alone_is_no_list_of_fields() -> None:
    with pytest.raises(InvalidInputError, match="'title'"):
        parse("a", "title")
