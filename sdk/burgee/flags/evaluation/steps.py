"""The steps of an evaluation as closures: what comes before the rules, the rules, the rollout.

They are put together once for each version; a flag that needs no more than rules and a rollout gets no more.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import (
    BYTES,
    TARGETING_KEY,
    Digest,
    digest_of,
    md5,
    rollout_limit,
    share_limits,
    split_limits,
    targeting_key,
)
from burgee.flags.evaluation.conditions import Test, test_of
from burgee.flags.evaluation.outcomes import Outcomes
from burgee.flags.model import (
    BUCKETS,
    FLAGD,
    SCHEME,
    Evaluation,
    FlagState,
    Reason,
    Rule,
    Segment,
    Split,
    holdout_salt,
    layer_salt,
)

type Ask = Callable[[Mapping[str, object]], Evaluation[Json]]
type Decide = Callable[[Mapping[str, object]], Evaluation[Json] | None]
"""What a rule serves to whoever meets it; None for those whom its percentage leaves to the next rule."""

_WHOLE = 100.0


def always(evaluation: Evaluation[Json]) -> Ask:
    """The same for every context."""
    return lambda _context: evaluation


def evaluator(
    state: FlagState,
    prerequisites: Sequence[Ask | None],
    outcomes: Outcomes,
    segments: Mapping[str, Segment],
) -> Ask:
    """What a flag that is on serves: a closure of its steps. `prerequisites` are the closures of those it requires."""
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
    served: Decide = always(answers[0]) if rule.split is None else _splitting(state, rule.split, answers, failed)
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


def _first(state: FlagState, prerequisites: Sequence[Ask | None], outcomes: Outcomes) -> Decide | None:
    """What comes before the rules: prerequisites, overrides, holdout, layer. None if there is nothing of them."""
    steps: list[Decide] = [
        _prerequisite(ask, frozenset(one.variants), answer)
        for one, ask, answer in zip(state.prerequisites, prerequisites, outcomes.prerequisites, strict=True)
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


def _prerequisite(ask: Ask | None, wanted: frozenset[str], answer: Evaluation[Json]) -> Decide:
    if ask is None:
        return always(answer)
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
