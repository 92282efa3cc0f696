"""Stems: what words have in common that are one word to a reader, `run` of `running` and `runs`.

They are found by the rules of Snowball (M. F. Porter, snowballstem.org), which PyStemmer has for all engines alike. The
rules are for words with their accents, and people type without: so a word with accents has two stems where they differ,
the one of the word as it is written and the one of the word as it is compared, and is found by both. What a word finds
as it is it finds by its stems, too.
"""

import threading
from collections.abc import Callable
from functools import lru_cache

from burgee.core.errors import MissingExtraError
from burgee.search.analysis import LONGEST, accented, tokens, words
from burgee.search.model import Field, IndexMapping, Phrase, Word

LANGUAGES = (
    *("arabic", "armenian", "basque", "catalan", "czech", "danish", "dutch", "english", "esperanto", "estonian"),
    *("finnish", "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian"),
    *("nepali", "norwegian", "persian", "polish", "portuguese", "romanian", "russian", "serbian", "sesotho"),
    *("spanish", "swedish", "tamil", "turkish", "yiddish"),
)
"""The languages whose stems are known, by their names in Snowball 3.1."""

_KEPT = 2**15  # words whose stems are kept: most of a text is words that were there before


class _Stemmers(threading.local):
    """The stemmers of this thread: one of PyStemmer's is for one thread at a time."""

    def __init__(self) -> None:
        self.made: dict[str, Callable[[str], str]] = {}


_stemmers = _Stemmers()


def need_stems(mapping: IndexMapping) -> None:
    """Refuse a mapping whose fields' languages nothing here knows the stems of.

    Raises:
        MissingExtraError: a field has a language, and PyStemmer is not installed.
    """
    for field in mapping.fields:
        if field.language is not None:
            _stemmer(field.language)


@lru_cache(_KEPT)
def stems(word: str, language: str, accents: str = "") -> tuple[str, ...]:
    """The stems of a word: one, or two if its `accents` (the word with its accents) make it another one."""
    stem = _stemmer(language)
    found = (_folded(stem(form)) or word for form in (word, accents) if form)
    return tuple(dict.fromkeys(found))


def stemmed(text: str, language: str) -> list[str]:
    """The stems of a text's words, in order."""
    if text.isascii():
        return [stem for word in words(text) for stem in stems(word, language)]
    return [
        stem
        for token in tokens(text)
        for stem in stems(token.text, language, accented(text[token.start : token.end]))
    ]


def stems_sought(leaf: Word | Phrase, field: Field) -> tuple[str, ...] | None:
    """The stems by which a field is asked for it; none where it goes by words as they are."""
    if field.language is None or isinstance(leaf, Phrase) or leaf.prefix or leaf.fuzzy:
        return None
    return stems(leaf.text, field.language, leaf.accented)


def _folded(stem: str) -> str:
    """A stem as words are compared."""
    return "".join(words(stem))[:LONGEST]


def _stemmer(language: str) -> Callable[[str], str]:
    made = _stemmers.made.get(language)
    if made is None:
        try:
            from Stemmer import Stemmer
        except ImportError:
            raise MissingExtraError("a field with a language", "search") from None
        made = _stemmers.made[language] = Stemmer(language, 0).stemWord
    return made
