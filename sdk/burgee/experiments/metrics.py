"""What an experiment measures: `burgee.metrics`.

    Mean("revenue")                              a column of a frame: its mean over units
    Mean("amount", of="purchase")                the sum of a field over a unit's events of that type, and its mean
    Conversion("purchase")                       whether the unit did it at all: the share that did
    Ratio("revenue", "orders")                   the sum of one over the sum of another
    Quantile("seconds", 0.9, of="load", take="mean")   a quantile over units

Most are quicker written as plain values, and `to_metrics` knows what they mean:

    "purchase"                                   events: a conversion; frames: the mean of a column
    {"retention_7": "mean"}                      frames: of the column of that name: mean, conversion, median, p90
    {"revenue": ("sum", "purchase", "amount")}   events: any, count, sum, mean, min, max; then the type, then the field
    {"revenue": ("sum", "amount")}               frames: the same without a type
    {"slow": ("p90", "load", "seconds")}         a quantile of units' sums
    {"basket": ("ratio", ("sum", "purchase", "amount"), ("count", "purchase"))}
"""

import re
from collections.abc import Mapping, Sequence

from burgee.analytics.questions.sums import Take, Worth
from burgee.core.checks import need_number
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.experiments.model import Metric, check_names

__all__ = ["Conversion", "Mean", "Metric", "Quantile", "Ratio", "to_metrics"]

TAKES: tuple[Take, ...] = ("any", "count", "sum", "mean", "min", "max")
_PERCENT = re.compile(r"p(\d{1,2}(?:_\d+)?)")

type Given = str | Metric | Sequence[object] | Mapping[str, object]
"""Metrics as people write them."""


class Mean(Metric):
    """The mean over units. A unit is worth its value of a column or, with `of`, the `take` of a field of its events.

    A unit without events is worth 0; with `take` mean, min or max it is left out.
    """

    __slots__ = ()

    def __init__(
        self,
        field: str,
        of: str | None = None,
        *,
        take: Take = "sum",
        name: str | None = None,
        before: str | None = None,
    ) -> None:
        super().__init__("mean", name or field, Worth(_take(take), of, field), before=before)


class Conversion(Metric):
    """The share of units that did it: had an event of that type, or a column that is true (or not 0)."""

    __slots__ = ()

    def __init__(self, what: str, *, column: bool = False, name: str | None = None, before: str | None = None) -> None:
        worth = Worth("any", None, what) if column else Worth("any", what)
        super().__init__("conversion", name or what, worth, before=before)


class Ratio(Metric):
    """The sum of one thing over the sum of another, both by unit: revenue per order, clicks per view.

    Each is a column, or `("sum", "purchase", "amount")`, `("count", "purchase")` of events. The variance is that of
    the delta method: units, not orders, were dealt to variants.
    """

    __slots__ = ()

    def __init__(self, top: object, bottom: object, *, name: str | None = None) -> None:
        above, below = _worth(top, events=not isinstance(top, str)), _worth(bottom, events=not isinstance(bottom, str))
        super().__init__("ratio", name or f"{_word(above)}/{_word(below)}", above, below)


class Quantile(Metric):
    """A quantile over units: `Quantile("seconds", 0.9)` is what 90 % of them are not above."""

    __slots__ = ()

    def __init__(
        self, field: str, at: float, of: str | None = None, *, take: Take = "sum", name: str | None = None
    ) -> None:
        percent = f"{100 * need_number('a quantile', at):.10g}".replace(".", "_")
        super().__init__("quantile", name or f"p{percent}_{field}", Worth(_take(take), of, field), at=at)


def to_metrics(given: object, *, events: bool) -> tuple[Metric, ...]:
    """What was given as metrics, of events or of a frame's columns.

    Raises:
        InvalidInputError: it is no metric; says what one looks like.
    """
    if isinstance(given, str | Metric):
        made = [_named(None, given, events=events)]
    elif isinstance(given, Mapping):
        made = [_named(name, one, events=events) for name, one in given.items()]
    elif isinstance(given, Sequence) and not isinstance(given, bytes):
        made = [_named(None, one, events=events) for one in given]
    else:
        raise _no_metric(given, events=events)
    if not made:
        raise InvalidInputError("an experiment needs a metric", hint=_hint(events=events))
    metrics = tuple(made)
    check_names(metrics)
    return metrics


def _named(name: object, given: object, *, events: bool) -> Metric:
    if name is not None and (not isinstance(name, str) or not name):
        raise InvalidInputError(f"a metric's name must be text, not {name!r}")
    match given:
        case Metric(kind, own, top, bottom, at, before):
            if kind == "conversion" and not events and top.field is None:
                top = Worth("any", None, top.type)
            return Metric(kind, name or own, top, bottom, at, before)
        case str() if events:
            return Metric("conversion", name or given, Worth("any", given))
        case str():
            return (
                Metric("mean", given, Worth("sum", None, given))
                if name is None
                else _made(name, (given, name), events=False)
            )
        case tuple() | list() if given and name is not None:
            return _made(name, tuple(given), events=events)
        case _:
            raise _no_metric(given, events=events)


def _made(name: str, parts: tuple[object, ...], *, events: bool) -> Metric:
    how, *rest = parts
    if how == "ratio":
        if len(rest) != 2:  # noqa: PLR2004 - two sides
            raise InvalidInputError(f"a ratio is of two things, not {len(rest)}", hint='("ratio", top, bottom)')
        above, below = (_worth(one, events=events) for one in rest)
        return Metric("ratio", name, above, below)
    if how == "conversion":
        how = "any"
    if how == "median" or (isinstance(how, str) and _PERCENT.fullmatch(how)):
        at = 0.5 if how == "median" else float(str(how)[1:].replace("_", ".")) / 100
        return Metric("quantile", name, _worth(("sum", *rest), events=events), at=at)
    worth = _worth((how, *rest), events=events)
    return Metric("conversion" if worth.take == "any" else "mean", name, worth)


def _worth(given: object, *, events: bool) -> Worth:
    """What one unit is worth, as people write it."""
    if isinstance(given, Worth):
        return given
    if isinstance(given, str):
        return Worth("any", given) if events else Worth("sum", None, given)
    if not isinstance(given, tuple | list) or not given:
        raise _no_metric(given, events=events)
    take, *rest = given
    if not all(isinstance(one, str) and one for one in rest) or len(rest) > (2 if events else 1):
        raise _no_metric(given, events=events)
    first, second = (*rest, None, None)[:2]
    return Worth(_take(take), first, second) if events else Worth(_take(take), None, first)


def _take(take: object) -> Take:
    for known in TAKES:
        if take == known:
            return known
    words = [*TAKES, "conversion", "ratio", "median", "p90"]
    hint = did_you_mean(take, words, plural="ways to measure") if isinstance(take, str) else None
    raise InvalidInputError(f"there is no way to measure called {take!r}", hint=hint)


def _word(worth: Worth) -> str:
    return worth.field or worth.type or worth.take


def _no_metric(given: object, *, events: bool) -> InvalidInputError:
    return InvalidInputError(f"this is no metric: {given!r}", hint=_hint(events=events))


def _hint(*, events: bool) -> str:
    if events:
        return 'write "purchase", or {"revenue": ("sum", "purchase", "amount")}; see burgee.metrics'
    return 'write {"retention_7": "mean"}, or {"revenue": ("sum", "amount")}; see burgee.metrics'
