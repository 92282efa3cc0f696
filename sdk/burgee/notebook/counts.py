"""Counts of events as plots: lines over time, or bars by group."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from matplotlib.axes import Axes

from burgee.core.periods import Period
from burgee.notebook.figures import (
    Plot,
    blank,
    canvas,
    clean,
    count_axis,
    date_numbers,
    entitle,
    name_rows,
    say,
    spread,
    time_axis,
)
from burgee.notebook.palette import ACCENT, COLOURS, INK, OFF, colour, tint
from burgee.questions.model import Counts

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 12
"""Groups that are shown; the others are shown together."""

_STEPS: Mapping[Period, str] = {
    "minute": "min",
    "hour": "h",
    "day": "D",
    "week": "W-MON",
    "month": "MS",
    "quarter": "QS",
    "year": "YS",
}
_FINE_STEPS: Mapping[Period, Literal["min", "h"]] = {"minute": "min", "hour": "h"}
_MOST_PERIODS = 5000  # with more, periods without events are left out instead of drawn as zeros
_FEW_PERIODS = 40  # up to here each gets a dot
_LINE_GAP = 0.062  # of the height; names nearer than this would lie on each other


def plot(question: Counts, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for counts, as `question` asked it."""
    per = f" per {question.per}" if question.per else ""
    by = f" by {' and '.join(question.by)}" if question.by else ""
    title = f"Events{per}{by}"
    if not len(frame) or not int(frame["count"].sum()):
        return blank(title, "no events match")
    return _bars(title, frame) if question.per is None else _lines(question.per, title, frame, named=bool(by))


def _bars(title: str, frame: "pd.DataFrame") -> Plot:
    totals = frame["count"].groupby(_groups(frame, leave_out=["count"])).sum()
    shown, others = _largest(totals)
    values = [int(totals[name]) for name in shown]
    largest, rest = max(values), int(totals[others].sum())
    names = [*shown, *([_together(others)] if others else [])]
    figure, (panel,) = canvas(0.9 + 0.34 * len(names))
    name_rows(panel, names)
    panel.set_xlim(0, largest)
    panel.barh(range(len(shown)), values, height=0.66, color=ACCENT)
    for row, value in enumerate(values):
        say(panel, (value, row), f"{value:,}", color=INK, bold=True, offset=(6, 0))
    if others:
        fits = rest <= largest  # else it would leave no room to compare the groups
        panel.barh(len(shown), rest if fits else 0, height=0.66, color=OFF)
        say(panel, (rest if fits else 0, len(shown)), f"{rest:,}", bold=True, offset=(6, 0))
    entitle(panel, title, f"{sum(values) + rest:,} events in {len(totals):,} groups")
    return figure


def _lines(per: Period, title: str, frame: "pd.DataFrame", *, named: bool) -> Plot:
    groups = _groups(frame, leave_out=["time", "count"])
    shown, others = _largest(frame["count"].groupby(groups).sum())
    wide = _by_period(per, frame, groups.replace(dict.fromkeys(others, _together(others))) if others else groups)
    order = [*shown, *([_together(others)] if others else [])]
    figure, (panel,) = canvas(3.4 if len(order) <= len(COLOURS) else 4.4)
    times = date_numbers([moment.to_pydatetime() for moment in wide.index])
    for number, name in enumerate(order):
        together = number >= len(shown)
        dashed = len(COLOURS) <= number and not together  # the colours come round again
        panel.plot(
            times,
            wide[name].to_numpy(),
            color=OFF if together else colour(number),
            label=name,
            linewidth=1.8,
            linestyle=(0, (4, 1.5)) if dashed else "solid",
            marker="o" if len(wide) <= _FEW_PERIODS else "",
            markersize=3.5,
            clip_on=False,
        )
    time_axis(panel)
    count_axis(panel, "events")
    if named:
        _name_lines(panel, times[-1], [float(wide[name].iloc[-1]) for name in order])
    else:
        panel.fill_between(times, wide[order[0]].to_numpy(), color=tint(ACCENT, 0.12), linewidth=0)
    panel.margins(x=0.01)
    first, last = (f"{wide.index[place]:%Y-%m-%d}" for place in (0, -1))
    when = first if first == last else f"{first} to {last}"
    entitle(panel, title, f"{int(frame['count'].sum()):,} events, {when} (UTC)")
    return figure


def _groups(frame: "pd.DataFrame", *, leave_out: Sequence[str]) -> "pd.Series[str]":
    """What group each row is of, as one label."""
    import pandas as pd

    labels = pd.Series("", index=frame.index, dtype=object)
    for number, name in enumerate(name for name in frame.columns if name not in leave_out):
        column = frame[name].astype(object)
        shown = column.where(column.notna(), "(none)").map(clean)
        labels = labels + " · " + shown if number else shown
    return labels


def _largest(totals: "pd.Series[int]") -> tuple[list[str], list[str]]:
    """The groups that are shown, largest first, and those that are shown together; never only one of these."""
    order = [str(name) for name in totals.sort_values(ascending=False, kind="stable").index]
    most = len(order) if len(order) == MOST_GROUPS + 1 else MOST_GROUPS
    return order[:most], order[most:]


def _together(others: Sequence[str]) -> str:
    return f"{len(others):,} others"


def _by_period(per: Period, frame: "pd.DataFrame", groups: "pd.Series[str]") -> "pd.DataFrame":
    """A row for each period from the first to the last, a column for each group; zero where there is nothing."""
    import pandas as pd

    times = pd.to_datetime(frame["time"], utc=True)
    long = pd.DataFrame({"time": times, "group": groups, "count": frame["count"]})
    wide = long.pivot_table(index="time", columns="group", values="count", aggfunc="sum", fill_value=0)
    first, last = wide.index[0], wide.index[-1]
    if per in _FINE_STEPS and last - first > _MOST_PERIODS * pd.Timedelta(1, _FINE_STEPS[per]):
        return wide
    return wide.reindex(pd.date_range(first, last, freq=_STEPS[per]), fill_value=0)


def _name_lines(panel: Axes, right: float, ends: Sequence[float]) -> None:
    """Each line's name at its end, moved apart where lines end near each other."""
    places = spread(ends, panel.get_ylim()[1] * _LINE_GAP, lowest=0)
    for line, place in zip(panel.get_lines(), places, strict=True):
        say(panel, (right, place), str(line.get_label()), color=str(line.get_color()), offset=(8, 0), bold=True)
