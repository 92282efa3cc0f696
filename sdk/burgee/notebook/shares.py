"""How a frame of users falls to a flag's variants, and why: what the plot and the widget both show."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from burgee.flags.model import FlagState, Reason

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    Reason.TARGETING_MATCH: "rule",
    Reason.SPLIT: "split",
    Reason.DEFAULT: "default",
    Reason.DISABLED: "disabled",
    Reason.ERROR: "error",
}
"""The reasons as people say them, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class Share:
    """What became of one variant: how many are served it, of how many, and for which reasons."""

    variant: str
    count: int
    total: int
    reasons: tuple[tuple[str, int], ...]
    """Words of `WORDS` with their counts; those that occur."""

    @property
    def percent(self) -> float:
        """The share of all users, in percent."""
        return 100 * self.count / self.total if self.total else 0.0


def shares(state: FlagState, assigned: "pd.DataFrame") -> list[Share]:
    """The share of each variant, in the flag's order, of what `flag.assign` gave."""
    sizes = assigned.groupby(["variant", "reason"], observed=True).size().reset_index(name="size")
    counts = {(str(variant), str(reason)): int(size) for variant, reason, size in sizes.itertuples(index=False)}
    found = []
    for variant in state.variants:
        reasons = [(word, counts.get((variant.name, reason.value), 0)) for reason, word in WORDS.items()]
        there = tuple((word, count) for word, count in reasons if count)
        found.append(Share(variant.name, sum(count for _, count in there), len(assigned), there))
    return found
