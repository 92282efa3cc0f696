"""Plots of questions: what is drawn is what was answered."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import burgee
from burgee.notebook import plots
from burgee.notebook.cohorts import MOST_COHORTS
from burgee.notebook.ways import MOST_TYPES
from burgee.questions.model import Counts, Measure, Paths, Question, Retention, Sessions

DAY = pd.Timestamp("2026-01-01T12:00:00Z")
HOSTILE = "$\\frac{1}{2 & <b>\n\x00日本 " + "long " * 40


def words(figure: Figure) -> list[str]:
    """Every text of a figure."""
    return [text.get_text() for text in figure.findobj() if isinstance(text, Text)]


def marked(axes: Axes, gid: str) -> int:
    """How many shapes are of this kind."""
    return sum(patch.get_gid() == gid for patch in axes.patches)


def heights(axes: Axes) -> list[float]:
    return [patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)]


@pytest.fixture(scope="module")
def clicks() -> Iterator[burgee.Query]:
    rows = [
        (f"u{user}", kind, DAY + pd.Timedelta(days=user % 3 + 7 * week, minutes=place), 10.0 * user)
        for user in range(9)
        for week in range(3)
        for place, kind in enumerate(("see", "see", "buy"))
        if week <= user % 3
    ]
    frame = pd.DataFrame(rows, columns=["user", "event", "at", "value"])
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.events.ingest(frame, stream="user", type="event", time="at")
        yield acme.events.query()


def test_retention_has_a_cell_for_each_row_and_hatches_what_is_not_over(clicks: burgee.Query) -> None:
    answer = clicks.retention(by="user", period="day")
    frame, figure = answer.frame(), answer.plot()
    (panel,) = figure.axes
    complete = frame["complete"]
    assert (marked(panel, "over"), marked(panel, "open")) == (complete.sum(), (~complete).sum())
    assert marked(panel, "hatch") == (~complete).sum() > 0
    said = words(figure)
    assert "hatched: not over yet" in " ".join(said)
    assert "02 Jan 2026" in [label.get_text() for label in panel.get_yticklabels()]
    assert figure.png().startswith(b"\x89PNG")


def test_the_title_of_retention_is_the_share_that_came_back(clicks: burgee.Query) -> None:
    frame = clicks.retention(by="user", period="week").frame()
    later = frame[(frame["period"] == 1) & frame["complete"]]
    share = 100 * later["count"].sum() / later["size"].sum()
    title = clicks.retention(by="user", period="week").plot().axes[0].get_title(loc="left")
    assert title == f"{share:.1f} % of actors by user came back in the next week"


def test_only_the_newest_cohorts_are_shown_and_the_others_counted() -> None:
    starts = pd.date_range("2020-01-01", periods=MOST_COHORTS + 5, freq="MS", tz="UTC")
    rows = [(start, 5, period, 5 - period, 1 - period / 5, True) for start in starts for period in range(2)]
    frame = pd.DataFrame(rows, columns=["cohort", "size", "period", "count", "share", "complete"])
    figure = plots.answer(Retention("user"), frame)
    assert marked(figure.axes[0], "over") == 2 * MOST_COHORTS
    assert "5 older cohorts are not shown" in " ".join(words(figure))
    assert "all periods are over" in " ".join(words(figure))


def test_paths_have_a_cell_for_each_pair(clicks: burgee.Query) -> None:
    answer = clicks.paths(by="user")
    figure = answer.plot()
    (panel,) = figure.axes
    assert marked(panel, "move") == len(answer.frame())
    assert [label.get_text() for label in panel.get_yticklabels()] == ["(start)", "see", "buy"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["see", "buy", "(end)"]
    assert "After see most often came" in panel.get_title(loc="left")


def test_rarer_types_are_counted_and_hostile_names_are_drawn() -> None:
    names = [f"{number} {HOSTILE}" for number in range(MOST_TYPES + 3)]
    rows = [(name, name, 100 - number, 1.0, 1.0) for number, name in enumerate(names)]
    frame = pd.DataFrame(rows, columns=["source", "target", "count", "share", "median_seconds"])
    figure = plots.answer(Paths(), frame)
    assert marked(figure.axes[0], "move") == MOST_TYPES
    assert "3 rarer types are not shown" in " ".join(words(figure))
    assert figure.png()


def test_every_session_is_in_both_distributions(clicks: burgee.Query) -> None:
    answer = clicks.sessions(by="user", gap="30m")
    frame, figure = answer.frame(), answer.plot()
    lengths, events = figure.axes
    assert sum(heights(lengths)) == (frame["events"] > 1).sum() == len(frame)
    assert sum(heights(events)) == len(frame)
    assert heights(events)[2] == len(frame)  # each has three
    assert "Half of all sessions are over within 2 min" in words(figure)


def test_sessions_of_one_event_and_very_long_ones_are_drawn() -> None:
    def frame(seconds: Sequence[float], events: Sequence[int]) -> pd.DataFrame:
        return pd.DataFrame({"user": "u", "seconds": seconds, "events": events})

    alone = plots.answer(Sessions("user"), frame([0.0, 0.0], [1, 1]))
    assert sum(heights(alone.axes[0])) == 0
    long = plots.answer(Sessions("user"), frame([1e9, 5.0, 0.0], [500, 2, 1]))
    assert sum(heights(long.axes[0])) == 2
    assert sum(heights(long.axes[1])) == 3
    assert "30+" in [label.get_text() for label in long.axes[1].get_xticklabels()]
    assert long.png()


def test_each_measure_has_a_panel_of_its_own(clicks: burgee.Query) -> None:
    answer = clicks.per("day").sum(revenue="value").mean("value").quantile("value", 0.9).distinct("user").count()
    figure, frame = answer.plot(), answer.frame()
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [
        "revenue per day",
        "Mean of value per day",
        "90 % quantile of value per day",
        "Different user per day",
        "Events per day",
    ]
    for panel, name in zip(figure.axes, ["revenue", "mean_value", "p90_value"], strict=False):
        (line,) = panel.get_lines()
        drawn = [value for value in np.asarray(line.get_ydata(), float).tolist() if value and not np.isnan(value)]
        assert drawn == [float(value) for value in frame[name] if value]


def test_groups_of_means_are_not_added_up() -> None:
    groups = [f"g{number}" for number in range(20)]
    frame = pd.DataFrame({"g": groups, "m": [float(number) for number in range(20)], "s": 1.0})
    question = Counts(by=("g",), measures=(Measure("mean", "m", "v"), Measure("sum", "s", "v")))
    mean, total = plots.answer(question, frame).axes
    assert len(mean.patches) == 12
    assert len(total.patches) == 13  # with all others together
    assert "8 other groups are not shown" in " ".join(text.get_text() for text in mean.texts)
    assert "20 in all in 20 groups" in " ".join(text.get_text() for text in total.texts)


def test_losses_are_drawn_to_the_left_and_below() -> None:
    frame = pd.DataFrame({"g": ["a", "b"], "s": [-5.0, 10.0]})
    (panel,) = plots.answer(Counts(by=("g",), measures=(Measure("sum", "s", "v"),)), frame).axes
    assert panel.get_xlim() == (-5, 10)
    frame = pd.DataFrame({"time": [DAY, DAY + pd.Timedelta(days=1)], "s": [-5.0, 10.0]})
    (panel,) = plots.answer(Counts("day", measures=(Measure("sum", "s", "v"),)), frame).axes
    assert panel.get_ylim()[0] < -5


def test_texts_are_no_numbers_to_draw() -> None:
    frame = pd.DataFrame({"m": ["x"]})
    assert "no numbers to draw" in words(plots.answer(Counts(measures=(Measure("min", "m", "v"),)), frame))


@pytest.mark.parametrize(
    "question", [Retention(), Paths(), Sessions(), Counts("day", ("x",), (Measure("sum", "s", "v"),))]
)
def test_no_events_say_so(question: Question) -> None:
    with burgee.open("memory://") as ws:
        query = ws.tenants.create("acme").events.query()
        answers = {
            "retention": query.retention(),
            "paths": query.paths(),
            "sessions": query.sessions(),
            "counts": query.per("day").by("x").sum(s="v"),
        }
        assert "no events match" in words(answers[question.kind].plot())
