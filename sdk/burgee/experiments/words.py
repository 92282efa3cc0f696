"""Numbers of experiments in words: what a summary, a table and a plot all say the same way."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from burgee.experiments.model import Metric

if TYPE_CHECKING:
    from burgee.experiments.comparing import Comparison, Setup

NOTHING = "\N{EN DASH}"
"""What stands for a number that there is not."""

_SMALL = 0.0001


def said_p(value: float) -> str:
    """A p-value as people write it."""
    if math.isnan(value):
        return NOTHING
    if value < _SMALL:
        return "< 0.0001"
    return f"{value:.2g}" if value < 0.001 else f"{value:.4f}"  # noqa: PLR2004 - below, four digits are too few


def plain(value: float) -> str:
    """A number in as many digits as help."""
    if math.isnan(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"  # noqa: PLR2004 - from there, all its digits


def share(value: float) -> str:
    """A share in percent."""
    return NOTHING if math.isnan(value) else f"{100 * value:.2f} %"


def percent(value: float) -> str:
    """A change in percent, with its sign."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    return f"{100 * value:+,.1f} %".replace("-", "\N{MINUS SIGN}")


def lift(row: "Comparison") -> tuple[str, str]:
    """A lift, and its interval."""
    return percent(row.lift), f"{percent(row.low)} to {percent(row.high)}"


def mean(metric: Metric, value: float) -> str:
    """What a variant has of a metric."""
    return share(value) if metric.kind == "conversion" else plain(value)


def sides(variants: Sequence[str]) -> str:
    """The variants, in words."""
    first, *rest = variants
    return f"{', '.join(rest)} against {first}" if rest else first


def is_sure(row: "Comparison", setup: "Setup") -> bool:
    """Whether it is more than chance, by the corrected p."""
    return row.q_value < setup.alpha


def verdict(metric: Metric, row: "Comparison", control: str, setup: "Setup") -> str:
    """One comparison as a sentence or two."""
    name = f"{row.metric}: {row.variant} has {mean(metric, row.mean)}"
    if math.isnan(row.p_value):
        why = row.warnings[-1] if row.warnings else "there is nothing to compare it with"
        return f"{name}; {why}."
    change, interval = lift(row)
    if math.isnan(row.lift):
        change, interval = f"{plain(row.difference)} more", f"standard error {plain(row.std_error)}"
    told = f"{name}, {change} against {control} ({interval}, p {said_p(row.p_value)})"
    if is_sure(row, setup):
        word = "higher" if row.difference > 0 else "lower"
        return f"{told}: {word}, and more than chance."
    if row.p_value < setup.alpha:
        return f"{told}: of so many comparisons, one such is no surprise."
    return f"{told}: chance alone does as much."


def counted(units: int, *, verb: bool = True) -> str:
    """So many units: "1 unit was", "2 units were"."""
    one = units == 1
    return f"{units:,} unit{'' if one else 's'}{(' was' if one else ' were') if verb else ''}"


def alarm(warnings: Sequence[str], *, grave: int) -> str:
    """Warnings as HTML to stand above a result; the first so many are grave."""
    lines = []
    for place, one in enumerate(warnings):
        colour = "#b71c1c" if place < grave else "#8a5a00"
        word = "Do not trust this yet" if place < grave else "Note"
        lines.append(
            f'<div role="alert" style="margin:4px 0;padding:8px 12px;max-width:860px;border-left:4px solid {colour};'
            f'border-radius:4px;background:{colour}1a;white-space:normal"><b style="color:{colour}">{word}:</b> '
            f"{escape(one)}.</div>"
        )
    return "".join(lines)
