"""Documents like another one: which of its words stand for it.

They are chosen by the document alone, not by how rare a word is in an engine (engines count that differently while
they tidy up), so that every engine finds the same: up to 25 different words of its text fields, of four letters or
more (of any length, if it has none so long), the longest first (long words are rare ones: Zipf's law of
abbreviation), then by alphabet. Whatever holds one of them is alike; what holds more of them, and rarer ones, comes
first, as in any search.
"""

from collections.abc import Mapping

from burgee.search.model import IndexMapping, Kind, Text, Word
from burgee.search.text.analysis import accented, tokens
from burgee.search.text.language import any_of
from burgee.search.values import field_values

MOST, SHORTEST = 25, 4


def similar(id: str, document: Mapping[str, object], mapping: IndexMapping) -> Text | None:
    """What to look for to find documents like this one (and itself); none if it holds no such word."""
    texts = IndexMapping(tuple(field for field in mapping.fields if field.kind is Kind.TEXT))
    values = field_values(id, document, texts)
    there: dict[str, str] = {}
    for value in (str(value) for several in values.values() for value in several):
        for token in tokens(value):
            if token.text not in there:
                there[token.text] = accented(value[token.start : token.end])
    telling = [word for word in there if len(word) >= SHORTEST] or there
    chosen = sorted(telling, key=lambda word: (-len(word), word))[:MOST]
    return any_of(Word(word, accented=there[word]) for word in chosen)
