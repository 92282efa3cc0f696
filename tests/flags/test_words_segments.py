import uuid
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.groups import any_of, not_
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.evaluation.conditions import test_of as the_test_of
from burgee.flags.model import FlagState, Reason, Ruleset, Segment
from flags.strategies import SEGMENTS, contexts, flag_states, segment_sets

GERMAN = make_condition("country", "eq", "DE")


def inside(segments: Mapping[str, Segment], context: Mapping[str, object], *keys: str, attribute: str = "id") -> bool:
    answer = the_test_of((make_condition(attribute, "in_segment", keys),), segments)(context)
    assert the_test_of((make_condition(attribute, "not_in_segment", keys),), segments)(context) is not answer
    return answer


def only(segment: Segment) -> dict[str, Segment]:
    return {segment.key: segment}


def test_a_segment_is_told_by_ids_or_by_clauses_and_without_comes_first() -> None:
    """R9.3."""
    beta = only(Segment("beta", (GERMAN,), frozenset({"u1", "u2"}), frozenset({"u2", "u3"})))
    assert inside(beta, {"id": "u1"}, "beta")
    assert not inside(beta, {"id": "u2"}, "beta")
    assert not inside(beta, {"id": "u3", "country": "DE"}, "beta")
    assert inside(beta, {"id": "u4", "country": "DE"}, "beta")
    assert not inside(beta, {"id": "u4", "country": "FR"}, "beta")


def test_all_clauses_of_a_segment_have_to_be_met_and_none_tell_nothing() -> None:
    both = only(Segment("s", (GERMAN, make_condition("age", "gte", 18))))
    assert inside(both, {"country": "DE", "age": 18}, "s")
    assert not inside(both, {"country": "DE"}, "s")
    assert not inside(only(Segment("s")), {"id": "u1", "country": "DE"}, "s")


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", True, 1.5, b"u1", [], object()])
def test_without_a_key_only_clauses_can_tell(missing: object) -> None:
    segments = only(Segment("s", (GERMAN,), frozenset({"u1", "1.5", "True"})))
    assert inside(segments, {"id": missing, "country": "DE"}, "s")
    assert not inside(segments, {"id": missing}, "s")
    assert not inside(segments, {}, "s")


@pytest.mark.parametrize("same", ["5", 5, 5.0, np.int64(5), np.float64(5), np.str_("5")])
def test_a_number_is_in_a_segment_by_its_digits(same: object) -> None:
    """As a targeting key is told (P20)."""
    assert inside(only(Segment("s", ids=frozenset({"5"}))), {"account": same}, "s", attribute="account")


def test_a_uuid_is_in_a_segment_by_its_text() -> None:
    id = uuid.UUID(int=7)
    assert inside(only(Segment("s", ids=frozenset({str(id)}))), {"id": id}, "s")


def test_one_of_several_segments_is_enough() -> None:
    segments = {"a": Segment("a", ids=frozenset({"u1"})), "b": Segment("b", ids=frozenset({"u2"}))}
    assert [inside(segments, {"id": id}, "a", "b") for id in ("u1", "u2", "u3")] == [True, True, False]


def test_a_segment_can_be_told_by_others() -> None:
    segments = {
        "staff": Segment("staff", ids=frozenset({"u1"})),
        "beta": Segment("beta", (make_condition("id", "in_segment", "staff"),), frozenset({"u2"})),
        "rest": Segment("rest", (not_(any_of(("id", "in_segment", ["beta", "staff"]), GERMAN)),)),
    }
    assert [inside(segments, {"id": id}, "beta") for id in ("u1", "u2", "u3")] == [True, True, False]
    assert [inside(segments, {"id": id}, "rest") for id in ("u1", "u2", "u3")] == [False, False, True]


@given(segment_sets(), contexts())
def test_segments_are_told_by_their_own_words(segments: dict[str, Segment], context: dict[str, object]) -> None:
    """R9.3: the docstring of `Segment`, once more by hand."""
    key = context.get("id")
    text = key if isinstance(key, str) else _digits(key)
    for name, segment in segments.items():
        by_clauses = bool(segment.clauses) and the_test_of(segment.clauses, segments)(context)
        met = (text in segment.ids or by_clauses) and text not in segment.without
        assert inside(segments, context, name) is met


def _digits(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


@given(flag_states(SEGMENTS), segment_sets(), contexts())
def test_a_flag_with_any_rules_and_segments_answers_any_context(
    state: FlagState, segments: dict[str, Segment], context: dict[str, object]
) -> None:
    """P20: the same answer again, and no failure but of the targeting key."""
    compiled = compile_flag(state, Ruleset(segments=segments))
    served = compiled.evaluate(context)
    assert compiled.evaluate(dict(context)) == served
    assert served.reason is not Reason.ERROR or "targeting key" in str(served.error)


def test_a_segment_that_is_not_there_is_named_with_those_that_are() -> None:
    there = {"beta": Segment("beta"), "staff": Segment("staff")}
    with pytest.raises(InvalidInputError, match="there is no segment 'bta'") as caught:
        the_test_of((make_condition("id", "in_segment", "bta"),), there)
    assert caught.value.hints == ["did you mean 'beta'?"]
    within = {"s": Segment("s", (any_of(("id", "not_in_segment", "gone")),))}
    with pytest.raises(InvalidInputError, match="there is no segment 'gone'"):
        the_test_of((make_condition("id", "in_segment", "s"),), within)


def test_a_segment_within_itself_is_refused_with_the_way_it_goes() -> None:
    segments = {
        key: Segment(key, (not_(("id", "in_segment", other)),)) for key, other in (("a", "b"), ("b", "c"), ("c", "b"))
    }
    with pytest.raises(InvalidInputError, match="segment 'b' is in itself: b -> c -> b"):
        the_test_of((make_condition("id", "in_segment", "a"),), segments)


def test_a_long_chain_of_segments_that_share_is_compiled_once_each() -> None:
    """Each is named twice by the next: to compile it twice each time would never end."""
    segments = {"s0": Segment("s0", ids=frozenset({"u1"}))}
    for number in range(1, 60):
        twice = (make_condition("id", "in_segment", f"s{number - 1}"),) * 2
        segments[f"s{number}"] = Segment(f"s{number}", (any_of(*twice),))
    test = the_test_of((make_condition("id", "in_segment", "s59"),), segments)
    assert test({"id": "u1"})


def test_a_segment_of_a_hundred_thousand_ids() -> None:
    segments = only(Segment("s", ids=frozenset(map(str, range(100_000)))))
    assert inside(segments, {"id": 99_999}, "s")
    assert not inside(segments, {"id": 100_000}, "s")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("beta", ("beta",)), (["b", "a", "b"], ("b", "a")), ({"b", "a"}, ("a", "b")), (pd.Series(["a"]), ("a",))],
)
def test_a_condition_names_one_segment_or_several(value: object, kept: tuple[str, ...]) -> None:
    assert make_condition("id", "in_segment", value).value == kept


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "'id in_segment' needs the key of a segment"),
        ([], "'id in_segment' needs the key of at least one segment"),
        (5, "'id in_segment' needs a list"),
        ([5], "a segment's key is text, not int"),
        ([None], "can't compare with None"),
        ("a b", "'a b' can't be a segment's key"),
        ("", "can't be a segment's key"),
        ({"beta": 1}, "needs a list"),
    ],
)
def test_what_names_no_segment_is_refused(value: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make_condition("id", "in_segment", value)
