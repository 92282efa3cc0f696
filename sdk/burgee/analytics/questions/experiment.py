"""Experiments over the log: who was exposed to what first, and what they did from then on.

What each unit (a user, mostly) is worth is added up in `units`; only counts and sums over units leave the engine
(`sums`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from burgee.analytics.dialects import micros, place_of
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    SECOND,
    column,
    floating,
    in_turn,
    is_null,
    is_there,
    minus,
    named,
    null,
    number,
    text,
    when,
    window,
)
from burgee.analytics.questions.sums import Outcome, parts_of, summed, taken, worths
from burgee.core.clock import to_us

EXPOSURE = "flag.exposure"
"""The type of the events that say who was served what."""

CHANCE = "SPLIT"
"""The reason of those whom chance dealt their variant; whoever came to it by a rule can't be compared."""

OUTSIDE = "DEFAULT"
"""The reason, without a rule, of those whom chance left outside the rollout."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """Who takes part: the units exposed to a flag, by the field `unit`; events are theirs by their property `user`.

    `window` and `before` are microseconds after and before a unit's first exposure. `segment` is a property of it.
    With `outside` those outside the rollout take part, too.
    """

    flag: str
    unit: str
    user: str
    window: int | None = None
    before: int | None = None
    segment: str | None = None
    keep: bool = False
    outside: bool = False


def experiment(
    shown: Choice, facts: Choice, exposed: Exposed, outcomes: Sequence[Outcome], now: datetime
) -> exp.Select:
    """The sums of an experiment over the log, a row for each segment and variant.

    A unit belongs to the variant of its first exposure, and what it does from then on counts, for as long as `window`
    says. One that was exposed to several variants is counted in `crossed`, and left out of the sums unless kept.
    Its segment is the property in its first exposure or, if exposures have none, in its earliest event that has one.

    Columns: `segment`, `variant`; how many units: `units`, `crossed`, and `young`, whose window was not over `now`;
    then for the outcome numbered i those of `_sums`.

    Raises:
        InvalidInputError: no event has such a type or field.
    """
    types = sorted({worth.type for worth in worths(outcomes) if worth.type is not None})
    facts.check(types)
    parts = _exposures(shown, exposed)
    parts |= _segments(facts, exposed)
    parts["facts"] = _facts(facts, exposed.user, types, outcomes)
    parts["worth"] = _worth(exposed, outcomes)
    parts["units"] = _units(exposed, outcomes, now)
    return summed(parts, outcomes)


def _exposures(shown: Choice, exposed: Exposed) -> dict[str, exp.Query]:
    """Each unit's first exposure, and whether all of its exposures were to one variant."""
    unit = exp.cast(shown.field(exposed.unit).value, "text")
    variant = exp.cast(shown.field("variant").value, "text")
    at = micros(column("occurred_at"))
    columns = {"unit": unit, "variant": variant, "at": at, "place": place_of(at.copy(), column("position"))}
    if exposed.segment is not None:
        columns["segment"] = exp.cast(shown.field(exposed.segment).value, "text")
    conditions = [
        column("type").eq(text(EXPOSURE)),
        exp.cast(shown.field("flag").value, "text").eq(text(exposed.flag)),
        is_there(unit.copy()),
        is_there(variant.copy()),
    ]
    if "reason" in shown.columns.fields:
        reason = exp.cast(shown.field("reason").value, "text")
        chance: exp.Expr = exp.Coalesce(this=reason, expressions=[text(CHANCE)]).eq(text(CHANCE))
        if exposed.outside:
            rule = shown.field("rule").value if "rule" in shown.columns.fields else null("text")
            chance = exp.or_(chance, exp.and_(reason.copy().eq(text(OUTSIDE)), is_null(rule)))
        conditions.append(chance)
    by = [column("unit")]
    ordered = exp.select(
        *columns,
        named(window(exp.RowNumber(), by, [in_turn(column("place"))]), "nth"),
        named(window(exp.Min(this=column("variant")), by), "lowest"),
        named(window(exp.Max(this=column("variant")), by), "highest"),
    ).from_("exposures")
    alike = exp.case().when(column("lowest").eq(column("highest")), number(1)).else_(number(0))
    kept = number(1) if exposed.keep else alike.copy()
    crossed = exp.Sub(this=number(1), expression=exp.paren(alike))
    shown_columns = ["unit", "variant", "at", *(["segment"] if exposed.segment is not None else [])]
    firsts = exp.select(*shown_columns, named(kept, "kept"), named(crossed, "crossed")).from_("ordered")
    return {
        "exposures": shown.select(columns, *conditions),
        "ordered": ordered,
        "firsts": firsts.where(column("nth").eq(number(1))),
    }


def _segments(facts: Choice, exposed: Exposed) -> dict[str, exp.Query]:
    """What the earliest event of each unit that has the property says of it."""
    if exposed.segment is None:
        return {}
    segment = exp.cast(facts.field(exposed.segment).value, "text")
    user = exp.cast(facts.field(exposed.user).value, "text")
    place = place_of(micros(column("occurred_at")), column("position"))
    there = facts.select({"unit": user, "segment": segment, "place": place}, is_there(segment.copy()))
    nth = window(exp.RowNumber(), [column("unit")], [in_turn(column("place"))])
    return {
        "seen": there,
        "sorted": exp.select("unit", "segment", named(nth, "nth")).from_("seen"),
        "segments": exp.select("unit", "segment").from_("sorted").where(column("nth").eq(number(1))),
    }


def _facts(facts: Choice, user: str, types: Sequence[str], outcomes: Sequence[Outcome]) -> exp.Select:
    """The events that count, with the fields that are added up."""
    unit = exp.cast(facts.field(user).value, "text")
    columns = {"unit": unit, "type": column("type"), "at": micros(column("occurred_at"))}
    for name in _fields(outcomes):
        columns[_place(name, outcomes)] = facts.number(name, "an experiment").value
    return facts.select(columns, column("type").isin(*map(text, types)), is_there(unit.copy()))


def _fields(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted({worth.field for worth in worths(outcomes) if worth.field is not None})


def _place(field: str, outcomes: Sequence[Outcome]) -> str:
    return f"f{_fields(outcomes).index(field)}"


def _worth(exposed: Exposed, outcomes: Sequence[Outcome]) -> exp.Select:
    """What each unit that did anything is worth."""
    at, first = column("at", "facts"), column("at", "firsts")
    after: exp.Expr = exp.GTE(this=at, expression=first)
    if exposed.window is not None:
        after = exp.and_(after, exp.LT(this=minus(at.copy(), first.copy()), expression=number(exposed.window)))
    earlier = exp.and_(
        exp.LT(this=at.copy(), expression=first.copy()),
        exp.LTE(this=minus(first.copy(), at.copy()), expression=number(exposed.before or 0)),
    )
    values = []
    for place, outcome in enumerate(outcomes):
        for part, worth in parts_of(outcome):
            field = None if worth.field is None else column(_place(worth.field, outcomes), "facts")
            condition = exp.and_(
                column("type", "facts").eq(text(worth.type or "")), (earlier if part == "before" else after).copy()
            )
            values.append(named(taken(worth, field, condition), f"v{place}_{part}"))
    unit = column("unit", "firsts")
    tree = exp.select(named(unit, "unit"), *values).from_("firsts")
    return tree.join("facts", on=column("unit", "facts").eq(unit.copy())).group_by(unit.copy())


def _units(exposed: Exposed, outcomes: Sequence[Outcome], now: datetime) -> exp.Select:
    """Every unit that takes part; one that did nothing is worth 0, or nothing where there is no mean of nothing."""
    kept = column("kept", "firsts").eq(number(1))
    values = []
    for place, outcome in enumerate(outcomes):
        for part, worth in parts_of(outcome):
            value: exp.Expr = column(f"v{place}_{part}", "worth")
            if worth.take in {"any", "count", "sum"}:
                value = exp.Coalesce(this=value, expressions=[number(0)])
            values.append(named(when(kept.copy(), floating(value)), f"v{place}_{part}"))
    young = number(0)
    if exposed.window is not None:
        running = exp.GT(this=column("at", "firsts"), expression=number(to_us(now) - exposed.window))
        young = exp.case().when(exp.and_(kept.copy(), running), number(1)).else_(number(0))
    segment = null("text")
    if exposed.segment is not None:
        segment = exp.Coalesce(this=column("segment", "firsts"), expressions=[column("segment", "segments")])
    unit = column("unit", "firsts")
    tree = exp.select(
        named(segment, "segment"),
        named(column("variant", "firsts"), "variant"),
        named(column("kept", "firsts"), "kept"),
        named(column("crossed", "firsts"), "crossed"),
        named(young, "young"),
        *values,
    ).from_("firsts")
    tree = tree.join("worth", on=column("unit", "worth").eq(unit), join_type="left")
    if exposed.segment is not None:
        tree = tree.join("segments", on=column("unit", "segments").eq(unit.copy()), join_type="left")
    return tree


def microseconds(seconds: float | None) -> int | None:
    """Whole microseconds of seconds."""
    return None if seconds is None else round(seconds * SECOND)
