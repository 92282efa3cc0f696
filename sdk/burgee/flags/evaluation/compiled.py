"""A flag version compiled to a closure: one context in, what it is served out, in about a microsecond.

What a condition means is told in `conditions`, what buckets are in `buckets`, and what is served in which order in
`model`.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import BYTES, bucketing, md5, rollout_limit, split_limits, targeting_key
from burgee.flags.evaluation.conditions import test_of
from burgee.flags.model import BUCKETS, SCHEME, Evaluation, FlagState, Reason

NO_KEY = "no targeting key 'id' in the context, and no rule matched without it"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Everything a flag version can serve. They carry nothing of the context, so each is made once."""

    disabled: Evaluation[Json]
    failed: Evaluation[Json]
    outside: Evaluation[Json]
    rules: tuple[Evaluation[Json], ...]
    inside: tuple[Evaluation[Json], ...]
    """By variant, in the flag's order."""


@dataclass(frozen=True, slots=True)
class CompiledFlag:
    """One version of a flag, ready to be asked. Its functions are attributes, so that a call costs no extra frame.

    Attributes:
        state: what it was compiled from.
        outcomes: what it can serve.
        evaluate: what a context is served, and why. It never raises: whatever is wrong with the context, it
            answers the default, the reason `ERROR` and the cause.
        bucket: where an id falls in the rollout, 0 to 2**32 - 1; None for what can't be a targeting key.
        variant_bucket: where an id falls among the weights, likewise.
    """

    state: FlagState
    outcomes: Outcomes
    evaluate: Callable[[Mapping[str, object]], Evaluation[Json]]
    bucket: Callable[[object], int | None]
    variant_bucket: Callable[[object], int | None]


def compile_flag(state: FlagState) -> CompiledFlag:
    """Compile a flag version. `InvalidInputError` for one that serves what it has not, or whose scheme is unknown."""
    if state.scheme != SCHEME:
        raise InvalidInputError(
            f"flag {state.key!r} makes its buckets by {state.scheme!r}; this burgee knows {SCHEME!r}",
            hint="a newer burgee may know it: pip install --upgrade burgee",
        )
    outcomes = _outcomes(state)
    evaluate = _evaluator(state, outcomes) if is_live(state) else _always(outcomes.disabled)
    return CompiledFlag(state, outcomes, evaluate, bucketing(state.salt), bucketing(state.variant_salt))


def is_live(state: FlagState) -> bool:
    """Whether rules and rollout are looked at; a disabled or archived flag serves its default."""
    return state.enabled and not state.archived


def _outcomes(state: FlagState) -> Outcomes:
    def served(name: str, reason: Reason, rule: str | None = None, error: str | None = None) -> Evaluation[Json]:
        variant = state.variant(name)
        if variant is None:
            there = [variant.name for variant in state.variants]
            raise InvalidInputError(
                f"flag {state.key!r} has no variant {name!r} to serve",
                hint=did_you_mean(name, there, plural="variants"),
            )
        return Evaluation(state.key, variant.value, name, reason, rule, error)

    if not any(variant.weight > 0 for variant in state.variants):
        raise InvalidInputError(f"no variant of flag {state.key!r} has a weight")
    return Outcomes(
        disabled=served(state.default, Reason.DISABLED),
        failed=served(state.default, Reason.ERROR, error=NO_KEY),
        outside=served(state.default, Reason.DEFAULT),
        rules=tuple(served(rule.serve, Reason.TARGETING_MATCH, rule.name) for rule in state.rules),
        inside=tuple(served(variant.name, Reason.SPLIT) for variant in state.variants),
    )


def _always(evaluation: Evaluation[Json]) -> Callable[[Mapping[str, object]], Evaluation[Json]]:
    return lambda _context: evaluation


def _evaluator(state: FlagState, outcomes: Outcomes) -> Callable[[Mapping[str, object]], Evaluation[Json]]:
    rules = tuple(zip((test_of(rule.conditions) for rule in state.rules), outcomes.rules, strict=True))
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
            return _failure(failed, context, error)

    return evaluate


def _failure(failed: Evaluation[Json], context: object, error: Exception) -> Evaluation[Json]:
    if not hasattr(type(context), "get"):
        why = f"the context is a mapping of attributes, not {type(context).__name__}"
    elif isinstance(error, UnicodeEncodeError):
        why = "the targeting key 'id' holds half a character (a lone surrogate)"
    elif isinstance(error, InvalidInputError):
        why = error.message
    else:
        why = f"the context can't be read: {type(error).__name__}: {error}"
    return Evaluation(failed.flag, failed.value, failed.variant, Reason.ERROR, error=why)
