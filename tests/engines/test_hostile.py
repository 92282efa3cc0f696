"""Same question, same answer, on a log that is made to divide engines: nulls, ties, names, kinds, times, filters."""

import random
from datetime import UTC, datetime, timedelta

import pytest

import burgee
from burgee.core.json import Json
from burgee.questions.model import Counts, Funnel, Measure, Paths, Retention, Sessions
from burgee.store.query import EventQuery
from burgee.workspace import Tenant
from engines.asking import ALL, Asked, Log, questions
from engines.conftest import Filled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

START = datetime(2025, 12, 29, 23, 59, 59, 999_999, tzinfo=UTC)  # a Monday's end, three days before the year's
STEPS = ("a%b", "é'\"", "order.placed")
NAMES = ("count", "time", "select", "Ünïcode", "it's", 'a"b', "a.b", "a b", "A", "a", "tenant", "date", "step", "%s")
ASKED: dict[str, Asked] = {
    **questions(STEPS, "who", "group", "number"),
    "by truth": (ALL, Counts(None, ("truth",), (Measure("mean", "share", "truth"),))),
    "by a field of several kinds": (ALL, Counts(None, ("mixed",))),
    "by a number": (ALL, Counts(None, ("number",))),
    "by two properties with nulls": (ALL, Counts("day", ("group", "truth"))),
    "by streams": (ALL, Counts(None, ("stream", "type"))),
    "each name": (ALL, Counts(None, NAMES)),
    "a prefix, and a while": (
        EventQuery(("order.*", "a%b"), since=START, until=START + timedelta(days=9)),
        Counts("day"),
    ),
    "a category": (EventQuery(category="s"), Counts(None, ("type",))),
    "by metadata": (EventQuery(metadata={"source": "wéb", "n": 1}), Counts(None, ("type",))),
    "true is no 1 in metadata": (EventQuery(metadata={"n": True}), Counts()),
    "the first ones": (EventQuery(after=7, upto=90, limit=50), Counts(None, ("type",))),
    "nobody": (EventQuery(since=START + timedelta(days=4000)), Funnel(STEPS, "who")),
    "retention by day": (ALL, Retention("who", "day")),
    "retention by quarter": (ALL, Retention("who", "quarter")),
    "paths by stream": (ALL, Paths("stream")),
    "sessions without a pause": (ALL, Sessions("who", 0.000_001)),
    "a funnel that goes back": (ALL, Funnel(("a%b", "a%b", "é'\""), "who", split="truth", within=3600.0)),
}


def made(n: int) -> list[tuple[str, burgee.Event]]:
    """Events with their streams, from a seed."""
    chosen = random.Random(4)  # noqa: S311 - the same ones each time
    events = []
    for place in range(n):
        seconds = chosen.choice([0, 0, 0.000_001, 1, 1_800, 86_400, 40 * 86_400]) * chosen.randint(0, 3)
        data: dict[str, Json] = {
            "who": chosen.choice([1, 2, 3, 2**53 + 1, None]),
            "group": chosen.choice(["é", "e", "E", "Z", "", "日本", None, "a\nb", "\\"]),
            "number": chosen.choice([1, 2.5, -0.1, 1e-9, 1e15, None]),
            "truth": chosen.choice([True, False, None]),
            "mixed": chosen.choice([1, "1", True, {"x": [1, None]}, ["é"], None]),
            **{name: chosen.choice([None, name, "x"]) for name in NAMES if chosen.random() < 0.3},
        }
        data = {name: value for name, value in data.items() if chosen.random() < 0.9}
        metadata: dict[str, Json] = {"source": chosen.choice(["wéb", "app"]), "n": chosen.choice([1, True, "1"])}
        at = START + timedelta(seconds=seconds)
        event = burgee.Event(chosen.choice([*STEPS, "order.paid", "ORDER.placed"]), data, metadata, f"e{place}", at)
        events.append((chosen.choice(["s", "s-1", "s-2", "ß-1", "S-1"]), event))
    return events


@pytest.fixture(scope="module")
def hostile(filled: Filled) -> Log:
    """Some hundred events."""

    def fill(acme: Tenant) -> None:
        for stream, event in made(300):
            acme.events.append(stream, event)

    return filled(fill)


@pytest.fixture(scope="module")
def empty(filled: Filled) -> Log:
    """A log without any event."""
    return filled(lambda _: None)


@pytest.mark.parametrize("name", ASKED)
def test_every_engine_gives_the_same_answers_about_what_divides_them(hostile: Log, name: str) -> None:
    hostile.assert_same(ASKED[name])


@pytest.mark.parametrize("name", ["per week by type", "funnel by a property", "retention by month", "sessions"])
def test_every_engine_gives_the_same_answers_about_nothing(empty: Log, name: str) -> None:
    empty.assert_same(ASKED[name])
