"""What is refused of changes, and how: each refusal names what is wrong and leaves the flag as it was."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

import burgee
from burgee.core.json import Json
from burgee.flags.facade import Flag
from burgee.flags.model import Split
from burgee.workspace import Tenant

type Asking = Callable[[Any], object]  # Any: a flag, asked for what its types forbid


@pytest.fixture(scope="module")
def here() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture
def flag(here: Tenant) -> Flag:
    return here.flags.create("f", {"a": 50, "b": 50}, exist_ok=True)


def doubling(levels: int) -> Json:
    """A schema whose check takes twice as long with each level."""
    refs: dict[str, Json] = {
        str(level): {"anyOf": [{"$ref": f"#/$defs/{level + 1}"}, {"$ref": f"#/$defs/{level + 1}"}]}
        for level in range(levels)
    }
    return {"$defs": {**refs, str(levels): False}, "$ref": "#/$defs/0"}


def nested(levels: int) -> Json:
    schema: Json = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


REFUSED: list[tuple[Asking, str]] = [
    (lambda flag: flag.target("x", "eq", 1, serve="a", name="override"), "can't be named 'override'"),
    (lambda flag: flag.target("x", "eq", 1, serve="a", name=""), "named by 1 to 512 printable characters"),
    (lambda flag: flag.target("x", "eq", 1, serve="c"), "no variant 'c'"),
    (lambda flag: flag.target("x", "eq", 1), "give serve=… or split=…"),
    (lambda flag: flag.target("x", "eq", 1, serve="a", split={"a": 100}), "give serve=… or split=…"),
    (lambda flag: flag.target("x", "eq", 1, split={"a": 60, "b": 30}), "sum to 90 %"),
    (lambda flag: flag.target("x", "eq", 1, split={"a": 60, "c": 40}), "no variant 'c'"),
    (lambda flag: flag.target("x", "eq", 1, split={"a": -1, "b": 101}), "the share of 'a' is 0 to 100 percent, not -1"),
    (lambda flag: flag.target("x", "eq", 1, split={}), "a split can't be"),
    (lambda flag: flag.target("x", "eq", 1, split=Split((("a", 50), ("a", 50)))), "names 'a' twice"),
    (lambda flag: flag.target("x", "eq", 1, split=Split((("a", 100),), scheme="crc")), "no way 'crc' to make buckets"),
    (lambda flag: flag.target("x", "eq", 1, serve="a", percent=float("nan")), "0 to 100 percent, not nan"),
    (lambda flag: flag.target("x", "eq", 1, serve="a", percent="10"), "0 to 100 percent, not '10'"),
    (lambda flag: flag.target("x", "eq", 1, serve="a", start="2026-02-01", end="2026-01-01"), "ends after its start"),
    (lambda flag: flag.target("x", serve="a"), "needs an operator"),
    (lambda flag: flag.move("nope", 1), "has no rule 'nope'"),
    (lambda flag: flag.untarget("nope"), "has no rule 'nope'"),
    (lambda flag: flag.override("u1", "c"), "no variant 'c'"),
    (lambda flag: flag.override("u1"), "say what to serve"),
    (lambda flag: flag.override({"u1": "a"}, "a"), "leave serve"),
    (lambda flag: flag.override({}), "say whom to override"),
    (lambda flag: flag.override(None, "a"), "can't be missing"),
    (lambda flag: flag.override(float("nan"), "a"), "can't be missing"),
    (lambda flag: flag.override("", "a"), "can't be missing"),
    (lambda flag: flag.override(1.5, "a"), "text or a whole number, not 1.5"),
    (lambda flag: flag.override("\ud800", "a"), "half a character"),
    (lambda flag: flag.override("u\0", "a"), "1 to 512 characters"),
    (lambda flag: flag.override(dict.fromkeys(range(10_001), "a")), "at most 10,000 overrides, not 10,001"),
    (lambda flag: flag.unoverride("u1"), "no override for 'u1'"),
    (lambda flag: flag.unoverride(), "say whose override"),
    (lambda flag: flag.require("f", "a"), "can't require itself"),
    (lambda flag: flag.require(flag, "a"), "can't require itself"),
    (lambda flag: flag.require("nope", "on"), "no flag 'nope' to require"),
    (lambda flag: flag.require("nope", []), "say which variants"),
    (lambda flag: flag.require("nope", 5), "must be a list of texts"),
    (lambda flag: flag.require(None, "on"), "named by its key, not by None"),
    (lambda flag: flag.unrequire("nope"), "does not require 'nope'"),
    (lambda flag: flag.holdout("h"), "say how many percent"),
    (lambda flag: flag.holdout("h", 101), "0 to 100 percent, not 101"),
    (lambda flag: flag.holdout("", 1), "named by 1 to 512"),
    (lambda flag: flag.layer("l", 50, 50), "50 is not above 50"),
    (lambda flag: flag.layer("l", -1, 50), "0 to 100 percent, not -1"),
    (lambda flag: flag.layer("a\nb", 0, 50), "printable"),
    (lambda flag: flag.schedule("2026-02-01", "2026-01-01"), "ends after its start"),
    (lambda flag: flag.schedule("2026-02-01", "2026-02-01"), "ends after its start"),
    (lambda flag: flag.schedule("next week"), "is not a time"),
    (lambda flag: flag.schedule(pd.NaT), "can't be missing"),
    (lambda flag: flag.schedule("0001-01-01T00:00:00+14:00"), "within the years 1 to 9999"),
    (lambda flag: flag.ramp(5, 50, start="2026-02-01", end="2026-02-01"), "ends after its start"),
    (lambda flag: flag.ramp(5, 500, start="2026-02-01", end="2026-03-01"), "0 to 100 percent, not 500"),
    (lambda flag: flag.ramp(5, 50, start=None, end="2026-03-01"), "is not a time"),
    (lambda flag: flag.variants({"a": 100, "b": 1}), "sum to 101 %"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"type": "wrong"}), "no JSON Schema"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"type": "integer"}), "variant 'a' does not meet"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"$ref": "https://example.org/x"}), "not in it"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"$ref": "#"}), "without an end"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema=[1]), "an object of JSON Schema"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"pattern": "(a+)+$"}), "repeat"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"pattern": "^b$"}), "'a' does not match '^b$'"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema={"patternProperties": {"(a+)+$": {}}}), "patternProperties"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema=doubling(30)), "more than 20,000 steps"),
    (lambda flag: flag.variants({"a": 50, "b": 50}, schema=nested(5_000)), "too deep"),
    (lambda flag: flag.describe("x" * 10_001), "up to 10,000 characters"),
    (lambda flag: flag.revert(99), "has no version 99"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_can_not_be_is_refused_and_leaves_the_flag_as_it_was(flag: Flag, ask: Asking, said: str) -> None:
    with pytest.raises(burgee.InvalidInputError) as caught:
        ask(flag)
    assert said in caught.value.message
    assert flag.refresh() == flag


@pytest.mark.parametrize(
    "spec",
    [
        {"scheme": "md6"},
        {"schema": {"type": 5}},
        {"schema": {"type": "number"}},
        {"description": None},
        {"description": "a\0"},
    ],
    ids=str,
)
def test_a_flag_that_can_not_be_is_not_made(here: Tenant, spec: dict[str, object]) -> None:
    with pytest.raises(burgee.InvalidInputError):
        here.flags.create("never", **spec)  # type: ignore[arg-type] # that is what is tried
    assert "never" not in here.flags


def test_a_cycle_of_flags_is_told_by_its_way(here: Tenant) -> None:
    a, b, c = (here.flags.create(f"cycle-{name}") for name in "abc")
    a = a.require(b, "on")
    b.require(c, "on")
    with pytest.raises(burgee.InvalidInputError, match="cycle-c -> cycle-a -> cycle-b -> cycle-c"):
        c.require(a, "on")
    with pytest.raises(burgee.InvalidInputError, match="no variant 'onn'") as caught:
        a.require(c, ["on", "onn"])
    assert "'on'" in str(caught.value.hints)


def test_flags_can_not_require_each_other_deeper_than_can_be_followed(here: Tenant) -> None:
    flags = [here.flags.create(f"deep-{number}") for number in range(33)]
    for flag, other in zip(flags[1:32], flags, strict=False):
        flag.require(other, "on")
    with pytest.raises(burgee.InvalidInputError, match="at most 32 deep"):
        flags[32].require(flags[31], "on")


def test_what_others_require_can_neither_lose_the_variant_nor_be_archived(here: Tenant) -> None:
    base = here.flags.create("base", {"x": 50, "y": 50})
    one, two = here.flags.create("one").require(base, "x"), here.flags.create("two").require(base, ["x", "y"])
    with pytest.raises(burgee.InvalidInputError, match=r"variant 'x' can't go: flag 'one' requires it"):
        base.variants({"y": 100})
    with pytest.raises(burgee.ConflictError, match="flags 'one', 'two' require it"):
        base.archive()
    two.unrequire(base)
    one.archive()  # an archived flag needs nothing
    assert base.archive().state.archived
    with pytest.raises(burgee.InvalidInputError, match="flag 'base' is archived and can't be required"):
        one.restore()
    base.restore()
    assert one.restore().state.prerequisites


def test_a_variant_can_not_go_while_it_is_served_by_name(here: Tenant) -> None:
    flag = here.flags.create("served", {"a": 40, "b": 30, "c": 30})
    with pytest.raises(burgee.InvalidInputError, match="rule 'x eq 1' serves it"):
        flag.target("x", "eq", 1, split={"a": 50, "b": 50}).variants({"a": 50, "c": 50})
    with pytest.raises(burgee.InvalidInputError, match="the override of 'u1' serves it") as caught:
        flag.override("u1", "c").variants({"a": 50, "b": 50})
    assert "flag.unoverride('u1')" in str(caught.value.hints)


def test_slices_of_a_layer_share_nobody(here: Tenant) -> None:
    first = here.flags.create("first").layer("page", 0, 30)
    second = here.flags.create("second").layer("page", 30, 60)
    third = here.flags.create("third", scheme="sha256-32/1")
    with pytest.raises(burgee.InvalidInputError, match="flag 'first', 0 to 30 %") as caught:
        third.layer("page", 29.9, 30)
    assert "60 to 100 %" in str(caught.value.hints)
    with pytest.raises(burgee.InvalidInputError, match="buckets are made by 'sha256-32/1' and 'md5-32/1'"):
        third.layer("page", 60, 100)
    first.holdout("page", 1)
    with pytest.raises(burgee.InvalidInputError, match="can't share holdout 'page' with flag 'first'"):
        third.holdout("page", 1)
    assert second.layer("page", 30, 100).state.slice is not None
    first.archive()
    assert second.layer("page", 0, 100).state.slice is not None
    with pytest.raises(burgee.InvalidInputError, match="overlaps with that of flag 'second'"):
        first.restore()


def test_a_schema_holds_for_later_values_until_it_is_taken_away(here: Tenant) -> None:
    schema: Json = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 1}}}
    flag = here.flags.create("typed", {"s": 50, "l": 50}, values={"s": {"size": 1}, "l": {"size": 9}}, schema=schema)
    assert flag.state.schema == schema
    with pytest.raises(burgee.InvalidInputError, match=r"'l' does not meet the schema: at \$.size, 0 is less than"):
        flag.variants({"s": 50, "l": 50}, values={"l": {"size": 0}})
    with pytest.raises(burgee.InvalidInputError, match="'m' does not meet the schema"):
        flag.variants({"s": 50, "l": 40, "m": 10})
    free = flag.variants({"s": 50, "l": 50}, values={"l": "any"}, schema={})
    assert free.state.schema is None
    assert free.revert(1).state.schema == schema


def test_an_archived_flag_changes_only_by_coming_back(here: Tenant) -> None:
    flag = here.flags.create("gone").archive()
    asks: list[Asking] = [Flag.kill, lambda flag: flag.override("u1", "on"), lambda flag: flag.schedule("2026-01-01")]
    for ask in asks:
        with pytest.raises(burgee.ConflictError, match="archived"):
            ask(flag)


def test_a_killed_flag_can_be_changed_and_serves_the_changes_once_it_lives(here: Tenant) -> None:
    flag = here.flags.create("killed", {"a": 50, "b": 50}).enable().kill(why="pages fail").disable().enable()
    flag = flag.override("u1", "b").rollout(100)
    assert flag.evaluate({"id": "u1"}).reason == burgee.Reason.DISABLED
    assert "killed" in repr(flag)
    assert here.flags.frame().set_index("key").loc["killed", "killed"]
    assert flag.revive().evaluate({"id": "u1"}).variant == "b"


def test_a_rollout_takes_a_ramp_away(here: Tenant) -> None:
    flag = here.flags.create("ramped").ramp(5, 50, start=datetime(2026, 1, 1, tzinfo=UTC), end="2026-01-08")
    assert flag.state.ramp is not None
    assert flag.rollout(100).state.ramp is None
