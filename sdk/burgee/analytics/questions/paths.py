"""Paths: what follows what."""

from sqlglot import exp

from burgee.analytics.dialects import micros
from burgee.analytics.filters import Choice
from burgee.analytics.questions.parts import (
    ascending,
    column,
    count,
    in_turn,
    is_null,
    is_there,
    minus,
    named,
    null,
    quantile,
    ranks,
    seconds,
    share,
    text,
    window,
    with_parts,
)

START, END = "(start)", "(end)"
"""What stands before an actor's first event, and after the last."""


def paths(choice: Choice, by: str = "stream") -> exp.Select:
    """How often an actor's event of one type is followed at once by one of another, or of the same.

    An actor is a value of `by`; events without it are left out. Each actor's way begins at `(start)` and ends at
    `(end)`.

    Columns: `source` and `target`, event types; `count` of times; `share` of all that followed the source;
    `median_seconds` from one to the other, null at the beginning and the end. The most frequent first.
    """
    actor = choice.field(by).value
    columns = {
        "actor": actor,
        "type": column("type"),
        "at": micros(column("occurred_at")),
        "position": column("position"),
    }
    order = [in_turn(column("at")), in_turn(column("position"))]

    def beside(function: type[exp.Lag | exp.Lead], of: str) -> exp.Expr:
        return window(function(this=column(of)), [column("actor")], [one.copy() for one in order])

    took = seconds(exp.paren(minus(column("at"), beside(exp.Lag, "at"))))
    walks = exp.select(
        "type",
        named(beside(exp.Lag, "type"), "before"),
        named(beside(exp.Lead, "type"), "after"),
        named(took, "seconds"),
    )
    source = exp.Coalesce(this=column("before"), expressions=[text(START)])
    moves = exp.select(named(source, "source"), named(column("type"), "target"), "seconds").from_("walks")
    ends = exp.select(named(column("type"), "source"), named(text(END), "target"), named(null("double"), "seconds"))
    totals = exp.select(
        "source", "target", named(count(), "count"), named(quantile("seconds", "seconds", 0.5), "median")
    )
    parts: dict[str, exp.Query] = {
        "chosen": choice.select(columns, is_there(actor.copy())),
        "walks": walks.from_("chosen"),
        "moves": exp.union(moves, ends.from_("walks").where(is_null(column("after"))), distinct=False),
        "ranked": exp.select("source", "target", "seconds", *ranks("seconds", "seconds", ["source", "target"])).from_(
            "moves"
        ),
        "totals": totals.from_("ranked").group_by("source", "target"),
    }
    followed = exp.column("count", "totals", quoted=True)
    tree = exp.select(
        named(column("source", "totals"), "source"),
        named(column("target", "totals"), "target"),
        named(followed, "count"),
        named(share(followed.copy(), window(exp.Sum(this=followed.copy()), [column("source", "totals")])), "share"),
        named(column("median", "totals"), "median_seconds"),
    )
    ordered = [
        exp.Ordered(this=followed.copy(), desc=True, nulls_first=False),
        ascending(column("source", "totals"), "text"),
        ascending(column("target", "totals"), "text"),
    ]
    return with_parts(tree.from_("totals").order_by(*ordered), parts)
