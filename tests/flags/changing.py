"""Flags to change: one of each change there is, and a flag, with others around it, that each of them changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from hypothesis import strategies as st

import burgee
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.flags.changing import changes, segments
from burgee.flags.changing.changes import Change, FlagSpec
from burgee.flags.changing.groups import any_of, not_
from burgee.flags.changing.rules import make_condition
from burgee.flags.changing.segments import SegmentSpec
from burgee.flags.model import Schedule, Split
from burgee.flags.service import LocalFlagService
from burgee.store.database import Database

NOV = datetime(2026, 11, 1, tzinfo=UTC)
DEC = datetime(2026, 12, 1, tzinfo=UTC)
GERMANS = make_condition("country", "in", ["DE"])
ADULTS = make_condition("age", "gte", 18)

BEFORE: tuple[Change, ...] = (
    changes.Target((GERMANS,), "a", "germans"),
    changes.Target((ADULTS,), "a", "adults"),
    changes.Override({"u0": "a", "u9": "b"}),
    changes.Require("other", ("on",)),
)
"""What `EACH` begins from: a flag with variants a and b, two rules, overrides and a prerequisite."""

EACH: tuple[tuple[Change, set[str]], ...] = (
    (changes.SetEnabled(True), {"enabled"}),
    (changes.SetKilled(True), {"killed"}),
    (changes.SetRollout(20), {"rollout"}),
    (changes.SetRamp(NOV, DEC, 5, 50), {"ramp"}),
    (changes.SetSchedule(NOV, DEC), {"schedule"}),
    (changes.Target((GERMANS, ADULTS), None, None, Split((("a", 60), ("b", 40))), 10, Schedule(NOV)), {"rules"}),
    (changes.Untarget("germans"), {"rules"}),
    (changes.Move("adults", 1), {"rules"}),
    (changes.Override({"u1": "b", "u0": "b"}), {"override u1", "override u0"}),
    (changes.Unoverride(("u9",)), {"override u9"}),
    (changes.Require("third", ("on", "off")), {"prerequisites"}),
    (changes.Unrequire("other"), {"prerequisites"}),
    (changes.SetHoldout("2026", 5), {"holdout"}),
    (changes.SetLayer("checkout", 10, 40), {"layer"}),
    (changes.SetVariants({"a": 10, "b": 90}, {"b": 2}, "b", {"type": ["integer", "string"]}),
     {"variants", "values", "default", "schema"}),
    (changes.SetDescription("what it is for"), {"description"}),
    (changes.SetArchived(True), {"archived"}),
    (changes.Several((changes.SetEnabled(True), changes.SetRollout(20))), {"enabled", "rollout"}),
    (changes.Revert(1), {"rules", "override u0", "override u9", "prerequisites"}),
)  # fmt: skip
"""One of each change, with what the audit must show as touched."""

one_change: st.SearchStrategy[Change] = st.one_of(
    st.builds(changes.SetEnabled, st.booleans()),
    st.builds(changes.SetKilled, st.booleans()),
    st.builds(changes.SetRollout, st.floats(0, 100)),
    st.builds(changes.SetRamp, st.just(NOV), st.just(DEC), st.floats(0, 100), st.floats(0, 100)),
    st.sampled_from([changes.SetSchedule(NOV), changes.SetSchedule(None, DEC), changes.SetSchedule()]),
    st.builds(
        changes.Target,
        st.sampled_from([(GERMANS,), (ADULTS,), (GERMANS, ADULTS)]),
        st.sampled_from("abc"),
        percent=st.sampled_from([100.0, 30.0]),
        schedule=st.sampled_from([None, Schedule(NOV, DEC)]),
    ),
    st.just(changes.Target((GERMANS,), split=Split((("a", 70), ("b", 30))))),
    st.just(changes.Target((any_of(("id", "in_segment", "testers"), not_(GERMANS)),), "b", "testers")),
    st.just(changes.Target((make_condition("id", "not_in_segment", "nobody"),), "b")),
    st.builds(changes.Untarget, st.sampled_from(["country in DE", "age gte 18", "age gte 18 (2)"])),
    st.builds(changes.Move, st.sampled_from(["country in DE", "age gte 18"]), st.integers(1, 3)),
    st.builds(
        changes.Override, st.dictionaries(st.sampled_from(["u1", "u2", "ü"]), st.sampled_from("abc"), min_size=1)
    ),
    st.builds(changes.Unoverride, st.sampled_from([("u1",), ("u2", "ü")])),
    st.builds(changes.Require, st.sampled_from(["other", "third", "f"]), st.sampled_from([("on",), ("on", "off")])),
    st.builds(changes.Unrequire, st.sampled_from(["other", "third"])),
    st.builds(changes.SetHoldout, st.sampled_from([None, "2026"]), st.floats(0, 100)),
    st.sampled_from(
        [changes.SetLayer("checkout", 0, 50), changes.SetLayer("checkout", 40, 80), changes.SetLayer(None)]
    ),
    st.builds(
        changes.SetVariants,
        st.sampled_from([{"a": 50, "b": 50}, {"a": 10, "b": 90}, {"a": 20, "b": 30, "c": 50}, {"b": 100, "a": 0}]),
        default=st.none() | st.sampled_from("ab"),
        schema=st.sampled_from([None, {}, {"type": "string"}]),
    ),
    st.builds(changes.SetArchived, st.booleans()),
    st.builds(changes.Revert, st.integers(1, 6)),
)
"""Any change of a flag `f` among those of `service`; many of them are refused."""


@contextmanager
def service(clock: burgee.ManualClock | None = None) -> Iterator[LocalFlagService]:
    """The flags `other`, `third` (with 60 to 100 % of the layer `checkout`) and `f`, and the segment `testers`."""
    database = Database.in_memory()
    with tenant_scope("t"):
        flags = LocalFlagService(database, clock or burgee.ManualClock())
        drive(flags.create("other", FlagSpec(enabled=True))).unwrap()
        drive(flags.create("third", FlagSpec())).unwrap()
        drive(flags.change("third", changes.SetLayer("checkout", 60, 100))).unwrap()
        drive(flags.create_segment("testers", SegmentSpec(ids=("u1", "u2")))).unwrap()
        drive(flags.create("f", FlagSpec({"a": 50, "b": 50}))).unwrap()
        yield flags
    database.close()


EACH_OF_A_SEGMENT: tuple[tuple[segments.Change, set[str]], ...] = (
    (segments.SetClauses((ADULTS,)), {"clauses"}),
    (segments.AddIds(("u3", "u8")), {"ids", "without", "added in", "no longer out"}),
    (segments.RemoveIds(("u1",)), {"ids", "no longer in"}),
    (segments.ExcludeIds(("u1", "u7")), {"ids", "without", "no longer in", "added out"}),
    (changes.SetDescription("who tests"), {"description"}),
    (changes.SetArchived(True), {"archived"}),
    (changes.Revert(1), {"without", "no longer out"}),
)
"""One of each change of a segment with the ids u1 and u2, and without u8 since its second version."""
