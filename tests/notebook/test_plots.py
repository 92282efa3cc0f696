"""Plots: what is drawn is what was answered, and nothing of it leaks into the user's own plots."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import burgee
from burgee.notebook import plots
from burgee.notebook.counts import MOST_GROUPS
from burgee.notebook.figures import Plot, clean, spread
from burgee.notebook.palette import COLOURS, OFF, colour, on
from burgee.questions.model import Counts, Funnel
from burgee.workspace import Tenant

HOSTILE = "$\\frac{1}{2 & <b>\n\x00日本 " + "long " * 40


def words(figure: Figure) -> list[str]:
    """Every text of a figure."""
    return [text.get_text() for text in figure.findobj() if isinstance(text, Text)]


def bars(axes: Axes, gid: str | None = None) -> list[tuple[float, float]]:
    """Where each bar begins, and how wide it is."""
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(patch.get_x(), patch.get_width()) for patch in patches if gid is None or patch.get_gid() == gid]


def lines(axes: Axes, gid: str) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_gid() == gid]


def ys(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata(), float)]


@pytest.fixture
def clock() -> burgee.ManualClock:
    return burgee.ManualClock("2026-03-02T09:00:00Z")


@pytest.fixture
def flags(clock: burgee.ManualClock) -> Iterator[burgee.Flags]:
    """The flags of a workspace whose clock is set by hand."""
    with burgee.open("memory://", clock=clock) as ws:
        yield ws.tenants.create("acme").flags


def told(flags: burgee.Flags, clock: burgee.ManualClock) -> burgee.Flag:
    """A flag with a history: on, a rule, off, on, another weight."""
    flag = flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=5)
    clock.advance(hours=1)
    flag = flag.enable()
    clock.advance(days=2)
    flag = flag.target("country", "in", ["DE", "FR"], serve="treatment")
    clock.advance(days=1)
    flag = flag.rollout(20)
    clock.advance(days=1)
    flag = flag.disable()
    clock.advance(days=1)
    flag = flag.enable()
    clock.advance(days=2)
    flag = flag.variants({"control": 20, "treatment": 80})
    clock.advance(days=2)
    return flag.rollout(60.5)


def test_a_rollout_is_drawn_in_steps_apart_from_the_stretches_it_was_off(
    flags: burgee.Flags, clock: burgee.ManualClock
) -> None:
    axes = told(flags, clock).plot().axes[0]
    first, second = lines(axes, "on")
    assert ys(first) == [5, 5, 20, 20]
    assert ys(second) == [20, 20, 60.5, 60.5]
    assert [ys(line) for line in lines(axes, "off")] == [[5, 5], [20, 20]]
    assert [first.get_drawstyle(), second.get_drawstyle()] == ["steps-post", "steps-post"]
    hatched = [patch for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 2


def test_a_rollout_says_what_it_is_and_since_when_and_what_else_was_changed(
    flags: burgee.Flags, clock: burgee.ManualClock
) -> None:
    figure = told(flags, clock).plot()
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "checkout: 60.5 % since 11 Mar 2026, 10:00 UTC"
    assert axes.get_ylabel() == "rollout"
    assert {"5 %", "20 %", "60.5 %"} <= set(words(figure))
    assert axes.get_xlabel() == (
        "1  rule added: country in DE, FR → treatment\n2  weights: control 20 %, treatment 80 %"
    )
    assert len(lines(axes, "mark")) == 2
    assert {"1", "2"} <= set(words(figure))


def test_the_title_tells_since_when_a_flag_is_off(flags: burgee.Flags, clock: burgee.ManualClock) -> None:
    flag = flags.create("checkout").enable()
    clock.advance(days=1)
    flag = flag.disable()
    clock.advance(days=1)
    assert flag.rollout(3).plot().axes[0].get_title(loc="left") == "checkout: disabled since 3 Mar 2026, 09:00 UTC"
    assert flag.archive().history().plot().axes[0].get_title(loc="left").startswith("checkout: archived since 4 Mar")


def test_changes_within_a_moment_are_drawn_by_version(flags: burgee.Flags) -> None:
    axes = flags.create("checkout").enable().rollout(20).rollout(60).plot().axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["v1", "v2", "v3", "v4"]
    assert ys(lines(axes, "on")[0]) == [100, 20, 60, 60]
    assert np.asarray(lines(axes, "on")[0].get_xdata(), float)[:3].tolist() == [2, 3, 4]


def test_the_share_of_users_is_drawn_by_variant_and_reason(flags: burgee.Flags, clock: burgee.ManualClock) -> None:
    flag = told(flags, clock)
    users = pd.DataFrame({"id": [f"u{n}" for n in range(400)], "country": ["DE", "US", "US", "US"] * 100})
    axes = flag.plot(users).axes[1]
    assigned = flag.assign(users)
    sizes = assigned.groupby(["variant", "reason"], observed=True).size()
    assert axes.get_title(loc="left") == "What 400 users are served"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["control", "treatment"]
    split, default = sizes["control", "SPLIT"] / 4, sizes["control", "DEFAULT"] / 4  # percent of 400
    assert bars(axes, "rule") == [(0, 25)]  # a hundred Germans
    assert bars(axes, "split") == [(0, split), (25, sizes["treatment", "SPLIT"] / 4)]
    assert bars(axes, "default") == [(split, default)]
    treated = int((assigned["variant"] == "treatment").sum())
    assert f"{treated} · {treated / 4:.1f} %" in words(axes.get_figure(root=True) or Figure())


def test_the_plot_of_a_handle_ends_with_its_version(flags: burgee.Flags) -> None:
    flag = flags.create("checkout", rollout=20, enabled=True)
    newer = flag.rollout(70)
    users = pd.DataFrame({"id": [f"u{n}" for n in range(50)]})
    assert flag.plot(users).axes[0].get_title(loc="left").startswith("checkout: 20 % since")
    assert newer.plot(users).axes[0].get_title(loc="left").startswith("checkout: 70 % since")
    assert flag.history().plot().axes[0].get_title(loc="left").startswith("checkout: 70 % since")


def test_no_users_and_no_changes_are_said_and_not_drawn(flags: burgee.Flags) -> None:
    figure = flags.create("checkout").plot(pd.DataFrame({"id": pd.Series([], dtype="str")}))
    assert figure.axes[1].get_title(loc="left") == "No users to serve"
    assert "no changes" in words(plots.history([]))


def test_counts_by_a_property_are_bars_the_largest_on_top() -> None:
    frame = pd.DataFrame({"country": ["DE", None, "FR"], "count": [20, 5, 30]})
    figure = plots.answer(Counts(by=("country",)), frame)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["FR", "DE", "(none)"]
    assert [width for _, width in bars(axes)] == [30, 20, 5]
    assert {"30", "20", "5", "55 events in 3 groups"} <= set(words(figure))
    assert axes.get_title(loc="left") == "Events by country"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top


def test_many_groups_are_the_largest_twelve_and_the_others_together() -> None:
    frame = pd.DataFrame({"user": [f"u{n}" for n in range(40)], "count": range(1, 41)})
    figure = plots.answer(Counts(by=("user",)), frame)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [*(f"u{n}" for n in range(39, 27, -1)), "28 others"]
    assert len(labels) == MOST_GROUPS + 1
    rest = sum(range(1, 29))
    assert f"{rest}" in words(figure)
    assert [width for _, width in bars(figure.axes[0])][-1] == 0  # more than any group: told, and not drawn to scale


def test_the_others_are_never_only_one() -> None:
    frame = pd.DataFrame({"user": [f"u{n}" for n in range(MOST_GROUPS + 1)], "count": 1})
    labels = [label.get_text() for label in plots.answer(Counts(by=("user",)), frame).axes[0].get_yticklabels()]
    assert len(labels) == MOST_GROUPS + 1
    assert "1 others" not in labels


def days(*at: int) -> list[datetime]:
    return [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day) for day in at]


def test_counts_over_time_are_a_line_that_falls_to_zero_where_nothing_happened() -> None:
    figure = plots.answer(Counts(per="day"), pd.DataFrame({"time": days(0, 1, 4), "count": [3, 5, 2]}))
    (line,) = figure.axes[0].get_lines()
    assert ys(line) == [3, 5, 0, 0, 2]
    assert figure.axes[0].get_title(loc="left") == "Events per day"
    assert "10 events, 2026-03-02 to 2026-03-06 (UTC)" in words(figure)
    assert figure.axes[0].get_ylabel() == "events"
    assert figure.axes[0].get_ylim()[0] == 0


def test_each_group_is_a_line_with_its_name_at_its_end() -> None:
    frame = pd.DataFrame({"time": days(0, 0, 7), "type": ["a", "b", "b"], "count": [3, 5, 2]})
    axes = plots.answer(Counts(per="week", by=("type",)), frame).axes[0]
    assert {str(line.get_label()): ys(line) for line in axes.get_lines()} == {"b": [5, 2], "a": [3, 0]}
    named = {text.get_text(): text for text in axes.texts}
    for line in axes.get_lines():
        assert to_hex(named[str(line.get_label())].get_color()) == to_hex(str(line.get_color()))


def test_many_groups_over_time_are_the_largest_twelve_and_the_others_together() -> None:
    names = [f"t{n:02}" for n in range(20)]
    frame = pd.DataFrame({"time": days(*[0, 1] * 20), "type": sorted(names * 2), "count": range(40)})
    drawn = plots.answer(Counts(per="day", by=("type",)), frame).axes[0].get_lines()
    assert [str(line.get_label()) for line in drawn] == [*names[19:7:-1], "8 others"]
    assert ys(drawn[-1]) == [sum(range(0, 16, 2)), sum(range(1, 16, 2))]
    assert to_hex(str(drawn[-1].get_color())) == OFF
    styles = {(line.get_color(), line.get_linestyle()) for line in drawn}
    assert len(styles) == len(drawn)  # no two look the same


@pytest.mark.parametrize("per", ["minute", "hour", "day", "week", "month", "quarter", "year"])
def test_every_period_is_drawn(per: str) -> None:
    with burgee.open("memory://") as ws:
        events = ws.tenants.create("acme").events
        times = ["2024-01-01T00:00:30", "2024-01-01T00:03:00", "2024-05-15T10:00:00"]
        frame = pd.DataFrame({"s": "x-1", "type": "a", "time": times})
        events.ingest(frame, stream="s", type="type", time="time")
        answer = events.query().per(per)  # type: ignore[arg-type] # a period, from the list above
        (line,) = answer.plot().axes[0].get_lines()
        counted = answer.frame()
    assert sum(ys(line)) == 3
    assert [y for y in ys(line) if y] == counted["count"].tolist()


FUNNEL = pd.DataFrame(
    {
        "step": ["catalog", "add_to_cart", "purchase"],
        "count": [600, 511, 285],
        "conversion": [1, 511 / 600, 285 / 600],
        "step_conversion": [1, 511 / 600, 285 / 511],
        "median_seconds": [None, 7200.0, 250_000.0],
    }
)
STEPS = ("catalog", "add_to_cart", "purchase")


def test_a_funnel_is_a_bar_for_each_step_with_its_conversion_of_all_and_of_the_step_before() -> None:
    figure = plots.answer(Funnel(STEPS, by="user_id"), FUNNEL)
    assert bars(figure.axes[0], "step") == [(0, 600), (0, 511), (0, 285)]
    assert figure.axes[0].get_title(loc="left") == "285 of 600 (47.5 %) came to purchase"
    assert {
        "600",
        "511  ·  85.2 %",
        "285  ·  47.5 %",
        "85.2 % of the step before, after 2 hours (median)",
        "55.8 % of the step before, after 2.89 days (median)",
        *STEPS,
    } <= set(words(figure))


def test_a_split_funnel_has_a_bar_for_each_group_at_each_step() -> None:
    other = FUNNEL.assign(count=[100, 50, 0])
    frame = pd.concat([FUNNEL.assign(platform="web"), other.assign(platform=None)])
    frame = frame[["platform", *FUNNEL.columns]].reset_index(drop=True)
    figure = plots.answer(Funnel(STEPS, by="user_id", split="platform"), frame)
    assert bars(figure.axes[0], "web") == [(0, 600), (0, 511), (0, 285)]
    assert bars(figure.axes[0], "(none)") == [(0, 100), (0, 50), (0, 0)]
    assert figure.axes[0].get_title(loc="left") == "285 of 700 (40.7 %) came to purchase"
    assert "(none)  50  ·  50.0 %  ·  50.0 % of the step before" in words(figure)


def test_the_funnel_that_is_asked_is_the_funnel_that_is_drawn(acme: Tenant) -> None:
    frame = pd.DataFrame(
        {
            "user": ["a", "a", "b", "b", "c"],
            "type": ["see", "buy", "see", "buy", "see"],
            "kind": ["new", "new", "old", "old", "old"],
            "at": pd.date_range("2026-03-02", periods=5, freq="h", tz="UTC"),
        }
    )
    acme.events.ingest(frame, stream="user", type="type", time="at")
    assert bars(acme.events.query().funnel(["see", "buy"]).plot().axes[0], "step") == [(0, 3), (0, 2)]
    split = acme.events.query().funnel(["see", "buy"], split="kind").plot().axes[0]
    assert (bars(split, "new"), bars(split, "old")) == ([(0, 1), (0, 1)], [(0, 2), (0, 1)])
    by_type = acme.events.query().by("type").plot().axes[0]
    assert [width for _, width in bars(by_type)] == [3, 2]


def test_questions_without_an_answer_give_a_figure_that_says_so(acme: Tenant) -> None:
    query = acme.events.query()
    for answer in (query.per("day"), query.by("type"), query.per("week").by("type", "country")):
        assert "no events match" in words(answer.plot())
    assert "no streams did the first step, a" in words(query.funnel(["a", "b"]).plot())
    assert "no streams did the first step, a" in words(query.funnel(["a", "b"], split="country").plot())


def test_hostile_names_are_drawn_as_text(flags: burgee.Flags, clock: burgee.ManualClock) -> None:
    frame = pd.DataFrame({"time": days(0, 1), "type": [HOSTILE, "$x"], "count": [1, 2]})
    rows = FUNNEL.iloc[:2].assign(step=[HOSTILE, "$"])
    flag = flags.create("checkout", variants={"a": 100, "b": 0}, enabled=True)
    clock.advance(days=1)
    flag = flag.target("country", "eq", HOSTILE.replace("\x00", ""), serve="b")
    figures: Sequence[Figure] = [
        plots.answer(Counts(per="day", by=("type",)), frame),
        plots.answer(Counts(by=("type",)), frame.drop(columns="time")),
        plots.answer(Funnel((HOSTILE, "$"), by=HOSTILE), rows),
        plots.answer(Funnel((HOSTILE, "$"), split=HOSTILE), rows.assign(s=HOSTILE)[["s", *rows.columns]]),
        flag.plot(pd.DataFrame({"id": ["u1"], "country": [HOSTILE]})),
    ]
    for figure in figures:
        assert isinstance(figure, Plot)
        assert figure.png().startswith(b"\x89PNG")
    assert all(len(word) < 400 for figure in figures for word in words(figure))


@given(st.text())
def test_a_label_is_one_line_that_can_be_drawn_and_not_too_long(text: str) -> None:
    label = clean(text)
    assert len(label) <= 36
    assert all(letter.isprintable() for letter in label)
    if text.isprintable() and len(text) <= 36:
        assert label == " ".join(text.split())


@given(st.lists(st.floats(0, 100), max_size=15), st.floats(0.1, 20))
def test_labels_are_moved_apart_in_their_order(places: list[float], gap: float) -> None:
    moved = spread(places, gap, lowest=0)
    pairs = sorted(zip(moved, places, strict=True))
    assert all(right[0] - left[0] >= gap * 0.999 for left, right in pairwise(pairs))
    assert [place for _, place in pairs] == sorted(places)
    assert all(place >= -1e-9 for place in moved)
    apart = sorted(places)
    if all(right - left >= gap for left, right in pairwise(apart)):
        assert moved == places  # those that are apart stay where they are


def test_text_on_a_colour_can_be_read() -> None:
    assert (on("#ffffff"), on("#000000")) == ("#1f2933", "#ffffff")
    assert len({colour(number) for number in range(len(COLOURS))}) == len(COLOURS)


def test_a_figure_shows_itself_once_and_at_its_size(flags: burgee.Flags) -> None:
    figure = flags.create("checkout").plot()
    assert isinstance(figure, Plot)
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert metadata["image/png"]["width"] == 800
    assert figure._repr_mimebundle_(include=["text/plain"]) == ({"text/plain": repr(figure)}, {})
    assert set(figure._repr_mimebundle_(exclude=["image/png"])[0]) == {"text/plain"}


def test_plots_leave_the_users_own_settings_alone_and_theirs_leave_ours() -> None:
    question, frame = Counts(by=("a",)), pd.DataFrame({"a": ["x"], "count": [1]})
    before = dict(rcParams)
    plain = plots.answer(question, frame)
    assert isinstance(plain, Plot)
    image = plain.png()
    assert dict(rcParams) == before
    try:
        rcParams.update({"figure.facecolor": "black", "text.color": "white", "axes.facecolor": "black"})
        dark = plots.answer(question, frame)
        assert isinstance(dark, Plot)
        assert dark.png() == image
    finally:
        rcParams.update(before)


def test_plotting_needs_no_pyplot() -> None:
    code = "import sys, burgee; burgee.open('memory://').tenants.create('a').flags.create('f').plot().png(); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
