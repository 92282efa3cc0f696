"""Past exposures against the flag as it was: was everybody served what it would have served?

The flag is taken at the version an exposure tells, or at its time; the flags and segments it refers to, and schedules
and ramps, at the time of the exposure.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, override

from burgee.core.clock import to_us
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.flags.analysis.contexts import as_pandas, contexts_of
from burgee.flags.evaluation.buckets import TARGETING_KEY, targeting_key
from burgee.flags.evaluation.compiled import CompiledFlag, compile_flag
from burgee.flags.evaluation.timing import is_timed
from burgee.flags.model import FlagState, Ruleset, Segment, conditions_in

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = ("occurred_at", "id", "version", "recorded", "served", "same", "reason", "rule")
_CAUSES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Past:
    """All versions of a flag and of whatever it ever referred to, each with when it began."""

    key: str
    flags: Mapping[str, Sequence[tuple[datetime, FlagState]]]
    segments: Mapping[str, Sequence[tuple[datetime, Segment]]] = field(default_factory=dict)

    def version(self, version: int | None, when: datetime) -> FlagState | None:
        """The flag at a version, or else at a time; None where there was none."""
        if version is None:
            return _then(self.flags[self.key], when)
        return next((state for _, state in self.flags[self.key] if state.version == version), None)

    def ruleset(self, when: datetime) -> Ruleset:
        """The other flags and the segments at a time."""
        flags = {key: state for key, told in self.flags.items() if (state := _then(told, when)) and key != self.key}
        segments = {key: one for key, told in self.segments.items() if (one := _then(told, when))}
        return Ruleset(flags, segments)

    @property
    def timed(self) -> bool:
        """Whether any version changes by itself."""
        return any(is_timed(state) for told in self.flags.values() for _, state in told)

    @property
    def moments(self) -> list[int]:
        """When the others changed, in microseconds."""
        others = [told for key, told in self.flags.items() if key != self.key]
        return sorted(to_us(when) for told in (*others, *self.segments.values()) for when, _ in told)

    def attributes(self, versions: set[int]) -> dict[str, str]:
        """The attributes that these versions, and whatever they refer to, look at; each with who does."""
        needed: dict[str, str] = {}
        for key, told in self.flags.items():
            for _, state in told:
                if key == self.key and state.version not in versions:
                    continue
                for rule in state.rules:
                    names = [condition.attribute for condition in conditions_in(rule.conditions)]
                    names += [rule.split.by] if rule.split is not None else []
                    for name in names:
                        needed.setdefault(name, f"rule {rule.name!r} of {key!r} looks at it")
        for key, kept in self.segments.items():
            for _, segment in kept:
                for condition in conditions_in(segment.clauses):
                    needed.setdefault(condition.attribute, f"segment {key!r} looks at it")
        needed.pop(TARGETING_KEY, None)
        return needed


class Reevaluation(Shown):
    """Past exposures beside what the flag as it was would serve. Frame: a row for each exposure.

    | column        | what stands there                                                                |
    |---------------|----------------------------------------------------------------------------------|
    | `occurred_at` | when it was served                                                               |
    | `id`          | to whom                                                                          |
    | `version`     | of the flag: what the exposure tells, or else the version of that time           |
    | `recorded`    | the variant the exposure tells                                                   |
    | `served`      | the variant the flag as it was would serve; missing where that can't be told     |
    | `same`        | whether the two are the same; missing likewise                                   |
    | `reason`      | why it would                                                                     |
    | `rule`        | by which rule                                                                    |
    """

    __slots__ = ("_frame", "_why", "flag")

    def __init__(self, flag: str, frame: "pd.DataFrame", why: Mapping[str, int]) -> None:
        self.flag = flag
        self._frame = frame
        self._why = why  # how many can't be told, by why

    @property
    def total(self) -> int:
        """How many exposures there are."""
        return len(self._frame)

    @property
    def same(self) -> int:
        """How many were served what the flag as it was would serve."""
        return int(self._frame["same"].sum())

    @property
    def untold(self) -> int:
        """How many can't be told."""
        return int(self._frame["same"].isna().sum())

    @property
    def different(self) -> "pd.DataFrame":
        """The exposures that differ: the same columns."""
        return self._frame[~self._frame["same"].fillna(value=True)].reset_index(drop=True)

    def frame(self) -> "pd.DataFrame":
        """A row for each exposure, in the order they were recorded."""
        return self._frame.copy()

    def summary(self) -> "pd.DataFrame":
        """How many: `version, recorded, served, count`, differences first."""
        columns = ["version", "recorded", "served"]
        counts = self._frame.groupby(columns, dropna=False, observed=True).size().rename("count").reset_index()
        alike = counts["recorded"] == counts["served"]
        return counts.iloc[alike.argsort(kind="stable")].reset_index(drop=True)

    def text(self) -> str:
        """The outcome in words."""
        if not self.total:
            return "no exposures"
        differing = self.total - self.same - self.untold
        told = f"{self.same:,} of {self.total:,} exposures are what the flag as it was would serve"
        parts = [told, f"{differing:,} differ" if differing else "none differs"]
        parts += (f"{count:,} can't be told: {why}" for why, count in self._why.items())
        return "; ".join(parts)

    @override
    def _sheet(self) -> Sheet:
        counts = self.summary().head(_CAUSES_SHOWN)
        rows = [list(row) for row in counts.itertuples(index=False, name=None)]
        return Sheet(f"{self.flag}: {self.text()}", list(counts.columns), rows)

    @override
    def __repr__(self) -> str:
        return f"<Reevaluation of {self.flag!r}: {self.text()}>"


def reevaluate(table: "pa.Table", past: Past, users: object, by: str) -> Reevaluation:
    """Ask the flag as it was for each exposure."""
    import pandas as pd

    rows = table.to_pylist()
    states = [past.version(row["version"], row["occurred_at"]) for row in rows]
    needed = past.attributes({state.version for state in states if state is not None})
    contexts = _contexts(needed, users, by) if rows else {}
    ask = _Asking(past)
    found: list[tuple[object, ...]] = []
    why: dict[str, int] = {}
    for row, state in zip(rows, states, strict=True):
        context = contexts.get(row["id"], {TARGETING_KEY: row["id"]} if not needed else None)
        problem = "the flag had no such version" if state is None else "they are of users not given"
        if state is None or context is None:
            why[problem] = why.get(problem, 0) + 1
            version = row["version"] if state is None else state.version
            found.append((row["occurred_at"], row["id"], version, row["variant"], None, None, None, None))
            continue
        got = ask(state, row["occurred_at"]).evaluate({**context, TARGETING_KEY: row["id"]})
        alike = got.variant == row["variant"]
        told = (row["occurred_at"], row["id"], state.version, row["variant"], got.variant, alike)
        found.append((*told, got.reason.value, got.rule))
    frame = pd.DataFrame(found, columns=list(COLUMNS), dtype=object)
    texts = dict.fromkeys(("id", "recorded", "served", "reason", "rule"), "str")
    kinds = {"occurred_at": "datetime64[us, UTC]", "version": "Int64", "same": "boolean"}
    return Reevaluation(past.key, frame.astype({**texts, **kinds}), why)


class _Asking:
    """The flag as it was at a time, compiled; each of its forms once."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._moments = past.moments
        self._timed = past.timed
        self._made: dict[tuple[int, int], CompiledFlag] = {}

    def __call__(self, state: FlagState, when: datetime) -> CompiledFlag:
        if self._timed:
            return compile_flag(state, self._past.ruleset(when), when)
        form = state.version, bisect_right(self._moments, to_us(when))
        if form not in self._made:
            self._made[form] = compile_flag(state, self._past.ruleset(when), when)
        return self._made[form]


def _contexts(needed: Mapping[str, str], users: object, by: str) -> dict[str, dict[str, object]]:
    """What is known of each user, by the text of their targeting key."""
    if users is None:
        if needed:
            names = ", ".join(map(repr, needed))
            hint = f"flag.reevaluate(users), with the columns {by!r}, {names}"
            raise InvalidInputError(f"the users are needed, since {next(iter(needed.values()))}: {names}", hint=hint)
        return {}
    frame = as_pandas(users)
    for name, reason in needed.items():
        if name not in frame.columns:
            error = MissingColumnError(name, map(str, frame.columns))
            error.add_note(reason)
            raise error
    return dict(_keyed(contexts_of(frame, by), by))


def _keyed(contexts: Sequence[dict[str, object]], by: str) -> Iterator[tuple[str, dict[str, object]]]:
    seen: set[str] = set()
    for context in contexts:
        key = targeting_key(context[TARGETING_KEY], by)
        if key and key in seen:
            hint = f"one row for each, e.g. users.drop_duplicates({by!r})"
            raise InvalidInputError(f"user {key!r} is there more than once", hint=hint)
        seen.add(key)
        yield key, context


def _then[S](told: Sequence[tuple[datetime, S]], when: datetime) -> S | None:
    """The last of them that had begun."""
    found = None
    for began, state in told:
        if began > when:
            break
        found = state
    return found
