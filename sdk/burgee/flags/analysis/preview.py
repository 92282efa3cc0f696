"""Previews: who would be served something else by another version of a flag, before anybody is."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, override

from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.flags.analysis.contexts import as_pandas
from burgee.flags.model import FlagState

if TYPE_CHECKING:
    import pandas as pd

    from burgee.notebook.figures import Plot

COLUMNS = ("from_variant", "to_variant", "count", "share")
MOST_MOVES_TOLD = 4
MOST_GROUPS_SHOWN = 12


class Version(Protocol):
    """One version of a flag that can be asked for many."""

    @property
    def state(self) -> FlagState:
        """What the version is."""
        ...

    def assign(self, frame: object, *, by: str = ...) -> "pd.DataFrame":
        """What it serves to each row."""
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """So many users who are served `source` would be served `target`; `share` of all users, 0 to 1."""

    source: str
    target: str
    count: int
    share: float

    @property
    def stays(self) -> bool:
        """Whether it is no move at all."""
        return self.source == self.target


class Preview(Shown):
    """Who would be served another variant by one version of a flag than by another.

    Attributes:
        before, after: the two versions.
    """

    def __init__(
        self, before: "Version", after: "Version", users: "pd.DataFrame", *, by: str, segment: str | None = None
    ) -> None:
        self.before: FlagState = before.state
        self.after: FlagState = after.state
        self._assigned = before.assign(users, by=by)
        self._then = after.assign(users, by=by)
        self._users = users
        self._segment = segment
        if segment is not None:
            self._column(segment)

    @property
    def total(self) -> int:
        """How many users were looked at."""
        return len(self._assigned)

    @property
    def count(self) -> int:
        """How many of them would be served another variant."""
        return int(self._moving.sum())

    @property
    def share(self) -> float:
        """The share of them that would, 0 to 1."""
        return self.count / self.total if self.total else 0.0

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The moves, the largest first; then those who stay, by variant."""
        counts = self._pairs.groupby(list(COLUMNS[:2])).size().reset_index(name="count")
        found: list[Move] = [
            Move(str(source), str(target), int(count), int(count) / self.total)
            for source, target, count in counts.itertuples(index=False)
        ]
        order = {variant.name: place for place, variant in enumerate((*self.before.variants, *self.after.variants))}
        return tuple(sorted(found, key=lambda one: (one.stays, -one.count, order[one.source], order[one.target])))

    @property
    def moved(self) -> "pd.DataFrame":
        """The users who move: their rows, with `from_variant, to_variant, from_reason, to_reason, rule` behind.

        `rule` is the one that would decide, if a rule would. Columns of the users that have these names are left out.
        """
        added = {
            "from_variant": self._assigned["variant"],
            "to_variant": self._then["variant"],
            "from_reason": self._assigned["reason"],
            "to_reason": self._then["reason"],
            "rule": self._then["rule"],
        }
        kept = self._users.loc[:, [name for name in self._users.columns if name not in added]]
        return kept.assign(**added)[self._moving]

    def frame(self) -> "pd.DataFrame":
        """`from_variant, to_variant, count, share`: a row for each pair of variants, also of those who stay.

        The largest move comes first, those who stay come last; `share` is of all users, 0 to 1. Made with a
        `segment`, it is what `by(segment)` gives.
        """
        import pandas as pd

        if self._segment is not None:
            return self.by(self._segment)
        rows = [(one.source, one.target, one.count, one.share) for one in self.moves]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        return frame.astype({"from_variant": "str", "to_variant": "str", "count": "int64", "share": "float64"})

    def by(self, column: str) -> "pd.DataFrame":
        """The same for each value of a column of the users: `COLUMN, from_variant, to_variant, count, share`.

        `share` is of the users with that value. Whoever has none is counted, too.

        Raises:
            MissingColumnError: the users have no such column.
        """
        values = self._column(column)
        pairs = self._pairs.assign(**{_GROUP: values.to_numpy()})
        counts = pairs.groupby([_GROUP, *COLUMNS[:2]], dropna=False, observed=True, sort=True).size()
        frame = counts.rename("count").reset_index()
        sizes = frame.groupby(_GROUP, dropna=False, observed=True)["count"].transform("sum")
        frame["share"] = frame["count"] / sizes
        frame = frame.astype({"from_variant": "str", "to_variant": "str", "count": "int64"})
        return frame.rename(columns={_GROUP: column})

    def by_segment(self, column: str) -> "pd.DataFrame":
        """How much of each segment moves: `COLUMN, users, moved, share`, the most moved first."""
        import pandas as pd

        values = self._column(column)
        groups = pd.DataFrame({_GROUP: values.to_numpy(), "moved": self._moving.to_numpy()})
        found = (
            groups.groupby(_GROUP, dropna=False, observed=True)["moved"].agg(users="size", moved="sum").reset_index()
        )
        found = found.astype({"users": "int64", "moved": "int64"})
        found["share"] = found["moved"] / found["users"]
        found = found.sort_values(["share", "users"], ascending=False, kind="stable", ignore_index=True)
        return found.rename(columns={_GROUP: column})

    def text(self) -> str:
        """The preview in words: `120 of 1,000 users move (12.0 %): control → treatment 120`."""
        where = self._where()
        return "; ".join([f"{self.headline()}: {where}" if where else self.headline(), *self._changed_values()])

    def headline(self) -> str:
        """How many move, in words."""
        users = "user" if self.total == 1 else "users"
        if not self.total:
            return "no users to move"
        if not self.count:
            return f"nobody of {self.total:,} {users} moves"
        verb = "moves" if self.count == 1 else "move"
        return f"{self.count:,} of {self.total:,} {users} {verb} ({100 * self.share:.1f} %)"

    def plot(self) -> "Plot":
        """Who moves where, a bar for each variant; made with a `segment` also how much of each moves."""
        figure: Plot = view("previews").plot(self)
        return figure

    @property
    def segment(self) -> str | None:
        """The column it was asked to be told by."""
        return self._segment

    @property
    def _moving(self) -> "pd.Series[bool]":
        pairs = self._pairs
        return pairs["from_variant"] != pairs["to_variant"]

    @cached_property
    def _pairs(self) -> "pd.DataFrame":
        """From which variant to which, row by row, as text: the variants of two versions may differ."""
        import pandas as pd

        pairs = {"from_variant": self._assigned["variant"], "to_variant": self._then["variant"]}
        return pd.DataFrame({name: column.astype("str") for name, column in pairs.items()})

    def _column(self, name: str) -> "pd.Series":
        if name not in self._users.columns:
            raise MissingColumnError(name, map(str, self._users.columns))
        return self._users[name]

    def _where(self) -> str:
        moving = [one for one in self.moves if not one.stays]
        parts = [f"{one.source} → {one.target} {one.count:,}" for one in moving[:MOST_MOVES_TOLD]]
        if len(moving) > MOST_MOVES_TOLD:
            rest = sum(one.count for one in moving[MOST_MOVES_TOLD:])
            parts.append(f"{len(moving) - MOST_MOVES_TOLD} other moves {rest:,}")
        return ", ".join(parts)

    def _changed_values(self) -> Iterable[str]:
        """Who is served the same variant may yet be served another value."""
        stays = {one.source: one.count for one in self.moves if one.stays}
        for variant in self.after.variants:
            old = self.before.variant(variant.name)
            if old is not None and old.value != variant.value and stays.get(variant.name):
                yield f"{stays[variant.name]:,} stay with {variant.name}, whose value changes"

    @override
    def _sheet(self) -> Sheet:
        title = f"{self.before.key}: {self.headline()}"
        words = "; ".join(filter(None, (self._where(), *self._changed_values())))
        if self._segment is not None:
            groups = self.by_segment(self._segment)
            rows = [
                (group, users, moved, _percent(share))
                for group, users, moved, share in groups.head(MOST_GROUPS_SHOWN).itertuples(index=False)
            ]
            more = len(groups) - len(rows)
            return Sheet(
                title, (self._segment, "users", "move", "%"), rows, f"and {more:,} more; {words}" if more else words
            )
        rows = [
            (one.source, "stays" if one.stays else f"→ {one.target}", one.count, _percent(one.share))
            for one in self.moves
        ]
        return Sheet(title, ("from", "to", "users", "%"), rows, "; ".join(self._changed_values()))

    @override
    def __repr__(self) -> str:
        return f"<Preview of {self.before.key!r}: {self.text()}>"


_GROUP = "burgee_segment"


def preview(before: Version, after: Version, users: object, *, by: str, segment: str | None = None) -> Preview:
    """The preview of two versions over a frame of users.

    Raises:
        InvalidInputError: it is no frame, or the two are not of one flag.
        MissingColumnError: a column is not there that a rule, `by` or `segment` needs.
    """
    if before.state.key != after.state.key:
        raise InvalidInputError(f"{before.state.key!r} and {after.state.key!r} are two flags, not two versions of one")
    return Preview(before, after, as_pandas(users), by=by, segment=segment)


def _percent(share: float) -> float:
    return round(100 * share, 1)
