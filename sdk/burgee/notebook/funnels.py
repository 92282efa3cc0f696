"""Funnels as plots: a bar for each step, with how many came that far, of all and of those at the step before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burgee.notebook.figures import Plot, blank, canvas, clean, entitle, say
from burgee.notebook.palette import ACCENT, GRID, INK, colour
from burgee.questions.model import Funnel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_GROUPS = 6
"""Funnels of a split that are shown; the others are left out, and counted."""

_UNITS = ((86_400.0, "days"), (3600.0, "hours"), (60.0, "min"), (1.0, "s"))
_BAR = 0.46  # of a step's height; the rest is its words


@dataclass(frozen=True, slots=True)
class Walk:
    """One funnel: how many came to each step, and the median seconds from the step before."""

    name: str
    counts: tuple[int, ...]
    seconds: tuple[float | None, ...]


def plot(question: Funnel, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for a funnel, as `question` asked it."""
    actors = "streams" if question.by == "stream" else f"actors by {question.by}"
    walks = _walks(question, frame)
    if not any(walk.counts[0] for walk in walks):
        return blank("Funnel", f"no {actors} did the first step, {question.steps[0]}")
    came, all_of_them = (sum(walk.counts[place] for walk in walks) for place in (-1, 0))
    title = f"{came:,} of {all_of_them:,} ({_share(came, all_of_them)}) came to {clean(question.steps[-1])}"
    if question.split is None:
        figure = _whole(question, walks[0])
        below = f"funnel of {actors}"
    else:
        shown = sorted(walks, key=lambda walk: -walk.counts[0])[:MOST_GROUPS]
        figure = _split(question, shown)
        rest = len(walks) - len(shown)
        below = f"funnel of {actors}, split by {clean(question.split)}"
        below += f"; {rest} smaller groups are not shown" if rest else ""
    entitle(figure.axes[0], title, below)
    return figure


def _walks(question: Funnel, frame: "pd.DataFrame") -> list[Walk]:
    """The frame's funnels. Its rows stand in the order of the steps, once for each value of the split."""
    steps = len(question.steps)
    names = frame.iloc[:, 0] if question.split is not None else None
    found = []
    for start in range(0, len(frame), steps):
        rows = frame.iloc[start : start + steps]
        name = "" if names is None else "(none)" if names.isna().iloc[start] else clean(names.iloc[start])
        seconds = tuple(None if math.isnan(one) else float(one) for one in rows["median_seconds"].astype(float))
        found.append(Walk(name, tuple(int(count) for count in rows["count"]), seconds))
    return found


def _whole(question: Funnel, walk: Walk) -> Plot:
    figure, (panel,) = canvas(0.7 + 0.66 * len(question.steps))
    first = walk.counts[0]
    _prepare(panel, len(question.steps), first)
    for row, (step, count) in enumerate(zip(question.steps, walk.counts, strict=True)):
        panel.barh(row, first, height=_BAR, color=GRID, gid="track")
        panel.barh(row, count, height=_BAR, color=ACCENT, gid="step")
        _name_step(panel, row, step, _BAR)
        share = "" if not row else f"  ·  {_share(count, first)}"
        say(panel, (first, row), f"{count:,}{share}", color=INK, bold=True, offset=(8, 0))
        if row:
            before = f"{_share(count, walk.counts[row - 1])} of the step before{_after(walk.seconds[row])}"
            say(panel, (first, row - _BAR / 2), before, size=8.5, ha="right", va="bottom", offset=(0, 3))
    return figure


def _split(question: Funnel, walks: Sequence[Walk]) -> Plot:
    bar = _BAR * 1.6 / max(2, len(walks))
    figure, (panel,) = canvas(0.6 + (0.42 + 0.25 * len(walks)) * len(question.steps))
    _prepare(panel, len(question.steps), max(walk.counts[0] for walk in walks))
    for row, step in enumerate(question.steps):
        top = row - bar * len(walks) / 2
        for number, walk in enumerate(walks):
            place, count, first = top + bar * (number + 0.5), walk.counts[row], walk.counts[0]
            panel.barh(place, count, height=bar * 0.86, color=colour(number), gid=walk.name)
            words = f"{walk.name}  {count:,}"
            if row:
                words += f"  ·  {_share(count, first)}  ·  {_share(count, walk.counts[row - 1])} of the step before"
            say(panel, (count, place), words, size=8.5, color=INK, offset=(6, 0))
        _name_step(panel, row, step, bar * len(walks))
    return figure


def _prepare(panel: "Axes", steps: int, most: int) -> None:
    panel.set_xlim(0, most)
    panel.set_ylim(steps - 0.5, -0.72)
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines["bottom"].set_visible(False)


def _name_step(panel: "Axes", row: int, step: str, height: float) -> None:
    say(panel, (0, row - height / 2), clean(step), size=9.5, color=INK, bold=True, va="bottom", offset=(0, 3))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _after(seconds: float | None) -> str:
    """How long the step took, in a unit that fits."""
    if seconds is None:
        return ""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f", after {seconds / size:.3g} {unit} (median)"
