"""Frames on their way into files: in parts, and the same as if they were written at once (R6)."""

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import burgee
from burgee.core.errors import InvalidInputError
from burgee.core.settings import Settings
from burgee.files import encoding
from burgee.files.encoding import Encoded
from services import children

ROWS = 300
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = pa.table(
    {
        "whole": pa.array([None if row % 7 == 0 else row for row in range(ROWS)]),
        "text": [f'é{row},"' for row in range(ROWS)],
        "time": pa.array([START + timedelta(days=row, microseconds=row % 2) for row in range(ROWS)]),
        "kind": pa.array([str(row % 5) for row in range(ROWS)]).dictionary_encode(),
        "yes": pa.array([None if row > 100 else row % 2 == 0 for row in range(ROWS)]),
    }
)
MEMORY = """
import sys, numpy, pandas, burgee
from pathlib import Path
MIB = 1 << 20
def most():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
with burgee.open(sys.argv[1], settings=burgee.Settings(progress=False)) as ws:
    files = ws.tenants.create("acme").files
    for name in ("a.parquet", "a.arrow"):
        files.upload(pandas.DataFrame({"a": [1.0]}), name)
    frame = pandas.DataFrame({f"c{number}": numpy.arange(MIB * 2, dtype=float) for number in range(8)})
    for name in ("a.parquet", "a.arrow"):
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        before = most()
        size = files.upload(frame, name).size
        print((most() - before) // MIB, size // MIB)
"""


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows at a time."""
    kinds = {ending: (kind, write, 1_000) for ending, (kind, write, _) in encoding._KINDS.items()}
    monkeypatch.setattr(encoding, "_KINDS", kinds)


@pytest.mark.usefixtures("in_parts")
def test_a_table_written_in_parts_is_the_table() -> None:
    parquet = pq.ParquetFile(io.BytesIO(b"".join(Encoded(TABLE, "parquet"))))
    assert parquet.num_row_groups > 5
    assert parquet.read().equals(TABLE)
    arrow = pa.ipc.open_file(b"".join(Encoded(TABLE, "arrow")))
    assert arrow.num_record_batches > 5
    assert arrow.read_all().equals(TABLE)


def test_a_text_is_the_same_in_however_many_parts_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for ending in ("csv", "jsonl"):
        at_once = b"".join(Encoded(TABLE, ending))
        kind, write, _ = encoding._KINDS[ending]
        with monkeypatch.context() as patched:
            patched.setitem(encoding._KINDS, ending, (kind, write, 1_000))
            assert b"".join(Encoded(TABLE, ending)) == at_once
        assert at_once.count(b"\n") == ROWS + (ending == "csv")
        assert b"1.0" not in at_once  # whole numbers stay whole, also beside none
        assert b"00:00:00.000001" in at_once


def test_a_table_without_rows_is_a_file_all_the_same() -> None:
    empty = TABLE.slice(0, 0)
    assert pq.read_table(io.BytesIO(b"".join(Encoded(empty, "parquet")))).schema == TABLE.schema
    assert pa.ipc.open_file(b"".join(Encoded(empty, "arrow"))).read_all().equals(empty)
    assert b"".join(Encoded(empty, "csv")) == b"whole,text,time,kind,yes\n"
    assert b"".join(Encoded(empty, "jsonl")) == b""


def test_dictionaries_that_differ_from_chunk_to_chunk_are_made_one() -> None:
    chunks = [pa.array(values).dictionary_encode() for values in (["a", "b"], ["c", "a"])]
    table = pa.table({"kind": pa.chunked_array(chunks)})
    read = pa.ipc.open_file(b"".join(Encoded(table, "arrow"))).read_all()
    assert read["kind"].to_pylist() == ["a", "b", "c", "a"]


def test_what_a_kind_of_file_can_not_hold_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    table = pa.table({"raw": [b"\xff"]})
    with burgee.open(str(tmp_path), settings=Settings(progress=False)) as ws:
        acme = ws.tenants.create("acme")
        with pytest.raises(InvalidInputError, match="this frame can't be written as JSON lines: column 'raw'"):
            acme.files.upload(table, "raw.jsonl")
        assert (acme.files.usage().files, acme.files.check(older_than=0).ok) == (0, True)
        assert acme.files.upload(table, "raw.parquet").frame()["raw"].tolist() == [b"\xff"]


@pytest.mark.skipif(sys.platform != "linux", reason="the high-water mark of memory is Linux's")
def test_a_large_frame_goes_up_without_being_there_twice(tmp_path: Path) -> None:
    with children.start([sys.executable, "-c", MEMORY, str(tmp_path)], stdout=-1) as child:
        said, _ = child.communicate()
    measured = [tuple(map(int, line.split())) for line in said.splitlines()]
    assert len(measured) == 2
    for more, size in measured:
        assert size > 60  # MiB, of 128 in memory
        assert more < 96
