"""What a flag looks at: the columns that a frame or a table must have, each with why.

It is its own room because everybody who brings columns asks it, and it needs no library.
"""

from collections.abc import Iterator

from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.compiled import CompiledFlag, is_live
from burgee.flags.evaluation.rulesets import segments_of
from burgee.flags.model import FLAGD, Condition, FlagState, conditions_in
from burgee.flags.operators import TIME

type Why = str


def flags_in(compiled: CompiledFlag) -> dict[str, CompiledFlag]:
    """The flag and those it requires, also by others, by key. Those that are off require nothing."""
    flags = {compiled.state.key: compiled}
    if is_live(compiled.settled):
        for other in compiled.prerequisites:
            flags |= {} if other is None else flags_in(other)
    return flags


def conditions_of(compiled: CompiledFlag) -> Iterator[tuple[Condition, Why]]:
    """The conditions of all rules and of the segments they name, each with whose it is."""
    for flag in flags_in(compiled).values():
        state = flag.settled
        for rule in state.rules if is_live(state) else ():
            why = f"rule {rule.name!r}{_of(state, compiled)} needs it"
            for condition in conditions_in(rule.conditions):
                yield condition, why
            yield from _of_segments(compiled, set(segments_of(rule.conditions)), why)


def keys_of(compiled: CompiledFlag) -> dict[str, Why]:
    """The attributes that rules split by, in the targeting key's place."""
    keys: dict[str, Why] = {}
    for flag in flags_in(compiled).values():
        for rule in flag.settled.rules if is_live(flag.settled) else ():
            if rule.split is not None and rule.split.by != TARGETING_KEY:
                keys.setdefault(rule.split.by, f"rule {rule.name!r}{_of(flag.settled, compiled)} splits by it")
    return keys


def needed(compiled: CompiledFlag) -> dict[str, Why]:
    """All attributes but the targeting key."""
    attributes: dict[str, Why] = {}
    for condition, why in conditions_of(compiled):
        if condition.attribute != TARGETING_KEY:
            attributes.setdefault(condition.attribute, why)
    return {**keys_of(compiled), **attributes}


def times_of(compiled: CompiledFlag) -> frozenset[str]:
    """The attributes that are compared as times."""
    return frozenset(condition.attribute for condition, _ in conditions_of(compiled) if condition.op in TIME)


def splits_as_flagd(compiled: CompiledFlag) -> bool:
    """Whether a rule splits as flagd does, which can't be said in SQL."""
    live = [flag.settled for flag in flags_in(compiled).values() if is_live(flag.settled)]
    return any(rule.split is not None and rule.split.scheme == FLAGD for state in live for rule in state.rules)


def _of(state: FlagState, compiled: CompiledFlag) -> str:
    return "" if state.key == compiled.state.key else f" of flag {state.key!r}, which is required,"


def _of_segments(compiled: CompiledFlag, names: set[str], why: str) -> Iterator[tuple[Condition, Why]]:
    seen: set[str] = set()
    waiting = sorted(names)
    while waiting:
        segment = compiled.segments.get(waiting.pop())
        if segment is None or segment.key in seen:
            continue
        seen.add(segment.key)
        waiting += segments_of(segment.clauses)
        for condition in conditions_in(segment.clauses):
            yield condition, f"{why}, by segment {segment.key!r}"
