"""Rows of a frame as contexts: what many users are asked for one by one."""

from typing import TYPE_CHECKING

from burgee.core.errors import MissingColumnError
from burgee.flags.evaluation.buckets import TARGETING_KEY

if TYPE_CHECKING:
    import pandas as pd


def as_pandas(frame: object) -> "pd.DataFrame":
    """Any frame as one of pandas; `InvalidInputError` for what is none."""
    import pandas as pd

    from burgee.core.frames import to_arrow, to_pandas

    return frame if isinstance(frame, pd.DataFrame) else to_pandas(to_arrow(frame))


def contexts_of(frame: "pd.DataFrame", by: str = TARGETING_KEY) -> list[dict[str, object]]:
    """The rows as contexts, with what stands in the column `by` as their targeting key."""
    names = [str(name) for name in frame.columns]
    if by not in names:
        error = MissingColumnError(by, names)
        error.add_note("it is the targeting key; name another column with by=…")
        raise error
    columns = [frame.iloc[:, place].tolist() for place in range(len(names))]
    keys = columns[names.index(by)]
    rows = zip(*columns, strict=True)
    return [{**dict(zip(names, row, strict=True)), TARGETING_KEY: key} for row, key in zip(rows, keys, strict=True)]
