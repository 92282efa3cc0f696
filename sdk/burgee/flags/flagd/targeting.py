"""The `targeting` of a flagd definition as rules: the branches of its tree, in their order.

Whoever meets the conditions on the way to a branch is decided there, so the rules behind it need not say that they
don't. Where a branch gives nothing (null), flagd serves the default variant; so does a rule here, unless all behind it
do the same. The last rule is met by everybody, because flagd asks for no targeting key where none is hashed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from burgee.core.json import Json
from burgee.flags.changing.asks import Target
from burgee.flags.flagd.conditions import BOOLEAN, condition, conjuncts, note_failing, operation
from burgee.flags.flagd.saying import ALWAYS, TIMESTAMP, Reading, UnsayableError, unmet
from burgee.flags.flagd.splitting import Part, lifted, parts_of
from burgee.flags.model import Clause, Group, Schedule, Split

OTHERWISE = "otherwise"
"""The name of the last rule, which is met by everybody."""

_LATEST = 253_402_300_799  # the last second of the year 9999
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ANY_TIME = Schedule()


@dataclass(frozen=True, slots=True)
class _Branch:
    """The way to a decision: what was met, and when it is."""

    clauses: tuple[Clause, ...] = ()
    schedule: Schedule = _ANY_TIME


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is served at the end of a branch: a variant or a split; the default if neither."""

    branch: _Branch
    serve: str | None
    split: Split | None


def rules_of(targeting: Json, variants: Sequence[str], default: str | None, reading: Reading) -> tuple[Target, ...]:
    """The rules that decide as the targeting does.

    Args:
        targeting: the tree; None or empty where everybody is served the default.
        variants: the names there are.
        default: the default variant; None where flagd leaves the answer to the caller.
        reading: the definition while it is read.

    Raises:
        UnsayableError: it can't be said, or the default is served and there is none.
    """
    tree = _Tree(variants, default, reading)
    tree.walk(None if targeting == {} else targeting, _Branch())
    decisions = tree.decisions
    while len(decisions) > 1 and decisions[-1].split is None and decisions[-2].split is None:
        if decisions[-2].serve != decisions[-1].serve:
            break
        del decisions[-2]
    return tuple(_target(decision, tree) for decision in decisions)


def _target(decision: _Decision, tree: "_Tree") -> Target:
    serve = tree.default() if decision.serve is None and decision.split is None else decision.serve
    branch = decision.branch
    name = OTHERWISE if branch == _Branch() and decision.split is None else None
    times = None if branch.schedule == _ANY_TIME else branch.schedule
    return Target(branch.clauses or (ALWAYS,), serve, name, decision.split, schedule=times)


class _Tree:
    """Walks a tree of targeting and gathers its decisions."""

    def __init__(self, variants: Sequence[str], default: str | None, reading: Reading) -> None:
        self.decisions: list[_Decision] = []
        self._seen: list[tuple[frozenset[str], Schedule]] = []
        self._variants = variants
        self._default = default
        self._reading = reading

    def default(self) -> str:
        if self._default is None:
            raise UnsayableError("it leaves some to what the caller falls back on; give it a defaultVariant")
        return self._default

    def walk(self, node: Json, branch: _Branch) -> None:
        """Decide everybody in a branch."""
        if not isinstance(node, Mapping):
            self._decide(branch, Part(serve=self._variant(node)))
            return
        name, args = operation(node)
        if name in {"if", "?:"}:
            self._choose(args, branch)
        elif name == "fractional":
            choice = lifted(args)
            if choice is not None:
                self.walk(choice, branch)
                return
            for part in parts_of(args, lambda one: self._variant(one) or self.default(), self._reading):
                self._decide(branch, part)
        elif _is_boolean(node):
            self._choose([node, True, False], branch)
        elif name == "var":
            raise UnsayableError(f"it serves what the attribute {args[0] if args else ''!r} says; name the variants")
        else:
            raise UnsayableError(f"it serves what {name!r} makes, for which there are no words here")

    def _decide(self, branch: _Branch, part: Part) -> None:
        clauses = {repr(clause): clause for clause in (*branch.clauses, *part.clauses)}  # 1 and True are equal
        inside = replace(branch, clauses=tuple(clauses.values()))
        if any(repr(unmet(clause)) in clauses for clause in inside.clauses):
            return  # nobody gets here
        if any(seen <= clauses.keys() and times in {_ANY_TIME, inside.schedule} for seen, times in self._seen):
            return  # they were decided before
        self._seen.append((frozenset(clauses), inside.schedule))
        serve = self._default if part.serve is None and part.split is None else part.serve
        self.decisions.append(_Decision(inside, serve, part.split))

    def _choose(self, args: Sequence[Json], branch: _Branch) -> None:
        for position in range(0, len(args) - 1, 2):
            inside = self._met(args[position], branch)
            if inside is None:
                continue
            self.walk(args[position + 1], inside)
            if inside == branch:
                return
        self.walk(args[-1] if len(args) % 2 else None, branch)

    def _met(self, node: Json, branch: _Branch) -> _Branch | None:
        """The branch of those who meet a condition; None if nobody does."""
        together = conjuncts(node)
        for one in together:
            within = _times(one)
            if within is not None:
                schedule = _both(branch.schedule, within)
                if schedule is None:
                    return None
                branch = replace(branch, schedule=schedule)
                continue
            if len(together) > 1:
                note_failing(one, self._reading)
            said = condition(one, self._reading)
            if said is False:
                return None
            if said is True:
                continue
            clauses = said.clauses if isinstance(said, Group) and said.match == "all" else (said,)
            branch = replace(branch, clauses=(*branch.clauses, *clauses))
        return branch

    def _variant(self, node: Json) -> str | None:
        if node is None:
            return None
        name = str(node).lower() if isinstance(node, bool) else node if isinstance(node, str) else f"{node!r}"
        if name not in self._variants:
            there = ", ".join(map(repr, self._variants))
            raise UnsayableError(f"it serves {node!r:.100}, which is no variant; its variants are: {there}")
        return name


def _is_boolean(node: Json) -> TypeGuard[Mapping[str, Json]]:
    """Whether it gives true or false: not what one of its operands is, nor nothing."""
    if not isinstance(node, Mapping):
        return False
    name, args = operation(node)
    return name in BOOLEAN or (name in {"and", "or"} and bool(args) and all(map(_is_boolean, args)))


def _times(node: Json) -> Schedule | None:
    """When a comparison with the time is met; None if it is another condition.

    The time is in whole seconds, so "after the second" is "from the next one on".
    """
    if not isinstance(node, Mapping):
        return None
    name, args = operation(node)
    if name not in _TURNED or {"var": TIMESTAMP} not in args:
        return None
    if len(args) != 2:  # noqa: PLR2004 - the time and what it is compared with
        raise UnsayableError("it compares the time with more than one other")
    if args[0] != {"var": TIMESTAMP}:
        args, name = args[::-1], _TURNED[name]
    second = args[1]
    if isinstance(second, bool) or not isinstance(second, int) or not 0 <= second < _LATEST:
        raise UnsayableError(
            f"it compares the time with {second!r:.100}; it has to be a whole number of seconds since 1970"
        )
    moment = datetime.fromtimestamp(second, UTC)
    after = moment + timedelta(seconds=1)
    return {">=": Schedule(moment), ">": Schedule(after), "<": Schedule(None, moment), "<=": Schedule(None, after)}[
        name
    ]


def _both(one: Schedule, other: Schedule) -> Schedule | None:
    """The time within both; None if there is none."""
    start = max((time for time in (one.start, other.start) if time is not None), default=None)
    end = min((time for time in (one.end, other.end) if time is not None), default=None)
    return None if start is not None and end is not None and end <= start else Schedule(start, end)
