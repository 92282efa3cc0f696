"""The fluent objects of segments: `acme.segments`, and the handle of one segment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_text
from burgee.core.display import Sheet, Shown
from burgee.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from burgee.core.history import History
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.flags.changing.asks import Revert, SetArchived, SetDescription
from burgee.flags.changing.checks import check_time
from burgee.flags.changing.groups import ClauseLike, check_clauses
from burgee.flags.changing.rules import check_key
from burgee.flags.changing.segments import AddIds, Change, ExcludeIds, RemoveIds, SegmentSpec, SetClauses
from burgee.flags.model import Segment as SegmentState
from burgee.flags.model import SegmentChange
from burgee.flags.protocol import FlagService
from burgee.flags.verbs import id_text

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("key", "clauses", "ids", "without", "description", "archived", "version", "updated_at")
_IDS_SHOWN = 5


class Segment(Shown):
    """One version of a segment. Every verb returns a handle to the new version; this one stays as it is.

    Every verb takes `why`, a word for the history, and `expected_version`: then the change is made only if nobody
    changed the segment since that version, else `ConcurrencyError` is raised.
    """

    __slots__ = ("_known", "_link", "_service", "state")

    def __init__(self, link: Link, service: FlagService, state: SegmentState, known: dict[str, SegmentState]) -> None:
        self._link = link
        self._service = service
        self._known = known  # what `Segments` shows as the newest it knows
        self.state = state

    @property
    def key(self) -> str:
        """The segment's key: what rules name with `in_segment`."""
        return self.state.key

    @property
    def version(self) -> int:
        """The version this handle shows, from 1."""
        return self.state.version

    @property
    def ids(self) -> frozenset[str]:
        """Those who are in by name."""
        return self.state.ids

    def where(self, *clauses: ClauseLike, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Give the clauses anew: who meets all of them is in. With none, only ids tell.

        `segment.where(("country", "in", ["DE", "AT"]), ("age", "gte", 18))`
        """
        return self._change(SetClauses(check_clauses(clauses)), why, expected_version)

    def add(self, ids: object, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Let these in by name: an id, or a list, set or column of them. Who was kept out by name is so no longer."""
        return self._change(AddIds(id_texts(ids)), why, expected_version)

    def remove(self, ids: object, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Name these no longer, neither as in nor as out: the clauses tell then."""
        return self._change(RemoveIds(id_texts(ids)), why, expected_version)

    def exclude(self, ids: object, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Keep these out by name, whatever the clauses say."""
        return self._change(ExcludeIds(id_texts(ids)), why, expected_version)

    def describe(self, description: str, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Say what the segment is for."""
        return self._change(SetDescription(description), why, expected_version)

    def archive(self, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Put the segment away. Refused while flags or other segments use it."""
        return self._change(SetArchived(True), why, expected_version)

    def restore(self, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Take the segment out of the archive."""
        return self._change(SetArchived(False), why, expected_version)

    def revert(self, to: int, *, why: str | None = None, expected_version: int | None = None) -> "Segment":
        """Make the segment what it was at version `to`. That is a change too, and can itself be reverted."""
        return self._change(Revert(to), why, expected_version)

    def refresh(self) -> "Segment":
        """The segment as it is now."""
        return self._newest(self._link.call(self._service.get_segment(self.key)))

    def at(self, when: int | str | date) -> "Segment":
        """The segment as it was at a version, or at a time: `segment.at(3)`, `segment.at("2026-11-01")`."""
        if isinstance(when, int) and not isinstance(when, bool):
            return self._at(self._link.call(self._service.segment_at(self.key, version=when)))
        return self._at(self._link.call(self._service.segment_at(self.key, time=check_time("a time", when))))

    def history(self) -> "SegmentHistory":
        """Every change, oldest first: who, when, why, before and after, and which ids came and went."""
        return SegmentHistory(Page(self._link.call(self._service.segment_history(self.key))))

    def _change(self, change: Change, why: str | None, expected_version: int | None) -> "Segment":
        return self._newest(self._link.call(self._service.change_segment(self.key, change, expected_version, why)))

    def _newest(self, state: SegmentState) -> "Segment":
        self._known[state.key] = state
        return self._at(state)

    def _at(self, state: SegmentState) -> "Segment":
        return Segment(self._link, self._service, state, self._known)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and other.state == self.state and other._link.tenant == self._link.tenant

    @override
    def __hash__(self) -> int:
        return hash((self._link.tenant, self.key, self.version))

    @override
    def __repr__(self) -> str:
        row = segment_row(self.state)
        parts = [f"{row['ids']:,} ids", f"{row['without']:,} kept out" if row["without"] else "", row["clauses"]]
        archived = " archived" if self.state.archived else ""
        return f"<Segment {self.key!r}{archived} {', '.join(map(str, filter(None, parts)))}, version {self.version}>"

    @override
    def _sheet(self) -> Sheet:
        row = segment_row(self.state)
        rows: list[tuple[object, ...]] = [(name, row[name]) for name in _COLUMNS if name not in {"key", "clauses"}]
        rows[0] = ("ids", _some(self.state.ids))
        rows[1] = ("without", _some(self.state.without))
        rows += [(f"clause {number}", str(clause)) for number, clause in enumerate(self.state.clauses, 1)]
        return Sheet(f"Segment {self.key}", ("", "value"), rows)


class SegmentList(Listing[Segment]):
    """The segments of a tenant."""

    __slots__ = ()
    columns = _COLUMNS
    dtypes = typed(text="key clauses description", whole="ids without version", yes_no="archived", moment="updated_at")

    @override
    def __iter__(self) -> Iterator[Segment]:
        return super().__iter__()

    @override
    def _row(self, item: Segment) -> Mapping[str, object]:
        return segment_row(item.state)


class SegmentHistory(History[SegmentState]):
    """The changes of a segment. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[SegmentChange]:
        return super().__iter__()


class Segments(Shown):
    """The segments of a tenant: `acme.segments["beta-testers"]`."""

    __slots__ = ("_known", "_link", "_service")

    def __init__(self, link: Link, service: FlagService) -> None:
        self._link = link
        self._service = service
        self._known: dict[str, SegmentState] = {}  # what has been fetched, for completion and for what is shown

    def create(
        self,
        key: str,
        *clauses: ClauseLike,
        ids: object = (),
        without: object = (),
        description: str = "",
        why: str | None = None,
        exist_ok: bool = False,
    ) -> Segment:
        """Create a segment: `acme.segments.create("adults", ("age", "gte", 18), without=["u7"])`.

        Args:
            key: letters, digits, `-`, `_` and `.`: what rules name with `in_segment`.
            clauses: who meets all of them is in.
            ids: who is in by name: a list, set or column of targeting keys, up to a million.
            without: who is kept out by name, whatever the clauses say.
            description: what it is for.
            why: a word for the history.
            exist_ok: a segment of that key that is there already is given as it is, so that a cell can be run again.
        """
        check_key(key, "segment")
        spec = SegmentSpec(check_clauses(clauses), id_texts(ids), id_texts(without), description)
        try:
            return self._handle(self._link.call(self._service.create_segment(key, spec, why)))
        except AlreadyExistsError:
            if exist_ok:
                return self.get(key)
            raise

    def get(self, key: str) -> Segment:
        """The segment of that key; `NotFoundError` says which there are."""
        need_text("a segment's key", key)
        try:
            return self._handle(self._link.call(self._service.get_segment(key)))
        except NotFoundError:
            self._known.pop(key, None)
            raise

    def __getitem__(self, key: str) -> Segment:
        return self.get(key)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self.get(key) is not None
        except NotFoundError:
            return False

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.list())

    def list(self, *, archived: bool = False) -> SegmentList:
        """The segments by key; archived ones only if asked for."""

        def ask(after: str | None) -> Page[Segment]:
            page = self._link.call(self._service.list_segments(after, archived=archived))
            return Page(tuple(map(self._handle, page.items)), page.after)

        return SegmentList(ask(None), ask)

    def frame(self) -> "pd.DataFrame":
        """The segments as a frame: `key, clauses, ids, without, description, archived, version, updated_at`.

        `ids` and `without` are how many there are.
        """
        return self.list().frame()

    def _handle(self, state: SegmentState) -> Segment:
        self._known[state.key] = state
        return Segment(self._link, self._service, state, self._known)

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Segments of {self._link.tenant!r}: {', '.join(sorted(self._known)) or 'none fetched yet'}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [tuple(segment_row(state).values()) for _, state in sorted(self._known.items())]
        note = "what has been fetched; .list() asks again"
        return Sheet(f"Segments of {self._link.tenant}", _COLUMNS, rows, note)


def segment_row(state: SegmentState) -> dict[str, object]:
    """A segment's state as a row of words."""
    return {
        "key": state.key,
        "clauses": " and ".join(map(str, state.clauses)),
        "ids": len(state.ids),
        "without": len(state.without),
        "description": state.description,
        "archived": state.archived,
        "version": state.version,
        "updated_at": state.updated_at,
    }


def id_texts(ids: object) -> tuple[str, ...]:
    """Targeting keys as their texts, each once: of one id, or of a list, set or column of them."""
    if hasattr(ids, "columns") or isinstance(ids, Mapping | bytes):
        raise InvalidInputError(
            f"ids are a list, a set or one column, not {type(ids).__name__}", hint="take the column of ids: users['id']"
        )
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        return (id_text(ids),)
    return tuple(dict.fromkeys(map(id_text, ids)))


def _some(ids: frozenset[str]) -> str:
    shown = ", ".join(sorted(ids)[:_IDS_SHOWN])
    return shown if len(ids) <= _IDS_SHOWN else f"{len(ids):,}: {shown}, …"
