"""What analyses give comes back as what it was (R1.2, R1.7, P2)."""

import datetime as dt
import math
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.cache.fingerprint import fingerprint
from burgee.cache.memory import MemoryCache
from burgee.cache.serializers import Standard
from burgee.core.errors import InvalidInputError

standard = Standard()
FRAME = pd.DataFrame({"n": [1, 2], "t": ["ä", None]})

VALUES: dict[str, object] = {
    "tuple": (1, ("a", [2.5])),
    "set": {1, "a", (2, 3)},
    "frozenset": frozenset({b"x"}),
    "keys": {2026: "a", ("DE", 1): "b", "$": 1, None: 2, dt.date(2026, 1, 1): 3},
    "no number": [math.nan, math.inf, -math.inf, -0.0],
    "complex": 1 + 2j,
    "dates": [dt.date(2026, 6, 1), dt.time(1, 2, 3, fold=1), dt.timedelta(days=-1, microseconds=3)],
    "datetimes": [
        dt.datetime(2026, 6, 1, 12, 30, 1, 5),  # noqa: DTZ001 - without a zone on purpose
        dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.datetime(2026, 6, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    ],
    "decimal": Decimal("1.10"),
    "uuid": UUID(int=5),
    "bytes within": {"a": b"\0\xff"},
    "array": np.arange(6, dtype="i2").reshape(2, 3),
    "array of no rows": np.zeros((0, 3)),
    "array of times": np.array(["2026-01-01", "NaT"], "M8[s]"),
    "array of texts": np.array(["a", "bcd"]),
    "array turned": np.arange(6.0).reshape(2, 3).T,
    "scalars": [np.float64(1.5), np.int8(3), np.bool_(True), np.datetime64(5, "ns"), np.float32(math.nan)],
    "timestamps": [
        pd.Timestamp("2026-06-01"),
        pd.Timestamp(5, unit="ns"),
        pd.Timestamp("2026-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2026-06-01", tz="UTC"),
        pd.Timedelta(3, "ns"),
        pd.NaT,
        pd.NA,
    ],
    "series": pd.Series([1.5, math.nan], index=["a", "b"], name="mean"),
    "series of its name": pd.Series([1, 2], index=pd.Index([3, 4], name="value"), name=("a", 1)),
    "series of categories": pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["b", "a"], ordered=True)),
    "series by two": pd.Series([1], index=pd.MultiIndex.from_tuples([("DE", 2026)], names=["country", "year"])),
    "index": pd.Index(["a", "b"], name="k"),
    "range": pd.RangeIndex(3, name=2),
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    "frames within": {"a": FRAME, "b": [FRAME, (pa.table({"n": [1]}), 3)]},
    "polars": pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], [2, 3]]}),
    "polars series": pl.Series("s", ["a", "b"], pl.Categorical),
}


def same(one: Any, other: Any) -> bool:
    """By type and content, however deep."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, pa.Table):
        return bool(one.equals(other))
    return fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize("name", VALUES)
def test_what_an_analysis_gives_is_read_back_as_it_was_and_can_be_changed(name: str) -> None:
    value = VALUES[name]
    cache = MemoryCache[Any]()
    cache.set("k", value)
    for _ in range(2):
        entry = cache.get_entry("k")
        assert entry is not None
        assert same(entry.value, value)
        if isinstance(entry.value, np.ndarray) and entry.value.size:
            entry.value.flat[0] = entry.value.flat[-1]
        if isinstance(entry.value, pd.Series):
            entry.value.iloc[0] = entry.value.iloc[-1]


plain = st.none() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=4) | st.binary()
keys = st.integers() | st.text(st.characters(codec="utf-8"), max_size=2) | st.dates() | st.tuples(st.integers())
anything = st.recursive(
    plain | st.decimals() | st.datetimes() | st.timedeltas() | st.uuids() | st.complex_numbers() | st.sets(keys),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(anything)
def test_whatever_is_made_of_these_is_read_back_as_it_was(value: object) -> None:
    assert same(standard.load(standard.dump(value)), value)


class Text(str):
    """No plain text."""

    __slots__ = ()


NESTED: list[object] = [1.5]
for _ in range(300):
    NESTED = [NESTED, (1,)]


@pytest.mark.parametrize(
    "value",
    [
        [object()],
        {"a": Text("b")},
        (len,),
        np.array([object()]),
        np.ma.array([1], mask=[True]),
        pd.Series([object()]),
        pd.Series([1, "a"]),
        pd.DataFrame({"a": [[1, 2]]}),
        pl.LazyFrame({"a": [1]}),
        pl.DataFrame({"a": [object()]}),
        pl.Series([object()], dtype=pl.Object),
        (10**5000,),
        ("\ud800",),
        NESTED,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_be_something_else_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match="can't be cached"):
        standard.dump(value)


DAYS = pd.date_range("2026-10-24", periods=4, freq="D", tz="Europe/Berlin")


def test_how_often_times_follow_each_other_is_kept_or_refused() -> None:
    daily = pd.DataFrame({"n": range(4)}, index=DAYS)
    for value in (daily, daily["n"], DAYS, daily.T, [daily], daily.resample("12h").sum()):
        back = standard.load(standard.dump(value))
        for one, other in zip(_indexes(value), _indexes(back), strict=True):
            assert one.freq == other.freq is not None
    irregular = daily.set_axis(pd.DatetimeIndex(list(DAYS)))
    assert standard.load(standard.dump(irregular)).index.freq is None
    assert fingerprint(irregular) != fingerprint(daily)
    holidays = pd.offsets.CustomBusinessDay(holidays=["2026-11-02"])
    with pytest.raises(InvalidInputError, match="would not come back equal"):
        standard.dump(pd.Series(1, index=pd.date_range("2026-10-30", periods=3, freq=holidays)))


def _indexes(value: Any) -> list[Any]:
    if isinstance(value, list):
        return _indexes(value[0])
    if isinstance(value, pd.DataFrame):
        return [axis for axis in (value.index, value.columns) if isinstance(axis, pd.DatetimeIndex)]
    return [value.index if isinstance(value, pd.Series) else value]


def test_attrs_are_kept_or_refused() -> None:
    frame = FRAME.copy()
    frame.attrs["unit"] = "EUR"
    assert standard.load(standard.dump(frame)).attrs == {"unit": "EUR"}
    frame.attrs["range"] = (1, 2)
    with pytest.raises(InvalidInputError, match="attrs"):
        standard.dump(frame)


@pytest.mark.parametrize("value", [(1, FRAME), VALUES["array"], VALUES["scalars"], VALUES["datetimes"]], ids=range(4))
def test_bytes_that_were_changed_are_a_value_or_an_error_and_never_an_object(value: object) -> None:
    data = standard.dump(value)
    raised = 0
    for at in range(1, len(data), 3):
        try:
            standard.load(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        except Exception:  # noqa: BLE001 - Arrow has errors of many kinds
            raised += 1
    assert raised
    with pytest.raises(ValueError, match="objects are never read"):
        standard.load(data[:1] + b"\1\0\0\0" + (36).to_bytes(8, "little") + b'{"$":["array",["|O8",[1],0]]}       ')
