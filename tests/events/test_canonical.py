"""Frames as events (R2.6): JSON as `core.json` writes it, ids from content, and what can't be an event named by row."""

import json
import math
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError, MissingColumnError
from burgee.core.frames import to_arrow
from burgee.core.json import dumps
from burgee.events.canonical import CANONICAL, canonical
from real_data import real_file

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # noqa: DTZ001 - zones are given below
nested = st.recursive(
    st.integers(-9, 9) | texts, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2)
)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "bool": (pa.bool_(), st.booleans()),
    "int": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "unsigned": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "float": (pa.float64(), st.floats(allow_infinity=False, allow_nan=False)),
    "single": (pa.float32(), st.floats(allow_infinity=False, allow_nan=False, width=32)),
    "text": (pa.string(), texts),
    "view": (pa.string_view(), texts),
    "coded": (pa.dictionary(pa.int32(), pa.string()), texts),
    "decimal": (pa.decimal128(20, 5), st.decimals(-(10**9), 10**9, places=5)),
    "date": (pa.date32(), st.dates()),
    "naive": (pa.timestamp("us"), moments),
    "zoned": (pa.timestamp("us", "Europe/Berlin"), moments.map(lambda at: at.replace(tzinfo=UTC))),
    "list": (pa.list_(pa.string()), st.lists(texts | st.none(), max_size=3)),
    "struct": (
        pa.struct({"b": pa.int64(), "a": pa.string()}),
        st.fixed_dictionaries({"a": texts, "b": st.integers(0, 9) | st.none()}),
    ),
    "json": (pa.json_(), nested.map(json.dumps)),
    "nothing": (pa.null(), st.none()),
}  # fmt: skip


def without_nulls(value: object) -> object:
    """Null is absent, but in lists."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


@st.composite
def frames(draw: st.DrawFn) -> pa.Table:
    """Tables of odd columns with odd names, some of their values null."""
    rows = draw(st.integers(0, 5))
    columns = {"user": pa.array(["u"] * rows, pa.string()), "event": pa.array(["e"] * rows, pa.string())}
    columns["at"] = pa.array([AT] * rows, pa.timestamp("us", "UTC"))
    names = draw(st.lists(texts.filter(lambda name: name not in columns), unique=True, max_size=4))
    for name in names:
        kind, values = KINDS[draw(st.sampled_from(list(KINDS)))]
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        if isinstance(kind, pa.DictionaryType):
            columns[name] = pa.array(drawn, pa.string()).dictionary_encode()
        else:
            columns[name] = pa.array(drawn, kind)
    return pa.table(columns)


@given(frames())
def test_the_payload_is_the_rest_of_the_row_as_json(table: pa.Table) -> None:
    wanted = []
    for row in table.to_pylist():
        payload = {name: value for name, value in row.items() if name not in ("event", "at")}
        for name, value in payload.items():
            if isinstance(table.schema.field(name).type, pa.JsonType) and value is not None:
                payload[name] = json.loads(value)
        wanted.append(dumps(without_nulls(payload)))
    assert canonical(table, stream="user", type="event", time="at")["data"].to_pylist() == wanted


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 1)), max_size=30), st.integers(1, 30)
)
def test_ids_are_the_same_however_a_whole_is_cut(rows: list[tuple[str, int, int]], size: int) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    at = [AT + timedelta(seconds=seconds) for seconds in columns[1]]
    table = pa.table(
        {
            "user": pa.array(columns[0], pa.string()),
            "event": pa.array(["e"] * len(rows), pa.string()),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "n": pa.array(columns[2], pa.int64()),
        }
    )
    whole = canonical(table, stream="user", type="event", time="at")
    occurrence: Counter[str] = Counter()
    parts = [
        canonical(table.slice(start, size), stream="user", type="event", time="at", occurrence=occurrence)
        for start in range(0, max(1, len(rows)), size)
    ]
    assert pa.concat_tables(parts).equals(whole)
    assert len(set(whole["id"].to_pylist())) == len(rows)


@given(moments, st.sampled_from([None, UTC, timezone(timedelta(hours=-9, minutes=-30))]), st.sampled_from(["T", " "]))
def test_times_written_in_iso_8601_are_read(at: datetime, zone: timezone | None, separator: str) -> None:
    moment = at.replace(tzinfo=zone)
    frame = {"s": ["s", "s"], "t": ["t", "t"], "at": [moment.isoformat(separator), "20260101T12"]}
    found = canonical(frame, stream="s", type="t", time="at")["occurred_at"].to_pylist()
    assert found == [moment if zone else moment.replace(tzinfo=UTC), AT]


def rows(**changed: object) -> pd.DataFrame:
    """Three sound rows, some of their columns changed."""
    columns: dict[str, object] = {"user": ["a", "b", "c"], "event": ["x", "y", "z"], "at": [AT] * 3, "n": [1, 2, 3]}
    return pd.DataFrame(columns | changed)


def test_the_columns_are_those_of_the_log() -> None:
    table = canonical(rows(), stream="user", type="event", time="at")
    assert table.schema == CANONICAL
    assert table.column_names == ["id", "stream", "type", "occurred_at", "data", "metadata"]
    assert table["data"].to_pylist() == ['{"n":1,"user":"a"}', '{"n":2,"user":"b"}', '{"n":3,"user":"c"}']
    assert set(table["metadata"].to_pylist()) == {"{}"}
    assert canonical(rows().head(0), stream="user", type="event", time="at").schema == CANONICAL


def test_an_id_from_content_is_a_uuid_of_version_8_and_depends_on_all_of_it() -> None:
    def ids(frame: pd.DataFrame) -> list[str]:
        found: list[str] = canonical(frame, stream="user", type="event", time="at")["id"].to_pylist()
        return found

    plain = ids(rows())
    assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in plain} == {(8, uuid.RFC_4122)}
    assert ids(rows()) == plain
    for changed in (
        {"user": ["d", "e", "f"]},
        {"event": ["d", "e", "f"]},
        {"at": [AT + timedelta(microseconds=1)] * 3},
        {"n": [4, 5, 6]},
    ):
        assert not set(ids(rows(**changed))) & set(plain)
    assert len(set(ids(rows(user=["ab", "a", "a"], event=["c", "bc", "bc"], n=[1, 1, 1])))) == 3


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame.to_dict("records")])
def test_the_same_rows_are_the_same_events_whatever_the_frame(make: Callable[[pd.DataFrame], object]) -> None:
    frame = rows(x=[1.5, None, 3.0], ok=[True, False, True], note=["é", None, '"'])
    assert canonical(make(frame), stream="user", type="event", time="at").equals(
        canonical(frame, stream="user", type="event", time="at")
    )


def test_dicts_of_different_keys_do_not_depend_on_the_rows_beside_them() -> None:
    frame = rows(who=[{"a": 1}, {"b": "x"}, {}])
    whole = canonical(frame, stream="user", type="event", time="at")["data"].to_pylist()
    assert whole[0] == '{"n":1,"user":"a","who":{"a":1}}'
    assert canonical(frame.head(1), stream="user", type="event", time="at")["data"].to_pylist() == whole[:1]


def test_ids_of_ones_own_are_taken_as_text_and_leave_the_payload() -> None:
    table = canonical(rows(key=[1.0, 2.0, 3.0]), stream="user", type="event", time="at", id="key")
    assert table["id"].to_pylist() == ["1", "2", "3"]
    assert table["data"][0].as_py() == '{"n":1,"user":"a"}'


@pytest.mark.parametrize("users", [[7, 8, 9], [7.0, 8.0, 9.0], [Decimal(7), Decimal(8), Decimal(9)], ["7", "8", "9"]])
def test_whole_numbers_name_streams_by_their_digits(users: list[object]) -> None:
    table = canonical(rows(user=users), stream="user", type="event", time="at")
    assert table["stream"].to_pylist() == ["7", "8", "9"]
    assert table["data"][0].as_py() in ('{"n":1,"user":7}', '{"n":1,"user":"7"}')


def test_large_whole_numbers_keep_every_digit() -> None:
    table = canonical(rows(user=[2**63 - 1, 2**62 + 1, -5]), stream="user", type="event", time="at")
    assert table["stream"].to_pylist() == [str(2**63 - 1), str(2**62 + 1), "-5"]


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (pd.Series([AT] * 3), AT),
        (pd.Series([AT] * 3).astype("datetime64[ns, UTC]").dt.tz_convert("Europe/Berlin"), AT),
        (pd.Series([AT.replace(tzinfo=None)] * 3), AT),
        (pd.Series([AT.replace(tzinfo=None)] * 3).astype("datetime64[s]"), AT),
        (
            pd.Series([pd.Timestamp("1969-12-31 23:59:59.999999999")] * 3),
            datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        ),
        (pd.Series([date(2026, 1, 1)] * 3), datetime(2026, 1, 1, tzinfo=UTC)),
        (pd.Series(["2026-01-01T12:00:00Z", "2026-01-01", "2026-01-01 13:00+01:00"]), AT),
        (pd.Series(["2026-01-01T12:00:00.1234567", "2026-01-01", "20260101"]), AT.replace(microsecond=123456)),
        (pd.Series(["2026-01-01T12:00:00Z"] * 3, dtype="category"), AT),
    ],
)
def test_times_of_every_kind_are_microseconds_in_utc(at: "pd.Series[datetime]", wanted: datetime) -> None:
    table = canonical(rows(at=at), stream="user", type="event", time="at")
    assert table["occurred_at"][0].as_py() == wanted


def test_nan_is_missing_in_every_frame() -> None:
    for frame in (rows(x=[math.nan, 1, 2]), pl.from_pandas(rows()).with_columns(x=pl.Series([math.nan, 1, 2]))):
        assert canonical(frame, stream="user", type="event", time="at")["data"][0].as_py() == '{"n":1,"user":"a"}'


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"user": ["a", None, "c"]}, "column 'user', row 2: there is no value"),
        ({"user": ["a", "b", ""]}, "column 'user', row 3: the text is empty"),
        ({"user": [1, 2.5, 3]}, "column 'user', row 2: 2.5 is no whole number"),
        ({"user": [1, 2, None]}, "column 'user', row 3: there is no value"),
        ({"user": [1.0, 1e17, 2.0]}, "column 'user', row 2: .* is no whole number"),
        ({"user": [True, False, True]}, "column 'user' holds bool"),
        ({"event": [None, "y", "z"]}, "column 'event', row 1"),
        ({"at": [AT, AT, None]}, "column 'at', row 3: there is no time"),
        ({"at": ["2026-01-01", "2026-02-30", "x"]}, "column 'at', row 2: '2026-02-30' is not a time"),
        ({"at": ["2026-01-01", "2026-01-01", "03/13/2024"]}, "column 'at', row 3: '03/13/2024' is not a time"),
        ({"at": [1, 2, 3]}, "column 'at' holds int64; times are needed"),
        ({"at": [1.5, 2, 3]}, "column 'at' holds double; times are needed"),
        ({"at": [True, True, True]}, "column 'at' holds bool; times are needed"),
        ({"n": [1, math.inf, 3]}, "column 'n', row 2: JSON has no infinity"),
        ({"n": [b"x", None, None]}, "column 'n' holds binary"),
        ({"n": [timedelta(1)] * 3}, "column 'n' holds duration"),
        ({"n": [time(1)] * 3}, "column 'n' holds time"),
        ({"n": [[1.0], [math.inf], []]}, "column 'n', row 2: .*JSON"),
        ({"n": [1, "x", 3]}, "column 'n' can't become an Arrow column"),
    ],
)
def test_what_cannot_be_an_event_is_named_by_column_and_row(changed: Mapping[str, object], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        canonical(rows(**changed), stream="user", type="event", time="at")


def test_numbers_for_times_are_told_how_to_become_times() -> None:
    with pytest.raises(InvalidInputError) as caught:
        canonical(rows(at=[1, 2, 3]), stream="user", type="event", time="at")
    assert "pd.to_datetime(frame['at'], unit=" in caught.value.hints[0]


def test_rows_are_counted_from_the_beginning_of_the_whole() -> None:
    with pytest.raises(InvalidInputError, match="row 102") as caught:
        canonical(rows(user=["a", None, "c"]), stream="user", type="event", time="at", first_row=101)
    assert caught.value.details == {"column": "user", "row": 102}


def test_a_row_far_down_is_counted_right() -> None:
    n = 70_000
    frame = {"s": ["s"] * n, "t": ["t"] * n, "at": ["2026-01-01"] * (n - 1) + ["soon"]}
    with pytest.raises(InvalidInputError, match=f"row {n}"):
        canonical(frame, stream="s", type="t", time="at")


@pytest.mark.parametrize("role", ["stream", "type", "time", "id"])
def test_a_missing_column_is_named_with_its_role(role: str) -> None:
    roles = {"stream": "user", "type": "event", "time": "at", "id": "n"} | {role: "nowhere"}
    with pytest.raises(MissingColumnError, match=re.escape(f"{role} column 'nowhere'")):
        canonical(rows(), stream=roles["stream"], type=roles["type"], time=roles["time"], id=roles["id"])


def test_the_real_shop_gives_each_of_its_rows_an_id_also_the_duplicates() -> None:
    frame = to_arrow(pd.read_csv(real_file("ecom.csv.gz")))
    ids = canonical(frame, stream="user_id", type="event", time="timestamp")["id"].to_pylist()
    assert (len(ids), len(set(ids))) == (31_106, 31_106)
    occurrence: Counter[str] = Counter()
    again: list[str] = []
    for start in range(0, len(frame), 777):
        batch = frame.slice(start, 777)
        table = canonical(batch, stream="user_id", type="event", time="timestamp", occurrence=occurrence)
        again += table["id"].to_pylist()
    assert again == ids
    assert sum(n - 1 for n in occurrence.values()) == 30
