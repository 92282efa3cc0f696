"""Flags as a definition of flagd's: each as its targeting, or why flagd has no words for it.

What flagd can't say is what goes by buckets of burgee's own (rollouts, weights, percentages, holdouts, layers), other
flags, patterns and times of attributes. What it can say it is told with guards, because its missing attribute is null,
and null is below 1: `age lt 18` becomes "age is there, and below 18".
"""

from collections.abc import Iterable, Mapping
from typing import override

from burgee.core.json import Json
from burgee.flags.evaluation.compiled import is_live
from burgee.flags.flagd.saying import UnsayableError
from burgee.flags.model import (
    FlagState,
    Operator,
    Ruleset,
)

SCHEMA = "https://flagd.dev/schema/v0/flags.json"

_WHOLE = 100.0
_SECOND = 1_000_000  # in microseconds
_LARGEST = 2**53  # the numbers flagd holds exactly: its numbers are floats
_BUCKETS = (
    "goes by buckets of burgee's own, which flagd can't make; a rule's split by flagd's can be said: scheme='flagd/1'"
)

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_VERSIONS = {
    Operator.SEMVER_EQ: "=",
    Operator.SEMVER_GT: ">",
    Operator.SEMVER_GTE: ">=",
    Operator.SEMVER_LT: "<",
    Operator.SEMVER_LTE: "<=",
}


class FlagdExport(dict[str, Json]):
    """A definition for flagd, as JSON. `left_out` says of other flags why flagd has no words for them, by key."""

    __slots__ = ("left_out",)

    def __init__(self, flags: Mapping[str, Json], left_out: Mapping[str, str]) -> None:
        super().__init__({"$schema": SCHEMA, "flags": dict(flags)})
        self.left_out = dict(left_out)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self["flags"], self.left_out)


def export_flagd(ruleset: Ruleset, keys: Iterable[str]) -> FlagdExport:
    """The definition of some flags of a ruleset, with what could not be said."""
    made: dict[str, Json] = {}
    left_out: dict[str, str] = {}
    for key in keys:
        try:
            made[key] = definition_of(ruleset.flags[key], ruleset)
        except UnsayableError as error:
            left_out[key] = str(error)
    return FlagdExport(made, left_out)


def definition_of(state: FlagState, ruleset: Ruleset) -> dict[str, Json]:
    """One flag as flagd has it; `UnsayableError` if it has no words for it."""
    made: dict[str, Json] = {
        "state": "ENABLED" if is_live(state) else "DISABLED",
        "variants": _variants(state),
        "defaultVariant": state.default,
    }
    targeting = _targeting(state, ruleset) if is_live(state) else {}
    if targeting is not None and targeting != {}:
        made["targeting"] = targeting
    if state.description:
        made["metadata"] = {"description": state.description}
    return made
