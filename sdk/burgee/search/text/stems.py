"""Stems: what words have in common that are one word to a reader, `run` of `running` and `runs`.

They are found by the rules of Snowball (M. F. Porter, snowballstem.org), which PyStemmer has for all engines alike. The
rules are for words with their accents, and people type without: so a word with accents has two stems where they differ,
the one of the word as it is written and the one of the word as it is compared, and is found by both. What a word finds
as it is it finds by its stems, too.
"""

import threading
from collections.abc import Callable

from burgee.core.errors import MissingExtraError
from burgee.search.model import Field, IndexMapping, Phrase, Word
from burgee.search.text.analysis import LONGEST, accented, tokens, words

LANGUAGES = (
    *("arabic", "armenian", "basque", "catalan", "czech", "danish", "dutch", "english", "esperanto", "estonian"),
    *("finnish", "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian"),
    *("nepali", "norwegian", "persian", "polish", "portuguese", "romanian", "russian", "serbian", "sesotho"),
    *("spanish", "swedish", "tamil", "turkish", "yiddish"),
)
"""The languages whose stems are known, by their names in Snowball 3.1."""

_KEPT = 2**15
"""Words whose stem is kept: most of a text's words were there before."""


class _Stems(dict[str, str]):
    """The stems of one language as words are compared, by word; found when first asked for."""

    def __init__(self, language: str) -> None:
        try:
            from Stemmer import Stemmer
        except ImportError:
            raise MissingExtraError("a field with a language", "search") from None
        super().__init__()
        self._stem: Callable[[str], str] = Stemmer(language, 0).stemWord

    def __missing__(self, word: str) -> str:
        if len(self) >= _KEPT:
            self.clear()
        stem = self._stem(word)
        if not stem or not stem.isascii():
            stem = "".join(words(stem) or words(word))
        found = self[word] = stem[:LONGEST]
        return found


class _Languages(threading.local):
    """The languages of this thread: a stemmer of PyStemmer's is for one thread at a time."""

    def __init__(self) -> None:
        self.stems: dict[str, _Stems] = {}

    def __call__(self, language: str) -> _Stems:
        made = self.stems.get(language)
        if made is None:
            made = self.stems[language] = _Stems(language)
        return made


_languages = _Languages()


def need_stems(mapping: IndexMapping) -> None:
    """Refuse a mapping whose fields' languages nothing here knows the stems of.

    Raises:
        MissingExtraError: a field has a language, and PyStemmer is not installed.
    """
    for field in mapping.fields:
        if field.language is not None:
            _languages(field.language)


def stems(word: str, language: str, accents: str = "") -> tuple[str, ...]:
    """The stems of a word: one, or two if its `accents` (the word with its accents) make it another one."""
    known = _languages(language)
    return (known[word],) if not accents or known[accents] == known[word] else (known[word], known[accents])


def words_and_stems(text: str, language: str) -> tuple[list[str], list[str]]:
    """The words of a text, and their stems, in order."""
    if text.isascii():
        found = words(text)
        return found, list(map(_languages(language).__getitem__, found))
    there = list(tokens(text))
    written = ((token.text, accented(text[token.start : token.end])) for token in there)
    return [token.text for token in there], [
        stem for word, accents in written for stem in stems(word, language, accents)
    ]


def stems_sought(leaf: Word | Phrase, field: Field) -> tuple[str, ...] | None:
    """The stems by which a field is asked for it; none where it goes by words as they are."""
    if field.language is None or isinstance(leaf, Phrase) or leaf.prefix or leaf.fuzzy:
        return None
    return stems(leaf.text, field.language, leaf.accented)
