"""Funnels: who went through steps in order, how far, and how long it took."""

from collections.abc import Sequence

from sqlglot import exp

from burgee.analytics.dialects import micros, place_of
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    SECOND,
    ascending,
    column,
    count,
    free,
    in_turn,
    is_there,
    minus,
    named,
    need_list,
    null,
    number,
    quantile,
    ranks,
    seconds,
    share,
    text,
    window,
    with_parts,
)
from burgee.analytics.source import Kind
from burgee.core.errors import InvalidInputError

ASSIGNMENT = "assignment"
"""The relation `(actor, variant)` that `funnel(..., assigned=True)` joins: one row per actor."""

QUANTILES = {"p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}
"""What `times` gives, besides the mean."""

_SHARES = ("step", "count", "conversion", "step_conversion", "median_seconds")
_TIMES = ("step", *QUANTILES, "mean")


def funnel(
    choice: Choice,
    steps: Sequence[str],
    by: str = "stream",
    *,
    split: str | None = None,
    within: float | None = None,
    assigned: bool = False,
    times: bool = False,
) -> exp.Select:
    """How many actors went through these steps (event types), in this order.

    An actor is a value of `by`; events without it are left out. An actor has done the first step at the earliest event
    of its type, and each further step at the earliest event of its type that comes later than the step before. The
    same type twice asks for it to happen twice.

    `within` (seconds) is how long after the first step the last may be. An actor may then start again: what counts is
    the start that leads furthest, and of those the first.

    Columns: `step`; `count` of actors; `conversion`, their share of the first step's; `step_conversion`, their share
    of the step before's (1 at the first step); `median_seconds` from the step before to this one, null at the first.
    Shares are between 0 and 1, and null where nobody came to the step they are of. With `times` instead: `step`, from
    the second on, and how many seconds after the step before it came: `p25, p50, p75, p90, mean`.

    One row per step, in order. With `split`, a property, the rows are once per value of it at the actor's first step,
    and the property is the first column (`data_<name>` where it is named like another). With `assigned`, the actors
    are those of the relation `assignment(actor, variant)`, and `variant` is the first column. Shares are within the
    split.

    Raises:
        InvalidInputError: fewer than two steps, or both kinds of split.
    """
    need_list(steps, "a funnel")
    if len(steps) < 2:  # noqa: PLR2004 - a way has two ends
        msg = f"a funnel has two steps or more, this one has {len(steps)}"
        raise InvalidInputError(msg, hint='name event types in order: funnel(["catalog", "purchase"], by="user_id")')
    if split is not None and assigned:
        raise InvalidInputError("a funnel is split by a property or by the assigned variant, not both")
    parted = "variant" if assigned else split
    parts: dict[str, exp.Query] = {"relevant": _relevant(choice, steps, by, split)}
    if within is not None:
        parts |= _starts(steps, round(within * SECOND))
    parts["step_1"] = _first_step(steps[0], started=within is not None)
    for place, step in enumerate(steps[1:], start=2):
        parts[f"step_{place}"] = _next_step(step, place, None if within is None else round(within * SECOND))
    if parted is not None:
        parts["parted"] = _assigned() if assigned else _split()
    parts["walks"] = _walks(len(steps), split=parted is not None)
    groups = ["split"] if parted is not None else []
    took = {place: f"seconds_{place}" for place in range(2, len(steps) + 1)}
    more = [part for name in took.values() for part in ranks(name, name, groups)]
    parts["ranked"] = exp.select(*groups, *took.values(), *more).from_("walks")
    parts["totals"] = _totals(list(took), groups, times=times)
    rows = [
        _row(step, place, groups, times=times) for place, step in enumerate(steps, start=1) if place > 1 or not times
    ]
    parts["report"] = exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0]
    kind: Kind = "text" if assigned or split is None else choice.field(split).kind
    anew = "relevant" if within is None else None
    return with_parts(_report(parted, kind, _TIMES if times else _SHARES), parts, anew)


def _relevant(choice: Choice, steps: Sequence[str], by: str, split: str | None) -> exp.Select:
    """The events of the steps, with their actor."""
    actor = choice.field(by).value
    at = micros(column("occurred_at"))
    columns = {
        "actor": actor,
        "type": column("type"),
        "at": at,
        "place": place_of(at.copy(), column("position")),
    }
    if split is not None:
        columns["split"] = choice.field(split).value
    kinds = [text(step) for step in dict.fromkeys(steps)]
    return choice.select(columns, column("type").isin(*kinds), is_there(actor.copy()))


def _starts(steps: Sequence[str], within: int) -> dict[str, exp.Query]:
    """For each actor the start that is counted, found in one pass per step.

    A step is reached from the latest start from which the step before was reached earlier: it leaves the most time, so
    that no other start would do if it does not. Starts and the events of the step stand in one order, and the latest
    start so far is the largest.
    """
    first = exp.select("actor", "at", "place", named(column("at"), "start")).from_("relevant")
    parts: dict[str, exp.Query] = {"reached_1": first.where(column("type").eq(text(steps[0])))}
    for place, step in enumerate(steps[1:], start=2):
        before = exp.select("actor", "at", "place", "start", named(number(1), "turn")).from_(f"reached_{place - 1}")
        tries = exp.select("actor", "at", "place", named(null("bigint"), "start"), named(number(0), "turn"))
        tries = tries.from_("relevant").where(column("type").eq(text(step)))
        order = [in_turn(column("place")), in_turn(column("turn"))]  # an event can't be the start of itself
        latest = window(exp.Max(this=column("start")), [column("actor")], order, running=True)
        mixed = exp.union(before, tries, distinct=False).subquery("mixed")
        walked = exp.select("actor", "at", "place", "turn", named(latest, "latest")).from_(mixed)
        in_time = exp.LTE(this=minus(column("at"), column("latest")), expression=number(within))
        reached = exp.select("actor", "at", "place", named(column("latest"), "start")).from_(walked.subquery("walked"))
        parts[f"reached_{place}"] = reached.where(column("turn").eq(number(0)), in_time)
    levels = [
        exp.select("actor", named(number(place), "level"), named(exp.Min(this=column("start")), "start"))
        .from_(f"reached_{place}")
        .group_by("actor")
        for place in range(1, len(steps) + 1)
    ]
    furthest = window(
        exp.RowNumber(), [column("actor")], [exp.Ordered(this=column("level"), desc=True, nulls_first=False)]
    )
    ordered = exp.select("actor", "start", named(furthest, "nth")).from_(
        exp.union(*levels, distinct=False).subquery("levels")
    )
    parts["starts"] = exp.select("actor", "start").from_(ordered.subquery("ordered")).where(column("nth").eq(number(1)))
    return parts


def _first_step(step: str, *, started: bool) -> exp.Select:
    """The first of the events at which an actor starts."""
    mine = column("actor", "relevant")
    columns = [
        named(mine, "actor"),
        named(exp.Min(this=column("at", "relevant")), "at"),
        named(exp.Min(this=column("place", "relevant")), "place"),
        named(exp.Min(this=column("at", "relevant")), "start"),
    ]
    tree = exp.select(*columns).from_("relevant")
    if started:
        on = exp.and_(
            column("actor", "starts").eq(column("actor", "relevant")),
            column("start", "starts").eq(column("at", "relevant")),
        )
        tree = tree.join("starts", on=on)
    return tree.where(column("type", "relevant").eq(text(step))).group_by(mine.copy())


def _next_step(step: str, place: int, within: int | None) -> exp.Select:
    """The first event of the step after the step before."""
    before = f"step_{place - 1}"
    mine = column("actor", "relevant")
    columns = [
        named(mine, "actor"),
        named(exp.Min(this=column("at", "relevant")), "at"),
        named(exp.Min(this=column("place", "relevant")), "place"),
        named(exp.Min(this=column("start", before)), "start"),
    ]
    tree = (
        exp.select(*columns).from_("relevant").join(before, on=column("actor", before).eq(column("actor", "relevant")))
    )
    later = exp.GT(this=column("place", "relevant"), expression=column("place", before))
    tree = tree.where(column("type", "relevant").eq(text(step)), later)
    if within is not None:
        since = minus(column("at", "relevant"), column("start", before))
        tree = tree.where(exp.LTE(this=since, expression=number(within)))
    return tree.group_by(mine.copy())


def _split() -> exp.Select:
    """What each actor's first step says of the property."""
    tree = exp.select(named(column("actor", "step_1"), "actor"), named(column("split", "relevant"), "split"))
    on = exp.and_(
        column("actor", "relevant").eq(column("actor", "step_1")),
        column("place", "relevant").eq(column("place", "step_1")),
    )
    return tree.from_("step_1").join("relevant", on=on)


def _assigned() -> exp.Select:
    """The variant of each actor that has one."""
    actor = column("actor", "step_1")
    tree = exp.select(named(actor, "actor"), named(exp.Min(this=column("variant", ASSIGNMENT)), "split"))
    on = exp.cast(column("actor", ASSIGNMENT), "text").eq(exp.cast(actor.copy(), "text"))
    return tree.from_("step_1").join(ASSIGNMENT, on=on).group_by(actor.copy())


def _walks(steps: int, *, split: bool) -> exp.Select:
    """One row per actor: how long each step took, null from where the actor stopped."""
    columns: list[exp.Expr] = [named(column("split", "parted"), "split")] if split else []
    for place in range(2, steps + 1):
        took = minus(column("at", f"step_{place}"), column("at", f"step_{place - 1}"))
        columns.append(named(seconds(exp.paren(took)), f"seconds_{place}"))
    tree = exp.select(*columns).from_("step_1")
    if split:
        tree = tree.join("parted", on=column("actor", "parted").eq(column("actor", "step_1")))
    for place in range(2, steps + 1):
        on = column("actor", f"step_{place}").eq(column("actor", "step_1"))
        tree = tree.join(f"step_{place}", on=on, join_type="left")
    return tree


def _totals(places: Sequence[int], groups: Sequence[str], *, times: bool) -> exp.Select:
    """One row per split: for each step how many did it, and the times it took."""
    columns: list[exp.Expr] = [*map(column, groups), named(count(), "count_1")]
    quantiles = QUANTILES if times else {"p50": 0.5}
    for place in places:
        took = f"seconds_{place}"
        columns.append(named(exp.Count(this=column(took)), f"count_{place}"))
        columns += [named(quantile(took, took, at), f"{name}_{place}") for name, at in quantiles.items()]
        if times:
            columns.append(named(exp.Avg(this=column(took)), f"mean_{place}"))
    return exp.select(*columns).from_("ranked").group_by(*groups)


def _row(step: str, place: int, groups: Sequence[str], *, times: bool) -> exp.Select:
    """The totals turned from one wide row per split to one row per step."""
    columns = [*map(column, groups), named(number(place), "nth"), named(text(step), "step")]
    if times:
        columns += [named(column(f"{name}_{place}"), name) for name in (*QUANTILES, "mean")]
    else:
        done, first, before = (column(f"count_{one}") for one in (place, 1, max(place - 1, 1)))
        columns += [
            named(done, "count"),
            named(share(done.copy(), first), "conversion"),
            named(share(done.copy(), before), "step_conversion"),
            named(column(f"p50_{place}") if place > 1 else null("double"), "median_seconds"),
        ]
    return exp.select(*columns).from_("totals")


def _report(parted: str | None, kind: Kind, names: Sequence[str]) -> exp.Select:
    columns: list[exp.Expr] = [named(exp.column(name, "report", quoted=True), name) for name in names]
    order = [ascending(column("nth", "report"))]
    if parted is not None:
        columns.insert(0, named(column("split", "report"), free(parted, names)))
        order.insert(0, ascending(column("split", "report"), kind))
    return exp.select(*columns).from_("report").order_by(*order)
