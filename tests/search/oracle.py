"""The meaning of a query in plain Python, document by document: what every engine must answer.

Only what a word is comes from `search.text.analysis`, and its stems from Snowball; all else is thought out anew, slow
and plain. Scores are BM25 as Lucene counts it (Robertson and Zaragoza 2009, `idf = log(1 + (N - n + 0.5) / (n + 0.5))`,
k1 1.2, b 0.75), a field's times its weight, added up over the fields. A word has a stem as it is compared, and perhaps
another one with its accents: in a field with a language each of them is like a word.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from Stemmer import Stemmer

from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Bucket,
    Dates,
    Either,
    Exists,
    Facet,
    FacetAnswer,
    Filter,
    Histogram,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Ranges,
    SearchQuery,
    Sort,
    Statistics,
    Stats,
    Terms,
    Text,
    Together,
    Within,
    Without,
    Word,
)
from burgee.search.text.analysis import accented, tokens, words


@dataclass(frozen=True, slots=True)
class Answer:
    """What is found: the ids (in order, if the query sorts by fields; else by id), and the facets."""

    ids: tuple[str, ...]
    facets: tuple[FacetAnswer, ...]


class Oracle:
    """Knows some documents and what every query finds among them."""

    def __init__(self, mapping: IndexMapping, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._kinds = {field.name: field.kind for field in mapping.fields}
        self._weights = {field.name: field.weight for field in mapping.fields if field.kind is Kind.TEXT}
        self._languages = {field.name: field.language for field in mapping.fields}
        self.documents = documents
        self._values = {id: {name: self._held(name, doc) for name in self._kinds} for id, doc in documents.items()}
        self._words = {
            id: {name: [words(value) for value in held[name]] for name in self._weights}
            for id, held in self._values.items()
        }
        self._stems = {
            id: {name: [self._stemmed(name, value) for value in held[name]] for name in self._weights}
            for id, held in self._values.items()
        }

    def answer(self, query: SearchQuery) -> Answer:
        """What a query finds."""
        found = sorted(id for id in self.documents if self.finds(id, query))
        for sort in reversed(query.sort):
            found = self._sorted(found, sort)
        return Answer(tuple(found), tuple(self._facet(facet, found) for facet in query.facets))

    def finds(self, id: str, query: SearchQuery) -> bool:
        """Whether a query finds a document."""
        if query.text is not None and not self._says(id, query.text, tuple(self._weights)):
            return False
        if query.like is not None and (id == query.like or not self._alike(id, query.like)):
            return False
        return all(self._passes(id, given) for given in query.filters)

    def ranked(self, text: Text) -> list[tuple[str, float]]:
        """The found and their scores, best first, ties by id."""
        found = self.answer(SearchQuery(text)).ids
        return sorted(((id, self._score(id, text)) for id in found), key=lambda one: (-one[1], one[0]))

    def suggestions(self, prefix: str, field: str) -> list[str]:
        """The values of a field in which the words of a prefix stand side by side, the last as a beginning."""
        begins = words(prefix)
        counts: Counter[str] = Counter()
        for held in self._values.values():
            counts.update({value for value in held[field] if _runs(words(value), begins)})
        return sorted(counts, key=lambda value: (-counts[value], value))

    def _held(self, name: str, document: Mapping[str, Any]) -> list[Any]:
        given = document.get(name)
        values = [value for value in (given if isinstance(given, list) else [given]) if value is not None]
        return [_moment(value) for value in values] if self._kinds[name] is Kind.DATE else values

    def _stemmed(self, name: str, value: str) -> list[str]:
        written = [(token.text, accented(value[token.start : token.end])) for token in tokens(value)]
        return [stem for word, accents in written for stem in stems(word, accents, self._languages[name])]

    def _alike(self, id: str, other: str) -> bool:
        """Whether a document is found by one of the words that stand for another."""
        texts = [value for name in self._weights for value in self._values[other][name]]
        written = [(token.text, accented(text[token.start : token.end])) for text in texts for token in tokens(text)]
        there = dict(reversed(written))  # as each was written first
        long = [word for word in there if len(word) >= 4] or there
        standing = sorted(long, key=lambda word: (-len(word), word))[:25]
        return any(self._says(id, Word(word, accented=there[word]), tuple(self._weights)) for word in standing)

    def _held_as(self, leaf: Word | Phrase, name: str) -> tuple[list[Word | Phrase], dict[str, dict[str, Any]]]:
        """What a word or phrase is in a field, and where to look for it: among the words there, or among the stems."""
        if self._languages[name] is None or isinstance(leaf, Phrase) or leaf.prefix or leaf.fuzzy:
            return [leaf], self._words
        return [Word(stem) for stem in stems(leaf.text, leaf.accented, self._languages[name])], self._stems

    def _says(self, id: str, text: Text, fields: tuple[str, ...]) -> bool:
        match text:
            case All(of):
                return all(self._says(id, part, fields) for part in of)
            case AnyOf(of):
                return any(self._says(id, part, fields) for part in of)
            case Without(of):
                return not self._says(id, of, fields)
            case Within(names, of):
                return self._says(id, of, tuple(name for name in fields if name in names))
            case Word() | Phrase():
                held = [(name, *self._held_as(text, name)) for name in fields]
                return any(_times(part, value) for name, of, there in held for part in of for value in there[id][name])

    def _passes(self, id: str, given: Filter) -> bool:
        match given:
            case Not(of):
                return not self._passes(id, of)
            case Either(of):
                return any(self._passes(id, one) for one in of)
            case Together(of):
                return all(self._passes(id, one) for one in of)
            case OneOf(name, values):
                wanted = [_moment(value) if self._kinds[name] is Kind.DATE else value for value in values]
                return any(value in wanted for value in self._values[id][name])
            case Exists(name):
                return self._values[id][name] != []
            case Between(name, low, high, below):
                if self._kinds[name] is Kind.DATE:
                    low, high = (None if bound is None else _moment(bound) for bound in (low, high))
                return any(_within(value, low, high, below=below) for value in self._values[id][name])

    def _sorted(self, ids: list[str], sort: Sort) -> list[str]:
        choose = max if sort.descending else min
        there = {id: choose(self._values[id][sort.field]) for id in ids if self._values[id][sort.field]}
        ordered = sorted((id for id in ids if id in there), key=lambda id: there[id], reverse=sort.descending)
        return [*ordered, *(id for id in ids if id not in there)]

    def _facet(self, facet: Facet, ids: list[str]) -> FacetAnswer:
        held = [self._values[id][facet.field] for id in ids]
        match facet:
            case Terms(_, size):
                counts = Counter(value for values in held for value in set(values))
                best = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:size]
                return tuple(Bucket(value, count) for value, count in best)
            case Ranges(_, bounds):
                return tuple(
                    Bucket(
                        low, sum(any(_within(v, low, high, below=True) for v in values) for values in held), low, high
                    )
                    for low, high in pairwise(bounds)
                )
            case Histogram(_, interval):
                steps = Counter(step for values in held for step in {math.floor(value / interval) for value in values})
                return tuple(Bucket(at * interval, steps[at]) for at in _all_between(steps))
            case Dates(_, per):
                begins = Counter(begin for values in held for begin in {_begin(value, per) for value in values})
                return tuple(Bucket(begin, begins[begin]) for begin in _all_begins(begins, per))
            case Stats():
                values = [value for several in held for value in several]
                if not values:
                    return Statistics(0)
                total = math.fsum(values)
                return Statistics(len(values), min(values), max(values), total, total / len(values))

    def _score(self, id: str, text: Text) -> float:
        return sum(self._leaf_score(id, leaf, fields) for leaf, fields in self._wanted(text, tuple(self._weights)))

    def _leaf_score(self, id: str, leaf: Word | Phrase, fields: tuple[str, ...]) -> float:
        score = 0.0
        held_as = [(name, *self._held_as(leaf, name)) for name in fields]
        for name, part, there in ((name, part, there) for name, of, there in held_as for part in of):
            lengths = {other: sum(map(len, held[name])) for other, held in there.items()}
            times = {other: sum(_times(part, value) for value in held[name]) for other, held in there.items()}
            having = sum(map(bool, times.values()))
            if not times[id]:
                continue
            mean = sum(lengths.values()) / max(1, sum(map(bool, lengths.values())))
            idf = math.log(1 + (len(lengths) - having + 0.5) / (having + 0.5))
            norm = 1.2 * (1 - 0.75 + 0.75 * lengths[id] / mean)
            score += self._weights[name] * idf * times[id] * 2.2 / (times[id] + norm)
        return score

    def _wanted(self, text: Text, fields: tuple[str, ...]) -> Iterator[tuple[Word | Phrase, tuple[str, ...]]]:
        match text:
            case Word() | Phrase():
                yield text, fields
            case All(of) | AnyOf(of):
                for part in of:
                    yield from self._wanted(part, fields)
            case Within(names, of):
                yield from self._wanted(of, tuple(name for name in fields if name in names))
            case Without():
                return


@lru_cache(maxsize=100_000)
def stems(word: str, accents: str, language: str | None) -> list[str]:
    """The stems of a word in a language, each once; none without a language."""
    forms = [] if language is None else [word, accents or word]
    found = ["".join(words(Stemmer(language).stemWord(form))) or word for form in forms]
    return sorted(set(found))


def _times(leaf: Word | Phrase, value: list[str]) -> int:
    if isinstance(leaf, Phrase):
        size = len(leaf.words)
        return sum(tuple(value[at : at + size]) == leaf.words for at in range(len(value) - size + 1))
    if leaf.prefix:
        return sum(word.startswith(leaf.text) for word in value)
    if leaf.fuzzy:
        return sum(edits(leaf.text, word) <= leaf.fuzzy for word in value)
    return value.count(leaf.text)


@lru_cache(maxsize=100_000)
def edits(one: str, other: str) -> int:
    """Edits between two words, by the definition: the best of all ways to begin."""
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return edits(one[1:], other[1:])
    ways = [edits(one[1:], other), edits(one, other[1:]), edits(one[1:], other[1:])]
    if one[:2] == other[1::-1] and len(one) > 1:
        ways.append(edits(one[2:], other[2:]))
    return 1 + min(ways)


def _runs(value: list[str], begins: list[str]) -> bool:
    if not begins:
        return True
    *whole, last = begins
    size = len(begins)
    return any(
        value[at : at + size - 1] == whole and value[at + size - 1].startswith(last)
        for at in range(len(value) - size + 1)
    )


def _within(value: Any, low: Any, high: Any, *, below: bool) -> bool:
    return (low is None or value >= low) and (high is None or (value < high if below else value <= high))


def _moment(value: Any) -> datetime:
    made = datetime.fromisoformat(value) if isinstance(value, str) else value
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)


def _all_between(steps: Mapping[int, int]) -> range:
    return range(min(steps), max(steps) + 1) if steps else range(0)


def _begin(at: datetime, per: str) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match per:
        case "minute":
            return at.replace(second=0, microsecond=0)
        case "hour":
            return at.replace(minute=0, second=0, microsecond=0)
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month=1 + 3 * ((day.month - 1) // 3))
        case "year":
            return day.replace(day=1, month=1)
        case _:
            return day


def _all_begins(begins: Mapping[datetime, int], per: str) -> Iterator[datetime]:
    if not begins:
        return
    at, last = min(begins), max(begins)
    step = timedelta(minutes=1) if per == "minute" else timedelta(hours=1) if per == "hour" else timedelta(days=1)
    while at <= last:
        if at == _begin(at, per):
            yield at
        at += step
