"""The words of feature flags, as frozen values. A `FlagState` is one version of a flag, whole.

What is served (design, "Flags"): rules are tried in order and the first that matches serves its
variant. Whoever matches none falls to the rollout: inside it the weights decide (`SPLIT`), outside
it the default variant is served (`DEFAULT`). A disabled flag serves its default (`DISABLED`).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from burgee.core.history import Change
from burgee.core.json import Json

SCHEME = "md5-32/1"
"""How ids fall into buckets: `u` is the first 4 bytes, big-endian, of `md5(f"{salt}-{id}")`.

An id is in a rollout of p % when `u < round(p / 100 * 2**32)`.
"""

BUCKETS = 2**32

type Scalar = str | int | float | bool
type Operand = Scalar | tuple[Scalar, ...] | None


class Reason(StrEnum):
    """Why a value was served; the words of the OpenFeature specification (section 2.2, resolution reasons)."""

    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DEFAULT = "DEFAULT"
    DISABLED = "DISABLED"
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
    EXISTS = "exists"
    NOT_EXISTS = "not_exists"


@dataclass(frozen=True, slots=True)
class Variant[TValue]:
    """One of the things a flag can serve: its name, its value and its share of the rollout in percent."""

    name: str
    value: TValue
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Condition:
    """`attribute op value`, e.g. country in (DE, FR)."""

    attribute: str
    op: Operator
    value: Operand = None

    def __str__(self) -> str:
        if self.op in {Operator.EXISTS, Operator.NOT_EXISTS}:
            return f"{self.attribute} {self.op}"
        shown = f"({', '.join(map(str, self.value))})" if isinstance(self.value, tuple) else repr(self.value)
        return f"{self.attribute} {self.op} {shown}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Whoever meets all conditions is served this variant."""

    name: str
    conditions: tuple[Condition, ...]
    serve: str


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

    @property
    def variant_salt(self) -> str:
        """The salt that picks the variant; another than the rollout's, so that a raised rollout moves nobody."""
        return f"{self.salt}/variant"

    def variant(self, name: str) -> Variant[Json] | None:
        """The variant of that name."""
        return next((variant for variant in self.variants if variant.name == name), None)


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
