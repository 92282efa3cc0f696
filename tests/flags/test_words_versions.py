import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import make_condition
from burgee.flags.changing.versions import LONGEST, VERSION_PATTERN, precedence
from burgee.flags.evaluation.conditions import test_of as the_test_of
from flags.strategies import NO_VERSIONS, VERSIONS, versions

IN_ORDER = (
    "0.0.0", "0.0.1", "0.9.9", "0.10.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", f"1.0.0-{10**40}", "1.0.0--", "1.0.0-01a",
    "1.0.0-A", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.1.0", "1.0.0-alpha.2", "1.0.0-alpha.beta", "1.0.0-beta",
    "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "1.10.1-x", "1.10.1", "2.0.0", "2.1.0",
    "2.1.1", "10.0.0", f"{10**40 - 1}.0.0", f"{10**40}.0.0",
)  # fmt: skip
"""With the examples of section 11 among them."""


def meets(op: str, value: object, seen: object) -> bool:
    return the_test_of((make_condition("a", op, value),), {})({"a": seen})


def test_versions_are_ordered_by_the_precedence_of_the_specification() -> None:
    """R9.3; semver.org 2.0.0, section 11."""
    for low, high in pairwise(IN_ORDER):
        assert meets("semver_lt", high, low), (low, high)
        assert meets("semver_gt", low, high), (low, high)
    keys = [key for version in IN_ORDER if (key := precedence(version)) is not None]
    assert len(set(keys)) == len(IN_ORDER)
    assert sorted(set(keys)) == keys


@given(versions, versions)
def test_the_five_operators_agree_with_one_another(one: str, other: str) -> None:
    below, above, same = (meets(f"semver_{op}", other, one) for op in ("lt", "gt", "eq"))
    assert [below, above, same].count(True) == 1
    assert meets("semver_lte", other, one) is (below or same)
    assert meets("semver_gte", other, one) is (above or same)
    assert meets("semver_gt", one, other) is below


def test_build_metadata_makes_no_difference() -> None:
    """Section 10."""
    for op in ("semver_eq", "semver_lte", "semver_gte"):
        assert meets(op, "1.0.0+a", "1.0.0")
        assert meets(op, "1.0.0-rc.1", "1.0.0-rc.1+exp.sha-5114f85.007")
    assert not meets("semver_gt", "1.0.0", "1.0.0+9")


@pytest.mark.parametrize(
    "seen",
    [
        *NO_VERSIONS,
        "",
        " 1.0.0",
        "1.0.0 ",
        "\uff11.0.0",
        "-1.0.0",
        "1.0.0-a_b",
        1,
        1.0,
        True,
        None,
        [],
        b"1.0.0",
        (1, 0, 0),
    ],
)
def test_what_is_no_version_meets_nothing(seen: object) -> None:
    """R9.3."""
    assert not any(meets(f"semver_{op}", "1.0.0", seen) for op in ("eq", "lt", "lte", "gt", "gte"))


def test_versions_of_any_length_are_compared() -> None:
    nines = "9" * 100_000
    assert meets("semver_gt", "1.0.0", f"1.{nines}.0")
    assert meets("semver_lt", "1.0.0", f"1.0.0-{nines}")
    assert meets("semver_lt", "1.0.0", "1.0.0-" + ".".join(["a"] * 50_000))
    assert not meets("semver_lt", "1.0.0", "1.0.0-" + ".".join(["a"] * 50_000) + ".")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_condition_keeps_a_version_as_it_was_typed(version: str) -> None:
    assert make_condition("app", "semver_gte", version).value == version
    made = make_condition("app", "semver_gte", np.str_(version)).value
    assert type(made) is str


@pytest.mark.parametrize(
    ("value", "says", "hint"),
    [
        ("v1.2.3", "'a semver_eq' needs a semantic version, not 'v1.2.3'", "write '1.2.3'"),
        ("V1.2.3-rc.1", "needs a semantic version", "write '1.2.3-rc.1'"),
        (" 1.2.3", "needs a semantic version", "write '1.2.3'"),
        ("1.2", "needs a semantic version, not '1.2'", "a version is three numbers"),
        ("1.2.3\n", "needs a semantic version", "write '1.2.3'"),
        ("", "needs a semantic version", "a version is three numbers"),
        (1.2, "needs a version as text, e.g. '1.4.0', not 1.2", ""),
        (True, "needs a version as text", ""),
        (None, "can't compare with None", "exists"),
        (["1.2.3"], "compares text", ""),
        (f"{'1' * LONGEST}.0.0", f"versions of up to {LONGEST} characters", ""),
    ],
)
def test_what_is_no_version_to_compare_with_is_refused_by_name(value: object, says: str, hint: str) -> None:
    with pytest.raises(InvalidInputError, match=says) as caught:
        make_condition("a", "semver_eq", value)
    assert hint in " ".join(caught.value.hints)


def test_the_groups_of_the_pattern_are_the_parts_that_order() -> None:
    found = re.fullmatch(VERSION_PATTERN, "10.2.0-rc.1+b.5")
    assert found is not None
    assert found.groups() == ("10", "2", "0", "rc.1")


@given(st.text("0123.-+aZé\n", max_size=16))
def test_the_pattern_holds_exactly_what_the_grammar_of_the_specification_holds(text: str) -> None:
    """The grammar of semver.org, read part by part in place of a regular expression."""
    assert (precedence(text) is not None) is _is_version(text)


@given(versions.flatmap(lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.sampled_from("0a.-+"))))
def test_a_version_with_one_character_more_is_told_by_the_grammar_too(altered: tuple[str, int, str]) -> None:
    text, at, character = altered
    longer = text[:at] + character + text[at:]
    assert (precedence(longer) is not None) is _is_version(longer)


def _is_version(text: str) -> bool:
    text, plus, build = text.partition("+")
    core, dash, prerelease = text.partition("-")
    numbers = core.split(".")
    before = prerelease.split(".") if dash else []
    words = before + (build.split(".") if plus else [])
    return (
        len(numbers) == 3
        and all(_is_number(number) for number in numbers)
        and all(_is_number(word) for word in before if set(word) <= set("0123456789"))
        and all(word and word.isascii() and word.replace("-", "0").isalnum() for word in words)
    )


def _is_number(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789") and (text == "0" or text[0] != "0")
