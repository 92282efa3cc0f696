"""Going back: a revert restores the former answers exactly, and what was once asked is answered the same again."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.core.portal import drive
from burgee.core.result import Err, Ok
from burgee.core.scope import Scope, bind_scope
from burgee.flags.changing import changes
from burgee.flags.changing.changes import Change
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.model import Evaluation, FlagState, Ruleset
from effort import COSTLY
from flags.changing import one_change, service

MOMENTS = [datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 16, 12, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
USERS: list[dict[str, Json]] = [
    {"id": f"u{number}", "country": ["DE", "US"][number % 2], "age": 10 + number} for number in range(16)
]
USERS.append({"country": "DE"})


def answers(state: FlagState, ruleset: Ruleset) -> list[Evaluation[Json]]:
    return [compile_flag(state, ruleset, moment).evaluate(user) for moment in MOMENTS for user in USERS]


@COSTLY
@given(st.lists(one_change, min_size=1, max_size=12), st.integers(1, 8))
def test_a_revert_restores_the_former_answers_exactly(several: list[Change], to: int) -> None:
    """R9.5: whatever was changed, and whatever was refused in between."""
    with service() as flags:
        for change in several:
            drive(flags.change("f", change))
        last = drive(flags.get("f")).unwrap()
        reverted = drive(flags.change("f", changes.Revert(to)))
        if to > last.version:
            assert isinstance(reverted, Err)
            assert isinstance(reverted.error, burgee.InvalidInputError)
            return
        was, now = drive(flags.at("f", version=to)).unwrap(), reverted.unwrap()
        ruleset = drive(flags.ruleset()).unwrap()
        assert answers(now, ruleset) == answers(was, ruleset)
        assert changes.audited(now) == changes.audited(was)
        back = drive(flags.change("f", changes.Revert(last.version))).unwrap()
        assert changes.audited(back) == changes.audited(last)


@given(st.lists(one_change, max_size=10))
def test_what_is_stored_serves_what_the_service_answers(several: list[Change]) -> None:
    """Whatever the changes were: no state is let in that can't be evaluated."""
    with service() as flags:
        for change in several:
            drive(flags.change("f", change))
        state, ruleset = drive(flags.get("f")).unwrap(), drive(flags.ruleset()).unwrap()
        for user in USERS[:3]:
            assert drive(flags.evaluate("f", user)).unwrap() == compile_flag(state, ruleset).evaluate(user)


def test_a_repeated_call_gets_its_first_answer_although_others_changed_meanwhile() -> None:
    with service() as flags:
        with bind_scope(Scope("t", idempotency_key="k1")):
            first = drive(flags.change("f", changes.Require("other", ("on",)))).unwrap()
        drive(flags.change("f", changes.Unrequire("other"))).unwrap()
        drive(flags.change("other", changes.SetArchived(True))).unwrap()
        assert isinstance(drive(flags.change("f", changes.Require("other", ("on",)))), Err)
        with bind_scope(Scope("t", idempotency_key="k1")):
            again = drive(flags.change("f", changes.Require("other", ("on",))))
        assert isinstance(again, Ok)
        assert again.value == first


def test_a_revert_is_refused_where_others_took_what_it_needs() -> None:
    with service() as flags:
        drive(flags.change("f", changes.SetLayer("checkout", 0, 50))).unwrap()
        drive(flags.change("f", changes.SetLayer(None))).unwrap()
        drive(flags.change("third", changes.SetLayer("checkout", 20, 100))).unwrap()
        refused = drive(flags.change("f", changes.Revert(2)))
        assert isinstance(refused, Err)
        assert "overlaps with that of flag 'third'" in str(refused.error)
        assert drive(flags.get("f")).unwrap().version == 3


def test_the_whole_tenant_can_be_seen_as_it_was() -> None:
    clock = burgee.ManualClock()
    with service(clock) as flags:
        then = datetime.fromtimestamp(clock.now_us() / 1e6, UTC)
        before = drive(flags.ruleset()).unwrap()
        clock.advance(days=1)
        drive(flags.change("f", changes.SetEnabled(True))).unwrap()
        drive(flags.change_segment("testers", changes.SetArchived(True))).unwrap()
        now = drive(flags.ruleset()).unwrap()
        assert drive(flags.ruleset(then)).unwrap() == before
        assert set(before.segments) == {"testers"}
        assert now.segments == {}
        assert now.flags["f"].enabled
        assert now.position == before.position + 2
        assert drive(flags.ruleset(datetime(2020, 1, 1, tzinfo=UTC))).unwrap() == Ruleset()
