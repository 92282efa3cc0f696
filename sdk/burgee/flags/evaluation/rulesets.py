"""The flags of a tenant together: compiled once, asked by key, checked as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from burgee.core.clock import Clock, system_clock
from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.core.json import Json
from burgee.flags.evaluation.compiled import CompiledFlag, Compiling
from burgee.flags.model import Clause, Evaluation, FlagState, Operator, Reason, Ruleset, Segment, conditions_in

_SEGMENTS = {Operator.IN_SEGMENT, Operator.NOT_IN_SEGMENT}


class CompiledRuleset:
    """Flags and segments as they were together at one moment, ready to be asked. It never changes.

    Flags are compiled when they are asked first. One that can't be (a segment is gone, it requires itself) answers
    the caller's default with the cause, and so does one that is not there.
    """

    __slots__ = ("_compiling", "_failed", "ruleset")

    def __init__(
        self,
        ruleset: Ruleset,
        now: datetime | None = None,
        *,
        clock: Clock = system_clock,
        before: "CompiledRuleset | None" = None,
    ) -> None:
        self.ruleset = ruleset
        self._compiling = Compiling(ruleset, now, clock)
        self._failed: dict[str, InvalidInputError] = {}
        if before is not None and now is None:
            self._compiling.take(before._compiling)  # noqa: SLF001 - of its own kind

    def flag(self, key: str) -> CompiledFlag:
        """The flag of that key; `NotFoundError` if there is none, `InvalidInputError` if it can't be compiled."""
        if key in self._failed:
            raise self._failed[key]
        try:
            compiled = self._compiling.flag(key)
        except InvalidInputError as error:
            self._failed[key] = error
            raise
        if compiled is None:
            raise NotFoundError("flag", key, sorted(self.ruleset.flags))
        return compiled

    def evaluate(self, key: str, context: Mapping[str, object], default: Json = None) -> Evaluation[Json]:
        """What the flag of that key serves to a context; `default` and the cause where it can't be asked."""
        try:
            compiled = self.flag(key)
        except (InvalidInputError, NotFoundError) as error:
            return Evaluation(key, default, None, Reason.ERROR, error=str(error))
        return compiled.evaluate(context)

    def evaluate_all(self, context: Mapping[str, object]) -> dict[str, Evaluation[Json]]:
        """What every flag that is not archived serves to a context, by key."""
        return {key: self.evaluate(key, context) for key, state in self.ruleset.flags.items() if not state.archived}


def segments_of(clauses: Iterable[Clause]) -> Iterator[str]:
    """The segments that clauses name."""
    for condition in conditions_in(clauses):
        if condition.op in _SEGMENTS:
            names = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            yield from map(str, names)


def segments_named(state: FlagState) -> frozenset[str]:
    """The segments that a flag's rules name."""
    return frozenset(name for rule in state.rules for name in segments_of(rule.conditions))


def refers(state: FlagState) -> bool:
    """Whether other flags or segments are needed to evaluate it."""
    return bool(state.prerequisites or segments_named(state))


def closure(state: FlagState, ruleset: Ruleset) -> Ruleset:
    """Of a ruleset what one flag needs: the flags it requires and the segments they name, and so on."""
    flags: dict[str, FlagState] = {}
    segments: dict[str, Segment] = {}

    def add_segments(names: Iterable[str]) -> None:
        for name in names:
            segment = ruleset.segments.get(name)
            if segment is not None and name not in segments:
                segments[name] = segment
                add_segments(segments_of(segment.clauses))

    def add(needing: FlagState) -> None:
        add_segments(segments_named(needing))
        for one in needing.prerequisites:
            required = ruleset.flags.get(one.flag)
            if required is not None and one.flag not in flags:
                flags[one.flag] = required
                add(required)

    add(state)
    return Ruleset(flags, segments, ruleset.position)


def cycle(start: str, needs: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """The way by which something needs itself, e.g. `("a", "b", "a")`; None if it does not."""
    seen: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
        for other in needs.get(name, ()):
            if other == start:
                return (*path, other)
            if other not in seen:
                seen.add(other)
                found = walk(other, (*path, other))
                if found is not None:
                    return found
        return None

    return walk(start, (start,))
