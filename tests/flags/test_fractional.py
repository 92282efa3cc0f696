"""flagd's own buckets: known hashes, known answers of flagd's, and exact weights."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.flags.changing.asks import FlagSpec, Target
from burgee.flags.changing.changes import applied, created
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.evaluation.fractional import MOST_WEIGHT, fractional, fractions, murmur3
from burgee.flags.model import FLAGD, Reason, Split


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [(b"", 0, 0), (b"", 1, 0x514E28B7), (b"\0\0\0\0", 0, 0x2362F9DE), (b"!Ce\x87", 0, 0xF55B516B),
     (b"!Ce", 0, 0x7E4A8634), (b"!C", 0, 0xA0F7B07A), (b"!", 0, 0x72661CF4), (b"hello", 0, 0x248BFA47)],
)  # fmt: skip
def test_the_hash_is_murmurhash3(data: bytes, seed: int, expected: int) -> None:
    assert murmur3(data, seed) == expected


# flagd-testbed, evaluator/gherkin/fractional.feature: the examples of `@fractional-v2`.
@pytest.mark.parametrize(
    ("salt", "variants", "expected"),
    [
        ("fractional-flag", ("clubs", "diamonds", "hearts", "spades"),
         {"jack": "hearts", "queen": "spades", "ten": "clubs", "nine": "diamonds", "3": "clubs"}),
        ("shared-seed", ("clubs", "diamonds", "hearts", "spades"),
         {"seven": "hearts", "eight": "diamonds", "nine": "clubs", "two": "spades"}),
        ("fractional-flag-shorthand", ("heads", "tails"), {"jon@company.com": "heads", "jane@company.com": "tails"}),
        ("", ("lower", "upper"),
         {"ejOoVL": "lower", "bY9fO-": "lower", "SI7p-": "lower", "6LvT0": "upper", "ceQdGm": "upper"}),
    ],
)  # fmt: skip
def test_shares_are_flagds(salt: str, variants: tuple[str, ...], expected: dict[str, str]) -> None:
    pick = fractional(salt, [100 / len(variants)] * len(variants), variants)
    assert {key: pick(key) for key in expected} == expected


@given(
    weights=st.lists(st.integers(0, MOST_WEIGHT // 5), min_size=1, max_size=5).filter(lambda weights: sum(weights) > 0),
    key=st.text(max_size=20),
)
def test_a_share_in_percent_is_the_weight_it_was_made_of(weights: list[int], key: str) -> None:
    shares = [100 * weight / sum(weights) for weight in weights]
    assert [share * sum(weights) for share in fractions(shares)] == weights

    place = (murmur3(f"salt{key}".encode()) * sum(weights)) >> 32
    served = next(number for number, end in enumerate(accumulate(weights)) if place < end)
    assert fractional("salt", shares, range(len(weights)))(key) == served


def test_a_rule_splits_by_flagds_buckets() -> None:
    split = Split((("heads", 50.0), ("tails", 50.0)), "fractional-flag-shorthand", "email", FLAGD)
    rule = Target((make_condition("email", "exists"),), split=split)
    spec = FlagSpec({"heads": 50, "tails": 50}, enabled=True, rules=(rule,))
    flag = compile_flag(applied(None, created("coin", spec).data))

    assert flag.evaluate({"email": "jon@company.com"}).variant == "heads"
    assert flag.evaluate({"email": "jane@company.com"}).variant == "tails"
    assert flag.evaluate({"email": "jane@company.com"}).reason == Reason.SPLIT
    assert flag.evaluate({"email": ""}).reason == Reason.ERROR


def test_a_flag_is_made_with_its_rules() -> None:
    rules = (Target((make_condition("country", "eq", "DE"),), "on"), Target((make_condition("age", "gt", 18),), "off"))
    state = applied(None, created("f", FlagSpec(rules=rules)).data)
    assert [(rule.name, rule.serve) for rule in state.rules] == [("country eq DE", "on"), ("age gt 18", "off")]


def test_a_flag_is_not_made_with_a_rule_that_serves_what_it_has_not() -> None:
    with pytest.raises(burgee.InvalidInputError, match="no variant 'maybe'"):
        created("f", FlagSpec(rules=(Target((make_condition("country", "eq", "DE"),), "maybe"),)))
