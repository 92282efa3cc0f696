"""Checks of what is said about a flag besides variants and conditions: names, ids, shares, times."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from burgee.core.clock import from_us, to_us
from burgee.core.errors import InvalidInputError
from burgee.flags.changing.rules import check_rollout, check_salt
from burgee.flags.model import FLAGD, OVERRIDE, SCHEMES, Ramp, Schedule, Slice, Split

MOST_OVERRIDES = 10_000
_LONGEST_NAME = 512
_LONGEST_ID = 512
_TOLERANCE = 1e-6  # of the sum of shares, in percent


def check_name(what: str, name: object) -> str:
    """A name of 1 to 512 printable characters; `what` says of what, e.g. "a rule"."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInputError(f"{what} is named by 1 to {_LONGEST_NAME} printable characters, not {name!r:.200}")
    return name


def check_rule_name(name: object) -> str:
    """The name of a rule; `override` stands for those who are named one by one."""
    if name == OVERRIDE:
        raise InvalidInputError(
            f"a rule can't be named {OVERRIDE!r}: answers would not tell it from the flag's overrides",
            hint="give another name=…",
        )
    return check_name("a rule", name)


def check_flag_named(key: object) -> str:
    """The key of another flag, as text; whether there is such a flag is for the service to say."""
    if not isinstance(key, str) or not key:
        raise InvalidInputError(f"another flag is named by its key, not by {key!r:.200}")
    return key


def check_ids(what: str, ids: object) -> frozenset[str]:
    """Targeting keys, each a text of 1 to 512 characters; `what` says whose, e.g. "an override"."""
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise InvalidInputError(f"{what} needs a list of ids, not {ids!r:.200}")
    found = frozenset(ids)
    for id in found:
        check_id(what, id)
    return found


def check_id(what: str, id: object) -> str:
    """A targeting key as text of 1 to 512 characters that a database can hold."""
    if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID or "\0" in id:
        raise InvalidInputError(f"{what} names ids of 1 to {_LONGEST_ID} characters, not {id!r:.200}")
    try:
        id.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{what} can't name {id!r}: it holds half a character (a lone surrogate)") from None
    return id


def check_percent(what: str, percent: object) -> float:
    """A share in percent, 0 to 100; `what` says of what."""
    try:
        return check_rollout(percent)
    except InvalidInputError:
        raise InvalidInputError(f"{what} is 0 to 100 percent, not {percent!r:.200}") from None


def check_scheme(scheme: object) -> str:
    """How ids fall into buckets: one of `model.SCHEMES`."""
    if scheme not in SCHEMES:
        known = " and ".join(map(repr, SCHEMES))
        raise InvalidInputError(f"there is no way {scheme!r:.200} to make buckets; there are {known}")
    return str(scheme)


def check_split(split: object) -> Split:
    """A rule's own shares, 100 percent together."""
    if isinstance(split, Mapping):
        split = Split(tuple(split.items()))
    if not isinstance(split, Split) or not split.shares:
        raise InvalidInputError(
            f"a split can't be {split!r:.200}", hint="give variants with shares: {'control': 60, 'treatment': 40}"
        )
    shares = tuple((name, check_percent(f"the share of {name!r}", share)) for name, share in split.shares)
    names = [name for name, _ in shares]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"a split names {twice!r} twice")
    total = sum(share for _, share in shares)
    if abs(total - 100) > _TOLERANCE:
        raise InvalidInputError(f"the shares of a split sum to {total:.10g} %, not 100 %")
    if split.salt is not None:
        check_salt(split.salt)
    if split.scheme is not None and split.scheme != FLAGD:
        check_scheme(split.scheme)
    return Split(shares, split.salt, check_name("what a split goes by", split.by), split.scheme)


def check_slice(layer: object, low: object, high: object) -> Slice:
    """A part of a layer, from `low` percent (included) to `high` (excluded)."""
    part = Slice(
        check_name("a layer", layer),
        check_percent("where a slice begins", low),
        check_percent("where a slice ends", high),
    )
    if part.low >= part.high:
        raise InvalidInputError(f"a slice ends above where it begins; {part.high:g} is not above {part.low:g}")
    return part


def check_schedule(start: object, end: object) -> Schedule | None:
    """From when until when; none if neither is given."""
    schedule = Schedule(
        None if start is None else check_time("a schedule's start", start),
        None if end is None else check_time("a schedule's end", end),
    )
    if schedule.start is not None and schedule.end is not None and schedule.end <= schedule.start:
        raise InvalidInputError(f"a schedule ends after its start; {schedule.end} is not after {schedule.start}")
    return None if schedule == Schedule() else schedule


def check_ramp(start: object, end: object, low: object, high: object) -> Ramp:
    """A rollout that moves from `low` percent at `start` to `high` at `end`."""
    ramp = Ramp(
        check_time("a ramp's start", start),
        check_time("a ramp's end", end),
        check_percent("where a ramp begins", low),
        check_percent("where a ramp ends", high),
    )
    if ramp.end <= ramp.start:
        raise InvalidInputError(f"a ramp ends after its start; {ramp.end} is not after {ramp.start}")
    return ramp


def check_time(what: str, moment: object) -> datetime:
    """A time in UTC: a datetime, a date or ISO 8601 text; what has no zone is UTC."""
    if moment != moment:  # noqa: PLR0124 - only NaT and NaN differ from themselves
        raise InvalidInputError(f"{what} can't be missing ({moment!r})")
    try:
        return from_us(to_us(moment)).astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(f"{what} is within the years 1 to 9999 in UTC, not {moment!r}") from None
