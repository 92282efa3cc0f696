"""What reading a definition needs on its way: what can't be said, what has to be told, and clauses put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.model import Clause, Condition, Group, Operator

FLAGD_KEY = "targetingKey"
"""What flagd calls the targeting key in a context; here it is `id`."""
FLAG_KEY = "$flagd.flagKey"
TIMESTAMP = "$flagd.timestamp"
"""What flagd adds to a context: the flag's key, and the time in whole seconds since 1970."""

_OPPOSITE = {Operator.EXISTS: Operator.NOT_EXISTS, Operator.NOT_EXISTS: Operator.EXISTS}

type Said = Clause | bool
"""A clause, or what is met by everybody or nobody."""


class UnsayableError(Exception):
    """Something in a definition that the other side has no words for. Its message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One definition while it is read.

    Attributes:
        key: the flag's key in flagd.
        attributes: names of flagd's, each with the name it has here.
        notes: what is not quite the same here, in their order.
    """

    key: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Tell whoever imports."""
        self.notes[text] = None

    def attribute(self, name: str) -> str:
        """The name an attribute of flagd's has here."""
        if name in self.attributes:
            return self.attributes[name]
        if name == FLAGD_KEY:
            return TARGETING_KEY
        if name == TARGETING_KEY:
            why = f"it asks for the attribute {name!r}, which is the targeting key here"
        elif name == FLAGD_KEY or not name or "." in name:
            why = f"it looks into the attribute {name!r}, and contexts are flat here"
        else:
            return name
        raise UnsayableError(f"{why}; give it another name: attributes={{{name!r}: 'user_{name.rpartition('.')[2]}'}}")


def met_by_all(parts: Iterable[Said]) -> Said:
    """All of them."""
    return _together("all", parts)


def met_by_any(parts: Iterable[Said]) -> Said:
    """At least one of them."""
    return _together("any", parts)


def unmet(part: Said) -> Said:
    """Not this one."""
    if isinstance(part, bool):
        return not part
    if isinstance(part, Group) and part.match == "not" and len(part.clauses) == 1:
        return part.clauses[0]
    if isinstance(part, Condition) and part.op in _OPPOSITE:
        return replace(part, op=_OPPOSITE[part.op])
    return Group("not", (part,))


def exists(attribute: str) -> Clause:
    """The attribute is there."""
    return make_condition(attribute, Operator.EXISTS)


def missing(attribute: str) -> Clause:
    """The attribute is not there."""
    return make_condition(attribute, Operator.NOT_EXISTS)


def is_text(attribute: str) -> Clause:
    """The attribute is text: the empty one comes before all others."""
    return make_condition(attribute, Operator.GTE, "")


def _together(match: Literal["all", "any"], parts: Iterable[Said]) -> Said:
    decided = match == "any"  # by one of them that is so
    clauses: list[Clause] = []
    for part in parts:
        if isinstance(part, bool):
            if part is decided:
                return decided
        elif isinstance(part, Group) and part.match == match:
            clauses += part.clauses
        else:
            clauses.append(part)
    if not clauses:
        return not decided
    return clauses[0] if len(clauses) == 1 else Group(match, tuple(clauses))


ALWAYS = Group("any", (exists(TARGETING_KEY), missing(TARGETING_KEY)))
"""Met by everybody, also without a targeting key."""
