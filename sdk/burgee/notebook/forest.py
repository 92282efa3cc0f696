"""Experiments as a plot: each lift with its interval, beside a line for no difference.

Who looks at nothing else should see what went up, what went down, and what can't be told from chance.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from burgee.experiments.comparing import Comparison
from burgee.experiments.result import ExperimentResult
from burgee.experiments.words import is_sure, lift, mean, percent, said_p, sides
from burgee.notebook.figures import FONT, Plot, blank, canvas, clean, entitle, name_rows, say
from burgee.notebook.palette import COLOURS, GRID, INK, MUTED, OFF

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 40
"""Comparisons that are drawn; the rest is counted."""

HIGHER, LOWER, UNSURE = COLOURS[2], COLOURS[5], "#7d8793"
_ROW = 0.52  # inches
_WIDEST = 5.0  # lifts beyond 500 % are cut off where others are not so far


def plot(result: ExperimentResult, rows: Sequence[Comparison] | None = None) -> Plot:
    """The result's comparisons, or these of them."""
    others = [row for row in (result.rows if rows is None else rows) if row.variant != result.control]
    shown = others[:MOST_ROWS]
    if not shown:
        return blank(f"Experiment {clean(result.about.title)}", "there is nothing to compare")
    grave = result.loud
    figure, (panel,) = canvas(1.75 + _ROW * len(shown) + (0.35 if grave else 0))
    _draw(panel, result, shown)
    below = f"{sides(result.variants)}; {100 * (1 - result.setup.alpha):g} % intervals"
    below += ", valid at every look" if result.setup.planned else ""
    if len(others) > len(shown):
        below += f"; the first {len(shown)} of {len(others)}"
    alarm = f"{grave[0].partition('. ')[0]}: do not trust this yet" if grave else ""
    entitle(panel, _title(result, shown), below, alarm=alarm)
    return figure


def _title(result: ExperimentResult, rows: Sequence[Comparison]) -> str:
    sure = [row for row in rows if is_sure(row, result.setup)]
    if not sure:
        return "No difference that chance alone would not make"
    if len(rows) == 1:
        (row,) = rows
        return f"{row.metric}: {row.variant} {percent(row.lift)} against {result.control}"
    up = sum(row.difference > 0 for row in sure)
    told = [f"{count} {word}" for count, word in ((up, "higher"), (len(sure) - up, "lower")) if count]
    return f"Of {len(rows)} comparisons, {' and '.join(told)} by more than chance"


def _draw(panel: "Axes", result: ExperimentResult, rows: Sequence[Comparison]) -> None:
    name_rows(panel, [_name(result, row) for row in rows])
    low, high = _limits(rows)
    panel.set_xlim(low, high)
    panel.axvline(0, color=INK, linewidth=1, zorder=1)
    for place, row in enumerate(rows):
        panel.axhline(place, color=GRID, linewidth=0.8, zorder=0)
        _one(panel, place, row, _colour(result, row), (low, high))
        _say_one(panel, place, result, row)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6))
    panel.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: "0" if not value else percent(value).replace(".0", ""))
    )
    panel.tick_params(axis="x", labelsize=8.5, colors=MUTED, labelfontfamily=FONT)
    panel.spines["bottom"].set_visible(True)
    panel.set_xlabel(
        f"lift over {clean(result.control)}", fontsize=9, color=MUTED, fontfamily=FONT, parse_math=False, loc="left"
    )


def _one(panel: "Axes", place: int, row: Comparison, colour: str, limits: tuple[float, float]) -> None:
    low, high = limits
    if not math.isnan(row.low):
        left, right = max(row.low, low), min(row.high, high)
        panel.plot([left, right], [place, place], color=colour, linewidth=3.2, solid_capstyle="butt", zorder=2)
        for end, beyond, mark in ((left, row.low < low, "<"), (right, row.high > high, ">")):
            panel.plot([end], [place], marker=mark if beyond else "|", color=colour, markersize=7, zorder=2)
    if not math.isnan(row.lift):
        at = min(max(row.lift, low), high)
        panel.plot([at], [place], marker="o", color=colour, markersize=7.5, markeredgecolor="white", zorder=3)


def _say_one(panel: "Axes", place: int, result: ExperimentResult, row: Comparison) -> None:
    """Beside it: the lift, and below that smaller what was measured."""
    metric = next(one for one in result.metrics if one.name == row.metric)
    base = next((one for one in result.of(row.metric, row.segment) if one.variant == result.control), None)
    known = not math.isnan(row.p_value)
    words = lift(row)[0] if known else row.warnings[-1]
    chance = f"p {said_p(row.p_value)} · " if known else ""
    was = "" if base is None else f"{mean(metric, base.mean)} → "
    say(
        panel, (panel.get_xlim()[1], place), clean(words, 34), size=9.5, color=_colour(result, row, ink=INK),
        bold=is_sure(row, result.setup), offset=(10, 6),
    )  # fmt: skip
    say(
        panel,
        (panel.get_xlim()[1], place),
        clean(f"{chance}{was}{mean(metric, row.mean)}", 44),
        size=8,
        offset=(10, -7),
    )


def _name(result: ExperimentResult, row: Comparison) -> str:
    parts = [row.metric]
    if len(result.variants) > 2:  # noqa: PLR2004 - with one other it is known which
        parts.append(row.variant)
    if result.about.segment is not None:
        parts.append("none" if row.segment is None else row.segment)
    return " · ".join(parts)


def _colour(result: ExperimentResult, row: Comparison, ink: str = UNSURE) -> str:
    if math.isnan(row.p_value):
        return OFF if ink == UNSURE else MUTED
    if not is_sure(row, result.setup):
        return ink
    return HIGHER if row.difference > 0 else LOWER


def _limits(rows: Sequence[Comparison]) -> tuple[float, float]:
    """From the lowest to the highest that is finite, 0 between them, and a little room."""
    ends = [end for row in rows for end in (row.low, row.high, row.lift) if math.isfinite(end)]
    near = [end for end in ends if abs(end) <= _WIDEST] or [math.copysign(_WIDEST, end) for end in ends]
    low, high = min([0.0, *near]), max([0.0, *near])
    room = 0.06 * (high - low) or 0.1
    return low - room, high + room
