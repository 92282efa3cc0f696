"""Changes of a flag: what can be changed, what a change does, and what a stored change means.

A change is a value that can't be built wrong: what a user typed is checked when it is made, here and
on the server alike. `decide` turns it into an event, `evolve` an event into the next state. An event
holds the fields that changed with their new values; before and after are told by replaying.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from burgee.core.errors import ConflictError, InvalidInputError
from burgee.core.json import Json, loads
from burgee.core.result import Err, Ok, Result
from burgee.flags.changing.rules import (
    check_rollout,
    check_salt,
    check_serve,
    make_condition,
    make_variants,
    pick_default,
)
from burgee.flags.model import Condition, FlagState, Rule
from burgee.store.log import NewEvent, StoredEvent

STATE: TypeAdapter[FlagState] = TypeAdapter(FlagState)

_VALUES_SHOWN = 3
_NOT_CHANGED_BY_REVERT = {"key", "salt", "scheme", "version", "created_at", "updated_at"}


@dataclass(frozen=True, slots=True)
class FlagSpec:
    """A new flag. Without `variants` it is boolean: `on` and `off`."""

    variants: Mapping[str, float] | None = None
    values: Mapping[str, Json] | None = None
    default: str | None = None
    rollout: float = 100.0
    enabled: bool = False
    description: str = ""
    salt: str | None = None

    def __post_init__(self) -> None:
        check_rollout(self.rollout)
        if self.salt is not None:
            check_salt(self.salt)
        pick_default(make_variants(self.variants, self.values), self.default, boolean=self.variants is None)


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Switch the flag on or off."""

    enabled: bool
    kind: Literal["enabled"] = "enabled"


@dataclass(frozen=True, slots=True)
class SetRollout:
    """Let this many percent of those whom no rule matches into the rollout."""

    percent: float
    kind: Literal["rollout"] = "rollout"

    def __post_init__(self) -> None:
        check_rollout(self.percent)


@dataclass(frozen=True, slots=True)
class Target:
    """Add a rule behind those there are: whoever meets all conditions is served the variant."""

    conditions: tuple[Condition, ...]
    serve: str
    name: str | None = None
    kind: Literal["target"] = "target"

    def __post_init__(self) -> None:
        if not self.conditions:
            raise InvalidInputError(
                "a rule needs a condition", hint="e.g. flag.target('country', 'in', ['DE'], serve='on')"
            )
        for condition in self.conditions:
            make_condition(condition.attribute, condition.op, condition.value)


@dataclass(frozen=True, slots=True)
class Untarget:
    """Take a rule away."""

    name: str
    kind: Literal["untarget"] = "untarget"


@dataclass(frozen=True, slots=True)
class SetVariants:
    """Give the variants anew: weights in percent, values by name, and the default."""

    weights: Mapping[str, float]
    values: Mapping[str, Json] = field(default_factory=dict)
    default: str | None = None
    kind: Literal["variants"] = "variants"

    def __post_init__(self) -> None:
        make_variants(self.weights, self.values)


@dataclass(frozen=True, slots=True)
class SetArchived:
    """Put the flag away, or take it out again. An archived flag serves its default."""

    archived: bool
    kind: Literal["archived"] = "archived"


@dataclass(frozen=True, slots=True)
class Revert:
    """Make the flag what it was at an earlier version."""

    to: int
    kind: Literal["revert"] = "revert"


type Change = Annotated[
    SetEnabled | SetRollout | Target | Untarget | SetVariants | SetArchived | Revert, Field(discriminator="kind")
]


def created(key: str, spec: FlagSpec) -> NewEvent:
    """The event that makes a flag."""
    variants = make_variants(spec.variants, spec.values)
    state = FlagState(
        key=key,
        variants=variants,
        default=pick_default(variants, spec.default, boolean=spec.variants is None),
        enabled=spec.enabled,
        rollout=float(spec.rollout),
        salt=key if spec.salt is None else spec.salt,
        description=spec.description,
    )
    whole = as_json(state)
    return NewEvent(
        "flag.created", {name: whole[name] for name in whole if name not in {"version", "created_at", "updated_at"}}
    )


def decide(
    change: Change, state: FlagState, earlier: FlagState | None = None
) -> Result[NewEvent | None, InvalidInputError | ConflictError]:
    """The event a change makes of this state, or none if the flag is so already. `earlier` is what to revert to."""
    if state.archived and not isinstance(change, SetArchived | Revert):
        hint = "take it out of the archive first: flag.restore()"
        return Err(ConflictError(f"flag {state.key!r} is archived", hint=hint))
    try:
        after = _after(change, state, earlier)
    except InvalidInputError as error:
        return Err(error)
    before, then = as_json(state), as_json(after)
    changed = {name: then[name] for name in then if then[name] != before[name]}
    return Ok(NewEvent(f"flag.{change.kind}", changed) if changed else None)


def _after(change: Change, state: FlagState, earlier: FlagState | None) -> FlagState:
    match change:
        case SetEnabled(enabled):
            return replace(state, enabled=enabled)
        case SetArchived(archived):
            return replace(state, archived=archived)
        case SetRollout(percent):
            return replace(state, rollout=float(percent))
        case Target():
            return _with_rule(state, change)
        case Untarget(name):
            kept = tuple(rule for rule in state.rules if rule.name != name)
            if len(kept) == len(state.rules):
                there = ", ".join(repr(rule.name) for rule in state.rules) or "none"
                raise InvalidInputError(f"flag {state.key!r} has no rule {name!r}; its rules are: {there}")
            return replace(state, rules=kept)
        case SetVariants():
            return _with_variants(state, change)
        case Revert(to):
            if earlier is None:
                raise InvalidInputError(
                    f"flag {state.key!r} has no version {to}", hint=f"its versions are 1 to {state.version}"
                )
            return replace(earlier, **{name: getattr(state, name) for name in _NOT_CHANGED_BY_REVERT})


def _with_rule(state: FlagState, change: Target) -> FlagState:
    check_serve(state.variants, change.serve)
    taken = {rule.name for rule in state.rules}
    if change.name in taken:
        raise InvalidInputError(f"there is already a rule {change.name!r}", hint="give another name=…")
    name = change.name or _rule_name(change.conditions, taken)
    return replace(state, rules=(*state.rules, Rule(name, change.conditions, change.serve)))


def _with_variants(state: FlagState, change: SetVariants) -> FlagState:
    known = {variant.name: variant.value for variant in state.variants if variant.name in change.weights}
    variants = make_variants(change.weights, {**known, **change.values})
    for rule in state.rules:
        if rule.serve not in change.weights:
            raise InvalidInputError(
                f"variant {rule.serve!r} can't go: rule {rule.name!r} serves it",
                hint=f"take the rule away first: flag.untarget({rule.name!r})",
            )
    default = change.default or (state.default if state.default in change.weights else None)
    return replace(state, variants=variants, default=pick_default(variants, default, boolean=False))


def _rule_name(conditions: tuple[Condition, ...], taken: set[str]) -> str:
    """What the rule says, in words short enough for a table."""
    name = " and ".join(map(_words, conditions))
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    return unique


def _words(condition: Condition) -> str:
    value = condition.value
    if value is None:
        return f"{condition.attribute} {condition.op}"
    if isinstance(value, tuple):
        more = f", … {len(value)}" if len(value) > _VALUES_SHOWN else ""
        return f"{condition.attribute} {condition.op} {', '.join(map(str, value[:_VALUES_SHOWN]))}{more}"
    return f"{condition.attribute} {condition.op} {value}"


def evolve(state: FlagState | None, event: StoredEvent) -> FlagState:
    """The state after an event."""
    whole: dict[str, Json] = {} if state is None else as_json(state)
    whole.update(event.data)
    at = event.recorded_at
    after = STATE.validate_python(whole)
    return replace(after, version=event.version, created_at=at if state is None else state.created_at, updated_at=at)


def as_json(state: FlagState) -> dict[str, Json]:
    """The state as plain JSON."""
    plain = loads(STATE.dump_json(state))
    if not isinstance(plain, dict):
        raise TypeError("a flag's state is an object")
    return plain


def audited(state: FlagState | None) -> dict[str, Json]:
    """What the audit compares before and after: plain words, one for each thing that can change."""
    if state is None:
        return {"rules": [], "archived": False, "description": "", "values": {}}
    return {
        "enabled": state.enabled,
        "rollout": state.rollout,
        "variants": {variant.name: variant.weight for variant in state.variants},
        "values": {variant.name: variant.value for variant in state.variants if variant.value != variant.name},
        "default": state.default,
        "rules": [f"{rule.name} -> {rule.serve}" for rule in state.rules],
        "archived": state.archived,
        "description": state.description,
    }
