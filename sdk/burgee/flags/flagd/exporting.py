"""Flags as a definition of flagd's: each as its targeting, or why flagd has no words for it.

What flagd can't say is what goes by buckets of burgee's own (rollouts, weights, percentages, holdouts, layers), other
flags, patterns and times of attributes. What it can say it is told with guards, because its missing attribute is null,
and null is below 1: `age lt 18` becomes "age is there, and below 18".
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import isnan, lcm
from typing import override

from burgee.core.clock import to_us
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.compiled import is_live
from burgee.flags.evaluation.fractional import fractions
from burgee.flags.flagd.conditions import as_number
from burgee.flags.flagd.saying import ALWAYS, FLAGD_KEY, TIMESTAMP, UnsayableError
from burgee.flags.model import (
    FLAGD,
    Clause,
    Condition,
    FlagState,
    Operand,
    Operator,
    Rule,
    Ruleset,
    Schedule,
    Segment,
    Split,
)
from burgee.flags.operators import SEGMENT, kind_of

SCHEMA = "https://flagd.dev/schema/v0/flags.json"

_WHOLE = 100.0
_SECOND = 1_000_000  # in microseconds
_LARGEST = 2**53  # the numbers flagd holds exactly: its numbers are floats
_BUCKETS = (
    "goes by buckets of burgee's own, which flagd can't make; a rule's split by flagd's can be said: scheme='flagd/1'"
)

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_VERSIONS = {
    Operator.SEMVER_EQ: "=",
    Operator.SEMVER_GT: ">",
    Operator.SEMVER_GTE: ">=",
    Operator.SEMVER_LT: "<",
    Operator.SEMVER_LTE: "<=",
}


class FlagdExport(dict[str, Json]):
    """A definition for flagd, as JSON. `left_out` says of other flags why flagd has no words for them, by key."""

    __slots__ = ("left_out",)

    def __init__(self, flags: Mapping[str, Json], left_out: Mapping[str, str]) -> None:
        super().__init__({"$schema": SCHEMA, "flags": dict(flags)})
        self.left_out = dict(left_out)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self["flags"], self.left_out)


def export_flagd(ruleset: Ruleset, keys: Iterable[str]) -> FlagdExport:
    """The definition of some flags of a ruleset, with what could not be said."""
    made: dict[str, Json] = {}
    left_out: dict[str, str] = {}
    for key in keys:
        try:
            made[key] = definition_of(ruleset.flags[key], ruleset)
        except UnsayableError as error:
            left_out[key] = str(error)
    return FlagdExport(made, left_out)


def definition_of(state: FlagState, ruleset: Ruleset) -> dict[str, Json]:
    """One flag as flagd has it; `UnsayableError` if it has no words for it."""
    if state.archived:
        raise UnsayableError("it is archived")
    made: dict[str, Json] = {
        "state": "ENABLED" if is_live(state) else "DISABLED",
        "variants": _variants(state),
        "defaultVariant": state.default,
    }
    targeting = _targeting(state, ruleset)
    if targeting is not None:
        made["targeting"] = targeting
    if state.description:
        made["metadata"] = {"description": state.description}
    return made


def _variants(state: FlagState) -> dict[str, Json]:
    kinds = {kind_of(variant.value) or type(variant.value).__name__ for variant in state.variants}
    if len(kinds) > 1 or None in [variant.value for variant in state.variants]:
        raise UnsayableError("its values are of several kinds, or null; flagd has one kind for all")
    return {variant.name: variant.value for variant in state.variants}


def _targeting(state: FlagState, ruleset: Ruleset) -> Json:
    """The tree; None where everybody is served the default."""
    buckets = {
        f"the ramp {_BUCKETS}": state.ramp,
        f"the holdout {_BUCKETS}": state.holdout,
        f"the layer {_BUCKETS}": state.slice,
        "flagd knows no flags that require others": state.prerequisites,
    }
    for why, there in buckets.items():
        if there:
            raise UnsayableError(why)
    chain: list[Json] = []
    for name in dict.fromkeys(state.overrides.values()):
        named = [id for id, variant in state.overrides.items() if variant == name]
        chain += [{"in": [{"var": FLAGD_KEY}, named]}, name]
    for rule in state.rules:
        conditions, served = _rule(state, rule, ruleset)
        if conditions is None:
            chain.append(served)
            break
        chain += [conditions, served]
    else:
        chain += _rollout(state)
    if state.schedule is not None:
        chain = [*_within(state.schedule), _chosen(chain)]
    return _chosen(chain)


def _chosen(chain: list[Json]) -> Json:
    return {"if": chain} if len(chain) > 1 else chain[0] if chain else None


def _rollout(state: FlagState) -> list[Json]:
    weighted = [variant.name for variant in state.variants if variant.weight > 0]
    if state.rollout <= 0 or weighted == [state.default]:
        return []
    if state.rollout < _WHOLE or len(weighted) > 1:
        raise UnsayableError(f"the rollout {_BUCKETS}")
    return [_keyed(TARGETING_KEY), weighted[0]]


def _rule(state: FlagState, rule: Rule, ruleset: Ruleset) -> tuple[Json, Json]:
    """When a rule serves, and what; None for always."""
    if rule.percent < _WHOLE:
        raise UnsayableError(f"the percentage of rule {rule.name!r} {_BUCKETS}")
    served = rule.serve if rule.split is None else _split(state, rule, rule.split)
    if rule.conditions == (ALWAYS,) and rule.schedule is None:
        return None, served
    clauses = [] if rule.conditions == (ALWAYS,) else [_clause(one, ruleset) for one in rule.conditions]
    return _all([*(_within(rule.schedule) if rule.schedule else []), *clauses]), served


def _split(state: FlagState, rule: Rule, split: Split) -> Json:
    if split.scheme != FLAGD:
        raise UnsayableError(f"the split of rule {rule.name!r} {_BUCKETS}")
    salt = state.variant_salt if split.salt is None else split.salt
    shares = fractions([share for _, share in split.shares])
    unit = lcm(*(share.denominator for share in shares))
    buckets: list[Json] = [
        [name, int(share * unit)] for (name, _), share in zip(split.shares, shares, strict=True) if share
    ]
    if len(buckets) == 1:  # flagd refuses to share out one thing
        return {"if": [_keyed(split.by), next(name for name, share in split.shares if share), None]}
    if split.by == TARGETING_KEY and salt in {"", state.key}:
        return {"fractional": [*([] if salt else [{"var": FLAGD_KEY}]), *buckets]}
    if salt != salt.strip():
        raise UnsayableError(f"rule {rule.name!r} splits with the salt {salt!r}, whose blanks flagd's daemon cuts off")
    by: Json = {"cat": [*([salt] if salt else []), _var(split.by)]}
    return {"if": [_keyed(split.by), {"fractional": [by, *buckets]}, None]}


def _within(schedule: Schedule) -> list[Json]:
    """Within a schedule, in whole seconds: one condition for both ends."""
    ends = ((">=", schedule.start), ("<", schedule.end))
    return [_all([{sign: [{"var": TIMESTAMP}, _second(time)]} for sign, time in ends if time is not None])]


def _second(time: datetime) -> int:
    seconds, rest = divmod(to_us(time), _SECOND)
    if rest or seconds < 0:
        raise UnsayableError(f"its schedule names {time}; flagd's time is in whole seconds since 1970")
    return seconds


def _clause(clause: Clause, ruleset: Ruleset) -> Json:
    if isinstance(clause, Condition):
        return _condition(clause, ruleset)
    inner = [_clause(one, ruleset) for one in clause.clauses]
    if clause.match == "all":
        return _all(inner)
    return _any(inner) if clause.match == "any" else {"!": [_any(inner)]}


def _condition(condition: Condition, ruleset: Ruleset) -> Json:
    op, value, var = condition.op, condition.value, _var(condition.attribute)
    if op in SEGMENT:
        inside = _in_segments(condition, ruleset)
        return inside if op is Operator.IN_SEGMENT else {"!": [inside]}
    if op in _VERSIONS and isinstance(value, str):
        return {"!!": [{"sem_ver": [var, _VERSIONS[op], value]}]}
    if op is Operator.GTE and value == "":
        return {"!!": [{"starts_with": [var, ""]}]}  # is text
    if op in _SIGNS:
        return _all([_there(var), {_SIGNS[op]: [var, _bound(value)]}])
    if op is Operator.BETWEEN and isinstance(value, tuple):
        low, high = map(_bound, value)
        return _all([_there(var), {">=": [var, low]}, {"<=": [var, high]}])
    said = _SAID.get(op)
    if said is None:
        raise UnsayableError(f"flagd has no word for {op.value!r}, as in {str(condition)!r:.100}")
    return said(var, value)


def _in_segments(condition: Condition, ruleset: Ruleset) -> Json:
    names = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    segments = [ruleset.segments.get(str(name)) for name in names]
    if None in segments:
        raise UnsayableError(f"a segment of {str(condition)!r} is not there")
    return _any([_member(segment, _var(condition.attribute), ruleset) for segment in segments if segment is not None])


def _member(segment: Segment, var: Json, ruleset: Ruleset) -> Json:
    """Whether somebody is in a segment: told whole, because flagd's evaluators have no ids of their own."""
    told = [_all([_clause(one, ruleset) for one in segment.clauses])] if segment.clauses else []
    inside = _any([{"in": [var, sorted(segment.ids)]}, *told])
    return _all([{"!": [{"in": [var, sorted(segment.without)]}]}, inside]) if segment.without else inside


def _among(var: Json, value: Operand) -> Json:
    members = [_scalar(one) for one in value] if isinstance(value, tuple) else [_scalar(value)]
    if len({kind_of(one) for one in members}) == 1 and len(members) > 1 and not isinstance(members[0], bool):
        return {"in": [var, members]}
    return _any([{"===": [var, one]} for one in members])


def _bound(value: object) -> str | int | float | bool:
    """What order is told by. A number in quotes is one to flagd."""
    bound = _scalar(value)
    if isinstance(bound, str) and not isnan(as_number(bound)):
        raise UnsayableError(f"flagd takes the text {bound!r} for a number where the order is asked")
    return bound


def _scalar(value: object) -> str | int | float | bool:
    """What is compared with, unless it is a number that flagd holds as another one."""
    if not isinstance(value, str | int | float):
        raise UnsayableError(f"flagd compares with text, numbers and truth values, not with {value!r:.100}")
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        raise UnsayableError(f"flagd's numbers are floats, and {value!r} is none")
    return value


def _keyed(by: str) -> Json:
    """There is something to hash."""
    return _all([_there(_var(by)), {"!==": [_var(by), ""]}])


def _var(attribute: str) -> dict[str, Json]:
    if attribute == TARGETING_KEY:
        return {"var": FLAGD_KEY}
    if attribute == FLAGD_KEY or "." in attribute or attribute.startswith("$flagd"):
        raise UnsayableError(f"flagd takes the attribute's name {attribute!r} for something else")
    return {"var": attribute}


def _there(var: Json) -> Json:
    return {"!=": [var, None]}


def _besides(said: Callable[[Json, Operand], Json]) -> Callable[[Json, Operand], Json]:
    """Not so, but there."""
    return lambda var, value: _all([_there(var), {"!": [said(var, value)]}])


def _contains(var: Json, value: Operand) -> Json:
    return {"in": [value, var]}


def _all(parts: list[Json]) -> Json:
    return _together("and", parts)


def _any(parts: list[Json]) -> Json:
    return _together("or", parts)


def _together(name: str, parts: list[Json]) -> Json:
    flat: list[Json] = []
    for part in parts:
        inner = part.get(name) if isinstance(part, Mapping) else None
        flat += inner if isinstance(inner, list) else [part]
    return flat[0] if len(flat) == 1 else {name: flat}


_SAID: dict[Operator, Callable[[Json, Operand], Json]] = {
    Operator.EXISTS: lambda var, _value: _there(var),
    Operator.NOT_EXISTS: lambda var, _value: {"==": [var, None]},
    Operator.EQ: _among,
    Operator.IN: _among,
    Operator.NE: _besides(_among),
    Operator.NOT_IN: _besides(_among),
    Operator.CONTAINS: _contains,
    Operator.NOT_CONTAINS: _besides(_contains),
    Operator.STARTS_WITH: lambda var, value: {"!!": [{"starts_with": [var, value]}]},
    Operator.ENDS_WITH: lambda var, value: {"!!": [{"ends_with": [var, value]}]},
}
