"""What a word is. Texts are cut into words here, for every engine and for queries alike, so that all find the same.

A word is a run of letters, digits and their marks. It is compared without case and without accents (`Café` is `cafe`).
In a run of nothing but Chinese characters and Japanese kana each is a word of its own, as nothing parts them. Words
longer than `LONGEST` are cut there. Engines get texts as words with blanks between (`plain`), and need to know nothing
of languages: what words of one language have in common is said by `search.text.stems`, for all of them.
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
        alone = None if signs.isascii() else _alone().fullmatch(signs)
        for match in [run] if alone is None else _sign().finditer(text, run.start(), run.end()):
            folded = _folded(match[0])
            if folded:
                yield Token(folded[:LONGEST], match.start(), match.end())


def accented(written: str) -> str:
    """A word as it is written, compared without case but with its accents; empty if it has none."""
    decomposed = "" if written.isascii() else _decomposed(written)
    return _recomposed(decomposed)[:LONGEST] if _ACCENTS.search(decomposed) else ""


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else _recomposed(_ACCENTS.sub("", _decomposed(word)))


def _decomposed(word: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())


def _recomposed(decomposed: str) -> str:
    signs = unicodedata.normalize("NFC", decomposed)
    return "".join(sign for sign in signs if sign.isalnum() or unicodedata.category(sign)[0] == "M")


@cache
def _word() -> re.Pattern[str]:
    """Letters and digits with the marks that follow them; for letters in a row nothing looks among the many marks."""
    return re.compile(rf"(?:[^\W_]+[{_marks()}]*)+")


@cache
def _sign() -> re.Pattern[str]:
    """One that nothing parts from the next."""
    return re.compile(rf"[{_ALONE}][{_marks()}]*")


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(rf"(?:{_sign().pattern})+")


@cache
def _marks() -> str:
    return "".join(chr(code) for code in range(0x300, sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
