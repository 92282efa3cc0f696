"""Several engines asked the same thing of the same log: what each answers, as frames that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from burgee.analytics.engine import Engine
from burgee.analytics.source import LogSource
from burgee.core.frames import to_pandas
from burgee.questions.model import Counts, Funnel, Measure, Paths, Question, Retention, Sessions
from burgee.questions.trees import tree
from burgee.store.query import EventQuery

NOW = datetime(2026, 7, 1, tzinfo=UTC)

type Asked = tuple[EventQuery, Question]

ALL = EventQuery()


@dataclass(frozen=True, slots=True)
class Log:
    """A log that every engine sees: as a source, and PostgreSQL in its own database."""

    source: LogSource
    engines: Mapping[str, Engine]

    def answer(self, engine: str, asked: Asked) -> pd.DataFrame:
        """The frame an engine answers."""
        built = tree(*asked, self.source.columns, self.source.types, NOW)
        return to_pandas(self.engines[engine].answer(built, self.source))

    def assert_same(self, asked: Asked) -> pd.DataFrame:
        """Every engine's frame is DuckDB's: types, names, order, values; fractions within 1e-9 of each other."""
        wanted = self.answer("duckdb", asked)
        for name in self.engines:
            found = self.answer(name, asked)
            pd.testing.assert_frame_equal(found, wanted, check_exact=False, rtol=1e-9, atol=0, obj=f"{name}: {asked}")
        return wanted


def measures(field: str, actor: str) -> tuple[Measure, ...]:
    """Every measure there is, of a number and of an actor."""
    return (
        Measure("count", "count"),
        Measure("distinct", "actors", actor),
        Measure("sum", "sum", field),
        Measure("mean", "mean", field),
        Measure("min", "least", field),
        Measure("max", "most", field),
        Measure("quantile", "median", field, 0.5),
        Measure("quantile", "p90", field, 0.9),
    )


def questions(steps: tuple[str, ...], actor: str, group: str, number: str | None) -> dict[str, Asked]:
    """One of everything that can be asked, by name."""
    asked: dict[str, Asked] = {
        "count": (ALL, Counts()),
        "per week by type": (ALL, Counts("week", ("type",))),
        "per month": (ALL, Counts("month")),
        "by a property": (ALL, Counts(None, (group,))),
        "funnel": (ALL, Funnel(steps, actor)),
        "funnel within a window": (ALL, Funnel(steps, actor, within=7 * 86_400.0)),
        "funnel by a property": (ALL, Funnel(steps, actor, split=group)),
        "times between steps": (ALL, Funnel(steps, actor, times=True)),
        "retention by month": (ALL, Retention(actor, "month")),
        "retention by week": (ALL, Retention(actor, "week")),
        "paths": (ALL, Paths(actor)),
        "sessions": (ALL, Sessions(actor, 1800.0)),
        "summary of sessions": (ALL, Sessions(actor, 1800.0, summary=True)),
    }
    if number is not None:
        asked["measures"] = (ALL, Counts("quarter", (), measures(number, actor)))
        asked["measures by a property"] = (ALL, Counts(None, (group,), measures(number, actor)))
    return asked
