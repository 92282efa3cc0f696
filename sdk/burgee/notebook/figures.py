"""The look of burgee's plots, and the figure they are drawn on.

Figures are made without pyplot: nothing is registered anywhere, nothing is shown twice, and the settings and
styles of the user's own plots stay out of ours as ours stay out of theirs.
"""

import base64
import io
import math
import threading
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from burgee.core.display import Drawn
from burgee.notebook.palette import ALARM, GRID, INK, MUTED, PAPER

WIDTH = 8.0
"""Inches; at 100 dots an inch what fits beside a notebook's margin."""

FONT = "DejaVu Sans"
"""matplotlib brings it, so that plots look the same everywhere."""

_DPI = 100
_SHARPNESS = 2  # dots for each dot of an ordinary screen
_DATES = {  # by level: year, month, day, hour, minute, second
    "formats": ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
    "zero_formats": ["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
    "offset_formats": ["", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"],
}
_LONGEST_LABEL = 36
_LONGEST_LINE = 110

_DRAWING = threading.Lock()  # warnings are set for all threads, and widgets draw in their own

type Horizontal = Literal["left", "center", "right"]
type Vertical = Literal["top", "center", "bottom", "baseline"]


def svg(figure: Drawn) -> bytes:
    """A figure as SVG: letters as outlines, so that it looks the same everywhere, and the same bytes each time."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "burgee", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


class Plot(Figure):
    """A figure that shows itself in notebooks, sharp on dense screens, whether or not pyplot is in use."""

    def png(self) -> bytes:
        """The figure as a PNG image, at twice the dots of an ordinary screen."""
        buffer = io.BytesIO()
        with _DRAWING, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box stands for it
            self.savefig(buffer, format="png", dpi=_DPI * _SHARPNESS)
        return buffer.getvalue()

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """What IPython asks for: the image, and the size it is shown at."""
        wanted = (set(include) if include else {"image/png", "text/plain"}) - set(exclude or ())
        bundle = {"text/plain": repr(self)} if "text/plain" in wanted else {}
        if "image/png" not in wanted:
            return bundle, {}
        bundle["image/png"] = base64.b64encode(self.png()).decode()
        width, height = (round(inches * _DPI) for inches in self.get_size_inches())
        return bundle, {"image/png": {"width": width, "height": height}}


def canvas(height: float, *, panels: Sequence[float] = (1.0,)) -> tuple[Plot, list[Axes]]:
    """A figure of that height in inches, with panels from top to bottom of these relative heights."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.12, hspace=0.08)
    figure = Plot(figsize=(WIDTH, height), dpi=_DPI, facecolor=PAPER, layout=layout)
    grid = figure.add_gridspec(len(panels), 1, height_ratios=list(panels))
    axes = [figure.add_subplot(grid[row, 0]) for row in range(len(panels))]
    for panel in axes:
        _quiet(panel)
    return figure, axes


def blank(title: str, message: str) -> Plot:
    """A figure that says why there is nothing to see."""
    figure, (panel,) = canvas(1.8)
    entitle(panel, title)
    panel.set_axis_off()
    say(panel, (0.5, 0.5), message, size=11, ha="center", coords="axes fraction")
    return figure


def entitle(panel: Axes, title: str, below: str = "", *, alarm: str = "") -> None:
    """What is seen, above the panel; and what else is good to know, smaller, under that; an alarm in red."""
    panel.set_title(
        clean(title, _LONGEST_LINE),
        loc="left",
        pad=12 + 14 * bool(below) + 15 * bool(alarm),
        color=INK,
        fontsize=12,
        fontweight="bold",
        fontfamily=FONT,
        parse_math=False,
    )
    if below:
        say(panel, (0, 1), clean(below, _LONGEST_LINE), va="bottom", offset=(0, 10), coords="axes fraction")
    if alarm:
        words, above = clean(alarm, _LONGEST_LINE), 10 + 14 * bool(below)
        say(panel, (0, 1), words, va="bottom", offset=(0, above), coords="axes fraction", color=ALARM, bold=True)


def say(
    panel: Axes,
    xy: tuple[float, float],
    words: str,
    *,
    size: float = 9,
    color: str = MUTED,
    ha: Horizontal = "left",
    va: Vertical = "center",
    offset: tuple[float, float] = (0, 0),
    coords: str = "data",
    bold: bool = False,
    upright: bool = False,
    rim: bool = False,
) -> None:
    """Text at a place, or `offset` points beside it. It may come from anywhere, so it is never read as a formula.

    `upright` reads from below; a `rim` keeps it apart from lines it crosses.
    """
    panel.annotate(
        words,
        xy,
        offset,
        xycoords=coords,
        textcoords="offset points",
        annotation_clip=False,
        ha=ha,
        va=va,
        color=color,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        fontfamily=FONT,
        parse_math=False,
        rotation=90 if upright else 0,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)] if rim else [],
    )


def name_rows(panel: Axes, names: Sequence[str]) -> None:
    """Names at the left of rows that stand at 0, 1, 2, … from the top."""
    panel.set_yticks(
        range(len(names)), [clean(name) for name in names], fontsize=9.5, color=INK, fontfamily=FONT, parse_math=False
    )
    panel.tick_params(axis="y", length=0, pad=6)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)


def date_numbers(moments: Sequence[datetime]) -> list[float]:
    """Times as matplotlib counts them: days, in UTC."""
    naive = [moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
    return [float(day) for day in date2num(naive)]  # type: ignore[no-untyped-call] # matplotlib.dates has no types


def time_axis(panel: Axes) -> None:
    """Dates below, in UTC, as short as they can be told apart."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call] # matplotlib.dates has no types
    panel.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, **_DATES)  # type: ignore[no-untyped-call] # as above
    panel.xaxis.set_major_formatter(formatter)
    panel.xaxis.get_offset_text().set(color=MUTED, fontsize=9, fontfamily=FONT)
    panel.tick_params(axis="x", length=3, color=GRID)


def count_axis(panel: Axes, label: str) -> None:
    """Whole numbers at the left, from 0."""
    panel.set_ylabel(label, fontsize=9, color=MUTED, fontfamily=FONT)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    panel.set_ylim(bottom=0)


def number_axis(panel: Axes, label: str) -> None:
    """Numbers at the left."""
    panel.set_ylabel(clean(label), fontsize=9, color=MUTED, fontfamily=FONT, parse_math=False)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def clean(label: object, most: int = _LONGEST_LABEL) -> str:
    """A label on one line, without what can't be drawn, and not too long."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in str(label)).split())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def spread(places: Sequence[float], gap: float, lowest: float = -math.inf) -> list[float]:
    """The places moved apart until neighbours are `gap` apart, each as little as need be; order is kept.

    Neighbours that are too near become a block around the middle of where they would stand; blocks that meet
    merge (pool adjacent violators, as in isotonic regression). None stands below `lowest`.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    blocks: list[tuple[float, int]] = []  # where the first of a block stands, and how many they are
    for index in order:
        first, size = places[index], 1
        while blocks and blocks[-1][0] + blocks[-1][1] * gap > first:
            before, there = blocks.pop()
            first = (before * there + (first - there * gap) * size) / (there + size)
            size += there
        blocks.append((first, size))
    moved = [first + step * gap for first, size in blocks for step in range(size)]
    found = [0.0] * len(places)
    for number, (index, place) in enumerate(zip(order, moved, strict=True)):
        found[index] = max(place, lowest + number * gap)
    return found


def _quiet(panel: Axes) -> None:
    panel.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(GRID)
    panel.tick_params(colors=MUTED, labelsize=9, labelfontfamily=FONT, length=0)
    panel.grid(axis="y", color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
