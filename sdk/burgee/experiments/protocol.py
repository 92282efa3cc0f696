"""What can be asked about experiments. All of it happens in the current tenant."""

from typing import Protocol

import pyarrow as pa

from burgee.core.errors import InvalidInputError, MissingTenantError
from burgee.core.result import Result
from burgee.experiments.model import Trial
from burgee.wire.operation import operation


class ExperimentService(Protocol):
    """Experiments on flags, added up where the data is."""

    @operation("POST", "/experiments/sums", repeatable=True)
    async def sums(self, trial: Trial) -> Result[pa.RecordBatchReader, InvalidInputError | MissingTenantError]:
        """The sums of an experiment: a row for each segment and variant, that all its numbers are worked out from."""
        ...

    @operation("POST", "/experiments/text", repeatable=True)
    async def text(self, trial: Trial, dialect: str, table: str) -> Result[str, InvalidInputError | MissingTenantError]:
        """The same question as SQL of that dialect, over a table of this name with the log's columns."""
        ...
