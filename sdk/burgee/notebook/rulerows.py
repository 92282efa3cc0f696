"""Rules as rows of controls: each condition's attribute, operator and value, and what the rule serves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ipywidgets

from burgee.core.errors import BurgeeError
from burgee.flags.changing.groups import make_clause
from burgee.flags.changing.wording import rule_name, serve_words
from burgee.flags.model import Clause, Condition, Operator, Rule
from burgee.flags.operators import PRESENCE, Kind
from burgee.notebook.panel import button, row
from burgee.notebook.ruletext import Column, example, operand, operand_words, sign
from burgee.notebook.tables import text

type Tell = Callable[[], None]
"""What is called when somebody has changed something."""


class ConditionRow:
    """One condition: its attribute, its operator and its value, and a button to take it away."""

    def __init__(self, condition: Condition | None, columns: Mapping[str, Column], tell: Tell) -> None:
        self._columns = columns
        names = tuple(columns)
        first = condition.attribute if condition is not None else ""
        op = condition.op if condition is not None else Operator.EQ
        self.attribute = ipywidgets.Combobox(
            value=first, options=names, placeholder="attribute", ensure_option=False, continuous_update=False
        )
        self.op = ipywidgets.Dropdown(options=[(sign(one), one.value) for one in Operator], value=op.value)
        kind = self._kind()
        shown = "" if condition is None else operand_words(op, condition.value, kind)
        self.value = ipywidgets.Text(value=shown, continuous_update=False)
        self.remove = button("", "take this condition away", icon="times")
        for control, word in ((self.attribute, "attribute"), (self.op, "operator"), (self.value, "operand")):
            control.add_class(f"burgee-{word}")
            control.observe(lambda _: self._changed(tell), "value")
        self.remove.add_class("burgee-icon")
        self.box = row(self.attribute, self.op, self.value, self.remove, kind="burgee-condition")
        self._hint()

    @property
    def complete(self) -> bool:
        """Whether everything is said that a condition needs."""
        return bool(self.attribute.value) and (Operator(self.op.value) in PRESENCE or bool(self.value.value.strip()))

    def clause(self) -> Clause:
        """The condition; `InvalidInputError` if what is written can't be one."""
        op = Operator(self.op.value)
        return make_clause((self.attribute.value, op.value, operand(op, self.value.value, self._kind())))

    def _changed(self, tell: Tell) -> None:
        self._hint()
        tell()

    def _hint(self) -> None:
        op = Operator(self.op.value)
        self.value.placeholder = example(op, self._columns.get(self.attribute.value))
        self.value.disabled = op in PRESENCE

    def _kind(self) -> Kind | None:
        column = self._columns.get(self.attribute.value)
        return None if column is None else column.kind


class RuleRow:
    """One rule: its conditions, what it serves, and buttons to move it and to take it away.

    A rule that has more than the row can say (groups, a split) is told in words; it can be moved and taken away.
    """

    def __init__(self, origin: Rule | None, variants: Sequence[str], columns: Mapping[str, Column], tell: Tell) -> None:
        self._columns = columns
        self._tell = tell
        self.origin = origin
        self.editable = origin is None or (
            origin.split is None and all(isinstance(one, Condition) for one in origin.conditions)
        )
        self.up, self.down = (
            button("", "try it earlier", icon="arrow-up"),
            button("", "try it later", icon="arrow-down"),
        )
        self.remove = button("", "take this rule away", icon="trash")
        self.more = button("and", "add a condition", icon="plus")
        for one in (self.up, self.down, self.remove):
            one.add_class("burgee-icon")
        self.serve = ipywidgets.Dropdown(options=tuple(variants))
        self.serve.add_class("burgee-serve")
        if origin is not None and origin.serve is not None:
            self.serve.value = origin.serve
        self.serve.observe(lambda _: tell(), "value")
        self.conditions: list[ConditionRow] = []
        self._name, self._problem = ipywidgets.HTML(), ipywidgets.HTML()
        self._problem.add_class("burgee-rule-problem")
        self._name.add_class("burgee-rule-name")
        self._body = ipywidgets.VBox()
        self.box = ipywidgets.VBox()
        self.box.add_class("burgee-rule")
        self.more.on_click(lambda _: self.add(None))
        self._fill()

    def add(self, condition: Condition | None) -> ConditionRow:
        """Add a condition."""
        made = ConditionRow(condition, self._columns, self._tell)
        made.remove.on_click(lambda _: self._drop(made))
        self.conditions.append(made)
        self._arrange()
        self._tell()
        return made

    def rule(self) -> Rule | None:
        """The rule as it is written; None if it is not complete. What is wrong with it is told in the row."""
        if not self.editable:
            return self.origin
        self.problem("")
        if not self.conditions or not all(one.complete for one in self.conditions):
            self.problem("", "not complete yet")
            return None
        conditions = tuple(one.clause() for one in self.conditions)
        if self.origin is None:
            return Rule("", conditions, self.serve.value)
        if conditions == self.origin.conditions and self.serve.value == self.origin.serve:
            return self.origin
        said = rule_name(self.origin.conditions, frozenset())
        name = "" if self.origin.name.startswith(said) else self.origin.name  # a name of its own stays
        return replace(self.origin, name=name, conditions=conditions, serve=self.serve.value)

    def problem(self, error: BurgeeError | str, hint: str = "") -> None:
        """Tell what is wrong with the rule, or that nothing is."""
        words = f'<span role="alert">{text(error)}</span>' if error else f'<span class="burgee-dim">{text(hint)}</span>'
        self._problem.value = words if error or hint else ""
        self._problem.layout.display = "" if error or hint else "none"

    def number(self, place: int, of: int) -> None:
        """Show its place."""
        name = "" if self.origin is None else self.origin.name
        said = (
            ""
            if self.editable and self.origin and name.startswith(rule_name(self.origin.conditions, frozenset()))
            else name
        )
        self._name.value = f'<span class="burgee-dim">{place}</span> <b>{text(said)}</b>'
        self.up.disabled, self.down.disabled = place == 1, place == of

    def _drop(self, condition: ConditionRow) -> None:
        self.conditions.remove(condition)
        self._arrange()
        self._tell()

    def _fill(self) -> None:
        origin = self.origin
        if self.editable:
            given = origin.conditions if origin is not None else (None,)
            for one in given:
                made = ConditionRow(one if isinstance(one, Condition) else None, self._columns, self._tell)
                made.remove.on_click(lambda _, made=made: self._drop(made))
                self.conditions.append(made)
        self._arrange()

    def _arrange(self) -> None:
        if self.editable:
            # The last condition can't be taken away: that is what the button of the rule is for.
            for one in self.conditions:
                one.remove.disabled = len(self.conditions) == 1
            arrow = ipywidgets.HTML('<span class="burgee-dim">→ serve</span>')
            part = self._part()
            tail = row(self.more, arrow, self.serve, part, kind="burgee-rule-tail")
            self._body.children = (*(one.box for one in self.conditions), tail)
        elif self.origin is not None:
            said = " and ".join(map(str, self.origin.conditions))
            words = f'{text(said)} <span class="burgee-dim">→ {text(serve_words(self.origin))}; made in code</span>'
            self._body.children = (ipywidgets.HTML(f'<div class="burgee-told-rule">{words}</div>'),)
        tools = row(self.up, self.down, self.remove, kind="burgee-tools")
        self.box.children = (row(self._name, tools, kind="burgee-rule-head"), self._body, self._problem)

    def _part(self) -> ipywidgets.HTML:
        words = serve_words(self.origin).removeprefix(str(self.origin.serve)) if self.origin is not None else ""
        return ipywidgets.HTML(f'<span class="burgee-dim">{text(words)}</span>')
