"""Answers: questions that are asked when their frame, table or plot is taken."""

from dataclasses import replace
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown, view
from burgee.core.link import Link
from burgee.core.periods import Period, check_period
from burgee.questions.model import Counts, Funnel, Question
from burgee.questions.protocol import QuestionService
from burgee.store.query import EventQuery

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from burgee.notebook.figures import Plot


class Answer(Shown):
    """A question about events, not asked yet: `frame()` or `arrow()` asks it, where the data is."""

    __slots__ = ("_link", "_query", "_question", "_service")

    def __init__(self, link: Link, service: QuestionService, query: EventQuery, question: Question) -> None:
        self._link = link
        self._service = service
        self._query = query
        self._question = question

    def arrow(self) -> "pa.Table":
        """The answer as an Arrow table."""
        return self._link.call(self._service.ask(self._query, self._question)).read_all()

    def frame(self) -> "pd.DataFrame":
        """The answer as a frame."""
        from burgee.core.frames import to_pandas

        return to_pandas(self.arrow())

    def plot(self) -> "Plot":
        """The answer as a plot. A matplotlib figure."""
        figure: Plot = view("plots").answer(self._question, self.frame())
        return figure

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {words(self._question)} of {words(self._query)}: .frame() answers>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("question", words(self._question)), ("events", words(self._query))]
        return Sheet(type(self).__name__, ("", "value"), rows, "not asked yet: .frame(), .arrow() or .plot() ask")


class CountsAnswer(Answer):
    """How many events. Frame: `time` (the period's start; with `per`), the properties, `count`."""

    __slots__ = ()
    _question: Counts

    def per(self, unit: Period) -> "CountsAnswer":
        """By period too: minute, hour, day, week, month, quarter or year (UTC)."""
        return CountsAnswer(self._link, self._service, self._query, replace(self._question, per=check_period(unit)))

    def by(self, *properties: str) -> "CountsAnswer":
        """By these properties too: `type`, `stream` or fields of the payload."""
        by = (*self._question.by, *properties)
        return CountsAnswer(self._link, self._service, self._query, replace(self._question, by=by))


class FunnelAnswer(Answer):
    """A funnel. Frame: `step, count, conversion, step_conversion, median_seconds` (with `split`: that column first)."""

    __slots__ = ()
    _question: Funnel


def words(value: EventQuery | Question) -> str:
    """What was asked for, shortly."""
    given = []
    for name in value.__slots__:
        part = getattr(value, name)
        if (part or part == 0) and part is not False and name != "kind":
            given.append(f"{name} {', '.join(map(str, part)) if isinstance(part, tuple) else part}")
    return "; ".join(given) or ("all events" if isinstance(value, EventQuery) else "how many")
