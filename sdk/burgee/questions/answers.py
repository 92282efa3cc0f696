"""Answers: questions that are asked when their frame, table or plot is taken."""

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, override

from burgee.core.checks import need_number
from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError
from burgee.core.link import Link
from burgee.core.periods import Period, check_period
from burgee.questions.model import COUNT, Counts, Funnel, Measure, MeasureKind, Paths, Question, Retention, Sessions
from burgee.questions.protocol import QuestionService
from burgee.questions.words import words
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
        return self._ask(self._question)

    def frame(self) -> "pd.DataFrame":
        """The answer as a frame."""
        return self._frame(self._question)

    def plot(self) -> "Plot":
        """The answer as a plot. A matplotlib figure."""
        figure: Plot = view("plots").answer(self._question, self.frame())
        return figure

    def sql(self, dialect: str = "duckdb", table: str = "events") -> str:
        """The question as one SELECT, to run elsewhere.

        Args:
            dialect: duckdb, spark, clickhouse, postgres, bigquery, snowflake or trino.
            table: the table with the log's columns, `position, stream, type, occurred_at, …`, and one for each field of
                the payload, written as the dialect writes it. Spark's session must be in UTC.

        Raises:
            InvalidInputError: there is no such dialect; says which there are.
        """
        return self._link.call(self._service.text(self._query, self._question, dialect, table))

    def _ask(self, question: Question) -> "pa.Table":
        return self._link.call(self._service.ask(self._query, question)).read_all()

    def _frame(self, question: Question) -> "pd.DataFrame":
        from burgee.core.frames import to_pandas

        return to_pandas(self._ask(question))

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {words(self._question)} of {words(self._query)}: .frame() answers>"

    @override
    def _sheet(self) -> Sheet:
        rows = [("question", words(self._question)), ("events", words(self._query))]
        return Sheet(type(self).__name__, ("", "value"), rows, "not asked yet: .frame(), .arrow() or .plot() ask")


class Measured(Shown):
    """What can be measured: of a choice of events, or of each of its groups.

    A measure's column is called after it, `sum_value`, or as it is named: `.sum(revenue="value")`. Events without the
    field do not count in it.
    """

    __slots__ = ()

    @abstractmethod
    def _measure(self, *measures: Measure) -> "CountsAnswer":
        """The answer with these measures too."""

    def sum(self, *fields: str, **named: str) -> "CountsAnswer":
        """The sum of numbers; of truth values how many are true."""
        return self._each("sum", fields, named)

    def mean(self, *fields: str, **named: str) -> "CountsAnswer":
        """The mean of numbers; of truth values the share that is true."""
        return self._each("mean", fields, named)

    def min(self, *fields: str, **named: str) -> "CountsAnswer":
        """The least value."""
        return self._each("min", fields, named)

    def max(self, *fields: str, **named: str) -> "CountsAnswer":
        """The greatest value."""
        return self._each("max", fields, named)

    def distinct(self, *fields: str, **named: str) -> "CountsAnswer":
        """How many different values there are, null left out."""
        return self._each("distinct", fields, named)

    def median(self, *fields: str, **named: str) -> "CountsAnswer":
        """The median of numbers."""
        return self._each("median", fields, named)

    def quantile(self, field: str, at: float, *, name: str | None = None) -> "CountsAnswer":
        """A quantile of numbers: `quantile("value", 0.9)` is the value that 90 % are not above, in `p90_value`.

        Between two values it is in proportion, as with numpy and pandas.
        """
        percent = f"{100 * need_number('a quantile', at):.10g}".replace(".", "_")
        return self._measure(Measure("quantile", name or f"p{percent}_{field}", field, at))

    def _each(
        self, kind: MeasureKind | Literal["median"], fields: tuple[str, ...], named: dict[str, str]
    ) -> "CountsAnswer":
        if not fields and not named:
            raise InvalidInputError(f"{kind} needs a field", hint=f'write {kind}("value"), or {kind}(name="value")')
        columns = [(f"{kind}_{field}", field) for field in fields] + list(named.items())
        if kind == "median":
            return self._measure(*(Measure("quantile", name, field, 0.5) for name, field in columns))
        return self._measure(*(Measure(kind, name, field) for name, field in columns))


class CountsAnswer(Answer, Measured):
    """Measures of events. Frame: `time` (the period's start; with `per`), the properties, the measures (or `count`)."""

    __slots__ = ()
    _question: Counts

    def per(self, unit: Period) -> "CountsAnswer":
        """By period too: minute, hour, day, week, month, quarter or year (UTC)."""
        return self._with(replace(self._question, per=check_period(unit)))

    def by(self, *properties: str) -> "CountsAnswer":
        """By these properties too: `type`, `stream` or fields of the payload."""
        return self._with(replace(self._question, by=(*self._question.by, *properties)))

    def count(self) -> "CountsAnswer":
        """How many events too, beside other measures."""
        return self._measure(COUNT)

    @override
    def _measure(self, *measures: Measure) -> "CountsAnswer":
        return self._with(replace(self._question, measures=(*self._question.measures, *measures)))

    def _with(self, question: Counts) -> "CountsAnswer":
        return CountsAnswer(self._link, self._service, self._query, question)


class FunnelAnswer(Answer):
    """A funnel. Frame: `step, count, conversion, step_conversion, median_seconds` (with `split`: that column first)."""

    __slots__ = ()
    _question: Funnel

    def times(self) -> "pd.DataFrame":
        """How many seconds each step came after the one before: `step, p25, p50, p75, p90, mean`; not of the first."""
        return self._frame(replace(self._question, times=True))


class RetentionAnswer(Answer):
    """Who comes back. Frame: `cohort, size, period, count, share, complete`.

    `period` is how many periods after the cohort's own; `complete` says whether that period was over: the last one
    usually was not, and its share will still grow.
    """

    __slots__ = ()
    _question: Retention

    def triangle(self, values: Literal["share", "count"] = "share") -> "pd.DataFrame":
        """A row for each cohort, with its `size`, and a column for each period from 0 on."""
        _check_values(values)
        frame = self.frame().astype({"count": "Int64"})  # a whole number, also beside cells that are empty
        wide = frame.pivot_table(index=["cohort", "size"], columns="period", values=values, aggfunc="first")
        return wide.reset_index("size")


class PathsAnswer(Answer):
    """What follows what. Frame: `source, target, count, share, median_seconds`, the most frequent first.

    Each actor's way begins at `(start)` and ends at `(end)`; `share` is of all that followed the source.
    """

    __slots__ = ()
    _question: Paths

    def matrix(self, values: Literal["share", "count"] = "share") -> "pd.DataFrame":
        """A row for each source, a column for each target; 0 where one never followed the other."""
        _check_values(values)
        frame = self.frame()
        wide = frame.pivot_table(index="source", columns="target", values=values, aggfunc="first", fill_value=0)
        order = frame.groupby("source")["count"].sum().sort_values(ascending=False, kind="stable").index
        targets = frame.groupby("target")["count"].sum().sort_values(ascending=False, kind="stable").index
        return wide.loc[order, targets]


class SessionsAnswer(Answer):
    """Visits. Frame, a row each: the actor, `session, start, end, seconds, events, first_type, last_type`."""

    __slots__ = ()
    _question: Sessions

    def summary(self) -> "pd.DataFrame":
        """All in one row.

        Columns: `sessions, actors, sessions_per_actor, events_per_session, single_event` (the share of sessions with
        one event), `mean_seconds, median_seconds, p90_seconds`.
        """
        return self._frame(replace(self._question, summary=True))


def _check_values(values: str) -> None:
    if values not in {"share", "count"}:
        raise InvalidInputError(f'there are "share" and "count", not {values!r}')
