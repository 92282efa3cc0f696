"""Everything a flag version can serve, each with its reason: made once, and told apart by what they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.model import OVERRIDE, Evaluation, FlagState, Reason, Rule

NO_KEY = "no targeting key 'id' in the context, and no rule matched without it"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Everything a flag version can serve. They carry nothing of the context, so each is made once."""

    disabled: Evaluation[Json]
    failed: Evaluation[Json]
    prerequisites: tuple[Evaluation[Json], ...]
    """By prerequisite, where it is not met."""
    overrides: Mapping[str, Evaluation[Json]]
    """By variant."""
    held_out: Evaluation[Json] | None
    out_of_layer: Evaluation[Json] | None
    rules: tuple[tuple[Evaluation[Json], ...], ...]
    """By rule, then by share of its split; one where the rule serves one variant."""
    inside: tuple[Evaluation[Json], ...]
    """By variant, in the flag's order."""
    outside: Evaluation[Json]

    @property
    def all(self) -> tuple[Evaluation[Json], ...]:
        """All of them in one row, so that a number tells which; the first is the failure."""
        maybe = [self.failed, self.outside, self.disabled, *self.prerequisites, *self.overrides.values()]
        maybe += [one for one in (self.held_out, self.out_of_layer) if one is not None]
        return (*maybe, *(one for rule in self.rules for one in rule), *self.inside)


def outcomes_of(state: FlagState) -> Outcomes:
    """What a settled version can serve. `InvalidInputError` for a variant it has not, and for no weights at all."""

    def served(name: str | None, reason: Reason, rule: str | None = None, error: str | None = None) -> Evaluation[Json]:
        variant = None if name is None else state.variant(name)
        if variant is None:
            there = [variant.name for variant in state.variants]
            raise InvalidInputError(
                f"flag {state.key!r} has no variant {name!r} to serve",
                hint=did_you_mean(str(name), there, plural="variants"),
            )
        return Evaluation(state.key, variant.value, variant.name, reason, rule, error)

    def by_rule(rule: Rule) -> tuple[Evaluation[Json], ...]:
        if rule.split is None:
            return (served(rule.serve, Reason.TARGETING_MATCH, rule.name),)
        return tuple(served(name, Reason.SPLIT, rule.name) for name, _ in rule.split.shares)

    if not any(variant.weight > 0 for variant in state.variants):
        raise InvalidInputError(f"no variant of flag {state.key!r} has a weight")
    default = state.default
    held, part = state.holdout, state.slice
    return Outcomes(
        disabled=served(default, Reason.DISABLED),
        failed=served(default, Reason.ERROR, error=NO_KEY),
        prerequisites=tuple(served(default, Reason.DEFAULT, f"prerequisite {one.flag}") for one in state.prerequisites),
        overrides={
            name: served(name, Reason.TARGETING_MATCH, OVERRIDE) for name in dict.fromkeys(state.overrides.values())
        },
        held_out=None if held is None else served(default, Reason.DEFAULT, f"holdout {held.name}"),
        out_of_layer=None if part is None else served(default, Reason.DEFAULT, f"layer {part.layer}"),
        rules=tuple(map(by_rule, state.rules)),
        inside=tuple(served(variant.name, Reason.SPLIT) for variant in state.variants),
        outside=served(default, Reason.DEFAULT),
    )
