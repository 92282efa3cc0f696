"""The audit: every change there is, of flags and of segments, with who, when, before, after and why (R9.5, R11.9)."""

from typing import get_args

import pytest

import burgee
from burgee.core.portal import drive
from burgee.core.scope import Caller, Scope, bind_scope
from burgee.flags.changing import changes, segments
from burgee.flags.changing.changes import Change
from burgee.workspace import Tenant
from flags.changing import BEFORE, EACH, EACH_OF_A_SEGMENT, service


def kinds(union: object) -> set[object]:
    """The classes of a union of changes, also of those within."""
    union = getattr(union, "__value__", union)
    within = [part for part in get_args(union) if get_args(getattr(part, "__value__", part)) or isinstance(part, type)]
    return set().union(*map(kinds, within)) if within else {union}


def test_the_changes_audited_here_are_all_there_are() -> None:
    assert {type(change) for change, _ in EACH} == kinds(changes.Change)
    assert {type(change) for change, _ in EACH_OF_A_SEGMENT} == kinds(segments.Change)


@pytest.mark.parametrize(("change", "touched"), EACH, ids=lambda value: getattr(value, "kind", ""))
def test_every_change_is_audited_with_who_when_before_after_and_why(change: Change, touched: set[str]) -> None:
    clock = burgee.ManualClock()
    with service(clock) as flags:
        for earlier in BEFORE:
            drive(flags.change("f", earlier)).unwrap()
        before = drive(flags.get("f")).unwrap()
        clock.advance(hours=1)
        with bind_scope(Scope("t", Caller("ada"))):
            after = drive(flags.change("f", change, before.version, "because")).unwrap()
        line = drive(flags.history("f")).unwrap()[-1]
        assert (line.actor, line.why, line.version) == ("ada", "because", before.version + 1)
        assert line.at == after.updated_at
        assert before.updated_at is not None
        assert line.at > before.updated_at
        assert line.change == change.kind
        assert {*line.before, *line.after} == touched
        was, now = changes.audited(before), changes.audited(after)
        assert line.before == {name: was[name] for name in touched if name in was}
        assert line.after == {name: now[name] for name in touched if name in now}
        assert line.state == after == drive(flags.get("f")).unwrap()
        assert drive(flags.at("f", version=before.version)).unwrap() == before
        assert drive(flags.at("f", time=before.updated_at)).unwrap() == before


@pytest.mark.parametrize(("change", "touched"), EACH_OF_A_SEGMENT, ids=lambda value: getattr(value, "kind", ""))
def test_every_change_of_a_segment_is_audited(change: segments.Change, touched: set[str]) -> None:
    clock = burgee.ManualClock()
    with service(clock) as flags:
        before = drive(flags.change_segment("testers", segments.ExcludeIds(("u8",)))).unwrap()
        clock.advance(hours=1)
        with bind_scope(Scope("t", Caller("ada"))):
            after = drive(flags.change_segment("testers", change, before.version, "because")).unwrap()
        line = drive(flags.segment_history("testers")).unwrap()[-1]
        assert (line.actor, line.why, line.version) == ("ada", "because", 3)
        assert (line.at, line.change, line.state) == (after.updated_at, change.kind, after)
        assert {*line.before, *line.after} == touched
        assert after == drive(flags.get_segment("testers")).unwrap()
        assert drive(flags.segment_at("testers", version=2)).unwrap() == before
        assert drive(flags.segment_at("testers", time=before.updated_at)).unwrap() == before


def test_the_words_of_an_audit_are_plain(acme: Tenant) -> None:
    other = acme.flags.create("new-prices")
    flag = acme.flags.create("checkout", {"a": 50, "b": 50})
    flag = flag.target(
        "country", "in", ["DE", "AT", "CH", "FR"], split={"a": 60, "b": 40}, percent=20, end="2027-01-01"
    )
    flag = flag.target("age", "gte", 18, serve="b", name="grown-ups")
    flag = flag.override({"u1": "b"}).require(other, ["on"]).holdout("2026", 5).layer("shop", 0, 25.5)
    flag = flag.schedule("2026-11-01T08:00:00+01:00", None).ramp(5, 50, start="2026-11-01", end="2026-11-08").kill()
    told = {name: value for line in flag.history() for name, value in line.after.items()}
    assert told["rules"] == [
        "country in DE, AT, CH, … 4 (country in DE, AT, CH, FR) -> a 60 / b 40 for 20 % until 2027-01-01",
        "grown-ups (age gte 18) -> b",
    ]
    assert told["override u1"] == "b"
    assert told["prerequisites"] == {"new-prices": ["on"]}
    assert (told["holdout"], told["layer"], told["killed"]) == ("2026 5 %", "shop 0 to 25.5 %", True)
    assert told["schedule"] == "from 2026-11-01 07:00:00Z"
    assert told["ramp"] == "5 % at 2026-11-01 to 50 % at 2026-11-08"
    frame = flag.history().frame()
    assert list(frame["change"])[-3:] == ["schedule", "ramp", "killed"]
    for part in (
        "killed",
        "ramp 5 %",
        "requires new-prices = on",
        "overrides 1",
        "holdout 2026",
        "layer shop",
        "schedule",
    ):
        assert part in repr(flag)
        assert part.split()[0] in flag._repr_mimebundle_()["text/html"]
