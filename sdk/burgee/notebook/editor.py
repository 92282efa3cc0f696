"""The editor of a flag: rules, rollout and overrides to try by hand, who would move, and one button to make it so.

It edits a draft (`flag.draft()`), so nothing is stored before Apply. What can't be is told where it was written.
"""

from typing import TYPE_CHECKING, ClassVar, override

import ipywidgets
import traitlets

from burgee.core.errors import BurgeeError, InvalidInputError
from burgee.flags.analysis.preview import Preview
from burgee.flags.changing.changes import Target
from burgee.flags.drafts import Draft
from burgee.flags.facade import Flag
from burgee.flags.model import Rule
from burgee.notebook import editorparts, flagparts
from burgee.notebook.panel import Panel, alone, button, label, row, trouble, unit
from burgee.notebook.rulerows import RuleRow
from burgee.notebook.ruletext import columns_of

if TYPE_CHECKING:
    import pandas as pd

MOST_OVERRIDES = 20
"""Overrides shown; the others are counted."""


class FlagEditor(Panel):
    """Rules, rollout and overrides of a flag to edit; who of the users would move; then Apply.

    Args:
        flag: the flag. It is changed by Apply only.
        users: any frame of users, to see who would move; `by` is its column of targeting keys.

    Attributes:
        flag: the flag as it is stored. A trait: `editor.observe(callback, "flag")`.
        draft: the flag as it would be. A trait, too.
        rules: the rows of rules, in their order.
        switch, slider, percent, user, variant, give, add, why, apply, discard, again: the controls.
    """

    kind: ClassVar[str] = "burgee-editor"

    flag = traitlets.Instance(Flag)
    draft = traitlets.Instance(Draft)

    def __init__(self, flag: Flag, users: object = None, *, by: str = "id") -> None:
        super().__init__()
        self._users = _frame(users)
        self._by = by
        self._columns = columns_of(self._users)
        self._incomplete = False
        self.preview: Preview | None = None
        self.rules: list[RuleRow] = []
        self._head, self._moves, self._differences, self._done = (ipywidgets.HTML() for _ in range(4))
        self._make_controls()
        self._take(flag, flag.draft())
        if self._users is not None:
            self.draft.assign(self._users, by=by)  # what is wrong with the users is told to whoever made it
        switched = row(label("Enabled"), self.switch, label("Rollout"), self.slider, self.percent, unit("%"))
        rules = ipywidgets.VBox([self._rules, row(self.add)])
        named = row(label("Overrides"), self._overrides, self.user, self.variant, self.give)
        last = row(self.why, self.apply, self.discard, kind="burgee-apply")
        parts = [switched, row(label("Rules"), rules, kind="burgee-rules-row"), named, self._moves, self._differences]
        self._show(row(self._head, self.again, kind="burgee-head"), *parts, last, self._done)

    @alone
    def refresh(self) -> None:
        """Take in what was changed elsewhere, and keep what is drafted on top of it."""
        draft = self.draft.refresh()
        self._take(self.flag.refresh(), draft)

    @alone
    def redraft(self) -> None:
        """Draft what the controls say, and show who would move."""
        rules = [made for one in self.rules if (made := self._rule(one)) is not None]
        self._incomplete = len(rules) < len(self.rules)
        draft = self.draft.discard()
        if self.switch.value != draft.state.enabled:
            draft = draft.enable() if self.switch.value else draft.disable()
        if self.percent.value != draft.state.rollout:
            draft = draft.rollout(self.percent.value)
        draft = _with_overrides(draft, self._named)
        self._tell_draft(_with_rules(draft, rules))

    def _rule(self, shown: RuleRow) -> Rule | None:
        try:
            return shown.rule()
        except BurgeeError as error:
            shown.problem(error)
            return None

    @alone
    def _take(self, flag: Flag, draft: Draft) -> None:
        """Show this draft of this flag."""
        state = draft.state
        with self._setting():
            self.switch.value, self.slider.value, self.percent.value = state.enabled, state.rollout, state.rollout
            variants = [variant.name for variant in state.variants]
            chosen = self.variant.value
            self.variant.options = variants
            self.variant.value = chosen if chosen in variants else variants[0]
            self._variants = variants
            self._named = dict(state.overrides)
            self.rules = [self._row(rule) for rule in state.rules]
            self.why.value = ""
        self.flag = flag
        self._incomplete = False
        self._arrange()
        self._tell_draft(draft)

    @alone
    def _tell_draft(self, draft: Draft) -> None:
        """Show what a draft would do."""
        self.draft = draft
        count = len(draft.differences)
        words = f"{count} {'change' if count == 1 else 'changes'} drafted" if count else ""
        note = f'<span class="burgee-drafted">{words}</span>'
        self._head.value = flagparts.head(self.flag.state, note)
        self._differences.value = editorparts.differences(draft.differences)
        self._moves.layout.display = "none" if self._users is None else ""
        self.preview = None
        if self._users is not None:
            try:
                self.preview = draft.preview(self._users, by=self._by)
                self._moves.value = editorparts.moves(self.preview)
            except BurgeeError as error:
                self._moves.value = trouble(error)  # a rule may look at what this frame has not; it can be applied
        self.apply.disabled = self._incomplete or not count
        self.discard.disabled = not count and not self._incomplete

    def _make_controls(self) -> None:
        self.switch = ipywidgets.Checkbox(indent=False, tooltip="on or off")
        self.switch.add_class("burgee-switch")
        self.slider = ipywidgets.FloatSlider(
            min=0, max=100, step=1, continuous_update=False, readout_format=".4", tooltip="percent let in"
        )
        self.slider.add_class("burgee-rollout")
        self.percent = ipywidgets.BoundedFloatText(min=0, max=100, tooltip="the exact percentage")
        self.percent.add_class("burgee-number-field")
        self._rules, self._overrides = ipywidgets.VBox(), row()
        self._rules.add_class("burgee-rule-list")
        self.add = button("Add a rule", "tried after those there are", icon="plus")
        self.user = ipywidgets.Text(placeholder="id of a user", continuous_update=False)
        self.user.add_class("burgee-user")
        self.variant = ipywidgets.Dropdown()
        self.variant.add_class("burgee-serve")
        self.give = button("Give", "give this user this variant, whatever the rules say")
        self.why = ipywidgets.Text(placeholder="why? a word for the history", continuous_update=True)
        self.why.add_class("burgee-reason")
        self.apply = button("Apply", "make all of it, as one change")
        self.apply.add_class("burgee-primary")
        self.discard = button("Discard", "back to the flag as it is")
        self.again = button("Refresh", "take in changes made elsewhere, and keep what is drafted", icon="refresh")
        self.switch.observe(lambda _: self._by_hand(self.redraft), "value")
        self.slider.observe(lambda _: self._by_hand(lambda: self._moved(self.slider.value)), "value")
        self.percent.observe(lambda _: self._by_hand(lambda: self._moved(self.percent.value)), "value")
        self.add.on_click(lambda _: self._attempt(self._add_rule))
        self.give.on_click(lambda _: self._attempt(self._give))
        self.apply.on_click(lambda _: self._attempt(self._apply))
        self.discard.on_click(lambda _: self._attempt(lambda: self._take(self.flag, self.draft.discard())))
        self.again.on_click(lambda _: self._attempt(self.refresh))

    def _moved(self, percent: float) -> None:
        with self._setting():
            self.slider.value = self.percent.value = percent
        self.redraft()

    def _row(self, rule: Rule | None) -> RuleRow:
        made = RuleRow(rule, self._variants, self._columns, lambda: self._by_hand(self.redraft))
        made.remove.on_click(lambda _: self._attempt(lambda: self._drop_rule(made)))
        made.up.on_click(lambda _: self._attempt(lambda: self._shift(made, -1)))
        made.down.on_click(lambda _: self._attempt(lambda: self._shift(made, 1)))
        return made

    def _add_rule(self) -> None:
        self.rules.append(self._row(None))
        self._arrange()
        self.redraft()

    def _drop_rule(self, rule: RuleRow) -> None:
        self.rules.remove(rule)
        self._arrange()
        self.redraft()

    def _shift(self, rule: RuleRow, by: int) -> None:
        place = self.rules.index(rule)
        self.rules.insert(max(0, place + by), self.rules.pop(place))
        self._arrange()
        self.redraft()

    def _give(self) -> None:
        id = self.user.value.strip()
        if not id:
            raise InvalidInputError("say to whom", hint="write the id of a user beside the button")
        self._named[id] = self.variant.value
        with self._setting():
            self.user.value = ""
        self._arrange()
        self.redraft()

    def _take_back(self, id: str) -> None:
        self._named.pop(id, None)
        self._arrange()
        self.redraft()

    def _apply(self) -> None:
        flag = self.draft.apply(why=self.why.value.strip() or None)
        self._take(flag, flag.draft())
        self._done.value = f'<span class="burgee-whole">Applied: version {flag.version}.</span>'

    def _arrange(self) -> None:
        """Show the rules in their order, and the overrides."""
        for place, one in enumerate(self.rules, 1):
            one.number(place, len(self.rules))
        self._rules.children = [one.box for one in self.rules]
        self._done.value = ""
        chips = [self._chip(id, variant) for id, variant in list(self._named.items())[:MOST_OVERRIDES]]
        rest = len(self._named) - len(chips)
        if rest:
            chips.append(ipywidgets.HTML(f'<span class="burgee-dim">and {rest:,} more</span>'))
        self._overrides.children = chips

    def _chip(self, id: str, variant: str) -> ipywidgets.Widget:
        made = button(f"{id} → {variant}", "take this override back", icon="times")
        made.add_class("burgee-override")
        made.on_click(lambda _: self._attempt(lambda: self._take_back(id)))
        return made

    @override
    def _still(self) -> str:
        rules = f'<div class="burgee-row">{flagparts.rules(self.draft.state)}</div>'
        moves = self._moves.value if self._users is not None else ""
        return f"{self._head.value}{rules}{moves}{self._differences.value}"

    @override
    def __repr__(self) -> str:
        return f"<FlagEditor of {self.draft!r}>"


def _with_overrides(draft: Draft, named: dict[str, str]) -> Draft:
    """The draft with these overrides and no others."""
    before = draft.state.overrides
    gone = [id for id in before if id not in named]
    given = {id: variant for id, variant in named.items() if before.get(id) != variant}
    draft = draft.unoverride(*gone) if gone else draft
    return draft.override(given) if given else draft


def _with_rules(draft: Draft, wanted: list[Rule]) -> Draft:
    """The draft with these rules and no others, in this order; rules without a name are given one."""
    kept = [rule for rule in wanted if rule in draft.state.rules]
    for rule in draft.state.rules:
        if rule not in kept:
            draft = draft.untarget(rule.name)
    names = []
    for rule in wanted:
        if rule in kept:
            names.append(rule.name)
            continue
        draft = draft.ask(
            Target(rule.conditions, rule.serve, rule.name or None, rule.split, rule.percent, rule.schedule)
        )
        names.append(draft.state.rules[-1].name)
    for place, name in enumerate(names, 1):
        if draft.state.rules[place - 1].name != name:
            draft = draft.move(name, place)
    return draft


def _frame(users: object) -> "pd.DataFrame | None":
    from burgee.flags.analysis.contexts import as_pandas

    return None if users is None else as_pandas(users)
