"""What a search found as HTML: a title, the parts in which something was found, and the other fields."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import unescape

from burgee.notebook.tables import inline, text
from burgee.search.model import Document, Field, Hit, IndexMapping, Kind

_TITLES = ("title", "name", "label", "subject")
_MOST_FIELDS = 8
_BEGINNING = 220  # letters of a text in which nothing was found
_BRIEF = 100  # letters of a text that stands among the other fields, if it is kept whole
_MARK = re.compile("(</?mark>)")


def hits(found: Sequence[Hit[Document]], mapping: IndexMapping, *, first: int = 1) -> str:
    """A numbered list of them; `first` is the number of the first."""
    items = "".join(f"<li>{_hit(hit, mapping)}</li>" for hit in found)
    return f'<ol class="burgee-hits tex2jax_ignore mathjax_ignore" start="{first}">{items}</ol>'


def marked(part: str) -> str:
    """A part of a text with its marks: whatever else it holds is text, wherever it came from."""
    return "".join(piece if _MARK.fullmatch(piece) else text(unescape(piece)) for piece in _MARK.split(part))


def _hit(hit: Hit[Document], mapping: IndexMapping) -> str:
    titled = _title_field(hit, mapping)
    title = _title(hit, titled)
    score = f'<span class="burgee-score" title="score">{hit.score:,.2f}</span>' if _tells(hit.score) else ""
    others = [field for field in mapping.fields if field.name != titled]
    texts = [field.name for field in others if field.kind is Kind.TEXT and not _is_brief(hit, field)]
    return (
        f'<div class="burgee-hit-head"><span class="burgee-hit-title">{title}</span>{score}</div>'
        f"{_body(hit, texts)}{_fields(hit, [field for field in others if field.name not in texts])}"
    )


def _is_brief(hit: Hit[Document], field: Field) -> bool:
    value = hit.document.get(field.name)
    return field.exact and len(value if isinstance(value, str) else str(value)) <= _BRIEF


def _tells(score: float | None) -> bool:
    """Whether two digits of it say something: of what most documents hold, FTS5 makes next to nothing."""
    return score is not None and round(score, 2) > 0


def _title_field(hit: Hit[Document], mapping: IndexMapping) -> str:
    """The field that names the document; none if nothing in it does but its id."""
    texts = [field.name for field in mapping.fields if field.kind is Kind.TEXT]
    known = [field.name for field in mapping.fields]
    same = [name for name in texts if hit.document.get(name) == hit.id]
    named = [name for name in _TITLES if name in known] or same or texts[: len(texts) > 1]
    return next((name for name in named if isinstance(hit.document.get(name), str) and hit.document[name]), "")


def _title(hit: Hit[Document], field: str) -> str:
    if not field:
        return text(_cut(hit.id))
    return _marked_whole(hit, field) or text(_cut(str(hit.document[field])))


def _marked_whole(hit: Hit[Document], field: str) -> str:
    """All that a field holds with its marks, if something was found there that is shown as a whole."""
    whole = hit.document[field]
    parts = [part for part in hit.highlights.get(field, ()) if unescape(_MARK.sub("", part)) == whole]
    return marked(parts[0]) if parts else ""


def _body(hit: Hit[Document], names: Iterable[str]) -> str:
    """Where something was found; if nowhere, how the first text begins."""
    parts = [marked(part) for name in names for part in hit.highlights.get(name, ())]
    if not parts:
        values = (hit.document.get(name) for name in names)
        parts = [text(_cut(value)) for value in values if isinstance(value, str) and value][:1]
    return f'<div class="burgee-hit-text">{" … ".join(parts)}</div>' if parts else ""


def _fields(hit: Hit[Document], fields: Sequence[Field]) -> str:
    """The other fields that hold something; not what is only its id again, unless that was found."""
    there = [(field, hit.document.get(field.name)) for field in fields]
    shown = [
        f'<span><span class="burgee-dim">{text(field.name)}</span> '
        f"{_marked_whole(hit, field.name) or inline(_value(field, value))}</span>"
        for field, value in there
        if value not in (None, "", []) and (value != hit.id or field.name in hit.highlights)
    ]
    return f'<div class="burgee-hit-fields">{"".join(shown[:_MOST_FIELDS])}</div>' if shown else ""


def _value(field: Field, value: object) -> object:
    """A moment as one; documents hold it as text."""
    if field.kind is not Kind.DATE or not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _cut(long: str) -> str:
    return long if len(long) <= _BEGINNING else f"{long[:_BEGINNING]}…"
