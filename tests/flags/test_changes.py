"""Changes of a flag: what is stored replays to what is there, whatever was done (P5, R9.5, R11.9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.portal import drive
from burgee.core.result import Err, Ok
from burgee.core.scope import Scope, bind_scope
from burgee.flags.changing import changes
from burgee.flags.changing.changes import Change
from burgee.flags.model import FlagState
from effort import COSTLY
from flags.changing import one_change, service


@COSTLY
@given(st.lists(one_change, max_size=12))
def test_the_current_state_is_what_replaying_gives_and_every_version_can_be_seen_again(several: list[Change]) -> None:
    """P5: also with every change that was refused in between, which leaves no trace."""
    with service() as flags:
        states: list[FlagState] = [drive(flags.get("f")).unwrap()]
        for change in several:
            result = drive(flags.change("f", change))
            if isinstance(result, Ok) and result.value.version > states[-1].version:
                states.append(result.value)
            assert drive(flags.get("f")).unwrap() == states[-1]
        assert [state.version for state in states] == list(range(1, len(states) + 1))
        history = drive(flags.history("f")).unwrap()
        assert [line.state for line in history] == states
        assert [drive(flags.at("f", version=state.version)).unwrap() for state in states] == states
        for before, line in zip(states, history[1:], strict=False):
            audit = changes.audited(before)
            assert line.before == {name: audit[name] for name in {*line.before, *line.after} if name in audit}
            assert line.before != line.after


@given(one_change)
def test_a_change_repeated_with_its_idempotency_key_is_done_once(change: Change) -> None:
    with service() as flags:
        with bind_scope(Scope("t", idempotency_key="k1")):
            first = drive(flags.change("f", change))
        version = drive(flags.get("f")).unwrap().version
        with bind_scope(Scope("t", idempotency_key="k1")):
            again = drive(flags.change("f", change))
        if isinstance(first, Ok) and first.value.version == 2:
            assert again == first
            assert drive(flags.get("f")).unwrap().version == version


@pytest.mark.parametrize("version", [0, -1, 99])
def test_there_is_no_going_back_to_what_never_was(version: int) -> None:
    with service() as flags:
        refused = drive(flags.change("f", changes.Revert(version)))
        assert isinstance(refused, Err)
        assert isinstance(refused.error, burgee.InvalidInputError)


def test_two_rules_that_say_the_same_have_two_names() -> None:
    with burgee.open("memory://") as ws:
        flag = ws.tenants.create("acme").flags.create("f")
        twice = flag.target("age", "gte", 18, serve="on").target("age", "gte", 18, serve="off")
        assert [rule.name for rule in twice.state.rules] == ["age gte 18", "age gte 18 (2)"]
        with pytest.raises(burgee.InvalidInputError, match="already a rule"):
            twice.target("age", "lt", 18, serve="off", name="age gte 18")
