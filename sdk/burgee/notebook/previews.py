"""The plot of a preview: who moves where, and how much of each segment."""

from typing import TYPE_CHECKING

from burgee.flags.analysis.preview import Move, Preview
from burgee.notebook.figures import Plot, blank, canvas, clean, entitle, name_rows, say
from burgee.notebook.palette import COLOURS, INK, OFF, colour, on, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_GROUPS = 15
_WIDEST_LETTER = 0.95  # percent of the width
_STAYS = 0.28


def plot(preview: Preview) -> Plot:
    """A bar for each variant of today, in parts by the variant of tomorrow; below it the segments."""
    title = f"{preview.before.key}: what would change"
    if not preview.total:
        return blank(title, "no users to move")
    sources = [variant.name for variant in preview.before.variants if _of(preview, variant.name)]
    height = 1.0 + 0.5 * len(sources)
    if preview.segment is None:
        figure, (panel,) = canvas(height)
    else:
        groups = len(preview.by_segment(preview.segment).head(_MOST_GROUPS))
        below = 0.9 + 0.34 * groups
        figure, (panel, lower) = canvas(height + below, panels=[height, below])
        _segments(lower, preview, preview.segment)
    _moves(panel, preview, sources)
    return figure


def _of(preview: Preview, source: str) -> list[Move]:
    order = colours(preview)
    return sorted(
        (one for one in preview.moves if one.source == source), key=lambda one: (not one.stays, order[one.target])
    )


def colours(preview: Preview) -> dict[str, int]:
    """The number of each variant's colour: that of the flag today, new variants behind."""
    names = [variant.name for variant in (*preview.before.variants, *preview.after.variants)]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _moves(panel: "Axes", preview: Preview, sources: list[str]) -> None:
    numbers = colours(preview)
    name_rows(panel, sources)
    panel.set_xlim(0, 100)
    for row, source in enumerate(sources):
        left = 0.0
        moving = 0
        for move in _of(preview, source):
            width = 100 * move.share
            strong = colour(numbers[move.target])
            shade = tint(strong, _STAYS) if move.stays else strong
            panel.barh(row, width, left=left, height=0.62, color=shade, gid=f"{source} {move.target}")
            word = "stay" if move.stays else f"→ {clean(move.target, 20)}"
            words = f"{word} {move.count:,}"
            if width >= _WIDEST_LETTER * (len(words) + 1):
                say(panel, (left + width / 2, row), words, ha="center", size=8.5, color=on(shade))
            moving += 0 if move.stays else move.count
            left += width
        if moving:
            say(panel, (left, row), f"{moving:,} move", color=INK, bold=True, offset=(6, 0))
    entitle(panel, f"{preview.before.key}: what would change", preview.text())


def _segments(panel: "Axes", preview: Preview, segment: str) -> None:
    found = preview.by_segment(segment).head(_MOST_GROUPS)
    names = ["none" if value != value else str(value) for value in found[segment]]  # noqa: PLR0124 - NaN
    name_rows(panel, names)
    most = max(float(found["share"].max()) * 100, 1e-9)
    panel.set_xlim(0, most * 1.25)
    for row, (moved, users, share) in enumerate(zip(found["moved"], found["users"], found["share"], strict=True)):
        panel.barh(row, 100 * share, height=0.6, color=COLOURS[0] if moved else OFF, gid=f"segment {row}")
        say(panel, (100 * share, row), f"{100 * share:.1f} % · {moved:,} of {users:,}", color=INK, offset=(6, 0))
    entitle(panel, f"Who moves, by {segment}")
