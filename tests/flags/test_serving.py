"""What is served in which order: prerequisites, overrides, holdouts, layers, rules with a part or a split, times."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from burgee.core.clock import ManualClock
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.flags.changing.rules import make_condition, make_variants
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.evaluation.explaining import explain
from burgee.flags.evaluation.rulesets import CompiledRuleset, closure, cycle
from burgee.flags.evaluation.timing import next_change, ramp_percent, settled
from burgee.flags.model import (
    SHA256,
    FlagState,
    Holdout,
    Prerequisite,
    Ramp,
    Reason,
    Rule,
    Ruleset,
    Schedule,
    Slice,
    Split,
)

PEOPLE = [f"user-{n}" for n in range(2000)]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
GERMAN = make_condition("country", "eq", "DE")


def made(key: str = "f", **change: object) -> FlagState:
    state = FlagState(key, make_variants({"a": 50, "b": 50}), "a", enabled=True, salt=key)
    return replace(state, **change)  # type: ignore[arg-type] # a test's own fields


def variants(state: FlagState, **more: object) -> list[str | None]:
    ask = compile_flag(state, now=NOON).evaluate
    return [ask({"id": person, **more}).variant for person in PEOPLE]


def share(state: FlagState, variant: str, **more: object) -> float:
    return Counter(variants(state, **more))[variant] / len(PEOPLE)


def test_an_override_serves_before_every_rule_and_outside_the_rollout() -> None:
    state = made(overrides={"u1": "b", "7": "b"}, rules=(Rule("r", (GERMAN,), "a"),), rollout=0)
    ask = compile_flag(state).evaluate
    assert ask({"id": "u1", "country": "DE"}).variant == "b"
    assert ask({"id": "u1"}).reason is Reason.TARGETING_MATCH
    assert ask({"id": "u1"}).rule == "override"
    assert ask({"id": 7.0}).variant == "b"
    assert ask({"id": "u2"}).reason is Reason.DEFAULT


@pytest.mark.parametrize("id", [None, "", 1.5, [1], float("nan")])
def test_who_has_no_usable_key_is_not_overridden_and_still_meets_rules(id: object) -> None:
    ask = compile_flag(made(overrides={"u1": "b"}, rules=(Rule("r", (GERMAN,), "b"),))).evaluate
    assert ask({"id": id, "country": "DE"}).rule == "r"
    assert ask({"id": id}).reason is Reason.ERROR


def test_a_killed_flag_serves_its_default_even_to_the_overridden() -> None:
    served = compile_flag(made(killed=True, overrides={"u1": "b"})).evaluate({"id": "u1"})
    assert (served.variant, served.reason) == ("a", Reason.DISABLED)


def test_a_holdout_keeps_the_same_people_out_of_every_flag_that_names_it() -> None:
    held = [
        {person for person in PEOPLE if ask({"id": person}).rule == "holdout q4"}
        for ask in (compile_flag(made(key, holdout=Holdout("q4", 10))).evaluate for key in ("f", "g"))
    ]
    assert held[0] == held[1]
    assert 0.07 < len(held[0]) / len(PEOPLE) < 0.13


def test_slices_of_a_layer_share_nobody_and_leave_nobody_out() -> None:
    parts = [(0.0, 30.0), (30.0, 75.5), (75.5, 100.0)]
    inside = [
        {person for person in PEOPLE if ask({"id": person}).reason is Reason.SPLIT}
        for ask in (compile_flag(made(f"f{n}", slice=Slice("page", *part))).evaluate for n, part in enumerate(parts))
    ]
    assert sum(map(len, inside)) == len(set.union(*inside)) == len(PEOPLE)


def test_a_rules_part_is_of_its_own_buckets_and_the_others_go_on() -> None:
    state = made(rules=(Rule("some", (GERMAN,), "b", percent=25), Rule("rest", (GERMAN,), "a")))
    ask = compile_flag(state).evaluate
    rules = Counter(ask({"id": person, "country": "DE"}).rule for person in PEOPLE)
    assert set(rules) == {"some", "rest"}
    assert 0.21 < rules["some"] / len(PEOPLE) < 0.29
    expected = {p for p in PEOPLE if int(hashlib.md5(f"f/rule/some-{p}".encode()).hexdigest()[:8], 16) < 2**30}  # noqa: S324
    assert {p for p in PEOPLE if ask({"id": p, "country": "DE"}).rule == "some"} == expected


def test_a_raised_part_of_a_rule_puts_nobody_out() -> None:
    small, large = (
        {p for p, v in zip(PEOPLE, variants(made(rules=(rule,), rollout=0), country="DE"), strict=True) if v == "b"}
        for rule in (Rule("r", (GERMAN,), "b", percent=20), Rule("r", (GERMAN,), "b", percent=45))
    )
    assert small < large


def test_a_split_with_the_flags_own_weights_gives_what_the_rollout_would() -> None:
    split = made(rules=(Rule("r", (GERMAN,), split=Split((("a", 50.0), ("b", 50.0)))),))
    assert variants(split, country="DE") == variants(made())
    assert compile_flag(split).evaluate({"id": "u", "country": "DE"}).reason is Reason.SPLIT


def test_a_split_by_another_attribute_keeps_a_company_together_and_names_it_where_it_is_missing() -> None:
    ask = compile_flag(
        made(rules=(Rule("r", (GERMAN,), split=Split((("a", 50.0), ("b", 50.0)), by="company")),))
    ).evaluate
    for company in ("x", "y", "z"):
        assert len({ask({"id": p, "country": "DE", "company": company}).variant for p in PEOPLE[:50]}) == 1
    assert ask({"country": "DE", "company": "x"}).error is None
    missing = ask({"id": "u", "country": "DE"})
    assert missing.reason is Reason.ERROR
    assert "'company'" in str(missing.error)
    assert "'company'" in str(ask({"id": "u", "country": "DE", "company": [1]}).error)


def test_sha256_makes_other_buckets_of_the_same_form() -> None:
    state = made(scheme=SHA256, rollout=30)
    served = {p for p in PEOPLE if compile_flag(state).evaluate({"id": p}).reason is Reason.SPLIT}
    limit = round(0.3 * 2**32)
    assert served == {p for p in PEOPLE if int(hashlib.sha256(f"f-{p}".encode()).hexdigest()[:8], 16) < limit}
    assert compile_flag(state).bucket("u1") == int(hashlib.sha256(b"f-u1").hexdigest()[:8], 16)


def test_a_prerequisite_asks_the_other_flag_in_the_same_context() -> None:
    first = made("first", rules=(Rule("r", (GERMAN,), "b"),), rollout=0)
    ask = compile_flag(made(prerequisites=(Prerequisite("first", ("b",)),)), Ruleset({"first": first})).evaluate
    assert ask({"id": "u", "country": "DE"}).reason is Reason.SPLIT
    refused = ask({"id": "u", "country": "FR"})
    assert (refused.variant, refused.reason, refused.rule) == ("a", Reason.DEFAULT, "prerequisite first")


def test_a_prerequisite_that_is_not_there_is_not_met() -> None:
    assert set(variants(made(prerequisites=(Prerequisite("gone", ("a", "b")),)))) == {"a"}


def test_flags_that_require_each_other_are_refused_with_the_path() -> None:
    flags = {
        "f": made("f", prerequisites=(Prerequisite("g", ("a",)),)),
        "g": made("g", prerequisites=(Prerequisite("h", ("a",)),)),
        "h": made("h", prerequisites=(Prerequisite("f", ("a",)),)),
    }
    with pytest.raises(InvalidInputError, match="f -> g -> h -> f"):
        compile_flag(flags["f"], Ruleset(flags))
    served = CompiledRuleset(Ruleset(flags)).evaluate("g", {"id": "u"}, default="mine")
    assert (served.value, served.reason) == ("mine", Reason.ERROR)
    assert "requires itself" in str(served.error)
    assert cycle("f", {"f": ["g"], "g": ["h", "x"], "h": ["f"]}) == ("f", "g", "h", "f")
    assert cycle("x", {"f": ["f"], "x": ["f"]}) is None


def test_a_schedule_begins_with_its_start_and_is_over_at_its_end() -> None:
    end = NOON + timedelta(days=2)
    state = made(schedule=Schedule(NOON, end), rules=(Rule("r", (GERMAN,), "b", schedule=Schedule(end=end)),))
    moments = (NOON - timedelta(microseconds=1), NOON, end - timedelta(microseconds=1), end)
    assert [settled(state, moment).enabled for moment in moments] == [False, True, True, False]
    assert [len(settled(state, moment).rules) for moment in moments] == [1, 1, 1, 0]
    assert next_change(state, NOON - timedelta(days=1)) == NOON
    assert next_change(state, NOON) == end
    assert next_change(state, end) is None
    assert compile_flag(state, now=end).evaluate({"id": "u"}).reason is Reason.DISABLED


def test_a_ramp_rises_evenly_by_whole_seconds_and_stays() -> None:
    ramp = Ramp(NOON, NOON + timedelta(days=10), 5, 55)
    percents = [ramp_percent(ramp, NOON + timedelta(days=days)) for days in (-1, 0, 1, 5, 10, 99)]
    assert percents == [5, 5, 10, 30, 55, 55]
    assert ramp_percent(ramp, NOON + timedelta(days=5, milliseconds=999)) == 30


def test_an_evaluator_follows_a_ramp_and_nobody_leaves_while_it_rises() -> None:
    clock = ManualClock(NOON)
    compiled = compile_flag(made(ramp=Ramp(NOON, NOON + timedelta(hours=1), 0, 100)), clock=clock)
    before: set[str] = set()
    for minutes in (0, 15, 30, 45, 60):
        inside = {p for p in PEOPLE if compiled.evaluate({"id": p}).reason is Reason.SPLIT}
        assert before <= inside
        assert abs(len(inside) / len(PEOPLE) - minutes / 60) < 0.04
        before = inside
        clock.advance(minutes=15)


def test_an_evaluator_follows_a_schedule_also_that_of_a_flag_it_requires() -> None:
    clock = ManualClock(NOON)
    first = made("first", default="b", variants=make_variants({"a": 100, "b": 0}))
    first = replace(first, schedule=Schedule(NOON + timedelta(hours=1), NOON + timedelta(hours=2)))
    needing = made(prerequisites=(Prerequisite("first", ("a",)),))
    asked = CompiledRuleset(Ruleset({"first": first, "f": needing}), clock=clock)
    seen = []
    for _ in range(3):
        seen.append(asked.evaluate("f", {"id": "u"}).reason)
        clock.advance(hours=1)
    assert seen == [Reason.DEFAULT, Reason.SPLIT, Reason.DEFAULT]


def test_a_ruleset_takes_over_what_was_compiled_of_flags_that_stay_as_they_are() -> None:
    flags = {"f": made("f"), "g": made("g")}
    before = CompiledRuleset(Ruleset(flags))
    kept = before.flag("f")
    before.flag("g")
    after = CompiledRuleset(Ruleset({"f": flags["f"], "g": replace(flags["g"], rollout=1)}), before=before)
    assert after.flag("f") is kept
    assert after.flag("g").state.rollout == 1
    with pytest.raises(NotFoundError, match="'h'"):
        after.flag("h")
    assert set(after.evaluate_all({"id": "u"})) == {"f", "g"}


def test_the_closure_of_a_flag_holds_what_it_requires_and_no_more() -> None:
    flags: Mapping[str, FlagState] = {
        "f": made("f", prerequisites=(Prerequisite("g", ("a",)),)),
        "g": made("g", prerequisites=(Prerequisite("h", ("a",)),)),
        "h": made("h"),
        "other": made("other"),
    }
    assert set(closure(flags["f"], Ruleset(flags)).flags) == {"g", "h"}


DEEP = made(
    overrides={"user-3": "b"},
    holdout=Holdout("q4", 10),
    slice=Slice("page", 0, 80),
    rules=(
        Rule("some", (GERMAN,), "b", percent=25),
        Rule("parted", (make_condition("plan", "eq", "pro"),), split=Split((("b", 70.0), ("a", 30.0)), salt="x")),
    ),
    rollout=40,
)


@pytest.mark.parametrize("more", [{}, {"country": "DE"}, {"plan": "pro"}, {"country": "DE", "plan": "pro"}])
def test_an_explanation_decides_as_the_evaluation_does(more: dict[str, object]) -> None:
    compiled = compile_flag(DEEP, now=NOON)
    for person in PEOPLE[:500]:
        told = explain(compiled, {"id": person, **more})
        deciding = [step for step in told.steps if step.served is not None]
        assert [step.served for step in deciding] == [told.evaluation.variant]
        asked = [step for step in told.steps if step.met is not None]
        assert asked[-1] is deciding[0]
        for step in asked:
            if step.share is not None and step.share.bucket is not None:
                assert step.share.at == pytest.approx(step.share.bucket / 2**32 * 100)


def test_an_explanation_shows_what_each_condition_saw() -> None:
    told = explain(compile_flag(replace(DEEP, holdout=None, slice=None)), {"id": "user-1", "country": "FR"})
    step = next(step for step in told.steps if step.name == "some")
    assert (step.met, step.conditions[0].seen, step.conditions[0].met) == (False, "FR", False)
    assert "country eq 'DE'" in step.outcome


@pytest.mark.parametrize("context", [None, 3, [], "text", {}, {"id": 1.5}, {"id": "\ud800"}])
def test_an_explanation_of_a_context_that_is_none_says_so_and_does_not_raise(context: object) -> None:
    told = explain(compile_flag(DEEP, now=NOON), context)  # type: ignore[arg-type]
    assert told.evaluation.reason is Reason.ERROR
    assert told.steps
