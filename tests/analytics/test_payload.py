"""Payloads as typed columns (R2.6): against a plain reading of the JSON in Python, and with hostile names."""

import json
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.analytics.payload import METADATA, STANDARD, expand
from burgee.core.frames import to_pandas
from burgee.core.json import dumps
from effort import COSTLY
from raw import raw_events

HOSTILE = [
    "", "a", "A", "a.b", 'we"ird', "it's", "select", "type", "metadata", "data_type", "*", "/", "~1", "é", "a\x00b", "1"
]  # fmt: skip

names = st.sampled_from(HOSTILE)
numbers = st.integers(-5, 5) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text('ab"\\\n1é', max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
payloads = st.lists(st.dictionaries(names, values, max_size=5), max_size=6)

INT64 = range(-(2**63), 2**63)


def shape(value: object) -> object:
    """What a value is: a word, `[what its items are]`, or `{name: what that part is}`."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "text"
        case list():
            inner: object = "null"
            for item in value:
                inner = merged(inner, shape(item))
            return [inner]
        case dict():
            return {name: shape(part) for name, part in value.items()}
    raise AssertionError(value)


def merged(one: object, other: object) -> object:
    """What holds both."""
    if "null" in (one, other):
        return other if one == "null" else one
    if one == other:
        return one
    if isinstance(one, list) and isinstance(other, list):
        return [merged(one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: merged(one.get(name, "null"), other.get(name, "null")) for name in {**one, **other}}
    return "float" if {str(one), str(other)} == {"int", "float"} else "conflict"


def is_single(kind: object) -> bool:
    """Whether a nested column can have this type."""
    if isinstance(kind, list):
        return is_single(kind[0])
    if isinstance(kind, dict):
        spelt = {name.lower() for name in kind}
        sound = bool(kind) and len(spelt) == len(kind) and not any(name == "" or "\0" in name for name in kind)
        return sound and all(map(is_single, kind.values()))
    return kind != "conflict"


def filled(value: object, kind: object) -> object:
    """The value as a column of that type holds it: absent parts are null, integers among floats are floats."""
    if value is None:
        return None
    if isinstance(kind, list) and isinstance(value, list):
        return [filled(item, kind[0]) for item in value]
    if isinstance(kind, dict) and isinstance(value, dict):
        return {name: filled(value.get(name), part) for name, part in kind.items()}
    return float(str(value)) if kind == "float" else value


def expected(column: list[object]) -> list[object] | None:
    """The column's values, or None when it is a column of text."""
    kind: object = "null"
    for value in column:
        kind = merged(kind, shape(value))
    there = [value for value in column if value is not None]
    if isinstance(kind, list | dict):
        long = any(re.search(r"(?<![\d.])\d{19,}(?![\d.])", dumps(value)) for value in there)
        return [filled(value, kind) for value in column] if is_single(kind) and not long else None
    if kind == "int" and not all(value in INT64 for value in there):
        return None
    return None if kind in ("text", "conflict", "null") else [filled(value, kind) for value in column]


def is_said_by(text: object, value: object) -> bool:
    """Whether this is the text of the value: text as it is, all else as JSON."""
    if value is None or text is None:
        return value is text
    return text == value if isinstance(value, str) else json.loads(str(text)) == value


@COSTLY
@given(payloads)
def test_expansion_equals_a_plain_reading_of_the_json(documents: list[dict[str, object]]) -> None:
    table = expand(raw_events(documents))
    fields = sorted({name for document in documents for name in document})
    assert len(table) == len(documents)
    assert table.num_columns == len(STANDARD) + len(fields) + 1
    for place, name in enumerate(fields, start=len(STANDARD)):
        column = [document.get(name) for document in documents]
        wanted, found = expected(column), table.column(place).to_pylist()
        if wanted is None:
            assert table.column(place).type == pa.string()
            assert all(map(is_said_by, found, column)), name
        else:
            assert found == wanted, name
            assert list(map(type, found)) == list(map(type, wanted)), name


def test_columns_come_in_a_fixed_order_and_rows_in_that_of_the_log() -> None:
    table = expand(raw_events([{"b": 1}, {"a": "x"}, {"c": None}]))
    assert table.column_names == [*STANDARD, "a", "b", "c", METADATA]
    assert table["position"].to_pylist() == [1, 2, 3]
    assert table["b"].to_pylist() == [1, None, None]
    assert table["occurred_at"].type == pa.timestamp("us", "UTC")


def test_types_are_those_an_analyst_expects() -> None:
    first = {
        "n": 1,
        "x": 1,
        "ok": True,
        "day": "2026-01-01",
        "tags": ["a"],
        "who": {"age": 3},
        "mixed": 1,
        "empty": None,
    }
    second = {"n": 2, "x": 2.5, "ok": False, "day": "2026-01-02", "tags": [], "who": {"name": "Z"}, "mixed": "007"}
    table = expand(raw_events([first, second]))
    assert {name: str(table[name].type) for name in first} == {
        "n": "int64",
        "x": "double",
        "ok": "bool",
        "day": "string",
        "tags": "list<l: string>",
        "who": "struct<age: int64, name: string>",
        "mixed": "string",
        "empty": "string",
    }
    assert table["mixed"].to_pylist() == ["1", "007"]
    assert table["who"].to_pylist() == [{"age": 3, "name": None}, {"age": None, "name": "Z"}]


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    table = expand(raw_events([{"a": 2**63, "b": 2**64 + 1, "c": -(2**63) - 1}, {"a": 5, "b": -7, "c": 0}]))
    assert table["a"].to_pylist() == [str(2**63), "5"]
    assert table["b"].to_pylist() == [str(2**64 + 1), "-7"]
    assert table["c"].to_pylist() == [str(-(2**63) - 1), "0"]


def test_a_field_named_like_a_column_of_the_log_is_kept_beside_it() -> None:
    table = expand(raw_events([{"type": "x", "data_type": "y", "metadata": 1, "Type": "z"}], types=["t"]))
    assert table["type"].to_pylist() == ["t"]
    assert table["data_type"].to_pylist() == ["y"]
    assert table["data_data_type"].to_pylist() == ["x"]
    assert table["data_metadata"].to_pylist() == [1]
    assert table["Type"].to_pylist() == ["z"]
    assert len(set(table.column_names)) == table.num_columns


def test_only_the_fields_asked_for_are_expanded_in_the_order_asked() -> None:
    table = expand(raw_events([{"a": 1, "b": 2, "c": 3}]), ["c", "a", "no such", "c"])
    assert table.column_names == [*STANDARD, "c", "a", "no such", METADATA]
    assert table["no such"].to_pylist() == [None]


@pytest.mark.parametrize("fields", [None, ["a"]])
def test_no_events_are_an_empty_table_with_the_columns_of_the_log(fields: list[str] | None) -> None:
    table = expand(raw_events([]), fields)
    assert len(table) == 0
    assert table.column_names == [*STANDARD, *(fields or []), METADATA]


def test_metadata_is_a_column_of_dicts_in_pandas() -> None:
    frame = to_pandas(expand(raw_events([{}, {}], metadata=[{}, {"who": "ann", "at": [1]}])))
    assert frame[METADATA].tolist() == [{}, {"who": "ann", "at": [1]}]


@pytest.mark.parametrize("depth", [5, 15, 16, 50, 400])
def test_however_deep_a_document_is_nothing_of_it_is_lost(depth: int) -> None:
    document: object = 1
    for _ in range(depth):
        document = {"a": [document]}
    table = expand(raw_events([{"deep": document}, {"deep": None}]))
    (found, nothing) = table["deep"].to_pylist()
    assert (document if isinstance(found, dict) else dumps(document)) == found
    assert nothing is None
    frame = to_pandas(table)
    assert frame["deep"][0] == found
    assert frame["deep"].isna().tolist() == [False, True]
