"""Queries as SQL for SQLite, and texts as expressions of FTS5. Whatever is asked for goes in as a parameter.

An index of number 3 has the tables

- `documents_3`: row, id, document;
- `text_3`: FTS5, a column `c0`, `c1`, … for each text field, all of it words with blanks between, and `r1` for the
  stems of the words of `c1` if that field has a language;
- `words_3`: the words that are or were in `text_3` (`fts5vocab`, which knows them too, takes ten times as long);
- `values_3`: row, field (its place in the mapping), value: what filters, facets and sorting see;
- `offers_3`: the values that are suggested, and how many documents have each; `offered_3`: FTS5, their words.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from burgee.search.cursor import SCORE
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Either,
    Exists,
    Field,
    Filter,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Sort,
    Text,
    Together,
    Within,
    Without,
    Word,
)
from burgee.search.text.stems import stems_sought
from burgee.search.values import Value

BETWEEN_VALUES = "\ue000"
"""A word no text has: it stands between the values of a list, so that no phrase goes across."""

_MOST_LOOKED_UP = 5  # conditions of which each row may have to be asked all

_NOTHING = '"\ue001"'  # an expression that finds nothing

type Near = Callable[[str, int], Sequence[str]]
"""The words of an index that are so many edits from a word."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """An expression of FTS5. `negated`: whatever it does not find."""

    expression: str
    negated: bool = False


def tables(number: int, mapping: IndexMapping) -> list[str]:
    """The statements that make the tables of an index."""
    columns = ", ".join(text_columns(mapping))
    return [
        f"CREATE TABLE documents_{number} (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL)",
        f"CREATE VIRTUAL TABLE text_{number} USING fts5({columns}, tokenize = 'ascii')",
        f"CREATE TABLE words_{number} (word TEXT PRIMARY KEY) WITHOUT ROWID",
        f"CREATE TABLE values_{number} (row INTEGER NOT NULL, field INTEGER NOT NULL, value NOT NULL)",
        f"CREATE INDEX values_{number}_by_row ON values_{number} (row, field, value)",
        f"CREATE INDEX values_{number}_by_value ON values_{number} (field, value, row)",
        f"CREATE TABLE offers_{number} (number INTEGER PRIMARY KEY, field INTEGER, value TEXT, count INTEGER)",
        f"CREATE UNIQUE INDEX offers_{number}_by_value ON offers_{number} (field, value)",
        f"CREATE VIRTUAL TABLE offered_{number} USING fts5(words, tokenize = 'ascii')",
    ]


def dropped(number: int) -> list[str]:
    """The statements that remove them."""
    return [
        f"DROP TABLE IF EXISTS {name}_{number}"
        for name in ("documents", "text", "words", "values", "offers", "offered")
    ]


def text_fields(mapping: IndexMapping) -> list[Field]:
    """The text fields, in the order of their columns."""
    return [field for field in mapping.fields if field.kind is Kind.TEXT]


def text_columns(mapping: IndexMapping) -> dict[str, float]:
    """The columns for texts, those of stems last, and what each counts for."""
    texts = text_fields(mapping)
    plain = {f"c{at}": field.weight for at, field in enumerate(texts)} or {"c0": 1.0}
    return plain | {f"r{at}": field.weight for at, field in enumerate(texts) if field.language is not None}


def place(mapping: IndexMapping, name: str) -> int:
    """A field's place in the mapping."""
    return next(at for at, field in enumerate(mapping.fields) if field.name == name)


def match(text: Text, fields: Sequence[Field], near: Near, within: Collection[str] | None = None) -> Match:
    """A text as an expression. FTS5 knows no `NOT` alone: what is negated is carried outwards (De Morgan)."""
    match text:
        case Word() | Phrase():
            return Match(_in_columns(text, fields, near, within))
        case Without(of):
            inner = match_of(of, fields, near, within)
            return Match(inner.expression, not inner.negated)
        case Within(names, of):
            inside = [name for name in names if within is None or name in within]
            return match_of(of, fields, near, inside)
        case All(of):
            return _all([match_of(part, fields, near, within) for part in of])
        case AnyOf(of):
            turned = [match_of(part, fields, near, within) for part in of]
            every = _all([Match(part.expression, not part.negated) for part in turned])
            return Match(every.expression, not every.negated)


match_of = match  # `match` is a word of the language inside the function


def phrase_of(words: Iterable[str], *, prefix: bool = False) -> str:
    """Words next to each other, as an expression."""
    quoted = " ".join(words).replace('"', '""')
    return f'"{quoted}" *' if prefix else f'"{quoted}"'


def found(number: int, asked: Match | None, weights: Sequence[float], filters: Iterable[Sql]) -> Sql:
    """All rows a query finds and their scores."""
    conditions: list[str] = []
    parameters: list[object] = []
    if asked is not None and not asked.negated:
        score = f"-bm25(text_{number}{', ?' * len(weights)})"
        source, row = f"text_{number}", "rowid"
        parameters += weights
        conditions.append(f"text_{number} MATCH ?")
        parameters.append(asked.expression)
    else:
        score, source, row = "NULL" if asked is None else "0.0", f"documents_{number}", "row"
        if asked is not None:
            conditions.append(f"row NOT IN (SELECT rowid FROM text_{number} WHERE text_{number} MATCH ?)")
            parameters.append(asked.expression)
    for condition in filters:
        conditions.append(condition.text)
        parameters += condition.parameters
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Sql(f"SELECT {row}, {score} FROM {source}{where}", tuple(parameters))


def filtering(given: Filter, number: int, mapping: IndexMapping, row: str, *, few: bool) -> Sql:
    """A filter as a condition on `row`. `few`: the other conditions leave few rows, which are looked up one by one."""
    match given:
        case Not(of):
            inner = filtering(of, number, mapping, row, few=few)
            return Sql(f"NOT ({inner.text})", inner.parameters)
        case Either(several) | Together(several):
            if few and _size(given) > _MOST_LOOKED_UP:
                few, row = False, f"+{row}"  # the sign keeps SQLite from going by rows, where it could not MATCH
            parts = [filtering(one, number, mapping, row, few=few) for one in several]
            joined = (" OR " if isinstance(given, Either) else " AND ").join(part.text for part in parts)
            return Sql(f"({joined})", tuple(chain.from_iterable(part.parameters for part in parts)))
        case OneOf(name, values):
            condition = Sql(f"v.value IN ({', '.join('?' * len(values))})", values)
        case Between(name, low, high, below):
            bounds = [("v.value >= ?", low), (f"v.value {'<' if below else '<='} ?", high)]
            there = [(text, bound) for text, bound in bounds if bound is not None]
            condition = Sql(" AND ".join(text for text, _ in there), tuple(bound for _, bound in there))
        case Exists(name):
            condition = Sql("1")
    parameters = (place(mapping, name), *condition.parameters)
    inside = f"FROM values_{number} AS v WHERE v.field = ? AND {condition.text}"
    if few:
        return Sql(f"EXISTS (SELECT 1 {inside} AND v.row = {row})", parameters)
    return Sql(f"{row} IN (SELECT v.row {inside})", parameters)


def page(
    number: int,
    sorts: Sequence[Sort],
    mapping: IndexMapping,
    after: tuple[Sequence[Value | None], str] | None,
    size: int,
) -> Sql:
    """The rows of a page of `found`, with their id, score and what they are sorted by."""
    keys: list[str] = []
    parameters: list[object] = []
    for at, sort in enumerate(sorts):
        if sort.field == SCORE:
            keys.append(f"found.score AS k{at}")
            continue
        chosen = "max" if sort.descending else "min"
        inside = f"SELECT {chosen}(v.value) FROM values_{number} AS v WHERE v.row = found.row AND v.field = ?"
        keys.append(f"({inside}) AS k{at}")
        parameters.append(place(mapping, sort.field))
    columns = ", ".join(["found.row AS row", "d.id AS id", "found.score AS score", *keys])
    beyond = Sql("1") if after is None else _beyond(sorts, *after)
    ordered = [
        part for at, sort in enumerate(sorts) for part in (f"k{at} IS NULL", f"k{at}{' DESC' * sort.descending}")
    ]
    return Sql(
        f"SELECT * FROM (SELECT {columns} FROM temp.found CROSS JOIN documents_{number} AS d ON d.row = found.row)"
        f" WHERE {beyond.text} ORDER BY {', '.join([*ordered, 'id'])} LIMIT ?",
        (*parameters, *beyond.parameters, size),
    )


def _beyond(sorts: Sequence[Sort], values: Sequence[Value | None], id: str) -> Sql:
    """What comes after a place: later by one of the keys, where those before it are the same."""
    ways: list[str] = []
    parameters: list[object] = []
    same: list[str] = []
    for at, (sort, value) in enumerate(zip(sorts, values, strict=True)):
        if value is not None:
            later = f"(k{at} {'<' if sort.descending else '>'} ? OR k{at} IS NULL)"
            ways.append(" AND ".join([*same, later]))
            parameters += [*values[:at], value]
        same.append(f"k{at} IS ?")
    ways.append(" AND ".join([*same, "id > ?"]))
    return Sql(f"({' OR '.join(f'({way})' for way in ways)})", (*parameters, *values, id))


def _size(given: Filter) -> int:
    """How many conditions a filter has."""
    if isinstance(given, Either | Together):
        return sum(map(_size, given.of))
    return _size(given.of) if isinstance(given, Not) else 1


def _leaf(leaf: Word | Phrase, near: Near) -> str:
    if isinstance(leaf, Phrase):
        return phrase_of(leaf.words)
    if leaf.fuzzy:
        return _joined(" OR ", [phrase_of([word]) for word in near(leaf.text, leaf.fuzzy)])
    return phrase_of([leaf.text], prefix=leaf.prefix)


def _in_columns(leaf: Word | Phrase, fields: Sequence[Field], near: Near, within: Collection[str] | None) -> str:
    """A word or phrase in the columns of these fields: as it is, or in some by its stems."""
    if fields and within is None and all(field.language is None for field in fields):
        return _leaf(leaf, near)
    columns: dict[tuple[str, ...] | None, list[str]] = {}
    for at, field in enumerate(fields):
        if within is None or field.name in within:
            stems = stems_sought(leaf, field)
            columns.setdefault(stems, []).append(f"c{at}" if stems is None else f"r{at}")
    found = []
    for stems, those in columns.items():
        wanted = _leaf(leaf, near) if stems is None else _joined(" OR ", [phrase_of([stem]) for stem in stems])
        found.append(f"{{{' '.join(those)}}} : {wanted}")
    return _joined(" OR ", found)


def _all(parts: Sequence[Match]) -> Match:
    wanted = [part.expression for part in parts if not part.negated]
    unwanted = [part.expression for part in parts if part.negated]
    if not wanted:
        return Match(_joined(" OR ", unwanted), negated=True)
    if not unwanted:
        return Match(_joined(" AND ", wanted))
    return Match(f"({_joined(' AND ', wanted)} NOT {_joined(' OR ', unwanted)})")


def _joined(operator: str, expressions: Sequence[str]) -> str:
    if not expressions:
        return _NOTHING
    return expressions[0] if len(expressions) == 1 else f"({operator.join(expressions)})"
