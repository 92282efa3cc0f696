"""Experiments over a tenant's log: one tree, answered by an engine."""

from typing import override

import pyarrow as pa
from sqlglot import exp

from burgee.analytics.dialects import render
from burgee.analytics.engine import Engine
from burgee.analytics.filters import Choice
from burgee.analytics.questions import experiment
from burgee.analytics.questions.experiment import EXPOSURE, Exposed, microseconds
from burgee.analytics.questions.sums import Outcome
from burgee.analytics.source import Logs, LogSource, answered
from burgee.core.clock import Clock, from_us
from burgee.core.errors import InvalidInputError, MissingTenantError
from burgee.core.portal import hop
from burgee.core.result import Err, Ok, Result
from burgee.core.scope import require_tenant
from burgee.experiments.model import Metric, Trial
from burgee.experiments.protocol import ExperimentService
from burgee.store.query import EventQuery


class LocalExperimentService(ExperimentService):
    """Experiments over the events of this workspace."""

    def __init__(self, logs: Logs, engine: Engine, clock: Clock) -> None:
        self._logs = logs
        self._engine = engine
        self._clock = clock

    @override
    async def sums(self, trial: Trial) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> pa.RecordBatchReader:
            return answered(
                self._logs, tenant, lambda source: self._engine.answer(self._tree(trial, source), source)
            ).to_reader()

        try:
            return Ok(await hop(work))
        except InvalidInputError as error:
            return Err(error)

    @override
    async def text(self, trial: Trial, dialect: str, table: str) -> Result[str, InvalidInputError | MissingTenantError]:
        tenant = require_tenant()

        def work() -> str:
            return render(self._tree(trial, self._logs.source(tenant)), dialect, table, pretty=True)

        try:
            return Ok(await hop(work))
        except InvalidInputError as error:
            return Err(error)

    def _tree(self, trial: Trial, source: LogSource) -> exp.Select:
        if EXPOSURE not in source.types:
            hint = f'an exposure is an event {EXPOSURE} with "flag", "variant" and {trial.unit!r} in its data'
            raise InvalidInputError(
                f"nobody was exposed to {trial.flag!r}: there are no exposures in the log", hint=hint
            )
        shown = Choice(EventQuery(since=trial.since, until=trial.until), source.columns, source.types)
        facts = Choice(EventQuery(until=trial.until), source.columns, source.types)
        exposed = Exposed(
            trial.flag, trial.unit, trial.user, microseconds(trial.window), microseconds(trial.before),
            trial.segment, trial.keep, trial.outside,
        )  # fmt: skip
        outcomes = [_outcome(metric, before=trial.before is not None) for metric in trial.metrics]
        now = from_us(self._clock.now_us())
        return experiment(shown, facts, exposed, outcomes, now if trial.until is None else min(now, trial.until))


def _outcome(metric: Metric, *, before: bool) -> Outcome:
    adjusted = before and metric.kind in {"mean", "conversion"}
    return Outcome(metric.top, metric.bottom, metric.at, metric.top if adjusted else None)
