"""What changes need of other flags and of segments: checked as they stand together, where the change is stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from burgee.core.errors import ConflictError, InvalidInputError, did_you_mean
from burgee.flags.evaluation.rulesets import cycle, segments_named, segments_of
from burgee.flags.model import FlagState, Prerequisite, Segment, Slice

_DEEPEST = 32
"""How long a way of flags that require each other, or of nested segments, may be."""


class Others:
    """The flags and segments of a tenant, read when they are needed first."""

    def __init__(
        self, flags: Callable[[], Mapping[str, FlagState]], segments: Callable[[], Mapping[str, Segment]]
    ) -> None:
        self._flags = flags
        self._segments = segments

    @cached_property
    def flags(self) -> Mapping[str, FlagState]:
        """Those in use, by key: an archived one needs nothing, and nobody may need it."""
        return {key: flag for key, flag in self._flags().items() if not flag.archived}

    @cached_property
    def archived(self) -> frozenset[str]:
        """The keys of archived flags."""
        return frozenset(key for key, flag in self._flags().items() if flag.archived)

    @cached_property
    def segments(self) -> Mapping[str, Segment]:
        """Those in use, by key."""
        return {key: segment for key, segment in self._segments().items() if not segment.archived}


def check_flag(before: FlagState, after: FlagState, others: Others) -> None:
    """Refuse a change of a flag that others, or itself, could not live with.

    Raises:
        InvalidInputError: it would require a flag or a variant that is not there, or itself; it names a segment that is
            not there; its slice of a layer overlaps; a variant is to go that another flag requires.
        ConflictError: it is to be archived, and others require it.
    """
    back = before.archived and not after.archived
    lost = {one.name for one in before.variants} - {one.name for one in after.variants}
    if (after.archived and not before.archived) or lost:
        _check_needed(after, lost, others)
    if after.archived:
        return
    if after.prerequisites and (back or after.prerequisites != before.prerequisites):
        _check_prerequisites(after, others)
    if after.rules and (back or after.rules != before.rules):
        check_segments(segments_named(after), others)
    if after.slice is not None and (back or after.slice != before.slice):
        _check_slice(after, after.slice, others)
    if after.holdout is not None and (back or after.holdout != before.holdout):
        same = (one for one in others.flags.values() if one.holdout and one.holdout.name == after.holdout.name)
        _check_scheme(after, f"holdout {after.holdout.name!r}", same)


def check_segment(before: Segment | None, after: Segment, others: Others) -> None:
    """Refuse a change of a segment that others, or itself, could not live with.

    Raises:
        InvalidInputError: its clauses name a segment that is not there, or lead back to it.
        ConflictError: it is to be archived, and flags or segments use it.
    """
    if after.archived:
        if before is None or not before.archived:
            _check_unused(after.key, others)
        return
    named = frozenset(segments_of(after.clauses))
    if named and (before is None or before.archived or before.clauses != after.clauses):
        if after.key in named:
            raise InvalidInputError(f"segment {after.key!r} can't be in itself")
        check_segments(named, others)
        needs = {key: tuple(segments_of(one.clauses)) for key, one in others.segments.items()}
        needs[after.key] = tuple(named)
        _check_ways("segment", "be in itself", after.key, needs)


def check_segments(named: Iterable[str], others: Others) -> None:
    """Refuse segments that are not there."""
    for key in sorted(named):
        if key not in others.segments:
            there = did_you_mean(key, list(others.segments), plural="segments")
            raise InvalidInputError(
                f"there is no segment {key!r}", hint=there or "there are no segments: acme.segments.create(…)"
            )


def _check_prerequisites(flag: FlagState, others: Others) -> None:
    for one in flag.prerequisites:
        required = others.flags.get(one.flag)
        if required is None:
            raise _not_there(one, others)
        names = [variant.name for variant in required.variants]
        for wanted in one.variants:
            if wanted not in names:
                raise InvalidInputError(
                    f"flag {one.flag!r} has no variant {wanted!r} to require",
                    hint=did_you_mean(wanted, names, plural="variants"),
                )
    needs = {key: tuple(one.flag for one in other.prerequisites) for key, other in others.flags.items()}
    needs[flag.key] = tuple(one.flag for one in flag.prerequisites)
    _check_ways("flag", "require itself", flag.key, needs)


def _not_there(one: Prerequisite, others: Others) -> InvalidInputError:
    if one.flag in others.archived:
        return InvalidInputError(
            f"flag {one.flag!r} is archived and can't be required", hint="take it out of the archive: restore()"
        )
    hint = did_you_mean(one.flag, list(others.flags), plural="flags")
    return InvalidInputError(f"there is no flag {one.flag!r} to require", hint=hint)


def _check_ways(kind: str, what: str, key: str, needs: Mapping[str, Iterable[str]]) -> None:
    """Refuse a way that leads back to where it began, or that is too long."""
    way = cycle(key, needs)
    if way is not None:
        raise InvalidInputError(f"{kind} {key!r} would {what}: {' -> '.join(way)}")
    longest = max((_longest(one, needs, {}) for one in needs), key=len)
    if len(longest) > _DEEPEST:
        raise InvalidInputError(
            f"{kind}s refer to each other at most {_DEEPEST} deep, not {len(longest)}: {' -> '.join(longest[:3])} -> …"
        )


def _longest(key: str, needs: Mapping[str, Iterable[str]], known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The longest way from here; there is none that leads back."""
    if key not in known:
        ways = (_longest(other, needs, known) for other in needs.get(key, ()))
        known[key] = (key, *max(ways, key=len, default=()))
    return known[key]


def _check_needed(flag: FlagState, lost: Iterable[str], others: Others) -> None:
    needing = [
        (other.key, one)
        for other in others.flags.values()
        for one in other.prerequisites
        if one.flag == flag.key and other.key != flag.key
    ]
    if flag.archived and needing:
        names = _named("flag", sorted(key for key, _ in needing))
        raise ConflictError(
            f"flag {flag.key!r} can't be archived: {names} {'requires' if len(needing) == 1 else 'require'} it",
            hint=f"take that back first: flags[{needing[0][0]!r}].unrequire({flag.key!r})",
        )
    for key, one in needing:
        for name in one.variants:
            if name in lost:
                raise InvalidInputError(
                    f"variant {name!r} can't go: flag {key!r} requires it",
                    hint=f"take that back first: flags[{key!r}].unrequire({flag.key!r})",
                )


def _check_unused(key: str, others: Others) -> None:
    flags = sorted(flag.key for flag in others.flags.values() if key in segments_named(flag))
    segments = sorted(one.key for one in others.segments.values() if one.key != key and key in segments_of(one.clauses))
    users = " and ".join(filter(None, (_named("flag", flags), _named("segment", segments))))
    if users:
        raise ConflictError(
            f"segment {key!r} can't be archived: {users} {'uses' if len(flags) + len(segments) == 1 else 'use'} it",
            hint="take the rules and clauses away first that name it",
        )


def _check_slice(flag: FlagState, part: Slice, others: Others) -> None:
    sharing = {
        other.key: (other, other.slice)
        for other in others.flags.values()
        if other.key != flag.key and other.slice is not None and other.slice.layer == part.layer
    }
    for key, (_, taken) in sharing.items():
        if part.low < taken.high and taken.low < part.high:
            free = ", ".join(f"{low:g} to {high:g} %" for low, high in _free(other for _, other in sharing.values()))
            raise InvalidInputError(
                f"a slice of {part.low:g} to {part.high:g} % of layer {part.layer!r} overlaps with that of flag "
                f"{key!r}, {taken.low:g} to {taken.high:g} %",
                hint=f"free in this layer: {free or 'nothing'}",
            )
    _check_scheme(flag, f"layer {part.layer!r}", (other for other, _ in sharing.values()))


def _check_scheme(flag: FlagState, what: str, sharing: Iterable[FlagState]) -> None:
    """Flags that share people must make their buckets alike."""
    for other in sharing:
        if other.scheme != flag.scheme and other.key != flag.key:
            raise InvalidInputError(
                f"flag {flag.key!r} can't share {what} with flag {other.key!r}: their buckets are made by "
                f"{flag.scheme!r} and {other.scheme!r}"
            )


def _free(taken: Iterable[Slice]) -> Iterator[tuple[float, float]]:
    """The parts of a layer that no slice takes."""
    at = 0.0
    for part in sorted(taken, key=lambda one: one.low):
        if part.low > at:
            yield at, part.low
        at = max(at, part.high)
    if at < 100:  # noqa: PLR2004 - percent
        yield at, 100.0


def _named(kind: str, keys: list[str]) -> str:
    if not keys:
        return ""
    return f"{kind}{'s' if len(keys) > 1 else ''} {', '.join(map(repr, keys))}"
