"""All flags of a tenant compiled, as they stood together at one moment: what is asked in applications, by many threads.

Everything is compiled when it is made, and nothing changes afterwards: so an answer is a look into a dict and a call.
"""

from collections.abc import Mapping
from typing import Literal

from burgee.core.clock import Clock, system_clock
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.flags.evaluation.outcomes import NO_KEY
from burgee.flags.evaluation.rulesets import CompiledRuleset, closure, refers
from burgee.flags.evaluation.steps import Ask
from burgee.flags.model import Evaluation, FlagState, Reason, Ruleset

NOT_READY = "no flags have been fetched yet"
_MOST_SUGGESTED = 2_000  # flags; among more, looking for one that is spelt alike takes longer than anybody waits

type ErrorCode = Literal[
    "PROVIDER_NOT_READY", "FLAG_NOT_FOUND", "PARSE_ERROR", "TYPE_MISMATCH", "TARGETING_KEY_MISSING", "INVALID_CONTEXT"
]
"""What went wrong, in the words of the OpenFeature specification (section 1, "Types", error code)."""


class Snapshot:
    """Flags and segments, compiled: `snapshot.evaluate(key, context)`. It never changes.

    Several flags asked of one snapshot fit together, whatever changes meanwhile.
    """

    __slots__ = ("_asks", "_missing", "compiled", "ready", "ruleset")

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        ready: bool = True,
        clock: Clock = system_clock,
        before: "Snapshot | None" = None,
    ) -> None:
        self.ruleset = ruleset
        """The flags and segments as values."""
        self.ready = ready
        """Whether there was anything to compile; false for what stands in until flags have been fetched."""
        earlier = None if before is None else before.compiled
        self.compiled: CompiledRuleset = CompiledRuleset(ruleset, clock=clock, before=earlier)
        """The same as what analysts ask."""
        self._asks: dict[str, Ask] = {}
        self._missing: dict[str, str] = {}  # what is said of flags that can't be asked
        for key in ruleset.flags:
            try:
                self._asks[key] = self.compiled.flag(key).evaluate
            except InvalidInputError as error:
                self._missing[key] = str(error)

    def __contains__(self, key: object) -> bool:
        return key in self.ruleset.flags

    def __len__(self) -> int:
        return len(self.ruleset.flags)

    @property
    def position(self) -> int:
        """The position of the last event of the tenant that is in it."""
        return self.ruleset.position

    def evaluate(self, key: str, context: Mapping[str, object], default: Json = None) -> Evaluation[Json]:
        """What the flag of that key serves to a context, and why; `default` where it can't be asked. Never raises."""
        try:
            return self._asks[key](context)
        except (KeyError, TypeError):
            return Evaluation(str(key), default, None, Reason.ERROR, error=self._why(key))

    def evaluate_all(self, context: Mapping[str, object]) -> dict[str, Evaluation[Json]]:
        """What every flag that is not archived serves to a context, by key."""
        return {key: self.evaluate(key, context) for key, state in self.ruleset.flags.items() if not state.archived}

    def version(self, key: str) -> int | None:
        """The version of the flag that is asked."""
        state = self.ruleset.flags.get(key)
        return None if state is None else state.version

    def error_code(self, evaluation: Evaluation[Json]) -> ErrorCode | None:
        """What went wrong with an answer of this snapshot, in OpenFeature's words; None if nothing did."""
        if evaluation.reason is not Reason.ERROR:
            return None
        if not self.ready:
            return "PROVIDER_NOT_READY"
        if evaluation.flag not in self.ruleset.flags:
            return "FLAG_NOT_FOUND"
        if evaluation.flag not in self._asks:
            return "PARSE_ERROR"
        return "TARGETING_KEY_MISSING" if evaluation.error == NO_KEY else "INVALID_CONTEXT"

    def changed_since(self, before: "Snapshot") -> tuple[str, ...]:
        """The keys of flags that may answer otherwise than before: changed, new, gone, or by others they refer to."""
        now, then = self.ruleset, before.ruleset
        keys = sorted(now.flags.keys() | then.flags.keys())
        return tuple(key for key in keys if _differs(now.flags.get(key), then.flags.get(key), now, then))

    def _why(self, key: object) -> str:
        if not isinstance(key, str):
            return f"a flag's key is text, not {key!r}"
        if not self.ready:
            return NOT_READY
        if key not in self._missing and len(self._missing) < _MOST_SUGGESTED:
            there = self.ruleset.flags if len(self.ruleset.flags) <= _MOST_SUGGESTED else ()
            hint = did_you_mean(key, there, else_all=False)
            self._missing[key] = f"no flag {key!r}" + (f"; {hint}" if hint else "")
        return self._missing.get(key, f"no flag {key!r}")


def _differs(now: FlagState | None, then: FlagState | None, after: Ruleset, before: Ruleset) -> bool:
    if now is None or then is None or now != then:
        return True
    if not refers(now):
        return False
    one, other = closure(now, after), closure(then, before)
    return one.flags != other.flags or one.segments != other.segments


def metadata_of(answer: Evaluation[Json], version: int | None) -> dict[str, str | int | bool]:
    """What OpenFeature calls flag metadata: which version of the flag was asked, and which rule decided."""
    found: dict[str, str | int | bool] = {} if version is None else {"version": version}
    return found if answer.rule is None else {**found, "rule": answer.rule}
