"""Are they the same people? The variants of two flags, counted against each other over a frame of users.

Where two flags are independent, a variant of the one is served to a variant of the other in proportion. Pearson's
chi-square tells how far the counts are from that, and Cramér's V how strong what binds them is: 0 where nothing does, 1
where the one flag's variant tells the other's (H. Cramér, Mathematical Methods of Statistics, 1946, chapter 21).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.listing import Listing
from burgee.core.page import Page

if TYPE_CHECKING:
    import pandas as pd

_SIGNIFICANT = 0.001
_ALIKE, _STRONG, _WEAK = 0.999, 0.5, 0.1
_FEW = 5
"""Expected users of a cell below which the chi-square distribution is a rough guess (Cochran's rule)."""


@dataclass(frozen=True, slots=True, repr=False)
class Overlap(Shown):
    """Two flags over the same users.

    Attributes:
        first: a flag's key.
        second: the other's.
        rows: the variants that the first serves to somebody, in its order.
        columns: those of the second.
        counts: users by variant of the first, then of the second.
    """

    first: str
    second: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def users(self) -> int:
        """How many users there are."""
        return sum(map(sum, self.counts))

    @property
    def expected(self) -> tuple[tuple[float, ...], ...]:
        """How many there would be of each pair if the flags were independent."""
        across = [sum(column) for column in zip(*self.counts, strict=True)]
        return tuple(tuple(sum(row) * total / self.users for total in across) for row in self.counts)

    @property
    def chi_square(self) -> float:
        """Pearson's: the squared distances of counts from what is expected, each by the latter."""
        pairs = zip(self.counts, self.expected, strict=True)
        return math.fsum((n - e) ** 2 / e for row, wanted in pairs for n, e in zip(row, wanted, strict=True))

    @property
    def freedom(self) -> int:
        """Degrees of freedom; 0 where one of the flags serves all the same."""
        return (len(self.rows) - 1) * (len(self.columns) - 1)

    @property
    def p_value(self) -> float | None:
        """How often independent flags would be as far from it; None where one of them serves all the same."""
        return chi_square_tail(self.chi_square, self.freedom) if self.freedom else None

    @property
    def cramers_v(self) -> float | None:
        """0 where nothing binds them, to 1 where one tells the other; None where one of them serves all the same."""
        least = min(len(self.rows), len(self.columns)) - 1
        return min(1.0, math.sqrt(self.chi_square / self.users / least)) if self.freedom else None

    @property
    def note(self) -> str:
        """What that means, in words."""
        v, p = self.cramers_v, self.p_value
        if v is None or p is None:
            alone = self.first if len(self.rows) == 1 else self.second
            return f"flag {alone!r} serves all {self.users:,} users the same"
        if p >= _SIGNIFICANT:
            said = f"nothing binds them, as far as {self.users:,} users can tell"
        elif v >= _ALIKE:
            said = "one tells the other: they are the same people"
        else:
            degree = "strongly" if v >= _STRONG else "clearly" if v >= _WEAK else "weakly, but surely,"
            said = f"they are {degree} bound: what one serves says something of what the other does"
        few = min(map(min, self.expected)) < _FEW
        return f"{said} (of some pairs fewer than {_FEW} users are expected: the p-value is rough)" if few else said

    def frame(self) -> "pd.DataFrame":
        """A row for each pair of variants: the flags' keys as columns, then `users, expected`."""
        import pandas as pd

        rows = [
            (row, column, self.counts[i][j], self.expected[i][j])
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
        ]
        return pd.DataFrame(rows, columns=[self.first, self.second, "users", "expected"])

    @override
    def _sheet(self) -> Sheet:
        rows = [(name, *counts, sum(counts)) for name, counts in zip(self.rows, self.counts, strict=True)]
        return Sheet(f"{self.first} by {self.second}", ("", *self.columns, "users"), rows, self.note)

    @override
    def __repr__(self) -> str:
        v = self.cramers_v
        told = "" if v is None else f"Cramér's V {v:.3f}, p {self.p_value:.2g}; "
        return f"<Overlap of {self.first!r} and {self.second!r}: {told}{self.note}>"


class Overlaps(Listing[Overlap]):
    """Several flags, two by two. Frame: `first, second, users, cramers_v, p_value, note`."""

    __slots__ = ()
    columns = ("first", "second", "users", "cramers_v", "p_value", "note")

    @override
    def __iter__(self) -> Iterator[Overlap]:
        return super().__iter__()

    @override
    def _row(self, item: Overlap) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}


def overlap_of(first: "tuple[str, pd.Series[str]]", second: "tuple[str, pd.Series[str]]") -> Overlap:
    """Two flags, each by its key and the variant it serves to each of the same users."""
    import pandas as pd

    if first[0] == second[0]:
        raise InvalidInputError(f"a flag is compared with another one, not with itself: {first[0]!r}")
    if not len(first[1]):
        raise InvalidInputError("there are no users to compare by")
    table = pd.crosstab(first[1].to_numpy(), second[1].to_numpy())
    rows = [str(name) for name in first[1].cat.categories if name in table.index]
    columns = [str(name) for name in second[1].cat.categories if name in table.columns]
    counts = table.reindex(index=rows, columns=columns).to_numpy().tolist()
    return Overlap(first[0], second[0], tuple(rows), tuple(columns), tuple(map(tuple, counts)))


def overlaps_of(flags: "Sequence[tuple[str, pd.Series[str]]]") -> Overlaps:
    """Each two of the flags."""
    pairs = [overlap_of(one, other) for number, one in enumerate(flags) for other in flags[number + 1 :]]
    return Overlaps(Page(tuple(pairs), None))


def chi_square_tail(value: float, freedom: int) -> float:
    """How much of the chi-square distribution lies above a value.

    In closed form for whole degrees of freedom: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 26.4.4
    for odd ones and 26.4.5 for even ones.
    """
    half = value / 2
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    if not half:
        return 1.0
    logs = (power * math.log(half) - half - math.lgamma(power + 1) for power in _powers(freedom, odd))
    return min(1.0, tail + math.fsum(map(math.exp, logs)))


def _powers(freedom: int, odd: int) -> list[float]:
    return [step + odd / 2 for step in range((freedom - odd) // 2)]
