"""What tells arguments apart: values, frames, arrays and functions by their content (P4)."""

import datetime as dt
import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from burgee.cache.fingerprint import code_of, fingerprint
from burgee.core.errors import InvalidInputError


def _with_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    made = frame.copy()
    made.attrs["unit"] = "EUR"
    return made


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
CHANGED: list[Callable[[pd.DataFrame], Any]] = [
    lambda frame: frame.assign(a=[1, 3]),
    lambda frame: frame.rename(columns={"a": "c"}),
    lambda frame: frame.astype({"a": "int32"}),
    lambda frame: frame.set_axis([1, 2]),
    lambda frame: frame.iloc[::-1],
    lambda frame: frame[["b", "a"]],
    lambda frame: frame["a"],
    lambda frame: frame.head(1),
    lambda frame: frame.rename_axis("row"),
    lambda frame: frame.rename_axis(columns="column"),
    lambda frame: frame.astype({"a": object}),
    lambda frame: frame.astype({"b": object}),
    lambda frame: frame.astype({"b": "category"}),
    lambda frame: frame.assign(b=pd.Series([None, "y"])),
    _with_attrs,
]


@pytest.mark.parametrize("change", CHANGED, ids=range(len(CHANGED)))
def test_a_frame_is_told_by_everything_it_holds(change: Callable[[pd.DataFrame], Any]) -> None:
    assert fingerprint(FRAME) == fingerprint(FRAME.copy())
    assert fingerprint(change(FRAME)) != fingerprint(FRAME)


def test_tables_and_arrays_are_told_by_content() -> None:
    tables = [
        pa.table({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 2]}),
        np.array([1, 2]),
        np.array([[1, 2]]),
        [1, 2],
        (1, 2),
    ]
    assert len({fingerprint(one) for one in tables}) == len(tables)
    assert fingerprint(pa.chunked_array([[1], [2]])) == fingerprint(pa.chunked_array([[1, 2]]))
    assert fingerprint(np.float64(1.5)) == fingerprint(1.5)
    assert fingerprint(np.array(["a", None], object)) != fingerprint(np.array(["a", "b"], object))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)


@given(nested, nested)
def test_a_fingerprint_is_equal_where_content_and_kinds_are(one: object, other: object) -> None:
    assert (fingerprint(one) == fingerprint(other)) is (_told(one) == _told(other))


def _told(value: Any) -> object:
    """The content with the kinds, in a form that can be compared."""
    if isinstance(value, dict):
        return {key: _told(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (type(value), [_told(item) for item in value])
    return (type(value), repr(value))


def test_what_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidInputError, match="holds itself"):
        fingerprint(loop)


class Right(enum.Flag):
    """Nothing is a flag, too."""

    READ = 1


def objects(*cells: object) -> pd.Series:
    return pd.Series(list(cells), dtype=object)


def category(*names: str, ordered: bool = False) -> pd.Series:
    return pd.Series(["a"], dtype=pd.CategoricalDtype(list(names), ordered))


def adds(number: int) -> Callable[[int], int]:
    return lambda other: other + number


@dataclass
class Order:
    number: int


class Late(Order):
    """With what is no field."""

    def __init__(self, number: int, days: int) -> None:
        super().__init__(number)
        self.days = days

    @cached_property
    def costs(self) -> object:
        """What is kept of what was computed is no content, and need not be told."""
        return object()


class Address(BaseModel):
    city: str


class Foreign(Address):
    country: str


class Person(BaseModel):
    address: Address


PAIRS: dict[str, tuple[object, object]] = {
    "fields": (np.zeros(1, [("a", "i4")]), np.zeros(1, [("b", "i4")])),
    "a time and a number": (np.datetime64(5, "ns"), 5),
    "units": (np.timedelta64(5, "ns"), np.timedelta64(5, "s")),
    "masks": (np.ma.array([1, 2], mask=[False, True]), np.ma.array([1, 2], mask=[False, False])),
    "a mask and none": (np.ma.array([1, 2]), np.array([1, 2])),
    "long numbers": (np.longdouble(1), np.longdouble(2)),
    "large numbers": (10**5000, 10**5000 + 1),
    "nanoseconds": (pd.Timedelta(1, "ns"), pd.Timedelta(2, "ns")),
    "zones": (
        dt.datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.datetime(2026, 6, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ),
    "missing": (pd.NaT, pd.NA),
    "numbers and texts of them": (objects(1, 2), objects("1", "2")),
    "lists and texts of them": (objects([1]), objects("[1]")),
    "decimals and texts of them": (objects(Decimal(1)), objects("1")),
    "nothing and no number": (objects(None, 1), objects(float("nan"), 1)),
    "categories nothing is in": (category("a"), category("a", "b")),
    "order of categories": (category("a", "b"), category("b", "a")),
    "ordered": (category("a", "b"), category("a", "b", ordered=True)),
    "an index and a frame": (pd.MultiIndex.from_tuples([(1, 2)]), pd.DataFrame([[1, 2]])),
    "periods": (pd.Period("2026-01"), pd.Period("2026-01-01")),
    "types": (pa.array([1], pa.int64()), pa.array([1], pa.int32())),
    "ranges": (range(3), range(4)),
    "slices": (slice(1, 2), slice(1, 3)),
    "patterns": (re.compile("a"), re.compile("a", re.IGNORECASE)),
    "fractions": (Fraction(1, 2), Fraction(1, 3)),
    "flags": (Right(0), Right.READ),
    "classes": (int, float),
    "builtins": (len, max),
    "lambdas": (lambda number: number + 1, lambda number: number + 2),
    "what a lambda closes over": (adds(1), adds(2)),
    "what lies beside a dataclass's fields": (Late(1, days=2), Late(1, days=3)),
    "a model and one that is more": (
        Person(address=Foreign(city="Basel", country="CH")),
        Person(address=Foreign(city="Basel", country="DE")),
    ),
    "kept functions": (lru_cache(adds(1)), lru_cache(adds(2))),
    "methods of types": (str.upper, str.lower),
    "how often times follow each other": (pd.DatetimeIndex(["2026-01-01"], freq="D"), pd.DatetimeIndex(["2026-01-01"])),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_easily_taken_for_the_other_is_not(name: str) -> None:
    one, other = PAIRS[name]
    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(one) != fingerprint(other)


def test_what_an_object_keeps_of_what_it_computed_is_no_content() -> None:
    order = Late(1, days=2)
    before = fingerprint(order)
    assert order.costs is not None
    assert fingerprint(order) == before


def test_functions_are_told_by_what_can_be_told_beside_what_cant() -> None:
    def closing(value: object) -> Callable[[], object]:
        return lambda: value

    thing = object()
    assert code_of(closing([thing, {"n": 1}])) == code_of(closing([thing, {"n": 1}]))
    assert code_of(closing([thing, {"n": 1}])) != code_of(closing([thing, {"n": 2}]))
    assert code_of(partial(pow, 2)) != code_of(partial(pow, 3))
    itself: list[object] = [thing]
    itself.append(itself)
    assert code_of(closing(itself)) != code_of(closing(thing))


def test_content_is_equal_wherever_it_was_cut_out_of() -> None:
    texts = pd.DataFrame({"t": ["a", None, "b", "c"], "n": pd.array([1, None, 3, 4], "Int64")})
    assert fingerprint(texts.iloc[1:3]) == fingerprint(texts.iloc[1:3].copy(deep=True))
    assert fingerprint(texts.head(3)) == fingerprint(
        pd.DataFrame({"t": ["a", None, "b"], "n": pd.array([1, None, 3], "Int64")})
    )
    flags = pa.array([True, None, False, True])
    assert fingerprint(flags[:2]) == fingerprint(pa.array([True, None]))
    assert fingerprint(flags[2:]) == fingerprint(pa.array([False, True]))
    named = pl.DataFrame({"t": ["a name that is longer than twelve", None, "b"]})
    assert fingerprint(named[1:]) == fingerprint(pl.DataFrame({"t": [None, "b"]}, schema={"t": pl.String}))
    assert fingerprint(adds(1)) == fingerprint(adds(1))
    assert fingerprint(Path("a")) != fingerprint("a")


def test_what_would_be_used_up_by_looking_and_what_holds_itself_is_refused() -> None:
    table = pa.table({"a": [1]})
    reader = table.to_reader()
    itself = np.empty(1, object)
    itself[0] = itself
    refused: list[object] = [
        reader,
        iter([1]),
        itself,
        "a".join,
        pl.LazyFrame({"a": [1]}),
        pl.DataFrame({"a": [object()]}),
    ]
    for value in refused:
        with pytest.raises(InvalidInputError):
            fingerprint(value)
    assert reader.read_all() == table
