"""A report: one HTML file with headings, words, tables and plots that needs nothing from elsewhere.

    report.write("rollout.html", title="New checkout", sections={
        "Who is in": ["Half of the users.", flag.history().frame(), flag.plot(users)],
    })

It opens anywhere, can be sent by mail, prints, and follows the reader's light or dark theme. Every text is
escaped, plots are inline images, and a content security policy forbids the file to load or run anything.
`show` prints the same parts to a terminal, as far as it can show them. It is its own room because it stands above
`notebook`, whose tables and plots it binds together.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import burgee
from burgee.core.display import Drawn, Sheet
from burgee.core.errors import InvalidInputError
from burgee.flags.operators import plain
from burgee.notebook.tables import CSS as TABLES_CSS
from burgee.notebook.tables import frame_sheet, table, text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class Facts:
    """A few numbers that stand out: label and value, side by side."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of Python, shown as they are typed."""

    lines: str


type Part = "str | Sheet | pd.DataFrame | Figure | Facts | Code"
"""A paragraph, a table, a plot, a row of numbers, or lines of Python."""


def write(path: str | Path, *, title: str, sections: Mapping[str, Sequence[Part]], lead: str = "") -> Path:
    """Write a report, in UTF-8, over what is there.

    Args:
        path: the file, usually `….html`.
        title: what the report is about.
        sections: headings in the order of the report, each with its parts: texts (a paragraph each), sheets and
            frames (a table each; of a long one the first rows, and how many there are), matplotlib figures, `Facts`,
            `Code`.
        lead: a sentence or two under the title.

    Returns:
        The path.

    Raises:
        InvalidInputError: a part is something else.
    """
    path = Path(path)
    path.write_text(html(title=title, sections=sections, lead=lead), encoding="utf-8")
    return path


def show(console: "Console", heading: str, parts: Sequence[Part]) -> None:
    """Print a section to a terminal: its texts, code, sheets and frames; plots and `Facts` are left to the report."""
    import pandas as pd

    console.print()
    console.print(clean(heading, "bold cyan"))
    for part in parts:
        if isinstance(part, str):
            console.print(clean(part))
        elif isinstance(part, Code):
            console.print(clean(part.lines, "green"), soft_wrap=True)
        elif isinstance(part, Sheet):
            console.print(_printed(part))
        elif isinstance(part, pd.DataFrame):
            console.print(_printed(frame_sheet(part)))


def clean(words: str, style: str = "") -> "Text":
    """Text for a terminal, as it stands: no markup is read in it, and nothing in it can steer the terminal."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in words), style=style)


def html(*, title: str, sections: Mapping[str, Sequence[Part]], lead: str = "") -> str:
    """The text of a report; see `write`."""
    body = "".join(
        f"<section><h2>{text(heading)}</h2>{''.join(map(_part, parts))}</section>"
        for heading, parts in sections.items()
    )
    intro = f'<p class="lead">{text(lead)}</p>' if lead else ""
    made = f"Made with burgee {burgee.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{_META}<title>{text(title)}</title>'
        f"<style>{TABLES_CSS}{_CSS}</style></head>"
        f"<body><main><header><h1>{text(title)}</h1>{intro}</header>{body}<footer>{made}</footer></main></body></html>\n"
    )


def _part(part: object) -> str:
    import pandas as pd

    match part:
        case str():
            return f"<p>{text(part)}</p>"
        case Sheet():
            return table(part)
        case pd.DataFrame():
            return table(frame_sheet(part))
        case Code():
            return f"<pre>{text(part.lines)}</pre>"
        case Facts():
            tiles = (f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in part.pairs)
            return f'<dl class="facts">{"".join(tiles)}</dl>'
        case Drawn():
            return _image(part)
        case _:
            hint = "give texts, sheets, frames (e.g. flag.history().frame()), matplotlib figures or Facts"
            raise InvalidInputError(f"a report can't show a {type(part).__name__}", hint=hint)


def _image(figure: Drawn) -> str:
    """The figure as an SVG image: sharp at any size, on no paper of its own, so that it lies on any page."""
    from burgee.notebook.figures import svg

    titles = [axes.get_title(loc="left") or axes.get_title() for axes in getattr(figure, "axes", ())]
    named = "; ".join(title for title in titles if title) or "plot"
    data = base64.b64encode(svg(figure)).decode()
    return f'<figure><img alt="{text(named)}" src="data:image/svg+xml;base64,{data}"></figure>'


def _printed(sheet: Sheet) -> "Table":
    from rich import box
    from rich.table import Table

    printed = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", caption_justify="left")
    columns = list(zip(*sheet.rows, strict=True)) or [()] * len(sheet.columns)
    for name, column in zip(sheet.columns, columns, strict=True):
        number = bool(column) and all(isinstance(plain(value), int | float | None) for value in column)
        printed.add_column(clean(name), justify="right" if number else "left", overflow="fold")
    for row in sheet.rows:
        printed.add_row(*(clean(_word(value)) for value in row))
    if sheet.note:
        printed.caption = clean(sheet.note)
    return printed


def _word(value: object) -> str:
    known = plain(value)  # NaN, NaT and the like are None; numbers of numpy are Python's
    match known:
        case None:
            return ""
        case bool():
            return "yes" if known else "no"
        case int():
            return f"{known:,}"
        case float():
            return f"{known:,.1f}"
        case datetime():
            return f"{known:%Y-%m-%d %H:%M}"
        case _:
            return str(known)


_META = (
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)

# In the dark, plots are turned inside out: the lightness is inverted, and the hue turned back to where it was.
_CSS = """
:root { --paper: #f4f5f7; --card: #fff; --ink: #1f2933; --soft: #5a6472; --line: #e1e5ea; --accent: #0077bb; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f1215; --card: #181c21; --ink: #e6e9ed; --soft: #9aa4b0; --line: #2b3138; --accent: #4db3ea; }
  figure img { filter: invert(0.9) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
header { border-top: 4px solid var(--accent); padding-top: 1.25rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; overflow-wrap: anywhere; }
.lead { margin: 0.6rem 0 0; font-size: 1.1rem; color: var(--soft); max-width: 46rem; }
section { margin-top: 1.5rem; padding: 1.4rem 1.6rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
h2 { margin: 0 0 0.4rem; font-size: 1.25rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
p { margin: 0.4rem 0 0.9rem; max-width: 46rem; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; max-width: 54rem; height: auto; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem;
  margin: 1rem 0 0.4rem; }
.facts div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: 0.7rem 0.9rem;
  border: 1px solid var(--line); border-radius: 9px; }
.facts dt { color: var(--soft); font-size: 0.85rem; }
.facts dd { margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.burgee-sheet { margin: 0.9rem -10px; max-width: none; font-size: 0.92rem; }
pre { margin: 0.9rem 0; padding: 0.6rem 0.9rem; white-space: pre-wrap; overflow-wrap: anywhere; border-radius: 9px;
  background: var(--paper);
  font: 0.85rem/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
footer { margin-top: 1.5rem; color: var(--soft); font-size: 0.85rem; }
@media print {
  body { background: #fff; } main { max-width: none; padding: 0; }
  section { border: 0; padding: 0; } figure, .facts div, tr { break-inside: avoid; }
}
"""
