"""Changes in depth, in every mode: what is asked arrives, is served alike here and there, and is told."""

from datetime import UTC, datetime

import pytest

import burgee
from burgee.core.json import Json
from burgee.workspace import Tenant


def test_everything_that_can_be_said_of_a_flag_arrives_and_is_served(acme: Tenant) -> None:
    """R9.1, R9.3: the handle and the service, with other flags and percentages, serve everybody the same."""
    prices = acme.flags.create("new-prices").enable().target("country", "eq", "US", serve="off")
    flag = acme.flags.create("checkout", {"control": 50, "treatment": 50}, scheme="sha256-32/1").enable()
    flag = flag.target("country", "in", ["DE", "AT"], split={"control": 10, "treatment": 90}, percent=50, name="dach")
    flag = flag.target("age", "gte", 18, serve="treatment", start="2020-01-01", also=[("age", "lt", 30)])
    flag = flag.move("age gte 18 and age lt 30", 1).require(prices, "on")
    flag = flag.override({"u2": "treatment", 2: "control", "ü": "treatment"}).unoverride(2)
    flag = flag.holdout("2026", 10).layer("shop", 20, 90).rollout(50).describe("the new checkout")
    assert flag == acme.flags["checkout"]
    assert [rule.name for rule in flag.state.rules] == ["age gte 18 and age lt 30", "dach"]
    assert flag.state.overrides == {"u2": "treatment", "ü": "treatment"}
    seen: set[tuple[object, ...]] = set()
    for number in range(40):
        country, age = ["DE", "US", "FR"][number % 3], [17, 20, 40][number % 7 % 3]
        context: dict[str, Json] = {"id": f"u{number}", "country": country, "age": age}
        here = flag.evaluate(context)
        assert here == flag._link.call(flag._service.evaluate("checkout", context))
        seen.add((here.reason.value, here.rule))
    assert seen >= {
        ("DEFAULT", "prerequisite new-prices"),
        ("DEFAULT", "holdout 2026"),
        ("DEFAULT", "layer shop"),
        ("TARGETING_MATCH", "override"),
        ("TARGETING_MATCH", "age gte 18 and age lt 30"),
        ("SPLIT", "dach"),
        ("SPLIT", None),
        ("DEFAULT", None),
    }
    assert [other.key for other in acme.flags.list()] == ["checkout", "new-prices"]
    again = next(iter(acme.flags.list()))
    assert again.evaluate({"id": "u1", "country": "US"}).rule == "prerequisite new-prices"


def test_times_arrive_as_the_moments_they_are(acme: Tenant) -> None:
    flag = acme.flags.create("timed", {"a": 50, "b": 50}).enable()
    flag = flag.schedule("2026-11-01T09:00:00+01:00", datetime(2099, 1, 1, tzinfo=UTC))
    flag = flag.ramp(0, 100, start="2020-01-01", end="2020-02-01")
    assert flag.state.schedule is not None
    assert flag.state.schedule.start == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert flag.state.ramp is not None
    assert flag.state.ramp.end == datetime(2020, 2, 1, tzinfo=UTC)
    assert flag == acme.flags["timed"]
    assert flag.schedule().state.schedule is None
    over = flag.schedule(end="2020-01-01")
    assert over.evaluate({"id": "u1"}).reason == burgee.Reason.DISABLED


def test_refusals_name_who_needs_what_in_every_mode(acme: Tenant) -> None:
    base = acme.flags.create("base")
    top = acme.flags.create("top").require(base, "on")
    with pytest.raises(burgee.InvalidInputError, match="base -> top -> base"):
        base.require(top, "on")
    with pytest.raises(burgee.ConflictError, match="flag 'top' requires it"):
        base.archive()
    with pytest.raises(burgee.ConcurrencyError):
        top.kill(expected_version=1)
    with pytest.raises(burgee.InvalidInputError, match="no segment 'testers'"):
        top.target("id", "in_segment", "testers", serve="on")
    with pytest.raises(burgee.InvalidInputError, match="ends after its start"):
        top.schedule("2026-02-01", "2026-01-01")
    assert top.refresh() == top
    assert top.kill(why="enough", expected_version=top.version).history().frame()["why"].iloc[-1] == "enough"


def test_a_flag_at_a_version_is_asked_with_the_flags_of_its_time(acme: Tenant) -> None:
    base = acme.flags.create("base").enable()
    top = acme.flags.create("top").enable().require(base, "on")
    base.disable()
    assert top.refresh().evaluate({"id": "u1"}).rule == "prerequisite base"
    assert top.at(top.version).evaluate({"id": "u1"}).value is True
    assert top.state.updated_at is not None
    assert top.at(top.state.updated_at).evaluate({"id": "u1"}).value is True
    then = acme.flags.ruleset(top.state.updated_at)
    assert (then.flags["base"].enabled, acme.flags.ruleset().flags["base"].enabled) == (True, False)
