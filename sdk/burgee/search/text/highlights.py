"""What was found, shown in its place: parts of a text with the words in `<mark>`s, safe to put into a page."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import chain

from burgee.search.model import All, AnyOf, Field, IndexMapping, Kind, Phrase, Text, Within, Without, Word
from burgee.search.text.analysis import LONGEST, accented, tokens
from burgee.search.text.edits import near
from burgee.search.text.language import leaves
from burgee.search.text.stems import stems, stems_sought

PART, MOST_PARTS = 150, 3
"""Characters of a part, about, and parts of a field."""

_WHOLE = 200  # a text of so many characters is one part
_ASCII = re.compile(r"[a-z0-9]+")

type _Token = tuple[str, int, int]
type _Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is looked for in one field."""

    words: frozenset[str]
    prefixes: tuple[str, ...]
    fuzzy: tuple[tuple[str, int], ...]
    phrases: tuple[tuple[str, ...], ...]
    stems: frozenset[str]
    language: str | None

    def matches(self, word: str) -> bool:
        return (
            word in self.words
            or word.startswith(self.prefixes)
            or any(near(sought, [word], most) for sought, most in self.fuzzy)
        )


def highlights(text: Text, document: Mapping[str, object], mapping: IndexMapping) -> dict[str, tuple[str, ...]]:
    """For each text field where something was found: up to 3 parts of it, in their order, the best there are.

    A short text is one part. Parts begin and end between words. The values of a list are texts of their own.
    """
    shown: dict[str, tuple[str, ...]] = {}
    for field in mapping.fields:
        given = document.get(field.name) if field.kind is Kind.TEXT else None
        if given is None:
            continue
        sought = _sought(text, field)
        values = given if isinstance(given, list | tuple) else [given]
        parts = [part for value in values if isinstance(value, str) for part in _parts(value, sought)]
        best = sorted(range(len(parts)), key=lambda at: -parts[at][0])[:MOST_PARTS]
        if best:
            shown[field.name] = tuple(parts[at][1] for at in sorted(best))
    return shown


@lru_cache(maxsize=64)
def _sought(text: Text, field: Field) -> _Sought:
    found = [leaf for part in _wanted(text, field.name) for leaf in leaves(part)]
    stemmed = {leaf: by for leaf in found if (by := stems_sought(leaf, field)) is not None}
    words = [leaf for leaf in found if isinstance(leaf, Word) and leaf not in stemmed]
    return _Sought(
        frozenset(word.text for word in words if not word.prefix),
        tuple(word.text for word in words if word.prefix),
        tuple((word.text, word.fuzzy) for word in words if word.fuzzy),
        tuple(leaf.words for leaf in found if isinstance(leaf, Phrase)),
        frozenset(chain.from_iterable(stemmed.values())),
        field.language,
    )


def _wanted(text: Text, field: str) -> Iterator[Word | Phrase]:
    """The words and phrases that are looked for in a field, without those that must not be there."""
    match text:
        case Word() | Phrase():
            yield text
        case All(of) | AnyOf(of):
            for part in of:
                yield from _wanted(part, field)
        case Within(fields, of):
            if field in fields:
                yield from _wanted(of, field)
        case Without(Without(of)):
            yield from _wanted(of, field)
        case Without():
            return


def _parts(text: str, sought: _Sought) -> list[tuple[int, str]]:
    """Parts of a text with what was found in them, and how much that is."""
    words = _tokens(text)
    spans = _spans(text, words, sought)
    if not spans:
        return []
    if len(text) <= _WHOLE:
        return [(len(spans), _marked(text, (0, len(text)), spans))]
    return [(len(inside), _marked(text, part, inside)) for part, inside in _windows(words, spans)]


def _tokens(text: str) -> list[_Token]:
    if text.isascii():
        return [(match[0][:LONGEST], match.start(), match.end()) for match in _ASCII.finditer(text.lower())]
    return [(token.text, token.start, token.end) for token in tokens(text)]


def _spans(text: str, words: Sequence[_Token], sought: _Sought) -> list[_Span]:
    """Where something is that was looked for, in order, none within another."""
    found = [at for at, (word, _, _) in enumerate(words) if sought.matches(word)]
    for phrase in sought.phrases:
        size = len(phrase)
        for at in range(len(words) - size + 1):
            if words[at][0] == phrase[0] and all(words[at + to][0] == phrase[to] for to in range(size)):
                found.extend(range(at, at + size))
    if sought.language is not None and sought.stems:
        for at, (word, start, end) in enumerate(words):
            if not sought.stems.isdisjoint(stems(word, sought.language, accented(text[start:end]))):
                found.append(at)
    return list(dict.fromkeys(words[at][1:] for at in sorted(set(found))))  # one sign may be several words


def _windows(words: Sequence[_Token], spans: Sequence[_Span]) -> Iterator[tuple[_Span, Sequence[_Span]]]:
    """Parts of about the right size around what was found, from the left, and what lies in each."""
    at = border = 0
    while at < len(spans):
        first = spans[at][0]
        until = at + 1
        while until < len(spans) and spans[until][1] <= first + PART:
            until += 1
        last = spans[until - 1][1]
        room = max(0, PART - (last - first)) // 2
        begin = min(start for _, start, _ in words if max(border, first - room) <= start <= first)
        end = max(end for _, _, end in words if last <= end <= max(last, last + room))
        yield (begin, end), spans[at:until]
        border, at = end, until
        while at < len(spans) and spans[at][0] < border:
            at += 1


def _marked(text: str, part: _Span, spans: Sequence[_Span]) -> str:
    pieces: list[str] = []
    at = part[0]
    for start, end in spans:
        pieces += (escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>")
        at = end
    pieces.append(escape(text[at : part[1]]))
    return "".join(pieces)
