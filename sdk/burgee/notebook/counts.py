"""Counts and other measures of events as plots: lines over time, or bars by group."""

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
    number_axis,
    say,
    spread,
    time_axis,
)
from burgee.notebook.palette import ACCENT, COLOURS, INK, OFF, colour, tint
from burgee.questions.model import Counts, Measure

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 12
"""Groups that are shown; the others are shown together."""

MOST_MEASURES = 6
"""Measures that are shown, a panel each."""

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
_LARGE = 1000  # from here on nobody reads what stands behind the point
_WHOLE = 1e15  # beyond this a number has no digits behind its point
_HALF = 0.5
_LINE_GAP = 0.062  # of the height; names nearer than this would lie on each other


def plot(question: Counts, frame: "pd.DataFrame") -> Plot:
    """The answer to a question for counts and other measures, as `question` asked it: a panel for each measure."""
    of = (f" per {question.per}" if question.per else "") + (f" by {' and '.join(question.by)}" if question.by else "")
    numbers = [measure for measure in question.wanted if _is_number(frame[measure.name])]
    groups = _groups(frame, leave_out=["time", *(measure.name for measure in question.wanted)])
    drawn = [Drawn(measure, f"{_words(measure)}{of}", frame, groups) for measure in numbers[:MOST_MEASURES]]
    if not drawn:
        return blank(f"{_words(question.wanted[0])}{of}", "no numbers to draw" if len(frame) else "no events match")
    if not any(one.has_values for one in drawn):
        return blank(drawn[0].title, "no events match")
    heights = [one.height(question) for one in drawn]
    figure, panels = canvas(sum(heights), panels=heights)
    for panel, one in zip(panels, drawn, strict=True):
        if question.per is None:
            _bars(panel, one)
        else:
            _lines(panel, question.per, one, named=bool(question.by))
    return figure


class Drawn:
    """One measure of an answer: its groups, the largest first, and what becomes of the others."""

    def __init__(self, measure: Measure, title: str, frame: "pd.DataFrame", groups: "pd.Series[str]") -> None:
        import pandas as pd

        self.measure = measure
        self.title = title
        self.frame = frame
        self.name = measure.name
        self.adds_up = measure.kind in {"count", "sum"}
        """Whether groups can be shown together: a mean of means is none."""

        self.numbers = pd.to_numeric(frame[measure.name], errors="coerce").astype(float)
        self.groups = groups
        grouped = self.numbers.groupby(self.groups)
        totals = grouped.sum() if self.adds_up else grouped.max()
        self.totals = totals.dropna()
        self.shown, self.others = _largest(self.totals)

    @property
    def has_values(self) -> bool:
        """Whether there is anything to see."""
        return bool((self.numbers.fillna(0) != 0).any() if self.measure.kind == "count" else self.numbers.notna().any())

    @property
    def together(self) -> list[str]:
        """The name of all other groups, where they are shown."""
        return [_together(self.others)] if self.others and self.adds_up else []

    def height(self, question: Counts) -> float:
        """Inches of its panel."""
        rows = len(self.shown) + len(self.together)
        if question.per is None:
            return 0.9 + 0.34 * rows
        return 3.4 if rows <= len(COLOURS) else 4.4

    def say(self, value: float) -> str:
        """A value of the measure, as it is read."""
        whole = float(value).is_integer() or abs(value) >= _LARGE
        return f"{value:,.0f}" if whole and abs(value) < _WHOLE else f"{value:,.4g}"

    def summary(self) -> str:
        """What there is in all, or which groups are not shown."""
        if self.measure.kind == "count":
            return f"{self.numbers.sum():,.0f} events"
        if self.measure.kind == "sum":
            return f"{self.say(float(self.numbers.sum()))} in all"
        return f"{len(self.others):,} other groups are not shown" if self.others else ""


def _bars(panel: Axes, drawn: Drawn) -> None:
    values = [float(drawn.totals[name]) for name in drawn.shown]
    rest = float(drawn.totals[drawn.others].sum())
    name_rows(panel, [*drawn.shown, *drawn.together])
    most = max(*values, 0.0)
    panel.set_xlim(min(*values, 0.0), most or 1)
    panel.barh(range(len(values)), values, height=0.66, color=ACCENT)
    for row, value in enumerate(values):
        say(panel, (max(value, 0), row), drawn.say(value), color=INK, bold=True, offset=(6, 0))
    if drawn.together:
        fits = rest <= most  # else it would leave no room to compare the groups
        panel.barh(len(values), rest if fits else 0, height=0.66, color=OFF)
        say(panel, (rest if fits else 0, len(values)), drawn.say(rest), bold=True, offset=(6, 0))
    summary = drawn.summary()
    groups = f"{len(drawn.totals):,} groups" if drawn.adds_up and len(drawn.totals) > 1 else ""
    entitle(panel, drawn.title, " in ".join(filter(None, (summary, groups))))


def _lines(panel: Axes, per: Period, drawn: Drawn, *, named: bool) -> None:
    order = [*drawn.shown, *drawn.together]
    wide = _by_period(per, drawn)
    times = date_numbers([moment.to_pydatetime() for moment in wide.index])
    for number, name in enumerate(order):
        together = number >= len(drawn.shown)
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
    _axis(panel, drawn)
    if named:
        ends = [float(wide[name].dropna().iloc[-1]) for name in order]
        _name_lines(panel, times[-1], ends)
    elif drawn.adds_up:
        panel.fill_between(times, wide[order[0]].to_numpy(), color=tint(ACCENT, 0.12), linewidth=0)
    panel.margins(x=0.01)
    first, last = (f"{wide.index[place]:%Y-%m-%d}" for place in (0, -1))
    when = f"{first if first == last else f'{first} to {last}'} (UTC)"
    entitle(panel, drawn.title, ", ".join(filter(None, (drawn.summary(), when))))


def _axis(panel: Axes, drawn: Drawn) -> None:
    if drawn.measure.kind == "count":
        count_axis(panel, "events")
        return
    low, high = float(drawn.numbers.min()), float(drawn.numbers.max())
    below = min(low, 0) * 1.06
    panel.set_ylim(below, max(high, 0) * 1.06 or 1)
    number_axis(panel, _words(drawn.measure).lower() if drawn.name != _words(drawn.measure) else drawn.name)


def _is_number(column: "pd.Series[float]") -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column) or column.isna().all())


def _words(measure: Measure) -> str:
    """What a measure is, or what the user calls it."""
    of = measure.field
    if of is None:
        return "Events"
    if measure.kind == "quantile":
        usual, said = (
            ("median_", "p"),
            f"{'Median' if measure.at == _HALF else f'{100 * (measure.at or 0):.4g} % quantile'} of {of}",
        )
        return said if measure.name.startswith(usual) and measure.name.endswith(of) else measure.name
    said = {"sum": "Sum of", "mean": "Mean of", "min": "Least", "max": "Greatest", "distinct": "Different"}[
        measure.kind
    ]
    return f"{said} {of}" if measure.name == f"{measure.kind}_{of}" else measure.name


def _groups(frame: "pd.DataFrame", *, leave_out: Sequence[str]) -> "pd.Series[str]":
    """What group each row is of, as one label."""
    import pandas as pd

    labels = pd.Series("", index=frame.index, dtype=object)
    for number, name in enumerate(name for name in frame.columns if name not in leave_out):
        column = frame[name].astype(object)
        shown = column.where(column.notna(), "(none)").map(clean)
        labels = labels + " · " + shown if number else shown
    return labels


def _largest(totals: "pd.Series[float]") -> tuple[list[str], list[str]]:
    """The groups that are shown, largest first, and those that are shown together; never only one of these."""
    order = [str(name) for name in totals.sort_values(ascending=False, kind="stable").index]
    most = len(order) if len(order) == MOST_GROUPS + 1 else MOST_GROUPS
    return order[:most], order[most:]


def _together(others: Sequence[str]) -> str:
    return f"{len(others):,} others"


def _by_period(per: Period, drawn: Drawn) -> "pd.DataFrame":
    """A row for each period from the first to the last, a column for each group; where there is nothing, nothing."""
    import pandas as pd

    times = pd.to_datetime(drawn.frame["time"], utc=True)
    groups = drawn.groups
    if drawn.together:
        groups = groups.replace(dict.fromkeys(drawn.others, *drawn.together))
    long = pd.DataFrame({"time": times, "group": groups, "value": drawn.numbers})
    nothing = 0 if drawn.adds_up else float("nan")
    wide = long.pivot_table(index="time", columns="group", values="value", aggfunc="sum" if drawn.adds_up else "max")
    if drawn.adds_up:
        wide = wide.fillna(0)
    first, last = wide.index[0], wide.index[-1]
    if per in _FINE_STEPS and last - first > _MOST_PERIODS * pd.Timedelta(1, _FINE_STEPS[per]):
        return wide
    return wide.reindex(pd.date_range(first, last, freq=_STEPS[per]), fill_value=nothing)


def _name_lines(panel: Axes, right: float, ends: Sequence[float]) -> None:
    """Each line's name at its end, moved apart where lines end near each other."""
    low, high = panel.get_ylim()
    places = spread(ends, (high - low) * _LINE_GAP, lowest=low)
    for line, place in zip(panel.get_lines(), places, strict=True):
        say(panel, (right, place), str(line.get_label()), color=str(line.get_color()), offset=(8, 0), bold=True)
