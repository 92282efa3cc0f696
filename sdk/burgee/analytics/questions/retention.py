"""Retention: who comes back, by the period in which they came first."""

from datetime import datetime, timedelta

from sqlglot import exp

from burgee.analytics.dialects import MICROS, YEAR_1, divide, from_clock, micros, start_of
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    ascending,
    column,
    count,
    is_there,
    minus,
    named,
    number,
    share,
    whole,
    with_parts,
)
from burgee.core.clock import from_us, to_us
from burgee.core.periods import Period, check_period

_DIGITS = 5
"""Periods are numbered from 0 to 99,999: more than three hundred years of days, and eleven of hours."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def retention(choice: Choice, by: str = "stream", period: Period = "month", *, now: datetime) -> exp.Select:
    """Actors by the period of their first event, and how many of them are there again in each later one.

    An actor is a value of `by`; events without it are left out.

    Columns: `cohort`, the start of the period of the first event; `size`, how many actors; `period`, how many periods
    later, from 0; `count` of the cohort's actors with an event in it; `share` of the size; `complete`, whether the
    period had ended at the time the choice reaches to: the time of its newest event, or `until` where that is past.

    A row for each cohort and each period from its own to the last, also where nobody came back.
    """
    check_period(period)
    last, running = _horizon(choice, period, now)
    first = column("first", "sizes")
    at = column("n", "offsets")
    there = exp.Add(this=first, expression=at)
    came = exp.Coalesce(this=column("count", "returned"), expressions=[number(0)])
    over = exp.LT(this=exp.paren(there), expression=column("running", "horizon"))
    report = exp.select(
        named(column("cohort", "sizes"), "cohort"),
        named(column("size", "sizes"), "size"),
        named(at.copy(), "period"),
        named(came, "count"),
        named(share(came.copy(), column("size", "sizes")), "share"),
        named(exp.cast(exp.paren(over), "boolean"), "complete"),
    )
    same = exp.and_(
        column("first", "returned").eq(first.copy()),
        column("period", "returned").eq(at.copy()),
    )
    report = (
        report.from_("sizes")
        .join("horizon", join_type="cross")
        .join("offsets", join_type="cross")
        .join("returned", on=same, join_type="left")
        .where(exp.LTE(this=there.copy(), expression=column("last", "horizon")))
    )
    parts: dict[str, exp.Query] = {
        "chosen": choice.select({"actor": choice.field(by).value, "start": start_of(period, column("occurred_at"))}),
        "seen": exp.select("actor", "start").from_("chosen").group_by("actor", "start"),
        "numbered": exp.select("actor", "start", named(_number(period, column("start")), "nth")).from_("seen"),
        "firsts": exp.select(
            "actor", named(exp.Min(this=column("nth")), "first"), named(exp.Min(this=column("start")), "cohort")
        )
        .from_("numbered")
        .where(is_there(column("actor")))
        .group_by("actor"),
        "sizes": exp.select("first", "cohort", named(count(), "size")).from_("firsts").group_by("first", "cohort"),
        "returned": _returned(),
        "horizon": exp.select(named(last, "last"), named(running, "running")).from_("numbered"),
        **_offsets(),
        "report": report,
    }
    names = ("cohort", "size", "period", "count", "share", "complete")
    columns = {name: exp.column(name, "report", quoted=True) for name in names}
    shown = [named(whole(one) if name == "period" else one, name) for name, one in columns.items()]
    shown[0] = named(from_clock(columns["cohort"].copy()), "cohort")
    order = [ascending(columns[name].copy()) for name in ("cohort", "period")]
    return with_parts(exp.select(*shown).from_("report").order_by(*order), parts)


def _returned() -> exp.Select:
    """How many of each cohort are there in each period."""
    first = column("first", "firsts")
    later = minus(column("nth", "numbered"), first.copy())
    tree = exp.select(named(first, "first"), named(later, "period"), named(count(), "count")).from_("numbered")
    tree = tree.join("firsts", on=column("actor", "firsts").eq(column("actor", "numbered")))
    return tree.group_by(first.copy(), later.copy())


def _offsets() -> dict[str, exp.Query]:
    """The numbers 0, 1, 2, … up to the most periods a cohort can look back on; no dialect's series is another's."""
    digits = exp.union(*(exp.select(named(number(digit), "digit")) for digit in range(10)), distinct=False)
    names = [f"digit_{place}" for place in range(1, _DIGITS + 1)]
    worth = [exp.Mul(this=column("digit", name), expression=number(10**place)) for place, name in enumerate(names)]
    total: exp.Expr = worth[0]
    for one in worth[1:]:
        total = exp.Add(this=total, expression=one)
    numbers = exp.select(named(total, "n")).from_(exp.to_table("digits").as_(names[0]))
    for name in names[1:]:
        numbers = numbers.join(exp.to_table("digits").as_(name), join_type="cross")
    longest = exp.select(
        named(minus(exp.Max(this=column("last", "horizon")), exp.Min(this=column("first", "sizes"))), "most")
    )
    longest = longest.from_("sizes").join("horizon", join_type="cross")
    few = exp.LTE(this=column("n", "numbers"), expression=column("most", "longest"))
    offsets = (
        exp.select(named(column("n", "numbers"), "n")).from_("numbers").join("longest", join_type="cross").where(few)
    )
    return {"digits": digits, "numbers": numbers, "longest": longest, "offsets": offsets}


def _horizon(choice: Choice, period: Period, now: datetime) -> tuple[exp.Expr, exp.Expr]:
    """The number of the last period that is shown, and of the one that is not over yet."""
    until, as_of = choice.query.until, choice.query.as_of
    if until is not None and until <= min(now, as_of or now):
        shown = until - timedelta(microseconds=1)
        return exp.Max(this=number(_period_number(period, shown))), exp.Max(this=number(_period_number(period, until)))
    newest = exp.Max(this=column("nth"))
    return newest, newest.copy()


def _number(period: Period, start: exp.Expr) -> exp.Expr:
    """The period's number, counted from the year 1 or 0, so that numbers can be subtracted."""
    if period in MICROS:
        since = exp.Add(this=micros(start), expression=number(YEAR_1))
        return divide(since, MICROS[period])
    years = exp.Mul(this=exp.Extract(this=exp.var("YEAR"), expression=start), expression=number(12))
    months = exp.Add(this=years, expression=exp.Extract(this=exp.var("MONTH"), expression=start.copy()))
    return divide(whole(exp.paren(minus(months, number(1)))), _MONTHS[period])


def _period_number(period: Period, at: datetime) -> int:
    """The same, of a time that is known."""
    if period in MICROS:
        return (to_us(at) + YEAR_1) // MICROS[period]
    moment = from_us(to_us(at))
    return (moment.year * 12 + moment.month - 1) // _MONTHS[period]
