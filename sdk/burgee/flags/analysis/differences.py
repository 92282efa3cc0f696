"""What differs between two versions of a flag, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burgee.core.json import Json
from burgee.flags.changing.wording import audited, serve_words
from burgee.flags.model import FlagState, Rule

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("field", "before", "after")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same; None where it is not there at all."""

    field: str
    before: Json
    after: Json

    def __str__(self) -> str:
        return f"{self.field} {_plain(self.before)} → {_plain(self.after)}"


def differences(before: FlagState, after: FlagState) -> tuple[Difference, ...]:
    """What differs, field by field: rules by their names, and their order where that alone changed."""
    first, then = audited(before), audited(after)
    fields = [name for name in {**first, **then} if name != "rules" and first.get(name) != then.get(name)]
    return (*(Difference(name, first.get(name), then.get(name)) for name in fields), *_rules(before.rules, after.rules))


def difference_frame(found: Sequence[Difference]) -> "pd.DataFrame":
    """`field, before, after`: a row for each difference."""
    import pandas as pd

    rows = [(one.field, one.before, one.after) for one in found]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).astype({"field": "str"})


def _rules(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[Difference]:
    first, then = _told(before), _told(after)
    for name in {**first, **then}:
        if first.get(name) != then.get(name):
            yield Difference(f"rule {name}", first.get(name), then.get(name))
    kept = [name for name in first if name in then]
    moved = [name for name in then if name in first]
    if kept != moved:
        yield Difference("order of rules", list(first), list(then))


def _told(rules: Sequence[Rule]) -> dict[str, str]:
    return {rule.name: f"{' and '.join(map(str, rule.conditions))} → {serve_words(rule)}" for rule in rules}


def _plain(value: Json) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return " / ".join(f"{name} {_plain(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return "none" if value is None else str(value)
