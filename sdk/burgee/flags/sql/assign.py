"""`assign`: a flag version over a whole frame; `evaluate` for a million rows at once.

It is its own room because it loads pandas, pyarrow, duckdb and sqlglot; import it when it is used. Frames
are brought to Arrow columns of a few kinds (`frames`), the tree of `expression` is run over them by DuckDB
(`running`), and gives a number for each row: which of the flag's outcomes it is served. The answer's columns are
looked up by it.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from burgee.core.clock import from_us, system_clock
from burgee.core.json import Json
from burgee.flags.evaluation.buckets import EXACT_FLOAT, TARGETING_KEY
from burgee.flags.evaluation.compiled import ALONE, CompiledFlag, compile_flag
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.sql.frames import Frame
from burgee.flags.sql.running import Numbers, connect, served


def assign(
    state: FlagState,
    frame: object,
    by: str = TARGETING_KEY,
    ruleset: Ruleset = ALONE,
    now: datetime | None = None,
) -> pd.DataFrame:
    """What each row of a frame is served, and why: row i is what `evaluate({**row, "id": row[by]})` gives.

    Args:
        state: the flag version; its schedules and ramps are looked at once for all rows.
        frame: a table of pandas, polars or Arrow, or whatever gives an Arrow stream. It needs `by` and, if the flag
            is enabled, the columns its rules name; others are not looked at.
        by: the column of targeting keys: text, whole numbers or UUIDs.
        ruleset: where its prerequisites and segments are found.
        now: the moment its schedules and ramps are looked at; the present unless given.

    Returns:
        A frame with the index of the one given (a `RangeIndex` if it had none) and these columns: `variant`
        (categorical), `value` (bool, int, float or str where all values are such, else object), `reason` and
        `rule` (categorical; `rule` is missing where none matched), and `bucket`, the row's place in the rollout
        (UInt32, 0 to 2**32 - 1; missing where there is no usable targeting key).

    Raises:
        MissingColumnError: a column is not there; a rule's typing error must not send everybody to the default.
        InvalidInputError: it is no frame, a column is there twice, or `by`, or a column that a rule splits by, holds
            what can't be targeting keys.
    """
    compiled = compiled_at(now, state, ruleset)
    answers = compiled.outcomes.all
    rows = Frame(frame)
    with closing(connect()) as connection:
        numbers, bucket = served(compiled, rows, by, connection)
    columns = {
        "variant": variants(compiled, numbers),
        "value": _values([answer.value for answer in answers], numbers),
        "reason": words([answer.reason.value for answer in answers], numbers),
        "rule": words([answer.rule for answer in answers], numbers),
        "bucket": pd.arrays.IntegerArray(bucket.fill_null(0).to_numpy(), _missing(bucket)),
    }
    return pd.DataFrame(columns, index=rows.index, copy=False)


def compiled_at(now: datetime | None, state: FlagState, ruleset: Ruleset = ALONE) -> CompiledFlag:
    """The flag version as it stands at one moment, the present unless given, for all rows alike."""
    return compile_flag(state, ruleset, from_us(system_clock.now_us()) if now is None else now)


def variants(compiled: CompiledFlag, numbers: Numbers) -> "pd.Categorical[str]":
    """The variants by the numbers of outcomes, with all that the flag has as categories."""
    named = [answer.variant for answer in compiled.outcomes.all]
    return words(named, numbers, [variant.name for variant in compiled.settled.variants])


def words(words: Sequence[str | None], numbers: Numbers, categories: Sequence[str] = ()) -> "pd.Categorical[str]":
    """Words by their numbers."""
    known = list(categories or dict.fromkeys(word for word in words if word is not None))
    codes = np.array([-1 if word is None else known.index(word) for word in words], np.int32)
    return pd.Categorical.from_codes(codes[numbers], pd.Index(known, dtype="str"))


def _missing(bucket: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    missing: np.ndarray[tuple[int], np.dtype[np.bool_]] = bucket.is_null().to_numpy(zero_copy_only=False)
    return missing


def _values(values: Sequence[Json], numbers: Numbers) -> pd.api.extensions.ExtensionArray:
    """The values in the type they are all of, else as objects."""
    kinds = {type(value) for value in values}
    exact = not any(isinstance(value, int) and abs(value) > EXACT_FLOAT for value in values)
    if kinds in ({str}, {bool}, {int}) or (kinds <= {int, float} and exact):
        alike: pd.api.extensions.ExtensionArray = pd.Series(list(values)).array.take(numbers)
        return alike
    objects = np.empty(len(values), object)
    for position, value in enumerate(values):  # one by one, because numpy would look into lists
        objects[position] = value
    return pd.Series(objects[numbers]).array
