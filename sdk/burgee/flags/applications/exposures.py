"""Exposures: who was served which variant when, recorded in the event log in the background.

An exposure is an event `flag.exposure` in the stream `exposures-<flag>`. Its data: `flag, variant, id, reason, rule,
version`; its time: when that was served first. Its id is made of flag, id, variant and version: however many processes
record it, there is one.
"""

import atexit
import hashlib
import logging
import math
import os
import random
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, Self, override

from burgee.core.checks import need_number, need_texts, need_whole
from burgee.core.clock import Clock, system_clock
from burgee.core.display import Sheet, Shown
from burgee.core.errors import BurgeeError, ConflictError, InvalidInputError
from burgee.core.json import Json, dumps
from burgee.core.link import Link
from burgee.core.result import Result
from burgee.flags.analysis.exposed import EXPOSURE
from burgee.flags.evaluation.buckets import TARGETING_KEY, bucketing, rollout_limit, targeting_key
from burgee.flags.model import Evaluation, Reason

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger("burgee.flags")

SAMPLE_SALT = "exposures"
"""The salt of the sample, the same for all flags: who is in it is in it for all of them."""

_UNEXPOSED = {Reason.ERROR, Reason.DISABLED}
_FIRST_WAIT = 0.5  # seconds; at least half of it is waited, the rest is jitter
_LONGEST_WAIT = 30.0
_LAST_WORDS = 3.0  # seconds that closing waits for what is not stored yet
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ingest(Protocol):
    """The way into the event log: `ingest` of the service of events."""

    async def __call__(self, events: "pa.RecordBatchReader", keep_first: bool = False) -> Result[object, BurgeeError]:
        """Store a table of events."""
        ...


@dataclass(frozen=True, slots=True)
class Exposures:
    """How exposures are recorded.

    Attributes:
        sample: the share of users whose exposures are recorded, 0 to 1; the same users always, by their targeting key.
        flags: the keys of the flags whose exposures are recorded; all of them unless given.
        batch: events that are stored at once, at most.
        seconds: how long an exposure waits for others, at most.
        queue: how many exposures may wait while the log can't be reached; those beyond are dropped, and counted.
        memory: how many are remembered, so that each is recorded once. Those forgotten come again: the log knows them.
    """

    sample: float = 1.0
    flags: tuple[str, ...] | None = None
    batch: int = 500
    seconds: float = 1.0
    queue: int = 10_000
    memory: int = 100_000

    def __post_init__(self) -> None:
        if not 0 <= need_number("sample", self.sample) <= 1:
            raise InvalidInputError(f"sample is a share from 0 to 1, not {self.sample!r}", hint="0.1 is one in ten")
        if not 0 < need_number("seconds", self.seconds) < math.inf:
            raise InvalidInputError(f"seconds must be more than none, and have an end, not {self.seconds!r}")
        for name in ("batch", "queue", "memory"):
            need_whole(name, getattr(self, name), least=1)
        if self.flags is not None:
            need_texts("flags", self.flags)
            object.__setattr__(self, "flags", tuple(self.flags))


@dataclass(frozen=True, slots=True)
class Exposure:
    """Somebody was served a variant."""

    flag: str
    variant: str
    id: str
    reason: str
    rule: str | None
    version: int | None
    occurred_at: int
    """Microseconds since 1970, UTC."""

    @property
    def event_id(self) -> str:
        """A UUID of version 8 (RFC 9562, section 5.8) over the SHA-256 of flag, id, variant and version."""
        text = dumps([self.flag, self.id, self.variant, self.version])
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"

    @property
    def data(self) -> dict[str, Json]:
        """The payload of the event."""
        return {
            "flag": self.flag,
            "variant": self.variant,
            "id": self.id,
            "reason": self.reason,
            "rule": self.rule,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class ExposureCounts:
    """What became of exposures: `stored` (or known), `waiting`, `dropped` (no room left), `refused` (by the log)."""

    stored: int
    waiting: int
    dropped: int
    refused: int


type _Key = tuple[str, str, str, int | None]


class ExposureRecorder(Shown):
    """Records exposures in the background. It never blocks who records, and never raises there."""

    def __init__(self, link: Link, ingest: Ingest, settings: Exposures, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.enabled = True
        """Whether anything is recorded; switch it as you like."""
        self.trouble: Exception | None = None
        """Why exposures could not be stored the last time, while that is so."""
        self._link = link
        self._ingest = ingest
        self._clock = clock
        self._bucket = None if settings.sample == 1 else bucketing(SAMPLE_SALT)
        self._limit = rollout_limit(100 * settings.sample)
        self._closed = False
        self._stored = self._dropped = self._refused = 0
        self._begin()
        _open.add(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_beginning(weakref.ref(self)))

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._seen: OrderedDict[_Key, None] = OrderedDict()
        self._waiting: deque[Exposure] = deque()
        self._thread: threading.Thread | None = None

    def note(self, answer: Evaluation[Json], context: Mapping[str, object], version: int | None) -> None:
        """Record what a flag served to a context."""
        if answer.variant is None or answer.reason in _UNEXPOSED:
            return
        try:
            id = targeting_key(context.get(TARGETING_KEY))
        except InvalidInputError:  # served by a rule, to nobody who could be told again
            return
        self.record(answer.flag, id, answer.variant, answer.reason, rule=answer.rule, version=version)

    def record(
        self, flag: str, id: str, variant: str, reason: str, *, rule: str | None = None, version: int | None = None
    ) -> None:
        """Record that somebody was served a variant. Once is enough: what is known is left out."""
        if not id or not self.enabled or self._closed or (self._bucket is not None and not self._in_sample(id)):
            return
        if self.settings.flags is not None and flag not in self.settings.flags:
            return
        key = (flag, id, variant, version)
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return
            if len(self._waiting) >= self.settings.queue:
                self._dropped += 1
                return
            self._seen[key] = None
            if len(self._seen) > self.settings.memory:
                self._seen.popitem(last=False)
            moment = self._clock.now_us()
            self._waiting.append(Exposure(flag, variant, id, str(reason), rule, version, moment))
            if len(self._waiting) >= self.settings.batch:
                self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="burgee-exposures", daemon=True)
                self._thread.start()

    @property
    def counts(self) -> ExposureCounts:
        """What became of the exposures so far."""
        return ExposureCounts(self._stored, len(self._waiting), self._dropped, self._refused)

    def flush(self) -> ExposureCounts:
        """Store what waits, now. What the log is away for goes on waiting, and the error is raised."""
        self._send()
        self._wake.set()
        return self.counts

    def close(self) -> None:
        """Store what waits, if the log can be reached within seconds, and record no more. Again is a no-op."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LAST_WORDS)
        if self._waiting:
            _log.warning("%d exposures were not stored: %s", len(self._waiting), self.trouble)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _in_sample(self, id: str) -> bool:
        bucket = None if self._bucket is None else self._bucket(id)
        return bucket is not None and bucket < self._limit

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            if not self._closed:
                self._wake.wait(self.settings.seconds)
            self._wake.clear()
            try:
                self._send()
                wait = _FIRST_WAIT
            except Exception:  # noqa: BLE001 - `trouble` tells it; the log may be back in a moment
                if not self._closed:
                    self._wake.wait(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
                    wait = min(_LONGEST_WAIT, 2 * wait)
            with self._lock:
                given_up = self._closed and self.trouble is not None
                if given_up or not self._waiting:  # the next exposure begins another thread
                    self._thread = None
                    return

    def _send(self) -> None:
        """Store what waits by now, batch by batch."""
        with self._sending:
            left = len(self._waiting)
            while left > 0:
                batch = tuple(islice(self._waiting, min(left, self.settings.batch)))
                try:
                    refused = self._store(batch)
                except Exception as error:
                    self.trouble = error
                    raise
                self.trouble = None
                with self._lock:
                    for _ in batch:
                        self._waiting.popleft()
                    self._stored += len(batch) - refused
                    self._refused += refused
                left -= len(batch)

    def _store(self, batch: tuple[Exposure, ...]) -> int:
        """Store a batch; how many of it the log refuses for good. One that can't be stored holds up no others."""
        try:
            self._link.call(self._ingest(_table(batch).to_reader(), keep_first=True))
        except (InvalidInputError, ConflictError) as error:
            if len(batch) > 1:
                return sum(self._store((one,)) for one in batch)
            _log.warning("an exposure of flag %r can't be stored: %s", batch[0].flag, error)
            return 1
        return 0

    @override
    def __repr__(self) -> str:
        counts = self.counts
        state = "closed" if self._closed else "on" if self.enabled else "off"
        return f"<ExposureRecorder {state}: {counts.stored} stored, {counts.waiting} waiting, {counts.dropped} dropped>"

    @override
    def _sheet(self) -> Sheet:
        counts = self.counts
        rows: list[tuple[str, object]] = [("enabled", self.enabled), ("sample", self.settings.sample)]
        rows += [(name, getattr(counts, name)) for name in ExposureCounts.__slots__]
        rows += [("trouble", self.trouble)] if self.trouble is not None else []
        return Sheet("Exposures", ("", "value"), rows, ".flush(), .enabled, .counts")


_open: "weakref.WeakSet[ExposureRecorder]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """What waits when the process ends is stored, if that can be done in seconds."""
    for recorder in list(_open):
        recorder.close()


def _table(batch: tuple[Exposure, ...]) -> "pa.Table":
    """Exposures as the table of events that the log takes."""
    import pyarrow as pa

    return pa.table(
        {
            "id": [one.event_id for one in batch],
            "stream": [f"exposures-{one.flag}" for one in batch],
            "type": [EXPOSURE] * len(batch),
            "occurred_at": pa.array([one.occurred_at for one in batch], pa.timestamp("us", "UTC")),
            "data": [dumps(one.data, what="exposure") for one in batch],
            "metadata": ["{}"] * len(batch),
        }
    )


def _beginning(recorder: "weakref.ref[ExposureRecorder]") -> Callable[[], None]:
    """What a forked process does: what waits is the parent's to store, and the thread stays there."""

    def begin() -> None:
        if it := recorder():
            it._begin()  # noqa: SLF001 - its own module

    return begin
