from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.changing.rules import (
    check_key,
    check_rollout,
    check_salt,
    check_serve,
    make_condition,
    make_variants,
    pick_default,
)
from burgee.flags.model import Condition, Operator, Variant
from burgee.flags.operators import plain
from flags.strategies import conditions, weights


class Plan(StrEnum):
    PRO = "pro"


@pytest.mark.parametrize("key", ["a", "new-checkout", "A.b_c-9", "0", "x" * 128])
def test_a_key_is_made_of_letters_digits_and_a_few_marks(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "-a", ".a", "a b", "ü", "a/b", "x" * 129, "a\n", "a\0", None, 1, b"a"])
def test_any_other_key_is_refused_by_name(key: object) -> None:
    with pytest.raises(InvalidInputError, match="flag's key"):
        check_key(key)


def test_a_flag_without_variants_is_boolean_and_off_by_default() -> None:
    variants = make_variants(None)
    assert variants == (Variant("on", value=True, weight=100.0), Variant("off", value=False, weight=0.0))
    assert pick_default(variants, None, boolean=True) == "off"


def test_a_variant_is_its_name_unless_it_has_a_value() -> None:
    variants = make_variants({"a": 50, "b": np.float64(50)}, {"b": {"size": 2}})
    assert variants == (Variant("a", "a", 50.0), Variant("b", {"size": 2}, 50.0))
    assert pick_default(variants, None, boolean=False) == "a"
    assert pick_default(variants, "b", boolean=False) == "b"


def test_variants_ready_made_are_checked_and_can_be_given_other_values() -> None:
    made = [Variant("a", 1, 40.0), Variant("b", 2, 60.0)]
    assert make_variants(made) == tuple(made)
    assert make_variants(made, {"a": 3}) == (Variant("a", 3, 40.0), made[1])


def test_a_value_is_what_it_will_be_when_it_was_stored() -> None:
    values: dict[str, Json] = {"a": (1, 2), "b": np.float64(3), "c": {"plan": Plan.PRO}}
    variants = make_variants({"a": 100, "b": 0, "c": 0}, values)
    assert [variant.value for variant in variants] == [[1, 2], 3.0, {"plan": "pro"}]


def test_a_boolean_flag_can_be_given_other_values() -> None:
    assert [variant.value for variant in make_variants(None, {"on": "dark"})] == ["dark", False]


@given(weights())
def test_weights_that_make_a_hundred_percent_are_taken_as_they_are(given_weights: dict[str, float]) -> None:
    """R9.7."""
    assert {variant.name: variant.weight for variant in make_variants(given_weights)} == given_weights


@pytest.mark.parametrize(
    ("given_weights", "values", "says"),
    [
        ({"a": 50, "b": 40}, None, "the weights sum to 90 %, not 100 %"),
        ({"a": 33.3333, "b": 33.3333, "c": 33.3333}, None, "the weights sum to 99.9999 %"),
        ({"a": 0.5, "b": 0.5}, None, "the weights sum to 1 %"),
        ({}, None, "the weights sum to 0 %"),
        ({"a": -10, "b": 110}, None, "the weight of 'a' is a number of percent, 0 to 100, not -10"),
        ({"a": float("nan"), "b": 100}, None, "the weight of 'a' .* not nan"),
        ({"a": float("inf")}, None, "the weight of 'a' .* not inf"),
        ({"a": True, "b": 99}, None, "the weight of 'a' .* not True"),
        ({"a": "50", "b": 50}, None, "the weight of 'a' .* not '50'"),
        ({"": 100}, None, "a variant is named by"),
        ({1: 100}, None, "a variant is named by"),
        ({"a\n": 100}, None, "a variant is named by"),
        ({"x" * 129: 100}, None, "a variant is named by"),
        ([Variant("a", 1, 50.0), Variant("a", 2, 50.0)], None, "variant 'a' is named twice"),
        (["a", "b"], None, "variants can't be"),
        ("ab", None, "variants can't be 'ab'"),
        (100, None, "variants can't be 100"),
        ({"a": 100}, {"b": 1}, "a value is given for 'b', which is no variant"),
        ({"a": 100}, {"a": float("nan")}, "value of variant 'a' can't be stored as JSON"),
        ({"a": 100}, {"a": object()}, "value of variant 'a' can't be stored as JSON"),
    ],
)
def test_variants_that_cant_be_right_are_refused_by_name(
    given_weights: dict[str, float], values: dict[str, Json] | None, says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make_variants(given_weights, values)


def test_a_mistyped_variant_is_answered_with_the_nearest() -> None:
    variants = make_variants({"control": 50, "treatment": 50})
    assert check_serve(variants, "treatment") == "treatment"
    with pytest.raises(InvalidInputError, match="there is no variant 'treatmnet' to serve") as caught:
        check_serve(variants, "treatmnet")
    assert caught.value.hints == ["did you mean 'treatment'?"]
    with pytest.raises(InvalidInputError, match="there is no variant 'x'") as caught:
        pick_default(variants, "x", boolean=False)
    assert caught.value.hints == ["the variants are: 'control', 'treatment'"]
    with pytest.raises(InvalidInputError, match="there is no variant True"):
        check_serve(variants, True)


@pytest.mark.parametrize("percent", [0, 100, 0.01, 25, np.int64(25), np.float32(0.5)])
def test_a_rollout_is_a_number_of_percent(percent: float) -> None:
    assert check_rollout(percent) == float(percent)
    assert type(check_rollout(percent)) is float


@pytest.mark.parametrize("percent", [-1, 101, 100.0001, float("nan"), float("inf"), "20", True, None, [20], "abc"])
def test_any_other_rollout_is_refused(percent: object) -> None:
    with pytest.raises(InvalidInputError, match="a rollout is"):
        check_rollout(percent)


@pytest.mark.parametrize("salt", ["", "checkout", "ü/variant"])
def test_a_salt_is_any_text(salt: str) -> None:
    assert check_salt(salt) == salt


@pytest.mark.parametrize("salt", [None, 1, "a\0", "\ud800", "x" * 257])
def test_a_salt_that_no_database_could_hash_is_refused(salt: object) -> None:
    with pytest.raises(InvalidInputError, match="salt"):
        check_salt(salt)


@pytest.mark.parametrize(
    "several",
    [
        ["DE", "FR"],
        ("DE", "FR"),
        {"DE", "FR"},
        frozenset({"FR", "DE"}),
        pd.Series(["DE", "FR"], index=[7, 8]),
        pd.Index(["DE", "FR"]),
        pd.Categorical(["DE", "FR"]),
        np.array(["DE", "FR"]),
        ["DE", "FR", "DE"],
        (code for code in ("DE", "FR")),
    ],
    ids=lambda several: type(several).__name__,
)
def test_any_collection_becomes_a_tuple_of_plain_values(several: Iterable[str]) -> None:
    condition = make_condition("country", "in", several)
    assert condition == Condition("country", Operator.IN, ("DE", "FR"))
    assert isinstance(condition.value, tuple)
    assert {type(member) for member in condition.value} == {str}


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (Decimal("2.5"), 2.5),
        (Plan.PRO, "pro"),
        (np.array(7), 7),
    ],
)
def test_scalars_of_other_libraries_become_pythons_own(value: object, is_plain: object) -> None:
    made = make_condition("a", "eq", value).value
    assert made == is_plain
    assert type(made) is type(is_plain)


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.float64("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "s"), Decimal("NaN")]
)
def test_everything_missing_is_one_thing(value: object) -> None:
    assert plain(value) is None


@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, datetime(2026, 11, 1, tzinfo=UTC), np.array([1, 2]), 1j])
def test_what_is_no_scalar_stays_what_it_is(value: object) -> None:
    assert plain(value) is value


def test_one_and_true_are_two_values() -> None:
    assert make_condition("a", "in", [1, True, 1.0, "1"]).value == (1.0, True, "1")


@given(conditions())
def test_a_condition_made_once_can_be_made_again(condition: Condition) -> None:
    """R9.3: what is stored passes the checks it passed when it was typed."""
    assert make_condition(condition.attribute, condition.op, condition.value) == condition


def test_an_unknown_operator_is_answered_with_all_there_are_and_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match="there is no operator 'contain'; the operators are: eq, ne, in") as it:
        make_condition("a", "contain", "x")
    assert it.value.hints == ["did you mean 'contains'?"]
    with pytest.raises(InvalidInputError, match="there is no operator '=='") as it:
        make_condition("a", "==", "x")
    assert it.value.hints == ["did you mean 'eq'?"]
    with pytest.raises(InvalidInputError, match="there is no operator 'zzz'") as it:
        make_condition("a", "zzz", "x")
    assert it.value.hints == []
    with pytest.raises(InvalidInputError, match="there is no operator None"):
        make_condition("a", None, "x")


@pytest.mark.parametrize(
    ("op", "value", "says"),
    [
        ("eq", None, "'a eq' can't compare with None"),
        ("eq", float("nan"), "'a eq' can't compare with nan"),
        ("eq", float("inf"), "'a eq' can't compare with inf; numbers are finite"),
        ("eq", [1], "'a eq' compares text, numbers and truth values, not .* \\(list\\)"),
        ("eq", datetime(2026, 11, 1, tzinfo=UTC), "not .* \\(datetime\\)"),
        ("eq", 2**64, "whole numbers have at most 64 bits"),
        ("ne", -(2**63) - 1, "whole numbers have at most 64 bits"),
        ("eq", "\ud800", "holds half a character"),
        ("eq", "a\0", "holds a NUL character"),
        ("in", "DE", "'a in' needs a list of values, not 'DE'"),
        ("in", 1, "'a in' needs a list of values, not 1"),
        ("in", {"DE": 1}, "'a in' needs a list of values"),
        ("in", pd.DataFrame({"x": [1]}), "'a in' needs a list of values"),
        ("in", [], "'a in' needs at least one value"),
        ("not_in", pd.Series([], dtype=object), "'a not_in' needs at least one value"),
        ("in", ["DE", None], "'a in' can't compare with None"),
        ("in", [["DE"]], "'a in' compares text, numbers and truth values"),
        ("in", np.array([[1, 2], [3, 4]]), "'a in' compares text, numbers and truth values"),
        ("gt", True, "'a gt' compares numbers or texts, not True"),
        ("lte", None, "'a lte' can't compare with None"),
        ("between", 5, "'a between' needs a list of values"),
        ("between", (1, 2, 3), "'a between' needs two values, \\(low, high\\); 3 were given"),
        ("between", (2, 1), "'a between' needs \\(low, high\\); 2 is above 1"),
        ("between", ("b", "a"), "'b' is above 'a'"),
        ("between", (1, "a"), "'a between' needs two numbers or two texts"),
        ("between", (False, True), "'a between' needs two numbers or two texts"),
        ("contains", 1, "'a contains' needs text, not 1"),
        ("starts_with", "", "'a starts_with' needs text, not ''"),
        ("ends_with", ["x"], "'a ends_with' compares text"),
        ("exists", True, "'a exists' takes no value; True was given"),
    ],
)
def test_a_value_that_an_operator_cant_use_is_refused_by_name(op: str, value: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make_condition("a", op, value)


@pytest.mark.parametrize("attribute", ["", None, 1, "x" * 513, "a\0", "\ud800"])
def test_an_attribute_is_named_by_text(attribute: object) -> None:
    with pytest.raises(InvalidInputError):
        make_condition(attribute, "eq", 1)
