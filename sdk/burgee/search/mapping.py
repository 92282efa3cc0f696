"""Mappings: as people write them, or inferred from what there is to search.

| what a field holds                                    | becomes                                          |
|-------------------------------------------------------|--------------------------------------------------|
| whole numbers, numbers, booleans, dates and moments   | its kind; moments also as texts of ISO 8601      |
| texts of up to 100 characters                         | `text`, also exact: found by what is typed, and  |
|                                                       | for filters, facets, sorting; suggested unless   |
|                                                       | most are codes (no blanks, a digit)              |
| longer texts                                          | `text`                                           |
| lists                                                 | what their values are                            |
| nothing, several kinds at once, all else              | no field: it is kept and given back, not searched |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from burgee.core.checks import need_number
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.frames import to_arrow
from burgee.search.foreign import plain_value
from burgee.search.model import Field, IndexMapping, Kind
from burgee.search.text.analysis import words
from burgee.search.text.stems import LANGUAGES
from burgee.search.values import as_kind

MOST_FIELDS, LONGEST_NAME = 500, 200
_SAMPLE = 10_000  # rows of a frame that are looked at
_SHORT = 100  # characters
_FEW, _FEW_SHARE = 20, 0.05  # different values, or their share, whichever is more
_RARE = 0.05  # the share of texts that may be of another sort
_KINDS = [kind.value for kind in Kind]
_OPTIONS = [field.name for field in fields(Field) if field.name != "name"]

type MappingGiven = IndexMapping | Iterable[Field] | Mapping[str, object]
"""A mapping as people write it: `{"title": {"kind": "text", "weight": 2}, "brand": "keyword"}`, or `Field`s."""


def as_mapping(given: MappingGiven) -> IndexMapping:
    """A mapping from what was written.

    Raises:
        InvalidInputError: it can't be one; the message names the field and what is allowed.
    """
    made = _written(given)
    if len(made) > MOST_FIELDS:
        raise InvalidInputError(
            f"a mapping has at most {MOST_FIELDS} fields, not {len(made)}",
            hint='say which are searched: mapping={"title": "text"}; the others are kept',
        )
    seen: set[str] = set()
    for field in made:
        _check(field)
        if field.name in seen:
            raise InvalidInputError(f"the field {field.name!r} is mapped twice")
        seen.add(field.name)
    return IndexMapping(tuple(made))


def infer_mapping(source: object, without: Iterable[str] = ()) -> IndexMapping:
    """A mapping for a frame or a list of documents, by the table above.

    Args:
        source: any frame (see `core.frames`), or a list of documents, all of which are looked at; of a frame 10,000
            rows, evenly spread.
        without: names that become no field.

    Raises:
        InvalidInputError: this is no frame; or there is nothing that could be searched.
    """
    left_out = set(without)
    inferred = [
        field
        for name, values in _columns(source).items()
        if name not in left_out and _can_be_named(name)
        for field in [_inferred(name, values)]
        if field is not None
    ]
    if not inferred:
        raise InvalidInputError(
            "nothing here can be searched: no field of texts, numbers, booleans or dates",
            hint='say what is there: mapping={"title": "text"}',
        )
    return as_mapping(inferred)


def _written(given: object) -> list[Field]:
    if isinstance(given, IndexMapping):
        return list(given.fields)
    if isinstance(given, Mapping):
        return [_field(name, said) for name, said in given.items()]
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return list(given)
    raise InvalidInputError(
        f"a mapping can't be {given!r:.80}", hint='write it like {"title": "text", "brand": "keyword"}'
    )


def _field(name: str, said: object) -> Field:
    options: dict[str, Any] = dict(said) if isinstance(said, Mapping) else {"kind": said}
    unknown = [option for option in options if option not in _OPTIONS]
    if unknown:
        raise InvalidInputError(
            f"the field {name!r} has no option {unknown[0]!r}",
            hint=did_you_mean(unknown[0], _OPTIONS, plural="options"),
        )
    kind = options.pop("kind", None)
    if kind not in _KINDS:
        raise InvalidInputError(
            f"the field {name!r} can't be of the kind {kind!r}", hint=did_you_mean(kind, _KINDS, plural="kinds")
        )
    return Field(name, Kind(kind), **options)


def _check(field: object) -> None:
    if not isinstance(field, Field):
        raise InvalidInputError(f"a field can't be {field!r:.80}", hint='write Field("title", Kind.TEXT)')
    if not _can_be_named(field.name):
        raise InvalidInputError(
            f"a field can't have the name {field.name!r:.80}",
            hint=f"it is text of 1 to {LONGEST_NAME} characters that does not begin with '_'",
        )
    if field.kind not in _KINDS:
        raise InvalidInputError(f"the field {field.name!r} can't be of the kind {field.kind!r}")
    for option in ("exact", "suggest"):
        if not isinstance(getattr(field, option), bool):
            raise InvalidInputError(
                f"{option} of {field.name!r} must be True or False, not {getattr(field, option)!r:.80}"
            )
    if field.exact and field.kind is not Kind.TEXT:
        raise InvalidInputError(f"{field.name!r} is no text: it is kept whole anyway, exact is for texts")
    if field.language is not None:
        _check_language(field)
    if field.suggest and field.kind not in {Kind.TEXT, Kind.KEYWORD}:
        raise InvalidInputError(f"{field.name!r} holds {field.kind.value}s: only texts and keywords can be suggested")
    if not 0 < need_number(f"the weight of {field.name!r}", field.weight) <= 1000:  # noqa: PLR2004
        raise InvalidInputError(f"the weight of {field.name!r} must be above 0, at most 1000, not {field.weight!r}")


def _check_language(field: Field) -> None:
    if field.language not in LANGUAGES:
        raise InvalidInputError(
            f"the language of {field.name!r} can't be {field.language!r:.80}",
            hint=did_you_mean(field.language, LANGUAGES, plural="languages", most=len(LANGUAGES)),
        )
    if field.kind is not Kind.TEXT:
        raise InvalidInputError(f"{field.name!r} is no text: it is not searched by words, so it can't have a language")


def _can_be_named(name: object) -> bool:
    return (
        isinstance(name, str)
        and as_kind(name, Kind.TEXT) is not None
        and 0 < len(name) <= LONGEST_NAME
        and (name[0] != "_")
    )


def _columns(source: object) -> dict[str, list[object]]:
    """What each field holds, without what is none, and lists laid open."""
    columns: dict[str, list[object]] = {}
    if (
        isinstance(source, Sequence)
        and not isinstance(source, str | bytes)
        and all(isinstance(document, Mapping) for document in source)
    ):
        for document in source:
            for name, value in document.items():
                columns.setdefault(name, []).extend(_there(value))
        return columns
    table = to_arrow(source)
    step = max(1, table.num_rows // _SAMPLE)
    for name in table.column_names:
        column = table.column(name)
        sample = column.take(list(range(0, len(column), step))) if step > 1 else column
        columns[name] = [value for held in sample.to_pylist() for value in _there(held)]
    return columns


def _there(value: object) -> list[object]:
    plain = plain_value(value)
    several = map(plain_value, plain) if isinstance(plain, list | tuple) else [plain]
    return [one for one in several if one is not None]


def _inferred(name: str, values: list[object]) -> Field | None:
    if not values:
        return None
    for kind, types in (
        (Kind.BOOLEAN, (bool,)),
        (Kind.INTEGER, (int,)),
        (Kind.NUMBER, (int, float)),
        (Kind.DATE, (date, datetime)),
    ):
        if all(isinstance(value, types) and isinstance(value, bool) == (kind is Kind.BOOLEAN) for value in values):
            if kind is Kind.INTEGER and any(as_kind(value, kind) is None for value in values):
                continue
            return Field(name, kind)
    texts = [value for value in values if isinstance(value, str)]
    return _text(name, texts) if len(texts) == len(values) else None


def _text(name: str, texts: list[str]) -> Field:
    short = max(map(len, texts)) <= _SHORT
    if short and all(
        text[:1].isdigit() and text[4:5] == "-" and as_kind(text, Kind.DATE) is not None for text in texts
    ):
        return Field(name, Kind.DATE)
    return Field(name, Kind.TEXT, exact=short, suggest=short and not _codes(texts))


def _codes(texts: list[str]) -> bool:
    """Whether most have a digit, and few are several words; what has few values is suggested all the same."""
    if len(set(texts)) <= min(len(texts) / 2, max(_FEW, len(texts) * _FEW_SHARE)):
        return False
    speaking = sum(_speaks(text) for text in texts)
    numbered = sum(any(map(str.isdigit, text)) for text in texts)
    return speaking <= len(texts) * _RARE and numbered * 2 > len(texts)


def _speaks(text: str) -> bool:
    """Whether it is several words to a reader: parted by blanks, or in a script that does not part them."""
    return len(text.split()) > 1 or (not text.isascii() and len(words(text)) > 1)
