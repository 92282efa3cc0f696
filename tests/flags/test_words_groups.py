from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

import burgee
from burgee.core.errors import InvalidInputError
from burgee.flags.changing.groups import DEEPEST, MOST_CLAUSES, all_of, any_of, check_clauses, make_clause, not_
from burgee.flags.changing.rules import make_condition
from burgee.flags.evaluation.conditions import test_of as the_test_of
from burgee.flags.model import Clause, Condition, Group, Operator
from flags.strategies import clauses, contexts

GERMAN, ADULT = make_condition("country", "eq", "DE"), make_condition("age", "gte", 18)


def meets(clause: Clause, context: Mapping[str, object]) -> bool:
    return the_test_of((clause,), {})(context)


def test_clauses_are_given_as_tuples_conditions_or_groups() -> None:
    assert burgee.any_of(("country", "eq", "DE"), ADULT) == Group("any", (GERMAN, ADULT))
    made = burgee.all_of(("email", "exists"), burgee.not_(("plan", "in", {"pro", "free"})))
    exists = Condition("email", Operator.EXISTS)
    assert made == Group("all", (exists, Group("not", (Condition("plan", Operator.IN, ("free", "pro")),))))
    assert make_clause(["country", "eq", "DE"]) == GERMAN
    assert make_clause(made) == made


@pytest.mark.parametrize(
    ("clause", "met"),
    [
        (any_of(GERMAN, ADULT), [True, True, True, False, False]),
        (all_of(GERMAN, ADULT), [True, False, False, False, False]),
        (not_(GERMAN, ADULT), [False, False, False, True, True]),
        (not_(GERMAN), [False, False, True, True, True]),
        (not_(not_(GERMAN)), [True, True, False, False, False]),
        (any_of(all_of(GERMAN, ADULT), not_(("country", "exists"))), [True, False, True, False, True]),
    ],
)
def test_a_group_is_met_as_its_word_says(clause: Clause, met: list[bool]) -> None:
    """R9.3: a condition on a missing attribute is not met, so `not_` of it is."""
    people: list[dict[str, object]] = [
        {"country": "DE", "age": 18}, {"country": "DE", "age": 17}, {"age": 40}, {"country": "FR", "age": None}, {},
    ]  # fmt: skip
    assert [meets(clause, person) for person in people] == met


@given(clauses(), contexts())
def test_a_group_is_what_its_clauses_are_put_together(clause: Clause, context: dict[str, object]) -> None:
    """R9.3: met or not, by the words' meaning, over the answers of the single conditions."""
    assert meets(clause, context) is _by_hand(clause, context)
    assert meets(not_(clause), context) is not meets(clause, context)


def _by_hand(clause: Clause, context: Mapping[str, object]) -> bool:
    if isinstance(clause, Condition):
        return meets(clause, context)
    answers = [_by_hand(one, context) for one in clause.clauses]
    return {"all": all(answers), "any": any(answers), "not": not any(answers)}[clause.match]


@given(clauses())
def test_a_clause_made_once_can_be_made_again(clause: Clause) -> None:
    assert make_clause(clause) == clause


def nested(depth: int) -> Group:
    """Built without checks, as it might come over the wire."""
    made: Clause = GERMAN
    for _ in range(depth):
        made = Group("not", (made,))
    assert isinstance(made, Group)
    return made


@pytest.mark.parametrize(
    ("clause", "says"),
    [
        (None, "a clause can't be None"),
        ("country", "a clause can't be 'country'"),
        (5, "a clause can't be 5"),
        ({"country": "DE"}, "a clause can't be"),
        ((), r"a clause can't be \(\)"),
        (("country",), "a clause can't be"),
        (("country", "eq", "DE", 1), "a clause can't be"),
        ([("country", "eq", "DE"), ("age", "gte", 18)], "a clause begins with an attribute's name"),
        (("country", "is", "DE"), "there is no operator 'is'"),
        (("country", "in"), "'country in' needs a list"),
        (Condition("country", Operator.MATCHES, "("), "a group is not closed"),
        (Condition("country", Operator.BEFORE, "soon"), "needs a time"),
        (Group("any", ()), r"any_of\(\) needs at least one clause"),
        (Group("not", ()), r"not_\(\) needs at least one clause"),
        (Group("none", (GERMAN,)), "a group matches 'all', 'any' or 'not', not 'none'"),  # type: ignore[arg-type]
        (Group("all", (GERMAN, None)), "a clause can't be None"),  # type: ignore[arg-type]
        (nested(DEEPEST + 1), f"up to {DEEPEST} deep"),
        (nested(100_000), f"up to {DEEPEST} deep"),
        (Group("any", (GERMAN,) * MOST_CLAUSES), "at most 1,000 clauses"),
    ],
)
def test_what_is_no_clause_is_refused_by_name(clause: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        make_clause(clause)
    with pytest.raises(InvalidInputError, match=says):
        any_of(clause)


def test_a_group_needs_something_in_it() -> None:
    for make in (any_of, all_of, not_):
        with pytest.raises(InvalidInputError, match="needs at least one clause"):
            make()


def test_a_rule_has_groups_and_clauses_up_to_a_limit() -> None:
    assert make_clause(nested(DEEPEST)) == nested(DEEPEST)
    assert len(check_clauses([GERMAN] * MOST_CLAUSES)) == MOST_CLAUSES
    half = Group("any", (GERMAN,) * (MOST_CLAUSES // 2))
    with pytest.raises(InvalidInputError, match="at most 1,000 clauses"):
        check_clauses([half, half])


def test_a_group_says_in_words_what_it_asks() -> None:
    assert str(any_of(GERMAN, not_(ADULT))) == "(country eq 'DE' or not (age gte 18))"
