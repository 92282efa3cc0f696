"""Experiments as people see them: the plot, the table and the widget."""

import numpy as np
import pandas as pd
import pytest

import burgee
from burgee.notebook import forest
from burgee.notebook.experiments import ExperimentWidget
from burgee.notebook.figures import Plot


@pytest.fixture(scope="module")
def result() -> burgee.ExperimentResult:
    rng = np.random.default_rng(1)
    variant = np.where(np.arange(4000) % 2, "treatment", "control")
    frame = pd.DataFrame(
        {
            "variant": variant,
            "up": rng.normal(10, 2, 4000) + (variant == "treatment"),
            "same": rng.random(4000) < 0.3,
            "country": rng.choice(["DE", "FR"], 4000),
        }
    )
    return burgee.experiment(frame, variant="variant", metrics={"up": "mean", "same": "mean"}, by="country")


def words(figure: Plot) -> str:
    panel = figure.axes[0]
    return " ".join([panel.get_title(loc="left"), *(text.get_text() for text in panel.texts)])


def test_the_plot_says_what_is_sure_and_draws_the_rest_beside_it(result: burgee.ExperimentResult) -> None:
    figure = result.plot()
    assert "Of 4 comparisons, 2 higher by more than chance" in words(figure)
    assert "treatment against control; 95 % intervals" in words(figure)
    panel = figure.axes[0]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["up · DE", "up · FR", "same · DE", "same · FR"]
    colours = [line.get_color() for line in panel.lines if line.get_marker() == "o"]
    assert colours == [forest.HIGHER] * 2 + [forest.UNSURE] * 2


def test_a_mismatch_is_in_the_plot() -> None:
    frame = pd.DataFrame({"variant": ["control"] * 900 + ["treatment"] * 100, "x": np.arange(1000) % 7})
    assert "sample ratio mismatch" in words(burgee.experiment(frame, variant="variant", metrics="x").plot())


def test_the_widget_shows_what_is_chosen(result: burgee.ExperimentResult) -> None:
    widget = result.widget()
    assert isinstance(widget, ExperimentWidget)
    assert len(widget.rows) == 8
    before = widget.image.value
    widget.metric.value = "up"
    widget.segment.value = 1
    assert {(row.metric, row.segment) for row in widget.rows} == {("up", "FR")}
    assert widget.image.value != before
    fixed = widget.rows[1].high - widget.rows[1].low
    widget.often.value = True
    assert widget.rows[1].high - widget.rows[1].low > fixed
    assert widget.result.setup.planned is not None
    widget.bayes.value = True
    bundle = widget._repr_mimebundle_()
    assert bundle is not None
    assert "better than the control" in str(bundle["text/html"])
    assert "role" not in widget.problem.value


def test_bayes_says_how_likely_each_is_better(result: burgee.ExperimentResult) -> None:
    frame = result.bayes()
    assert list(frame.columns) == ["country", "metric", "variant", "n", "mean", "better", "loss", "low", "high"]
    assert (frame.loc[frame["metric"] == "up", "better"] > 0.999).all()
    assert (frame["loss"] >= 0).all()
