"""How tantivy holds an index of ours: its schema, and documents as it takes them.

Fields are named by their place in the mapping, as names of ours could be anything:

| name             | what                                                                                             |
|------------------|--------------------------------------------------------------------------------------------------|
| `t3`             | a text's words (see `search.text.analysis`), with blanks between                                 |
| `r3`             | the stems of its words (see `search.text.stems`), where the field has a language                 |
| `w3`             | the values taken whole: keyword, integer or number; a date in microseconds, a boolean as 1 or 0  |
| `l3`, `h3`       | the lowest and the highest of them, to sort by                                                   |
| `minute3`, …     | the numbers of a date's minutes, hours, days and months since 1970                               |
| `o3`, `p3`       | the values that are suggested, and their words                                                   |

Beside them are `id`, `document` (as JSON, so that it comes back as it was given), `is` (`document`, or `position` for
the one that says up to where everything was taken in, and so is committed with it), and `many`: the places of the
fields that hold more than one value.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from burgee.core.json import dumps
from burgee.search.model import Document, Field, IndexMapping, Kind
from burgee.search.protocol import Put
from burgee.search.text.analysis import plain
from burgee.search.text.stems import words_and_stems
from burgee.search.values import LONGEST_KEYWORD, Value, field_values, moment, stored, whole_values

if TYPE_CHECKING:
    import tantivy

DOCUMENT, POSITION = "document", "position"
PARTS = ("minute", "hour", "day", "month")
"""What of dates is counted."""

_MICROS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}


def schema_of(mapping: IndexMapping) -> "tantivy.Schema":
    """The schema of an index with these fields."""
    import tantivy

    made = tantivy.SchemaBuilder()
    for name in ("id", "is", "many"):
        made.add_text_field(name, stored=name == "id", fast=name == "id", tokenizer_name="raw", index_option="basic")
    made.add_bytes_field("document", stored=True)
    for at, field in enumerate(mapping.fields):
        if field.kind is Kind.TEXT:
            _add_words(made, at, field)
        for name in (f"w{at}", f"l{at}", f"h{at}"):
            if field.kind in {Kind.TEXT, Kind.KEYWORD}:
                made.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
            elif field.kind is Kind.NUMBER:
                made.add_float_field(name, indexed=name[0] == "w", fast=True)
            else:
                made.add_integer_field(name, indexed=name[0] == "w", fast=True)
        if field.kind is Kind.DATE:
            for part in PARTS:
                made.add_integer_field(f"{part}{at}", fast=True)
        if field.suggest:
            made.add_text_field(f"o{at}", fast=True, tokenizer_name="raw", index_option="basic")
            made.add_text_field(f"p{at}", tokenizer_name="whitespace")
    return made.build()


def document_of(change: Put[Document], mapping: IndexMapping) -> "tantivy.Document":
    """A document as tantivy takes it."""
    import tantivy

    held = field_values(change.id, change.document, mapping)
    made = tantivy.Document()
    made.add_text("is", DOCUMENT)
    made.add_text("id", change.id)
    made.add_bytes("document", dumps(change.document, what=f"document {change.id!r}", sort=False).encode())
    for at, field in enumerate(mapping.fields):
        _add_field(made, at, field, held.get(field.name, []))
    return made


def position_of(position: int) -> "tantivy.Document":
    """The document that says up to where everything was taken in."""
    import tantivy

    made = tantivy.Document()
    made.add_text("is", POSITION)
    made.add_bytes("document", str(position).encode())
    return made


def number_of(micros: int, part: str) -> int:
    """The number of a moment's minute, hour, day or month, from 0 in 1970."""
    if part == "month":
        at = moment(micros)
        return (at.year - 1970) * 12 + at.month - 1
    return micros // _MICROS[part]


def offers(values: Iterable[Value]) -> list[str]:
    """What is suggested of a field's values: each once."""
    return [value for value in dict.fromkeys(map(str, values)) if len(value) <= LONGEST_KEYWORD]


def _add_words(made: "tantivy.SchemaBuilder", at: int, field: Field) -> None:
    """The fields for a text's words, and for their stems: of these nobody asks where they stand."""
    made.add_text_field(f"t{at}", tokenizer_name="whitespace")
    if field.language is not None:
        made.add_text_field(f"r{at}", tokenizer_name="whitespace", index_option="freq")


def _add_field(made: "tantivy.Document", at: int, field: Field, values: Sequence[Value]) -> None:
    for value in values if field.kind is Kind.TEXT else ():
        _add_text(made, at, field.language, str(value))
    whole = [stored(value) for value in whole_values(field, values)]
    if len(whole) > 1:
        made.add_text("many", str(at))
    for name, several in ((f"w{at}", whole), (f"l{at}", sorted(whole)[:1]), (f"h{at}", sorted(whole)[-1:])):
        for value in several:
            _add(made, name, field, value)
    for part in PARTS if field.kind is Kind.DATE else ():
        for value in whole:
            made.add_integer(f"{part}{at}", number_of(int(value), part))
    for text in offers(values) if field.suggest else ():
        made.add_text(f"o{at}", text)
        made.add_text(f"p{at}", plain(text))


def _add_text(made: "tantivy.Document", at: int, language: str | None, text: str) -> None:
    if language is None:
        made.add_text(f"t{at}", plain(text))
        return
    words, stems = words_and_stems(text, language)
    made.add_text(f"t{at}", " ".join(words))
    made.add_text(f"r{at}", " ".join(stems))


def _add(made: "tantivy.Document", name: str, field: Field, value: str | float) -> None:
    if field.kind in {Kind.TEXT, Kind.KEYWORD}:
        made.add_text(name, str(value))
    elif field.kind is Kind.NUMBER:
        made.add_float(name, float(value))
    else:
        made.add_integer(name, int(value))
