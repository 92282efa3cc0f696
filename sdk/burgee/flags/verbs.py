"""The verbs that change a flag. Each asks for one change and gives a handle to what came of it.

They are kept apart from the handle, since whatever can be changed like a flag has the same verbs.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from burgee.core.checks import need_texts
from burgee.core.clock import Moment
from burgee.core.display import Shown
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.changing.changes import (
    Change,
    Move,
    Override,
    Require,
    Revert,
    SetArchived,
    SetDescription,
    SetEnabled,
    SetHoldout,
    SetKilled,
    SetLayer,
    SetRamp,
    SetRollout,
    SetSchedule,
    SetVariants,
    Target,
    Unoverride,
    Unrequire,
    Untarget,
)
from burgee.flags.changing.checks import check_flag_named, check_schedule, check_split, check_time
from burgee.flags.changing.groups import ClauseLike, check_clauses
from burgee.flags.evaluation.buckets import targeting_key
from burgee.flags.model import Clause, Condition, Group, Split

if TYPE_CHECKING:
    from burgee.flags.facade import Flag


class FlagVerbs[TFlag](Shown):
    """What changes a flag, and gives a handle to the flag as it is then.

    Every verb takes `why`, a word for the history, and `expected_version`.

    With `expected_version` the change is made only if nobody changed the flag since that version, else
    `ConcurrencyError` is raised.
    """

    __slots__ = ()

    @abstractmethod
    def _change(self, change: Change, why: str | None, expected_version: int | None) -> TFlag:
        """Ask for a change."""

    def enable(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Switch the flag on."""
        return self._change(SetEnabled(True), why, expected_version)

    def disable(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Switch the flag off: everybody is served the default at once."""
        return self._change(SetEnabled(False), why, expected_version)

    def kill(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Serve everybody the default, whatever else is said or comes: schedules, ramps, `enable()`. See `revive`."""
        return self._change(SetKilled(True), why, expected_version)

    def revive(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Let a killed flag serve again what it is set to by now."""
        return self._change(SetKilled(False), why, expected_version)

    def rollout(self, percent: float, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Let this many percent (0 to 100) of those whom no rule matches into the rollout.

        Raising it keeps everybody who is in, with their variants. It takes the place of a ramp.
        """
        return self._change(SetRollout(percent), why, expected_version)

    def ramp(
        self,
        low: float,
        high: float,
        *,
        start: Moment,
        end: Moment,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Let the rollout move evenly from `low` percent at `start` to `high` at `end`, and stay there.

        `flag.ramp(5, 50, start="2026-11-01", end="2026-11-08")`. `rollout(p)` takes the ramp away.
        """
        change = SetRamp(check_time("a ramp's start", start), check_time("a ramp's end", end), low, high)
        return self._change(change, why, expected_version)

    def schedule(
        self,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Let the flag be on only from `start` (included) until `end` (excluded); with neither, at any time.

        It must be enabled all the same.
        """
        schedule = check_schedule(start, end)
        change = SetSchedule() if schedule is None else SetSchedule(schedule.start, schedule.end)
        return self._change(change, why, expected_version)

    def target(
        self,
        attribute: str | Clause,
        op: str | None = None,
        value: object = None,
        *,
        serve: str | None = None,
        split: Mapping[str, float] | Split | None = None,
        percent: float = 100.0,
        start: Moment | None = None,
        end: Moment | None = None,
        also: Sequence[ClauseLike] = (),
        name: str | None = None,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Add a rule behind those there are: `flag.target("country", "in", ["DE", "FR"], serve="treatment")`.

        Args:
            attribute: what the rule looks at; or a whole clause: `flag.target(burgee.any_of(…), serve="on")`.
            op: how it compares; see `burgee.Operator`.
            value: what it compares with.
            serve: the variant for whoever meets the rule.
            split: variants with shares in percent instead, 100 together: `split={"control": 60, "treatment": 40}`.
            percent: only this share of those who meet it, always the same people; the others go on to the next rule.
            start: from when the rule counts.
            end: until when it counts.
            also: further clauses that must all be met: `also=[("age", "gte", 18)]`.
            name: what answers call the rule; what it says, unless given.
            why: a word for the history.
            expected_version: the version the flag must still have.
        """
        conditions = check_clauses((_first(attribute, op, value), *also))
        change = Target(
            conditions,
            serve,
            name,
            None if split is None else check_split(split),
            percent,
            check_schedule(start, end),
        )
        return self._change(change, why, expected_version)

    def untarget(self, rule: str, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Take the rule of that name away."""
        return self._change(Untarget(rule), why, expected_version)

    def move(self, rule: str, to: int, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Put the rule of that name at another place, counted from 1: rules are tried in their order."""
        return self._change(Move(rule, to), why, expected_version)

    def override(
        self,
        id: object,
        serve: str | None = None,
        *,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Give one user a variant, before all rules: `flag.override("u1", "treatment")`.

        Several at once: `flag.override({"u1": "treatment", "u2": "control"})`. A flag has at most 10,000.
        """
        return self._change(Override(_overrides(id, serve)), why, expected_version)

    def unoverride(self, *ids: object, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Treat these users like all others again: `flag.unoverride("u1", "u2")`."""
        return self._change(Unoverride(tuple(map(id_text, ids))), why, expected_version)

    def require(
        self,
        other: "str | Flag",
        variants: str | Iterable[str],
        *,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Serve the default to whomever another flag serves none of these variants.

        `checkout.require("new-prices", "on")`. What was required of that flag before is replaced.
        """
        return self._change(Require(_key(other), _names(variants)), why, expected_version)

    def unrequire(self, other: "str | Flag", *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Require that flag no longer."""
        return self._change(Unrequire(_key(other)), why, expected_version)

    def holdout(
        self,
        name: str | None,
        percent: float | None = None,
        *,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Keep this many percent of all users out: they get the default, whatever the rules say.

        Flags that name the same holdout keep out the same people. `flag.holdout(None)` ends it.
        """
        if name is None:
            return self._change(SetHoldout(None), why, expected_version)
        if percent is None:
            raise InvalidInputError(f"say how many percent holdout {name!r} keeps out", hint="flag.holdout('2026', 5)")
        return self._change(SetHoldout(name, percent), why, expected_version)

    def layer(
        self,
        name: str | None,
        low: float = 0.0,
        high: float = 100.0,
        *,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Keep to a slice of a layer, from `low` percent (included) to `high` (excluded); the others get the default.

        Flags with slices of one layer share nobody, so slices must not overlap. `flag.layer(None)` leaves the layer.
        """
        return self._change(SetLayer(name) if name is None else SetLayer(name, low, high), why, expected_version)

    def variants(
        self,
        weights: Mapping[str, float],
        *,
        values: Mapping[str, Json] | None = None,
        default: str | None = None,
        schema: Json = None,
        why: str | None = None,
        expected_version: int | None = None,
    ) -> TFlag:
        """Give the variants anew.

        Args:
            weights: percent by variant, 100 together.
            values: what each variant stands for; where not given, what it stood for, or its name.
            default: the variant for whoever is not in the rollout.
            schema: a JSON Schema that all values must meet, now and later; `{}` takes the one there is away.
            why: a word for the history.
            expected_version: the version the flag must still have.
        """
        change = SetVariants(dict(weights), dict(values or {}), default, schema)
        return self._change(change, why, expected_version)

    def describe(self, description: str, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Say what the flag is for."""
        return self._change(SetDescription(description), why, expected_version)

    def archive(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Put the flag away: it serves its default and is listed no more. Its history stays.

        Refused while other flags require it.
        """
        return self._change(SetArchived(True), why, expected_version)

    def restore(self, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Take the flag out of the archive."""
        return self._change(SetArchived(False), why, expected_version)

    def revert(self, to: int, *, why: str | None = None, expected_version: int | None = None) -> TFlag:
        """Make the flag what it was at version `to`. That is a change too, and can itself be reverted."""
        return self._change(Revert(to), why, expected_version)


def id_text(id: object) -> str:
    """A targeting key as its text: 17 and 17.0 are "17". A missing one is refused."""
    text = targeting_key(id)
    if not text:
        raise InvalidInputError(f"an id can't be missing or empty ({id!r})")
    return text


def _first(attribute: str | Clause, op: str | None, value: object) -> ClauseLike:
    if isinstance(attribute, Condition | Group):
        if op is not None or value is not None:
            raise InvalidInputError("a clause is whole: give no operator and no value beside it")
        return attribute
    if op is None:
        raise InvalidInputError(
            f"a condition on {attribute!r:.200} needs an operator",
            hint="flag.target('country', 'in', ['DE'], serve='on')",
        )
    return attribute, op, value


def _overrides(id: object, serve: str | None) -> dict[str, str]:
    if isinstance(id, Mapping):
        if serve is not None:
            raise InvalidInputError("a mapping says what each id is served: leave serve=… out")
        return {id_text(one): name for one, name in id.items()}
    if serve is None:
        raise InvalidInputError(f"say what to serve to {id!r:.200}", hint="flag.override('u1', 'treatment')")
    return {id_text(id): serve}


def _key(flag: object) -> str:
    """The key of a flag, whether it is given itself or its handle."""
    key: object = getattr(flag, "key", flag)
    return check_flag_named(key)


def _names(variants: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(variants, str):
        return (variants,)
    need_texts("the variants that will do", variants)
    return tuple(variants)
