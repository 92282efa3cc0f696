"""Whether a query can be asked of an index. All engines take what `check_query` gives, and need not look again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import cast

from burgee.core.checks import need_number, need_text, need_whole
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.page import LARGEST_PAGE
from burgee.search.cursor import SCORE, decode
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Dates,
    Either,
    Exists,
    Facet,
    Field,
    Filter,
    Histogram,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Ranges,
    Scalar,
    SearchQuery,
    Sort,
    Stats,
    Terms,
    Text,
    Together,
    Within,
    Without,
    Word,
)
from burgee.search.text.analysis import words
from burgee.search.text.language import DEEPEST, LONGEST_TEXT, all_of, any_of, check_words, phrase, typed_word
from burgee.search.values import as_kind, checked_name, expected

MOST_STEPS = 10_000
"""Steps that a facet of steps may have."""

PERIODS = ("minute", "hour", "day", "week", "month", "quarter", "year")
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)
_DEEPEST_TREE = 4 * DEEPEST + 4  # a pair of brackets may hold OR, words, NOT and a field
_MOST = {"filters": 100, "facets": 30, "sort": 20}  # of one query
_MOST_VALUES = 30_000  # of all its filters: SQLite takes 32,766 in one statement


def check_query(query: SearchQuery, mapping: IndexMapping) -> SearchQuery:
    """The query as engines take it: words as they are compared, values of filters of their field's kind.

    Dates of filters become microseconds since 1970; a date without a time, alone or as the last of a range, is that
    whole day. Words that are none are left out of the text.

    Raises:
        InvalidInputError: the index can't be asked that; the message names the value and says what could be.
    """
    _need(SearchQuery, "a query", query)
    need_whole("size", query.size, least=1)
    if query.size > LARGEST_PAGE:
        raise InvalidInputError(f"size must be 1 to {LARGEST_PAGE}, not {query.size}")
    if query.like is not None:
        need_text("like", query.like)
        checked_name("the document to be like", query.like)
    for what, several in (("filters", query.filters), ("facets", query.facets), ("sort", query.sort)):
        if len(_several(what, several)) > _MOST[what]:
            raise InvalidInputError(f"{what} must be at most {_MOST[what]}, not {len(several)}")
    _check_count(query.filters)
    checked = replace(
        query,
        text=None if query.text is None else check_text(query.text, mapping),
        filters=tuple(_filter(given, mapping) for given in query.filters),
        facets=tuple(_facet(facet, mapping) for facet in query.facets),
        sort=tuple(_sort(sort, mapping) for sort in query.sort),
    )
    if query.after is not None:
        decode(query.after, checked, mapping)
    return checked


def check_text(text: Text, mapping: IndexMapping) -> Text | None:
    """The text with its words as they are compared; none if it holds no word."""
    made = _text(text, mapping, 0)
    if made is not None:
        check_words(made)
    return made


def whole_field(mapping: IndexMapping, name: str, use: str, kinds: Sequence[Kind] = ()) -> Field:
    """The field of that name, which is kept whole (and of one of the kinds)."""
    named = _named(mapping.fields, name, use)
    whole = [field for field in mapping.fields if field.kind is not Kind.TEXT or field.exact]
    usable = [field.name for field in whole if not kinds or field.kind in kinds]
    if named.kind is Kind.TEXT and not named.exact:
        raise InvalidInputError(
            f"{name!r} is a text, found by its words: it can't be used for {use}",
            hint=f"map it with exact=True, or use one of: {_listed(usable)}",
        )
    if name not in usable:
        raise InvalidInputError(
            f"{name!r} holds {named.kind.value}s: it can't be used for {use}",
            hint=f"those that can: {_listed(usable)}",
        )
    return named


def check_suggest(mapping: IndexMapping, prefix: str, field: str, limit: int) -> list[str]:
    """The words of a prefix, where the field's values can be suggested and the limit is right."""
    named = _named(mapping.fields, field, "suggestions")
    if not named.suggest:
        usable = [field.name for field in mapping.fields if field.suggest]
        raise InvalidInputError(
            f"{field!r} is not mapped for suggestions",
            hint=f"map it with suggest=True, or use one of: {_listed(usable)}",
        )
    _need_short("a prefix", prefix)
    need_whole("limit", limit, least=1)
    if limit > LARGEST_PAGE:
        raise InvalidInputError(f"limit must be 1 to {LARGEST_PAGE}, not {limit}")
    return words(prefix)


def too_many_steps(facet: Histogram | Dates, count: float) -> InvalidInputError:
    """The refusal of a facet whose steps would be more than anybody reads."""
    wider = f"an interval wider than {facet.interval!r}" if isinstance(facet, Histogram) else f"more than a {facet.per}"
    return InvalidInputError(
        f"the facet of {facet.field!r} would have {min(count, 2**63):,.0f} steps; at most {MOST_STEPS:,} are given",
        hint=f"take {wider}, or filter first",
    )


def _text(text: Text, mapping: IndexMapping, depth: int) -> Text | None:
    if depth > _DEEPEST_TREE:
        raise InvalidInputError(f"a query's text is at most {_DEEPEST_TREE} deep")
    match text:
        case Word():
            return _word(text)
        case Phrase(several):
            return phrase(_texts("the words of a phrase", several))
        case All(of) | AnyOf(of):
            parts = [_text(part, mapping, depth + 1) for part in _several(type(text).__name__, of)]
            return all_of(parts) if isinstance(text, All) else any_of(parts)
        case Without(of):
            inner = _text(of, mapping, depth + 1)
            return None if inner is None else Without(inner)
        case Within(fields, of):
            names = _texts("the fields of Within", fields)
            for name in names:
                _text_field(mapping, name)
            if not names:
                raise InvalidInputError("Within needs a field", hint=f"the texts are: {_listed(_text_names(mapping))}")
            inner = _text(of, mapping, depth + 1)
            return None if inner is None else Within(names, inner)
        case _:
            raise InvalidInputError(
                f"a query's text can't be {text!r}", hint="language.parse makes one of what people type"
            )


def _word(word: Word) -> Text | None:
    _need_short("a word", word.text)
    need_whole("fuzzy", word.fuzzy)
    if word.fuzzy > 2:  # noqa: PLR2004 # more edits make another word
        raise InvalidInputError(f"fuzzy must be 0, 1 or 2 edits, not {word.fuzzy}")
    _need(bool, "prefix", word.prefix)
    if word.prefix and word.fuzzy:
        raise InvalidInputError(f"a word is looked for by prefix or by edits, not both: {word!r}")
    _need_short("a word with its accents", word.accented)
    same = word.accented and words(word.accented) == words(word.text)
    return typed_word(word.accented if same else word.text, prefix=word.prefix, fuzzy=word.fuzzy)


def _text_field(mapping: IndexMapping, name: str) -> None:
    if _named(mapping.fields, name, "words").kind is not Kind.TEXT:
        raise InvalidInputError(
            f"{name!r} is no text: it can't be searched by words",
            hint=f"use a filter, or one of: {_listed(_text_names(mapping))}",
        )


def _text_names(mapping: IndexMapping) -> list[str]:
    return [field.name for field in mapping.fields if field.kind is Kind.TEXT]


def _check_count(filters: Sequence[Filter]) -> None:
    """Refuse more filters or values than can be asked at once, level by level: each ends in at least one condition."""
    level, count, values = list(filters), 0, 0
    for _ in range(DEEPEST + 1):
        inner = [one for given in level for one in _inner(given)]
        count += sum(not isinstance(given, Not | Either | Together) for given in level)
        if count + len(inner) > _MOST["filters"]:
            raise InvalidInputError(f"filters must be at most {_MOST['filters']}, also with those within others")
        values += sum(len(given.values) for given in level if isinstance(given, OneOf) and _are_several(given.values))
        level = inner
    if values > _MOST_VALUES:
        raise InvalidInputError(
            f"filters compare with at most {_MOST_VALUES:,} values, not {values:,}", hint="ask in parts"
        )


def _inner(given: Filter) -> Sequence[Filter]:
    of: object = given.of if isinstance(given, Not | Either | Together) else ()
    return cast("Sequence[Filter]", of) if _are_several(of) else (cast("Filter", of),)


def _are_several(given: object) -> bool:
    return isinstance(given, tuple | list)


def _filter(given: Filter, mapping: IndexMapping, depth: int = 0) -> Filter:
    if depth > DEEPEST:
        raise InvalidInputError(f"filters are at most {DEEPEST} deep")
    match given:
        case OneOf(name, values):
            field = whole_field(mapping, name, "filters")
            several = _several(f"the values of {name!r}", values)
            checked = tuple(_value(field, value) for value in several)
            if field.kind is Kind.DATE and len(several) == 1 and _is_day(several[0]):
                return Between(name, checked[0], _end_of_day(checked[0]))
            return OneOf(name, checked)
        case Between():
            return _between(given, mapping)
        case Exists(name):
            whole_field(mapping, name, "filters")
            return given
        case Not(of):
            return Not(_filter(of, mapping, depth + 1))
        case Either(of) | Together(of):
            name = type(given).__name__
            if not _several(f"the filters of {name}", of):
                raise InvalidInputError(f"{name} needs a filter, and has none")
            return type(given)(tuple(_filter(one, mapping, depth + 1) for one in of))
        case _:
            raise InvalidInputError(
                f"a filter can't be {given!r}", hint="it is OneOf, Between, Exists, Not, Either or Together"
            )


def _between(given: Between, mapping: IndexMapping) -> Between:
    name, low, high, below = given.field, given.low, given.high, given.below
    field = whole_field(mapping, name, "ranges", [kind for kind in Kind if kind is not Kind.BOOLEAN])
    if low is None and high is None:
        raise InvalidInputError(f"a range of {name!r} needs a low or a high bound")
    _need(bool, "below", below)
    first, last = (None if bound is None else _value(field, bound, bound_only=True) for bound in (low, high))
    if field.kind is Kind.DATE and last is not None and _is_day(high) and not below:
        last = _end_of_day(last)
    return Between(name, first, last, below)


def _is_day(value: object) -> bool:
    """Whether it is a date without a time, which is a whole day."""
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _end_of_day(begin: Scalar) -> int:
    return cast("int", begin) + 86_400_000_000 - 1


def _value(field: Field, value: object, *, bound_only: bool = False) -> Scalar:
    kind = Kind.NUMBER if bound_only and field.kind is Kind.INTEGER and isinstance(value, float) else field.kind
    made = as_kind(value, Kind.KEYWORD if kind is Kind.TEXT else kind)
    if made is None:
        raise InvalidInputError(f"{field.name!r} is compared with {expected(kind)}, not {value!r:.80}")
    return made


def _facet(facet: Facet, mapping: IndexMapping) -> Facet:
    match facet:
        case Terms(name, size):
            whole_field(mapping, name, "terms")
            need_whole("the size of a facet", size, least=1)
            if size > LARGEST_PAGE:
                raise InvalidInputError(f"the size of a facet must be 1 to {LARGEST_PAGE}, not {size}")
        case Ranges(name, bounds):
            whole_field(mapping, name, "ranges of numbers", _NUMBERS)
            _rising(name, bounds)
        case Histogram(name, interval):
            whole_field(mapping, name, "steps of numbers", _NUMBERS)
            if not 0 < _number("interval", interval) < float("inf"):
                raise InvalidInputError(f"interval must be above 0, not {interval!r}")
        case Dates(name, per):
            whole_field(mapping, name, "steps of time", (Kind.DATE,))
            if per not in PERIODS:
                raise InvalidInputError(f"per must be one of {_listed(PERIODS)}, not {per!r}")
        case Stats(name):
            whole_field(mapping, name, "statistics", _NUMBERS)
        case _:
            raise InvalidInputError(
                f"a facet can't be {facet!r}", hint="it is Terms, Ranges, Histogram, Dates or Stats"
            )
    return facet


def _number(what: str, value: object) -> float:
    """A number that is one to engines, too: a whole one may be of any length here."""
    number = need_number(what, value)
    if isinstance(number, int) and as_kind(number, Kind.NUMBER) is None:
        raise InvalidInputError(f"{what} must be below 1.8e308, not a number of {number.bit_length():,} bits")
    return number


def _rising(name: str, bounds: object) -> None:
    several = list(bounds) if isinstance(bounds, tuple | list) else []
    if len(several) > MOST_STEPS + 1:  # an engine that gave up on them would be away for everybody
        raise InvalidInputError(f"the bounds of {name!r} are {len(several):,}; at most {MOST_STEPS + 1:,} can be")
    inner = [bound for at, bound in enumerate(several) if bound is not None or 0 < at < len(several) - 1]
    numbers = [_number("a bound", bound) for bound in inner]
    if len(several) < 2 or not numbers or any(not low < high for low, high in pairwise([*numbers, float("inf")])):  # noqa: PLR2004
        raise InvalidInputError(
            f"the bounds of {name!r} must be two or more rising numbers, not {bounds!r}",
            hint="None as the first or last is open: (None, 10, 50, None)",
        )


def _sort(sort: Sort, mapping: IndexMapping) -> Sort:
    _need(Sort, "a sort", sort)
    _need(bool, "descending", sort.descending)
    if sort.field != SCORE:
        whole_field(mapping, sort.field, "sorting")
    return sort


def _named(fields: Iterable[Field], name: object, use: str) -> Field:
    there: Mapping[str, Field] = {field.name: field for field in fields}
    if not isinstance(name, str) or name not in there:
        raise InvalidInputError(
            f"there is no field {name!r} for {use}", hint=did_you_mean(name, there, plural="fields") or "none is mapped"
        )
    return there[name]


def _texts(what: str, values: Sequence[str]) -> tuple[str, ...]:
    for value in _several(what, values):
        _need(str, f"each of {what}", value)
    return tuple(values)


def _need(kind: type, what: str, value: object) -> None:
    if not isinstance(value, kind):
        raise InvalidInputError(f"{what} must be a {kind.__name__}, not {value!r:.80}")


def _need_short(what: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise InvalidInputError(f"{what} must be a text of at most {LONGEST_TEXT:,} characters, not {value!r:.80}")


def _several[T](what: str, values: Sequence[T]) -> Sequence[T]:
    given: object = values
    if not isinstance(given, tuple | list):
        raise InvalidInputError(f"{what} must be a tuple, not {given!r:.80}")
    return values


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
