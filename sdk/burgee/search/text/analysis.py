"""What a word is. Texts are cut into words here, for every engine and for queries alike, so that all find the same.

A word is a run of letters, digits and their marks. It is compared without case and without accents (`Café` is `cafe`).
In a run of nothing but Chinese characters and Japanese kana each is a word of its own, as nothing parts them; so are
the several that one sign stands for (`ゟ` is `より`), and kana of half width are like others. Words longer than
`LONGEST` are cut there.

What nobody sees (soft hyphens, joiners, marks of direction, selectors of variants) neither parts a word nor makes it
another one; a word of Persian is the same with its non-joiners and without. Format characters don't part words in
UAX #29 (rule WB4), and comparisons go without them and other default ignorables (`toNFKC_Casefold`, section 3.13 of the
Unicode Standard). As in UAX #29, the space of no width (U+200B) is a space: it parts the words of Thai or Khmer.

Engines get texts as words with blanks between (`plain`), and need to know nothing of languages: what words of one
language have in common is said by `search.text.stems`, for all of them.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

LONGEST = 128
"""Characters of a word that count."""

_ASCII = re.compile(r"[a-z0-9]+")
_NON_JOINER = "\u200c"
# Of the format characters the space of no width and those that are seen, before numbers (Prepended_Concatenation_Mark).
_SEEN = frozenset("\u200b\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_UNSEEN_MARKS = "\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_ACCENTS = re.compile("[\u0300-\u036f]")
# Hiragana and katakana, ideographs with their extensions, compatibility ideographs.
_ALONE = "\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it is compared, and where it stands in its text."""

    text: str
    start: int
    end: int


def words(text: str) -> list[str]:
    """The words of a text as they are compared, in order."""
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII.findall(text.lower())]
    return [token.text for token in tokens(text)]


def plain(text: str) -> str:
    """The words of a text with blanks between: what engines index."""
    return " ".join(words(text))


def tokens(text: str) -> Iterator[Token]:
    """The words of a text, and where they stand."""
    for run in _word().finditer(text):
        signs = run[0]
        if signs.isascii():
            yield Token(signs.lower()[:LONGEST], run.start(), run.end())
            continue
        folded = "" if _alone().fullmatch(signs) else _folded(signs)
        if folded and not _alone().fullmatch(folded):
            yield Token(folded[:LONGEST], run.start(), run.end())
            continue
        for match in _letter().finditer(text, run.start(), run.end()):
            for one in _sign().findall(_folded(match[0])):
                yield Token(one[:LONGEST], match.start(), match.end())


def accented(written: str) -> str:
    """A word as it is written, compared without case but with its accents; empty if it has none.

    Non-joiners stay, too: they tell what the stem of a Persian word is.
    """
    if written.isascii():
        return ""
    parts = [_decomposed(part) for part in written.strip(_NON_JOINER).split(_NON_JOINER)]
    if len(parts) == 1 and not _ACCENTS.search(parts[0]):
        return ""
    return _from_letter(_NON_JOINER.join(map(_recomposed, parts)))[:LONGEST]


def _folded(word: str) -> str:
    return _from_letter(_recomposed(_ACCENTS.sub("", _decomposed(word))))


def _from_letter(word: str) -> str:
    """The word without marks at its beginning: some letters of Thai, Lao and Arabic come apart into a mark and more."""
    return word[next((at for at, sign in enumerate(word) if sign.isalnum()), len(word)) :]


def _decomposed(word: str) -> str:
    seen = _unseen().sub("", word)
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())


def _recomposed(decomposed: str) -> str:
    signs = "".join(sign for sign in decomposed if sign.isalnum() or unicodedata.category(sign)[0] == "M")
    return unicodedata.normalize("NFC", signs)


@cache
def _word() -> re.Pattern[str]:
    """Letters and digits with the marks that follow them; for letters in a row nothing looks among the many marks."""
    return re.compile(rf"(?:[^\W_]+[{_following()}]*)+")


@cache
def _letter() -> re.Pattern[str]:
    """One letter, with the marks that follow it; to kana of half width some marks are letters."""
    return re.compile(rf"[^\W_][{_following()}\uff9e\uff9f]*")


@cache
def _sign() -> re.Pattern[str]:
    """One that nothing parts from the next."""
    return re.compile(rf"[{_ALONE}][{_following()}]*")


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(rf"(?:{_sign().pattern})+")


@cache
def _unseen() -> re.Pattern[str]:
    """One of the signs that nobody sees."""
    return re.compile(f"[{_of_categories()[1]}{_UNSEEN_MARKS}]")


@cache
def _following() -> str:
    """What belongs to the letter before it: marks, and what nobody sees."""
    return "".join(_of_categories())


@cache
def _of_categories() -> tuple[str, str]:
    """All marks, and the format characters that nobody sees."""
    marks, formats = [], []
    for sign in map(chr, range(0x80, sys.maxunicode + 1)):
        category = unicodedata.category(sign)
        if category[0] == "M":
            marks.append(sign)
        elif category == "Cf" and sign not in _SEEN:
            formats.append(sign)
    return "".join(marks), "".join(formats)
