"""Sessions as a plot: how long they last, and how many events they have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from burgee.notebook.figures import FONT, Plot, blank, canvas, clean, count_axis, entitle, say
from burgee.notebook.palette import ACCENT, INK, MUTED
from burgee.questions.model import Sessions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LENGTHS = (0, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400, 7 * 86_400)
"""Bounds of the bars, in seconds: what people call short and long, with no more bars than there is room for."""

_MOST_EVENTS = 30
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def plot(question: Sessions, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for sessions, as `question` asked it."""
    actors = "streams" if question.by == "stream" else f"actors by {clean(question.by)}"
    if question.summary or not len(frame):
        return blank(f"Sessions of {actors}", "a summary is read as a frame" if len(frame) else "no events match")
    figure, (above, below) = canvas(5.0, panels=[1, 1])
    seconds, events = frame["seconds"], frame["events"]
    single = int((events == 1).sum())
    _lengths(above, seconds[events > 1])
    _events(below, events)
    people = frame.iloc[:, 0].nunique()
    title = f"Half of all sessions are over within {_said(float(seconds.median()))}"
    gap = _said(question.gap)
    entitle(
        above,
        title,
        f"{len(frame):,} sessions of {people:,} {actors}, {gap} apart; {single:,} have one event and no length",
    )
    entitle(below, f"{float(events.mean()):.1f} events in a session, half have {events.median():.0f} or fewer")
    return figure


def _lengths(panel: "Axes", seconds: "pd.Series[float]") -> None:
    """How many sessions last how long."""
    import pandas as pd

    longest = float(seconds.max()) if len(seconds) else 0.0
    bounds = [bound for bound in _LENGTHS if bound <= longest] or [0]
    after = next((bound for bound in _LENGTHS if bound > longest), None)
    edges = [*map(float, bounds), float("inf") if after is None else float(after)]
    counts = pd.cut(seconds, edges, right=False, labels=False).value_counts()
    _columns(panel, [int(counts.get(place, 0)) for place in range(len(edges) - 1)])
    shown = [edge for edge in edges if edge < float("inf")]
    panel.set_xticks(
        [place - 0.5 for place in range(len(shown))],
        ["0", *map(_said, shown[1:])],
        fontsize=8.5,
        color=MUTED,
        fontfamily=FONT,
    )


def _events(panel: "Axes", events: "pd.Series[int]") -> None:
    """How many sessions have how many events."""
    most = min(int(events.max()), _MOST_EVENTS)
    counts = events.clip(upper=most).value_counts()
    _columns(panel, [int(counts.get(number, 0)) for number in range(1, most + 1)])
    names = [str(number) for number in range(1, most + 1)]
    if int(events.max()) > most:
        names[-1] += "+"
    panel.set_xticks(range(most), names, fontsize=8.5, color=MUTED, fontfamily=FONT)


def _columns(panel: "Axes", counts: Sequence[int]) -> None:
    panel.bar(range(len(counts)), counts, width=0.86, color=ACCENT)
    panel.margins(x=0.01)
    count_axis(panel, "sessions")
    total = sum(counts)
    for place, count in enumerate(counts):
        if total and count / total >= 0.01 and len(counts) <= len(_LENGTHS):  # noqa: PLR2004 - a percent
            say(
                panel,
                (place, count),
                f"{100 * count / total:.0f} %",
                size=8.5,
                color=INK,
                ha="center",
                va="bottom",
                offset=(0, 2),
            )


def _said(seconds: float) -> str:
    """So many seconds, in a unit that fits."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
