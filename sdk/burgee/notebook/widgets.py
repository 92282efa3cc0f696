"""Widgets to use flags by hand: one flag with its rollout, weights and live shares; and a table of flags.

Every change goes the way of the fluent verbs (`flag.rollout(20)`), so it is checked, stored and audited as if it
had been typed. What a control shows is what is stored: a change that is refused is told, and taken back.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, override

import ipywidgets
import traitlets

from burgee.core.display import Sheet
from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.flags.facade import Flag, Flags, state_row
from burgee.flags.model import FlagState
from burgee.notebook import flagparts
from burgee.notebook.panel import Panel, alone, button, label, row, trouble, unit
from burgee.notebook.shares import shares
from burgee.notebook.tables import table, text

if TYPE_CHECKING:
    import pandas as pd

MOST_FLAGS = 50
"""Rows of the table of flags; the others are found by their key."""

_TOLERANCE = 1e-6  # percent; weights that sum to 100 this closely are taken

type Change = Mapping[str, object]
"""What a control tells its observers."""


class FlagWidget(Panel):
    """A flag to use: switch, rollout, weights; what it serves a frame of users, live; and its history.

    Args:
        flag: the flag; the widget changes it.
        users: any frame of users, to see their shares; `by` is its column of targeting keys.

    Attributes:
        flag: the handle to the flag's current version. A trait: `widget.observe(callback, "flag")`.
        switch, slider, percent, weights, apply, again: the controls; `weights` by variant.
    """

    kind: ClassVar[str] = "burgee-flag"

    flag = traitlets.Instance(Flag)

    def __init__(self, flag: Flag, users: object = None, *, by: str = "id") -> None:
        super().__init__()
        self.flag = flag
        self._users = users
        self._by = by
        self._assigned: pd.DataFrame | Exception | None = None
        self._head, self._sum, self._rules, self._shares, self._history = (ipywidgets.HTML() for _ in range(5))
        self._make_controls()
        self.weights: dict[str, ipywidgets.FloatText] = {}
        self._weights = row()
        self.take(flag)
        if isinstance(self._assigned, Exception):
            raise self._assigned  # here there is still somebody to read it, and nothing to show yet
        switched = row(label("Enabled"), self.switch, label("Rollout"), self.slider, self.percent, unit("%"))
        weighed = row(label("Weights"), self._weights, self._sum, self.apply)
        parts = [weighed, row(label("Rules"), self._rules), self._shares, self._history]
        self._show(row(self._head, self.again, kind="burgee-head"), switched, *parts)

    @property
    def frame(self) -> "pd.DataFrame":
        """What the current version of the flag serves the users: what `flag.assign(users)` gives.

        Raises:
            InvalidInputError: the widget was made without users, or they can't be assigned any more.
        """
        if isinstance(self._assigned, Exception):
            raise self._assigned
        if self._assigned is None:
            raise InvalidInputError("this widget has no users to assign", hint="give it some: flag.widget(users)")
        return self._assigned

    @alone
    def refresh(self) -> None:
        """Take in what was changed elsewhere."""
        self.take(self.flag.refresh())

    @alone
    def take(self, flag: Flag) -> None:
        """Show this version of the flag."""
        self._assign(flag)
        self._set_controls(flag.state)
        self._head.value = flagparts.head(flag.state)
        self._rules.value = flagparts.rules(flag.state)
        self.flag = flag  # from here on it is so, and whoever observes it finds the frame that goes with it
        self._sum_up()
        self._history.value = flagparts.history(list(flag.history()))  # last: it asks, and may fail

    def _make_controls(self) -> None:
        self.switch = _switch()
        self.slider = ipywidgets.FloatSlider(
            min=0, max=100, step=1, continuous_update=False, readout_format=".4", tooltip="percent let in"
        )
        self.slider.add_class("burgee-rollout")
        self.percent = _percent("the exact percentage")
        self.apply = button("Apply", "store these weights")
        self.again = button("Refresh", "take in changes made elsewhere", icon="refresh")
        self.switch.observe(self._on_switch, "value")
        self.slider.observe(self._on_percent, "value")
        self.percent.observe(self._on_percent, "value")
        self.apply.on_click(self._on_apply)
        self.again.on_click(lambda _: self._attempt(self.refresh))

    def _on_switch(self, change: Change) -> None:
        on = bool(change["new"])
        self._change(lambda flag: flag.enable() if on else flag.disable())

    def _on_percent(self, change: Change) -> None:
        percent = change["new"]
        if isinstance(percent, float):
            self._change(lambda flag: flag.rollout(percent))

    def _on_apply(self, _: ipywidgets.Button) -> None:
        wanted = {name: field.value for name, field in self.weights.items()}
        # These weights were made up looking at this version's: they are not for any other.
        self._change(lambda flag: flag.variants(wanted, expected_version=flag.version))

    def _sum_up(self) -> None:
        """Say what the weights sum to; they can be applied when that is 100 and they are new."""
        total = math.fsum(field.value for field in self.weights.values())
        whole = abs(total - 100) <= _TOLERANCE
        before = {variant.name: variant.weight for variant in self.flag.state.variants}
        changed = any(field.value != before[name] for name, field in self.weights.items())
        self.apply.disabled = not (whole and changed) or self.flag.state.archived
        lacking = "" if whole else f", {abs(100 - total):.6g} {'missing' if total < 100 else 'too many'}"  # noqa: PLR2004 - percent
        word = "burgee-whole" if whole else "burgee-lacking"
        self._sum.value = f'<span class="{word}">sum {total:.6g} %{lacking}</span>'

    def _change(self, change: Callable[[Flag], Flag]) -> None:
        """Change the flag, unless a control is only being set to what is; if that fails, set the control back."""
        self._by_hand(lambda: self.take(change(self.flag)), lambda: self._set_controls(self.flag.state))

    def _assign(self, flag: Flag) -> None:
        self._shares.layout.display = "none" if self._users is None else ""
        if self._users is None:
            return
        try:
            self._assigned = flag.assign(self._users, by=self._by)
            self._shares.value = flagparts.bars(shares(flag.state, self._assigned))
        except BurgeeError as error:
            self._assigned = error
            self._shares.value = trouble(error)

    def _set_controls(self, state: FlagState) -> None:
        with self._setting():
            self.switch.value, self.slider.value, self.percent.value = state.enabled, state.rollout, state.rollout
            for control in (self.switch, self.slider, self.percent):
                control.disabled = state.archived
            if list(self.weights) != [variant.name for variant in state.variants]:
                self._make_weights(state)
            for variant in state.variants:
                self.weights[variant.name].value = variant.weight
                self.weights[variant.name].disabled = state.archived

    def _make_weights(self, state: FlagState) -> None:
        self.weights = {}
        cells = []
        for number, variant in enumerate(state.variants):
            field = ipywidgets.BoundedFloatText(
                min=0, max=100, continuous_update=True, tooltip="percent of the rollout"
            )
            field.add_class("burgee-number-field")
            field.observe(lambda _: self._by_hand(self._sum_up), "value")
            self.weights[variant.name] = field
            name = ipywidgets.HTML(f"{flagparts.swatch(number)}{text(variant.name)}")
            cells.append(row(name, field, kind="burgee-weight"))
        self._weights.children = cells

    @override
    def _still(self) -> str:
        return "".join(part.value for part in (self._head, self._rules, self._shares, self._history))

    @override
    def __repr__(self) -> str:
        return f"<FlagWidget of {self.flag!r}>"


class FlagsWidget(Panel):
    """The flags of a tenant as a table with switches and rollouts; one is opened below by its name.

    Attributes:
        selected: the widget of the flag that is open, if one is. A trait.
        rows: the rows shown, by the flag's key.
        search, again: the controls.
    """

    kind: ClassVar[str] = "burgee-flags"

    selected = traitlets.Instance(FlagWidget, allow_none=True)

    def __init__(self, flags: Flags) -> None:
        super().__init__()
        self._flags = flags
        self._known: dict[str, Flag] = {}
        self.rows: dict[str, FlagRow] = {}
        self._title, self._note = ipywidgets.HTML(), ipywidgets.HTML()
        self._table, self._below = ipywidgets.VBox(), ipywidgets.VBox()
        self._table.add_class("burgee-flag-table")
        self._below.add_class("burgee-below")
        self.search = ipywidgets.Text(placeholder="find by key", continuous_update=True)
        self.search.observe(lambda _: self._fill(), "value")
        self.again = button("Refresh", "take in changes made elsewhere", icon="refresh")
        self.again.on_click(lambda _: self._attempt(self.refresh))
        self.refresh()
        tools = row(self.search, self.again)
        self._show(row(self._title, tools, kind="burgee-head"), self._table, self._note, self._below)

    @alone
    def refresh(self) -> None:
        """Take in what was changed elsewhere."""
        self._known = {flag.key: flag for flag in self._flags.list()}
        self._fill()
        if self.selected is not None:
            self.selected.refresh()

    @alone
    def select(self, key: str) -> None:
        """Open the flag of that key below."""
        opened = FlagWidget(self._flags[key])
        opened.observe(lambda change: self._note_change(change["new"]), "flag")
        self.selected = opened
        self._below.children = (opened,)
        self._note_change(opened.flag)
        for one, shown in self.rows.items():
            shown.mark(chosen=one == key)

    @alone
    def _fill(self) -> None:
        """A row for each flag whose key has the words looked for."""
        words = self.search.value.lower().split()
        found = [flag for key, flag in self._known.items() if all(word in key.lower() for word in words)]
        chosen = self.selected.flag.key if self.selected is not None else None
        self.rows = {flag.key: FlagRow(flag, self._change, self._open) for flag in found[:MOST_FLAGS]}
        for key, shown in self.rows.items():
            shown.mark(chosen=key == chosen)
        self._table.children = [shown.box for shown in self.rows.values()]
        self._count()
        rest = len(found) - len(self.rows)
        note = f"and {rest:,} more: find them by key" if rest > 0 else "" if found else "no flag has that in its key"
        self._note.value = f'<span class="burgee-dim">{note if self._known else "no flags yet"}</span>'

    def _count(self) -> None:
        enabled = sum(flag.enabled for flag in self._known.values())
        self._title.value = (
            f'<span class="burgee-key">Flags</span>'
            f'<span class="burgee-version burgee-after">{len(self._known):,}, of which {enabled:,} are enabled</span>'
        )

    def _open(self, key: str) -> None:
        self._attempt(lambda: self.select(key))

    @alone
    def _change(self, flag: Flag, change: Callable[[Flag], Flag]) -> None:
        """A row's control was used."""

        def work() -> None:
            changed = change(flag)
            self._note_change(changed)
            if self.selected is not None and self.selected.flag.key == changed.key:
                self.selected.take(changed)

        if not self._attempt(work) and flag.key in self.rows:
            self.rows[flag.key].show(self._known[flag.key])

    @alone
    def _note_change(self, flag: Flag) -> None:
        self._known[flag.key] = flag
        self._count()
        if flag.key in self.rows:
            self.rows[flag.key].show(flag)

    @override
    def _still(self) -> str:
        rows = [state_row(flag.state) for flag in self._known.values()]
        columns = ("key", "enabled", "rollout", "variants", "rules", "version", "updated_at")
        return table(Sheet("Flags", columns, [[one[name] for name in columns] for one in rows]))

    @override
    def __repr__(self) -> str:
        return f"<FlagsWidget of {len(self._known)} flags>"


class FlagRow:
    """One flag in the table: its name to open it, its switch, its rollout, and its weights to see."""

    def __init__(
        self, flag: Flag, change: Callable[[Flag, Callable[[Flag], Flag]], None], select: Callable[[str], None]
    ) -> None:
        self._change = change
        self._setting = False
        self.flag = flag
        self.name = button(flag.key, "open it below")
        self.name.add_class("burgee-flag-name")
        self.name.on_click(lambda _: select(flag.key))
        self.switch, self.percent = _switch(), _percent("percent let in")
        self._words = ipywidgets.HTML()
        self._words.add_class("burgee-flag-words")
        self.switch.observe(self._on_switch, "value")
        self.percent.observe(self._on_percent, "value")
        self.box = row(self.name, self.switch, self.percent, unit("%"), self._words, kind="burgee-flag-row")
        self.show(flag)

    @alone
    def show(self, flag: Flag) -> None:
        """Show this version of the flag."""
        self.flag = flag
        self._setting = True
        self.switch.value, self.percent.value = flag.enabled, flag.state.rollout
        self._setting = False
        self._words.value = flagparts.weights(flag.state)

    def mark(self, *, chosen: bool) -> None:
        """Show whether it is the one that is open."""
        (self.box.add_class if chosen else self.box.remove_class)("burgee-chosen")

    def _on_switch(self, change: Change) -> None:
        on = bool(change["new"])
        self._by_hand(lambda flag: flag.enable() if on else flag.disable())

    def _on_percent(self, change: Change) -> None:
        percent = change["new"]
        if isinstance(percent, float):
            self._by_hand(lambda flag: flag.rollout(percent))

    @alone
    def _by_hand(self, change: Callable[[Flag], Flag]) -> None:
        if not self._setting:
            self._change(self.flag, change)


def _switch() -> ipywidgets.Checkbox:
    made = ipywidgets.Checkbox(indent=False, tooltip="on or off")
    made.add_class("burgee-switch")
    return made


def _percent(what: str, *, live: bool = False) -> ipywidgets.BoundedFloatText:
    made = ipywidgets.BoundedFloatText(min=0, max=100, continuous_update=live, tooltip=what)
    made.add_class("burgee-number-field")
    return made
