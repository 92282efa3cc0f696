"""Retention as a plot: a row for each cohort, a cell for each period, the darker the more came back."""

from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from burgee.core.periods import Period
from burgee.notebook.figures import Plot, blank, canvas, clean, entitle, name_rows, say
from burgee.notebook.palette import ACCENT, INK, PAPER, on, tint
from burgee.questions.model import Retention

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_COHORTS = 24
"""Cohorts that are shown, the newest; and as many periods."""

_FORMATS: dict[Period, str] = {"minute": "%d %b %H:%M", "hour": "%d %b %H:%M", "month": "%b %Y", "year": "%Y"}
_WORDY = 14  # with more periods the shares have no room for their sign
_LIGHTEST, _DARKEST = 0.07, 0.93


def plot(question: Retention, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for retention, as `question` asked it."""
    actors = "streams" if question.by == "stream" else f"actors by {clean(question.by)}"
    title = f"Retention of {actors} per {question.period}"
    if not len(frame):
        return blank(title, "no events match")
    starts = sorted(frame["cohort"].unique())
    shown = starts[-MOST_COHORTS:]
    cells = frame[frame["cohort"].isin(shown) & (frame["period"] < MOST_COHORTS)]
    later = frame[(frame["period"] == 1) & frame["complete"]]
    if len(later):
        share = later["count"].sum() / later["size"].sum()
        title = f"{100 * share:.1f} % of {actors} came back in the next {question.period}"
    periods = int(cells["period"].max()) + 1
    figure, (panel,) = canvas(1.15 + 0.31 * max(len(shown), 2))
    _draw(panel, question, cells, periods)
    left_out = len(starts) - len(shown)
    below = f"retention per {question.period} of {frame.groupby('cohort')['size'].first().sum():,} {actors}; "
    below += "hatched: not over yet" if not cells["complete"].all() else "all periods are over"
    entitle(panel, title, below + (f"; {left_out:,} older cohorts are not shown" if left_out else ""))
    return figure


def _draw(panel: "Axes", question: Retention, cells: "pd.DataFrame", periods: int) -> None:
    starts = sorted(cells["cohort"].unique())
    sizes = cells.groupby("cohort")["size"].first()
    # 0 is all of them by its definition: the scale is for those who came back
    most = float(cells.loc[cells["period"] > 0, "share"].max() or 1) if periods > 1 else 1.0
    name_rows(panel, [_label(start, question.period) for start in starts])
    panel.set_xlim(-1.9, periods - 0.5)
    for row, start in enumerate(starts):
        say(panel, (-0.65, row), f"{sizes[start]:,}", color=INK, ha="right", size=8.5)
        for cell in cells[cells["cohort"] == start].itertuples():
            _cell(
                panel, row, int(cell.period), float(cell.share), most, over=bool(cell.complete), wordy=periods <= _WORDY
            )
    panel.set_ylim(len(starts) - 0.5, -1.4)  # room for a row of heads
    say(panel, (-0.65, -0.95), "size", ha="right", size=8.5)
    for period in range(periods):
        say(panel, (period, -0.95), str(period), ha="center", size=8.5)


def _cell(panel: "Axes", row: int, period: int, share: float, most: float, *, over: bool, wordy: bool) -> None:
    strength = 1.0 if not period else _LIGHTEST + (_DARKEST - _LIGHTEST) * min(share / most, 1) if most else _LIGHTEST
    shade = "#4a5563" if not period else tint(ACCENT, strength)
    cell = Rectangle((period - 0.48, row - 0.46), 0.96, 0.92, facecolor=shade, linewidth=0)
    cell.set_gid("over" if over else "open")
    panel.add_patch(cell)
    if not over:
        hatched = Rectangle(
            (period - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor=PAPER, linewidth=0, hatch="////"
        )
        hatched.set_gid("hatch")
        panel.add_patch(hatched)
    words = f"{100 * share:.0f}" + (" %" if wordy else "")
    dark = on(shade) if over else INK  # light letters would be lost between light lines
    say(panel, (period, row), words, size=8.5 if wordy else 7.5, ha="center", color=dark, rim=not over)


def _label(start: "pd.Timestamp", period: Period) -> str:
    if period == "quarter":
        return f"{start:%Y} Q{(start.month + 2) // 3}"
    return start.strftime(_FORMATS.get(period, "%d %b %Y"))
