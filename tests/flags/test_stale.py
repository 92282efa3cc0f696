"""Flags that may have done their work, and what differs between versions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import burgee
from burgee.core.clock import ManualClock
from burgee.flags.analysis.stale import StaleFlag, Version, check_days, reasons, served_to_all
from burgee.flags.changing.rules import make_condition
from burgee.flags.model import FlagState, Holdout, Prerequisite, Ramp, Rule, Schedule, Split, Variant
from burgee.workspace import Tenant

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FLAG = FlagState("f", (Variant("on", True, 100.0), Variant("off", False, 0.0)), "off", True, 50.0)
GERMANS = (make_condition("country", "eq", "DE"),)


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def versions(*states: tuple[int, FlagState]) -> list[Version]:
    return [(ago(days), state) for days, state in states]


def told(*states: tuple[int, FlagState], seen: int | None = None, recorded: bool = False) -> list[StaleFlag]:
    last = None if seen is None else ago(seen)
    return list(reasons(versions(*states), last, recorded=recorded, days=30, now=NOW))


def whys(*states: tuple[int, FlagState], **more: Any) -> list[tuple[str, datetime | None]]:
    return [(one.why, one.since) for one in told(*states, **more)]


OFF = replace(FLAG, enabled=False)
ALL = replace(FLAG, rollout=100.0)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(90, FLAG)], []),
        ([(90, OFF)], [("off", ago(90))]),
        ([(90, OFF), (10, replace(OFF, rollout=20.0))], [("off", ago(90))]),
        ([(90, FLAG), (29, OFF)], []),
        ([(90, FLAG), (30, OFF)], [("off", ago(30))]),
        ([(90, OFF), (60, FLAG), (40, OFF)], [("off", ago(40))]),
        ([(90, FLAG), (50, replace(FLAG, killed=True))], [("killed", ago(50))]),
        ([(90, FLAG), (50, ALL)], [("serves everybody 'on'", ago(50))]),
        ([(90, ALL), (50, FLAG), (40, ALL), (5, replace(ALL, description="x"))], [("serves everybody 'on'", ago(40))]),
        ([(90, replace(FLAG, rollout=0.0))], [("serves everybody 'off'", ago(90))]),
        ([(90, replace(FLAG, ramp=Ramp(ago(80), ago(45))))], [("serves everybody 'on'", ago(45))]),
        ([(90, replace(FLAG, ramp=Ramp(ago(80), ago(5))))], []),
        ([(90, replace(FLAG, schedule=Schedule(None, ago(35))))], [("its schedule is over", ago(35))]),
        ([(90, replace(FLAG, schedule=Schedule(None, ago(5))))], []),
        ([(90, replace(ALL, rules=(Rule("r", GERMANS, "off", schedule=Schedule(None, ago(40))),)))],
         [("serves everybody 'on'", ago(40))]),
        ([(90, replace(ALL, archived=True))], []),
    ],
)  # fmt: skip
def test_why_a_flag_may_go_and_since_when(states: list[tuple[int, FlagState]], expected: list[Any]) -> None:
    assert whys(*states) == expected


def test_who_was_not_seen_is_told_only_where_exposures_are_recorded() -> None:
    assert whys((90, FLAG)) == []
    assert whys((90, FLAG), recorded=True) == [("never seen", None)]
    assert whys((9, FLAG), recorded=True) == []
    assert whys((90, FLAG), recorded=True, seen=41) == [("unseen for 41 days", ago(41))]
    assert whys((90, FLAG), recorded=True, seen=29) == []
    assert [one.last_seen for one in told((90, OFF), recorded=True, seen=41)] == [ago(41), ago(41)]


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, "on"),
        ({"rollout": 50.0}, None),
        ({"rollout": 0.0}, "off"),
        ({"enabled": False}, "off"),
        ({"default": "on", "rollout": 50.0}, "on"),
        ({"rules": (Rule("r", GERMANS, "on"),)}, "on"),
        ({"rules": (Rule("r", GERMANS, "off"),)}, None),
        ({"rules": (Rule("r", GERMANS, "off", percent=0.0),)}, "on"),
        ({"rules": (Rule("r", GERMANS, None, Split((("on", 100.0), ("off", 0.0)))),)}, "on"),
        ({"rules": (Rule("r", GERMANS, None, Split((("on", 50.0), ("off", 50.0)))),)}, None),
        ({"overrides": {"u1": "off"}}, None),
        ({"holdout": Holdout("h", 5)}, None),
        ({"prerequisites": (Prerequisite("g", ("on",)),)}, None),
    ],
)
def test_what_everybody_is_served_is_told_from_the_words(changes: dict[str, Any], served: str | None) -> None:
    assert served_to_all(replace(ALL, **changes)) == served


@pytest.mark.parametrize("days", [0, -1, 1.5, "30", None, True, 10**9])
def test_days_are_whole_and_few(days: Any) -> None:
    with pytest.raises(burgee.InvalidInputError):
        check_days(days)


@pytest.fixture
def aging() -> Iterator[tuple[Tenant, ManualClock]]:
    clock = ManualClock(NOW)
    with burgee.open("memory://", clock=clock) as ws:
        yield ws.tenants.create("acme"), clock


def seen(acme: Tenant, flag: str, id: str) -> None:
    data = {"flag": flag, "variant": "on", "id": id}
    acme.events.append(f"exposures-{flag}", burgee.Event("flag.exposure", data))


def test_flags_grow_stale(aging: tuple[Tenant, ManualClock]) -> None:
    acme, clock = aging
    acme.flags.create("forgotten")
    acme.flags.create("done", enabled=True, rollout=50).rollout(100)
    acme.flags.create("busy", enabled=True, rollout=50)
    acme.flags.create("gone").archive()
    seen(acme, "busy", "u1")
    seen(acme, "done", "u1")
    clock.advance(days=40)
    seen(acme, "busy", "u2")

    frame = acme.flags.stale(30).frame()
    assert list(frame.columns) == ["key", "why", "since", "last_seen"]
    assert frame[["key", "why"]].to_numpy().tolist() == [
        ["done", "serves everybody 'on'"],
        ["done", "unseen for 40 days"],
        ["forgotten", "off"],
        ["forgotten", "never seen"],
    ]
    assert acme.flags.stale(41).frame().empty


def test_stale_flags_and_differences_are_told_in_every_mode(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", {"a": 50, "b": 50}).enable().target("country", "eq", "DE", serve="b")
    flag = flag.rollout(20)
    seen(acme, "checkout", "u1")
    acme.events.append("other", burgee.Event("flag.exposure", {"flag": 5}))
    assert acme.flags.stale().frame().empty
    with pytest.raises(burgee.InvalidInputError):
        acme.flags.stale(0)

    frame = flag.diff(1)
    assert list(frame.columns) == ["field", "before", "after"]
    assert frame["field"].tolist() == ["enabled", "rollout", "rule country eq DE"]
    assert flag.diff(3, 2)["field"].tolist() == ["rule country eq DE"]
    assert flag.diff(flag.version).empty
    for version in (0, 9, "1", True):
        with pytest.raises(burgee.InvalidInputError):
            flag.diff(version)  # type: ignore[arg-type] # what is tested
