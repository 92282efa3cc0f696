"""Queries as tantivy's own objects: nothing that was typed is ever read as a query by tantivy."""

from collections.abc import Iterable, Sequence
from os.path import commonprefix
from typing import TYPE_CHECKING, cast

from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Either,
    Exists,
    Filter,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Scalar,
    SearchQuery,
    Text,
    Together,
    Within,
    Without,
    Word,
)
from burgee.search.tantivy.index import DOCUMENT
from burgee.search.text.language import all_of
from burgee.search.text.stems import stems_sought
from burgee.search.values import Value, as_kind, stored, whole_bounds

if TYPE_CHECKING:
    import tantivy


class Queries:
    """Makes queries for an index, as it is seen by one searcher."""

    def __init__(self, schema: "tantivy.Schema", searcher: "tantivy.Searcher", mapping: IndexMapping) -> None:
        from tantivy import FieldType, Occur, Query

        self._made, self._occur, self._types = Query, Occur, FieldType
        self._schema = schema
        self._searcher = searcher
        self._mapping = mapping
        self._places = {field.name: at for at, field in enumerate(mapping.fields)}

    def query(self, query: SearchQuery, alike: Text | None) -> "tantivy.Query":
        """What a checked query finds. `alike`: the words of the document it is to be like."""
        parts: list[tuple[tantivy.Occur, tantivy.Query]] = []
        text = query.text if query.like is None else all_of([query.text, alike])
        if query.like is not None and alike is None:
            return self._made.empty_query()
        if text is not None:
            parts.append((self._occur.Must, self.text(text)))
        if query.like is not None:
            parts.append((self._occur.MustNot, self.term("id", query.like)))
        parts += [(self._occur.Must, self._silent(self.filter(given))) for given in query.filters]
        if len(parts) == 1 and text is not None:
            return parts[0][1]
        return self._made.boolean_query(parts) if parts else self.everything()

    def everything(self) -> "tantivy.Query":
        """All documents, with no score."""
        return self._silent(self.term("is", DOCUMENT))

    def term(self, name: str, value: object) -> "tantivy.Query":
        """Those whose field holds the value."""
        return self._made.term_query(self._schema, name, value, "basic")

    def both(self, first: "tantivy.Query", second: "tantivy.Query") -> "tantivy.Query":
        """What both find."""
        return self._made.boolean_query([(self._occur.Must, first), (self._occur.Must, second)])

    def but(self, first: "tantivy.Query", second: "tantivy.Query") -> "tantivy.Query":
        """What the first finds and the second does not."""
        return self._made.boolean_query([(self._occur.Must, first), (self._occur.MustNot, second)])

    def text(self, text: Text, within: Sequence[str] | None = None) -> "tantivy.Query":
        """A text, in the fields named; in all without."""
        match text:
            case Word() | Phrase():
                return self._in_fields(text, within)
            case Within(fields, of):
                return self.text(of, [name for name in fields if within is None or name in within])
            case Without(of):
                return self._silent(self.but(self.everything(), self.text(of, within)))
            case AnyOf(of):
                return self._made.boolean_query([(self._occur.Should, self.text(part, within)) for part in of])
            case All(of):
                parts = [
                    (self._occur.MustNot, self.text(part.of, within))
                    if isinstance(part, Without)
                    else (self._occur.Must, self.text(part, within))
                    for part in of
                ]
                if all(isinstance(part, Without) for part in of):
                    parts.append((self._occur.Must, self.everything()))
                return self._made.boolean_query(parts)

    def beginning(self, name: str, words: Sequence[str]) -> "tantivy.Query":
        """Those where the words stand side by side, the last as the beginning of one."""
        *whole, last = words
        if not whole:
            return self._made.fuzzy_term_query(self._schema, name, last, 0, prefix=True)  # a regex takes twice as long
        return self._made.regex_phrase_query(self._schema, name, [*whole, f"{last}.*"])

    def with_each(self, name: str, words: Sequence[str]) -> "tantivy.Query":
        """Those where each of the words stands somewhere, the last as the beginning of one."""
        *whole, last = words
        parts = [
            *(self._made.term_query(self._schema, name, word, "freq") for word in whole),
            self.beginning(name, [last]),
        ]
        return self._made.boolean_query([(self._occur.Must, part) for part in parts])

    def filter(self, given: Filter) -> "tantivy.Query":
        """A filter."""
        if isinstance(given, Not):
            return self.but(self.everything(), self.filter(given.of))
        if isinstance(given, Either | Together):
            occur = self._occur.Should if isinstance(given, Either) else self._occur.Must
            return self._made.boolean_query([(occur, self.filter(one)) for one in given.of])
        at = self._places[given.field]
        name, kind = f"w{at}", self._mapping.fields[at].kind
        match given:
            case Exists():
                return self._made.exists_query(name)
            case OneOf(_, values):
                return self._one_of(name, _held(values, kind))
            case Between(_, low, high, below):
                return self._between(name, kind, low, high, below=below)

    def _between(
        self, name: str, kind: Kind, low: Scalar | None, high: Scalar | None, *, below: bool
    ) -> "tantivy.Query":
        if low is None and high is None:
            return self._made.exists_query(name)
        if kind in {Kind.TEXT, Kind.KEYWORD}:
            return self._one_of(name, self._terms(name, low, high, below=below))
        if kind is Kind.NUMBER:
            first, last = (None if bound is None else float(cast("float", bound)) for bound in (low, high))
            inclusive = not below or high is None
            return self._made.range_query(self._schema, name, self._types.Float, first, last, include_upper=inclusive)
        whole = whole_bounds(cast("float | None", low), cast("float | None", high), below=below)
        if whole is None:
            return self._made.empty_query()
        return self._made.range_query(self._schema, name, self._types.Integer, *whole)

    def _in_fields(self, text: Word | Phrase, within: Sequence[str] | None) -> "tantivy.Query":
        found = []
        for at, field in enumerate(self._mapping.fields):
            if field.kind is Kind.TEXT and (within is None or field.name in within):
                stems = stems_sought(text, field)
                leaf = self._leaf(f"t{at}", text) if stems is None else self._stems(f"r{at}", stems)
                found.append(leaf if field.weight == 1 else self._made.boost_query(leaf, field.weight))
        return self._any_of(found) if found else self._made.empty_query()

    def _stems(self, name: str, stems: Sequence[str]) -> "tantivy.Query":
        return self._any_of([self._made.term_query(self._schema, name, stem, "freq") for stem in stems])

    def _any_of(self, found: "Sequence[tantivy.Query]") -> "tantivy.Query":
        return found[0] if len(found) == 1 else self._made.boolean_query([(self._occur.Should, one) for one in found])

    def _leaf(self, name: str, text: Word | Phrase) -> "tantivy.Query":
        if isinstance(text, Phrase):
            if len(text.words) > 1:
                return self._made.phrase_query(self._schema, name, list(text.words))
            return self._made.term_query(self._schema, name, text.words[0], "freq")
        if text.prefix:
            return self.beginning(name, [text.text])
        if text.fuzzy:
            return self._made.fuzzy_term_query(self._schema, name, text.text, text.fuzzy)
        return self._made.term_query(self._schema, name, text.text, "freq")

    def _one_of(self, name: str, values: Sequence[object]) -> "tantivy.Query":
        if len(values) == 1:
            return self.term(name, values[0])
        return self._made.term_set_query(self._schema, name, list(values)) if values else self._made.empty_query()

    def _terms(self, name: str, low: object, high: object, *, below: bool) -> list[str]:
        """The keywords there are between two: tantivy knows no ranges of text."""
        prefix = commonprefix([low, high]) if isinstance(low, str) and isinstance(high, str) else ""  # noqa: RUF071 - of texts
        terms: Iterable[str] = (term for term, _ in self._searcher.terms_with_prefix(name, prefix))  # by frequency
        if isinstance(low, str):
            terms = (term for term in terms if term >= low)
        if isinstance(high, str):
            terms = (term for term in terms if term < high or (term == high and not below))
        return list(terms)

    def _silent(self, query: "tantivy.Query") -> "tantivy.Query":
        """The same, counting for nothing in the score."""
        return self._made.const_score_query(query, 0.0)


def _held(values: Sequence[Scalar], kind: Kind) -> list[object]:
    """Values as an index holds those of that kind; what it can't hold is left out."""
    if kind in {Kind.TEXT, Kind.KEYWORD}:
        return list(values)
    if kind is Kind.NUMBER:
        return [float(cast("float", value)) + 0.0 for value in values]
    held = (as_kind(stored(cast("Value", value)), Kind.INTEGER) for value in values)
    return [value for value in held if value is not None]
