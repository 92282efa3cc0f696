"""Experiments over frames: whatever was assigned and measured elsewhere, compared here."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from burgee.core.checks import need_text, need_texts
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.experiments.comparing import Setup
from burgee.experiments.metrics import Conversion, to_metrics
from burgee.experiments.model import Correction, Metric
from burgee.experiments.result import About, ExperimentResult, check_alpha, check_correction, check_shares

if TYPE_CHECKING:
    import pyarrow as pa

    from burgee.analytics.questions.sums import Outcome

CONTROL = "control"
"""The variant that others are compared with, unless another is named."""

MOST_VARIANTS = 100
MOST_SEGMENTS = 1000


def from_frame(
    frame: object,
    *,
    variant: str,
    metrics: object,
    control: str | None = None,
    unit: str | None = None,
    event: str | None = None,
    by: str | None = None,
    variants: Sequence[str] | None = None,
    shares: Mapping[str, float] | None = None,
    cuped: str | Mapping[str, str] | None = None,
    alpha: float = 0.05,
    correction: Correction | None = "holm",
    sequential: bool | float = False,
) -> ExperimentResult:
    """Compare the variants of an experiment that is in a frame.

    `burgee.experiment(frame, variant="version", metrics={"retention_7": "mean"}, control="gate_30")`.

    Args:
        frame: any frame: pandas, polars, Arrow. A row for each unit, or with `unit` several.
        variant: the column that says which variant a row's unit was in; rows without one are left out.
        metrics: what is measured: see `burgee.metrics`.
        control: the variant that others are compared with; the one called `control` unless said.
        unit: the column that says whose a row is: rows of one unit are added up first, as what chance dealt are units.
        event: the column that says what kind of event a row is; metrics then name kinds, as with `flag.experiment`.
        by: a column: the same for each of its values. A unit has the least of its rows' values.
        variants: only these; all there are, unless said.
        shares: what share of units each variant should have, as weights; the same for all unless said.
        cuped: the column that says what a unit was worth before, for all means and conversions or by metric: it takes
            out what was already different.
        alpha: 1 - alpha is what intervals hold.
        correction: how p-values of several comparisons become q-values: `holm`, `bh` or None.
        sequential: whether p-values and intervals hold at every look; a number is how many units are planned.

    Raises:
        MissingColumnError: the frame lacks a column.
        InvalidInputError: there is nobody in it, no such variant, a column that holds no numbers, or infinite ones.
        MissingExtraError: scipy is not installed.
    """
    from burgee.analytics.duckdb import DuckDBEngine
    from burgee.analytics.questions import frame_experiment
    from burgee.core.frames import require_columns, to_arrow
    from burgee.experiments.statistics import special

    special()
    metrics = with_before(to_metrics(metrics, events=event is not None), cuped)
    _check_roles({"variant": variant}, {"unit": unit, "event": event, "by": by})
    whole = to_arrow(frame)
    require_columns(whole, {"variant": variant, "unit": unit, "event": event, "by": by})
    fields = fields_of(metrics)
    for field in fields:
        require_columns(whole, {"metric": field})
    if unit is None:
        metrics = tuple(_as_share(metric, whole) for metric in metrics)
    table, notes = _table(whole, variant, unit, event, by, fields, variants)
    if unit is None and event is not None:
        raise InvalidInputError("events of a frame need a unit", hint='say whose each row is: unit="user_id"')
    outcomes = [_outcome(metric) for metric in metrics]
    sums = DuckDBEngine().run(frame_experiment(outcomes, fields, grouped=unit is not None), {"events": table})
    there = sorted({str(one) for one in sums["variant"].to_pylist()})
    chosen = control_of(control, there, given=True)
    checked = dict.fromkeys(there, 1.0) if shares is None else check_shares(shares, there)
    setup = Setup(chosen, checked, check_alpha(alpha), check_correction(correction))
    result = ExperimentResult(metrics, sums, setup, About(f"by {variant}", by, notes=notes))
    return sequentially(result, sequential)


def sequentially(result: ExperimentResult, sequential: bool | float) -> ExperimentResult:
    """The result, to be looked at often if so wanted."""
    if sequential is False:
        return result
    return result.sequential() if sequential is True else result.sequential(sequential)


def control_of(control: object, there: Sequence[str], *, given: bool) -> str:
    """The control, which must be among the variants where these are all there `given`."""
    hint = f"the variants are: {', '.join(map(repr, there))}"
    if control is None:
        if CONTROL in there or not given:
            return CONTROL
        raise InvalidInputError("which variant is the control?", hint=f'{hint}; write control="{there[0]}"')
    name = str(control) if isinstance(control, int) else control
    need_text("control", name)
    assert isinstance(name, str)  # noqa: S101 - the line above says so
    if name not in there:
        near = did_you_mean(name, there, plural="variants")
        raise InvalidInputError(f"nobody is in the control, {name!r}", hint=near or hint)
    return name


def with_before(metrics: tuple[Metric, ...], cuped: object) -> tuple[Metric, ...]:
    """The metrics with the columns of what was before."""
    if cuped is None:
        return metrics
    able = [metric.name for metric in metrics if metric.kind in {"mean", "conversion"}]
    if isinstance(cuped, str):
        if not able:
            raise InvalidInputError("cuped is for means and conversions, and there are none")
        columns: Mapping[object, object] = dict.fromkeys(able, cuped)
    elif isinstance(cuped, Mapping):
        columns = cuped
    else:
        raise InvalidInputError(f"cuped must be a column, or a dict of columns by metric, not {cuped!r}")
    for name in columns:
        if name not in able:
            hint = did_you_mean(str(name), able, plural="means and conversions")
            raise InvalidInputError(f"cuped is for means and conversions, and {name!r} is none of them", hint=hint)
    made = []
    for one in metrics:
        before = columns.get(one.name, one.before)
        need_text("the column of what was before", "-" if before is None else before)
        made.append(Metric(one.kind, one.name, one.top, one.bottom, one.at, None if before is None else str(before)))
    return tuple(made)


def _as_share(metric: Metric, whole: "pa.Table") -> Metric:
    """The mean of truth values is a share."""
    import pyarrow as pa

    field = metric.top.field
    if metric.kind != "mean" or field is None or not pa.types.is_boolean(whole.schema.field(field).type):
        return metric
    return Conversion(field, column=True, name=metric.name, before=metric.before)


def fields_of(metrics: Sequence[Metric]) -> list[str]:
    """The columns that metrics need."""
    worths = [worth for metric in metrics for worth in (metric.top, metric.bottom) if worth is not None]
    names = [worth.field for worth in worths] + [metric.before for metric in metrics]
    return sorted({name for name in names if name is not None})


def _outcome(metric: Metric) -> "Outcome":
    from burgee.analytics.questions.sums import Outcome, Worth

    before = None if metric.before is None else Worth("mean", None, metric.before)
    return Outcome(metric.top, metric.bottom, metric.at, before)


def _check_roles(needed: Mapping[str, object], others: Mapping[str, object]) -> None:
    for role, column in {**needed, **{role: one for role, one in others.items() if one is not None}}.items():
        need_text(role, column)


def _table(
    whole: "pa.Table",
    variant: str,
    unit: str | None,
    event: str | None,
    by: str | None,
    fields: Sequence[str],
    variants: Sequence[str] | None,
) -> "tuple[pa.Table, tuple[str, ...]]":
    """The columns that count, called as the question calls them; and notes on rows that are left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    notes = []
    columns = {"variant": _text(whole, variant)}
    columns["segment"] = pa.nulls(len(whole), pa.string()) if by is None else _text(whole, by)
    if unit is not None:
        columns["unit"] = _text(whole, unit)
    if event is not None:
        columns["type"] = _text(whole, event)
    columns |= {f"f{place}": _number(whole, name) for place, name in enumerate(fields)}
    table = pa.table(columns)
    for role in ("variant", "unit") if unit is not None else ("variant",):
        missing = table[role].null_count
        if missing:
            notes.append(f"{missing:,} rows without a {role} are left out")
            table = table.filter(pc.is_valid(table[role]))
    if variants is not None:
        need_texts("variants", variants)
        names = sorted(pc.unique(table["variant"].combine_chunks()).to_pylist())
        for one in variants:
            if one not in names:
                raise InvalidInputError(
                    f"there is no variant {one!r}", hint=did_you_mean(one, names, plural="variants")
                )
        table = table.filter(pc.is_in(table["variant"], pa.array(variants, pa.string())))
    if not len(table):
        raise InvalidInputError("there is nobody in the frame", hint="it has no row with a variant")
    _check_few(table, "variant", variant, MOST_VARIANTS)
    _check_few(table, "segment", by or "", MOST_SEGMENTS)
    return table, tuple(notes)


def _check_few(table: "pa.Table", role: str, name: str, most: int) -> None:
    import pyarrow.compute as pc

    found = len(pc.unique(table[role].combine_chunks()).drop_null())
    if found > most:
        raise InvalidInputError(f"the column {name!r} has {found:,} values; as a {role} it may have {most:,}")


def _text(whole: "pa.Table", name: str) -> "pa.ChunkedArray":
    """A column as text, of which each value is written once; a number as it is written, NaN as nothing."""
    import pyarrow as pa

    column = whole[name].combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else _without_nan(column).dictionary_encode()
    values, kind = encoded.dictionary, encoded.dictionary.type
    if pa.types.is_floating(kind):
        with suppress(pa.ArrowInvalid):
            values = values.cast(pa.int64())  # 3.0 is the number 3 that a frame with gaps made of it
    try:
        texts = values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInputError(f"the column {name!r} holds {kind}, which names nothing") from error
    return pa.chunked_array([pa.DictionaryArray.from_arrays(encoded.indices, texts)])


def _number(whole: "pa.Table", name: str) -> "pa.ChunkedArray":
    """A column as numbers; NaN is nothing, true is 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = whole[name]
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (numeric or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        hint = "make it numbers first: frame[name].eq('yes'), pd.to_numeric(frame[name])"
        raise InvalidInputError(f"a metric needs numbers, and the column {name!r} holds {kind}", hint=hint)
    plain = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
    column = _without_nan(plain.cast(pa.float64(), safe=False))
    if not pa.types.is_floating(kind):
        return column
    infinite = pc.sum(pc.is_inf(column)).as_py()
    if infinite:
        raise InvalidInputError(f"the column {name!r} has {infinite:,} infinite values", hint="leave these rows out")
    return column


def _without_nan(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """NaN is nothing; Arrow and polars tell the two apart."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        return column
    odd = pc.is_nan(column)
    return pc.if_else(odd, pa.scalar(None, column.type), column) if pc.any(odd).as_py() else column
