"""Measures of events, per period and by properties."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp

from burgee.analytics.dialects import bytewise, from_clock, start_of
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    ascending,
    column,
    count,
    floating,
    free,
    named,
    need_list,
    quantile,
    ranks,
    whole,
    with_parts,
)
from burgee.analytics.source import Kind
from burgee.core.errors import InvalidInputError
from burgee.core.periods import check_period


class Wanted(NamedTuple):
    """A measure: its kind, the result's column, the field it is of, and the share of a quantile."""

    kind: str
    name: str
    field: str | None = None
    at: float | None = None


COUNT = Wanted("count", "count")


def counts(
    choice: Choice, per: str | None = None, by: Sequence[str] = (), measures: Sequence[Wanted] = (COUNT,)
) -> exp.Select:
    """Measures of the events, per period and by properties.

    Columns: `time`, the period's start, where `per` is given; the properties, each a column of its name (one named like
    another column of the result is `data_<name>`); the measures. Ordered by time, then by the properties, null last.
    Events without the field of a measure do not count in it; a measure of none is null.

    Raises:
        InvalidInputError: an unknown period, a property or a measure named twice, a measure of what is no number.
    """
    need_list(by, "by")
    _no_twins("a property", by)
    names = [measure.name for measure in measures]
    _no_twins("a measure", names)
    taken = [*names, *(["time"] if per is not None else [])]
    fields = {f"key_{place}": choice.field(name) for place, name in enumerate(by, start=1)}
    shown = dict(
        zip(fields, (free(name, [*taken, *by[:place], *by[place + 1 :]]) for place, name in enumerate(by)), strict=True)
    )
    columns: dict[str, exp.Expr] = {key: field.value for key, field in fields.items()}
    if per is not None:
        columns = {"period": start_of(check_period(per), column("occurred_at")), **columns}
    keys = list(columns)
    values: dict[tuple[str, bool], str] = {}
    kinds: dict[str, Kind] = {}
    for measure in measures:
        if measure.field is not None:
            numeric = measure.kind in {"sum", "mean", "quantile"}
            name = values.setdefault((measure.field, numeric), f"value_{len(values) + 1}")
            field = choice.number(measure.field, measure.kind) if numeric else choice.field(measure.field)
            columns[name], kinds[name] = field.value, field.kind
    parts: dict[str, exp.Query] = {"chosen": choice.select(columns or {"position": column("position")})}
    source = "chosen"
    ranked = list(dict.fromkeys(values[str(one.field), True] for one in measures if one.kind == "quantile"))
    if ranked:
        more = [part for value in ranked for part in ranks(value, value, keys)]
        parts["ranked"] = exp.select(*columns, *more).from_("chosen")
        source = "ranked"
    totals = [named(_measure(one, values, kinds), f"measure_{place}") for place, one in enumerate(measures, start=1)]
    parts["totals"] = exp.select(*keys, *totals).from_(source).group_by(*keys)
    final: list[exp.Expr] = [] if per is None else [named(from_clock(column("period", "totals")), "time")]
    final += [named(column(key, "totals"), shown[key]) for key in fields]
    final += [named(column(f"measure_{place}", "totals"), one.name) for place, one in enumerate(measures, start=1)]
    order = [] if per is None else [ascending(column("period", "totals"))]
    order += [ascending(column(key, "totals"), field.kind) for key, field in fields.items()]
    tree = exp.select(*final).from_("totals")
    return with_parts(tree.order_by(*order) if order else tree, parts)


def _measure(wanted: Wanted, values: dict[tuple[str, bool], str], kinds: dict[str, Kind]) -> exp.Expr:
    if wanted.field is None:
        return count()
    name = values[wanted.field, wanted.kind in {"sum", "mean", "quantile"}]
    value, kind = column(name), kinds[name]
    match wanted.kind:
        case "distinct":
            return exp.Count(this=exp.Distinct(expressions=[value]))
        case "sum":
            total = exp.Sum(this=value)
            return whole(total) if kind == "int" else total
        case "mean":
            return exp.Avg(this=floating(value))
        case "quantile":
            return quantile(name, name, wanted.at or 0.0)
    if kind == "json":
        raise InvalidInputError(
            f"{wanted.kind} needs values that have an order, and the field {wanted.field!r} is json"
        )
    return _extreme(wanted.kind, value, kind)


def _extreme(which: str, value: exp.Expr, kind: Kind) -> exp.Expr:
    of = bytewise(value) if kind == "text" else exp.cast(value, "int") if kind == "bool" else value
    found: exp.Expr = exp.Min(this=of) if which == "min" else exp.Max(this=of)
    return exp.cast(found, "boolean") if kind == "bool" else found


def _no_twins(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InvalidInputError(f"{what} is named twice: {', '.join(map(repr, names))}")
