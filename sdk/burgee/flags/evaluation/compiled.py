"""A flag version compiled to a closure: one context in, what it is served out, in about a microsecond.

What a condition means is told in `conditions`, what buckets are in `buckets`, and what is served in which order in
`model`. Other flags (prerequisites) and segments are those of the ruleset that is compiled with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from burgee.core.clock import Clock, from_us, system_clock, to_us
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import bucketing
from burgee.flags.evaluation.outcomes import Outcomes, outcomes_of
from burgee.flags.evaluation.steps import Ask, always, evaluator
from burgee.flags.evaluation.timing import next_change, settled
from burgee.flags.model import Evaluation, FlagState, Ruleset, Segment

ALONE = Ruleset()
"""No other flags and no segments."""

_NEVER = 2**63


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
        outcomes = outcomes_of(plain)
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
            return always(outcomes.disabled)
        asks = [None if one is None else one.evaluate for one in prerequisites]
        return evaluator(state, asks, outcomes, self._ruleset.segments)

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
                ask = self._evaluator(plain, prerequisites, outcomes_of(plain))
                current = (_NEVER if then is None else to_us(then), ask)
            return ask(context)

        return evaluate


def is_live(state: FlagState) -> bool:
    """Whether rules and rollout are looked at; a flag that is off, killed or archived serves its default."""
    return state.enabled and not state.killed and not state.archived
