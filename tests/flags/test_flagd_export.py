"""Flags written as flagd's definitions: flagd serves the same, and so does what is read of them again."""

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.flags.changing.changes import applied, created
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.flagd.exporting import definition_of, export_flagd
from burgee.flags.flagd.importing import read_flagd
from burgee.flags.flagd.saying import UnsayableError
from burgee.flags.model import (
    FLAGD,
    Clause,
    Condition,
    FlagState,
    Group,
    Holdout,
    Prerequisite,
    Ramp,
    Rule,
    Ruleset,
    Schedule,
    Segment,
    Slice,
    Split,
    Variant,
)
from burgee.workspace import Tenant
from flags.jsonlogic import flagd_serves

ATTRIBUTES: dict[str, list[Any]] = {
    "country": ["DE", "FR", "18", "1", "true", "aDE", " x"],
    "age": [0, 1, 18, -3, 2.5],
    "beta": [True, False],
    "version": ["1.4.0", "2.0.0-rc.1", "2.0.0"],
    "id": ["u1", "u2", "zoë"],
}
RULESET = Ruleset(
    {},
    {
        "s": Segment("s", (make_condition("country", "eq", "DE"),), frozenset(["u1"]), frozenset(["u2"])),
        "t": Segment("t", (), frozenset(["zoë"])),
    },
)
ORDER = ["gt", "gte", "lt", "lte"]
DE = make_condition("country", "eq", "DE")


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def made(*columns: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    return st.tuples(*columns).map(lambda one: make_condition(*one))


def of(name: str) -> st.SearchStrategy[Condition]:
    values = st.sampled_from(ATTRIBUTES[name])
    return st.one_of(
        made(st.just(name), st.sampled_from(["eq", "ne"]), values),
        made(st.just(name), st.sampled_from(["in", "not_in"]), st.lists(values, min_size=1, max_size=3)),
        made(st.just(name), st.sampled_from(["exists", "not_exists"])),
    )


conditions = st.one_of(
    st.sampled_from(list(ATTRIBUTES)).flatmap(of),
    made(st.just("age"), st.sampled_from(ORDER), st.sampled_from(ATTRIBUTES["age"])),
    made(st.just("age"), st.just("between"), st.sampled_from([(0, 18), (-3, 0)])),
    made(st.just("country"), st.sampled_from(ORDER), st.sampled_from(["DE", "b"])),
    made(
        st.sampled_from(["country", "id"]),
        st.sampled_from(["contains", "not_contains", "starts_with", "ends_with"]),
        st.sampled_from(["D", "u", "1"]),
    ),
    made(
        st.just("version"),
        st.sampled_from(["semver_eq", "semver_gt", "semver_gte", "semver_lt", "semver_lte"]),
        st.sampled_from(ATTRIBUTES["version"]),
    ),
    made(st.just("id"), st.sampled_from(["in_segment", "not_in_segment"]), st.sampled_from([["s"], ["s", "t"]])),
)
clauses: st.SearchStrategy[Clause] = st.recursive(
    conditions,
    lambda inner: st.builds(
        Group, st.sampled_from(["all", "any", "not"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=4,
)
schedules = st.sampled_from([None, None, Schedule(at(100)), Schedule(at(100), at(300)), Schedule(None, at(200))])
weights = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)
splits = st.builds(
    lambda weights, salt, by: Split(
        tuple((name, 100 * weight / sum(weights)) for name, weight in zip("abc", weights, strict=True)), salt, by, FLAGD
    ),
    weights,
    st.sampled_from(["", "k", "seed", None]),
    st.sampled_from(["id", "country"]),
)
served = st.one_of(st.sampled_from("abc").map(lambda name: (name, None)), splits.map(lambda split: (None, split)))
rules = st.lists(st.tuples(st.lists(clauses, min_size=1, max_size=2).map(tuple), served, schedules), max_size=3).map(
    lambda made: tuple(
        Rule(f"rule {n}", one, serve, split, schedule=when) for n, (one, (serve, split), when) in enumerate(made)
    )
)
flags = st.builds(
    lambda rules, weighted, **more: FlagState(
        "k",
        tuple(Variant(name, name.upper(), 100.0 * (name == weighted)) for name in "abc"),
        salt="k",
        rules=rules,
        **more,
    ),
    rules,
    st.sampled_from("ab"),
    default=st.sampled_from("ac"),
    enabled=st.sampled_from([True, True, True, False]),
    rollout=st.sampled_from([0.0, 100.0]),
    overrides=st.sampled_from([{}, {"u1": "b", "zoë": "c", "u3": "b"}]),
    schedule=schedules,
    description=st.sampled_from(["", "what it is for"]),
)
contexts = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ATTRIBUTES.items()})


@given(state=flags, asks=st.lists(st.tuples(contexts, st.sampled_from([0, 100, 200, 300])), min_size=4))
def test_flagd_serves_what_the_flag_serves_and_so_does_what_is_read_again(
    state: FlagState, asks: list[tuple[dict[str, Any], int]]
) -> None:
    definition: dict[str, Any] = json.loads(json.dumps(definition_of(state, RULESET)))
    [read] = read_flagd({"flags": {"k": definition}})
    assert read.spec is not None, read.refused
    again = applied(None, created("k", read.spec).data)
    assert again.description == state.description

    for context, second in asks:
        expected = compile_flag(state, RULESET, at(second)).evaluate(context).variant
        assert compile_flag(again, now=at(second)).evaluate(context).variant == expected
        if state.enabled:
            theirs = {"targetingKey" if name == "id" else name: value for name, value in context.items()}
            assert flagd_serves("k", definition, theirs, second) == expected


def flag(*rules: Rule, **more: Any) -> FlagState:
    state: dict[str, Any] = {"enabled": True, "rollout": 0.0, "salt": "f", **more}
    return FlagState("f", (Variant("on", True, 50.0), Variant("off", False, 50.0)), "off", rules=rules, **state)


def rule(condition: Clause = DE, **more: Any) -> Rule:
    return Rule("r", (condition,), None if "split" in more else "on", **more)


HALF = (("on", 50.0), ("off", 50.0))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (flag(rollout=20.0), "the rollout goes by buckets"),
        (flag(rollout=100.0), "the rollout goes by buckets"),
        (flag(ramp=Ramp(at(0), at(9))), "the ramp goes by buckets"),
        (flag(holdout=Holdout("h", 5)), "the holdout goes by buckets"),
        (flag(slice=Slice("l", 0, 50)), "the layer goes by buckets"),
        (flag(prerequisites=(Prerequisite("g", ("on",)),)), "no flags that require others"),
        (flag(rule(percent=10)), "the percentage of rule 'r'"),
        (flag(rule(split=Split(HALF))), "the split of rule 'r'"),
        (flag(rule(split=Split(HALF, " x", "country", FLAGD))), "whose blanks"),
        (flag(rule(schedule=Schedule(datetime(2026, 1, 1, 0, 0, 0, 5, UTC)))), "whole seconds"),
        (flag(schedule=Schedule(datetime(1960, 1, 1, tzinfo=UTC))), "whole seconds since 1970"),
        (flag(rule(make_condition("country", "matches", "D."))), "no word for 'matches'"),
        (flag(rule(make_condition("day", "before", "2026-01-01"))), "no word for 'before'"),
        (flag(rule(make_condition("country", "gt", "18"))), "for a number where the order is asked"),
        (flag(rule(make_condition("n", "eq", 2**60))), "flagd's numbers are floats"),
        (flag(rule(make_condition("user.email", "eq", "x"))), "for something else"),
        (flag(rule(make_condition("targetingKey", "eq", "x"))), "for something else"),
        (flag(rule(make_condition("id", "in_segment", ["gone"]))), "is not there"),
        (flag(archived=True), "it is archived"),
    ],
)
def test_what_flagd_has_no_words_for_is_refused_with_the_reason(state: FlagState, why: str) -> None:
    with pytest.raises(UnsayableError, match=why):
        definition_of(state, Ruleset())


@pytest.mark.parametrize("values", [(1, "x"), (True, 1), (None, None), ({}, [])])
def test_values_of_several_kinds_are_refused(values: tuple[Json, Json]) -> None:
    variants = tuple(Variant(name, value, 50.0) for name, value in zip(("on", "off"), values, strict=True))
    with pytest.raises(UnsayableError, match="of several kinds"):
        definition_of(FlagState("f", variants, "off", rollout=0.0), Ruleset())


def test_a_definition_is_plain() -> None:
    split = Split((("on", 25.0), ("off", 75.0)), "f", "id", FLAGD)
    assert definition_of(flag(rule(split=split), description="why"), Ruleset()) == {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": {"if": [{"===": [{"var": "country"}, "DE"]}, {"fractional": [["on", 1], ["off", 3]]}]},
        "metadata": {"description": "why"},
    }


def test_what_is_left_out_is_told_and_kept() -> None:
    ruleset = Ruleset({"f": flag(), "g": flag(rollout=20.0)})
    exported = export_flagd(ruleset, ["f", "g"])
    assert list(exported["flags"]) == ["f"]  # type: ignore[arg-type] # an object
    assert list(exported.left_out) == ["g"]
    again = pickle.loads(pickle.dumps(exported))  # noqa: S301 - made here
    assert (again, again.left_out) == (exported, exported.left_out)


def test_a_tenants_flags_are_written_and_read_by_another(acme: Tenant) -> None:
    acme.segments.create("germans", ("country", "eq", "DE"))
    acme.flags.create("simple", rollout=0, enabled=True).target("id", "in_segment", "germans", serve="on")
    acme.flags.create("shared-out", rollout=50, enabled=True)
    exported = acme.flags.export_flagd()
    assert "the rollout" in exported.left_out.pop("shared-out")
    assert exported.left_out == {}

    flag = acme.flags["simple"]
    acme.flags["simple"].archive()
    acme.flags["shared-out"].archive()
    assert acme.flags.export_flagd()["flags"] == {}

    renamed = json.loads(json.dumps(exported).replace('"simple"', '"again"'))
    assert acme.flags.import_flagd(renamed).made == ["again"]
    for context in ({"country": "DE", "id": "u1"}, {"country": "FR"}, {}):
        assert acme.flags["again"].evaluate(context).value == flag.evaluate(context).value

    with pytest.raises(burgee.InvalidInputError, match="flagd can't have flag 'shared-out': it is archived"):
        acme.flags.export_flagd("shared-out")
    with pytest.raises(burgee.NotFoundError):
        acme.flags.export_flagd(["gone"])
