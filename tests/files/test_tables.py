"""Frames that are kept and come back: what is in them is not lost on the way, whatever kind of file it is (R6)."""

import json
import struct
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.errors import InvalidInputError, UnreadableFileError
from burgee.core.settings import Settings
from burgee.files.encoding import Encoded
from burgee.files.model import FileMetadata
from burgee.files.signatures import PARQUET
from burgee.files.tables import frame_of
from burgee.workspace import Tenant

KINDS = {"parquet": PARQUET, "arrow": "application/vnd.apache.arrow.file", "csv": "text/csv"} | {
    "jsonl": "application/x-ndjson"
}
LARGE = 2**60 + 1
"""A whole number that no float is."""


@pytest.fixture(scope="module")
def acme() -> Iterator[Tenant]:
    """A tenant of a workspace in memory."""
    with burgee.open("memory://", settings=Settings(progress=False)) as ws:
        yield ws.tenants.create("acme")


def read_back(table: pa.Table, kind: str) -> pd.DataFrame:
    """A table as a file of that kind, as a frame again."""
    data = b"".join(Encoded(table, kind))
    file = FileMetadata("1", f"a.{kind}", len(data), KINDS[kind], "", datetime.now(UTC), "somebody")
    return frame_of(file, data)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_index_of_a_frame_says_is_kept_as_columns(acme: Tenant, kind: str) -> None:
    orders = pd.DataFrame({"country": ["DE", "FR", "DE"], "shop": [1, 1, 2], "sum": [3, 4, 5]})
    for by in (["country"], ["country", "shop"]):
        back = acme.files.upload(orders.groupby(by)[["sum"]].sum(), f"a.{kind}").frame()
        assert back.to_dict("list") == orders.groupby(by)[["sum"]].sum().reset_index().to_dict("list")
    days = pd.DataFrame({"n": [1, 2]}, index=["mon", "tue"])
    assert acme.files.upload(days, f"a.{kind}").frame()["index"].tolist() == ["mon", "tue"]
    for counted in (orders, orders[orders["shop"] == 1], orders.iloc[:0]):
        assert acme.files.upload(counted, f"a.{kind}").frame().shape in {(len(counted), 3), (0, 0)}


def test_an_index_that_is_called_like_a_column_is_refused(acme: Tenant) -> None:
    frame = pd.DataFrame({"a": [1]}, index=pd.Index([2], name="a"))
    with pytest.raises(InvalidInputError, match="index of this frame can't become a column"):
        acme.files.upload(frame, "a.csv")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_lists_and_objects_are_whole_in_texts(kind: str) -> None:
    long = list(range(5_000))
    table = pa.table(
        {
            "list": [long, [LARGE, None], None],
            "object": [{"n": LARGE, "x": 0.5}, {"n": None, "x": float("nan")}, None],
            "text": ["a\nb", 'c","d":1', None],
        }
    )
    back = read_back(table, kind)
    values = [None if isinstance(value, float) else value for value in back["list"]]
    lists = [json.loads(value) if isinstance(value, str) else value for value in values]
    assert lists == [long, [LARGE, None], None]
    value = back["object"][0]
    assert (json.loads(value) if isinstance(value, str) else value) == {"n": LARGE, "x": 0.5}
    assert back["text"].tolist()[:2] == ["a\nb", 'c","d":1']
    assert list(back.columns) == table.column_names


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_bytes_and_ids_are_written_as_what_they_say_or_refused(kind: str) -> None:
    id = uuid.UUID(int=7)
    table = pa.table({"raw": ["grün".encode(), None], "id": pa.array([id.bytes, None], pa.uuid())})
    back = read_back(table, kind)
    assert (back["raw"][0], back["id"][0]) == ("grün", str(id))
    assert back.isna().sum().tolist() == [1, 1]
    with pytest.raises(InvalidInputError, match="column 'raw' holds bytes that are no text"):
        list(Encoded(pa.table({"raw": [b"\xff"]}), kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_among_texts_is_missing(kind: str) -> None:
    back = read_back(pa.table({"name": ["NA", None, "null", "x"], "n": [1, 2, 3, None]}), kind)
    assert back["name"].isna().tolist() == [False, True, False, False]
    assert back["name"].dropna().tolist() == ["NA", "null", "x"]
    assert back["n"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_come_back_as_moments(kind: str) -> None:
    moment = datetime.fromisoformat("2026-07-01T12:00:00.000005")
    table = pa.table({"local": [moment, None], "world": [moment.replace(tzinfo=UTC), None], "text": ["2026", "x"]})
    back = read_back(table, kind)
    assert [str(back[name].dtype).startswith("datetime64") for name in back.columns] == [True, True, False]
    assert back["local"][0] == moment
    assert back["world"][0] == moment.replace(tzinfo=UTC)
    no_day = pa.table({"text": ["2026-13-45T99:00:00.000000"]})
    assert read_back(no_day, kind)["text"].tolist() == no_day["text"].to_pylist()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_text_longer_than_what_is_read_at_once_is_read(kind: str) -> None:
    long = "x" * 2_500_000
    assert read_back(pa.table({"a": ["1", long, "2"]}), kind)["a"].tolist() == ["1", long, "2"]


def test_a_table_of_texts_that_begins_with_many_numbers_and_holds_line_breaks_is_read() -> None:
    rows = [f'{number},"a\nb"\n' for number in range(150_000)]
    data = "".join(["code,note\n", *rows, "A7,c\n"]).encode()
    frame = frame_of(FileMetadata("1", "a.csv", len(data), "text/csv", "", datetime.now(UTC), "x"), data)
    assert (len(frame), frame["code"].iloc[-1], frame["note"].iloc[0]) == (150_001, "A7", "a\nb")


def test_a_table_without_rows_or_without_columns_is_read(acme: Tenant) -> None:
    for kind in KINDS:
        assert len(acme.files.upload(pd.DataFrame({"a": ["x"]})[:0], f"a.{kind}").frame()) == 0
        assert acme.files.upload(pd.DataFrame(), f"a.{kind}").frame().empty


def test_a_frame_is_written_as_its_name_says_or_not_at_all(acme: Tenant) -> None:
    frame = pd.DataFrame({"a": [1], "b": ["x\ty"]})
    for name in ("A.TSV", "a.tab", "a.csv ", "a.ipc", "a.pq", "a.ndjson", "no ending", "a.unknown"):
        assert acme.files.upload(frame, name).frame().equals(frame)
    for name in ("a.xlsx", "a.json", "a.txt", "a.csv.gz"):
        with pytest.raises(InvalidInputError, match=r"burgee writes no \."):
            acme.files.upload(frame, name)


def test_a_table_as_excel_writes_it_in_all_alphabets_is_read(acme: Tenant) -> None:
    file = acme.files.upload("name\tn\nżółw\t1\n".encode("utf-16"), "a.tsv")
    assert file.frame().to_dict("list") == {"name": ["żółw"], "n": [1]}


def test_a_damaged_table_is_an_error_that_names_the_file_and_never_ends_the_process(acme: Tenant) -> None:
    offsets = pa.py_buffer(struct.pack("<3i", 0, 2**30, 5))
    wild = pa.table({"a": pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abcde")])})
    arrow = b"".join(Encoded(wild, "arrow"))
    parquet = b"".join(Encoded(pa.table({"a": ["abc"] * 50}), "parquet"))
    for name, data in (
        ("wild.arrow", arrow),
        ("footer.parquet", parquet[:-60] + bytes(52) + parquet[-8:]),
        ("page.parquet", parquet[:4] + b"\xff" * 20 + parquet[24:]),
        ("length.parquet", parquet[:-8] + b"\xff\xff\xff\x7f" + parquet[-4:]),
        ("nothing.parquet", b"PAR1" + bytes(8) + b"PAR1"),
    ):
        file = acme.files.upload(data, name)
        with pytest.raises(UnreadableFileError, match=f"can't read '{name}'"):
            file.frame()
        file.delete()


cells = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))


@given(
    texts=st.lists(cells, min_size=1, max_size=5),
    lists=st.lists(st.integers(-LARGE, LARGE), max_size=3),
    days=st.integers(0, 40_000),
)
def test_a_frame_written_as_json_lines_is_the_frame(texts: list[str | None], lists: list[int], days: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days, microseconds=days)
    rows = len(texts)
    table = pa.table({"text": pa.array(texts, pa.string()), "lists": [lists] * rows, "at": [moment] * rows})
    back = read_back(table, "jsonl")
    assert [None if pd.isna(text) else text for text in back["text"]] == texts
    assert back["lists"].tolist() == [lists] * rows
    assert back["at"].tolist() == [moment] * rows
