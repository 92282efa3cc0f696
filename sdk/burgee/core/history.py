"""Histories: every change of something, with who, when and why, before and after (R9.5, R11.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import override

from burgee.core.json import Json
from burgee.core.listing import Listing, typed


@dataclass(frozen=True, slots=True)
class Change[S]:
    """One line of an audit. `before` and `after` hold what the change touched; `state` is what it led to."""

    version: int
    at: datetime
    actor: str
    change: str
    before: Mapping[str, Json]
    after: Mapping[str, Json]
    why: str | None
    state: S


class History[S](Listing[Change[S]]):
    """The changes of something, oldest first. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()
    columns = ("version", "at", "actor", "change", "before", "after", "why")
    dtypes = typed(text="actor change why", whole="version", moment="at")

    @override
    def _row(self, item: Change[S]) -> Mapping[str, object]:
        return {name: getattr(item, name) for name in self.columns}
