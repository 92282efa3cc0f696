"""Experiments: for each variant, the sums that everything about it can be worked out from.

What each unit (a user, mostly) is worth is added up in `units`; only counts and sums over units leave the engine.
Sums are of distances from the mean of all units, so that no digits are lost where values are large and alike
(T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlglot import exp

from burgee.analytics.dialects import micros, place_of
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    SECOND,
    ascending,
    column,
    floating,
    in_turn,
    is_null,
    is_there,
    minus,
    named,
    null,
    number,
    quantile,
    ranks,
    text,
    when,
    window,
    with_parts,
)
from burgee.core.clock import to_us

EXPOSURE = "flag.exposure"
"""The type of the events that say who was served what."""

CHANCE = "SPLIT"
"""The reason of those whom chance dealt their variant; whoever came to it by a rule can't be compared."""

OUTSIDE = "DEFAULT"
"""The reason, without a rule, of those whom chance left outside the rollout."""

REACH = 1.959963984540054
"""How many standard deviations of a rank `low` and `high` of a quantile are away from it."""

type Take = Literal["any", "count", "sum", "mean", "min", "max"]


@dataclass(frozen=True, slots=True)
class Worth:
    """What one unit is worth: `take` of the `field` of its events of a `type`; of all its rows where that is None."""

    take: Take
    type: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is added up over units: `top`, for a ratio with `bottom`; for a quantile at the share `at`.

    `before` is what a unit was worth before it was exposed, or the column that says so; none unless wanted.
    """

    top: Worth
    bottom: Worth | None = None
    at: float | None = None
    before: Worth | None = None


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
    types = sorted({worth.type for worth in _worths(outcomes) if worth.type is not None})
    facts.check(types)
    parts = _exposures(shown, exposed)
    parts |= _segments(facts, exposed)
    parts["facts"] = _facts(facts, exposed.user, types, outcomes)
    parts["worth"] = _worth(exposed, outcomes)
    parts["units"] = _units(exposed, outcomes, now)
    return _summed(parts, outcomes)


def frame_experiment(outcomes: Sequence[Outcome], fields: Sequence[str], *, grouped: bool) -> exp.Select:
    """The same sums over a frame: a table `events` of `variant, segment` and the numbers `f0, f1, …`, as `fields` name.

    `grouped` says that a unit has several rows: its column is `unit`, and `type` says what a row is.
    """
    places = {field: column(f"f{place}") for place, field in enumerate(fields)}

    def value(worth: Worth, *, alone: bool) -> exp.Expr:
        field = None if worth.field is None else places[worth.field].copy()
        if alone:
            return floating(_as_one(worth, field))
        condition = exp.true() if worth.type is None else column("type").eq(text(worth.type))
        return floating(_taken(worth, field, condition))

    values = [
        named(value(worth, alone=not grouped), f"v{place}_{part}")
        for place, outcome in enumerate(outcomes)
        for part, worth in _parts_of(outcome)
    ]
    if not grouped:
        units = exp.select("segment", "variant", named(number(1), "kept"), named(number(0), "young"), *values)
        return _summed({"units": units.from_("events")}, outcomes)
    lowest, highest = exp.Min(this=column("variant")), exp.Max(this=column("variant"))
    alike = exp.case().when(lowest.eq(highest), number(1)).else_(number(0))
    segment = exp.Min(this=column("segment"))
    worth = exp.select(named(segment, "segment"), named(lowest.copy(), "variant"), named(alike, "kept"), *values)
    parts: dict[str, exp.Query] = {"worth": worth.from_("events").group_by("unit")}
    kept = [
        named(when(column("kept").eq(number(1)), column(one.alias)), one.alias) for one in values
    ]
    parts["units"] = exp.select("segment", "variant", "kept", named(number(0), "young"), *kept).from_("worth")
    return _summed(parts, outcomes)


def _parts_of(outcome: Outcome) -> list[tuple[str, Worth]]:
    parts = [("top", outcome.top), ("bottom", outcome.bottom), ("before", outcome.before)]
    return [(name, worth) for name, worth in parts if worth is not None]


def _worths(outcomes: Sequence[Outcome]) -> list[Worth]:
    return [worth for outcome in outcomes for _, worth in _parts_of(outcome)]


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
        chance = exp.Coalesce(this=reason, expressions=[text(CHANCE)]).eq(text(CHANCE))
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
    return sorted({worth.field for worth in _worths(outcomes) if worth.field is not None})


def _place(field: str, outcomes: Sequence[Outcome]) -> str:
    return f"f{_fields(outcomes).index(field)}"


def _worth(exposed: Exposed, outcomes: Sequence[Outcome]) -> exp.Select:
    """What each unit that did anything is worth."""
    at, first = column("at", "facts"), column("at", "firsts")
    after = exp.GTE(this=at, expression=first)
    if exposed.window is not None:
        after = exp.and_(after, exp.LT(this=minus(at.copy(), first.copy()), expression=number(exposed.window)))
    earlier = exp.and_(
        exp.LT(this=at.copy(), expression=first.copy()),
        exp.LTE(this=minus(first.copy(), at.copy()), expression=number(exposed.before or 0)),
    )
    values = []
    for place, outcome in enumerate(outcomes):
        for part, worth in _parts_of(outcome):
            field = None if worth.field is None else column(_place(worth.field, outcomes), "facts")
            condition = exp.and_(
                column("type", "facts").eq(text(worth.type or "")), (earlier if part == "before" else after).copy()
            )
            values.append(named(_taken(worth, field, condition), f"v{place}_{part}"))
    unit = column("unit", "firsts")
    tree = exp.select(named(unit, "unit"), *values).from_("firsts")
    return tree.join("facts", on=column("unit", "facts").eq(unit.copy())).group_by(unit.copy())


def _taken(worth: Worth, field: exp.Expr | None, condition: exp.Expr) -> exp.Expr:
    """One number of the rows of a unit that meet the condition."""
    if worth.take in {"any", "count"}:
        met = condition if field is None else exp.and_(condition, exp.NEQ(this=field, expression=number(0)))
        one = exp.case().when(met, number(1)).else_(number(0))
        return (exp.Max if worth.take == "any" else exp.Sum)(this=one)
    value = when(condition, floating(field if field is not None else number(1)))
    match worth.take:
        case "sum":
            return exp.Coalesce(this=exp.Sum(this=value), expressions=[number(0)])
        case "mean":
            return exp.Avg(this=value)
        case "min":
            return exp.Min(this=value)
        case _:
            return exp.Max(this=value)


def _as_one(worth: Worth, field: exp.Expr | None) -> exp.Expr:
    """The same where a unit has one row."""
    if field is None:
        return number(1)
    if worth.take not in {"any", "count"}:
        return field
    one = exp.case().when(exp.NEQ(this=field, expression=number(0)), number(1)).else_(number(0))
    return when(is_there(field.copy()), one)


def _units(exposed: Exposed, outcomes: Sequence[Outcome], now: datetime) -> exp.Select:
    """Every unit that takes part; one that did nothing is worth 0, or nothing where there is no mean of nothing."""
    kept = column("kept", "firsts").eq(number(1))
    values = []
    for place, outcome in enumerate(outcomes):
        for part, worth in _parts_of(outcome):
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


def _summed(parts: dict[str, exp.Query], outcomes: Sequence[Outcome]) -> exp.Select:
    """From units to sums."""
    groups = ["segment", "variant"]
    names = [f"v{place}_{part}" for place, outcome in enumerate(outcomes) for part, _ in _parts_of(outcome)]
    quantiles = [place for place, outcome in enumerate(outcomes) if outcome.at is not None]
    units = parts["units"]
    assert isinstance(units, exp.Select)  # noqa: S101 - built above
    if "crossed" not in units.named_selects:
        crossed = exp.Sub(this=number(1), expression=column("kept")) if "worth" in parts else number(0)
        parts["units"] = units.select(named(crossed, "crossed"))
    source = "units"
    if quantiles:
        more = [part for place in quantiles for part in _ranked(f"v{place}_top", groups)]
        parts["ranked"] = exp.select(*groups, "kept", "crossed", "young", *names, *more).from_("units")
        source = "ranked"
    centred = [name for name in names if int(name[1:].partition("_")[0]) not in quantiles]
    if centred:
        means = [named(exp.Avg(this=column(name)), f"c_{name}") for name in centred]
        parts["centre"] = exp.select(*means).from_("units")
    sums = [one for place, outcome in enumerate(outcomes) for one in _sums(place, outcome)]
    totals = [
        named(exp.Sum(this=column("kept")), "units"),
        named(exp.Sum(this=column("crossed")), "crossed"),
        named(exp.Sum(this=column("young")), "young"),
    ]
    tree = exp.select(*groups, *totals, *sums).from_(source)
    if centred:
        tree = tree.join("centre", join_type="cross")
    order = [ascending(column(name), "text") for name in groups]
    return with_parts(tree.group_by(*groups).order_by(*order), parts)


def _ranked(name: str, groups: Sequence[str]) -> list[exp.Expr]:
    """What `ranks` gives, and the same once more where every dialect keeps it: interval bounds are values at ranks."""
    by = [column(one) for one in groups]
    place = window(exp.RowNumber(), by, [ascending(column(name))])
    known = window(exp.Count(this=column(name)), [one.copy() for one in by])
    return [*ranks(name, name, groups), named(place, f"{name}_place"), named(known, f"{name}_of")]


def _sums(place: int, outcome: Outcome) -> list[exp.Expr]:
    """For the outcome numbered i: `n_i`; of the top `c_i_x` (the mean of all units), `s_i_x`, `s_i_xx`: the sums of the
    distances from it and of their squares; of the bottom the same with `y`, and `s_i_xy`; of what was before with `p`,
    and `s_i_xp`. A quantile has `q_i`, and `l_i` and `h_i`: the values at the ranks that are `REACH` standard
    deviations of a rank below and above it.
    """  # noqa: D205 - the names are the sentence
    top = column(f"v{place}_top")
    if outcome.at is not None:
        return _quantile_sums(place, outcome.at)
    there = is_there(top) if outcome.bottom is None else exp.and_(
        is_there(top), is_there(column(f"v{place}_bottom"))
    )
    x = _away(place, "top", there)
    sums = [named(count_of(there), f"n_{place}"), *_moments(place, "x", "top", x)]
    if outcome.bottom is not None:
        y = _away(place, "bottom", there)
        sums += [*_moments(place, "y", "bottom", y), named(exp.Sum(this=_times(x, y)), f"s_{place}_xy")]
    if outcome.before is not None:
        p = when(there.copy(), exp.Coalesce(this=_plain_away(place, "before"), expressions=[number(0)]))
        sums += [*_moments(place, "p", "before", p), named(exp.Sum(this=_times(x, p)), f"s_{place}_xp")]
    return sums


def count_of(condition: exp.Expr) -> exp.Expr:
    """How many rows meet the condition."""
    return exp.Count(this=when(condition.copy(), number(1)))


def _moments(place: int, letter: str, part: str, value: exp.Expr) -> list[exp.Expr]:
    return [
        named(exp.Max(this=column(f"c_v{place}_{part}")), f"c_{place}_{letter}"),
        named(exp.Sum(this=value.copy()), f"s_{place}_{letter}"),
        named(exp.Sum(this=_times(value, value)), f"s_{place}_{letter}{letter}"),
    ]


def _plain_away(place: int, part: str) -> exp.Expr:
    return exp.paren(minus(column(f"v{place}_{part}"), column(f"c_v{place}_{part}")))


def _away(place: int, part: str, there: exp.Expr) -> exp.Expr:
    return when(there.copy(), _plain_away(place, part))


def _times(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.Mul(this=one.copy(), expression=other.copy())


def _quantile_sums(place: int, at: float) -> list[exp.Expr]:
    name = f"v{place}_top"
    known = floating(column(f"{name}_of"))
    spread = exp.Mul(this=number(REACH), expression=exp.Sqrt(this=_times(known, number(at * (1 - at)))))
    middle = _times(known, number(at))
    low = exp.Greatest(this=number(1.0), expressions=[exp.Floor(this=minus(middle, spread))])
    high = exp.Add(this=exp.Floor(this=exp.Add(this=middle.copy(), expression=spread.copy())), expression=number(1))
    high = exp.Least(this=known.copy(), expressions=[high])
    rank = floating(column(f"{name}_place"))

    def value_at(bound: exp.Expr) -> exp.Expr:
        return exp.Max(this=when(rank.copy().eq(bound), column(name)))

    return [
        named(exp.Count(this=column(name)), f"n_{place}"),
        named(quantile(name, name, at), f"q_{place}"),
        named(value_at(low), f"l_{place}"),
        named(value_at(high), f"h_{place}"),
    ]


def microseconds(seconds: float | None) -> int | None:
    """Whole microseconds of seconds."""
    return None if seconds is None else round(seconds * SECOND)
