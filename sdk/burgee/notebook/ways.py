"""Paths as a plot: a row for what was done, a column for what was done next, the darker the more often."""

from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from burgee.notebook.figures import FONT, Plot, blank, canvas, clean, entitle, name_rows, say
from burgee.notebook.palette import ACCENT, INK, MUTED, on, tint
from burgee.questions.model import Paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

MOST_TYPES = 12
"""Types that are shown, the most frequent; and the beginning and the end."""

_ENDS = ("(start)", "(end)")
_LIGHTEST, _DARKEST = 0.05, 0.95
_LONGEST = 18


def plot(question: Paths, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for paths, as `question` asked it."""
    actors = "streams" if question.by == "stream" else f"actors by {clean(question.by)}"
    if not len(frame):
        return blank(f"Paths of {actors}", "no events match")
    totals = frame.groupby("target")["count"].sum().sort_values(ascending=False, kind="stable")
    types = [str(name) for name in totals.index if name not in _ENDS]
    shown = types[:MOST_TYPES]
    sources, targets = [_ENDS[0], *shown], [*shown, _ENDS[1]]
    figure, (panel,) = canvas(1.75 + 0.36 * len(sources))
    _draw(panel, frame, sources, targets)
    moves = frame[~frame["source"].isin(_ENDS) & ~frame["target"].isin(_ENDS)]
    title = f"Paths of {actors}"
    if len(moves):
        first = moves.iloc[0]
        often = f"{100 * first['share']:.0f} % of the time"
        title = f"After {clean(first['source'])} most often came {clean(first['target'])}: {often}"
    hidden = f"; {len(types) - len(shown):,} rarer types are not shown" if len(types) > len(shown) else ""
    entitle(panel, title, f"what {actors} did next, in percent of each row{hidden}")
    return figure


def _draw(panel: "Axes", frame: "pd.DataFrame", sources: "Sequence[str]", targets: "Sequence[str]") -> None:
    rows, places = ({name: place for place, name in enumerate(names)} for names in (sources, targets))
    name_rows(panel, sources)
    panel.set_xlim(-0.5, len(targets) - 0.5)
    there = frame[frame["source"].isin(rows) & frame["target"].isin(places)]
    most = float(there["share"].max() or 1)
    for source, target, share in zip(there["source"], there["target"], there["share"].astype(float), strict=True):
        row, place = rows[str(source)], places[str(target)]
        shade = tint(ACCENT, _LIGHTEST + (_DARKEST - _LIGHTEST) * share / most)
        cell = Rectangle((place - 0.48, row - 0.46), 0.96, 0.92, facecolor=shade, linewidth=0)
        cell.set_gid("move")
        panel.add_patch(cell)
        words = f"{100 * share:.0f}" if share >= 0.005 else "<1"  # noqa: PLR2004 - rounds to no percent
        say(panel, (place, row), words, size=8.5, ha="center", color=on(shade))
    names = [clean(name, _LONGEST) for name in targets]
    panel.set_xticks(range(len(targets)), names, fontsize=9, color=INK, fontfamily=FONT, parse_math=False)
    for tick in panel.get_xticklabels():
        tick.set(rotation=32, ha="right", rotation_mode="anchor")
    panel.tick_params(axis="x", length=0, pad=4)
    panel.set_ylabel("what was done", fontsize=9, color=MUTED, fontfamily=FONT)
