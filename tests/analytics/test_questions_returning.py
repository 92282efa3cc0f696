"""Retention, paths and sessions as SQL trees (R2.6): against plain answers in Python."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import Event, Log, Rows, beginning, in_order
from burgee.core.errors import InvalidInputError
from burgee.core.periods import PERIODS, Period
from burgee.questions.model import Paths, Retention, Sessions
from burgee.store.query import EventQuery
from effort import COSTLY
from raw import START

payloads = st.fixed_dictionaries({}, optional={"user": st.sampled_from([3, 10, 200, None])})
months = st.lists(st.tuples(st.sampled_from("aé"), st.integers(-99 * 86_400, 99 * 86_400), payloads), max_size=15)
seconds = st.lists(st.tuples(st.sampled_from("aéc"), st.integers(0, 9), payloads), max_size=25)


def log_of(events: Sequence[Event]) -> Log:
    return Log(events, user="int")


def following(start: datetime, period: str) -> datetime:
    """The start of the next period."""
    if period in {"minute", "hour", "day", "week"}:
        return start + timedelta(**{f"{period}s": 1})
    return beginning(start + timedelta(days={"month": 31, "quarter": 92, "year": 366}[period]), period)


def plain_retention(log: Sequence[Event], period: str) -> Rows:
    """Cohort by cohort, period by period."""
    seen: dict[object, set[datetime]] = defaultdict(set)
    for _, at, data in log:
        seen[data.get("user")].add(beginning(START + timedelta(seconds=at), period))
    if not seen:
        return []
    newest = max(max(starts) for starts in seen.values())
    cohorts: dict[datetime, list[set[datetime]]] = defaultdict(list)
    for actor, starts in seen.items():
        if actor is not None:
            cohorts[min(starts)].append(starts)
    rows: Rows = []
    for cohort, actors in sorted(cohorts.items()):
        start, number = cohort, 0
        while start <= newest:
            came = sum(start in starts for starts in actors)
            rows.append((cohort, len(actors), number, came, came / len(actors), start < newest))
            start, number = following(start, period), number + 1
    return rows


def ways_of(log: Sequence[Event]) -> dict[object, list[Event]]:
    ways: dict[object, list[Event]] = defaultdict(list)
    for _, event in in_order(log):
        if event[2].get("user") is not None:
            ways[event[2]["user"]].append(event)
    return ways


def plain_paths(log: Sequence[Event]) -> Rows:
    times: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for way in ways_of(log).values():
        times["(start)", way[0][0]].append(None)
        times[way[-1][0], "(end)"].append(None)
        for one, other in pairwise(way):
            times[one[0], other[0]].append(other[1] - one[1])
    sources: Counter[str] = Counter()
    for (source, _), took in times.items():
        sources[source] += len(took)
    rows: Rows = []
    for (source, target), took in times.items():
        known = [each for each in took if each is not None]
        share = len(took) / sources[source]
        rows.append((source, target, len(took), share, statistics.median(known) if known else None))
    return sorted(rows, key=lambda row: (-len(times[str(row[0]), str(row[1])]), row[0], row[1]))


def plain_sessions(log: Sequence[Event], gap: float) -> Rows:
    rows: Rows = []
    for actor, way in sorted(ways_of(log).items(), key=str):
        visits: list[list[Event]] = []
        for event in way:
            if visits and event[1] - visits[-1][-1][1] <= gap:
                visits[-1].append(event)
            else:
                visits.append([event])
        for number, visit in enumerate(visits, start=1):
            first, last = visit[0], visit[-1]
            start, end = (START + timedelta(seconds=each[1]) for each in (first, last))
            rows.append((actor, number, start, end, last[1] - first[1], len(visit), first[0], last[0]))
    return sorted(rows, key=lambda row: (row[0], row[1]))


@COSTLY
@given(months, st.sampled_from([period for period in PERIODS if period not in {"minute", "hour"}]))
def test_retention_equals_a_plain_one(log: list[Event], period: Period) -> None:
    assert log_of(log).rows(Retention("user", period)) == plain_retention(log, period)


@COSTLY
@given(
    st.lists(st.tuples(st.just("a"), st.integers(0, 9000), payloads), max_size=9), st.sampled_from(["minute", "hour"])
)
def test_retention_by_short_periods_too(log: list[Event], period: Period) -> None:
    assert log_of(log).rows(Retention("user", period)) == plain_retention(log, period)


def test_the_last_period_is_complete_when_the_choice_ends_with_it() -> None:
    log = log_of([("a", 0, {"user": 3}), ("a", 40 * 86_400, {"user": 3})])  # January 1st, February 10th

    def complete(until: datetime | None, as_of: datetime | None = None) -> list[object]:
        return [row[5] for row in log.rows(Retention("user"), EventQuery(until=until, as_of=as_of))]

    march, middle, april = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 1), (2, 20), (4, 1)))
    assert complete(None) == [True, False]
    assert complete(middle) == [True, False]
    assert complete(march) == [True, True]
    assert complete(april) == [True, True, True]
    assert complete(datetime(2999, 1, 1, tzinfo=UTC)) == [True, False]  # that time is not known yet
    assert complete(march, middle) == [True, False]  # as it was seen in February


def test_periods_in_which_nothing_happened_are_there() -> None:
    log = log_of([("a", 0, {"user": 3}), ("a", 86_400 * 300, {})])
    rows = log.rows(Retention("user", "day"))
    assert [row[2] for row in rows] == list(range(301))
    assert [row[3] for row in rows] == [1] + [0] * 300


@COSTLY
@given(seconds)
def test_paths_equal_a_walk_from_event_to_event(log: list[Event]) -> None:
    assert log_of(log).rows(Paths("user")) == plain_paths(log)


@COSTLY
@given(seconds, st.sampled_from([0.5, 1.0, 2.0]))
def test_sessions_equal_a_walk_from_event_to_event(log: list[Event], gap: float) -> None:
    assert log_of(log).rows(Sessions("user", gap)) == plain_sessions(log, gap)


@COSTLY
@given(seconds)
def test_the_summary_of_sessions_is_that_of_their_rows(log: list[Event]) -> None:
    visits = plain_sessions(log, 1.0)
    (found,) = log_of(log).ask(Sessions("user", 1.0, summary=True)).to_pylist()
    lasted, events = ([float(str(visit[place])) for visit in visits] for place in (4, 5))
    actors = len({visit[0] for visit in visits})
    assert (found.pop("sessions"), found.pop("actors")) == (len(visits), actors)
    expected = {
        "sessions_per_actor": len(visits) / actors,
        "events_per_session": np.mean(events),
        "single_event": events.count(1) / len(visits),
        "mean_seconds": np.mean(lasted),
        "median_seconds": np.median(lasted),
        "p90_seconds": np.quantile(lasted, 0.9),
    } if visits else dict.fromkeys(found)  # fmt: skip
    assert found == pytest.approx(expected)


def test_the_columns_are_those_promised() -> None:
    log = Log([("a", 0, {"end": 1})], end="int")
    assert log.ask(Retention()).column_names == ["cohort", "size", "period", "count", "share", "complete"]
    assert log.ask(Paths()).column_names == ["source", "target", "count", "share", "median_seconds"]
    visits = ["session", "start", "end", "seconds", "events", "first_type", "last_type"]
    assert log.ask(Sessions()).column_names == ["stream", *visits]
    assert log.ask(Sessions("end")).column_names == ["data_end", *visits]
    assert log.ask(Sessions("end"))["data_end"].to_pylist() == [1]


@pytest.mark.parametrize("question", [Retention("usr"), Paths("usr"), Sessions("usr")])
def test_an_actor_no_event_has_is_refused(question: Retention | Paths | Sessions) -> None:
    with pytest.raises(InvalidInputError, match="no event has a field 'usr'") as caught:
        log_of([("a", 0, {})]).ask(question)
    assert caught.value.hints == ["did you mean 'user'?"]


@pytest.mark.parametrize("question", [Retention("x"), Paths("x"), Sessions("x")])
def test_an_empty_log_has_empty_answers(question: Retention | Paths | Sessions) -> None:
    assert Log([]).rows(question) == []
