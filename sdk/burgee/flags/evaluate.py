"""A flag version compiled to a closure: one context in, what it is served out, in about a microsecond.

What a condition means, here and in `assign` alike:

- An attribute is text, a number or a truth value, and nothing is turned into another kind: `"1"` is not
  `1`, and `True` is not `1`. Whole numbers and fractions are compared as the numbers they are.
- A missing attribute (absent, None, NaN, NaT or NA) meets no condition but `not_exists`.
- An attribute of another kind than the rule's value (also a date, a list, …) is different from it: it
  meets `ne`, `not_in` and `not_contains`, and `exists`, and no other condition.
- Texts are compared character by character, by code point; case matters.

The targeting key is the attribute `id`: text; or a whole number, which stands for its digits, also where
pandas made it a float (up to what a float holds exactly); or a UUID. A missing or empty one is no key.
Buckets are made by the scheme in `model.SCHEME`.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import accumulate
from typing import Any
from uuid import UUID

from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.model import BUCKETS, SCHEME, Condition, Evaluation, FlagState, Operand, Operator, Reason, Rule
from burgee.flags.rules import MEMBERSHIP, NEGATIVE, PRESENCE, kind_of, plain

type Test = Callable[[Mapping[str, object]], bool]
type Holds = Callable[[Any], bool]  # Any: text or a number, as the rule's value is; told apart before it is called

TARGETING_KEY = "id"
NO_KEY = "no targeting key 'id' in the context, and no rule matched without it"

_BYTES = 4
EXACT_FLOAT = 2**53
"""Below this a float that is whole is the whole number it was made from; above, it may have been another."""


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
    return CompiledFlag(state, outcomes, evaluate, _bucketing(state.salt), _bucketing(state.variant_salt))


def is_live(state: FlagState) -> bool:
    """Whether rules and rollout are looked at; a disabled or archived flag serves its default."""
    return state.enabled and not state.archived


def rollout_limit(percent: float) -> int:
    """The first bucket outside a rollout of so many percent: `round(p / 100 * 2**32)`."""
    return round(percent / 100 * BUCKETS)


def split_limits(state: FlagState) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How the weights cut the variants' buckets: which variants, by position, and where each but the last ends.

    A variant ends at `round(cumulated weight / 100 * 2**32)`. Those without weight are left out; the last one
    takes what rounding left over.
    """
    ends = accumulate(variant.weight for variant in state.variants)
    weighted = [
        (position, rollout_limit(end))
        for position, (variant, end) in enumerate(zip(state.variants, ends, strict=True))
        if variant.weight > 0
    ]
    return tuple(position for position, _ in weighted), tuple(end for _, end in weighted[:-1])


def targeting_key(value: object) -> str:
    """The text that is hashed for an id; empty for a missing one. `InvalidInputError` for what can't be an id."""
    if type(value) is str:
        return value
    if isinstance(value, UUID):
        return str(value)
    key = plain(value)
    if key is None:
        return ""
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if isinstance(key, float) and isinstance(value, float):  # neither a Decimal nor a float of fewer bits
        if key.is_integer() and abs(key) < EXACT_FLOAT:
            return str(int(key))
        raise InvalidInputError(f"the targeting key 'id' is text or a whole number, not {key!r}")
    raise InvalidInputError(f"the targeting key 'id' is text or a whole number, not {type(value).__name__}")


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
    rules = tuple(zip(map(_rule, state.rules), outcomes.rules, strict=True))
    limit = rollout_limit(state.rollout)
    everybody = limit >= BUCKETS
    # A digest is compared with a limit as bytes: big-endian bytes order as the numbers they are, and a
    # digest that begins with the limit's four bytes is longer, so above. That spares making a number of it.
    first_outside = b"" if everybody else limit.to_bytes(_BYTES)
    positions, ends = split_limits(state)
    inside = tuple(outcomes.inside[position] for position in positions)
    limits = [end.to_bytes(_BYTES) for end in ends]
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


def _bucketing(salt: str) -> Callable[[object], int | None]:
    def bucket(id: object) -> int | None:
        try:
            key = targeting_key(id)
            return int.from_bytes(md5(f"{salt}-{key}".encode()).digest()[:_BYTES]) if key else None
        except ValueError:  # InvalidInputError and UnicodeEncodeError are both of this kind
            return None

    return bucket


def _rule(rule: Rule) -> Test:
    tests = tuple(map(_condition, rule.conditions))
    if len(tests) == 1:
        return tests[0]

    def matches(context: Mapping[str, object]) -> bool:
        for test in tests:  # noqa: SIM110 - all(...) makes a generator, at thrice the time
            if not test(context):
                return False
        return True

    return matches


def _condition(condition: Condition) -> Test:
    attribute, op, value = condition.attribute, condition.op, condition.value
    if op in PRESENCE:
        wanted = op is Operator.EXISTS
        return lambda context: (plain(context.get(attribute)) is not None) is wanted
    if op in MEMBERSHIP or op in {Operator.EQ, Operator.NE}:
        members = value if isinstance(value, tuple) else (value,)
        return _membership(attribute, members, met=op not in NEGATIVE)
    return _comparison(condition)


def _membership(attribute: str, members: Sequence[object], *, met: bool) -> Test:
    """`in` and `not_in`, and with one member `eq` and `ne`. Each kind has its own set, because `True == 1`."""
    by_kind = {kind: frozenset(x for x in members if kind_of(x) == kind) for kind in ("text", "number", "truth value")}
    numbers = by_kind["number"]
    sets: dict[type, frozenset[object]] = {
        str: by_kind["text"],
        int: numbers,
        float: numbers,
        bool: by_kind["truth value"],
    }

    def among(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        wanted = sets.get(type(seen))
        if wanted is None:
            seen = plain(seen)
            wanted = sets.get(type(seen))
            if wanted is None:
                return False
        return seen in wanted

    def not_among(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        unwanted = sets.get(type(seen))
        if unwanted is None:
            seen = plain(seen)
            unwanted = sets.get(type(seen))
            if unwanted is None:
                return seen is not None
        return seen not in unwanted and seen == seen  # noqa: PLR0124 - only NaN differs from itself

    return among if met else not_among


def _comparison(condition: Condition) -> Test:
    attribute, op, value = condition.attribute, condition.op, condition.value
    bound = value[0] if isinstance(value, tuple) else value
    types = frozenset({str}) if isinstance(bound, str) else frozenset({int, float})
    holds = _holds(op, value)
    otherwise = op in NEGATIVE

    def matches(context: Mapping[str, object]) -> bool:
        seen = context.get(attribute)
        if type(seen) not in types:
            seen = plain(seen)
            if type(seen) not in types:
                return otherwise and seen is not None
        return holds(seen)

    return matches


def _holds(op: Operator, value: Operand) -> Holds:  # noqa: PLR0911 - a table of operators
    if op is Operator.BETWEEN and isinstance(value, tuple):
        low, high = value
        return lambda seen: low <= seen <= high
    match op:
        case Operator.GT:
            return lambda seen: seen > value
        case Operator.GTE:
            return lambda seen: seen >= value
        case Operator.LT:
            return lambda seen: seen < value
        case Operator.LTE:
            return lambda seen: seen <= value
        case Operator.CONTAINS:
            return lambda seen: value in seen
        case Operator.NOT_CONTAINS:
            return lambda seen: value not in seen
        case Operator.STARTS_WITH:
            return lambda seen: seen.startswith(value)
        case Operator.ENDS_WITH:
            return lambda seen: seen.endswith(value)
        case _:
            raise InvalidInputError(f"{op} can't compare with {value!r}")


def _find_md5() -> Callable[[bytes], "hashlib._Hash"]:
    """Without the layers of hashlib it takes half the time, and it is most of an evaluation."""
    try:
        found: Callable[[bytes], hashlib._Hash] = import_module("_md5").md5
    except ImportError:  # a Python built without it
        return partial(hashlib.md5, usedforsecurity=False)
    return found


md5 = _find_md5()
