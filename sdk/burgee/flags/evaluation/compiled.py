"""A flag version compiled to a closure: one context in, what it is served out, in about a microsecond.

What a condition means is told in `conditions`, what buckets are in `buckets`, and what is served in which order in
`model`. Other flags (prerequisites) and segments are those of the ruleset that is compiled with it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from burgee.core.clock import Clock, from_us, system_clock, to_us
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import (
    BYTES,
    TARGETING_KEY,
    Digest,
    bucketing,
    digest_of,
    md5,
    rollout_limit,
    share_limits,
    split_limits,
    targeting_key,
)
from burgee.flags.evaluation.conditions import Test, test_of
from burgee.flags.evaluation.timing import next_change, settled
from burgee.flags.model import (
    BUCKETS,
    FLAGD,
    OVERRIDE,
    SCHEME,
    Evaluation,
    FlagState,
    Reason,
    Rule,
    Ruleset,
    Segment,
    Split,
    holdout_salt,
    layer_salt,
)

NO_KEY = "no targeting key 'id' in the context, and no rule matched without it"
ALONE = Ruleset()
"""No other flags and no segments."""

type Ask = Callable[[Mapping[str, object]], Evaluation[Json]]
type Decide = Callable[[Mapping[str, object]], Evaluation[Json] | None]
"""What a rule serves to whoever meets it; None for those whom its percentage leaves to the next rule."""


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


@dataclass(frozen=True, slots=True)
class CompiledFlag:
    """One version of a flag, ready to be asked. Its functions are attributes, so that a call costs no extra frame.

    Attributes:
        state: what it was compiled from.
        settled: the same as it stood at the moment of compiling, without schedules and ramps: what `outcomes`, and SQL,
            are made of.
        prerequisites: the compiled flags of `settled.prerequisites`; None where there is no such flag.
        segments: those of the ruleset.
        outcomes: what it can serve.
        evaluate: what a context is served, and why. It never raises: whatever is wrong with the context, it
            answers the default, the reason `ERROR` and the cause.
        bucket: where an id falls in the rollout, 0 to 2**32 - 1; None for what can't be a targeting key.
        variant_bucket: where an id falls among the weights, likewise.
    """

    state: FlagState
    settled: FlagState
    prerequisites: tuple["CompiledFlag | None", ...]
    segments: Mapping[str, Segment]
    outcomes: Outcomes
    evaluate: Ask
    bucket: Callable[[object], int | None]
    variant_bucket: Callable[[object], int | None]


def compile_flag(
    state: FlagState, ruleset: Ruleset = ALONE, now: datetime | None = None, *, clock: Clock = system_clock
) -> CompiledFlag:
    """Compile a flag version.

    Args:
        state: the version.
        ruleset: where its prerequisites and segments are found.
        now: the moment its schedules and ramps are looked at; without one, the moment it is asked.
        clock: what tells that moment.

    Raises:
        InvalidInputError: it serves what it has not, its scheme is unknown, a segment is not there, or it requires
            itself through others.
    """
    return Compiling(ruleset, now, clock).compiled(state)


class Compiling:
    """Compiles the flags of one ruleset, each once."""

    def __init__(self, ruleset: Ruleset, now: datetime | None = None, clock: Clock = system_clock) -> None:
        self._ruleset = ruleset
        self._now = now
        self._clock = clock
        self.made: dict[str, CompiledFlag] = {}
        self._path: list[str] = []

    def flag(self, key: str) -> CompiledFlag | None:
        """A flag of the ruleset."""
        if key not in self.made:
            state = self._ruleset.flags.get(key)
            if state is None:
                return None
            self.made[key] = self.compiled(state)
        return self.made[key]

    def take(self, before: "Compiling") -> None:
        """Take over what an earlier ruleset compiled of flags that are the same and stand alone."""
        for key, made in before.made.items():
            state = self._ruleset.flags.get(key)
            alone = not made.prerequisites and made.segments == self._ruleset.segments
            if state is not None and alone and state == made.state:
                self.made[key] = made

    def compiled(self, state: FlagState) -> CompiledFlag:
        """A version of a flag among the others of the ruleset."""
        if state.key in self._path:
            path = " -> ".join([*self._path[self._path.index(state.key) :], state.key])
            raise InvalidInputError(f"flag {state.key!r} requires itself: {path}")
        self._path.append(state.key)
        try:
            return self._compiled(state)
        finally:
            self._path.pop()

    def _compiled(self, state: FlagState) -> CompiledFlag:
        moment = from_us(self._clock.now_us()) if self._now is None else self._now
        plain = settled(state, moment)
        prerequisites = tuple(self.flag(one.flag) for one in plain.prerequisites)
        outcomes = _outcomes(plain)
        evaluate = self._evaluator(plain, prerequisites, outcomes)
        if self._now is None:
            evaluate = self._renewing(state, moment, prerequisites, evaluate)
        return CompiledFlag(
            state,
            plain,
            prerequisites,
            self._ruleset.segments,
            outcomes,
            evaluate,
            bucketing(state.salt, state.scheme),
            bucketing(state.variant_salt, state.scheme),
        )

    def _evaluator(self, state: FlagState, prerequisites: tuple[CompiledFlag | None, ...], outcomes: Outcomes) -> Ask:
        if not is_live(state):
            return _always(outcomes.disabled)
        return _evaluator(state, prerequisites, outcomes, self._ruleset.segments)

    def _renewing(
        self, state: FlagState, moment: datetime, prerequisites: tuple[CompiledFlag | None, ...], first: Ask
    ) -> Ask:
        """The same for a flag that changes by itself: compiled again when its time has come."""
        change = next_change(state, moment)
        if change is None:
            return first
        clock = self._clock
        current = (to_us(change), first)

        def evaluate(context: Mapping[str, object]) -> Evaluation[Json]:
            nonlocal current
            until, ask = current
            now = clock.now_us()
            if now >= until:
                at = from_us(now)
                plain, then = settled(state, at), next_change(state, at)
                ask = self._evaluator(plain, prerequisites, _outcomes(plain))
                current = (_NEVER if then is None else to_us(then), ask)
            return ask(context)

        return evaluate


def is_live(state: FlagState) -> bool:
    """Whether rules and rollout are looked at; a flag that is off, killed or archived serves its default."""
    return state.enabled and not state.killed and not state.archived


def _outcomes(state: FlagState) -> Outcomes:
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


def _always(evaluation: Evaluation[Json]) -> Ask:
    return lambda _context: evaluation


def _evaluator(
    state: FlagState,
    prerequisites: tuple[CompiledFlag | None, ...],
    outcomes: Outcomes,
    segments: Mapping[str, Segment],
) -> Ask:
    tests = [test_of(rule.conditions, segments) for rule in state.rules]
    simple = not any(rule.split or rule.percent < _WHOLE for rule in state.rules) and state.scheme == SCHEME
    if simple:
        served = tuple((test, answers[0]) for test, answers in zip(tests, outcomes.rules, strict=True))
        decided = _simply(state, served, outcomes)
    else:
        decided = _by_rules(state, tests, outcomes)
    first = _first(state, prerequisites, outcomes)
    if first is None:
        return decided
    failed = outcomes.failed

    def evaluate(context: Mapping[str, object]) -> Evaluation[Json]:
        try:
            answer = first(context)
        except Exception as error:  # noqa: BLE001 - as below
            return failure(failed, context, error)
        return decided(context) if answer is None else answer

    return evaluate


def _simply(state: FlagState, rules: tuple[tuple[Test, Evaluation[Json]], ...], outcomes: Outcomes) -> Ask:
    """Rules that serve one variant each, then the rollout, by MD5: what most flags are."""
    limit = rollout_limit(state.rollout)
    everybody = limit >= BUCKETS
    # A digest is compared with a limit as bytes: big-endian bytes order as the numbers they are, and a
    # digest that begins with the limit's four bytes is longer, so above. That spares making a number of it.
    first_outside = b"" if everybody else limit.to_bytes(BYTES)
    positions, ends = split_limits(state)
    inside = tuple(outcomes.inside[position] for position in positions)
    limits = [end.to_bytes(BYTES) for end in ends]
    alone = inside[0] if len(inside) == 1 else None
    outside, failed = outcomes.outside, outcomes.failed
    salt, variant_salt = f"{state.salt}-".encode(), f"{state.variant_salt}-".encode()

    def evaluate(context: Mapping[str, object]) -> Evaluation[Json]:
        try:
            for matches, evaluation in rules:
                if matches(context):
                    return evaluation
            key = context.get("id")
            if type(key) is not str:
                key = targeting_key(key)
            if not key:
                return failed
            data = key.encode()
            if not everybody and md5(salt + data).digest() >= first_outside:
                return outside
            if alone is not None:
                return alone
            return inside[bisect_right(limits, md5(variant_salt + data).digest())]
        except Exception as error:  # noqa: BLE001 - a context is anything; whoever asks has a default to go on with
            return failure(failed, context, error)

    return evaluate


def _by_rules(state: FlagState, tests: Iterable[Test], outcomes: Outcomes) -> Ask:
    """Any rules, then the rollout, by any scheme."""
    deciders = (
        _decider(state, rule, answers, outcomes) for rule, answers in zip(state.rules, outcomes.rules, strict=True)
    )
    rules = tuple(zip(tests, deciders, strict=True))
    within = _within(state.salt, state.scheme, 0.0, state.rollout)
    pick = _picker([variant.weight for variant in state.variants], state.variant_salt, state.scheme, outcomes.inside)
    outside, failed = outcomes.outside, outcomes.failed

    def evaluate(context: Mapping[str, object]) -> Evaluation[Json]:
        try:
            for matches, decide in rules:
                if matches(context) and (answer := decide(context)) is not None:
                    return answer
            key = targeting_key(context.get(TARGETING_KEY))
            if not key:
                return failed
            return pick(key) if within(key) else outside
        except Exception as error:  # noqa: BLE001 - as above
            return failure(failed, context, error)

    return evaluate


def _decider(state: FlagState, rule: Rule, answers: tuple[Evaluation[Json], ...], outcomes: Outcomes) -> Decide:
    failed = outcomes.failed
    served: Decide = _always(answers[0]) if rule.split is None else _splitting(state, rule.split, answers, failed)
    if rule.percent >= _WHOLE:
        return served
    within = _within(state.rule_salt(rule.name), state.scheme, 0.0, rule.percent)

    def decide(context: Mapping[str, object]) -> Evaluation[Json] | None:
        key = targeting_key(context.get(TARGETING_KEY))
        if not key:
            return failed
        return served(context) if within(key) else None

    return decide


def _splitting(
    state: FlagState, split: Split, answers: tuple[Evaluation[Json], ...], failed: Evaluation[Json]
) -> Decide:
    by = split.by
    pick = split_picker(state, split, answers)
    if by != TARGETING_KEY:
        failed = replace(failed, error=f"no {by!r} in the context, by which a rule splits")

    def decide(context: Mapping[str, object]) -> Evaluation[Json]:
        key = targeting_key(context.get(by), by)
        return pick(key) if key else failed

    return decide


def split_picker[T](state: FlagState, split: Split, answers: tuple[T, ...]) -> Callable[[str], T]:
    """Which of the answers, one for each share, a key is given."""
    salt = state.variant_salt if split.salt is None else split.salt
    if split.scheme == FLAGD:
        from burgee.flags.evaluation.fractional import fractional

        return fractional(salt, [share for _, share in split.shares], answers)
    return _picker([share for _, share in split.shares], salt, split.scheme or state.scheme, answers)


def _first(state: FlagState, prerequisites: tuple[CompiledFlag | None, ...], outcomes: Outcomes) -> Decide | None:
    """What comes before the rules: prerequisites, overrides, holdout, layer. None if there is nothing of them."""
    steps: list[Decide] = [
        _prerequisite(compiled, frozenset(one.variants), answer)
        for one, compiled, answer in zip(state.prerequisites, prerequisites, outcomes.prerequisites, strict=True)
    ]
    if state.overrides:
        steps.append(_override({id: outcomes.overrides[name] for id, name in state.overrides.items()}))
    if state.holdout is not None and outcomes.held_out is not None:
        held = _within(holdout_salt(state.holdout.name), state.scheme, 0.0, state.holdout.percent)
        steps.append(_keyed(held, outcomes.failed, inside=outcomes.held_out))
    if state.slice is not None and outcomes.out_of_layer is not None:
        part = _within(layer_salt(state.slice.layer), state.scheme, state.slice.low, state.slice.high)
        steps.append(_keyed(part, outcomes.failed, outside=outcomes.out_of_layer))
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]

    def first(context: Mapping[str, object]) -> Evaluation[Json] | None:
        for step in steps:
            answer = step(context)
            if answer is not None:
                return answer
        return None

    return first


def _prerequisite(compiled: CompiledFlag | None, wanted: frozenset[str], answer: Evaluation[Json]) -> Decide:
    if compiled is None:
        return _always(answer)
    ask = compiled.evaluate
    return lambda context: None if ask(context).variant in wanted else answer


def _override(answers: Mapping[str, Evaluation[Json]]) -> Decide:
    def decide(context: Mapping[str, object]) -> Evaluation[Json] | None:
        key = context.get("id")
        if type(key) is not str:
            try:
                key = targeting_key(key)
            except InvalidInputError:  # nobody's key; where one is needed, that will be said
                return None
        return answers.get(key)

    return decide


def _keyed(
    within: Callable[[str], bool],
    failed: Evaluation[Json],
    *,
    inside: Evaluation[Json] | None = None,
    outside: Evaluation[Json] | None = None,
) -> Decide:
    def decide(context: Mapping[str, object]) -> Evaluation[Json] | None:
        key = targeting_key(context.get(TARGETING_KEY))
        if not key:
            return failed
        return inside if within(key) else outside

    return decide


def _within(salt: str, scheme: str, low: float, high: float) -> Callable[[str], bool]:
    """Whether a key's bucket lies between two percentages, the upper one excluded."""
    digest = digest_of(scheme)
    start, end = rollout_limit(low), rollout_limit(high)
    before = f"{salt}-".encode()
    return lambda key: start <= _number(digest, before, key) < end


def _picker[T](shares: list[float], salt: str, scheme: str, answers: tuple[T, ...]) -> Callable[[str], T]:
    digest = digest_of(scheme)
    positions, ends = share_limits(shares)
    inside = tuple(answers[position] for position in positions)
    before = f"{salt}-".encode()
    return lambda key: inside[bisect_right(ends, _number(digest, before, key))]


def _number(digest: Digest, before: bytes, key: str) -> int:
    return int.from_bytes(digest(before + key.encode())[:BYTES])


def failure(failed: Evaluation[Json], context: object, error: Exception) -> Evaluation[Json]:
    """The failure with its cause, in words."""
    if not hasattr(type(context), "get"):
        why = f"the context is a mapping of attributes, not {type(context).__name__}"
    elif isinstance(error, UnicodeEncodeError):
        why = "the targeting key 'id' holds half a character (a lone surrogate)"
    elif isinstance(error, InvalidInputError):
        why = error.message
    else:
        why = f"the context can't be read: {type(error).__name__}: {error}"
    return Evaluation(failed.flag, failed.value, failed.variant, Reason.ERROR, error=why)


_WHOLE = 100.0
_NEVER = 2**63
