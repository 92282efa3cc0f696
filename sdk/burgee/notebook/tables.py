"""Sheets as HTML tables: what a notebook shows for whatever is `Shown`.

It needs nothing but the standard library and a style sheet of its own, so that it also works without the
`notebook` extra. Whatever is shown may come from anywhere; every text of it is escaped, and JupyterLab is
told not to look for formulas in it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from html import escape
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

from burgee.core.display import Sheet
from burgee.flags.operators import plain

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 50
"""Rows a table shows; the rest is counted in a note."""

_MOST_ITEMS = 8
_ONE_LINE = 48  # letters that are not broken into lines
_LONGEST_TEXT = 240
_LONGEST_TITLE = 2000
_DEEPEST = 2
_WHOLE = 1e15  # floats below this hold whole numbers exactly
_FINE = 1e6  # from here on six digits would hide the end of a number

_TAG = re.compile("<[^>]*>")

CSS = (files(__package__) / "tables.css").read_text(encoding="utf-8")


def html(sheet: Sheet) -> str:
    """The sheet as HTML that needs nothing from elsewhere.

    The first `MOST_ROWS` rows are shown. Columns of numbers stand right; times are in UTC. A sheet whose
    first column has no name is a list of names and values, and is shown without a head.
    """
    return f"<style>{CSS}</style>{table(sheet)}"


def table(sheet: Sheet, *, most: int = MOST_ROWS) -> str:
    """The same without the style sheet, for whoever has it on the page already."""
    shown = [list(row) for row in islice(sheet.rows, most)]
    named = bool(sheet.columns) and not sheet.columns[0]
    right = [_is_numeric(row[index] for row in shown) for index in range(len(sheet.columns))]
    classes = [' class="burgee-number"' if one else "" for one in right]
    parts = []
    if sheet.title:
        parts.append(f"<caption>{text(sheet.title)}</caption>")
    if not named:
        head = (f'<th scope="col"{kind}>{text(name)}</th>' for name, kind in zip(sheet.columns, classes, strict=True))
        parts.append(f"<thead><tr>{''.join(head)}</tr></thead>")
    body = "".join(_row(row, classes, named=named) for row in shown)
    parts.append(f"<tbody>{body}</tbody>")
    note = _note(sheet, len(shown))
    foot = f'<div class="burgee-note">{text(note)}</div>' if note else ""
    inside = "".join(parts)
    ignored = "tex2jax_ignore mathjax_ignore"  # "$5 or $6" is no formula
    return f'<div class="burgee-sheet {ignored}"><table class="burgee-table">{inside}</table>{foot}</div>'


def frame_sheet(frame: "pd.DataFrame", title: str = "", note: str = "", *, most: int = MOST_ROWS) -> Sheet:
    """The first rows of a frame as a sheet, and in its note how many there are; its index is not shown."""
    rows = [list(row) for row in frame.head(most).itertuples(index=False, name=None)]
    if len(frame) > most:
        more = f"the first {most:,} of {len(frame):,} rows"
        note = f"{more}; {note}" if note else more
    return Sheet(title, [str(name) for name in frame.columns], rows, note)


def text(value: object) -> str:
    """Any text as HTML: escaped, and without what can't be sent (half characters)."""
    return escape(str(value).encode("utf-8", "replace").decode(), quote=True)


def cell(value: object) -> str:
    """A value as HTML, as a table's cell shows it: what is short on one line, what is long on several."""
    shown = inline(value)
    letters = len(_TAG.sub("", shown))  # in escaped text `<` is always a tag's
    return f'<div class="burgee-long">{shown}</div>' if letters > _ONE_LINE else shown


def inline(value: object) -> str:
    """A value as HTML within a line of text."""
    known = plain(value)
    match known:
        case None:
            return '<span class="burgee-none">—</span>'
        case bool():
            return '<span class="burgee-yes">✓ yes</span>' if known else '<span class="burgee-no">✗ no</span>'
        case int():
            return str(known)
        case float():
            return text(_number(known))
        case str():
            return _short(known)
        case datetime():
            return _time(known)
        case Mapping() | list() | tuple() | set() | frozenset():
            return _nested(known, 0)
        case _:
            return _short(_words(known))


def _row(row: Sequence[object], classes: Sequence[str], *, named: bool) -> str:
    cells = [f"<td{kind}>{cell(value)}</td>" for value, kind in zip(row, classes, strict=True)]
    if named:
        cells[0] = f'<th scope="row">{cell(row[0])}</th>'
    return f"<tr>{''.join(cells)}</tr>"


def _note(sheet: Sheet, shown: int) -> str:
    rest = len(sheet.rows) - shown
    cut = f"the first {shown} of {len(sheet.rows):,} rows" if rest > 0 else ""
    return "; ".join(part for part in (cut, sheet.note) if part)


def _is_numeric(values: Iterable[object]) -> bool:
    """Whether there are numbers, and nothing else."""
    known = [value for value in map(plain, values) if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < _WHOLE:
        return f"{value:.0f}"
    return f"{value:.2f}" if _FINE <= abs(value) < _WHOLE else f"{value:.6g}"


def _time(moment: datetime) -> str:
    aware = moment.tzinfo is not None
    if aware:
        moment = moment.astimezone(UTC)
    midnight = not (moment.hour or moment.minute or moment.second or moment.microsecond)
    shown = moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")
    zone = '<span class="burgee-zone"> UTC</span>' if aware and not midnight else ""
    return f'<span class="burgee-time" title="{text(moment.isoformat())}">{shown}{zone}</span>'


def _nested(value: object, depth: int) -> str:
    """Names and values, or values in a row; the deeper and longer ones cut."""
    if isinstance(value, Mapping):
        shown = [
            f'<span class="burgee-name">{_short(str(name))}:</span> {_inner(one, depth)}'
            for name, one in islice(value.items(), _MOST_ITEMS)
        ]
        between, size = " · ", len(value)
    elif isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        shown = [_inner(one, depth) for one in islice(items, _MOST_ITEMS)]
        between, size = ", ", len(value)
    else:
        return inline(value)
    if size > _MOST_ITEMS:
        shown.append(f'<span class="burgee-name">… {size} in all</span>')
    return between.join(shown) or '<span class="burgee-none">none</span>'


def _inner(value: object, depth: int) -> str:
    """What is within another; brackets tell where it ends."""
    if not isinstance(value, Mapping | list | tuple | set | frozenset) or not value:
        return _nested(value, depth)
    if depth >= _DEEPEST:
        return _short(_words(value))
    inside = _nested(value, depth + 1)
    return f"{{{inside}}}" if isinstance(value, Mapping) else f"[{inside}]"


def _words(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value):,} bytes"
    if isinstance(value, date | timedelta):
        return str(value)
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a foreign object's failing is no reason to show nothing
        return f"<{type(value).__name__}, which fails to show itself: {type(error).__name__}>"


def _short(long: str) -> str:
    if len(long) <= _LONGEST_TEXT:
        return text(long)
    return f'<span title="{text(long[:_LONGEST_TITLE])}">{text(long[:_LONGEST_TEXT])}…</span>'
