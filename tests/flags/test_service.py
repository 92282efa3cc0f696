"""Flags as a service, in three modes: what is created, changed, listed, remembered and refused."""

import math
from datetime import timedelta

import pandas as pd
import pytest

import burgee
from burgee.core.json import Json
from burgee.workspace import Tenant


def test_a_new_flag_is_disabled_and_serves_its_default(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50})
    assert not flag.enabled
    assert flag.version == 1
    answer = flag.evaluate({"id": "u1"})
    assert (answer.variant, answer.value, answer.reason) == ("control", "control", burgee.Reason.DISABLED)


def test_a_flag_without_variants_is_boolean(acme: Tenant) -> None:
    flag = acme.flags.create("dark-mode").enable()
    assert flag.evaluate({"id": "u1"}).value is True
    assert flag.rollout(0).evaluate({"id": "u1"}).value is False
    assert flag.disable().evaluate({"id": "u1"}).value is False


def test_variants_keep_their_order_and_the_first_is_the_default(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"z": 50, "a": 20, "m": 30})
    assert [variant.name for variant in flag.state.variants] == ["z", "a", "m"]
    assert flag.state.default == "z"
    changed = flag.variants({"y": 10, "b": 90})
    assert [variant.name for variant in changed.state.variants] == ["y", "b"]
    assert changed.state.default == "y"
    assert list(changed.history().frame()["after"].iloc[-1]["variants"]) == ["y", "b"]


def test_verbs_return_new_handles_and_leave_the_old_ones_as_they_are(acme: Tenant) -> None:
    first = acme.flags.create("checkout")
    second = first.enable()
    third = second.rollout(20)
    assert (first.version, second.version, third.version) == (1, 2, 3)
    assert (first.enabled, second.enabled) == (False, True)
    assert third.state.rollout == 20
    assert acme.flags["checkout"] == third


def test_a_rule_is_served_before_the_rollout_and_named_in_the_answer(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50}).enable().rollout(0)
    flag = flag.target("country", "in", ["DE", "FR"], serve="treatment")
    answer = flag.evaluate({"id": "u1", "country": "DE"})
    assert (answer.variant, answer.reason, answer.rule) == ("treatment", "TARGETING_MATCH", "country in DE, FR")
    assert flag.evaluate({"id": "u1", "country": "US"}).reason == "DEFAULT"


def test_a_rule_can_be_named_and_taken_away(acme: Tenant) -> None:
    flag = acme.flags.create("checkout").enable().rollout(0)
    flag = flag.target("age", "gte", 18, serve="on", also=[("plan", "eq", "pro")], name="grown-up pros")
    assert flag.evaluate({"id": "u1", "age": 20, "plan": "pro"}).rule == "grown-up pros"
    assert flag.evaluate({"id": "u1", "age": 20, "plan": "free"}).value is False
    assert flag.untarget("grown-up pros").state.rules == ()


def test_changing_nothing_is_no_new_version(acme: Tenant) -> None:
    flag = acme.flags.create("checkout").enable()
    assert flag.enable().version == flag.version
    assert flag.rollout(100).version == flag.version


def test_every_change_is_in_the_history_with_who_when_before_after_and_why(acme: Tenant) -> None:
    """R9.5, R11.9."""
    flag = acme.flags.create("checkout", variants={"a": 50, "b": 50}).enable(why="launch").rollout(20, why="slowly")
    flag.variants({"a": 10, "b": 90})
    frame = flag.history().frame()
    assert list(frame.columns) == ["version", "at", "actor", "change", "before", "after", "why"]
    assert list(frame["change"]) == ["created", "enabled", "rollout", "variants"]
    assert frame["before"][2] == {"rollout": 100.0}
    assert frame["after"][2] == {"rollout": 20.0}
    assert frame["why"][1] == "launch"
    assert frame["actor"].notna().all()
    assert frame["actor"][0]
    assert frame["at"].is_monotonic_increasing
    assert frame["after"][3]["variants"] == {"a": 10.0, "b": 90.0}


def test_a_flag_can_be_seen_as_it_was_at_a_version_and_at_a_time(acme: Tenant) -> None:
    flag = acme.flags.create("checkout").enable().rollout(20)
    assert flag.at(1).enabled is False
    assert flag.at(2).state.rollout == 100
    created = flag.state.created_at
    assert created is not None
    assert flag.at(created).version == 1
    later = created + timedelta(days=1)
    assert flag.at(later) == flag


def test_a_revert_brings_the_old_answers_back_and_is_itself_a_change(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"a": 50, "b": 50}).enable().rollout(30)
    users = [{"id": f"u{number}"} for number in range(300)]
    before = [flag.evaluate(user) for user in users]
    changed = flag.variants({"a": 20, "b": 80}).rollout(80).target("id", "eq", "u1", serve="b").disable()
    reverted = changed.revert(to=flag.version)
    assert [reverted.evaluate(user) for user in users] == before
    assert reverted.version == changed.version + 1
    assert reverted.history().frame()["change"].iloc[-1] == "revert"


def test_archived_flags_leave_the_list_serve_their_default_and_can_come_back(acme: Tenant) -> None:
    flag = acme.flags.create("old").enable().archive()
    acme.flags.create("new")
    assert [one.key for one in acme.flags.list()] == ["new"]
    assert [one.key for one in acme.flags.list(archived=True)] == ["new", "old"]
    assert flag.evaluate({"id": "u1"}).reason == "DISABLED"
    with pytest.raises(burgee.ConflictError, match="archived"):
        flag.rollout(10)
    assert flag.restore().evaluate({"id": "u1"}).value is True


def test_lists_page_until_all_are_there(acme: Tenant) -> None:
    for number in range(130):
        acme.flags.create(f"flag-{number:03}")
    flags = acme.flags.list()
    assert "100+" in repr(flags)
    assert flags.count() == 130
    assert [flag.key for flag in flags] == sorted(flag.key for flag in flags)
    assert len(acme.flags.frame()) == 130


def test_evaluate_by_key_answers_the_default_where_there_is_no_such_flag(acme: Tenant) -> None:
    acme.flags.create("checkout").enable()
    assert acme.flags.evaluate("checkout", {"id": "u1"}).value is True
    answer = acme.flags.evaluate("chekout", {"id": "u1"}, default="safe")
    assert (answer.value, answer.reason) == ("safe", "ERROR")
    assert "chekout" in str(answer.error)


def test_an_unknown_flag_is_an_error_that_knows_what_was_meant(acme: Tenant) -> None:
    acme.flags.create("checkout")
    with pytest.raises(burgee.NotFoundError, match="no flag 'chekout'") as caught:
        acme.flags["chekout"]
    assert caught.value.hints == ["did you mean 'checkout'?"]
    assert "checkout" in acme.flags
    assert "chekout" not in acme.flags


@pytest.mark.parametrize("percent", [-1, 101, math.nan, math.inf, "20", None, True])
def test_a_rollout_that_is_no_percentage_is_refused_and_changes_nothing(acme: Tenant, percent: float) -> None:
    flag = acme.flags.create("checkout")
    with pytest.raises(burgee.InvalidInputError, match="rollout"):
        flag.rollout(percent)
    assert acme.flags["checkout"].version == 1


@pytest.mark.parametrize(
    ("weights", "said"),
    [({"a": 50, "b": 40}, "90"), ({"a": -10, "b": 110}, "-10"), ({"a": math.nan, "b": 50}, "nan"), ({}, "sum to 0")],
)
def test_weights_that_are_no_shares_are_refused(acme: Tenant, weights: dict[str, float], said: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        acme.flags.create("checkout", variants=weights)
    assert acme.flags.list().count() == 0


def test_a_variant_that_a_rule_serves_cannot_go(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"a": 50, "b": 50}).target("country", "eq", "DE", serve="b")
    with pytest.raises(burgee.InvalidInputError, match="'b' can't go: rule 'country eq DE'"):
        flag.variants({"a": 100})


def test_unknown_names_are_refused_with_those_there_are(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50})
    with pytest.raises(burgee.InvalidInputError, match="treatmnt") as caught:
        flag.target("country", "eq", "DE", serve="treatmnt")
    assert "treatment" in " ".join(caught.value.hints) + str(caught.value)
    with pytest.raises(burgee.InvalidInputError, match="==") as caught:
        flag.target("country", "==", "DE", serve="treatment")
    assert caught.value.hints == ["did you mean 'eq'?"]
    with pytest.raises(burgee.InvalidInputError, match="salt"):
        acme.flags.create("other", salt="a\0b")
    with pytest.raises(burgee.InvalidInputError, match="no version 7"):
        flag.revert(to=7)
    with pytest.raises(burgee.InvalidInputError, match="no version 7"):
        flag.at(7)
    with pytest.raises(burgee.InvalidInputError, match="did not exist"):
        flag.at("2001-01-01")
    with pytest.raises(burgee.AlreadyExistsError, match="checkout"):
        acme.flags.create("checkout")
    with pytest.raises(burgee.InvalidInputError, match="no spaces"):
        acme.flags.create("no spaces")


def test_a_cell_that_creates_can_be_run_again(ws: burgee.Workspace, acme: Tenant) -> None:
    changed = acme.flags.create("checkout", exist_ok=True).enable()
    assert acme.flags.create("checkout", {"a": 100}, exist_ok=True) == changed
    assert ws.tenants.create(acme.id, "another name", exist_ok=True).name == "Acme Ltd"


def test_a_change_that_expects_another_version_is_refused(acme: Tenant) -> None:
    flag = acme.flags.create("checkout").enable()
    flag.rollout(10)
    with pytest.raises(burgee.ConcurrencyError) as caught:
        flag.rollout(50, expected_version=flag.version)
    assert (caught.value.expected, caught.value.actual) == (2, 3)
    assert acme.flags["checkout"].state.rollout == 10


def test_the_service_the_handle_and_a_frame_serve_everybody_the_same(acme: Tenant) -> None:
    """R9.1, R9.2, R9.3, R9.7, P20: wherever a flag is evaluated."""
    flag = acme.flags.create("checkout", variants={"a": 20, "b": 30, "c": 50}, values={"a": 1, "b": [2], "c": None})
    flag = (
        flag.target("country", "in", ["DE", "FR"], serve="b").target("age", "gte", 65, serve="c").rollout(40).enable()
    )
    users = pd.DataFrame({
        "id": [f"u{number}" for number in range(60)],
        "country": ["DE", "US", None] * 20,
        "age": [20, 70, None, 64.5] * 15,
    })  # fmt: skip
    assigned = flag.assign(users)
    for row, user in zip(assigned.itertuples(), users.to_dict("records"), strict=True):
        context: dict[str, Json] = {str(name): value for name, value in user.items() if not pd.isna(value)}
        here = flag.evaluate(context)
        there = flag._link.call(flag._service.evaluate("checkout", context))
        assert here == there
        assert (row.variant, row.reason) == (here.variant, here.reason)
    assert set(assigned["reason"]) == {"TARGETING_MATCH", "SPLIT", "DEFAULT"}
    raised = flag.rollout(80).assign(users)
    inside = assigned["reason"] == "SPLIT"
    assert (raised["variant"][inside] == assigned["variant"][inside]).all()


def test_flags_of_one_tenant_are_not_there_for_another(ws: burgee.Workspace, acme: Tenant) -> None:
    """P10, P11."""
    other = ws.tenants.create(f"other-{acme.id}")
    acme.flags.create("checkout").enable()
    assert other.flags.list().count() == 0
    with pytest.raises(burgee.NotFoundError):
        other.flags["checkout"]
    other.flags.create("checkout").rollout(3)
    assert acme.flags["checkout"].state.rollout == 100


def test_flag_changes_are_events_of_the_tenant_but_no_business_events(acme: Tenant) -> None:
    acme.flags.create("checkout").enable()
    assert acme.events.query().count() == 0
    own = acme.events.query("flag.*", own=True)
    assert [event.type for event in own] == ["flag.created", "flag.enabled"]
