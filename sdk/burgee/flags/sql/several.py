"""Several flags over one frame: a column for each, with what it serves."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

import pandas as pd

from burgee.core.errors import InvalidInputError
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.compiled import ALONE
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.sql.assign import compiled_at, variants
from burgee.flags.sql.frames import Frame
from burgee.flags.sql.running import connect, served


def assign_several(
    states: Sequence[FlagState],
    frame: object,
    by: str = TARGETING_KEY,
    ruleset: Ruleset = ALONE,
    now: datetime | None = None,
) -> pd.DataFrame:
    """The variants that several flags serve to each row of a frame.

    Args:
        states: the flag versions.
        frame: as `assign` takes it, with the columns that the rules of all of them name.
        by: the column of targeting keys.
        ruleset: where prerequisites and segments are found.
        now: the moment schedules and ramps are looked at; the present unless given.

    Returns:
        A frame with the index of the one given and a categorical column of variants for each flag, named by its key.

    Raises:
        MissingColumnError: a column is not there; the note says which rule of which flag needs it.
        InvalidInputError: as `assign` raises it, or a flag is there twice.
    """
    rows = Frame(frame)
    columns = {}
    with closing(connect()) as connection:
        for state in states:
            if state.key in columns:
                raise InvalidInputError(f"flag {state.key!r} is there twice", hint="give each flag once")
            compiled = compiled_at(now, state, ruleset)
            try:
                numbers, _ = served(compiled, rows, by, connection)
            except InvalidInputError as error:
                error.add_note(f"flag {state.key!r}")
                raise
            columns[state.key] = variants(compiled, numbers)
    return pd.DataFrame(columns, index=rows.index, copy=False)
