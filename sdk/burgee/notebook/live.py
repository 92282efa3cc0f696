"""The live view: events as they arrive, the newest first, with counts by type and how many a second.

A thread of its own follows the log and shows what came: a few times a second at most, however many come. It
ends when the widget is closed, when the same cell is run again, and with the kernel. What goes wrong is told
in the widget, and following is tried again from where it was.
"""

import contextvars
import math
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, override

import ipywidgets

from burgee.core.display import Sheet
from burgee.events.model import StoredEvent
from burgee.events.tail import Tail
from burgee.notebook.panel import LOCK, Panel, alone, row, trouble
from burgee.notebook.tables import table

if TYPE_CHECKING:
    import pandas as pd

KEPT = 200
"""Events that are kept, in all and of each type."""

SHOWN = 50
"""Rows of the table while events arrive; when paused it has all that are kept."""

TURN = 0.2
"""Seconds between two updates, at least."""

_STRIP_SECONDS = 60
_NOW_SECONDS = 5  # over which "a second" is taken
_TYPES_TURN = 1.0  # seconds between two updates of the list of types, so that a hand can choose in it
_AGAIN = 2.0  # seconds until what failed is tried again
_MOST_LINES = 12  # of the list of types; it scrolls
_STILL_ROWS = 20


class Rates:
    """How many came in each second of the last minute."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque([0] * _STRIP_SECONDS, _STRIP_SECONDS)
        self._second: int | None = None
        self._began: int | None = None

    def add(self, count: int, now: float) -> None:
        """So many came now; `now` in seconds."""
        self._reach(int(now))
        self._counts[-1] += count

    def seconds(self, now: float) -> list[int]:
        """The counts, oldest first; the last is the second that is running."""
        self._reach(int(now))
        return list(self._counts)

    def now(self, now: float) -> float:
        """How many came a second lately, without the second that is running."""
        counts = self.seconds(now)
        past = min(_NOW_SECONDS, int(now) - (self._began or 0))
        return sum(counts[-1 - past : -1]) / past if past > 0 else float(counts[-1])

    def _reach(self, second: int) -> None:
        if self._second is None:
            self._second = self._began = second
        self._counts.extend([0] * min(second - self._second, _STRIP_SECONDS))
        self._second = max(second, self._second)


class Live(Panel):
    """Events as they arrive.

    Args:
        tail: gives the tail from a position on, or from now on.
        after: the position to begin behind; none: what comes from now on.

    Attributes:
        types, pause: the controls. No type chosen means all.
        total: how many events came.
        position: the last one's, to go on from.
    """

    kind: ClassVar[str] = "burgee-live"

    def __init__(self, tail: Callable[[int | None], Tail], after: int | None = None) -> None:
        super().__init__()
        self._tail = tail
        self._counts: Counter[str] = Counter()
        self._newest: deque[StoredEvent] = deque(maxlen=KEPT)
        self._of_type: dict[str, deque[StoredEvent]] = {}
        self._rates = Rates()
        self._unseen = 0
        self._listed = 0.0
        self.total = 0
        self.updates = 0
        """How often it was updated: at most once in `TURN` seconds."""
        first = tail(after)  # what is wrong at once is raised where it is asked for
        self.position = first.position
        self._head, self._strip, self._table = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._table.add_class("burgee-events")
        self._table.add_class("burgee-live-table")
        self._make_controls()
        self._stop = threading.Event()
        self._update()
        left = ipywidgets.VBox([self.types, self._hint()])
        left.add_class("burgee-left")
        self._strip.add_class("burgee-picture")
        choice = row(left, self._strip, kind="burgee-choice")
        self._show(row(self._head, self.pause, kind="burgee-head"), choice, self._table)
        _replace(self)
        work = contextvars.copy_context().run
        self._thread = threading.Thread(target=work, args=(self._follow, first), name="burgee-live", daemon=True)
        self._thread.start()

    @property
    def following(self) -> bool:
        """Whether it takes in what arrives."""
        return self._thread.is_alive() and not self._stop.is_set()

    @property
    @alone
    def frame(self) -> "pd.DataFrame":
        """The events that are kept, of the types chosen, in the order of the log; columns as in `query().frame()`."""
        from burgee.analytics.payload import expand
        from burgee.core.frames import to_pandas
        from burgee.events.rows import raw_table

        return to_pandas(expand(raw_table(self._chosen()[::-1])))

    def close(self) -> None:
        """End it: it follows no longer, and is gone from the page."""
        self._stop.set()
        super().close()

    def _make_controls(self) -> None:
        self.types = ipywidgets.SelectMultiple(tooltip="event types, and how many of each came", rows=4)
        self.types.add_class("burgee-types")
        self.pause = ipywidgets.ToggleButton(description="Pause", icon="pause", tooltip="hold the table still")
        self.pause.add_class("burgee-button")
        self.types.observe(lambda _: self._by_hand(self._update), "value")
        self.pause.observe(lambda _: self._by_hand(self._on_pause), "value")

    def _hint(self) -> ipywidgets.HTML:
        return ipywidgets.HTML('<span class="burgee-dim">None chosen means all; Ctrl or Shift chooses several.</span>')

    def _on_pause(self) -> None:
        paused = self.pause.value
        self.pause.description, self.pause.icon = ("Resume", "play") if paused else ("Pause", "pause")
        self._unseen = 0
        self._set_table()
        self._update()

    def _follow(self, tail: Tail) -> None:
        """What the thread does."""
        following: Tail | None = tail
        shown = 0.0
        failed = False
        while not self._stop.is_set():
            wait = max(0.0, shown + TURN - time.monotonic()) if self._unshown() else TURN
            try:
                if following is None:
                    following = self._tail(self.position)
                events = following.some(wait)
            except Exception as error:  # noqa: BLE001 - it is told in the widget: nobody reads what a thread raises
                following, failed = None, True
                self._fail(error)
                self._stop.wait(_AGAIN)
                continue
            with LOCK:
                if failed:
                    self._tell("")
                    failed = False
                self._take(events, following.position)
                if self._unshown() and time.monotonic() - shown >= TURN and not self._stop.is_set():
                    self._update()
                    shown = time.monotonic()
        if following is not None:
            following.close()

    def _fail(self, error: Exception) -> None:
        with LOCK:
            if not self._stop.is_set():
                self._tell(trouble(error))

    def _take(self, events: Iterable[StoredEvent], position: int) -> None:
        """Take in what came."""
        count = 0
        for event in events:
            self._counts[event.type] += 1
            self._newest.append(event)
            self._of_type.setdefault(event.type, deque(maxlen=KEPT)).append(event)
            count += 1
        self.position = position
        self.total += count
        self._unseen += count
        self._rates.add(count, time.monotonic())

    def _unshown(self) -> bool:
        """Whether there is something to show: events that came, or a strip that moves."""
        second = int(time.monotonic())
        moves = second != self._shown_second and any(self._rates.seconds(second))
        return self.total != self._shown_total or moves

    @alone
    def _update(self) -> None:
        """Show what is."""
        now = time.monotonic()
        self.updates += 1
        self._shown_total, self._shown_second = self.total, int(now)
        self._head.value = self._words(now)
        self._strip.value = strip(self._rates.seconds(now))
        if not self.pause.value:
            self._unseen = 0
            self._set_table()
        if now - self._listed >= _TYPES_TURN:
            self._listed = now
            self._list_types()

    _shown_total = 0
    _shown_second = 0

    def _list_types(self) -> None:
        """Types in the order they came, so that none moves from under the pointer; what is chosen stays."""
        options = [(f"{name}  ·  {count:,}", name) for name, count in self._counts.items()]
        if options == list(self.types.options):
            return
        with self._setting(), self.types.hold_sync():
            chosen = self.types.value
            self.types.options = options
            self.types.value = chosen
            self.types.rows = min(max(len(options), 4), _MOST_LINES)

    def _chosen(self) -> list[StoredEvent]:
        """The events that are kept, of the types chosen, newest first."""
        if not self.types.value:
            return list(self._newest)[::-1]
        found = [event for name in self.types.value for event in self._of_type[name]]
        return sorted(found, key=lambda event: -event.position)[:KEPT]

    def _set_table(self) -> None:
        self._table.value = self._rows(KEPT if self.pause.value else SHOWN)

    def _rows(self, most: int) -> str:
        chosen = self._chosen()
        if not chosen:
            return '<div class="burgee-dim">nothing came yet</div>'
        rows = [(_clock(event), event.stream, event.type, event.data) for event in chosen[:most]]
        note = f"the newest {most} of {len(chosen)} kept; live.frame has them" if len(chosen) > most else ""
        return table(Sheet("", ("time, UTC", "stream", "type", "payload"), rows, note), most=most)

    def _words(self, now: float) -> str:
        rate = self._rates.now(now)
        shown = f"{rate:,.0f}" if rate >= 10 or rate == int(rate) else f"{rate:.1f}"  # noqa: PLR2004 - two digits
        paused = f", paused, {self._unseen:,} new" if self.pause.value else ""
        return (
            f'<span class="burgee-total">{self.total:,} event{"s" * (self.total != 1)}</span>'
            f'<span class="burgee-after burgee-dim">{shown} a second{paused}</span>'
        )

    @override
    def _still(self) -> str:
        return f"{self._head.value}{self._strip.value}{self._rows(_STILL_ROWS)}"

    @override
    def __repr__(self) -> str:
        state = "" if self.following else ", closed"
        return f"<Live: {self.total:,} events came{state}; .frame, .close()>"


def strip(seconds: Sequence[int]) -> str:
    """Counts as small bars; the highest is the largest count."""
    most = max(seconds)
    bars = "".join(
        f'<i style="height:{max(4, math.ceil(100 * count / most))}%"></i>' if count else "<i></i>" for count in seconds
    )
    words = f"at most {most:,} a second in the last minute" if most else "nothing in the last minute"
    bar = f'<div class="burgee-strip" role="img" aria-label="{words}">{bars}</div>'
    return f'{bar}<div class="burgee-dim burgee-scale">{words}</div>'


def _clock(event: StoredEvent) -> str:
    at = event.recorded_at.astimezone(UTC)
    day = "" if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d} "
    return f"{day}{at:%H:%M:%S}.{at.microsecond // 1000:03}"


_by_cell: dict[str, list[tuple[str, "weakref.ref[Live]"]]] = {}


def _replace(live: Live) -> None:
    """End what an earlier run of the same cell showed: its output is gone, and nobody could end it any more."""
    cell, run = _running()
    if not cell:
        return
    for earlier, other in _by_cell.get(cell, []):
        old = other()
        if earlier != run and old is not None:
            old.close()
    kept = [entry for entry in _by_cell.get(cell, []) if entry[0] == run]
    _by_cell[cell] = [*kept, (run, weakref.ref(live))]


def _running() -> tuple[str, str]:
    """The cell that is being run, and this run of it, as JupyterLab names them; nothing elsewhere."""
    from IPython.core.getipython import get_ipython

    parent: Mapping[str, Mapping[str, object]] = getattr(get_ipython(), "get_parent", dict)()
    return str(parent.get("metadata", {}).get("cellId", "")), str(parent.get("header", {}).get("msg_id", ""))
