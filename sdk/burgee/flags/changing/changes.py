"""Changes of a flag: what a change does, and what a stored change means.

A change is a value that can't be built wrong (`asks`): what a user typed is checked when it is made, here and
on the server alike. `decide` turns it into an event, `evolve` an event into the next state. An event
holds the fields that changed with their new values (of the overrides, which may be many, only those that changed);
before and after are told by replaying. What a change needs of other flags and of segments is checked in `together`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import TypeAdapter

from burgee.core.errors import ConflictError, InvalidInputError, did_you_mean
from burgee.core.json import Json, loads_object
from burgee.core.result import Err, Ok, Result
from burgee.flags.changing.asks import (
    Change,
    FlagSpec,
    Move,
    OneChange,
    Override,
    Require,
    Revert,
    SetArchived,
    SetDescription,
    SetEnabled,
    SetHoldout,
    SetKilled,
    SetLayer,
    SetRamp,
    SetRollout,
    SetSchedule,
    SetVariants,
    Several,
    Target,
    Unoverride,
    Unrequire,
    Untarget,
    too_many_overrides,
)
from burgee.flags.changing.checks import (
    MOST_OVERRIDES,
    check_ramp,
    check_schedule,
    check_slice,
    check_split,
)
from burgee.flags.changing.groups import check_clauses
from burgee.flags.changing.rules import check_serve, make_variants, pick_default
from burgee.flags.changing.schemas import check_schema
from burgee.flags.changing.wording import audited, rule_name
from burgee.flags.model import FlagState, Holdout, Prerequisite, Rule
from burgee.store.log import NewEvent, StoredEvent

__all__ = [
    "STATE",
    "Change",
    "FlagSpec",
    "Move",
    "OneChange",
    "Override",
    "Require",
    "Revert",
    "SetArchived",
    "SetDescription",
    "SetEnabled",
    "SetHoldout",
    "SetKilled",
    "SetLayer",
    "SetRamp",
    "SetRollout",
    "SetSchedule",
    "SetVariants",
    "Several",
    "Target",
    "Unoverride",
    "Unrequire",
    "Untarget",
    "applied",
    "as_json",
    "audited",
    "created",
    "decide",
    "evolve",
    "reverts_to",
]

STATE: TypeAdapter[FlagState] = TypeAdapter(FlagState)

_MOST_RULES = 1_000
_MOST_PREREQUISITES = 100
_NOT_CHANGED_BY_REVERT = {"key", "salt", "scheme", "version", "created_at", "updated_at"}
_TOLD_BY_THE_LOG = {"version", "created_at", "updated_at"}


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
        scheme=spec.scheme,
        description=spec.description,
        schema=check_schema(spec.schema, variants),
    )
    for rule in spec.rules:
        state = replace(state, rules=_rules_after(rule, state))
    whole = as_json(state)
    return NewEvent("flag.created", {name: whole[name] for name in whole if name not in _TOLD_BY_THE_LOG})


def decide(
    change: Change, state: FlagState, earlier: FlagState | None = None
) -> Result[NewEvent | None, InvalidInputError | ConflictError]:
    """The event a change makes of this state, or none if the flag is so already. `earlier` is what to revert to."""
    after = state
    try:
        for one in change.changes if isinstance(change, Several) else (change,):
            after = _after(one, after, earlier)
    except (InvalidInputError, ConflictError) as error:
        return Err(error)
    before, then = as_json(state), as_json(after)
    changed = {name: then[name] for name in then if name != "overrides" and then[name] != before[name]}
    given = {id: name for id, name in after.overrides.items() if state.overrides.get(id) != name}
    if given:
        changed["overridden"] = given
    gone = sorted(state.overrides.keys() - after.overrides.keys())
    if gone:
        changed["unoverridden"] = gone
    return Ok(NewEvent(f"flag.{change.kind}", changed) if changed else None)


def applied(state: FlagState | None, data: Mapping[str, Json]) -> FlagState:
    """The state after an event's data, its version and times left as they were."""
    whole: dict[str, Json] = {} if state is None else as_json(state)
    whole.update(data)
    given, gone = whole.pop("overridden", {}), whole.pop("unoverridden", ())
    after = STATE.validate_python(whole)
    if not given and not gone:
        return after
    overrides = dict(after.overrides)
    for id in gone if isinstance(gone, list | tuple) else ():
        overrides.pop(str(id), None)
    if isinstance(given, Mapping):
        overrides.update((id, str(name)) for id, name in given.items())
    return replace(after, overrides=overrides)


def evolve(state: FlagState | None, event: StoredEvent) -> FlagState:
    """The state after an event."""
    at = event.recorded_at
    after = applied(state, event.data)
    return replace(after, version=event.version, created_at=at if state is None else state.created_at, updated_at=at)


def as_json(state: FlagState) -> dict[str, Json]:
    """The state as plain JSON."""
    return loads_object(STATE.dump_json(state), "a flag's state")


def reverts_to(change: Change) -> int | None:
    """The version that a change goes back to, if it does."""
    first = change.changes[0] if isinstance(change, Several) else change
    return first.to if isinstance(first, Revert) else None


def _after(change: OneChange, state: FlagState, earlier: FlagState | None) -> FlagState:
    if state.archived and not isinstance(change, SetArchived | Revert):
        hint = "take it out of the archive first: flag.restore()"
        raise ConflictError(f"flag {state.key!r} is archived", hint=hint)
    match change:
        case SetVariants():
            return _with_variants(state, change)
        case Revert(to):
            if earlier is None:
                raise InvalidInputError(
                    f"flag {state.key!r} has no version {to}", hint=f"its versions are 1 to {state.version}"
                )
            return replace(earlier, **{name: getattr(state, name) for name in _NOT_CHANGED_BY_REVERT})
        case Target() | Untarget() | Move():
            return replace(state, rules=_rules_after(change, state))
        case Override() | Unoverride():
            return replace(state, overrides=_overrides_after(change, state))
        case Require() | Unrequire():
            return replace(state, prerequisites=_prerequisites_after(change, state))
        case _:
            return _set(change, state)


def _set(change: OneChange, state: FlagState) -> FlagState:
    """The changes that give one field another value."""
    after = state
    match change:
        case SetEnabled(enabled):
            after = replace(state, enabled=enabled)
        case SetKilled(killed):
            after = replace(state, killed=killed)
        case SetArchived(archived):
            after = replace(state, archived=archived)
        case SetDescription(description):
            after = replace(state, description=description)
        case SetRollout(percent):
            after = replace(state, rollout=float(percent), ramp=None)
        case SetRamp(start, end, low, high):
            after = replace(state, ramp=check_ramp(start, end, low, high))
        case SetSchedule(start, end):
            after = replace(state, schedule=check_schedule(start, end))
        case SetHoldout(name, percent):
            after = replace(state, holdout=None if name is None else Holdout(name, float(percent)))
        case SetLayer(layer, low, high):
            after = replace(state, slice=None if layer is None else check_slice(layer, low, high))
    return after


def _rules_after(change: Target | Untarget | Move, state: FlagState) -> tuple[Rule, ...]:
    if isinstance(change, Target):
        if len(state.rules) >= _MOST_RULES:
            raise InvalidInputError(f"flag {state.key!r} has {_MOST_RULES:,} rules; there can be no more")
        return (*state.rules, _rule(change, state))
    names = [rule.name for rule in state.rules]
    if change.name not in names:
        there = ", ".join(map(repr, names)) or "none"
        raise InvalidInputError(f"flag {state.key!r} has no rule {change.name!r}; its rules are: {there}")
    others = [rule for rule in state.rules if rule.name != change.name]
    if isinstance(change, Untarget):
        return tuple(others)
    if change.to > len(names):
        raise InvalidInputError(f"there is no place {change.to}: flag {state.key!r} has {len(names)} rules")
    others.insert(change.to - 1, state.rules[names.index(change.name)])
    return tuple(others)


def _rule(change: Target, state: FlagState) -> Rule:
    conditions = check_clauses(change.conditions)
    split = None if change.split is None else check_split(change.split)
    for serve in [name for name, _ in split.shares] if split else [change.serve]:
        check_serve(state.variants, serve)
    taken = {rule.name for rule in state.rules}
    if change.name in taken:
        raise InvalidInputError(f"there is already a rule {change.name!r}", hint="give another name=…")
    times = change.schedule
    schedule = None if times is None else check_schedule(times.start, times.end)
    return Rule(
        change.name or rule_name(conditions, taken), conditions, change.serve, split, float(change.percent), schedule
    )


def _overrides_after(change: Override | Unoverride, state: FlagState) -> Mapping[str, str]:
    overrides = dict(state.overrides)
    if isinstance(change, Unoverride):
        for id in change.ids:
            if overrides.pop(id, None) is None and id not in state.overrides:
                raise InvalidInputError(
                    f"flag {state.key!r} has no override for {id!r}",
                    hint=did_you_mean(id, state.overrides, else_all=False),
                )
        return overrides
    for name in dict.fromkeys(change.variants.values()):
        check_serve(state.variants, name)
    overrides.update(change.variants)
    if len(overrides) > MOST_OVERRIDES:
        raise too_many_overrides(len(overrides))
    return overrides


def _prerequisites_after(change: Require | Unrequire, state: FlagState) -> tuple[Prerequisite, ...]:
    required = {one.flag: one for one in state.prerequisites}
    if isinstance(change, Unrequire):
        if change.flag not in required:
            there = ", ".join(map(repr, required)) or "none"
            raise InvalidInputError(f"flag {state.key!r} does not require {change.flag!r}; it requires: {there}")
        del required[change.flag]
        return tuple(required.values())
    if change.flag == state.key:
        raise InvalidInputError(f"flag {state.key!r} can't require itself")
    required[change.flag] = Prerequisite(change.flag, tuple(dict.fromkeys(change.variants)))
    if len(required) > _MOST_PREREQUISITES:
        raise InvalidInputError(f"a flag requires at most {_MOST_PREREQUISITES} others, not {len(required)}")
    return tuple(required.values())


def _with_variants(state: FlagState, change: SetVariants) -> FlagState:
    known = {variant.name: variant.value for variant in state.variants if variant.name in change.weights}
    variants = make_variants(change.weights, {**known, **change.values})
    for name, user, hint in _serving(state):
        if name not in change.weights:
            raise InvalidInputError(f"variant {name!r} can't go: {user} serves it", hint=hint)
    default = change.default or (state.default if state.default in change.weights else None)
    schema = check_schema(state.schema if change.schema is None else change.schema, variants)
    return replace(state, variants=variants, default=pick_default(variants, default, boolean=False), schema=schema)


def _serving(state: FlagState) -> Iterator[tuple[str, str, str]]:
    """The variants that are served by name: each with what serves it, and how that is taken away."""
    for rule in state.rules:
        for name in [rule.serve] if rule.split is None else [name for name, _ in rule.split.shares]:
            if name is not None:
                yield name, f"rule {rule.name!r}", f"take the rule away first: flag.untarget({rule.name!r})"
    for id, name in state.overrides.items():
        yield name, f"the override of {id!r}", f"take the override away first: flag.unoverride({id!r})"
