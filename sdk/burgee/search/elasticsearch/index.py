"""What an index in Elasticsearch is: its name there, its fields, and what becomes of a document.

Fields go by their number, not by their name, as names of ours may hold what Elasticsearch has a meaning for. For the
field of the number 3 there is, as far as it is of use:

| name | what                                                                                                      |
|------|-----------------------------------------------------------------------------------------------------------|
| `t3` | a text's words (see `search.text.analysis`), with blanks between                                          |
| `r3` | the stems of its words (see `search.text.stems`), where the field has a language                          |
| `w3` | the value taken whole: keyword, long or double; a date in microseconds since 1970, a boolean as 1 or 0    |
| `h3` | 0 if there is such a value: what has none is last, even after the largest number                          |
| `d3` | a date in milliseconds, for steps of the calendar                                                         |
| `s3` | nested: each value that is suggested, and its words                                                       |

Beside them are `id` and `document`: the document as JSON, in one text, so that it comes back as it was given. What is
ours about an index (`About`) is in the mapping's `_meta`, and so is as durable as the index and gone with it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from burgee.core.errors import InvalidInputError
from burgee.core.json import dumps
from burgee.search.model import Document, Field, IndexMapping, Kind
from burgee.search.text.analysis import LONGEST, words
from burgee.search.text.stems import words_and_stems
from burgee.search.values import LONGEST_KEYWORD, Value, checked_name, field_values, stored, whole_values

LONGEST_NAME = 240
"""Bytes of a name there."""

WRITING = "_w"
"""The end of the alias by which an index is written to. It can't be the end of a name: see `encoded`."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-")
_CODED = re.compile(rb"_([0-9a-f]{2})")
_TYPES = {Kind.INTEGER: "long", Kind.NUMBER: "double", Kind.BOOLEAN: "long", Kind.DATE: "long"}
_FIELDS_EACH = 8  # of Elasticsearch, for one of ours, at most
_MOST_OFFERED = 1_000_000  # values of one document that are suggested
_ABOVE_BASIC = 0xFFFF


@dataclass(frozen=True, slots=True)
class About:
    """What is known about an index: its name, its mapping, and up to where it has taken everything in."""

    name: str
    mapping: IndexMapping
    position: int = 0


_about = TypeAdapter(About)


def encoded(prefix: str, name: str) -> str:
    """A name as Elasticsearch takes it: what is no small letter, digit, dot or `-` becomes `_` and two digits."""
    made = prefix + "-" + begun(checked_name("an index", name))
    if len(made) > LONGEST_NAME:
        raise InvalidInputError(f"the name {name!r:.80} is too long for Elasticsearch: {len(made)} of {LONGEST_NAME}")
    return made


def begun(name: str) -> str:
    """The part of a name there that stands for this one, or for its beginning."""
    return "".join(chr(byte) if byte in _PLAIN else f"_{byte:02x}" for byte in name.encode())


def decoded(prefix: str, name: str) -> str | None:
    """The name again; none if it is not one of ours."""
    start = f"{prefix}-"
    if not name.startswith(start) or name.endswith(WRITING):
        return None
    try:
        made = _CODED.sub(lambda match: bytes([int(match[1], 16)]), name[len(start) :].encode()).decode()
    except UnicodeDecodeError:
        return None
    return made if made and begun(made) == name[len(start) :] else None


def meta(about: About) -> dict[str, Any]:
    """The `_meta` that says so."""
    return {"burgee": _about.dump_json(about).decode()}


def about(mappings: Mapping[str, Any]) -> About | None:
    """What the `_meta` of an index's mappings says; none if the index is not one of ours."""
    said = mappings.get("_meta", {}).get("burgee")
    return None if said is None else _about.validate_json(said)


def settings(mapping: IndexMapping) -> dict[str, Any]:
    """The settings of an index. One shard: counts of facets and scores are exact then."""
    most = len(mapping.fields) * _FIELDS_EACH
    return {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "mapping.total_fields.limit": max(1000, most),
        "mapping.nested_fields.limit": max(100, len(mapping.fields)),
        "mapping.nested_objects.limit": _MOST_OFFERED,
    }


def mappings(about: About) -> dict[str, Any]:
    """The mappings of an index."""
    properties: dict[str, Any] = {"id": {"type": "keyword"}, "document": {"type": "object", "enabled": False}}
    text = {"type": "text", "analyzer": "whitespace"}
    for at, field in enumerate(about.mapping.fields):
        if field.kind is Kind.TEXT:
            properties[f"t{at}"] = text
        if field.language is not None:
            properties[f"r{at}"] = text | {"index_options": "freqs"}
        if field.kind is not Kind.TEXT or field.exact:
            properties[f"w{at}"] = {"type": _TYPES.get(field.kind, "keyword")}
            properties[f"h{at}"] = {"type": "byte", "index": False}
        if field.kind is Kind.DATE:
            properties[f"d{at}"] = {"type": "date", "format": "epoch_millis", "index": False}
        if field.suggest:
            offered = {"value": {"type": "keyword"}, "words": text | {"norms": False}}
            properties[f"s{at}"] = {"type": "nested", "properties": offered}
    kept = {"includes": ["id", "document"]}
    return {"dynamic": "strict", "_source": kept, "_meta": meta(about), "properties": properties}


def key(id: str) -> str:
    """The `_id` of a document: Elasticsearch takes no more than 512 bytes."""
    return hashlib.sha256(checked_name("a document", id).encode()).hexdigest()


def source(id: str, document: Document, mapping: IndexMapping) -> dict[str, Any]:
    """A document as it is put into the index."""
    held = field_values(id, document, mapping)
    made: dict[str, Any] = {"id": id, "document": dumps(document, what=f"document {id!r}", sort=False)}
    for at, field in enumerate(mapping.fields):
        if field.name in held:
            made.update(_parts(at, field, held[field.name]))
    return made


def fitting(word: str) -> str:
    """A word as it is in the index: the analyzer of Elasticsearch cuts after 255 units of UTF-16."""
    astral = len(word) == LONGEST and all(ord(sign) > _ABOVE_BASIC for sign in word)
    return word[:-1] if astral else word


def plain(text: str) -> str:
    """The words of a text with blanks between."""
    return _joined(words(text))


def _joined(found: Iterable[str]) -> str:
    return " ".join(map(fitting, found))


def _parts(at: int, field: Field, values: list[Value]) -> Iterator[tuple[str, object]]:
    if field.language is not None:
        both = [words_and_stems(str(value), field.language) for value in values]
        yield f"t{at}", [_joined(found) for found, _ in both]
        yield f"r{at}", [_joined(stems) for _, stems in both]
    elif field.kind is Kind.TEXT:
        yield f"t{at}", [plain(str(value)) for value in values]
    whole = [stored(value) for value in whole_values(field, values)]
    if whole:
        yield f"w{at}", whole
        yield f"h{at}", 0
    if field.kind is Kind.DATE:
        yield f"d{at}", [int(value) // 1000 for value in values]
    if field.suggest:
        offered = [value for value in dict.fromkeys(map(str, values)) if len(value) <= LONGEST_KEYWORD]
        yield f"s{at}", [{"value": value, "words": plain(value)} for value in offered]
