"""The fluent objects of projections: `acme.projections`, and the handle of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast, override

from burgee.core.checks import need_text, need_whole
from burgee.core.display import Sheet, Shown
from burgee.core.errors import AlreadyExistsError, ConflictError, InvalidInputError
from burgee.core.frames import to_arrow, to_pandas
from burgee.core.json import loads
from burgee.core.link import Link
from burgee.core.progress import ProgressBar
from burgee.events.protocol import EventService
from burgee.projections.model import Failure, Status
from burgee.projections.projection import Projection
from burgee.projections.protocol import ProjectionService
from burgee.projections.runner import Held, Live, Runner

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BAR_EVENTS = 20_000
"""From this many events on a progress bar is worth showing."""

_BRING = "bring its code: acme.projections.add(YourProjection())"
_COLUMNS = ("name", "status", "position", "lag", "running", "error", "updated_at")


@dataclass(frozen=True, slots=True)
class ProjectionStatus(Shown):
    """How a projection is. `lag`: events it has not applied yet, none where its code is not in this process.

    `running`: in the background of this process; `trouble`: why that thread can't go on just now.
    """

    name: str
    status: Status
    position: int
    lag: int | None
    running: bool
    error: Failure | None
    updated_at: datetime | None
    trouble: str | None = None

    def frame(self) -> "pd.DataFrame":
        """As a frame of one row: `name, status, position, lag, running, error, updated_at`."""
        return _table([self])

    @override
    def _sheet(self) -> Sheet:
        rows = [(name, getattr(self, name)) for name in (*_COLUMNS[1:], "trouble")]
        return Sheet(f"Projection {self.name}", ("", "value"), rows)


class ProjectionHandle[TState](Shown):
    """One projection of a tenant: its view, and whatever makes it go on."""

    __slots__ = ("_link", "_live", "_progress", "_runner", "_service", "name", "projection")

    def __init__(
        self,
        link: Link,
        service: ProjectionService,
        events: EventService,
        projection: Projection[Any, TState] | str,
        *,
        progress: bool,
    ) -> None:
        self._link = link
        self._service = service
        self._progress = progress
        self._live: Live | None = None
        self.projection = None if isinstance(projection, str) else projection
        """Its code; none where that is in another process."""
        self._runner: Runner[TState] = Runner(link, service, events, self.projection or _Plain(str(projection)))
        self.name = self._runner.projection.name
        """What it is called."""

    def catch_up(self, *, progress: bool | None = None) -> Self:
        """Apply the events that are there, and be done.

        Raises:
            ProjectionFailedError: an event could not be applied, now or before: it stands still before it.
            ConflictError: it is paused.
        """
        runner = self._code()
        with self._bar(runner, progress, after=None) as bar:
            runner.catch_up(bar)
        return self

    def run(self) -> Self:
        """Keep the view up to date from a thread in the background, until `stop` or the workspace's `close`.

        An event that can't be applied, a pause or a server that is away stop nothing: it goes on when it can.
        """
        runner = self._code()
        if self._live is None or not self._live.running:
            self._live = Live(runner, inline=self._link.inline)
        return self

    def stop(self) -> Self:
        """End the thread of `run`. The view stays, and the next `run` or `catch_up` goes on from there."""
        if self._live is not None:
            self._live.stop()
        return self

    def state(self) -> TState:
        """The view as it is kept now; where its code is not in this process, as plain JSON."""
        if self.projection is not None:
            return self._runner.load().state
        found = self._link.call(self._service.view(self.name))
        if found.checkpoint.status == "stale":
            raise ConflictError(f"the view of {self.name!r} holds what is no longer to be seen", hint=_BRING)
        return cast("TState", loads(found.state))

    def frame(self) -> "pd.DataFrame":
        """The view as a frame, a row for each entry of a dict (`key`, then its fields or `value`) or list."""
        return to_pandas(self.arrow())

    def arrow(self) -> "pa.Table":
        """The same as `frame()`, as an Arrow table, which keeps decimals and dates exact."""
        return to_arrow(list(self._runner.projection.rows(self.state())))

    def status(self) -> ProjectionStatus:
        """How far it has come, and whether it can go on."""
        row = self._runner.checkpoint()
        position = row.position if row is not None else 0
        live = self._live
        return ProjectionStatus(
            self.name,
            row.status if row is not None else "active",
            position,
            None if self.projection is None else self._runner.behind(position),
            live is not None and live.running,
            row.error if row is not None else None,
            row.updated_at if row is not None else None,
            None if live is None or live.trouble is None else str(live.trouble),
        )

    def pause(self) -> Self:
        """Let nobody go on with it, here or elsewhere, until `resume`."""
        self._runner.mark(lambda held: (held.at.position, "paused", held.error))
        return self

    def resume(self) -> Self:
        """Let it go on after `pause`."""
        self._runner.mark(lambda held: (held.at.position, "failed" if held.error else "active", held.error))
        return self

    def retry(self) -> Self:
        """Try the event again that could not be applied, and go on.

        Raises:
            ProjectionFailedError: it still can't be.
        """

        def again(held: Held[TState]) -> tuple[int, Status, Failure | None]:
            failed = held.status == "failed"
            return held.at.position, "active" if failed else held.status, None if failed else held.error

        self._code().mark(again)
        return self.catch_up()

    def skip(self) -> Self:
        """Leave out the event that could not be applied, and go on behind it.

        Raises:
            ProjectionFailedError: a later one can't be applied either.
        """

        def behind(held: Held[TState]) -> tuple[int, Status, Failure | None]:
            if held.status != "failed" or held.error is None:
                raise InvalidInputError(f"projection {self.name!r} has not failed: there is no event to skip")
            return held.error.position, "active", None

        self._code().mark(behind)
        return self.catch_up()

    def rebuild(self, *, progress: bool | None = None) -> Self:
        """Make the view anew from all events; whoever reads sees the old one until the new one is whole.

        Raises:
            ProjectionFailedError: an event could not be applied; the view stays as it is.
        """
        return self.replay(after=0, progress=progress)

    def replay(self, after: int, *, progress: bool | None = None) -> Self:
        """Make the view anew from the events behind a position only."""
        need_whole("after", after)
        runner = self._code()
        with self._bar(runner, progress, after=after) as bar:
            runner.rebuild(after, bar)
        return self

    def reset(self) -> Self:
        """Empty the view at once; the next `run` or `catch_up` begins with the first event."""
        self._code().reset()
        return self

    def _code(self) -> Runner[TState]:
        if self.projection is None:
            raise InvalidInputError(f"the code of projection {self.name!r} is not in this process", hint=_BRING)
        return self._runner

    def _bar(self, runner: Runner[TState], asked: bool | None, *, after: int | None) -> ProgressBar:
        total = 0
        if self._progress if asked is None else asked:
            row = runner.checkpoint()
            total = runner.behind(after if after is not None else (row.position if row is not None else 0))
        return ProgressBar(f"projection {self.name}", total, shown=total >= BAR_EVENTS)

    @override
    def __repr__(self) -> str:
        running = ", running" if self._live is not None and self._live.running else ""
        return f"<Projection {self.name!r}{running}: .catch_up(), .run(), .state(), .frame(), .status()>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("running here", self._live is not None and self._live.running)]
        return Sheet(f"Projection {self.name}", ("", "value"), rows, ".frame() is its view, .status() how it is")


class Projections(Shown):
    """The projections of a tenant: `acme.projections["revenue"]`."""

    __slots__ = ("_events", "_known", "_link", "_progress", "_service")

    def __init__(
        self,
        link: Link,
        service: ProjectionService,
        events: EventService,
        known: dict[str, ProjectionHandle[Any]],
        *,
        progress: bool,
    ) -> None:
        self._link = link
        self._service = service
        self._events = events
        self._known = known  # shared by all handles of the tenant in this workspace
        self._progress = progress

    def add[TEvent, TState](
        self, projection: Projection[TEvent, TState] | type[Projection[TEvent, TState]]
    ) -> ProjectionHandle[TState]:
        """Bring a projection's code; nothing runs yet. The same class again, as from a cell, takes its own place.

        Raises:
            AlreadyExistsError: another class has this name in this workspace.
        """
        given: object = projection() if isinstance(projection, type) else projection
        if not isinstance(given, Projection):
            hint = "write it as: class Revenue(burgee.Projection[OrderPlaced, dict[str, Decimal]])"
            raise InvalidInputError(f"{projection!r} is no projection", hint=hint)
        it: Projection[Any, Any] = given
        need_text("a projection's name", it.name)
        it.kinds.check(type(it).__name__)
        it.query(0)  # says what can't be asked for
        _ = it.adapter  # says what can't be kept
        handle = ProjectionHandle[TState](self._link, self._service, self._events, it, progress=self._progress)
        there = self._known.get(it.name)
        if there is not None and there.projection is not None:
            if _place(there.projection) != _place(it):
                raise AlreadyExistsError("projection", it.name, hint="give one of the classes another `name`")
            there.stop()
        self._known[it.name] = handle
        return handle

    def __getitem__(self, name: str) -> ProjectionHandle[Any]:
        return self.get(name)

    def get(self, name: str) -> ProjectionHandle[Any]:
        """The projection of that name: one added here, or the view that another process keeps."""
        need_text("a projection's name", name)
        if name not in self._known:
            self._link.call(self._service.checkpoint(name))
            handle = ProjectionHandle[Any](self._link, self._service, self._events, name, progress=self._progress)
            self._known[name] = handle
        return self._known[name]

    def __iter__(self) -> Iterator[ProjectionHandle[Any]]:
        names = {row.name for row in self._link.call(self._service.list())} | set(self._known)
        return iter([self.get(name) for name in sorted(names)])

    def frame(self) -> "pd.DataFrame":
        """All of them as a frame: `name, status, position, lag, running, error, updated_at`."""
        return _table([handle.status() for handle in self])

    def remove(self, name: str) -> bool:
        """Forget a projection with its view; false if there was none. Its events stay."""
        need_text("a projection's name", name)
        handle = self._known.pop(name, None)
        if handle is not None:
            handle.stop()
        return self._link.call(self._service.remove(name))

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Projections of {self._link.tenant!r}: {', '.join(sorted(self._known)) or 'none known yet'}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [(name, repr(handle)) for name, handle in sorted(self._known.items())]
        return Sheet(f"Projections of {self._link.tenant}", ("name", ""), rows, ".add(projection), .frame()")


class _Plain(Projection[Any, Any]):
    """A view whose code is elsewhere, as the JSON it is."""

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc] # each of these stands for another projection

    @override
    def initial(self) -> None:
        return None

    @override
    def apply(self, state: object, event: object) -> object:
        raise NotImplementedError  # never run


def _table(found: Sequence[ProjectionStatus]) -> "pd.DataFrame":
    import pandas as pd

    rows = [{name: getattr(one, name) for name in _COLUMNS} for one in found]
    for row in rows:
        row["error"] = row["error"].why if isinstance(row["error"], Failure) else None
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.astype({"lag": "Int64"})


def _place(projection: object) -> tuple[str, str]:
    return type(projection).__module__, type(projection).__qualname__
