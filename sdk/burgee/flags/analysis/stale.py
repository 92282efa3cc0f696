"""Flags that may have done their work: off for long, the same for everybody for long, or asked by nobody.

What a flag serves is told from its words alone: a flag that serves one variant, whatever rules say, serves it to all
who have a targeting key. Since when, its history says.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burgee.core.errors import InvalidInputError
from burgee.flags.evaluation.timing import settled
from burgee.flags.model import FlagState

LONGEST = 36_500
"""Days."""

_WHOLE = 100.0

type Version = tuple[datetime, FlagState]
"""A version of a flag, and when it came to it."""


@dataclass(frozen=True, slots=True)
class StaleFlag:
    """A reason to take a flag away.

    Attributes:
        key: the flag's key.
        why: in words.
        since: when that began; None for a flag nobody was ever served.
        last_seen: when somebody was served it last, by the exposures in the log; None if there are none.
    """

    key: str
    why: str
    since: datetime | None
    last_seen: datetime | None


def check_days(days: object) -> int:
    """For how long: whole days, at least one."""
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= LONGEST:
        raise InvalidInputError(f"how long is told by 1 to {LONGEST:,} whole days, not by {days!r:.100}")
    return days


def reasons(
    versions: Sequence[Version], last_seen: datetime | None, *, recorded: bool, days: int, now: datetime
) -> Iterator[StaleFlag]:
    """Why a flag may go.

    Args:
        versions: all of them, oldest first.
        last_seen: its last exposure.
        recorded: whether exposures are recorded at all: else not to be seen says nothing.
        days: for how long.
        now: the present.
    """
    made, state = versions[0][0], versions[-1][1]
    if state.archived:
        return
    longest = now - timedelta(days=days)
    for why, since in _words(versions, now):
        if since <= longest:
            yield StaleFlag(state.key, why, since, last_seen)
    if recorded and last_seen is None and made <= longest:
        yield StaleFlag(state.key, "never seen", None, None)
    elif last_seen is not None and last_seen <= longest:
        yield StaleFlag(state.key, f"unseen for {(now - last_seen).days} days", last_seen, last_seen)


def _words(versions: Sequence[Version], now: datetime) -> Iterator[tuple[str, datetime]]:
    state = versions[-1][1]
    end = None if state.schedule is None else state.schedule.end
    if state.killed:
        yield "killed", _since(versions, lambda one: one.killed)
    elif not state.enabled:
        yield "off", _since(versions, lambda one: not one.enabled)
    elif end is not None and end <= now:
        yield "its schedule is over", max(end, _since(versions, lambda one: one.schedule == state.schedule))
    else:
        served = served_to_all(settled(state, now))
        if served is not None:
            since = _since(versions, lambda one: _on(one) and served_to_all(settled(one, now)) == served)
            yield f"serves everybody {served!r}", max([since, *_times(state, now)])


def _since(versions: Sequence[Version], holds: Callable[[FlagState], bool]) -> datetime:
    """Since when something holds that holds now."""
    since = versions[-1][0]
    for at, state in reversed(versions):
        if not holds(state):
            break
        since = at
    return since


def _times(state: FlagState, now: datetime) -> Iterator[datetime]:
    """When it last changed by itself."""
    schedules = (state.schedule, *(rule.schedule for rule in state.rules))
    times = [time for schedule in schedules if schedule for time in (schedule.start, schedule.end)]
    times += [state.ramp.end] if state.ramp else []
    return (time for time in times if time is not None and time <= now)


def served_to_all(state: FlagState) -> str | None:
    """The variant that all are served who have a targeting key, at a settled version; None if there are several."""
    served = set(_served(state)) if _on(state) else {state.default}
    return served.pop() if len(served) == 1 else None


def _on(state: FlagState) -> bool:
    return state.enabled and not state.killed and not state.archived


def _served(state: FlagState) -> Iterable[str]:
    yield from state.overrides.values()
    for rule in state.rules:
        if rule.percent > 0:
            shares = ((str(rule.serve), _WHOLE),) if rule.split is None else rule.split.shares
            yield from (name for name, share in shares if share > 0)
    if state.rollout > 0:
        yield from (variant.name for variant in state.variants if variant.weight > 0)
    if state.rollout < _WHOLE or state.prerequisites or state.holdout or state.slice:
        yield state.default
