"""The words of feature flags, as frozen values. A `FlagState` is one version of a flag, whole.

What is served, in this order (design, "Flags"):

1. A flag that is off (not enabled, killed, archived, outside its schedule) serves its default: `DISABLED`.
2. A prerequisite that is not met: the default (`DEFAULT`, rule `prerequisite KEY`).
3. Who is named in the overrides gets the variant named there (`TARGETING_MATCH`, rule `override`).
4. Who is held out gets the default (`DEFAULT`, rule `holdout NAME`), and so does who falls outside the flag's slice of
   its layer (`DEFAULT`, rule `layer NAME`).
5. Rules in their order. The first whose time it is, whose conditions are met and in whose percentage the targeting key
   falls serves its variant (`TARGETING_MATCH`), or its own split (`SPLIT`).
6. The rollout: inside it the weights decide (`SPLIT`), outside it the default is served (`DEFAULT`).

A targeting key is asked for where one is needed first; where there is none the default is served (`ERROR`). It is
needed by 4, by a rule with a percentage or a split once its conditions are met, and by 6; 3 passes without one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from burgee.core.history import Change
from burgee.core.json import Json

SCHEME = "md5-32/1"
"""How ids fall into buckets: `u` is the first 4 bytes, big-endian, of `md5(f"{salt}-{id}")`.

An id is in a rollout of p % when `u < round(p / 100 * 2**32)`.
"""

SHA256 = "sha256-32/1"
"""The same with SHA-256 in MD5's place, for where MD5 is not allowed (FIPS)."""

FLAGD = "flagd/1"
"""The `fractional` operation of flagd, for definitions that came from there: only in the split of a rule."""

SCHEMES = (SCHEME, SHA256)
"""What a flag's own buckets may be made by."""

BUCKETS = 2**32

OVERRIDE = "override"
"""What stands for a rule where an override decided; no rule may have this name."""

type Scalar = str | int | float | bool
type Operand = Scalar | tuple[Scalar, ...] | None


class Reason(StrEnum):
    """Why a value was served; the words of the OpenFeature specification (section 2.2, resolution reasons)."""

    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DEFAULT = "DEFAULT"
    DISABLED = "DISABLED"
    STALE = "STALE"
    ERROR = "ERROR"


class Operator(StrEnum):
    """How a condition compares. A missing attribute (absent, None or NaN) meets no condition but `not_exists`."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"  # both ends included
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"  # a regular expression, found anywhere in the text
    EXISTS = "exists"
    NOT_EXISTS = "not_exists"
    BEFORE = "before"
    AFTER = "after"
    SEMVER_EQ = "semver_eq"
    SEMVER_GT = "semver_gt"
    SEMVER_GTE = "semver_gte"
    SEMVER_LT = "semver_lt"
    SEMVER_LTE = "semver_lte"
    IN_SEGMENT = "in_segment"
    NOT_IN_SEGMENT = "not_in_segment"


@dataclass(frozen=True, slots=True)
class Variant[TValue]:
    """One of the things a flag can serve: its name, its value and its share of the rollout in percent."""

    name: str
    value: TValue
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Condition:
    """`attribute op value`, e.g. country in (DE, FR).

    What `value` is, by operator: one scalar (`eq`, order, text, `matches`), several (`in`, `not_in`), a pair
    (`between`), nothing (`exists`), ISO 8601 text in UTC with microseconds (`before`, `after`), a semantic
    version's text, the keys of segments, any of which will do (`in_segment`).
    """

    attribute: str
    op: Operator
    value: Operand = None

    def __str__(self) -> str:
        if self.op in {Operator.EXISTS, Operator.NOT_EXISTS}:
            return f"{self.attribute} {self.op}"
        shown = f"({', '.join(map(str, self.value))})" if isinstance(self.value, tuple) else repr(self.value)
        return f"{self.attribute} {self.op} {shown}"


@dataclass(frozen=True, slots=True)
class Group:
    """Clauses together: `all` of them met, `any` of them, or `not` one of them (met when none is).

    Each condition is met or not before they are put together: there is no third answer, so `not` of a condition on a
    missing attribute is met.
    """

    match: Literal["all", "any", "not"]
    clauses: tuple["Clause", ...]

    def __str__(self) -> str:
        if self.match == "not":
            return f"not ({' or '.join(map(str, self.clauses))})"
        return f"({(' and ' if self.match == 'all' else ' or ').join(map(str, self.clauses))})"


type Clause = Condition | Group


def conditions_in(clauses: Iterable[Clause]) -> Iterator[Condition]:
    """The conditions of clauses, also of those in groups, in their order."""
    for clause in clauses:
        if isinstance(clause, Condition):
            yield clause
        else:
            yield from conditions_in(clause.clauses)


@dataclass(frozen=True, slots=True)
class Split:
    """How those whom a rule matches are shared out: percent by variant, 100 together.

    Attributes:
        shares: each variant's share in percent, in their order.
        salt: what the buckets are made with; the flag's `variant_salt` unless given, so that a split with the
            flag's own weights gives everybody what the rollout would.
        by: the attribute that is hashed in place of the targeting key.
        scheme: how buckets are made; the flag's unless given.
    """

    shares: tuple[tuple[str, float], ...]
    salt: str | None = None
    by: str = "id"
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """From when (included) until when (excluded); open where there is none."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rollout that moves by itself, evenly, from one percentage at `start` to another at `end`, and stays there."""

    start: datetime
    end: datetime
    low: float = 0.0
    high: float = 100.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Whoever meets all clauses is served the variant `serve`, or one by `split`; one of the two is given.

    With a `percent`, only that share of them, by buckets of the rule's own (`rule_salt`); the others go on to the
    next rule.
    """

    name: str
    conditions: tuple[Clause, ...]
    serve: str | None = None
    split: Split | None = None
    percent: float = 100.0
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Another flag must serve one of these variants."""

    flag: str
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holdout:
    """This percentage of all users is kept out. Flags that name the same holdout keep out the same people."""

    name: str
    percent: float


@dataclass(frozen=True, slots=True)
class Slice:
    """A flag's part of a layer, `low` (included) to `high` (excluded) percent. Slices of one layer share nobody."""

    layer: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FlagState:
    """One version of a flag, whole."""

    key: str
    variants: tuple[Variant[Json], ...]
    default: str
    enabled: bool = False
    rollout: float = 100.0
    rules: tuple[Rule, ...] = ()
    salt: str = ""
    scheme: str = SCHEME
    description: str = ""
    archived: bool = False
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    killed: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Variants by targeting key."""
    prerequisites: tuple[Prerequisite, ...] = ()
    holdout: Holdout | None = None
    slice: Slice | None = None
    schedule: Schedule | None = None
    ramp: Ramp | None = None
    """In place of `rollout`."""
    schema: Json = None
    """A JSON Schema that the variants' values meet."""

    @property
    def variant_salt(self) -> str:
        """The salt that picks the variant; another than the rollout's, so that a raised rollout moves nobody."""
        return f"{self.salt}/variant"

    def rule_salt(self, rule: str) -> str:
        """The salt of a rule's percentage."""
        return f"{self.salt}/rule/{rule}"

    def variant(self, name: str) -> Variant[Json] | None:
        """The variant of that name."""
        return next((variant for variant in self.variants if variant.name == name), None)


def holdout_salt(name: str) -> str:
    """The salt of a holdout: not the flag's, so that flags hold out the same people."""
    return f"holdout/{name}"


def layer_salt(name: str) -> str:
    """The salt of a layer, the same for all its flags."""
    return f"layer/{name}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One version of a segment: users told by ids, by clauses, or both; used by rules with `in_segment`.

    `attribute in_segment KEY` is met if the attribute's value (as a targeting key is told: text, or a whole number by
    its digits) is among `ids`, or else if all `clauses` are met (and there are some); never if it is among `without`.
    Where the attribute is missing, only the clauses can tell.
    """

    key: str
    clauses: tuple[Clause, ...] = ()
    ids: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    description: str = ""
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Flags and segments as they were together at one moment: whatever is needed to evaluate.

    Archived flags are among them, since they serve their default; archived segments are not.

    `position` is that of the last event of the tenant that was looked at: what to go on from when following.
    """

    flags: Mapping[str, FlagState] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)
    position: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation[TValue]:
    """What a flag serves to one context, and why. `rule` names the rule that matched; `error` says what went wrong."""

    flag: str
    value: TValue
    variant: str | None
    reason: Reason
    rule: str | None = None
    error: str | None = None


type FlagChange = Change[FlagState]
type SegmentChange = Change[Segment]
