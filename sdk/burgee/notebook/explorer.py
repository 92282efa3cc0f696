"""The explorer: look around in an event log by type, time and period, before asking anything in code.

One question, how many events of each type on each day, is asked at the start; from its answer the counts of every
choice are added up here, so that choosing is quick however large the log is. What is asked at each choice is
the few rows of the table, and counts by hour or minute.
"""

import base64
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, override

import ipywidgets
import pandas as pd

from burgee.core.periods import PERIODS, Period, check_period, fitting_period
from burgee.events.query import Query
from burgee.notebook import plots
from burgee.notebook.panel import Panel, alone, button, label, row
from burgee.notebook.tables import frame_sheet, table
from burgee.questions.model import Counts

if TYPE_CHECKING:
    from burgee.events.facade import Events

MOST_EVENTS = 200
"""Rows the table shows; `explorer.query.frame()` has all."""

_MOST_COLUMNS = 24
_MOST_PLACES = 1000  # of the slider; over a longer time each stands for several days
_MOST_LINES = 14  # of the list of types; it scrolls
_PLOT_WIDTH = 6.4  # inches, beside the types
_STILL_ROWS = 20
_NOT_SHOWN = ("id", "version", "recorded_at")
_COARSER: Mapping[Period, str] = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}  # pandas' names, by end
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Explorer(Panel):
    """Types, times, counts over time and a table of events: to use, not only to see.

    Args:
        events: the log of a tenant: `acme.events`.

    Attributes:
        types, days, per, again: the controls. No type chosen means all.
        image: the plot.
        total: how many events the choice has.
    """

    kind: ClassVar[str] = "burgee-explorer"

    def __init__(self, events: "Events") -> None:
        super().__init__()
        self._events = events
        self._counts = pd.DataFrame()
        self._frame = pd.DataFrame()
        self._step = timedelta(days=1)
        self._places = [_EPOCH]
        self.total = 0
        self._make_controls()
        self._fetch()
        days = (self._bounds()[1] - self._bounds()[0]).days
        self.per.value = fitting_period(days)
        self._look_up()
        for control in (self.types, self.days, self.per):
            control.observe(lambda _: self._by_hand(self._look_up), "value")
        self.again.on_click(lambda _: self._attempt(self.refresh))
        picture = ipywidgets.VBox([row(label("Days"), self.days), self.image])
        picture.add_class("burgee-picture")
        hint = ipywidgets.HTML('<span class="burgee-dim">None chosen means all; Ctrl or Shift chooses several.</span>')
        left = ipywidgets.VBox([self.types, hint])
        left.add_class("burgee-left")
        head = row(self._head, row(label("per"), self.per, self.again), kind="burgee-head")
        self._show(head, row(left, picture, kind="burgee-choice"), self._table)

    @property
    @alone
    def query(self) -> Query:
        """What is chosen, as a query: `explorer.query.frame()` fetches all of it."""
        since, until = self._bounds()
        first, last = self.days.index
        open_end = last == len(self._places) - 1  # what comes later belongs to it too
        return self._events.query(
            type=self.types.value, since=since if first else None, until=None if open_end else until
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The events that are shown: the first `MOST_EVENTS` of the choice, with all their columns."""
        return self._frame

    @alone
    def refresh(self) -> None:
        """Take in events that came since, and keep what is chosen."""
        self._fetch()
        self._look_up()

    def _make_controls(self) -> None:
        self._head, self._table = ipywidgets.HTML(), ipywidgets.HTML()
        self._table.add_class("burgee-events")
        self.types = ipywidgets.SelectMultiple(tooltip="event types, and how many of each there are")
        self.types.add_class("burgee-types")
        self.days = ipywidgets.SelectionRangeSlider(options=[("", _EPOCH)], index=(0, 0), continuous_update=False)
        self.days.add_class("burgee-days")
        self.per = ipywidgets.Dropdown(options=PERIODS, value="day")
        self.per.add_class("burgee-per")
        self.again = button("Refresh", "take in events that came since", icon="refresh")
        self.image = ipywidgets.Image(format="png")
        self.image.add_class("burgee-plot")

    def _bounds(self) -> tuple[datetime, datetime]:
        """The first time that is chosen, and the first that no longer is."""
        first, last = self.days.index  # not its value: that is stale where new options have the same index
        return self._places[first], self._places[last] + self._step

    def _fetch(self) -> None:
        """Ask for the counts, and set what there is to choose from."""
        self._counts = self._events.query().per("day").by("type").frame()
        totals = self._counts.groupby("type")["count"].sum().sort_values(ascending=False, kind="stable")
        chosen = [name for name in totals.index if name in self.types.value]
        with self._setting():
            self.types.options = [(f"{name}  ·  {count:,}", name) for name, count in totals.items()]
            self.types.value = chosen
            self.types.rows = min(max(len(totals), 4), _MOST_LINES)
            if not self._counts.empty:
                self._set_days(self._counts["time"].min(), self._counts["time"].max())

    def _set_days(self, first: pd.Timestamp, last: pd.Timestamp) -> None:
        """Every day, or every few; an end that was not moved stays at the end."""
        start, end = self.days.index
        begin, finish = (self._places[index] for index in (start, end))
        at_end = end == len(self._places) - 1
        days = (last - first).days + 1
        self._step = timedelta(days=1 + (days - 1) // _MOST_PLACES)
        self._places = [first.to_pydatetime() + self._step * number for number in range(-(-days // self._step.days))]
        self.days.options = [(f"{place:%Y-%m-%d}", place) for place in self._places]
        low = bisect_right(self._places, begin) - 1 if start else 0
        high = len(self._places) - 1 if at_end else bisect_right(self._places, finish) - 1
        self.days.index = (max(low, 0), max(low, high, 0))
        self.days.disabled = len(self._places) == 1

    def _look_up(self) -> None:
        """Show what is chosen."""
        per = check_period(self.per.value)
        days = self._chosen_days()
        counted = days if per == "day" else self._by_period(per, days)
        figure = plots.answer(Counts(per, ("type",)), counted)
        figure.set_size_inches(_PLOT_WIDTH, figure.get_figheight())
        self.image.value = figure.png()
        self.total = int(days["count"].sum())
        since, until = self._bounds()
        last = until - timedelta(days=1)
        when = f"{since:%Y-%m-%d} to {last:%Y-%m-%d}" if len(self._counts) else "the log is empty"
        chosen, there = len(self.types.value) or len(self.types.options), len(self.types.options)
        self._head.value = (
            f'<span class="burgee-total">{self.total:,} event{"s" * (self.total != 1)}</span>'
            f'<span class="burgee-after burgee-dim">{chosen:,} of {there:,} types, {when}, UTC</span>'
        )
        self._frame = self._first_events()
        self._table.value = self._rows(MOST_EVENTS)

    def _chosen_days(self) -> pd.DataFrame:
        since, until = self._bounds()
        there = (self._counts["time"] >= since) & (self._counts["time"] < until)
        if self.types.value:
            there &= self._counts["type"].isin(self.types.value)
        return self._counts[there]

    def _by_period(self, per: Period, days: pd.DataFrame) -> pd.DataFrame:
        """Coarser periods are added up from the days; finer ones are asked for."""
        if per not in _COARSER:
            return self.query.per(per).by("type").frame()
        starts = days["time"].dt.tz_localize(None).dt.to_period(_COARSER[per]).dt.start_time.dt.tz_localize(UTC)
        return days.assign(time=starts).groupby(["time", "type"])["count"].sum().reset_index()

    def _first_events(self) -> pd.DataFrame:
        since, until = self._bounds()
        return self._events.query(type=self.types.value, since=since, until=until, limit=MOST_EVENTS).frame()

    def _rows(self, most: int) -> str:
        shown = self._frame.drop(columns=list(_NOT_SHOWN))
        if not shown["metadata"].astype(bool).any():
            shown = shown.drop(columns="metadata")
        note = "explorer.frame has these rows, explorer.query all of them"
        if len(shown.columns) > _MOST_COLUMNS:
            note = f"{_MOST_COLUMNS} of {len(shown.columns)} columns; {note}"
            shown = shown.iloc[:, :_MOST_COLUMNS]
        title = f"The first {min(most, len(shown)):,} of {self.total:,} events" if len(shown) < self.total else ""
        return table(frame_sheet(shown.head(most), title, note, most=most), most=most)

    @override
    def _still(self) -> str:
        picture = base64.b64encode(bytes(self.image.value)).decode()
        image = f'<img class="burgee-plot" alt="counts over time" src="data:image/png;base64,{picture}">'
        return f"{self._head.value}{image}{self._rows(_STILL_ROWS)}"

    @override
    def __repr__(self) -> str:
        return f"<Explorer: {self.total:,} events chosen; .query, .frame>"
