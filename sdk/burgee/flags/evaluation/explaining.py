"""Why a context is served what it is served: every step, every condition, the value seen, the bucket, the share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import TARGETING_KEY, bucketing, targeting_key
from burgee.flags.evaluation.compiled import CompiledFlag, is_live
from burgee.flags.evaluation.conditions import test_of
from burgee.flags.evaluation.steps import split_picker
from burgee.flags.model import (
    BUCKETS,
    FLAGD,
    OVERRIDE,
    Clause,
    Condition,
    Evaluation,
    FlagState,
    Rule,
    Split,
    holdout_salt,
    layer_salt,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """One condition or group as it came out. `seen` is the attribute's value; None for a group."""

    clause: Clause
    met: bool
    seen: object = None
    within: tuple["Checked", ...] = ()
    """The clauses of a group."""

    def __str__(self) -> str:
        return f"{self.clause}: {'met' if self.met else 'not met'}"


@dataclass(frozen=True, slots=True)
class Share:
    """Where a key fell among buckets: `at` percent, of which `low` to `high` are in."""

    salt: str
    at: float
    low: float
    high: float
    bucket: int | None = None

    @property
    def inside(self) -> bool:
        """Whether it fell between the two."""
        return self.low <= self.at < self.high


type Kind = Literal["context", "enabled", "prerequisite", "override", "holdout", "layer", "rule", "rollout", "variant"]
"""What a step asks."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an evaluation, in words: what was asked, and what came of it.

    Attributes:
        kind: what it asks.
        name: `enabled`, `prerequisite KEY`, `override`, `holdout NAME`, `layer NAME`, a rule's name, `rollout`,
            `variant`.
        met: whether the step applied to this context; None for one that was not asked.
        outcome: what came of it.
        conditions: a rule's conditions.
        share: the percentage it was asked for.
        served: the variant, if this step decided.
    """

    kind: Kind
    name: str
    met: bool | None
    outcome: str
    conditions: tuple[Checked, ...] = ()
    share: Share | None = None
    served: str | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """An evaluation with every step of it, in their order. The last that was asked decided."""

    evaluation: Evaluation[Json]
    steps: tuple[Step, ...]


def explain(compiled: CompiledFlag, context: Mapping[str, object]) -> Explained:
    """Explain what a flag serves to a context. The steps are told again one by one; the answer is `evaluate`'s own."""
    answer = compiled.evaluate(context)
    if not hasattr(type(context), "get"):
        return Explained(answer, (Step("context", "context", met=False, outcome=answer.error or ""),))
    return Explained(answer, tuple(_steps(compiled, context, answer)))


def _steps(compiled: CompiledFlag, context: Mapping[str, object], answer: Evaluation[Json]) -> Iterator[Step]:
    state = compiled.settled
    live = is_live(state)
    switched = "on" if live else "archived" if state.archived else "killed" if state.killed else _off(compiled.state)
    yield Step("enabled", "enabled", live, switched, served=None if live else answer.variant)
    if not live:
        return
    decided = False
    for step in _asked(compiled, state, context):
        if decided:
            yield Step(step.kind, step.name, None, "not asked: decided above")
            continue
        yield step
        decided = step.served is not None


def _off(state: FlagState) -> str:
    return "outside its schedule" if state.enabled and state.schedule else "off"


def _asked(compiled: CompiledFlag, state: FlagState, context: Mapping[str, object]) -> Iterator[Step]:
    for one, other in zip(state.prerequisites, compiled.prerequisites, strict=True):
        name = f"prerequisite {one.flag}"
        got = None if other is None else other.evaluate(context).variant
        met = got in one.variants
        wanted = " or ".join(one.variants)
        said = "there is no such flag" if other is None else f"{one.flag} serves {got}, wanted: {wanted}"
        yield Step("prerequisite", name, met, said, served=None if met else state.default)
    key, trouble = _key(context)
    if state.overrides:
        variant = None if key is None else state.overrides.get(key)
        said = f"{key!r} is not named" if variant is None else f"{key!r} is given {variant}"
        said = trouble if key is None else said
        yield Step("override", OVERRIDE, variant is not None, said, served=variant)
    if state.holdout is not None:
        share = _share(state, key, holdout_salt(state.holdout.name), 0.0, state.holdout.percent)
        out = share is not None and share.inside
        said = trouble if share is None else "held out" if out else "not held out"
        served = state.default if out or share is None else None
        yield Step("holdout", f"holdout {state.holdout.name}", out, said, share=share, served=served)
    if state.slice is not None:
        share = _share(state, key, layer_salt(state.slice.layer), state.slice.low, state.slice.high)
        within = share is not None and share.inside
        said = trouble if share is None else "in the flag's slice" if within else "outside the flag's slice"
        yield Step(
            "layer", f"layer {state.slice.layer}", within, said, share=share, served=None if within else state.default
        )
    for rule in state.rules:
        yield _rule(compiled, state, rule, context, key, trouble)
    share = _share(state, key, state.salt, 0.0, state.rollout)
    if share is None:
        yield Step("rollout", "rollout", met=False, outcome=trouble, served=state.default)
        return
    yield Step(
        "rollout",
        "rollout",
        share.inside,
        f"inside {state.rollout:g} %" if share.inside else f"outside {state.rollout:g} %: the default",
        share=share,
        served=None if share.inside else state.default,
    )
    weights = tuple((variant.name, variant.weight) for variant in state.variants)
    name, share = _picked(state, Split(weights, state.variant_salt), str(key))
    yield Step("variant", "variant", met=True, outcome=f"by weight: {name}", share=share, served=name)


def _rule(
    compiled: CompiledFlag,
    state: FlagState,
    rule: Rule,
    context: Mapping[str, object],
    key: str | None,
    trouble: str,
) -> Step:
    checked = tuple(_checked(clause, compiled, context) for clause in rule.conditions)
    if not all(one.met for one in checked):
        missed = next(one for one in checked if not one.met)
        return Step("rule", rule.name, False, f"not met: {missed.clause}", checked)
    share = None
    if rule.percent < 100:  # noqa: PLR2004 - percent
        share = _share(state, key, state.rule_salt(rule.name), 0.0, rule.percent)
        if share is None:
            return Step("rule", rule.name, True, trouble, checked, served=state.default)
        if not share.inside:
            return Step("rule", rule.name, False, f"outside its {rule.percent:g} %", checked, share=share)
    if rule.split is None:
        return Step("rule", rule.name, True, f"serves {rule.serve}", checked, share, rule.serve)
    by = rule.split.by
    hashed, problem = (key, trouble) if by == TARGETING_KEY else _key(context, by)
    if hashed is None:
        return Step("rule", rule.name, True, problem, checked, served=state.default)
    name, share = _picked(state, rule.split, hashed)
    return Step("rule", rule.name, True, f"splits: {name}", checked, share=share, served=name)


def _checked(clause: Clause, compiled: CompiledFlag, context: Mapping[str, object]) -> Checked:
    met = test_of((clause,), compiled.segments)(context)
    if isinstance(clause, Condition):
        return Checked(clause, met, context.get(clause.attribute))
    return Checked(clause, met, within=tuple(_checked(one, compiled, context) for one in clause.clauses))


def _key(context: Mapping[str, object], by: str = TARGETING_KEY) -> tuple[str | None, str]:
    """The text of a key, or what is wrong with it."""
    try:
        key = targeting_key(context.get(by), by)
        key.encode()
    except InvalidInputError as error:
        return None, error.message
    except UnicodeEncodeError:
        return None, f"{by!r} holds half a character (a lone surrogate)"
    return (key, "") if key else (None, f"there is no {by!r} in the context")


def _share(state: FlagState, key: str | None, salt: str, low: float, high: float) -> Share | None:
    bucket = None if key is None else bucketing(salt, state.scheme)(key)
    return None if bucket is None else Share(salt, bucket / BUCKETS * 100, low, high, bucket)


def _picked(state: FlagState, split: Split, key: str) -> tuple[str, Share | None]:
    names = tuple(name for name, _ in split.shares)
    name = names[split_picker(state, split, tuple(range(len(names))))(key)]
    if split.scheme == FLAGD:
        return name, None
    low = sum(share for other, share in split.shares[: names.index(name)])
    salt = state.variant_salt if split.salt is None else split.salt
    bucket = bucketing(salt, split.scheme or state.scheme)(key)
    high = low + dict(split.shares)[name]
    return name, None if bucket is None else Share(salt, bucket / BUCKETS * 100, low, high, bucket)
