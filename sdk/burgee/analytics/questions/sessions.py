"""Sessions: visits, parted by pauses."""

from sqlglot import exp

from burgee.analytics.dialects import micros
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    SECOND,
    ascending,
    column,
    count,
    floating,
    free,
    in_turn,
    is_null,
    is_there,
    minus,
    named,
    number,
    quantile,
    ranks,
    seconds,
    share,
    when,
    window,
    with_parts,
)

_NAMES = ("session", "start", "end", "seconds", "events", "first_type", "last_type")


def sessions(choice: Choice, by: str = "stream", gap: float = 1800.0) -> exp.Select:
    """An actor's events without a pause of more than `gap` seconds, one row for each such visit.

    An actor is a value of `by`; events without it are left out.

    Columns: the actor, named as in `by` (or `data_<name>` where it is named like another); `session`, its number
    within the actor, from 1; `start` and `end`, the times of its first and last event; `seconds` between them;
    `events`, how many; `first_type` and `last_type`. Ordered by actor and number.
    """
    actor = column("actor", "visits")
    shown = [named(actor, free(by, _NAMES))]
    shown += [named(exp.column(name, "visits", quoted=True), name) for name in _NAMES]
    order = [ascending(actor.copy(), choice.field(by).kind), ascending(column("session", "visits"))]
    return with_parts(exp.select(*shown).from_("visits").order_by(*order), _parts(choice, by, gap))


def sessions_summary(choice: Choice, by: str = "stream", gap: float = 1800.0) -> exp.Select:
    """All sessions in one row.

    Columns: `sessions`; `actors`; `sessions_per_actor`; `events_per_session`; `single_event`, the share of sessions
    with one event only; `mean_seconds, median_seconds, p90_seconds`, how long they last.
    """
    visits = exp.column("seconds", quoted=True)
    events = column("events")
    actors = exp.Count(this=exp.Distinct(expressions=[column("actor")]))
    single = exp.Count(this=when(events.eq(number(1)), number(1)))
    parts = _parts(choice, by, gap)
    parts["ranked"] = exp.select("actor", "seconds", "events", *ranks("seconds", "seconds", [])).from_("visits")
    tree = exp.select(
        named(count(), "sessions"),
        named(actors, "actors"),
        named(share(count(), actors.copy()), "sessions_per_actor"),
        named(exp.Avg(this=floating(events.copy())), "events_per_session"),
        named(share(single, count()), "single_event"),
        named(exp.Avg(this=visits), "mean_seconds"),
        named(quantile("seconds", "seconds", 0.5), "median_seconds"),
        named(quantile("seconds", "seconds", 0.9), "p90_seconds"),
    )
    return with_parts(tree.from_("ranked"), parts)


def _parts(choice: Choice, by: str, gap: float) -> dict[str, exp.Query]:
    """The common table expressions up to `visits`, one row per session.

    One pass marks where sessions begin and end; the rest is about those events alone.
    """
    actor = choice.field(by).value
    columns = {
        "actor": actor,
        "type": column("type"),
        "occurred_at": column("occurred_at"),
        "at": micros(column("occurred_at")),
        "position": column("position"),
    }
    order = [in_turn(column("at")), in_turn(column("position"))]

    def over(function: exp.Expr) -> exp.Expr:
        return window(function, [column("actor")], [one.copy() for one in order])

    beside = exp.select(
        "actor",
        "type",
        "occurred_at",
        "at",
        named(over(exp.RowNumber()), "nth"),
        named(over(exp.Lag(this=column("at"))), "before"),
        named(over(exp.Lead(this=column("at"))), "after"),
    )
    pause = number(round(gap * SECOND))
    begins = exp.or_(is_null(column("before")), exp.GT(this=minus(column("at"), column("before")), expression=pause))
    ends = exp.or_(is_null(column("after")), exp.GT(this=minus(column("after"), column("at")), expression=pause.copy()))

    def mark(condition: exp.Expr) -> exp.Expr:
        return exp.case().when(condition, number(1)).else_(number(0))

    marked = exp.select(
        "actor", "type", "occurred_at", "at", "nth", named(mark(begins), "begins"), named(mark(ends), "ends")
    )
    nth = window(exp.Sum(this=column("begins")), [column("actor")], [in_turn(column("nth"))], running=True)
    edge = exp.or_(column("begins").eq(number(1)), column("ends").eq(number(1)))
    edges = exp.select(
        "actor", "type", "occurred_at", "at", "nth", "begins", "ends", named(exp.cast(nth, "bigint"), "session")
    )
    first, last = (exp.Min(this=column("nth")), exp.Max(this=column("nth")))
    lasted = minus(exp.Max(this=column("at")), exp.Min(this=column("at")))
    visits = exp.select(
        "actor",
        "session",
        named(exp.Min(this=column("occurred_at")), "start"),
        named(exp.Max(this=column("occurred_at")), "end"),
        named(seconds(exp.paren(lasted)), "seconds"),
        named(exp.Add(this=minus(last, first), expression=number(1)), "events"),
        named(exp.Max(this=when(column("begins").eq(number(1)), column("type"))), "first_type"),
        named(exp.Max(this=when(column("ends").eq(number(1)), column("type"))), "last_type"),
    )
    return {
        "chosen": choice.select(columns, is_there(actor.copy())),
        "beside": beside.from_("chosen"),
        "marked": marked.from_("beside"),
        "edges": edges.from_("marked").where(edge),
        "visits": visits.from_("edges").group_by("actor", "session"),
    }
