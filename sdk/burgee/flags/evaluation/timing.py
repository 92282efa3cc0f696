"""Schedules and ramps: a flag version as it stands at one moment, and when that changes by itself.

Nothing below this knows of times: what is compiled is a version whose times are settled.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from burgee.flags.model import FlagState, Ramp, Rule, Schedule

_STEP = timedelta(seconds=1)
"""A ramp moves once a second, so that a flag is compiled anew at most as often."""


def is_timed(state: FlagState) -> bool:
    """Whether what the flag serves changes by itself."""
    return bool(state.schedule or state.ramp or any(rule.schedule for rule in state.rules))


def settled(state: FlagState, now: datetime) -> FlagState:
    """The flag as it stands at a moment: without schedules and ramps.

    Outside its schedule it is not enabled; rules outside theirs are left out; a ramp is a rollout.
    """
    if not is_timed(state):
        return state
    rules = tuple(_lasting(rule) for rule in state.rules if _is_on(rule.schedule, now))
    rollout = state.rollout if state.ramp is None else ramp_percent(state.ramp, now)
    enabled = state.enabled and _is_on(state.schedule, now)
    return replace(state, enabled=enabled, rules=rules, rollout=rollout, schedule=None, ramp=None)


def next_change(state: FlagState, now: datetime) -> datetime | None:
    """When the flag serves something else by itself for the first time after a moment; None if never."""
    schedules = (state.schedule, *(rule.schedule for rule in state.rules))
    times = [time for schedule in schedules if schedule for time in (schedule.start, schedule.end)]
    if state.ramp is not None:
        start, end = state.ramp.start, state.ramp.end
        times += [start, end] if now < start else [min(end, now.replace(microsecond=0) + _STEP)]
    return min((time for time in times if time is not None and time > now), default=None)


def ramp_percent(ramp: Ramp, now: datetime) -> float:
    """The rollout of a ramp at a moment, told by whole seconds, so that evaluators agree."""
    moment = now.replace(microsecond=0)
    if moment >= ramp.end:
        return ramp.high
    if moment <= ramp.start:
        return ramp.low
    return ramp.low + (ramp.high - ramp.low) * ((moment - ramp.start) / (ramp.end - ramp.start))


def _is_on(schedule: Schedule | None, now: datetime) -> bool:
    if schedule is None:
        return True
    began = schedule.start is None or schedule.start <= now
    return began and (schedule.end is None or now < schedule.end)


def _lasting(rule: Rule) -> Rule:
    return rule if rule.schedule is None else replace(rule, schedule=None)
