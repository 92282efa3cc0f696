"""What was stored before flags had all their words is read as it was meant."""

from burgee.core.json import Json
from burgee.core.result import Ok
from burgee.flags.changing import changes
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import Condition, FlagState, Operator, Rule

CREATED: dict[str, Json] = {
    "key": "checkout",
    "variants": [{"name": "a", "value": "a", "weight": 50.0}, {"name": "b", "value": [2], "weight": 50.0}],
    "default": "a",
    "enabled": True,
    "rollout": 0.0,
    "rules": [],
    "salt": "checkout",
    "scheme": "md5-32/1",
    "description": "",
    "archived": False,
}
RULES: dict[str, Json] = {
    "rules": [
        {"name": "dach", "conditions": [{"attribute": "country", "op": "in", "value": ["DE", "AT"]}], "serve": "b"}
    ]
}


def test_events_from_before_still_make_the_flag() -> None:
    state = changes.applied(changes.applied(None, CREATED), RULES)
    assert state.rules == (Rule("dach", (Condition("country", Operator.IN, ("DE", "AT")),), "b"),)
    assert (state.killed, state.overrides, state.prerequisites, state.holdout) == (False, {}, (), None)
    assert (state.slice, state.schedule, state.ramp, state.schema) == (None, None, None, None)
    assert compile_flag(state).evaluate({"id": "u1", "country": "AT"}).value == [2]


def test_a_current_state_from_before_is_read_too() -> None:
    text = changes.STATE.dump_json(changes.applied(None, CREATED), include=set(CREATED) | {"version"})
    assert changes.STATE.validate_json(text) == changes.applied(None, CREATED)


def test_a_flag_from_before_can_be_changed_in_all_the_new_ways() -> None:
    state = changes.applied(changes.applied(None, CREATED), RULES)
    for change in (changes.SetKilled(True), changes.Move("dach", 1), changes.Override({"u1": "b"})):
        decided = changes.decide(change, state)
        assert isinstance(decided, Ok)
        if decided.value is not None:
            state = changes.applied(state, decided.value.data)
    assert (state.killed, state.overrides, len(state.rules)) == (True, {"u1": "b"}, 1)


def test_events_of_overrides_hold_only_what_changed() -> None:
    state = FlagState("f", changes.applied(None, CREATED).variants, "a", overrides={f"u{n}": "a" for n in range(5_000)})
    decided = changes.decide(changes.Override({"u1": "b", "u2": "a"}), state)
    assert isinstance(decided, Ok)
    assert decided.value is not None
    assert decided.value.data == {"overridden": {"u1": "b"}}
    decided = changes.decide(changes.Unoverride(("u7",)), state)
    assert isinstance(decided, Ok)
    assert decided.value is not None
    assert decided.value.data == {"unoverridden": ["u7"]}
    assert len(changes.applied(state, decided.value.data).overrides) == 4_999
