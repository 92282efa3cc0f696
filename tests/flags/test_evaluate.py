import itertools
import math
import random
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.evaluation import buckets as module
from burgee.flags.evaluation.buckets import rollout_limit
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import FlagState, Reason, Rule, Variant
from flags.strategies import bucket_of, flag, flag_states, ids, rollouts, salts, scalars, weights

PEOPLE = [f"user-{number}" for number in range(20_000)]


# What is served, in which order, and why


def test_the_first_rule_that_matches_serves_its_variant() -> None:
    """R9.1."""
    variants = make_variants({"a": 50, "b": 25, "c": 25})
    rules = (
        Rule("first", (make_condition("plan", "eq", "pro"), make_condition("age", "gte", 18)), "b"),
        Rule("second", (make_condition("plan", "eq", "pro"),), "c"),
    )
    evaluate = compile_flag(FlagState("f", variants, "a", enabled=True, rules=rules)).evaluate
    both, one, none = evaluate({"plan": "pro", "age": 18}), evaluate({"plan": "pro", "age": 17}), evaluate({"id": "u"})
    assert (both.variant, both.rule, both.reason) == ("b", "first", Reason.TARGETING_MATCH)
    assert (one.variant, one.rule, one.reason) == ("c", "second", Reason.TARGETING_MATCH)
    assert (none.rule, none.reason) == (None, Reason.SPLIT)


def test_a_rule_without_conditions_matches_everybody() -> None:
    state = FlagState("f", make_variants(None), "off", enabled=True, rules=(Rule("all", (), "on"),))
    assert compile_flag(state).evaluate({}).reason is Reason.TARGETING_MATCH


def test_a_rule_needs_no_targeting_key() -> None:
    served = compile_flag(flag(None, ("plan", "eq", "pro"), rollout=0)).evaluate({"plan": "pro"})
    assert (served.value, served.reason, served.error) == (True, Reason.TARGETING_MATCH, None)


@given(flag_states(), st.dictionaries(st.sampled_from(["id", "country", "age"]), scalars | st.none()))
def test_a_disabled_or_archived_flag_serves_its_default_to_everybody(
    state: FlagState, context: dict[str, object]
) -> None:
    """P20, R9.4."""
    assume(not state.enabled or state.archived)
    served = compile_flag(state).evaluate(context)
    assert (served.variant, served.reason, served.rule) == (state.default, Reason.DISABLED, None)


@pytest.mark.parametrize("state", [flag(enabled=False), flag(archived=True)], ids=["disabled", "archived"])
@pytest.mark.parametrize("context", [{"id": "u"}, {}, None, 5])
def test_a_disabled_flag_does_not_look_at_the_context(state: FlagState, context: Mapping[str, object]) -> None:
    """R9.4."""
    assert compile_flag(state).evaluate(context).reason is Reason.DISABLED


@given(salts, weights(), rollouts, ids)
def test_rollout_and_weights_decide_by_the_buckets_of_the_scheme(
    salt: str, given_weights: dict[str, float], percent: float, id: str
) -> None:
    """P19, P20, R9.7: the decision recomputed from the definition of `md5-32/1`."""
    assume(id)
    state = flag(given_weights, rollout=percent, salt=salt)
    compiled = compile_flag(state)
    u, v = bucket_of(salt, id), bucket_of(f"{salt}/variant", id)
    assert (compiled.bucket(id), compiled.variant_bucket(id)) == (u, v)
    served = compiled.evaluate({"id": id})
    if u >= round(percent / 100 * 2**32):
        assert (served.variant, served.reason) == (state.default, Reason.DEFAULT)
        return
    ends = itertools.accumulate(given_weights.values())
    weighty = [name for name, weight in given_weights.items() if weight > 0]
    below = [name for name, end in zip(given_weights, ends, strict=True) if v < round(end / 100 * 2**32)]
    assert served.variant == next((name for name in below if name in weighty), weighty[-1])
    assert served.reason is Reason.SPLIT


def test_buckets_are_what_md5sum_says() -> None:
    # printf 'checkout-user-1' | md5sum, and 'checkout/variant-user-1'; the first eight digits
    compiled = compile_flag(flag())
    assert compiled.bucket("user-1") == BUCKET_OF_USER_1
    assert compiled.variant_bucket("user-1") == VARIANT_BUCKET_OF_USER_1


BUCKET_OF_USER_1 = 0xF2A1801A
VARIANT_BUCKET_OF_USER_1 = 0xD385F520


# Rollouts


@pytest.mark.parametrize("percent", [0, 0.01, 1, 25, 50, 99.9, 100])
@pytest.mark.parametrize("salt", ["checkout", "search", "ü"])
def test_the_share_let_in_is_the_rollout_within_what_chance_allows(percent: float, salt: str) -> None:
    """P19: within five standard deviations of the binomial distribution."""
    evaluate = compile_flag(flag(rollout=percent, salt=salt)).evaluate
    inside = sum(evaluate({"id": id}).reason is Reason.SPLIT for id in PEOPLE)
    p = percent / 100
    assert abs(inside - p * len(PEOPLE)) <= 5 * math.sqrt(len(PEOPLE) * p * (1 - p))


@given(st.floats(0, 100), st.integers())
def test_any_share_is_let_in_within_what_chance_allows(percent: float, seed: int) -> None:
    """P19, for any rollout and salt: within six standard deviations, and one for what is too rare to bound so."""
    bucket = compile_flag(flag(rollout=percent, salt=str(seed))).evaluate
    inside = sum(bucket({"id": id}).reason is Reason.SPLIT for id in PEOPLE[:4000])
    p = percent / 100
    assert abs(inside - p * 4000) <= 6 * math.sqrt(4000 * p * (1 - p)) + 6


@given(salts, ids.filter(bool))
def test_an_id_is_let_in_exactly_from_its_bucket_on(salt: str, id: str) -> None:
    """P19: `u < round(p / 100 * 2**32)`, at the very edge."""
    u = bucket_of(salt, id)
    reasons = [
        compile_flag(flag(rollout=limit / 2**32 * 100, salt=salt)).evaluate({"id": id}).reason for limit in (u, u + 1)
    ]
    assert reasons == [Reason.DEFAULT, Reason.SPLIT]


def test_limits_are_rounded_not_cut() -> None:
    assert rollout_limit(33.3) == 1_430_224_110  # 33.3 % of 2**32 is 1,430,224,109.568
    assert rollout_limit(100) == 2**32


def test_rollout_0_lets_nobody_in_and_100_everybody() -> None:
    nobody, everybody = compile_flag(flag(rollout=0)).evaluate, compile_flag(flag(rollout=100)).evaluate
    assert {nobody({"id": id}).reason for id in PEOPLE} == {Reason.DEFAULT}
    assert {everybody({"id": id}).reason for id in PEOPLE} == {Reason.SPLIT}


@given(salts, weights(), rollouts, rollouts, st.lists(ids.filter(bool), min_size=1, max_size=50))
def test_a_rollout_raised_keeps_everyone_already_in_with_their_variant(
    salt: str, given_weights: dict[str, float], one: float, other: float, people: list[str]
) -> None:
    """P19, P20, R9.2."""
    low, high = sorted((one, other))
    before = compile_flag(flag(given_weights, rollout=low, salt=salt)).evaluate
    after = compile_flag(flag(given_weights, rollout=high, salt=salt)).evaluate
    for id in people:
        served = before({"id": id})
        if served.reason is Reason.SPLIT:
            assert after({"id": id}) == served


def test_flags_let_people_in_independently_of_each_other() -> None:
    """R9.2: in no pair of ten flags does being in one say anything about being in the other (chi-square, 1 degree)."""
    members = []
    for number in range(10):
        evaluate = compile_flag(flag(rollout=50, salt=f"flag-{number}")).evaluate
        members.append({id for id in PEOPLE if evaluate({"id": id}).value})
    for one, other in itertools.combinations(members, 2):
        both = len(one & other)
        table = [both, len(one) - both, len(other) - both, len(PEOPLE) - len(one | other)]
        expected = [
            a * b / len(PEOPLE)
            for a in (len(one), len(PEOPLE) - len(one))
            for b in (len(other), len(PEOPLE) - len(other))
        ]
        chi_square = sum((seen - due) ** 2 / due for seen, due in zip(table, expected, strict=True))
        assert chi_square < 18.2  # p = 2e-5; 45 pairs


def test_the_variant_is_independent_of_the_rollout() -> None:
    """P20: those let in at 10 % have their weights' shares, as everybody has."""
    evaluate = compile_flag(flag({"a": 20, "b": 30, "c": 50}, rollout=10)).evaluate
    served = [evaluate({"id": id}) for id in PEOPLE]
    inside = [e.variant for e in served if e.reason is Reason.SPLIT]
    for name, p in {"a": 0.2, "b": 0.3, "c": 0.5}.items():
        assert abs(inside.count(name) - p * len(inside)) <= 5 * math.sqrt(len(inside) * p * (1 - p))


# Variants


@given(flag_states(), st.lists(ids, max_size=20), st.randoms(use_true_random=False))
def test_the_same_context_is_always_served_the_same(state: FlagState, people: list[str], order: random.Random) -> None:
    """P20: in any order, by any compilation of the same version, whatever else is in the context."""
    evaluate = compile_flag(state).evaluate
    first = {id: evaluate({"id": id}) for id in people}
    order.shuffle(people)
    again = compile_flag(state).evaluate
    assert {id: again({"id": id, "unrelated": order.random()}) for id in people} == first


def test_a_variant_without_weight_is_served_by_rules_only() -> None:
    """R9.7."""
    state = flag({"beta": 0, "a": 60, "b": 40, "none": 0}, ("tester", "eq", True))
    evaluate = compile_flag(state).evaluate
    assert {evaluate({"id": id}).variant for id in PEOPLE} == {"a", "b"}
    assert evaluate({"tester": True}).variant == "beta"


def test_weights_that_do_not_add_up_exactly_leave_nobody_out() -> None:
    state = FlagState("f", tuple(Variant(name, name, 100 / 7) for name in "abcdefg"), "a", enabled=True)
    evaluate = compile_flag(state).evaluate
    assert {evaluate({"id": id}).variant for id in PEOPLE} == set("abcdefg")


# Compilation


def test_evaluations_are_made_once() -> None:
    evaluate = compile_flag(flag({"a": 50, "b": 50}, rollout=50)).evaluate
    assert len({id(evaluate({"id": person})) for person in PEOPLE}) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"default": "offf"}, "flag 'f' has no variant 'offf' to serve"),
        ({"rules": (Rule("r", (), "x"),)}, "flag 'f' has no variant 'x' to serve"),
        (
            {"scheme": "md5-64/9"},
            "there is no way 'md5-64/9' to make buckets; this burgee knows 'md5-32/1' and 'sha256-32/1'",
        ),
        ({"variants": (Variant("off", value=False),)}, "no variant of flag 'f' has a weight"),
    ],
)
def test_a_flag_that_cant_be_served_is_refused_by_name(change: dict[str, object], says: str) -> None:
    whole: dict[str, object] = {"key": "f", "variants": make_variants(None), "default": "off", **change}
    build: Callable[..., FlagState] = FlagState
    with pytest.raises(InvalidInputError, match=says):
        compile_flag(build(**whole))


def test_without_the_quick_md5_the_buckets_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = module._find_md5()
    monkeypatch.setitem(sys.modules, "_md5", None)  # as in a Python that was built without it
    slow = module._find_md5()
    assert slow is not quick
    assert slow(b"checkout-u").digest() == quick(b"checkout-u").digest()


def test_an_evaluation_needs_no_library_of_frames() -> None:
    code = "import sys, burgee.flags.evaluation.compiled; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "numpy", "pyarrow", "duckdb", "sqlglot"}.isdisjoint(done.stdout.split())
