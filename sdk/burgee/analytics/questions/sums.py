"""The sums of an experiment: what every comparison is worked out from, a row for each segment and variant.

Sums are of distances from the mean of all units, so that no digits are lost where values are large and alike
(T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from burgee.analytics.questions.parts import (
    ascending,
    column,
    floating,
    is_there,
    minus,
    named,
    number,
    quantile,
    ranks,
    text,
    when,
    window,
    with_parts,
)

REACH = 1.959963984540054
"""How many standard deviations of a rank `low` and `high` of a quantile are away from it."""

_LETTERS = {"top": "x", "bottom": "y", "before": "p"}

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
        return floating(taken(worth, field, condition))

    values = [
        named(value(worth, alone=not grouped), f"v{place}_{part}")
        for place, outcome in enumerate(outcomes)
        for part, worth in parts_of(outcome)
    ]
    if not grouped:
        units = exp.select("segment", "variant", named(number(1), "kept"), named(number(0), "young"), *values)
        return summed({"units": units.from_("events")}, outcomes)
    lowest, highest = exp.Min(this=column("variant")), exp.Max(this=column("variant"))
    alike = exp.case().when(lowest.eq(highest), number(1)).else_(number(0))
    segment = exp.Min(this=column("segment"))
    worth = exp.select(named(segment, "segment"), named(lowest.copy(), "variant"), named(alike, "kept"), *values)
    parts: dict[str, exp.Query] = {"worth": worth.from_("events").group_by("unit")}
    kept = [named(when(column("kept").eq(number(1)), column(one.alias)), one.alias) for one in values]
    parts["units"] = exp.select("segment", "variant", "kept", named(number(0), "young"), *kept).from_("worth")
    return summed(parts, outcomes)


def parts_of(outcome: Outcome) -> list[tuple[str, Worth]]:
    """What a unit is worth, by the part it has in the outcome."""
    parts = [("top", outcome.top), ("bottom", outcome.bottom), ("before", outcome.before)]
    return [(name, worth) for name, worth in parts if worth is not None]


def worths(outcomes: Sequence[Outcome]) -> list[Worth]:
    """All that is added up."""
    return [worth for outcome in outcomes for _, worth in parts_of(outcome)]


def taken(worth: Worth, field: exp.Expr | None, condition: exp.Expr) -> exp.Expr:
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


def summed(parts: dict[str, exp.Query], outcomes: Sequence[Outcome]) -> exp.Select:
    """From units to sums."""
    groups = ["segment", "variant"]
    names = [f"v{place}_{part}" for place, outcome in enumerate(outcomes) for part, _ in parts_of(outcome)]
    quantiles = [place for place, outcome in enumerate(outcomes) if outcome.at is not None]
    units = parts["units"]
    assert isinstance(units, exp.Select)  # noqa: S101 - built above
    if "crossed" not in units.named_selects:
        crossed = exp.Sub(this=number(1), expression=column("kept")) if "worth" in parts else number(0)
        parts["units"] = units.select(named(crossed, "crossed"))
    source, counts = "units", ["kept", "crossed", "young"]
    if quantiles:
        more = [part for place in quantiles for part in _ranked(f"v{place}_top", groups)]
        parts["ranked"] = exp.select(*groups, *counts, *names, *more).from_("units")
        source = "ranked"
    centred = [name for name in names if int(name[1:].partition("_")[0]) not in quantiles]
    if centred:
        means = [named(exp.Avg(this=column(name)), f"c_{name}") for name in centred]
        parts["centre"] = exp.select(*means).from_("units")
        shown = exp.select(exp.column(exp.Star(), source)) if quantiles else exp.select(*groups, *counts)
        apart = [one for place, outcome in enumerate(outcomes) if outcome.at is None for one in _apart(place, outcome)]
        parts["apart"] = shown.select(*apart).from_(source).join("centre", join_type="cross")
        source = "apart"
    totals = [named(exp.Sum(this=column(name)), "units" if name == "kept" else name) for name in counts]
    sums = [one for place, outcome in enumerate(outcomes) for one in _sums(place, outcome)]
    added = exp.select(*groups, *totals, *sums).from_(source).group_by(*groups)
    order = [ascending(column(name), "text") for name in groups]
    if not centred:
        return with_parts(added.order_by(*order), parts)
    parts["sums"] = added
    given = [column(name) for name in added.named_selects]
    centres = [
        named(column(f"c_v{place}_{part}"), f"c_{place}_{_LETTERS[part]}")
        for place, outcome in enumerate(outcomes)
        if outcome.at is None
        for part, _ in parts_of(outcome)
    ]
    whole = exp.select(*given, *centres).from_("sums").join("centre", join_type="cross")
    return with_parts(whole.order_by(*order), parts)


def _ranked(name: str, groups: Sequence[str]) -> list[exp.Expr]:
    """What `ranks` gives, and the same once more where every dialect keeps it: interval bounds are values at ranks."""
    by = [column(one) for one in groups]
    place = window(exp.RowNumber(), by, [ascending(column(name))])
    known = window(exp.Count(this=column(name)), [one.copy() for one in by])
    return [*ranks(name, name, groups), named(place, f"{name}_place"), named(known, f"{name}_of")]


def _apart(place: int, outcome: Outcome) -> list[exp.Expr]:
    """How far a unit is from the mean of all: null where it has no value, 0 where only nothing of before is known."""
    found: dict[str, exp.Expr] = {
        part: exp.paren(minus(column(f"v{place}_{part}"), column(f"c_v{place}_{part}")))
        for part, _ in parts_of(outcome)
    }
    top = column(f"v{place}_top")
    if outcome.bottom is not None:
        found["top"] = when(is_there(column(f"v{place}_bottom")), found["top"])
        found["bottom"] = when(is_there(top.copy()), found["bottom"])
    if outcome.before is not None:
        found["before"] = when(is_there(top.copy()), exp.Coalesce(this=found["before"], expressions=[number(0)]))
    return [named(value, f"{_LETTERS[part]}_{place}") for part, value in found.items()]


def _sums(place: int, outcome: Outcome) -> list[exp.Expr]:
    """The sums of the outcome numbered i.

    `n_i` units; of the top `s_i_x` and `s_i_xx`, the sums of distances and of their squares, beside `c_i_x`, the mean
    that they are from; of the bottom the same with `y`, and `s_i_xy`; of what was before with `p`, and `s_i_xp`. A
    quantile has `q_i`, and `l_i` and `h_i`: the values at the ranks that are `REACH` standard deviations of a rank
    below and above it.
    """
    if outcome.at is not None:
        return _quantile_sums(place, outcome.at)
    x = column(f"x_{place}")
    sums = [named(exp.Count(this=x), f"n_{place}")]
    for part, _ in parts_of(outcome):
        letter = _LETTERS[part]
        one = column(f"{letter}_{place}")
        sums += [named(exp.Sum(this=one), f"s_{place}_{letter}"), _product(place, letter, letter)]
        if letter != "x":
            sums.append(_product(place, "x", letter))
    return sums


def _product(place: int, one: str, other: str) -> exp.Expr:
    return named(exp.Sum(this=_times(column(f"{one}_{place}"), column(f"{other}_{place}"))), f"s_{place}_{one}{other}")


def _times(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.Mul(this=one.copy(), expression=other.copy())


def _quantile_sums(place: int, at: float) -> list[exp.Expr]:
    name = f"v{place}_top"
    known = floating(column(f"{name}_of"))
    spread = exp.Mul(this=number(REACH), expression=exp.Sqrt(this=_times(known, number(at * (1 - at)))))
    middle = _times(known, number(at))
    low = exp.Greatest(this=number(1.0), expressions=[exp.Floor(this=minus(middle, spread))])
    high: exp.Expr = exp.Add(
        this=exp.Floor(this=exp.Add(this=middle.copy(), expression=spread.copy())), expression=number(1)
    )
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
