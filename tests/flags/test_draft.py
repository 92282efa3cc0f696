"""Drafts: every verb of a flag, nothing stored before apply, and then all of it as one change."""

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

import burgee
from burgee.flags.drafts import Draft
from burgee.workspace import Tenant

USERS = pd.DataFrame({"id": [f"u{n}" for n in range(300)], "country": ["DE", "US", "FR"] * 100})


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://", actor="ann") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture
def flag(local: Tenant) -> burgee.Flag:
    flag = local.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    return flag.target("country", "eq", "DE", serve="treatment", name="germans")


def test_a_draft_is_applied_as_one_change_or_not_at_all(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20)
    draft = flag.draft().rollout(40).enable().target("country", "eq", "US", serve="treatment", name="states")
    assert acme.flags["checkout"] == flag
    applied = draft.apply(why="a step")
    assert applied == acme.flags["checkout"]
    assert (applied.version, applied.state.rollout, applied.enabled) == (2, 40, True)
    last = list(applied.history())[-1]
    assert (last.change, last.why) == ("several", "a step")
    assert set(last.after) == {"rollout", "enabled", "rules"}
    assert applied.revert(to=1).state.rules == ()
    with pytest.raises(burgee.ConcurrencyError):
        draft.apply()
    again = draft.refresh().apply()
    assert (again.state.rollout, again.version) == (40, 4)


def test_what_is_previewed_is_what_comes(flag: burgee.Flag) -> None:
    draft = flag.draft().rollout(70).untarget("germans").override("u1", "treatment").holdout("2026", 10)
    preview = draft.preview(USERS)
    assigned = draft.assign(USERS)
    evaluation = draft.evaluate({"id": "u7", "country": "US"})
    applied = draft.apply()
    pd.testing.assert_frame_equal(applied.assign(USERS), assigned)
    assert applied.evaluate({"id": "u7", "country": "US"}) == evaluation
    moved = flag.assign(USERS)["variant"].astype(str) != applied.assign(USERS)["variant"].astype(str)
    assert preview.count == moved.sum() > 0


CHANGES: dict[str, Callable[[Draft], Draft]] = {
    "enabled": lambda draft: draft.disable(),
    "killed": lambda draft: draft.kill(),
    "rollout": lambda draft: draft.rollout(33),
    "ramp": lambda draft: draft.ramp(0, 50, start="2026-01-01", end="2026-02-01"),
    "schedule": lambda draft: draft.schedule("2026-01-01", "2026-02-01"),
    "target": lambda draft: draft.target("plan", "eq", "pro", split={"control": 10, "treatment": 90}, percent=50),
    "untarget": lambda draft: draft.untarget("germans"),
    "override": lambda draft: draft.override({"u1": "treatment"}),
    "holdout": lambda draft: draft.holdout("2026", 5),
    "layer": lambda draft: draft.layer("checkout", 0, 50),
    "require": lambda draft: draft.require("other", "on"),
    "variants": lambda draft: draft.variants({"control": 10, "treatment": 90}),
    "describe": lambda draft: draft.describe("new"),
    "archive": lambda draft: draft.archive(),
    "revert": lambda draft: draft.revert(1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_verb_drafts_what_it_would_change(
    local: Tenant, flag: burgee.Flag, change: Callable[[Draft], Draft]
) -> None:
    local.flags.create("other")
    draft = change(flag.draft())
    assert draft.diff()["field"].size
    assert list(draft.diff().columns) == ["field", "before", "after"]
    assert local.flags["checkout"] == flag
    applied = draft.apply(why="x")
    assert applied.version == flag.version + 1
    assert not change(flag.draft()).undo().changes


def test_a_draft_is_immutable_and_can_branch(flag: burgee.Flag) -> None:
    draft = flag.draft().rollout(50)
    first, second = draft.disable(), draft.rollout(60)
    assert (draft.state.rollout, draft.state.enabled) == (50, True)
    assert (first.state.enabled, second.state.rollout) == (False, 60)
    assert second.undo() == draft
    assert hash(second.undo()) == hash(draft)
    assert draft.discard() == flag.draft()
    with pytest.raises(burgee.InvalidInputError, match="no change to undo"):
        flag.draft().undo()


def test_what_is_already_so_is_no_change(flag: burgee.Flag) -> None:
    draft = flag.draft().rollout(20).enable()
    assert draft.changes == ()
    assert "no changes yet" in repr(draft)
    with pytest.raises(burgee.InvalidInputError, match="changes nothing"):
        draft.apply()


def test_changes_that_cancel_out_leave_the_flag_as_it_was(local: Tenant, flag: burgee.Flag) -> None:
    applied = flag.draft().rollout(50).rollout(20).apply()
    assert applied == flag
    assert local.flags["checkout"].version == flag.version


def test_to_revert_forgets_what_was_drafted_before(flag: burgee.Flag) -> None:
    draft = flag.draft().rollout(99).revert(1).disable()
    assert [change.kind for change in draft.changes] == ["revert", "enabled"]
    applied = draft.apply()
    assert (applied.state.rules, applied.state.rollout, applied.enabled) == ((), 20, False)


def test_the_differences_are_told_rule_by_rule(flag: burgee.Flag) -> None:
    flag = flag.target("country", "eq", "US", serve="control", name="states")
    draft = flag.draft().move("states", to=1)
    assert draft.diff().to_dict("records") == [
        {"field": "order of rules", "before": ["germans", "states"], "after": ["states", "germans"]}
    ]
    draft = (
        flag.draft().untarget("germans").target("country", "eq", "AT", serve="treatment", name="germans").rollout(25)
    )
    told = draft.diff().set_index("field")
    assert [told.loc["rollout", "before"], told.loc["rollout", "after"]] == [20, 25]
    assert told.loc["rule germans", "after"] == "country eq 'AT' → treatment"
    assert told.loc["order of rules", "after"] == ["states", "germans"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda draft: draft.rollout(101), "0 to 100"),
        (lambda draft: draft.untarget("x"), "no rule 'x'"),
        (lambda draft: draft.target("a", "eq", 1, serve="x"), "no variant 'x'"),
        (lambda draft: draft.require("gone", "on"), "'gone'"),
        (lambda draft: draft.target("id", "in_segment", ["gone"], serve="control"), "no segment 'gone'"),
        (lambda draft: draft.layer("taken", 0, 60), "taken"),
        (lambda draft: draft.revert(99), "99"),
        (lambda draft: draft.rollout(5, why="x"), "takes no why"),
        (lambda draft: draft.rollout(5, expected_version=1), "takes no why"),
    ],
)
def test_what_the_server_would_refuse_is_refused_while_drafting(
    local: Tenant, flag: burgee.Flag, wrong: Callable[[Draft], Draft], words: str
) -> None:
    local.flags.create("other").layer("taken", 50, 100)
    with pytest.raises(burgee.BurgeeError, match=words):
        wrong(flag.draft())


def test_others_are_seen_as_they_were_when_it_was_drafted(local: Tenant, flag: burgee.Flag) -> None:
    other = local.flags.create("other", enabled=True, rollout=100)
    draft = flag.draft().require("other", "on").rollout(100).untarget("germans")
    assert {draft.evaluate({"id": f"u{n}"}).variant for n in range(50)} == {"control", "treatment"}
    other.disable()
    assert {draft.evaluate({"id": f"u{n}"}).variant for n in range(50)} == {"control", "treatment"}
    assert {draft.refresh().evaluate({"id": f"u{n}"}).variant for n in range(50)} == {"control"}


def test_a_draft_of_an_archived_flag_says_to_restore_it_first(flag: burgee.Flag) -> None:
    archived = flag.archive()
    with pytest.raises(burgee.ConflictError, match="archived"):
        archived.draft().rollout(5)
    assert archived.draft().restore().rollout(5).apply().state.rollout == 5


def test_it_shows_itself(flag: burgee.Flag) -> None:
    draft = flag.draft().rollout(40)
    assert repr(draft) == "<Draft of flag 'checkout' at version 2: rollout 20 → 40>"
    html = draft._repr_mimebundle_()["text/html"]
    assert "Draft of flag checkout" in html
    assert draft.explain({"id": "u1"}).frame().set_index("kind").loc["rollout", "share"] == 40
