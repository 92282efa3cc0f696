"""What analysts ask of a flag: why, who would move, what if, and was it so. None of it changes the flag."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast, overload

from burgee.core.clock import Moment
from burgee.core.display import view
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.flags.analysis.explanation import Explanation, explain_frame
from burgee.flags.analysis.preview import Preview, Version, preview
from burgee.flags.changing.checks import check_time
from burgee.flags.evaluation.compiled import CompiledFlag
from burgee.flags.evaluation.explaining import explain
from burgee.flags.evaluation.rulesets import segments_named, segments_of
from burgee.flags.model import FlagState, Segment
from burgee.flags.protocol import FlagService

if TYPE_CHECKING:
    import pandas as pd

    from burgee.core.frames import ArrowStream
    from burgee.flags.analysis.reevaluation import Past, Reevaluation
    from burgee.flags.drafts import Draft
    from burgee.flags.facade import Flag
    from burgee.notebook.editor import FlagEditor


class FlagAnalysis:
    """The questions an analyst has about one version of a flag."""

    __slots__ = ()

    _compiled: CompiledFlag
    _link: Link
    _service: FlagService
    state: FlagState

    @overload
    def explain(self, who: Mapping[str, object]) -> Explanation: ...

    @overload
    def explain(
        self, who: "pd.DataFrame | ArrowStream | Sequence[Mapping[str, object]]", *, by: str = "id"
    ) -> "pd.DataFrame": ...

    def explain(self, who: object, *, by: str = "id") -> "Explanation | pd.DataFrame":
        """Why a context is served what it is: each step, each condition with the value seen, each bucket.

        `flag.explain({"id": "u1", "country": "DE"})` shows itself, and has `.frame()`. Of a frame of up to 10,000
        users it gives the same frames one below the other, with the users' index, and their keys in the column `id`.

        Args:
            who: a context, or any frame of users.
            by: of a frame, the column that holds the targeting key.

        Raises:
            InvalidInputError: the frame has too many rows.
            MissingColumnError: the frame has no column `by`. Other columns that are missing are missing attributes.
        """
        if _is_frame(who):
            return explain_frame(self._compiled, who, by)
        return Explanation(explain(self._compiled, who), who)  # type: ignore[arg-type] # it says what is wrong with it

    def preview(
        self,
        users: object,
        to: Version | None = None,
        *,
        by: str = "id",
        segment: str | None = None,
        rollout: float | None = None,
        enabled: bool | None = None,
        variants: Mapping[str, float] | None = None,
        override: Mapping[str, str] | None = None,
        untarget: str | None = None,
    ) -> Preview:
        """Who would be served another variant by a change, before anyone is: `flag.preview(users, rollout=40)`.

        Args:
            users: any frame of users, with the columns that rules look at, before and after.
            to: another version, or a draft, to compare with: `flag.preview(users, flag.at(3))`.
            by: the column that holds the targeting key.
            segment: a column of the users by which the counts are told, too.
            rollout: try this percentage.
            enabled: try it switched on, or off.
            variants: try these weights.
            override: try these variants by id.
            untarget: try it without the rule of that name.

        Raises:
            InvalidInputError: nothing to try is given, or it can't be so.
            MissingColumnError: the users lack a column that is needed.
        """
        tried: list[Callable[[Draft], Draft]] = []
        if rollout is not None:
            tried.append(lambda draft: draft.rollout(rollout))
        if enabled is not None:
            tried.append(lambda draft: draft.enable() if enabled else draft.disable())
        if untarget is not None:
            tried.append(lambda draft: draft.untarget(untarget))
        if variants is not None:
            tried.append(lambda draft: draft.variants(variants))
        if override is not None:
            tried.append(lambda draft: draft.override(override))
        if (to is None) != bool(tried):
            hint = (
                "flag.preview(users, rollout=40), or of any change a draft: flag.preview(users, flag.draft().target(…))"
            )
            raise InvalidInputError("say what to try: another version or draft, or changes, one of the two", hint=hint)
        other: Version | Draft = self.draft() if to is None else to
        for change in tried:
            other = change(cast("Draft", other))
        return preview(cast("Version", self), other, users, by=by, segment=segment)

    def draft(self) -> "Draft":
        """A draft: it has all verbs of a flag, and nothing is stored before its `apply`.

        `flag.draft().rollout(40).target("plan", "eq", "pro", serve="on").preview(users)`
        """
        from burgee.flags.drafts import Draft, Origin

        origin = Origin(cast("Flag", self), self._link, self._service)
        return Draft(origin, origin.ruleset())

    def editor(self, users: object = None, *, by: str = "id") -> "FlagEditor":
        """Rules, rollout and overrides to try by hand: who of the users would move, what would differ, then apply."""
        editor: FlagEditor = view("editor").FlagEditor(self, users, by=by)
        return editor

    def reevaluate(
        self, users: object = None, *, by: str = "id", since: Moment | None = None, until: Moment | None = None
    ) -> "Reevaluation":
        """Past exposures against the flag as it was then: was everybody served what it would have served?

        Exposures are the events of type `flag.exposure` about this flag: `flag`, `variant` and `id` in their data,
        and the `version` that was asked; without one, the version of the time is taken.

        Args:
            users: a frame of the users with the columns that rules look at; needed only if rules do.
            by: the column of the users that holds the targeting key.
            since: only exposures from this time on.
            until: only those before this time.

        Raises:
            InvalidInputError: rules look at attributes, and no users are given; it says which columns are needed.
            MissingColumnError: the users lack such a column.
        """
        from burgee.flags.analysis.reevaluation import reevaluate

        first = None if since is None else check_time("since", since)
        last = None if until is None else check_time("until", until)
        table = self._link.call(self._service.exposures(self.state.key, first, last)).read_all()
        return reevaluate(table, self._past(), users, by)

    def _past(self) -> "Past":
        """All versions of the flag, and of the flags and segments that any of them, or those, ever referred to."""
        from burgee.flags.analysis.reevaluation import Past

        flags: dict[str, list[tuple[datetime, FlagState]]] = {}
        segments: dict[str, list[tuple[datetime, Segment]]] = {}
        wanted, named = {self.state.key}, set[str]()
        while missing := wanted - flags.keys():
            for key in missing:
                flags[key] = [(one.at, one.state) for one in self._link.call(self._service.history(key))]
                for _, state in flags[key]:
                    wanted |= {one.flag for one in state.prerequisites}
                    named |= segments_named(state)
        while missing := named - segments.keys():
            for key in missing:
                segments[key] = [(one.at, one.state) for one in self._link.call(self._service.segment_history(key))]
                for _, segment in segments[key]:
                    named |= set(segments_of(segment.clauses))
        return Past(self.state.key, flags, segments)


def _is_frame(who: object) -> bool:
    """Whether it is many rows; a row of a frame has `get`, and is a context."""
    if isinstance(who, Mapping):
        return False
    rows = isinstance(who, list | tuple)
    return rows or hasattr(who, "columns") or (hasattr(who, "__arrow_c_stream__") and not hasattr(who, "get"))
