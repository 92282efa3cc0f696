"""How a projection goes on: events in batches, view and checkpoint saved together, and the thread that does it live.

Whoever saves a batch says where it began; the one who was second is refused, reads again, and goes on from
there. That is all it takes for exactly once, with any number of runners, and after a kill at any moment.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError, ProjectionFailedError
from burgee.core.json import Json, loads
from burgee.core.link import Link
from burgee.core.progress import ProgressBar
from burgee.core.result import Err
from burgee.events.model import StoredEvent
from burgee.events.protocol import EventService
from burgee.projections.model import At, Checkpoint, Failure, Status
from burgee.projections.projection import Projection
from burgee.projections.protocol import ProjectionService

BATCH = 500
"""Events applied between two saves."""

_IDLE = {True: 0.02, False: 0.25}  # seconds between two looks, embedded and over HTTP
_GLANCE = 0.5  # seconds between two looks at a row that others may have changed
_LONGEST_WAIT = 5.0


class OvertakenError(Exception):
    """Another one changed the row since it was read."""


@dataclass(frozen=True, slots=True)
class Held[TState]:
    """A view as a runner holds it: the row it read, where to read on, and the view as text and as a value.

    `new`: the row is not there yet or begins anew, so it is written even where there are no events.
    """

    at: At
    start: int
    status: Status
    error: Failure | None
    text: str
    state: TState
    new: bool = False


@dataclass(frozen=True, slots=True)
class Folded[TState]:
    """What some events made of a view; with a failure, what those before the failing one did."""

    position: int
    text: str
    state: TState
    failure: Failure | None = None
    cause: Exception | None = None


class Runner[TState]:
    """One projection of one tenant, by its code."""

    def __init__(
        self, link: Link, service: ProjectionService, events: EventService, projection: Projection[Any, TState]
    ) -> None:
        self.projection = projection
        self._name = projection.name
        self._link = link
        self._service = service
        self._events = events

    def load(self) -> Held[TState]:
        """The row as it is now, or what it would be."""
        found = self._link.run(self._service.view(self._name))
        if isinstance(found, Err):
            if isinstance(found.error, NotFoundError):
                return self._beginning(At(), "active")
            raise found.error
        row, text = found.value.checkpoint, found.value.state
        at = At(row.position, row.revision)
        if row.status == "stale":
            return self._beginning(at, "active")
        return Held(at, row.position, row.status, row.error, text, self._read(text))

    def checkpoint(self) -> Checkpoint | None:
        """Where it stands; none if it has never run."""
        found = self._link.run(self._service.checkpoint(self._name))
        return None if isinstance(found, Err) else found.value

    def save(
        self, held: Held[TState], position: int, status: Status, text: str | None, error: Failure | None = None
    ) -> Checkpoint:
        """Change the row, or find that another one did."""
        text = held.text if text is None and not held.at.revision else text
        done = self._link.run(self._service.save(self._name, held.at, position, status, text, error))
        if isinstance(done, Err):
            if isinstance(done.error, ConflictError):
                raise OvertakenError from done.error
            raise done.error
        return done.value

    def step(self, held: Held[TState]) -> tuple[Held[TState], int]:
        """Apply the next events and save what they made; with how many there were.

        Raises:
            OvertakenError: another one was first; nothing is saved.
            ProjectionFailedError: an event could not be applied. What came before it is saved.
        """
        events = self.next_events(held.start)
        if not events and not held.new:
            return held, 0
        done = self.fold(held.text, held.state, held.start, events)
        status: Status = "active" if done.failure is None else "failed"
        saved = self.save(held, done.position, status, done.text, done.failure)
        if done.failure is not None:
            raise ProjectionFailedError(self._name, done.failure.position, done.failure.why) from done.cause
        at = At(saved.position, saved.revision)
        return Held(at, saved.position, saved.status, None, done.text, done.state), len(events)

    def next_events(self, after: int) -> tuple[StoredEvent, ...]:
        """Some of what comes behind a position. The one place that knows where events come from."""
        return self._link.call(self._events.read(self.projection.query(after), BATCH)).items

    def behind(self, after: int) -> int:
        """How many events come behind a position."""
        return self._link.call(self._events.count(self.projection.query(after)))

    def catch_up(self, bar: ProgressBar) -> None:
        """Apply what there is."""
        held: Held[TState] | None = None
        done = 0
        while True:
            if held is None:
                held = self.load()
                refuse(self._name, held)
            try:
                held, count = self.step(held)
            except OvertakenError:
                held = None
                continue
            done += count
            bar.reach(done)
            if count < BATCH:
                return

    def rebuild(self, after: int, bar: ProgressBar) -> None:
        """Make the view anew aside, and put it in place when it has come as far as the old one."""
        new = self._beginning(At(), "active")
        start, text, state, done = after, new.text, new.state, 0
        while True:
            events = self.next_events(start)
            folded = self.fold(text, state, start, events)
            if folded.failure is not None:
                failed = ProjectionFailedError(self._name, folded.failure.position, folded.failure.why)
                failed.add_note("the view is as it was before .rebuild()")
                raise failed from folded.cause
            start, text, state = folded.position, folded.text, folded.state
            done += len(events)
            bar.reach(done)
            if len(events) == BATCH:
                continue
            old = self.row()
            if old.at.position > start and self.next_events(start):
                continue
            try:
                self.save(old, start, "paused" if old.status == "paused" else "active", text)
            except OvertakenError:
                continue
            return

    def reset(self) -> None:
        """Back to the beginning, at once."""
        while True:
            held = self.row()
            try:
                self.save(held, 0, "paused" if held.status == "paused" else "active", held.text)
            except OvertakenError:
                continue
            return

    def row(self) -> Held[TState]:
        """Where the row stands, with the view at its beginning: for changes that do not need the old one."""
        row = self.checkpoint()
        if row is None:
            return self._beginning(At(), "active")
        return replace(self._beginning(At(row.position, row.revision), row.status), error=row.error, new=False)

    def mark(self, decide: Callable[[Held[TState]], tuple[int, Status, Failure | None]]) -> None:
        """Change where the projection stands, not its view; but one that is stale begins anew."""
        while True:
            held = self.row()
            position, status, error = decide(held)
            stale = held.status == "stale"
            if (position, status, error) == (held.at.position, held.status, held.error) and not held.new:
                return
            try:
                self.save(held, 0 if stale else position, status, held.text if stale else None, error)
            except OvertakenError:
                continue
            return

    def fold(self, text: str, state: TState, start: int, events: tuple[StoredEvent, ...]) -> Folded[TState]:
        """What the events make of the view. If one fails, once more event by event, to keep what came before it."""

        def quickly() -> Folded[TState]:
            made, position = state, start
            for stored in events:
                made, position = self._apply(made, stored), stored.position
            written = self._write(self.projection.settled(made))
            return Folded(position, written, self._read_back(written))

        def carefully() -> Folded[TState]:
            kept, position = text, start
            for stored in events:
                try:
                    kept = self._write(self.projection.settled(self._apply(self._read(kept), stored)))
                    self._read_back(kept)
                except Exception as error:  # noqa: BLE001 - it is the user's code
                    why = f"{type(error).__name__}: {error}"
                    failure = Failure(stored.position, stored.stream, stored.version, stored.type, why)
                    return Folded(position, kept, self._read(kept), failure, error)
                position = stored.position
            return Folded(position, kept, self._read(kept))

        try:
            return self._link.within(quickly)
        except Exception:  # noqa: BLE001 - it is the user's code
            return self._link.within(carefully)

    def _apply(self, state: TState, stored: StoredEvent) -> TState:
        event = self.projection.event_of(stored)
        if event is None:
            return state
        made = self.projection.apply(state, event)
        if made is None and state is not None:
            raise InvalidInputError(f"{type(self.projection).__name__}.apply gave None: it must give the view back")
        return made

    def _beginning(self, at: At, status: Status) -> Held[TState]:
        text = self._write(self.projection.initial())
        return Held(at, 0, status, None, text, self._read(text), new=True)

    def _write(self, state: TState) -> str:
        return self.projection.adapter.dump_json(state, warnings="error").decode()

    def _read_back(self, text: str) -> TState:
        return self.projection.adapter.validate_json(text)

    def _read(self, text: str) -> TState:
        """The view kept, if it is one of this class. Fields that are not in both are no mere matter of defaults."""
        try:
            state = self.projection.adapter.validate_json(text)
        except ValueError as error:
            raise self._unfit(str(error).partition("\n")[0]) from None
        again = self._write(state)
        if again != text and not _alike(loads(text), loads(again)):
            raise self._unfit("it has other fields")
        return state

    def _unfit(self, why: str) -> InvalidInputError:
        hint = "its class has changed? .rebuild() makes the view anew"
        return InvalidInputError(f"the view kept of {self._name!r} does not fit its class: {why}", hint=hint)


def _alike(one: Json, other: Json) -> bool:
    """Whether two JSON values have the same fields, whatever is in them: sets come out in any order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return not isinstance(one, dict | list) and not isinstance(other, dict | list)


def refuse(name: str, held: Held[Any]) -> None:
    """Say why a projection may not go on, if it may not."""
    if held.status == "paused":
        raise ConflictError(f"projection {name!r} is paused", hint=".resume() first")
    if held.status == "failed" and held.error is not None:
        raise ProjectionFailedError(name, held.error.position, held.error.why)


class Live:
    """The thread that keeps a projection up to date until it is told to stop."""

    def __init__(self, runner: Runner[Any], *, inline: bool) -> None:
        self._runner = runner
        self._idle = _IDLE[inline]
        self._stopping = threading.Event()
        self.trouble: Exception | None = None
        name = f"burgee-projection-{runner.projection.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self) -> None:
        """End it; what it is saving is saved."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_LONGEST_WAIT)

    def _run(self) -> None:
        wait = self._idle
        while not self._stopping.is_set():
            try:
                self._follow()
                wait = self._idle
            except (OvertakenError, ProjectionFailedError):  # read the row again, which says what is the matter
                wait = self._idle
            except Exception as error:  # noqa: BLE001 - the database or the server may be back in a moment
                self.trouble = error
                wait = min(_LONGEST_WAIT, 2 * wait)
            self._stopping.wait(wait)

    def _follow(self) -> None:
        """Go on from the row as it is, until it is changed by another one or may not go on."""
        held = self._runner.load()
        quiet = 0.0
        while not self._stopping.is_set():
            count = 0
            if held.status == "active":
                held, count = self._runner.step(held)
            self.trouble = None
            if count == BATCH:
                continue
            self._stopping.wait(self._idle)
            quiet = 0.0 if count else quiet + self._idle
            if quiet >= _GLANCE or held.status != "active":
                quiet = 0.0
                row = self._runner.checkpoint()
                if row is None or row.revision != held.at.revision:
                    return
