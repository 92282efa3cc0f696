"""Parts that the trees of all questions are made of."""

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from burgee.analytics.dialects import bytewise, quantile_of, ranked
from burgee.analytics.source import Kind
from burgee.core.errors import InvalidInputError

SECOND = 1_000_000
"""In microseconds."""


def column(name: str, table: str | None = None) -> exp.Column:
    """A column of ours; names that come from users are only ever given by `named`."""
    return exp.column(name, table)


def named(value: exp.Expr, name: str) -> exp.Expr:
    """A column of a result, always quoted: `count` and `time` mean something to dialects, and fields are called so."""
    return exp.alias_(value, name, quoted=True)


def free(name: str, taken: Iterable[str]) -> str:
    """The column for a property: its name, or `data_<name>` where the result has no room for it."""
    there = set(taken)
    while name in there or not name:
        name = f"data_{name}"
    return name


def with_parts(tree: exp.Select, parts: Mapping[str, exp.Query], anew: str | None = None) -> exp.Select:
    """The tree after its common table expressions.

    `anew` names one of which each use needs a small share: read with that filter is less than kept whole.
    """
    for name, part in parts.items():
        tree = tree.with_(name, as_=part, copy=False, materialized=False if name == anew else None)
    return tree


def whole(value: exp.Expr) -> exp.Expr:
    """As a whole number of 64 bits."""
    return exp.cast(value, "bigint")


def floating(value: exp.Expr) -> exp.Expr:
    """As a floating-point number of 64 bits."""
    return exp.cast(value, "double")


def number(value: float) -> exp.Expr:
    """A number that is known."""
    return exp.Literal.number(value)


def text(value: str) -> exp.Expr:
    """A text that is known."""
    return exp.Literal.string(value)


def null(kind: str) -> exp.Expr:
    """Nothing, of a type."""
    return exp.cast(exp.null(), kind)


def count() -> exp.Expr:
    """How many rows."""
    return exp.Count(this=exp.Star())


def seconds(micros: exp.Expr) -> exp.Expr:
    """Whole microseconds as seconds."""
    return exp.Div(this=floating(micros), expression=number(SECOND))


def minus(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """The difference."""
    return exp.Sub(this=one, expression=other)


def share(part: exp.Expr, of: exp.Expr) -> exp.Expr:
    """A share from 0 to 1; null of nothing."""
    return exp.Div(this=floating(part), expression=exp.Nullif(this=of, expression=number(0)))


def is_null(value: exp.Expr) -> exp.Expr:
    """Whether there is nothing."""
    return exp.Is(this=value, expression=exp.null())


def is_there(value: exp.Expr) -> exp.Expr:
    """Whether there is something."""
    return exp.Not(this=is_null(value))


def when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """The value where the condition holds, else null."""
    return exp.case().when(condition, value)


def ascending(value: exp.Expr, kind: Kind | None = None) -> exp.Expr:
    """In rising order, what is null last; texts as their characters' numbers."""
    return exp.Ordered(this=bytewise(value) if kind in {"text", "json"} else value, nulls_first=False)


def in_turn(value: exp.Expr) -> exp.Expr:
    """In rising order, of what is never null."""
    return exp.Ordered(this=value)


def window(
    function: exp.Expr, by: Sequence[exp.Expr], order: Sequence[exp.Expr] = (), *, running: bool = False
) -> exp.Expr:
    """A window function; `running` takes the rows from the first up to this one."""
    frame = (
        exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW") if running else None
    )
    ordered = exp.Order(expressions=list(order)) if order else None
    return exp.Window(this=function, partition_by=list(by), order=ordered, spec=frame)


def ranks(value: str, name: str, by: Sequence[str]) -> list[exp.Expr]:
    """Columns from which `quantile` is worked out: each value's rank in its group, and how many values there are."""
    groups = [column(one) for one in by]
    rank = window(exp.RowNumber(), groups, [ascending(column(value))])
    known = window(exp.Count(this=column(value)), [one.copy() for one in groups])
    return [named(ranked(rank), f"{name}_rank"), named(ranked(known), f"{name}_known")]


def quantile(value: str, name: str, at: float) -> exp.Expr:
    """The quantile of a group, over rows with the columns of `ranks`.

    Each value weighs as much as its rank is near to the one wanted: the one or two neighbours, 1 in all.
    """
    beyond = minus(column(f"{name}_known"), number(1))
    wanted = exp.Mul(this=floating(exp.paren(beyond)), expression=number(at))
    away = exp.Abs(this=minus(exp.paren(minus(column(f"{name}_rank"), number(1))), wanted))
    near = exp.LT(this=away, expression=number(1))
    weighed = exp.Mul(this=floating(column(value)), expression=exp.paren(minus(number(1), away.copy())))
    return quantile_of(column(value), at, exp.Sum(this=when(near, weighed)))


def need_list(names: Sequence[str], what: str) -> None:
    """Refuse one text where several are wanted."""
    if isinstance(names, str):
        raise InvalidInputError(f"{what} takes a list, not the text {names!r}", hint=f"write [{names!r}]")
