"""The language of queries: what people type, as words to look for. Never an engine's syntax, and never wrong.

| typed                     | means                                                                              |
|---------------------------|------------------------------------------------------------------------------------|
| `redis client`            | both words, wherever they stand                                                    |
| `redis OR valkey`         | one of them; words beside each other bind tighter                                  |
| `"feature flags"`         | these words next to each other; also what is typed as one but is several: `e-mail` |
| `"running"`               | just that word, also in a field with a language, where `running` finds `run`       |
| `kube*`                   | words that begin so                                                                |
| `djagno~`, `djagno~1`     | words like it: up to 2 edits from 6 letters on, 1 from 3, or as many as said       |
| `-word`, `NOT word`       | not that one                                                                       |
| `(a OR b) c`              | brackets; those that don't fit are nothing                                         |
| `title:word`, `title:(…)` | only in that field, if it is one of `fields`; else these are words like others     |

An edit is a letter added, left out, changed or swapped with its neighbour (as Elasticsearch counts; optimal string
alignment), and two letters always stay. What holds no word is nothing.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from burgee.core.errors import InvalidInputError
from burgee.search.model import All, AnyOf, Phrase, Text, Within, Without, Word
from burgee.search.text.analysis import accented, tokens, words

LONGEST_TEXT, MOST_WORDS, DEEPEST = 2000, 100, 10
"""Characters, words and brackets in brackets that a query may have."""

MOST_FUZZY = 20
"""Words of a query that are compared with all words there are."""

_PIECE = re.compile(r'\s*(?:(?P<quoted>"[^"]*"?)|(?P<bracket>[()])|(?P<minus>-)(?=["(])|(?P<word>[^\s"()]+))')
_ENDING = re.compile(r"(?P<bare>.+?)(?:(?P<star>\*+)|~(?P<edits>\d?))$", re.DOTALL)


def parse(text: str, fields: Collection[str] = ()) -> Text | None:
    """What a text asks for; none where it holds no word. `fields` are the names that `name:word` can mean.

    Raises:
        InvalidInputError: it is no text, or over 2,000 characters, 100 words, 20 with `~`, or 10 brackets deep.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"a query must be text, not {text!r}")
    if len(text) > LONGEST_TEXT:
        raise InvalidInputError(f"a query has at most {LONGEST_TEXT:,} characters, not {len(text):,}")
    if isinstance(fields, str):
        raise InvalidInputError(f"fields must be a list of names, not {fields!r}")
    parsed = _Reader(_pieces(text, fields)).all_of_it()
    if parsed is not None:
        check_words(parsed)
    return parsed


def typed_word(text: str, *, prefix: bool = False, fuzzy: int = 0) -> Text | None:
    """A word as it was typed: one word, several next to each other, or none."""
    found = list(tokens(text))
    if len(found) == 1 and not prefix and not fuzzy:
        return Word(found[0].text, accented=accented(text[found[0].start : found[0].end]))
    if not prefix and not fuzzy:
        return phrase([text])
    last = len(found) - 1
    edits = [min(fuzzy, max(0, len(token.text) - 2)) for token in found]
    return all_of(Word(token.text, prefix and at == last, edits[at]) for at, token in enumerate(found))


def phrase(texts: Iterable[str]) -> Text | None:
    """Words next to each other."""
    found = [word for text in texts for word in words(text)]
    return Phrase(tuple(found)) if found else None


def all_of(parts: Iterable[Text | None]) -> Text | None:
    """All of those that are something."""
    there = tuple(part for part in parts if part is not None)
    return All(there) if len(there) > 1 else there[0] if there else None


def any_of(parts: Iterable[Text | None]) -> Text | None:
    """One of those that are something."""
    there = tuple(part for part in parts if part is not None)
    return AnyOf(there) if len(there) > 1 else there[0] if there else None


def check_words(text: Text) -> None:
    """Refuse more words than an engine should be asked for at once."""
    there = leaves(text)
    count = sum(len(leaf.words) if isinstance(leaf, Phrase) else 1 for leaf in there)
    if count > MOST_WORDS:
        raise InvalidInputError(f"a query has at most {MOST_WORDS} words, not {count}")
    fuzzy = sum(isinstance(leaf, Word) and leaf.fuzzy > 0 for leaf in there)
    if fuzzy > MOST_FUZZY:
        raise InvalidInputError(f"a query has at most {MOST_FUZZY} words with ~, not {fuzzy}")


def leaves(text: Text) -> list[Word | Phrase]:
    """The words and phrases of it, also those that must not be there."""
    if isinstance(text, Word | Phrase):
        return [text]
    inner = text.of if isinstance(text, All | AnyOf) else (text.of,)
    return [leaf for part in inner for leaf in leaves(part)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of what was typed: `(`, `)`, `OR`, `NOT`, `field` or, with what it asks for, `asked`."""

    kind: str
    asked: Text | None = None
    field: str = ""


def _pieces(text: str, fields: Collection[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for match in _PIECE.finditer(text):
        if match["bracket"]:
            pieces.append(_Piece(match["bracket"]))
        elif match["quoted"]:
            pieces.append(_Piece("asked", phrase([match["quoted"]])))
        elif match["minus"]:
            pieces.append(_Piece("NOT"))
        else:
            pieces.extend(_word_pieces(match["word"], fields))
    return pieces


def _word_pieces(word: str, fields: Collection[str]) -> Iterable[_Piece]:
    if word in {"OR", "NOT"}:
        yield _Piece(word)
        return
    if word == "AND":
        return
    if word[0] == "-" and word[1:2] not in {"", "-"}:
        yield _Piece("NOT")
        word = word[1:]
    name, colon, rest = word.partition(":")
    if colon and name in fields:
        yield _Piece("field", field=name)
        word = rest
    if word:
        yield _Piece("asked", _asked(word))


def _asked(word: str) -> Text | None:
    ending = _ENDING.fullmatch(word)
    if ending is None:
        return typed_word(word)
    if ending["star"]:
        return typed_word(ending["bare"], prefix=True)
    length = sum(map(len, words(ending["bare"])))
    edits = int(ending["edits"]) if ending["edits"] else 2 if length > 5 else 1  # noqa: PLR2004 # as AUTO does
    return typed_word(ending["bare"], fuzzy=min(edits, 2))


class _Reader:
    """Reads the pieces from left to right, once."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces, self._at, self._depth = pieces, 0, 0

    def all_of_it(self) -> Text | None:
        parts: list[Text | None] = []
        while self._at < len(self._pieces):
            parts.append(self._alternatives())
            self._at += 1  # a closing bracket that nothing opened
        return all_of(parts)

    def _alternatives(self) -> Text | None:
        parts = [self._side_by_side()]
        while self._next() == "OR":
            self._at += 1
            parts.append(self._side_by_side())
        return any_of(parts)

    def _side_by_side(self) -> Text | None:
        parts: list[Text | None] = []
        while self._next() not in {"OR", ")", ""}:
            parts.append(self._one())
        return all_of(parts)

    def _one(self) -> Text | None:
        negated = False
        while self._next() == "NOT":
            negated = not negated
            self._at += 1
        field = ""
        if self._next() == "field":
            field = self._pieces[self._at].field
            self._at += 1
        asked = self._operand()
        if asked is not None and field:
            asked = Within((field,), asked)
        return Without(asked) if asked is not None and negated else asked

    def _operand(self) -> Text | None:
        following = self._next()
        if following == "asked":
            self._at += 1
            return self._pieces[self._at - 1].asked
        return self._bracketed() if following == "(" else None

    def _bracketed(self) -> Text | None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInputError(f"a query has brackets at most {DEEPEST} deep")
        self._at += 1
        inner = self._alternatives()
        self._at += 1  # the closing one, or the end
        self._depth -= 1
        return inner

    def _next(self) -> str:
        return self._pieces[self._at].kind if self._at < len(self._pieces) else ""
