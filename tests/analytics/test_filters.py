"""Choosing events (R2.6): the trees are about what the log itself would choose, in every dialect."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlglot

import burgee
from asking import Log
from burgee.analytics.dialects import DIALECTS
from burgee.core.clock import ManualClock
from burgee.core.errors import InvalidInputError
from burgee.questions.model import Counts, Funnel, Measure, Paths, Question, Retention, Sessions
from burgee.store.query import EventQuery

T0 = datetime(2026, 1, 1, tzinfo=UTC)
METADATA: list[dict[str, str | int | float | bool]] = [
    {},
    {"n": 1},
    {"n": "1"},
    {"n": True},
    {"n": "true"},
    {"n": 1.5},
    {"é": "ü\"'\\"},
    {"a b.c": "*", "": "x", "/~": "y"},
]
QUERIES = [
    EventQuery(),
    EventQuery(types=("a",)),
    EventQuery(types=("b.*", "a")),
    EventQuery(types=("*",)),
    EventQuery(stream="s-1"),
    EventQuery(category="s"),
    EventQuery(category="t"),
    EventQuery(since=T0 + timedelta(seconds=2), until=T0 + timedelta(seconds=5)),
    EventQuery(since=T0 + timedelta(seconds=2, microseconds=1)),
    EventQuery(after=2, upto=5),
    EventQuery(as_of=T0 + timedelta(days=2)),
    EventQuery(limit=3),
    EventQuery(limit=0),
    EventQuery(types=("a",), limit=2, after=1),
    EventQuery(stream="$own"),
    EventQuery(own=True),
    *(EventQuery(metadata={name: value}) for each in METADATA for name, value in each.items()),
    EventQuery(metadata={"n": False}),
    EventQuery(metadata={"n": 1, "m": 1}),
]
QUESTIONS: list[Question] = [
    Counts(),
    Counts("week", ("type", "plan"), (Measure("sum", "s", "n"), Measure("quantile", "q", "n", 0.9))),
    Counts("quarter", (), (Measure("min", "m", "plan"), Measure("distinct", "d", "plan"))),
    Funnel(("a", "b", "a"), "plan", "plan", 60.0),
    Funnel(("a", "b"), times=True),
    Retention("plan", "week"),
    Retention("plan", "month"),
    Paths("plan"),
    Sessions("plan"),
    Sessions(summary=True),
]
EVERYTHING = EventQuery(
    types=("a", "b*"), category="s", since=T0, until=T0, after=0, upto=9, metadata={"n": "x"}, as_of=T0, limit=9
)


@pytest.fixture(scope="module")
def events() -> Iterator[burgee.Events]:
    clock = ManualClock(T0.isoformat())
    with burgee.open("memory://", clock=clock) as ws:
        yield filled(ws.tenants.create("acme"), clock)


def filled(acme: burgee.Tenant, clock: ManualClock) -> burgee.Events:
    """Some events of each kind that a filter tells apart, and one of burgee's own."""
    for number, metadata in enumerate(METADATA):
        at = T0 + timedelta(seconds=number)
        type_ = ("a", "b.x", "b", "B.x")[number % 4]
        event = burgee.Event(type_, {"n": number}, metadata=metadata, occurred_at=at)
        acme.events.append(("s-1", "s", "st-1", "t-1")[number // 2], event)
        clock.advance(hours=12)
    acme.flags.create("own")
    return acme.events


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_question_is_about_the_events_that_the_log_would_choose(events: burgee.Events, query: EventQuery) -> None:
    chosen = events._select(query)
    expected = chosen.count()
    assert chosen.sum("n").count().frame()["count"].tolist() == [expected]


def test_there_are_events_of_each_kind_to_choose(events: burgee.Events) -> None:
    counts = {str(query): events._select(query).count() for query in QUERIES}
    nothing = [query for query, count in counts.items() if not count]
    assert len(nothing) <= 5, nothing
    assert max(counts.values()) > counts[str(EventQuery())] == len(METADATA)


@pytest.mark.parametrize(
    ("types", "said", "hint"),
    [
        (("b.y",), "no event has a type 'b.y'", "did you mean 'b.x'?"),
        (("c.*",), "no event's type begins with 'c.'", None),
    ],
)
def test_a_type_that_is_not_there_is_refused(
    events: burgee.Events, types: tuple[str, ...], said: str, hint: str | None
) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        events.query(types).per("day").frame()
    assert hint is None or hint in caught.value.hints
    assert events.query(types).count() == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_every_question_can_be_said_in_every_dialect(dialect: str, question: Question) -> None:
    log = Log([("a", 0, {}), ("b", 1, {})], plan="text", n="int")
    text = log.sql(question, dialect, EVERYTHING, "crm.events")
    (said,) = sqlglot.parse(text, dialect=dialect)
    assert said is not None
    tables = {".".join(part.name for part in table.parts) for table in said.find_all(sqlglot.exp.Table)}
    written = {part.alias for part in said.find_all(sqlglot.exp.CTE)}
    assert tables - written == {"crm.events"}
    assert not any(isinstance(node, sqlglot.exp.Command) for node in said.walk())


@pytest.mark.parametrize("name", ["", "a b c", "events; drop table x", "(select 1)", "events e", "f(1)", "a.b.c.d"])
def test_a_table_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="no name of a table"):
        Log([]).sql(Counts(), table=name)


def test_a_dialect_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInputError, match="no dialect 'postgre'") as caught:
        Log([]).sql(Counts(), "postgre")
    assert caught.value.hints == ["did you mean 'postgres'?"]
