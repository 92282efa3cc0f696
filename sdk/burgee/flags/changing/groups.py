"""Clauses as users type them: conditions put together with `any_of`, `all_of` and `not_`, and checked.

flag.target(burgee.any_of(("country", "eq", "DE"), ("plan", "in", ["pro", "team"])), serve="on")
"""

from collections.abc import Iterable, Sequence

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import make_condition
from burgee.flags.model import Clause, Condition, Group

DEEPEST = 16
"""Groups within groups."""
MOST_CLAUSES = 1_000
"""Conditions and groups of one rule, or of one segment."""

type ClauseLike = Clause | tuple[str, str] | tuple[str, str, object]
"""A clause, or a condition as a tuple: `("country", "in", ["DE", "FR"])`, `("email", "exists")`."""

_FORMS = "give ('country', 'eq', 'DE'), any_of(…), all_of(…) or not_(…)"
_MATCHES = ("all", "any", "not")


def any_of(*clauses: ClauseLike) -> Group:
    """Met when at least one of the clauses is."""
    return _group(Group("any", clauses))  # type: ignore[arg-type] # made clauses of at once


def all_of(*clauses: ClauseLike) -> Group:
    """Met when every one of the clauses is."""
    return _group(Group("all", clauses))  # type: ignore[arg-type] # as above


def not_(*clauses: ClauseLike) -> Group:
    """Met when none of the clauses is: also where the attribute of a condition is missing."""
    return _group(Group("not", clauses))  # type: ignore[arg-type] # as above


def make_clause(clause: object) -> Clause:
    """A condition or a group, with all in it checked; a tuple `(attribute, op, value)` becomes a condition."""
    return check_clauses((clause,))[0]


def check_clauses(clauses: Iterable[object]) -> tuple[Clause, ...]:
    """The clauses of one rule or segment, each as `make_clause` makes it; together they are not too many."""
    count = _Count()
    return tuple(_made(clause, 0, count) for clause in clauses)


class _Count:
    """How many clauses were seen."""

    def __init__(self) -> None:
        self.clauses = 0


def _group(group: Group) -> Group:
    return _made_group(group, 1, _Count())


def _made(clause: object, depth: int, count: _Count) -> Clause:
    count.clauses += 1
    if count.clauses > MOST_CLAUSES:
        raise InvalidInputError(
            f"a rule or segment has at most {MOST_CLAUSES:,} clauses",
            hint="values of one attribute go into one condition with 'in', users into a segment",
        )
    if isinstance(clause, Group):
        return _made_group(clause, depth + 1, count)
    if isinstance(clause, Condition):
        return make_condition(clause.attribute, clause.op, clause.value)
    if not isinstance(clause, Sequence) or isinstance(clause, str | bytes) or len(clause) not in {2, 3}:
        raise InvalidInputError(f"a clause can't be {clause!r:.200}", hint=_FORMS)
    if not isinstance(clause[0], str):
        raise InvalidInputError(f"a clause begins with an attribute's name, not {clause[0]!r:.200}", hint=_FORMS)
    return make_condition(*clause)


def _made_group(group: Group, depth: int, count: _Count) -> Group:
    if group.match not in _MATCHES:
        raise InvalidInputError(f"a group matches 'all', 'any' or 'not', not {group.match!r:.200}")
    if depth > DEEPEST:
        raise InvalidInputError(f"groups lie within groups up to {DEEPEST} deep, no deeper")
    if not group.clauses:
        name = "not_" if group.match == "not" else f"{group.match}_of"
        raise InvalidInputError(f"{name}() needs at least one clause", hint=_FORMS)
    return Group(group.match, tuple(_made(clause, depth, count) for clause in group.clauses))
