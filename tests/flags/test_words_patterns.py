import re
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.patterns import DEEPEST, LONGEST, check, portable, search
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.conditions import test_of as the_test_of

SIGNS = "aZ0_-.~&|#% '\"/é東😀\n\t"


def found(pattern: str, text: object) -> bool:
    return the_test_of((make_condition("a", "matches", pattern),), {})({"a": text})


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^a.b$", r"^a[^\n]b$"),
        (r"\d\w\s", r"[0-9][0-9A-Za-z_][\t\n\f\r ]"),
        (r"\D\W\S", r"[^0-9][^0-9A-Za-z_][^\t\n\f\r ]"),
        (r"[\w.-]+@[^\s]+\.(com|org)$", r"[0-9A-Za-z_.\-]+@[^\t\n\f\r ]+\.(?:com|org)$"),
        ("(?:a|b){2}c{1,}d{0,3}", "(?:a|b){2}c{1,}d{0,3}"),
        ("[-a]|[a-]|]|}", r"[\-a]|[a\-]|\]|\}"),
        (r"[+-/]|[*-\-]|[\]\[\^\\]", r"[+-/]|[*-\-]|[\]\[\^\\]"),
        ("a\nb\t", r"a\nb\t"),
        (r"\n\t\-\@\ \'", r"\n\t-@ '"),
        ("(ab?)*(^a|b?c)+", "(?:ab?)*(?:^a|b?c)+"),
        ("(a+)?(b*|c)", "(?:a+)?(?:b*|c)"),
        ("東[ä-ü]😀", "東[ä-ü]😀"),
    ],
)
def test_a_pattern_is_written_in_signs_that_every_engine_reads_alike(pattern: str, written: str) -> None:
    """R9.3."""
    assert portable(pattern) == written
    assert portable(written) == written
    assert check(pattern) == pattern


def test_an_engine_whose_dollar_is_met_before_a_last_line_break_is_given_its_own_sign() -> None:
    assert portable(r"^a\$(b|$)", r"\z") == r"^a\$(?:b|\z)"


@pytest.mark.parametrize(
    ("pattern", "place", "says"),
    [
        ("(a+)+", 5, "a repeat without bound within a repeat"),
        ("(x(a*)?)*", 9, "a repeat without bound within a repeat"),
        ("(a{2,}b){3}", 9, "a repeat without bound within a repeat"),
        ("(a?)*", 5, "what may be empty can't be repeated"),
        ("((a?){31}){31}", 6, "what may be empty can't be repeated"),
        ("(ab|c?d{0,2}|^){2}", 16, "what may be empty can't be repeated"),
        ("ab*?", 4, "a repeat follows a repeat"),
        ("a++", 3, "a repeat follows a repeat"),
        ("a{2}{3}", 5, "a repeat follows a repeat"),
        ("a{101}", 2, "goes up to 100"),
        ("a{5,2}", 2, "goes from more to fewer"),
        ("a{0}", 2, "repeats nothing"),
        ("a{,3}", 2, "{ begins a repeat"),
        ("a{x}", 2, "{ begins a repeat"),
        ("a{", 2, "{ begins a repeat"),
        ("a{99999999999999}", 2, "{ begins a repeat"),
        ("a{٣}", 2, "{ begins a repeat"),
        ("(a{100}){11}", 9, "more than 1,000 characters"),
        ("a{100}" * 11, 67, "more than 1,000 characters"),
        ("^*", 2, "an end of the text can't be repeated"),
        ("*a", 1, "there is nothing to repeat"),
        ("***:a", 1, "there is nothing to repeat"),
        ("a|", 3, "there is nothing to match"),
        ("|a", 1, "there is nothing to match"),
        ("()", 2, "there is nothing to match"),
        ("a)", 2, "there is no group to close"),
        ("(a", 1, "this group is not closed"),
        ("(", 2, "a group is not closed"),
        ("(?=a)", 1, "looking ahead"),
        ("a(?!b)", 2, "looking ahead"),
        ("(?<=a)b", 1, "looking behind"),
        ("(?<!a)b", 1, "looking behind"),
        ("(?>a)", 1, "a group that is not tried again"),
        ("(?P<n>a)", 1, "groups have no names"),
        ("(?<n>a)", 1, "groups have no names"),
        ("(?i)a", 1, "flags are not understood"),
        ("(?#x)a", 1, "comments are not understood"),
        (r"(a)\1", 4, r"\\1 can't be used"),
        (r"\bword", 1, r"\\b can't be used"),
        (r"\Aa\z", 1, r"\\A can't be used"),
        (r"\p{L}", 1, r"\\p can't be used"),
        (r"\x41", 1, r"\\x can't be used"),
        (r"a\Qb", 2, r"\\Q can't be used"),
        ("\\é", 1, "can't be used"),
        ("a\\", 2, "escapes nothing"),
        ("[]", 1, "a class holds at least one character"),
        ("[^]", 1, "a class holds at least one character"),
        ("[]a]", 1, "a class holds at least one character"),
        ("[a", 1, "this class is not closed"),
        ("[[:alpha:]]", 2, r"a \[ within a class"),
        ("[a[b]]", 3, r"a \[ within a class"),
        ("[z-a]", 1, "z-a is no range"),
        (r"[\d-z]", 1, "is no range"),
        ("[a-b-c]", 5, "a - stands first or last"),
        (r"[\Da]", 2, r"\\D can't stand within a class"),
        (f"{'(' * (DEEPEST + 1)}a", DEEPEST + 1, "groups lie within groups"),
    ],
)
def test_what_engines_read_differently_or_can_take_forever_is_refused_with_its_place(
    pattern: str, place: int, says: str
) -> None:
    """R9.3, R11.9."""
    with pytest.raises(InvalidInputError, match=f"at character {place}: .*{says}") as caught:
        make_condition("a", "matches", pattern)
    assert repr(pattern) in caught.value.message


@pytest.mark.parametrize("pattern", ["", None, 1, True, ["a"], "a\0", "\ud800", "a" * (LONGEST + 1)])
def test_a_pattern_is_text_that_is_not_too_long(pattern: object) -> None:
    with pytest.raises(InvalidInputError):
        make_condition("a", "matches", pattern)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("ea", ["sea", "ea\n"], ["EA", "e a", "", 1, True, None, ["ea"], b"ea"]),
        ("^ea$", ["ea"], ["ea\n", "\nea", "sea"]),
        ("^.$", ["東", "😀", "\r"], ["\n", "", "u\u0308"]),
        (r"^\d+$", ["0", "123"], ["٣", "1.0", ""]),
        (r"^\w$", ["a", "_"], ["ä", "ß"]),
        (r"\s", [" ", "\r\n"], ["\v", "\u00a0", "\u2028"]),
        ("^[^a]$", ["b", "\n", "😀"], ["a", "ab"]),
        ("^[à-ü]+$", ["éü"], ["e", "É"]),
        ("^(a|bc)?$", ["", "a", "bc"], ["b"]),
        ("K", ["K"], ["\u212a", "k"]),
    ],
)
def test_a_pattern_is_found_anywhere_in_a_text_and_in_nothing_else(
    pattern: str, yes: list[object], no: list[object]
) -> None:
    """R9.3."""
    assert [text for text in yes if not found(pattern, text)] == []
    assert [text for text in no if found(pattern, text)] == []


def test_half_a_character_is_no_text_to_search() -> None:
    assert not found(".", "a\ud800")
    assert not found("[^b]", "\udfff")


def test_a_long_text_is_searched_in_time_that_grows_with_it() -> None:
    """R11.9: a backtracking engine would not come back from this."""
    assert not found("^(a|a|aa)*$", "a" * 100_000 + "b")
    assert not found("^" + "a?" * 60 + "a{60}$", "a" * 59)


classes = st.lists(
    st.sampled_from(["a-f", r"\d", r"\w", r"\s", r"\]", r"\-", r"\\", "東-龍", *"aZ_.~&|#'\""]), min_size=1
)
atoms = st.one_of(
    st.sampled_from(
        ["a", "Z", "é", "😀", "~", "#", " ", ".", r"\.", r"\d", r"\W", r"\s", r"\S", "^", "$", r"\|", "\n"]
    ),
    st.builds(lambda no, some: f"[{no}{''.join(some)}]", st.sampled_from(["", "^"]), classes),
)
repeats = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}"])


def _branches(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(st.tuples(inner, repeats).map("".join), min_size=1, max_size=3).map("".join)
    return st.lists(parts, min_size=1, max_size=2).map(lambda some: f"({'|'.join(some)})")


@given(st.recursive(atoms, _branches, max_leaves=6), st.lists(st.text(SIGNS, max_size=6), min_size=1, max_size=10))
def test_a_pattern_as_written_finds_in_another_engine_what_it_finds_here(pattern: str, texts: list[str]) -> None:
    """R9.3: Python's own engine, which backtracks and reads more than this, is the other."""
    try:
        find = search(pattern)
    except InvalidInputError:
        assume(False)
    other = re.compile(portable(pattern, r"\Z"))
    assert [find(text) for text in texts] == [other.search(text) is not None for text in texts]


@given(st.text(r"ab\[](){}|*+?.^$-,1d:=!<P", max_size=12))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    """Nothing else is raised, and what passes is read by RE2, and again by us."""
    try:
        written = portable(text)
    except InvalidInputError:
        return
    assert search(text)("a") in {True, False}
    assert portable(written) == written


def test_re2_is_loaded_only_where_a_rule_has_a_pattern() -> None:
    code = (
        "import sys, burgee.flags.evaluation.compiled\n"
        "from burgee.flags.changing.rules import make_condition\n"
        "make_condition('a', 'matches', 'x')\n"
        "print('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
