"""The widget of an experiment: which metric, which segment, looked at once or often, and the same by Bayes."""

import base64
from typing import ClassVar, override

import ipywidgets

from burgee.core.display import Sheet
from burgee.experiments.comparing import Comparison
from burgee.experiments.result import ExperimentResult
from burgee.experiments.words import alarm, mean, plain, share
from burgee.notebook import forest
from burgee.notebook.panel import Panel, label, row
from burgee.notebook.tables import table

_WIDTH = 7.9  # inches, within the frame


class ExperimentWidget(Panel):
    """A result of an experiment, to look around in.

    Args:
        result: what `flag.experiment(…)` or `burgee.experiment(…)` gave.

    Attributes:
        metric, segment, often, bayes: the controls. The segment's is there only where there are segments.
        image: the plot.
    """

    kind: ClassVar[str] = "burgee-experiment"

    def __init__(self, result: ExperimentResult) -> None:
        super().__init__()
        self._given = result
        names = [one.name for one in result.metrics]
        self.metric = ipywidgets.Dropdown(options=[("all metrics", ""), *((name, name) for name in names)])
        segments = [("none" if one is None else one, place) for place, one in enumerate(result.segments)]
        self.segment = ipywidgets.Dropdown(options=[("all segments", -1), *segments])
        self.often = _toggle("Look as often as you like", "p-values and intervals that hold at every look")
        self.often.value = result.setup.planned is not None
        self.bayes = _toggle("By Bayes", "how likely each is better, and what it costs if it is not")
        self.image = ipywidgets.Image(format="png")
        self.image.add_class("burgee-plot")
        self._alarm, self._table = ipywidgets.HTML(alarm(result.warnings, grave=len(result.loud))), ipywidgets.HTML()
        self._look_up()
        controls = [label("Metric"), self.metric]
        if result.about.segment is not None:
            controls += [label(result.about.segment), self.segment]
        for control in (self.metric, self.segment, self.often, self.bayes):
            control.observe(lambda _: self._by_hand(self._look_up), "value")
        self._show(self._alarm, row(*controls), row(self.often, self.bayes), self.image, self._table)

    @property
    def result(self) -> ExperimentResult:
        """The result as it is looked at."""
        if not self.often.value:
            return self._given.fixed()
        return self._given if self._given.setup.planned else self._given.sequential()

    @property
    def rows(self) -> tuple[Comparison, ...]:
        """The comparisons that are shown."""
        result = self.result
        place = self.segment.value
        return tuple(
            one
            for one in result.rows
            if self.metric.value in {"", one.metric} and (place < 0 or one.segment == result.segments[place])
        )

    def _look_up(self) -> None:
        """Show what is chosen."""
        rows = self.rows
        figure = forest.plot(self.result, rows)
        figure.set_size_inches(_WIDTH, figure.get_figheight())
        self.image.value = figure.png()
        self._table.value = table(self._by_bayes(rows) if self.bayes.value else self.result.sheet(rows))

    def _by_bayes(self, rows: tuple[Comparison, ...]) -> Sheet:
        segment = self._given.about.segment
        columns = ["metric", "variant", "units", "mean", "better than the control", "loss if it is not"]
        shown = []
        for one in rows:
            metric = next(each for each in self._given.metrics if each.name == one.metric)
            cells: list[object] = [one.metric, one.variant, f"{one.n:,}", mean(metric, one.mean)]
            own = one.variant == self._given.control
            loss = share(one.loss) if metric.kind == "conversion" else plain(one.loss)
            cells += ["", ""] if own else [share(one.better), loss]
            shown.append([one.segment, *cells] if segment is not None else cells)
        head = [segment] if segment is not None else []
        note = "shares with uniform priors, all else with flat ones; looked at once"
        return Sheet(f"Experiment {self._given.about.title}, by Bayes", [*head, *columns], shown, note)

    @override
    def _still(self) -> str:
        picture = base64.b64encode(bytes(self.image.value)).decode()
        image = f'<img class="burgee-plot" alt="lifts with their intervals" src="data:image/png;base64,{picture}">'
        return f"{self._alarm.value}{image}{self._table.value}"

    @override
    def __repr__(self) -> str:
        return f"<ExperimentWidget of {self._given.about.title}: .result, .rows>"


def _toggle(words: str, tooltip: str) -> ipywidgets.Checkbox:
    made = ipywidgets.Checkbox(description=words, indent=False, tooltip=tooltip)
    made.layout.width = "auto"
    return made
