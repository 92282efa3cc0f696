"""Questions about events, each as *one* SQL tree over a relation `events`.

A question is a tree and not a loop so that the same one runs here, on a cluster, or as text in any
warehouse (`tree.sql(dialect)`). The trees are written with what every dialect has: common table
expressions, joins, ROW_NUMBER and CASE. A median is worked out from ranks, since the dialects'
own medians differ (some interpolate, some sample).

`events` has the columns `position, stream, version, id, type, schema_version, data, metadata,
occurred_at, recorded_at`, where `data` is JSON text. A property is `type`, `stream` or the name of a
payload field, taken as text. A name with a dot in it is the name of one field.
"""

from collections.abc import Sequence

from sqlglot import exp

from burgee.analytics.source import EVENTS, Columns
from burgee.core.errors import InvalidInputError
from burgee.core.periods import check_period

ASSIGNMENT = "assignment"
"""The relation `(actor, variant)` that `funnel(..., assigned=True)` joins: one row per actor."""

_FUNNEL = ("step", "count", "conversion", "step_conversion", "median_seconds")


def counts(columns: Columns, per: str | None = None, by: Sequence[str] = ()) -> exp.Select:
    """How many events, per period and by properties.

    Columns: `time`, the period's start in UTC, where `per` is given (weeks start on Monday); the
    properties, each a column of its name (a payload field `time` or `count` is `data_time`, `data_count`);
    `count`. Ordered by time, then by the properties. Events that lack a property are a group of their own,
    with null.

    Raises:
        InvalidInputError: an unknown period, or a property named twice.
    """
    _check_list(by, "by")
    if len(set(by)) < len(by):
        msg = f"a property is named twice: {', '.join(map(repr, by))}"
        raise InvalidInputError(msg)
    keys = [] if per is None else [_named(_period_start(per), "time")]
    for name in by:
        others = [other for other in by if other != name]
        keys.append(_named(_property(columns, name), _free(name, ["time", "count", *others])))
    tree = exp.select(*keys, _named(exp.Count(this=exp.Star()), "count")).from_(EVENTS)
    places = [exp.Literal.number(place) for place in range(1, len(keys) + 1)]
    return tree.group_by(*places).order_by(*map(_ascending, places)) if keys else tree


def funnel(
    columns: Columns, steps: Sequence[str], by: str = "stream", *, split: str | None = None, assigned: bool = False
) -> exp.Select:
    """How many actors went through these steps (event types), in this order.

    An actor is a value of `by`; events without it are left out. An actor has done the first step at the
    earliest event of its type, and each further step at the earliest event of its type that comes later,
    by `(occurred_at, position)`, than the step before. The same type twice asks for it to happen twice.

    Columns: `step`; `count` of actors; `conversion`, their share of the first step's; `step_conversion`,
    their share of the step before's (1 at the first step); `median_seconds` from the step before to this
    one, null at the first. Shares are between 0 and 1, and null where nobody came to the step they are of.

    One row per step, in order. With `split`, a property, the rows are once per value of it at the actor's
    first step, and the property is the first column (`data_<name>` where it is named like another). With
    `assigned`, the actors are those of the relation `assignment(actor, variant)`, and `variant` is the
    first column. Shares are within the split.

    Raises:
        InvalidInputError: fewer than two steps, or both kinds of split.
    """
    _check_list(steps, "a funnel")
    if len(steps) < 2:  # noqa: PLR2004 - a way has two ends
        msg = f"a funnel has two steps or more, this one has {len(steps)}"
        raise InvalidInputError(msg, hint='name event types in order: funnel(["catalog", "purchase"], by="user_id")')
    if split is not None and assigned:
        msg = "a funnel is split by a property or by the assigned variant, not both"
        raise InvalidInputError(msg)
    column = "variant" if assigned else split
    parts = {
        "relevant": _relevant(columns, steps, by, split),
        "step_1": _first_step(steps[0], split=split is not None, assigned=assigned),
        **{f"step_{number}": _next_step(step, number) for number, step in enumerate(steps[1:], start=2)},
        "walks": _walks(len(steps), split=column is not None),
        "ranked": _ranked(len(steps), split=column is not None),
        "totals": _totals(len(steps), split=column is not None),
    }
    tree = _report(steps, column)
    for name, part in parts.items():
        tree = tree.with_(name, as_=part, copy=False)
    return tree


def _relevant(of: Columns, steps: Sequence[str], by: str, split: str | None) -> exp.Select:
    """The events of the steps, with their actor: the payload is read once."""
    actor = _property(of, by)
    columns: list[exp.Expr] = [
        _named(actor, "actor"),
        exp.column("type"),
        exp.column("occurred_at"),
        exp.column("position"),
    ]
    if split is not None:
        columns.append(_named(_property(of, split), "split"))
    kinds = [exp.Literal.string(step) for step in dict.fromkeys(steps)]
    return exp.select(*columns).from_(EVENTS).where(exp.column("type").isin(*kinds), _not_null(actor.copy()))


def _first_step(step: str, *, split: bool, assigned: bool) -> exp.Select:
    columns: list[exp.Expr] = [exp.column(name, "relevant") for name in ("actor", "occurred_at", "position")]
    order = [exp.column(name, "relevant") for name in ("occurred_at", "position")]
    if split:
        columns.append(exp.column("split", "relevant"))
    if assigned:
        columns.append(_named(exp.column("variant", ASSIGNMENT), "split"))
        order.append(exp.column("variant", ASSIGNMENT))
    tree = exp.select(*columns, _named(_row_number("actor", "relevant", order), "nth")).from_("relevant")
    if assigned:
        actor = exp.cast(exp.column("actor", ASSIGNMENT), "text")
        tree = tree.join(ASSIGNMENT, on=actor.eq(exp.column("actor", "relevant")))
    tree = tree.where(exp.column("type", "relevant").eq(exp.Literal.string(step)))
    kept = ["actor", "occurred_at", "position", *(["split"] if split or assigned else [])]
    return exp.select(*kept).from_(tree.subquery("tries")).where(exp.column("nth").eq(1))


def _next_step(step: str, number: int) -> exp.Select:
    before = f"step_{number - 1}"
    when, since = exp.column("occurred_at", "relevant"), exp.column("occurred_at", before)
    later = exp.or_(
        exp.GT(this=when, expression=since),
        exp.and_(
            exp.EQ(this=when.copy(), expression=since.copy()),
            exp.GT(this=exp.column("position", "relevant"), expression=exp.column("position", before)),
        ),
    )
    columns = [exp.column(name, "relevant") for name in ("actor", "occurred_at", "position")]
    micros = exp.DateDiff(this=when.copy(), expression=since.copy(), unit=exp.var("MICROSECOND"))
    order = [exp.column("occurred_at", "relevant"), exp.column("position", "relevant")]
    tree = (
        exp.select(
            *columns,
            _named(exp.Div(this=exp.cast(micros, "double"), expression=exp.Literal.number(1_000_000)), "seconds"),
            _named(_row_number("actor", "relevant", order), "nth"),
        )
        .from_("relevant")
        .join(before, on=exp.column("actor", before).eq(exp.column("actor", "relevant")))
        .where(exp.column("type", "relevant").eq(exp.Literal.string(step)), later)
    )
    kept = ["actor", "occurred_at", "position", "seconds"]
    return exp.select(*kept).from_(tree.subquery("tries")).where(exp.column("nth").eq(1))


def _walks(steps: int, *, split: bool) -> exp.Select:
    """One row per actor: how long each step took, null from where the actor stopped."""
    columns: list[exp.Expr] = [exp.column("actor", "step_1")]
    if split:
        columns.append(exp.column("split", "step_1"))
    columns += [_named(exp.column("seconds", f"step_{n}"), f"seconds_{n}") for n in range(2, steps + 1)]
    tree = exp.select(*columns).from_("step_1")
    for n in range(2, steps + 1):
        on = exp.column("actor", f"step_{n}").eq(exp.column("actor", "step_1"))
        tree = tree.join(f"step_{n}", on=on, join_type="left")
    return tree


def _ranked(steps: int, *, split: bool) -> exp.Select:
    """The walks, with each time's rank within its step and how many times there are."""
    columns: list[exp.Expr] = [exp.column("split")] if split else []
    for n in range(2, steps + 1):
        seconds = exp.column(f"seconds_{n}")
        columns.append(seconds)
        columns.append(_named(_window(exp.RowNumber(), split=split, order=seconds), f"rank_{n}"))
        columns.append(_named(_window(exp.Count(this=seconds.copy()), split=split), f"known_{n}"))
    return exp.select(*columns).from_("walks")


def _totals(steps: int, *, split: bool) -> exp.Select:
    """One row per split: for each step how many did it and the median time.

    The median is the mean of the middle ranks: rank r of n is in the middle when n <= 2r <= n + 2.
    """
    columns: list[exp.Expr] = [exp.column("split")] if split else []
    columns.append(_named(exp.Count(this=exp.Star()), "count_1"))
    for n in range(2, steps + 1):
        seconds, known = exp.column(f"seconds_{n}"), exp.column(f"known_{n}")
        twice = exp.Mul(this=exp.Literal.number(2), expression=exp.column(f"rank_{n}"))
        most = exp.Add(this=known.copy(), expression=exp.Literal.number(2))
        middle = exp.case().when(exp.Between(this=twice, low=known, high=most), seconds.copy())
        columns.append(_named(exp.Count(this=seconds), f"count_{n}"))
        columns.append(_named(exp.Avg(this=middle), f"median_{n}"))
    tree = exp.select(*columns).from_("ranked")
    return tree.group_by(exp.column("split")) if split else tree


def _report(steps: Sequence[str], column: str | None) -> exp.Select:
    """The totals turned from one wide row per split to one row per step."""
    rows = [_report_row(step, number, split=column is not None) for number, step in enumerate(steps, start=1)]
    columns: list[exp.Expr] = [exp.column(name, quoted=True) for name in _FUNNEL]
    order: list[exp.Expr] = [_ascending(exp.column("number"))]
    if column is not None:
        columns.insert(0, _named(exp.column("split"), _free(column, _FUNNEL)))
        order.insert(0, _ascending(exp.column("split")))
    return exp.select(*columns).from_(exp.union(*rows, distinct=False).subquery("report")).order_by(*order)


def _report_row(step: str, number: int, *, split: bool) -> exp.Select:
    count, first = exp.column(f"count_{number}"), exp.column("count_1")
    before = exp.column(f"count_{max(number - 1, 1)}")
    median: exp.Expr = exp.column(f"median_{number}") if number > 1 else exp.cast(exp.null(), "double")
    columns: list[exp.Expr] = [exp.column("split")] if split else []
    columns += [
        _named(exp.Literal.number(number), "number"),
        _named(exp.Literal.string(step), "step"),
        _named(count, "count"),
        _named(_share(count, first), "conversion"),
        _named(_share(count, before), "step_conversion"),
        _named(median, "median_seconds"),
    ]
    return exp.select(*columns).from_("totals")


def _share(part: exp.Expr, whole: exp.Expr) -> exp.Expr:
    floating = exp.cast(part.copy(), "double")
    return exp.Div(this=floating, expression=exp.Nullif(this=whole.copy(), expression=exp.Literal.number(0)))


def _property(columns: Columns, name: str) -> exp.Expr:
    """A property as text: `type`, `stream`, or the payload field of that name."""
    return exp.cast(exp.column(columns.find(name).name, quoted=True), "text")


def _period_start(per: str) -> exp.Expr:
    return exp.TimestampTrunc(this=exp.column("occurred_at"), unit=exp.var(check_period(per).upper()))


def _check_list(names: Sequence[str], what: str) -> None:
    if isinstance(names, str):
        msg = f"{what} takes a list, not the text {names!r}"
        raise InvalidInputError(msg, hint=f"write [{names!r}]")


def _free(name: str, taken: Sequence[str]) -> str:
    """The column for a property: its name, or `data_<name>` where SQL or the result has no room for it."""
    while name in taken or not name:
        name = f"data_{name}"
    return name


def _named(value: exp.Expr, name: str) -> exp.Expr:
    # Always quoted: a payload field may be called anything, and `count` or `time` mean something to a dialect.
    return exp.alias_(value, name, quoted=True)


def _row_number(partition: str, table: str, order: Sequence[exp.Expr]) -> exp.Expr:
    ordered = exp.Order(expressions=[exp.Ordered(this=column.copy()) for column in order])
    return exp.Window(this=exp.RowNumber(), partition_by=[exp.column(partition, table)], order=ordered)


def _window(function: exp.Expr, *, split: bool, order: exp.Expr | None = None) -> exp.Expr:
    within = [exp.column("split")] if split else []
    ordered = None if order is None else exp.Order(expressions=[_ascending(order.copy())])
    return exp.Window(this=function, partition_by=within, order=ordered)


def _ascending(value: exp.Expr) -> exp.Expr:
    return exp.Ordered(this=value, nulls_first=False)


def _not_null(value: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=value, expression=exp.null()))
