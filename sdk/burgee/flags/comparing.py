"""Flags compared: with what they were, with each other, and with the time that went by."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast, override

from burgee.core.checks import listed_texts
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.flags.analysis.differences import difference_frame, differences
from burgee.flags.analysis.overlap import Overlap, Overlaps, overlap_of, overlaps_of
from burgee.flags.analysis.stale import StaleFlag
from burgee.flags.model import FlagState
from burgee.flags.protocol import FlagService

if TYPE_CHECKING:
    import pandas as pd

    from burgee.flags.facade import Flag, Flags


class StaleFlags(Listing[StaleFlag]):
    """Flags that may have done their work, a row for each reason. Frame: `key, why, since, last_seen`."""

    __slots__ = ()
    columns = ("key", "why", "since", "last_seen")
    dtypes = typed(text="key why", moment="since last_seen")

    @override
    def __iter__(self) -> Iterator[StaleFlag]:
        return super().__iter__()

    @override
    def _row(self, item: StaleFlag) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}


class FlagComparing:
    """What a flag is compared with."""

    __slots__ = ()
    _link: Link
    _service: FlagService
    state: FlagState

    def diff(self, before: int, after: int | None = None) -> "pd.DataFrame":
        """What differs between two versions: `flag.diff(3)` from version 3 to this one, `flag.diff(3, 5)`.

        Returns:
            `field, before, after`: a row for each thing that differs, rules one by one.
        """
        first = self._link.call(self._service.at(self.state.key, version=_version(before)))
        then = (
            self.state if after is None else self._link.call(self._service.at(self.state.key, version=_version(after)))
        )
        return difference_frame(differences(first, then))

    def overlap(self, other: "str | Flag", users: object, *, by: str = "id") -> Overlap:
        """Whether the same people are served this and that: `flag.overlap("search", users)`.

        Args:
            other: another flag, or its key.
            users: any frame of users, with the columns that rules look at.
            by: the column that holds the targeting key.

        Returns:
            The counts of users by both flags' variants, with what independent flags would give: `.frame()`,
            `.cramers_v`, `.p_value`, `.note`.

        Raises:
            InvalidInputError: it is the same flag, or there are no users.
            MissingColumnError: the users lack a column that is needed.
        """
        from burgee.flags.facade import Flag

        if not isinstance(other, str | Flag):
            raise InvalidInputError(f"another flag is named by its key, not by {other!r:.100}")
        that = self._flag(other) if isinstance(other, str) else other
        return overlap_of(_served(cast("Flag", self), users, by), _served(that, users, by))

    @abstractmethod
    def _flag(self, key: str) -> "Flag":
        """Another flag, as it is now."""


class FlagsComparing:
    """What the flags of a tenant are compared with."""

    __slots__ = ()
    _link: Link
    _service: FlagService

    def overlap(self, keys: Iterable[str], users: object, *, by: str = "id") -> Overlaps:
        """Whether the same people are served several flags: each two of them over the same users.

        `acme.flags.overlap(["checkout", "search"], users)` shows itself; its frame has the columns
        `first, second, users, cramers_v, p_value, note`. See `Flag.overlap` for one pair.
        """
        named = listed_texts("flags", keys)
        if len(named) < 2:  # noqa: PLR2004 - a pair
            raise InvalidInputError(
                f"name two flags or more, not {len(named)}", hint="flags.overlap(['a', 'b'], users)"
            )
        flags = cast("Flags", self)
        return overlaps_of([_served(flags.get(key), users, by) for key in named])

    def stale(self, days: int = 30) -> StaleFlags:
        """Flags that may have done their work: for so many days off, the same for everybody, or seen by nobody.

        Frame: `key, why, since, last_seen`, a row for each reason. Who was seen is told by exposures: events of type
        `flag.exposure` that name the flag in their data. Where there are none of any flag, nothing is said of it.
        """
        return StaleFlags(Page(self._link.call(self._service.stale(days))))


def _version(version: object) -> int:
    if isinstance(version, bool) or not isinstance(version, int):
        raise InvalidInputError(f"a version is a whole number, not {version!r:.100}")
    return version


def _served(flag: "Flag", users: object, by: str) -> "tuple[str, pd.Series[str]]":
    return flag.key, flag.assign(users, by=by)["variant"]
