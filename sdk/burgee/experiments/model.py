"""The words of experiments, as frozen values: what is measured, and what is asked of the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from burgee.analytics.questions.sums import Worth
from burgee.core.checks import need_number, need_text
from burgee.core.errors import InvalidInputError

type MetricKind = Literal["mean", "conversion", "ratio", "quantile"]

type Correction = Literal["holm", "bh"]
"""How p-values of several comparisons are made q-values.

`holm`: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
`bh`: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57,
1995.
"""

MOST_METRICS = 100
"""Of one experiment."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured of each variant: see `burgee.metrics` for the ways to write one.

    `top` is what a unit is worth; of a ratio `bottom` is what that is divided by; a quantile is at the share `at`.
    `before` names the column of a frame that holds what a unit was worth before, for CUPED.
    """

    kind: MetricKind
    name: str
    top: Worth
    bottom: Worth | None = None
    at: float | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        need_text("a metric's name", self.name)
        for worth in (self.top, self.bottom):
            if worth is not None:
                _check(worth)
        if (self.bottom is None) != (self.kind != "ratio"):
            raise InvalidInputError(f"the metric {self.name!r} is a {self.kind}: a ratio, and no other, has a bottom")
        if self.kind == "quantile":
            if self.at is None or not 0 < need_number("a quantile", self.at) < 1:
                raise InvalidInputError(f"a quantile is at a share between 0 and 1, not {self.at!r}")
        elif self.at is not None:
            raise InvalidInputError(f"the metric {self.name!r} is a {self.kind}, which is at no share")
        if self.before is not None:
            need_text("the column of what was before", self.before)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked of the log about one flag; answered with sums for each segment and variant.

    `unit` is the field of exposures that says who was exposed, `user` the property of all events that says whose
    they are. `window` and `before` are seconds after and before the first exposure. `since` is about exposures alone,
    `until` (excluded) about all events. With `outside` those take part whom chance left outside the rollout.
    """

    flag: str
    metrics: tuple[Metric, ...]
    unit: str = "id"
    user: str = "stream"
    window: float | None = None
    before: float | None = None
    segment: str | None = None
    keep: bool = False
    since: datetime | None = None
    until: datetime | None = None
    outside: bool = False

    def __post_init__(self) -> None:
        for what in ("flag", "unit", "user"):
            need_text(what, getattr(self, what))
        if self.segment is not None:
            need_text("by", self.segment)
        for what in ("window", "before"):
            seconds = getattr(self, what)
            if seconds is not None and not 0 < need_number(what, seconds) < float("inf"):
                raise InvalidInputError(f"{what} must be a number of seconds above 0, not {seconds!r}")
        if not self.metrics or len(self.metrics) > MOST_METRICS:
            raise InvalidInputError(f"an experiment has 1 to {MOST_METRICS} metrics, not {len(self.metrics)}")
        check_names(self.metrics)
        for metric in self.metrics:
            for worth in (metric.top, metric.bottom):
                if worth is not None and worth.type is None:
                    hint = f'write ("sum", "purchase", {worth.field!r}): how, the type of event, and its field'
                    raise InvalidInputError(f"the metric {metric.name!r} names no type of event", hint=hint)


def check_names(metrics: tuple[Metric, ...]) -> None:
    """Refuse two metrics of one name."""
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            hint = f'give them names: {{"one": …, "other": …}} instead of {name!r} twice'
            raise InvalidInputError(f"two metrics have the name {name!r}", hint=hint)


def _check(worth: Worth) -> None:
    if worth.type is not None:
        need_text("a type of event", worth.type)
    if worth.field is not None:
        need_text("a field", worth.field)
    if worth.take not in {"any", "count"} and worth.field is None:
        raise InvalidInputError(f"a {worth.take} needs a field", hint='write ("sum", "purchase", "amount")')
