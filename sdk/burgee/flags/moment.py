"""All flags of a tenant as they were at one time, to ask and to compare with. Nothing in it changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown
from burgee.core.errors import NotFoundError
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.flags.analysis.evaluations import Evaluations
from burgee.flags.assigning import FlagAssigning, chosen
from burgee.flags.evaluation.rulesets import CompiledRuleset
from burgee.flags.facade import STATE_COLUMNS, Flag, state_row
from burgee.flags.model import Evaluation, FlagState, Ruleset
from burgee.flags.protocol import FlagService

if TYPE_CHECKING:
    import pandas as pd


class FlagsAt(Shown, Mapping[str, Flag]):
    """The flags of a tenant at a time, with their segments, schedules and ramps as they stood.

    Attributes:
        time: that time.
        ruleset: the flags and segments.
    """

    __slots__ = ("_compiled", "_link", "_service", "ruleset", "time")

    def __init__(self, link: Link, service: FlagService, ruleset: Ruleset, time: datetime) -> None:
        self._link = link
        self._service = service
        self.ruleset = ruleset
        self.time = time
        self._compiled = CompiledRuleset(ruleset, time)

    @override
    def __getitem__(self, key: str) -> Flag:
        state = self.ruleset.flags.get(key)
        if state is None:
            raise NotFoundError("flag", str(key), sorted(self.ruleset.flags))
        return Flag(self._link, self._service, state, {}, ruleset=self.ruleset, now=self.time)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.ruleset.flags))

    @override
    def __len__(self) -> int:
        return len(self.ruleset.flags)

    @override
    def __contains__(self, key: object) -> bool:
        return key in self.ruleset.flags

    def evaluate(self, key: str, context: Mapping[str, object], *, default: Json = None) -> Evaluation[Json]:
        """What the flag of that key served to a context, and why. Never raises; see `Flags.evaluate`."""
        return self._compiled.evaluate(key, context, default)

    def evaluate_all(self, context: Mapping[str, object]) -> Evaluations:
        """What every flag served to a context: by key, and as a frame. Archived ones are left out."""
        return Evaluations(self._compiled.evaluate_all(context))

    def assign(
        self, frame: object, flags: Iterable[FlagAssigning | str] | None = None, *, by: str = "id"
    ) -> "pd.DataFrame":
        """The variants that flags served to each row of a frame: the same index, a column for each flag.

        Args:
            frame: any frame, with the columns that rules look at.
            flags: keys, or flags; all that were not archived, unless given.
            by: the column that holds the targeting key.

        Raises:
            NotFoundError: there was no such flag.
            MissingColumnError: the frame lacks a column that a flag needs.
        """
        from burgee.flags.sql.several import assign_several

        return assign_several(chosen(self.ruleset, flags), frame, by, self.ruleset, self.time)

    def frame(self) -> "pd.DataFrame":
        """The flags as a frame, with the columns of `Flags.frame`."""
        import pandas as pd

        return pd.DataFrame([state_row(state) for state in self._states], columns=list(STATE_COLUMNS))

    @property
    def _states(self) -> list[FlagState]:
        return [self.ruleset.flags[key] for key in self]

    def _ipython_key_completions_(self) -> Sequence[str]:
        return list(self)

    @override
    def _sheet(self) -> Sheet:
        rows = [tuple(state_row(state).values()) for state in self._states]
        return Sheet(f"Flags of {self._link.tenant} at {_words(self.time)}", STATE_COLUMNS, rows)

    @override
    def __repr__(self) -> str:
        told = ", ".join(self) or "there were none"
        return f"<Flags of {self._link.tenant!r} at {_words(self.time)}: {told}>"


def _words(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
