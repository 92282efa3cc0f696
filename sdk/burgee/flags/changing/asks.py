"""What may be asked of a flag: one frozen value for each change, checked as it is made, here and on a server alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from burgee.core.checks import need_mapping, need_texts, need_whole
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.changing.checks import (
    MOST_OVERRIDES,
    check_flag_named,
    check_id,
    check_ids,
    check_name,
    check_percent,
    check_ramp,
    check_rule_name,
    check_schedule,
    check_scheme,
    check_slice,
    check_split,
)
from burgee.flags.changing.groups import check_clauses
from burgee.flags.changing.rules import check_rollout, check_salt, make_variants, pick_default
from burgee.flags.changing.schemas import check_schema
from burgee.flags.model import SCHEME, Clause, Schedule, Split


@dataclass(frozen=True, slots=True)
class FlagSpec:
    """A new flag. Without `variants` it is boolean: `on` and `off`."""

    variants: Mapping[str, float] | None = None
    values: Mapping[str, Json] | None = None
    default: str | None = None
    rollout: float = 100.0
    enabled: bool = False
    description: str = ""
    salt: str | None = None
    schema: Json = None
    scheme: str = SCHEME
    rules: "tuple[Target, ...]" = ()

    def __post_init__(self) -> None:
        check_rollout(self.rollout)
        check_description(self.description)
        check_scheme(self.scheme)
        if self.salt is not None:
            check_salt(self.salt)
        variants = make_variants(self.variants, self.values)
        pick_default(variants, self.default, boolean=self.variants is None)
        check_schema(self.schema, variants)


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Switch the flag on or off."""

    enabled: bool
    kind: Literal["enabled"] = "enabled"


@dataclass(frozen=True, slots=True)
class SetKilled:
    """Kill the flag, whatever else is said of it, or let it live again."""

    killed: bool
    kind: Literal["killed"] = "killed"


@dataclass(frozen=True, slots=True)
class SetRollout:
    """Let this many percent of those whom no rule matches into the rollout. It takes the place of a ramp."""

    percent: float
    kind: Literal["rollout"] = "rollout"

    def __post_init__(self) -> None:
        check_rollout(self.percent)


@dataclass(frozen=True, slots=True)
class SetRamp:
    """Let the rollout move by itself, from `low` percent at `start` to `high` at `end`."""

    start: datetime
    end: datetime
    low: float = 0.0
    high: float = 100.0
    kind: Literal["ramp"] = "ramp"

    def __post_init__(self) -> None:
        check_ramp(self.start, self.end, self.low, self.high)


@dataclass(frozen=True, slots=True)
class SetSchedule:
    """Let the flag be on from `start` until `end` only; with neither, at any time."""

    start: datetime | None = None
    end: datetime | None = None
    kind: Literal["schedule"] = "schedule"

    def __post_init__(self) -> None:
        check_schedule(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Target:
    """Add a rule behind those there are: whoever meets all conditions is served `serve`, or a variant by `split`."""

    conditions: tuple[Clause, ...]
    serve: str | None = None
    name: str | None = None
    split: Split | None = None
    percent: float = 100.0
    schedule: Schedule | None = None
    kind: Literal["target"] = "target"

    def __post_init__(self) -> None:
        if not self.conditions:
            raise InvalidInputError(
                "a rule needs a condition", hint="e.g. flag.target('country', 'in', ['DE'], serve='on')"
            )
        check_clauses(self.conditions)
        if (self.serve is None) == (self.split is None):
            raise InvalidInputError("a rule serves one variant or a split: give serve=… or split=…, one of the two")
        if self.split is not None:
            check_split(self.split)
        if self.name is not None:
            check_rule_name(self.name)
        check_percent("the share of a rule", self.percent)
        if self.schedule is not None:
            check_schedule(self.schedule.start, self.schedule.end)


@dataclass(frozen=True, slots=True)
class Untarget:
    """Take a rule away."""

    name: str
    kind: Literal["untarget"] = "untarget"


@dataclass(frozen=True, slots=True)
class Move:
    """Put a rule at another place, counted from 1."""

    name: str
    to: int
    kind: Literal["move"] = "move"

    def __post_init__(self) -> None:
        need_whole("a rule's place", self.to, least=1)


@dataclass(frozen=True, slots=True)
class Override:
    """Give these users, by their targeting keys, these variants, whatever the rules say."""

    variants: Mapping[str, str]
    kind: Literal["override"] = "override"

    def __post_init__(self) -> None:
        need_mapping("overrides", self.variants)
        if not self.variants:
            raise InvalidInputError("say whom to override with what", hint="give variants by id: {'u1': 'treatment'}")
        if len(self.variants) > MOST_OVERRIDES:
            raise too_many_overrides(len(self.variants))
        for id in self.variants:
            check_id("an override", id)


@dataclass(frozen=True, slots=True)
class Unoverride:
    """Treat these users like all others again."""

    ids: tuple[str, ...]
    kind: Literal["unoverride"] = "unoverride"

    def __post_init__(self) -> None:
        if not check_ids("an override", self.ids):
            raise InvalidInputError("say whose override is to go: flag.unoverride('u1')")


@dataclass(frozen=True, slots=True)
class Require:
    """Serve the default unless another flag serves one of these variants."""

    flag: str
    variants: tuple[str, ...]
    kind: Literal["require"] = "require"

    def __post_init__(self) -> None:
        check_flag_named(self.flag)
        need_texts("what is required", self.variants)
        if not self.variants:
            raise InvalidInputError(
                f"say which variants of {self.flag!r} will do",
                hint="e.g. flag.require('new-checkout', 'on')",
            )
        for name in self.variants:
            check_name("a variant", name)


@dataclass(frozen=True, slots=True)
class Unrequire:
    """Require that flag no longer."""

    flag: str
    kind: Literal["unrequire"] = "unrequire"

    def __post_init__(self) -> None:
        check_flag_named(self.flag)


@dataclass(frozen=True, slots=True)
class SetHoldout:
    """Keep this many percent of all users out, the same for all flags that name the holdout; with no name, nobody."""

    name: str | None
    percent: float = 0.0
    kind: Literal["holdout"] = "holdout"

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name("a holdout", self.name)
        check_percent("a holdout", self.percent)


@dataclass(frozen=True, slots=True)
class SetLayer:
    """Keep to a slice of a layer, whose slices share nobody; with no name, to none."""

    layer: str | None
    low: float = 0.0
    high: float = 100.0
    kind: Literal["layer"] = "layer"

    def __post_init__(self) -> None:
        if self.layer is not None:
            check_slice(self.layer, self.low, self.high)


@dataclass(frozen=True, slots=True)
class SetVariants:
    """Give the variants anew: weights in percent, values by name, the default, and a schema.

    Without a schema the one there is stays; `{}` takes it away.
    """

    weights: Mapping[str, float]
    values: Mapping[str, Json] = field(default_factory=dict)
    default: str | None = None
    schema: Json = None
    kind: Literal["variants"] = "variants"

    def __post_init__(self) -> None:
        make_variants(self.weights, self.values)
        check_schema(self.schema, ())


@dataclass(frozen=True, slots=True)
class SetDescription:
    """Say what the flag is for."""

    description: str
    kind: Literal["description"] = "description"

    def __post_init__(self) -> None:
        check_description(self.description)


@dataclass(frozen=True, slots=True)
class SetArchived:
    """Put the flag away, or take it out again. An archived flag serves its default."""

    archived: bool
    kind: Literal["archived"] = "archived"


@dataclass(frozen=True, slots=True)
class Revert:
    """Make the flag what it was at an earlier version."""

    to: int
    kind: Literal["revert"] = "revert"


type OneChange = Annotated[
    SetEnabled
    | SetKilled
    | SetRollout
    | SetRamp
    | SetSchedule
    | Target
    | Untarget
    | Move
    | Override
    | Unoverride
    | Require
    | Unrequire
    | SetHoldout
    | SetLayer
    | SetVariants
    | SetDescription
    | SetArchived
    | Revert,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Several:
    """Changes made together, in their order, or not at all. What goes back to a version can only be the first."""

    changes: tuple[OneChange, ...]
    kind: Literal["several"] = "several"

    def __post_init__(self) -> None:
        if not self.changes:
            raise InvalidInputError("several changes made together are at least one")
        if any(isinstance(change, Revert) for change in self.changes[1:]):
            raise InvalidInputError("of several changes made together only the first can be to revert")


type Change = Annotated[OneChange | Several, Field(discriminator="kind")]


def check_description(description: object) -> str:
    """What something is for: any text that a database can hold, of up to 10,000 characters."""
    if not isinstance(description, str) or len(description) > _LONGEST_DESCRIPTION or "\0" in description:
        raise InvalidInputError(
            f"a description is text of up to {_LONGEST_DESCRIPTION:,} characters, not {description!r:.200}"
        )
    return description


def too_many_overrides(count: int) -> InvalidInputError:
    """The refusal of more overrides than a flag can have."""
    return InvalidInputError(
        f"a flag has at most {MOST_OVERRIDES:,} overrides, not {count:,}",
        hint="put the ids into a segment: acme.segments.create('testers', ids=…), and target it",
    )


_LONGEST_DESCRIPTION = 10_000
