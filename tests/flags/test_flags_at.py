"""All flags at once: what each serves to a context now, or at a time; and past exposures asked again."""

from collections.abc import Iterator

import pandas as pd
import pytest

import burgee
from burgee.core.clock import ManualClock
from burgee.workspace import Tenant

USERS = pd.DataFrame({"id": [f"u{n}" for n in range(200)], "plan": ["free", "pro"] * 100})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock("2026-01-01T00:00:00Z")


@pytest.fixture
def local(clock: ManualClock) -> Iterator[Tenant]:
    with burgee.open("memory://", clock=clock) as ws:
        yield ws.tenants.create("acme")


def expose(tenant: Tenant, flag: burgee.Flag, users: pd.DataFrame, time: str, **data: object) -> None:
    """Store what the flag serves these users as exposures."""
    frame = pd.DataFrame(
        {
            "stream": f"exposures-{flag.key}",
            "type": "flag.exposure",
            "time": pd.Timestamp(time, tz="UTC"),
            "flag": flag.key,
            "id": users["id"],
            "variant": flag.assign(users)["variant"].astype(str),
            "version": flag.version,
            **data,
        }
    )
    tenant.events.ingest(frame, stream="stream", type="type", time="time")


def test_all_flags_answer_one_context(acme: Tenant) -> None:
    acme.flags.create("a", enabled=True)
    acme.flags.create("b").target("plan", "eq", "pro", serve="on", name="pros").enable()
    acme.flags.create("gone").archive()
    answers = acme.flags.evaluate_all({"id": "u1", "plan": "pro"})
    assert answers.variants == {"a": "on", "b": "on"}
    assert answers["b"] == acme.flags["b"].evaluate({"id": "u1", "plan": "pro"})
    frame = answers.frame()
    assert list(frame.columns) == ["flag", "variant", "value", "reason", "rule", "error"]
    assert frame["value"].tolist() == [True, True]
    assert frame["rule"].tolist()[1] == "pros"


def test_answers_are_a_mapping_and_show_themselves(local: Tenant) -> None:
    local.flags.create("a", {"x": 100}, values={"x": {"deep": [1]}}, enabled=True)
    answers = local.flags.evaluate_all({"id": "u1"})
    assert (len(answers), list(answers), "a" in answers, "b" in answers) == (1, ["a"], True, False)
    assert repr(answers) == "<Evaluations of 1 flag: a: x>"
    assert answers.arrow().to_pylist()[0]["value"] == '{"deep":[1]}'
    assert "SPLIT" in answers._repr_mimebundle_()["text/html"]
    with pytest.raises(burgee.NotFoundError, match="'b'"):
        answers["b"]
    assert local.flags.evaluate_all({}).frame()["error"].notna().all()
    assert repr(local.flags.evaluate_all({"id": "ü"})).startswith("<Evaluations of 1 flag")


def test_without_flags_there_are_no_answers(local: Tenant) -> None:
    answers = local.flags.evaluate_all({"id": "u1"})
    assert len(answers.frame()) == 0
    assert repr(answers) == "<Evaluations of 0 flags>"


def test_the_flags_of_a_time_are_those_of_then(acme: Tenant) -> None:
    flag = acme.flags.create("a", enabled=True, rollout=0)
    then = flag.state.updated_at
    assert then is not None
    flag.rollout(100)
    acme.flags.create("later")
    at = acme.flags.at(then)
    assert list(at) == ["a"]
    assert at["a"].state == flag.state
    assert at.evaluate("a", {"id": "u1"}).variant == "off"
    assert at.evaluate_all({"id": "u1"}).variants == {"a": "off"}
    assert at.assign(USERS)["a"].unique().tolist() == ["off"]
    assert acme.flags.evaluate_all({"id": "u1"}).variants == {"a": "on", "later": "off"}


def test_schedules_ramps_and_segments_stand_as_they_stood(local: Tenant, clock: ManualClock) -> None:
    local.segments.create("testers", ids=["u1"])
    flag = local.flags.create("f", enabled=True, rollout=0).target("id", "in_segment", ["testers"], serve="on")
    flag.schedule("2026-01-02", "2026-01-05")
    clock.advance(days=2)
    local.segments["testers"].remove(["u1"])
    clock.advance(days=10)
    served = {day: local.flags.at(day).evaluate("f", {"id": "u1"}).variant for day in ("2026-01-01", "2026-01-02")}
    assert served == {"2026-01-01": "off", "2026-01-02": "on"}
    assert local.flags.at("2026-01-04").evaluate("f", {"id": "u1"}).reason == "DEFAULT"
    assert local.flags.at("2026-01-06").evaluate("f", {"id": "u1"}).reason == "DISABLED"
    assigned = {day: local.flags.at(day).assign(USERS)["f"][1] for day in ("2026-01-01", "2026-01-02", "2026-01-06")}
    assert assigned == {"2026-01-01": "off", "2026-01-02": "on", "2026-01-06": "off"}
    assert local.flags.at("2026-01-02")["f"].evaluate({"id": "u1"}).variant == "on"


def test_a_snapshot_shows_what_there_was(local: Tenant) -> None:
    assert len(local.flags.at("2025-12-31").frame()) == 0
    assert "there were none" in repr(local.flags.at("2025-12-31"))
    local.flags.create("a")
    at = local.flags.at("2026-01-01")
    assert at.frame()["key"].tolist() == ["a"]
    assert repr(at) == "<Flags of 'acme' at 2026-01-01 00:00:00 UTC: a>"
    assert "Flags of acme at 2026-01-01" in at._repr_mimebundle_()["text/html"]
    assert at._ipython_key_completions_() == ["a"]


def test_what_there_was_not_is_told(local: Tenant) -> None:
    local.flags.create("checkout")
    at = local.flags.at("2026-01-01")
    with pytest.raises(burgee.NotFoundError, match="did you mean 'checkout'"):
        at["chekout"]
    assert at.evaluate("chekout", {}, default=7).value == 7
    with pytest.raises(burgee.NotFoundError):
        at.assign(USERS, ["chekout"])
    with pytest.raises(burgee.InvalidInputError, match="as a list"):
        at.assign(USERS, "checkout")
    for wrong in (None, "yesterday", float("nan"), pd.NaT, 3):
        with pytest.raises(burgee.InvalidInputError, match="time"):
            local.flags.at(wrong)  # type: ignore[arg-type]


def test_exposures_are_what_the_flag_as_it_was_would_serve(acme: Tenant) -> None:
    flag = acme.flags.create("f", {"a": 50, "b": 50}, enabled=True, rollout=50)
    expose(acme, flag, USERS[:100], "2026-02-01")
    wider = flag.rollout(100)
    expose(acme, wider, USERS[100:], "2026-02-02")
    again = acme.flags["f"].reevaluate()
    assert (again.total, again.same, again.untold) == (200, 200, 0)
    assert again.text() == "200 of 200 exposures are what the flag as it was would serve; none differs"
    frame = again.frame()
    assert list(frame.columns) == ["occurred_at", "id", "version", "recorded", "served", "same", "reason", "rule"]
    assert frame["version"].value_counts().to_dict() == {1: 100, 2: 100}
    assert acme.flags["f"].reevaluate(since="2026-02-02").total == 100
    assert acme.flags["f"].reevaluate(until="2026-02-02").total == 100


def test_an_exposure_that_was_something_else_is_found(local: Tenant) -> None:
    flag = local.flags.create("f", {"a": 50, "b": 50}, enabled=True)
    expose(local, flag, USERS[:50], "2026-02-01")
    wrong = "b" if flag.evaluate({"id": "u60"}).variant == "a" else "a"
    expose(local, flag, USERS[60:61], "2026-02-01", variant=wrong)
    again = flag.reevaluate()
    assert again.different["id"].tolist() == ["u60"]
    assert again.different["recorded"].tolist() == [wrong]
    assert "1 differ" in again.text()
    assert again.summary()["count"].tolist()[0] == 1  # what differs comes first
    assert "f: 50 of 51" in again._repr_mimebundle_()["text/html"]


def test_rules_that_look_at_attributes_need_the_users(local: Tenant) -> None:
    flag = local.flags.create("f", enabled=True, rollout=0).target("plan", "eq", "pro", serve="on", name="pros")
    expose(local, flag, USERS, "2026-02-01")
    with pytest.raises(burgee.InvalidInputError, match="'plan'") as caught:
        flag.reevaluate()
    assert "flag.reevaluate(users)" in caught.value.hints[0]
    with pytest.raises(burgee.MissingColumnError, match="'plan'"):
        flag.reevaluate(USERS[["id"]])
    with pytest.raises(burgee.MissingColumnError, match="'user'"):
        flag.reevaluate(USERS, by="user")
    with pytest.raises(burgee.InvalidInputError, match="'u0' is there more than once"):
        flag.reevaluate(pd.concat([USERS, USERS[:1]]))
    again = flag.reevaluate(USERS[:150])
    assert (again.same, again.untold) == (150, 50)
    assert "50 can't be told: they are of users not given" in again.text()


def test_others_are_taken_as_they_were_at_the_exposure(local: Tenant, clock: ManualClock) -> None:
    local.segments.create("testers", ids=["u1"])
    gate = local.flags.create("gate", enabled=True)
    flag = local.flags.create("f", enabled=True, rollout=0).require("gate", "on")
    flag = flag.target("id", "in_segment", ["testers"], serve="on")
    expose(local, flag, USERS[:3], "2026-01-01")
    clock.advance(days=1)
    local.segments["testers"].add(["u2"])
    expose(local, local.flags["f"], USERS[:3], "2026-01-02")
    clock.advance(days=1)
    gate.disable()
    expose(local, local.flags["f"], USERS[:3], "2026-01-03")
    again = local.flags["f"].reevaluate()
    assert again.frame()["recorded"].tolist() == ["off", "on", "off", "off", "on", "on", "off", "off", "off"]
    assert again.same == 9


def test_exposures_without_a_version_are_asked_of_the_version_of_their_time(local: Tenant, clock: ManualClock) -> None:
    flag = local.flags.create("f", enabled=True, rollout=0)
    clock.advance(days=1)
    flag.rollout(100)
    for time in ("2025-12-31", "2026-01-01", "2026-01-02"):
        expose(local, flag, USERS[:10], time, version=None, stream=f"exposures-{time}")
    again = flag.reevaluate()
    assert again.frame()["version"].isna().sum() == 10
    assert (again.same, again.untold) == (10, 10)
    assert "10 can't be told: the flag had no such version" in again.text()


def test_an_exposure_noted_down_by_hand_is_of_its_stream(local: Tenant) -> None:
    flag = local.flags.create("f", {"a": 50, "b": 50}, enabled=True)
    for user in ("u1", "u2"):
        data = {"flag": "f", "variant": flag.evaluate({"id": user}).variant}
        local.events.append(user, burgee.Event("flag.exposure", data))
    local.events.append("u3", burgee.Event("flag.exposure", {"flag": "other", "variant": "a"}))
    local.events.append("u4", burgee.Event("flag.exposure", {"variant": 7, "flag": "f"}))
    again = flag.reevaluate()
    assert again.frame()["id"].tolist() == ["u1", "u2"]
    assert again.same == 2


def test_without_exposures_nothing_is_needed(local: Tenant) -> None:
    flag = local.flags.create("f", enabled=True).target("plan", "eq", "pro", serve="on")
    again = flag.reevaluate()
    assert again.text() == "no exposures"
    assert again.frame().columns[0] == "occurred_at"
    assert len(again.summary()) == len(again.different) == 0
    assert again._repr_mimebundle_()["text/html"]
