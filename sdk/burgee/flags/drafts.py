"""Drafts: changes of a flag that are tried first, and made later, all at once or not at all.

A draft has the verbs of a flag. They are decided here, with the flags and segments as they were when it was made,
by the same function that decides on the server; nothing is stored before `apply`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.flags.analysis.differences import Difference, difference_frame, differences
from burgee.flags.analysis.preview import Preview, preview
from burgee.flags.changing.changes import Change, OneChange, Revert, Several, applied, decide
from burgee.flags.facade import Flag
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.protocol import FlagService
from burgee.flags.together import Others, check_flag
from burgee.flags.verbs import FlagVerbs

if TYPE_CHECKING:
    import pandas as pd

    from burgee.flags.analysis.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Origin:
    """The handle a draft was made from, and its way to the service."""

    flag: Flag
    link: Link
    service: FlagService

    def ruleset(self) -> Ruleset:
        """The flags and segments as they are now."""
        return self.link.call(self.service.ruleset())


class Draft(FlagVerbs["Draft"]):
    """A flag as it would be. Every verb gives a new draft; the flag itself stays as it is until `apply`.

    Attributes:
        base: the version it was made from.
        state: what the flag would be.
        changes: what was asked for, in order.
    """

    __slots__ = ("_flag", "_origin", "_ruleset", "base", "changes", "evaluate", "state")

    def __init__(
        self,
        origin: Origin,
        ruleset: Ruleset,
        state: FlagState | None = None,
        changes: tuple[OneChange, ...] = (),
    ) -> None:
        self._origin = origin
        self._ruleset = ruleset
        self.base: FlagState = origin.flag.state
        self.state: FlagState = self.base if state is None else state
        self.changes: tuple[OneChange, ...] = changes
        self._flag = self._handle(self.state)
        self.evaluate = self._flag.evaluate
        """What the flag would serve to a context, and why: `draft.evaluate({"id": "u1"})`. Never raises."""

    @property
    def key(self) -> str:
        """The flag's key."""
        return self.base.key

    def assign(self, frame: object, *, by: str = "id") -> "pd.DataFrame":
        """What the flag would serve to each row of a frame; see `Flag.assign`."""
        return self._flag.assign(frame, by=by)

    def explain(self, context: Mapping[str, object]) -> "Explanation":
        """Why a context would be served what it would be; see `Flag.explain`."""
        return self._flag.explain(context)

    def preview(self, users: object, *, by: str = "id", segment: str | None = None) -> Preview:
        """Who of a frame of users would be served another variant than by the version it was made from.

        Args:
            users: any frame of users, with the columns that rules look at, before and after.
            by: the column that holds the targeting key.
            segment: a column of users by which the counts are told, too.
        """
        return preview(self._handle(self.base), self._flag, users, by=by, segment=segment)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What would be different, field by field."""
        return differences(self.base, self.state)

    def diff(self) -> "pd.DataFrame":
        """What would be different: `field, before, after`."""
        return difference_frame(self.differences)

    def ask(self, change: Change) -> "Draft":
        """The draft with a change that was made as a value (`burgee.flags.changing.changes`)."""
        return self._change(change, None, None)

    def undo(self) -> "Draft":
        """The draft without its last change."""
        if not self.changes:
            raise InvalidInputError("this draft has no change to undo")
        return _again(Draft(self._origin, self._ruleset), self.changes[:-1])

    def discard(self) -> "Draft":
        """The draft without any change: the flag as it was drafted from."""
        return Draft(self._origin, self._ruleset)

    def refresh(self) -> "Draft":
        """The same changes, made of the flag as it is now. Refused like the first of them that can't be made."""
        origin = replace(self._origin, flag=self._origin.flag.refresh())
        return _again(Draft(origin, origin.ruleset()), self.changes)

    def apply(self, *, why: str | None = None, expected_version: int | None = None) -> Flag:
        """Make the changes: all of them, as one change with one place in the history, or none.

        Args:
            why: a word for the history.
            expected_version: the version the flag must still have; the one it was drafted from, unless given.

        Returns:
            The flag as it is now.

        Raises:
            ConcurrencyError: the flag was changed meanwhile. `draft.refresh()` is the same on top of that.
            InvalidInputError: the draft has no changes.
        """
        if not self.changes:
            raise InvalidInputError("this draft changes nothing", hint="give it changes, e.g. draft.rollout(20)")
        change = self.changes[0] if len(self.changes) == 1 else Several(self.changes)
        expected = self.base.version if expected_version is None else expected_version
        return self._origin.flag._change(change, why, expected)  # noqa: SLF001 - what its verbs do

    @override
    def _change(self, change: Change, why: str | None, expected_version: int | None) -> "Draft":
        if why is not None or expected_version is not None:
            raise InvalidInputError(
                "a draft stores nothing yet: it takes no why=… and no expected_version=…",
                hint="draft.apply(why=…, expected_version=…)",
            )
        asked = change.changes if isinstance(change, Several) else (change,)
        return _again(self, asked)

    def _with(self, change: OneChange) -> "Draft":
        before, kept, earlier = self.state, self.changes, None
        if isinstance(change, Revert):  # what was drafted before it counts no longer
            before, kept = self.base, ()
            earlier = self._origin.flag.at(change.to).state
        event = decide(change, before, earlier).unwrap()
        if event is None:
            return Draft(self._origin, self._ruleset, before, kept)
        after = applied(before, event.data)
        check_flag(before, after, Others(lambda: self._ruleset.flags, lambda: self._ruleset.segments))
        return Draft(self._origin, self._ruleset, after, (*kept, change))

    def _handle(self, state: FlagState) -> Flag:
        return Flag(self._origin.link, self._origin.service, state, {}, ruleset=self._ruleset)

    def text(self) -> str:
        """What would be different, in a line."""
        return "; ".join(map(str, self.differences)) or "no changes yet"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Draft) and other._same == self._same

    @property
    def _same(self) -> tuple[str | None, FlagState, FlagState]:
        return self._origin.link.tenant, self.base, self.state

    @override
    def __hash__(self) -> int:
        return hash((self._origin.link.tenant, self.key, self.base.version, self.state.rollout))

    @override
    def __repr__(self) -> str:
        return f"<Draft of flag {self.key!r} at version {self.base.version}: {self.text()}>"

    @override
    def _sheet(self) -> Sheet:
        rows: list[tuple[str, Json, Json]] = [(one.field, one.before, one.after) for one in self.differences]
        title = f"Draft of flag {self.key} at version {self.base.version}"
        note = ".preview(users), .apply(why=…)" if rows else "no changes yet: draft.rollout(20), draft.target(…)"
        return Sheet(title, ("field", "before", "after"), rows, note)


def _again(draft: Draft, changes: Iterable[OneChange]) -> Draft:
    """The draft with these changes, too."""
    for change in changes:
        draft = draft._with(change)  # noqa: SLF001 - of its own kind
    return draft
