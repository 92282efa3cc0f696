"""Payloads as they come: all are read at once, and the answer is that of reading them one by one."""

import json

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.core.json import dumps
from burgee.events.rows import raw_events

PIECES = [
    "{}",
    '{"a":1}',
    '{"a":[{}',
    "{}]}",
    ",",
    '"\x1e"',
    ',"\x1e",',
    '{"a":"\x1e"}',
    '{"a":"\\u001e"}',
    '{"b":1,"a":2}',
]
PIECES += [
    "[]",
    "1",
    " ",
    '{"a": 1}',
    '{"a":NaN}',
    '{"a":1,"a":1}',
    '{"a":"\\u0000"}',
    "{",
    "}",
    '{"a":1.0}',
    '{"ö":"ü"}',
]


def table(texts: list[str]) -> pa.Table:
    """Events with these payloads."""
    n = len(texts)
    return pa.table(
        {
            "id": [f"e{place}" for place in range(n)],
            "stream": ["s"] * n,
            "type": ["t"] * n,
            "occurred_at": pa.array([0] * n, pa.timestamp("us", "UTC")),
            "data": texts,
            "metadata": ["{}"] * n,
        }
    )


def alone(text: str) -> str | None:
    """What the log keeps of a payload; nothing where it is refused."""
    try:
        value = json.loads(text)
        kept = dumps(value)
    except (ValueError, InvalidInputError):
        return None
    return kept if isinstance(value, dict) and "\\u0000" not in kept else None


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join), min_size=1, max_size=5))
@example(['{"a":[{}', "{}]}", '{},"\x1e",{}'])
@example(['{"a":[{}', '{}]},"\x1e"', "{}"])
@example(["{}", '"\x1e",{}'])
def test_payloads_read_at_once_are_those_read_one_by_one(texts: list[str]) -> None:
    kept = [alone(text) for text in texts]
    if None in kept:
        with pytest.raises(InvalidInputError):
            raw_events(table(texts))
    else:
        assert [row.data for row in raw_events(table(texts)).values()] == kept
