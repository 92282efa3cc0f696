"""Plots of what burgee answers: a flag's rollout, and each question about events. Each is a matplotlib figure.

Every title says what is seen, every group is named where it is drawn, and a question without an answer gives a
figure that says so. The look is in `figures`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from burgee.flags.facade import Flag
from burgee.flags.model import FlagChange
from burgee.notebook import cohorts, counts, funnels, timeline, visits, ways
from burgee.notebook.figures import Plot, blank, canvas, entitle, name_rows, say
from burgee.notebook.palette import INK, SHADES, colour, on, tint
from burgee.notebook.shares import Share, shares
from burgee.questions.model import Counts, Funnel, Paths, Question, Retention, Sessions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_ROOM_FOR_A_WORD = 9  # percent of the width


def rollout(flag: Flag, users: object = None, *, by: str = "id") -> Plot:
    """The flag's rollout over time; with a frame of users also what each variant's share of them is, and why.

    A handle shows one version of its flag, and so does its plot: it ends with that version.
    """
    changes = [change for change in flag.history() if change.version <= flag.version]
    if users is None:
        return history(changes)
    found = shares(flag.state, flag.assign(users, by=by))
    below = 0.75 + 0.42 * len(found)
    figure, (above, panel) = canvas(timeline.height(changes) + below, panels=[timeline.height(changes), below])
    timeline.draw(above, changes)
    _draw_shares(panel, found)
    return figure


def history(changes: Sequence[FlagChange]) -> Plot:
    """A flag's rollout over time: steps in percent, stretches of being off, and changes of rules and variants."""
    if not changes:
        return blank("Rollout over time", "no changes")
    figure, (panel,) = canvas(timeline.height(changes))
    timeline.draw(panel, changes)
    return figure


def answer(question: Question, frame: "pd.DataFrame") -> Plot:
    """The answer to a question about events.

    Counts and other measures are lines over time or bars, a funnel is bars, retention a triangle of shares, paths a
    map of what follows what, and sessions how long they last and when they were.
    """
    match question:
        case Counts():
            return counts.plot(question, frame)
        case Funnel():
            return funnels.plot(question, frame)
        case Retention():
            return cohorts.plot(question, frame)
        case Paths():
            return ways.plot(question, frame)
        case Sessions():
            return visits.plot(question, frame)


def _draw_shares(panel: "Axes", found: Sequence[Share]) -> None:
    """A bar for each variant, in parts by reason."""
    total = found[0].total
    name_rows(panel, [share.variant for share in found])
    panel.set_xlim(0, 100)
    for row, share in enumerate(found):
        left = 0.0
        for word, count in share.reasons:
            shade = tint(colour(row), SHADES[word])
            width = 100 * count / total
            panel.barh(row, width, left=left, height=0.62, color=shade, gid=word)
            if width >= _ROOM_FOR_A_WORD:
                say(panel, (left + width / 2, row), f"{word} {count:,}", ha="center", size=8.5, color=on(shade))
            left += width
        say(panel, (left, row), f"{share.count:,} · {share.percent:.1f} %", color=INK, bold=True, offset=(6, 0))
    entitle(panel, f"What {total:,} users are served" if total else "No users to serve")
