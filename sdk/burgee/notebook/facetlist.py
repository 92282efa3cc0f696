"""A facet in the search box: a list of checkboxes. They stay where they are while their words and counts change."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from burgee.notebook.facets import MOST_LINES, Key, Line, is_single, line_of, lines_of, statistics_of
from burgee.notebook.panel import row
from burgee.notebook.tables import text
from burgee.search.model import Facet, FacetAnswer, Terms


class FacetList(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A facet: a title, and a checkbox for each of its lines."""

    def __init__(self, facet: Facet, choose: Callable[[tuple[Key, ...]], None]) -> None:
        self._facet, self._choose = facet, choose
        self._quiet = False
        self._shown: list[Line] = []
        self.offers: list[Key] = []
        """What its lines stand for, from top to bottom."""
        self._counts = ipywidgets.HTML()
        self._title, self._words = ipywidgets.HTML(f"<b>{text(facet.field)}</b>"), ipywidgets.HTML()
        self.lines = [_checkbox() for _ in range(_lines(facet))]
        for box in self.lines:
            box.observe(self._on_toggle, "value")
        super().__init__([self._title, row(ipywidgets.VBox(self.lines), self._counts), self._words])
        self.add_class("burgee-facet")

    def show(self, answer: FacetAnswer, chosen: tuple[Key, ...]) -> None:
        """Show an answer; what is chosen and no longer among its lines stands below them."""
        lines = lines_of(self._facet, answer)[: len(self.lines)]
        known = {line.key for line in lines}
        gone = [line_of(self._facet, key, 0) for key in chosen if key not in known]
        lines = lines[: len(self.lines) - len(gone)] + gone
        self.offers = [line.key for line in lines]
        self._shown = lines
        for box, line in zip(self.lines, lines, strict=False):
            _call(box, line.words)
            box.layout.display = ""
        for box in self.lines[len(lines) :]:
            box.layout.display = "none"
        self._counts.value = "".join(f'<div class="burgee-facet-count">{line.count:,}</div>' for line in lines)
        self._words.value = f'<span class="burgee-dim">{text(self._said(answer))}</span>'

    def check(self, chosen: tuple[Key, ...]) -> None:
        """Check the lines that are chosen."""
        self._quiet = True
        for box, key in zip(self.lines, self.offers, strict=False):
            box.value = key in chosen
        for box in self.lines[len(self.offers) :]:
            box.value = False
        self._quiet = False

    def still(self) -> str:
        """As HTML that does nothing."""
        lines = "".join(
            f'<div class="burgee-facet-line">{"☑" if box.value else "☐"} <span>{text(line.words)}</span>'
            f'<span class="burgee-facet-count">{line.count:,}</span></div>'
            for box, line in zip(self.lines, self._shown, strict=False)
        )
        return f'<div class="burgee-facet">{self._title.value}{lines}{self._words.value}</div>'

    def _said(self, answer: FacetAnswer) -> str:
        return "" if self.offers else statistics_of(self._facet, answer) or "none"

    def _on_toggle(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        at = self.lines.index(change["owner"])
        if is_single(self._facet):
            self._choose((self.offers[at],) if change["new"] else ())
            return
        self._choose(tuple(key for key, box in zip(self.offers, self.lines, strict=False) if box.value))


def _lines(facet: Facet) -> int:
    return min(facet.size, MOST_LINES) if isinstance(facet, Terms) else MOST_LINES


def _checkbox() -> ipywidgets.Checkbox:
    made = ipywidgets.Checkbox(indent=False)
    made.layout.width = "auto"
    return made


def _call(box: ipywidgets.Checkbox, words: str) -> None:
    """Say what a checkbox is called: JupyterLab would take what stands between two dollars for a formula."""
    formula = words.count("$") > 1
    with box.hold_sync():
        box.description_allow_html = formula
        box.description = f'<span class="mathjax_ignore tex2jax_ignore">{text(words)}</span>' if formula else words
