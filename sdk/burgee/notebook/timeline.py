"""A flag's rollout over time: steps, stretches in which it was off, and what else was changed when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby

from matplotlib.axes import Axes

from burgee.flags.model import FlagChange, FlagState
from burgee.notebook.figures import FONT, clean, date_numbers, entitle, say, spread, time_axis
from burgee.notebook.palette import ACCENT, GRID, INK, MUTED, OFF, PAPER, tint

MOST_MARKS = 8
"""Changes of rules and variants that are marked and told; further ones are counted."""

_SHORTEST = 5.0  # seconds; what happened within this is shown by version, since no time axis would tell it apart
_MOST_TICKS = 12
_SPACE = 0.08  # of the width, after the last change
_ROOM_FOR_A_WORD = 0.09
_ROOM_FOR_A_LINE = 0.02
_TOP = 118  # percent; above 100 stand the numbers of the marks
_NUMBERS = 111
_NEAR = 0.055  # of the width; labels nearer than this would lie on each other


@dataclass(frozen=True, slots=True)
class Axis:
    """Where each change stands from left to right, where the picture ends, and whether that is time or versions."""

    places: tuple[float, ...]
    end: float
    timed: bool

    @property
    def width(self) -> float:
        """From the first change to the end."""
        return self.end - self.places[0]


def draw(panel: Axes, changes: Sequence[FlagChange]) -> None:
    """Draw the changes of one flag, oldest first; there is at least one."""
    axis = _axis(changes)
    panel.set_xlim(axis.places[0], axis.end)
    panel.set_ylim(0, _TOP)
    panel.set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    panel.set_ylabel("rollout", fontsize=9, color=MUTED, fontfamily=FONT)
    _draw_runs(panel, axis, changes)
    _draw_values(panel, axis, changes)
    marks = [index for index, change in enumerate(changes) if index and _told(change)]
    _draw_marks(panel, axis, [axis.places[index] for index in marks[:MOST_MARKS]])
    _draw_ticks(panel, axis, changes)
    lines = [_told(changes[index]) for index in marks[:MOST_MARKS]]
    if len(marks) > MOST_MARKS:
        lines.append(f"and {len(marks) - MOST_MARKS} more changes of rules and variants")
    _tell(panel, lines)
    entitle(panel, _title(changes), _below(changes, axis))


def height(changes: Sequence[FlagChange]) -> float:
    """Inches it needs."""
    told = sum(1 for index, change in enumerate(changes) if index and _told(change))
    return 3.1 + 0.19 * min(told, MOST_MARKS + 1)


def _axis(changes: Sequence[FlagChange]) -> Axis:
    span = (changes[-1].at - changes[0].at).total_seconds()
    timed = span >= _SHORTEST
    moments = [change.at for change in changes]
    places = date_numbers(moments) if timed else [float(change.version) for change in changes]
    return Axis(tuple(places), places[-1] + max((places[-1] - places[0]) * _SPACE, 0 if timed else 0.6), timed)


def _off(state: FlagState) -> str:
    return "archived" if state.archived else "" if state.enabled else "disabled"


def _draw_runs(panel: Axes, axis: Axis, changes: Sequence[FlagChange]) -> None:
    """Each stretch of being on or off, as steps."""
    ends = [*axis.places[1:], axis.end]
    for off, run in groupby(range(len(changes)), key=lambda index: _off(changes[index].state)):
        indices = list(run)
        first, end = axis.places[indices[0]], ends[indices[-1]]
        levels = [changes[index].state.rollout for index in indices]
        xs, ys = [*(axis.places[index] for index in indices), end], [*levels, levels[-1]]
        if off:
            panel.axvspan(first, end, facecolor="#f3f4f6", edgecolor="#dde1e6", hatch="////", linewidth=0, zorder=0.5)
            panel.step(xs, ys, where="post", color=OFF, linewidth=1.5, linestyle=(0, (3, 2)), gid="off")
            narrow = end - first < axis.width * _ROOM_FOR_A_WORD
            if end - first > axis.width * _ROOM_FOR_A_LINE:
                say(panel, ((first + end) / 2, 5), off, ha="center", va="bottom", size=8.5, upright=narrow, rim=True)
        else:
            panel.fill_between(xs, ys, step="post", color=tint(ACCENT, 0.13), linewidth=0)
            panel.step(xs, ys, where="post", color=ACCENT, linewidth=2.2, solid_capstyle="butt", gid="on")


def _draw_values(panel: Axes, axis: Axis, changes: Sequence[FlagChange]) -> None:
    """The percentage at each step; the later one where two would lie on each other."""
    right = axis.end + axis.width
    for index in reversed(range(len(changes))):
        state = changes[index].state
        stepped = not index or state.rollout != changes[index - 1].state.rollout
        if stepped and right - axis.places[index] > axis.width * _NEAR:
            right = axis.places[index]
            high = state.rollout > 90  # noqa: PLR2004 - no room above the line
            colour = MUTED if _off(state) else INK
            say(
                panel, (right, state.rollout), f"{state.rollout:g} %", color=colour, bold=not _off(state),
                va="top" if high else "bottom", offset=(5, -4 if high else 3), rim=True,
            )  # fmt: skip


def _draw_marks(panel: Axes, axis: Axis, places: Sequence[float]) -> None:
    """Numbers at the top of the picture, each with a line down to its time."""
    for number, (place, shown) in enumerate(zip(places, spread(places, axis.width * 0.03), strict=True), 1):
        panel.plot(
            [shown, place, place],
            [_NUMBERS, 102, 0],
            color=MUTED,
            linewidth=0.9,
            linestyle=(0, (1, 2)),
            zorder=1.5,
            gid="mark",
            scalex=False,
        )
        panel.annotate(
            str(number),
            (shown, _NUMBERS),
            ha="center",
            va="center",
            color=PAPER,
            fontsize=7.5,
            fontweight="bold",
            fontfamily=FONT,
            annotation_clip=False,
            bbox={"boxstyle": "circle,pad=0.28", "facecolor": MUTED, "edgecolor": "none"},
        )


def _draw_ticks(panel: Axes, axis: Axis, changes: Sequence[FlagChange]) -> None:
    if axis.timed:
        time_axis(panel)
    else:
        step = 1 + len(changes) // _MOST_TICKS
        panel.set_xticks(axis.places[::step], [f"v{change.version}" for change in changes[::step]])
        panel.tick_params(axis="x", length=3, color=GRID)


def _tell(panel: Axes, lines: Sequence[str]) -> None:
    """What the numbers stand for, below the picture."""
    if lines:
        numbered = [f"{number}  {line}" if number <= MOST_MARKS else line for number, line in enumerate(lines, 1)]
        panel.set_xlabel(
            "\n".join(numbered), loc="left", labelpad=8, fontsize=9, color=MUTED, fontfamily=FONT, parse_math=False
        )
        panel.xaxis.label.set_linespacing(1.4)


def _told(change: FlagChange) -> str:
    """What a change did to rules and variants, in words; nothing if it left them alone."""
    before, after = change.before, change.after
    told = []
    if "rules" in before or "rules" in after:
        old, new = _rules(before), _rules(after)
        told += [f"rule added: {rule}" for rule in new if rule not in old]
        told += [f"rule removed: {rule}" for rule in old if rule not in new]
    weights = after.get("variants")
    if isinstance(weights, Mapping):
        told.append("weights: " + ", ".join(f"{name} {weight:g} %" for name, weight in weights.items()))
    return clean("; ".join(told).replace(" -> ", " → "), 100)


def _rules(side: Mapping[str, object]) -> list[str]:
    rules = side.get("rules")
    return [str(rule) for rule in rules] if isinstance(rules, list | tuple) else []


def _title(changes: Sequence[FlagChange]) -> str:
    """What it is now, and since when."""
    last = changes[-1].state
    since = len(changes) - 1
    while since and _standing(changes[since - 1].state) == _standing(last):
        since -= 1
    what = _off(last) or f"{last.rollout:g} %"
    at = changes[since].at.astimezone(UTC)
    return f"{last.key}: {what} since {at.day} {at:%b %Y, %H:%M} UTC"


def _standing(state: FlagState) -> tuple[str, float]:
    off = _off(state)
    return off, 0.0 if off else state.rollout


def _below(changes: Sequence[FlagChange], axis: Axis) -> str:
    """What the picture shows."""
    count = "as it was created" if len(changes) == 1 else f"{len(changes)} changes"
    kinds = "; numbers mark changes of rules and variants" if any(map(_told, changes[1:])) else ""
    return f"rollout {'over time' if axis.timed else 'by version'}, {count}{kinds}"
