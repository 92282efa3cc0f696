"""Files of events, read in batches: the same whatever the format, packing and batch size, or refused by row."""

import gzip
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError, MissingColumnError, UnreadableFileError
from burgee.events.canonical import canonical
from burgee.events.reading import EventFile, open_file, read_batches
from real_data import real_file

ROLES = {"stream": "user", "type": "event", "time": "at"}

FRAME = pd.DataFrame(
    {
        "user": ["007", "u2", "u,3", 'u"4"', "u5"] * 5,
        "event": ["look", "buy", "look", "look", "buy"] * 5,
        "at": [f"2026-01-01T00:00:{second:02d}Z" for second in range(25)],
        "n": range(25),
        "x": [number / 4 for number in range(25)],
        "note": ["a", None, "é\n2", "NA", "null"] * 5,
    }
)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


WRITTEN: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "ndjson": lambda frame: frame.to_json(orient="records", lines=True).encode(),
    "parquet": parquet,
}
PACKED: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, rows: int = 10_000, columns: dict[str, str] = ROLES) -> pa.Table:
    """The whole file as events."""
    occurrence: Counter[str] = Counter()
    parts = [
        canonical(
            batch,
            stream=columns["stream"],
            type=columns["type"],
            time=columns["time"],
            occurrence=occurrence,
        )
        for batch in read_batches(path, columns=columns, batch_rows=rows)
    ]
    return pa.concat_tables(parts)


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("rows", [1, 7, 25, 10_000])
def test_whatever_the_format_the_packing_and_the_batch_the_events_are_the_same(
    tmp_path: Path, kind: str, packing: str, rows: int
) -> None:
    path = write(tmp_path, f"events.{kind}{packing}", PACKED[packing](WRITTEN[kind](FRAME)))
    assert read(path, rows).equals(canonical(FRAME, stream="user", type="event", time="at"))


@pytest.mark.parametrize("rows", [1, 7, 25, 26])
def test_batches_have_the_rows_asked_for_and_the_last_one_the_rest(tmp_path: Path, rows: int) -> None:
    for kind, written in WRITTEN.items():
        file = open_file(write(tmp_path, f"events.{kind}", written(FRAME)), columns=ROLES, batch_rows=rows)
        sizes, firsts = [], []
        for batch in file:
            sizes.append(len(batch))
            firsts.append(file.first_row)
        assert sizes == [min(rows, 25 - start) for start in range(0, 25, rows)]
        assert firsts == list(range(1, 26, rows))


@pytest.mark.parametrize("kind", WRITTEN)
def test_progress_moves_up_to_the_size_of_the_file(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, f"events.{kind}.gz", gzip.compress(WRITTEN[kind](pd.concat([FRAME] * 50))))
    file = open_file(path, columns=ROLES, batch_rows=100)
    assert (file.name, file.total_bytes, file.bytes_read) == (path.name, path.stat().st_size, 0)
    seen = [file.bytes_read for _ in file]
    assert seen == sorted(seen)
    assert 0 < seen[0] <= file.total_bytes
    assert file.bytes_read == file.total_bytes


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.CSV", b"user,event,at\n", "csv"),
        ("a.tab.gz", b"user\n", "tsv"),
        ("a.jsonl", b"{}", "ndjson"),
        ("a.json.zst", b"{}", "ndjson"),
        ("a.pq", b"", "parquet"),
        ("a", b"user,event,at\n", "csv"),
        ("a.log", b' \n{"user": 1}', "ndjson"),
        ("a.2026.gz", gzip.compress(b'{"user": 1}', mtime=0), "ndjson"),
        ("a.csv", b"PAR1", "parquet"),
        ("a", gzip.compress(b"PAR1", mtime=0), "parquet"),
    ],
)
def test_the_format_goes_by_the_name_and_else_by_the_content(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    assert open_file(write(tmp_path, name, content), columns=ROLES).kind == kind


def column(folder: Path, values: Sequence[str], rows: int = 10_000) -> pa.ChunkedArray:
    """A column of a CSV file as it is read."""
    lines = "".join(f"u,e,2026-01-01,{value}\n" for value in values)
    path = write(folder, "column.csv", f"user,event,at,value\n{lines}")
    return pa.concat_tables(read_batches(path, columns=ROLES, batch_rows=rows))["value"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "0", str(2**63 - 1), ""], "int64"),
        (["1", str(2**63)], "string"),
        (["1", "007"], "string"),
        (["1", "+2"], "string"),
        (["1", "2.5", ""], "double"),
        (["0.1", "1e3", "-1.5E-7"], "double"),
        (["1.50", "0.10"], "double"),
        (["0.1234567890123456789"], "string"),
        (["1.5", "9007199254740993"], "string"),
        (["1.5", "1e999"], "string"),
        (["1.5", "nan"], "string"),
        (["1", "NA"], "string"),
        (["true", "false"], "bool"),
        (["True", "False", ""], "bool"),
        (["TRUE", "TRUE"], "bool"),
        (["true", "False"], "string"),
        (["true", "1"], "string"),
        (["2026-01-01"], "string"),
        (["", ""], "string"),
        (["1", "2", " 3"], "string"),
    ],
)
@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_column_has_a_type_only_when_each_of_its_values_survives_it(
    tmp_path: Path, values: list[str], kind: str, rows: int
) -> None:
    assert str(column(tmp_path, values, rows).type) == kind


spelt = st.from_regex(r"-?(0|00|[1-9])?[0-9]{0,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(st.lists(spelt | st.sampled_from(["true", "false", "x"]), min_size=1, max_size=4), st.integers(1, 4))
def test_no_value_of_a_file_loses_a_digit(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], rows: int
) -> None:
    found = column(tmp_path_factory.getbasetemp(), values, rows)
    for value, text in zip(found.to_pylist(), values, strict=True):
        if isinstance(value, str) or value is None:
            assert (value or "") == text
        elif isinstance(value, bool):
            assert str(value).lower() == text
        elif isinstance(value, int):
            assert str(value) == text
        else:
            assert math.isfinite(value)
            assert Decimal(repr(value)) == Decimal(text)


def test_names_of_streams_types_and_ids_stay_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "user,event,at,key\n007,1,2026-01-01,01\n8,2,2026-01-01,1e3\n")
    (batch,) = read_batches(path, columns={**ROLES, "id": "key"})
    assert batch.to_pydict() | {"at": None} == {
        "user": ["007", "8"],
        "event": ["1", "2"],
        "at": None,
        "key": ["01", "1e3"],
    }
    lines = '{"user": 7, "event": "e", "at": "2026-01-01", "key": 9223372036854775808}\n'
    lines += '{"user": "007", "event": 1, "key": null}\n'
    (batch,) = read_batches(write(tmp_path, "a.jsonl", lines), columns={**ROLES, "id": "key"})
    assert batch.to_pydict() == {
        "user": ["7", "007"], "event": ["e", "1"], "at": ["2026-01-01", None], "key": ["9223372036854775808", None],
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "user;event;at;n\nu;e;2026-01-01;1\n",
        "user\tevent\tat\tn\nu\te\t2026-01-01\t1\n",
        "user|event|at|n\nu|e|2026-01-01|1\n",
        "\ufeffuser,event,at,n\nu,e,2026-01-01,1\n",
        "user,event,at,n\r\nu,e,2026-01-01,1\r\n",
        '"user","event","at","n"\n"u","e","2026-01-01","1"',
        "user,event,at,n\n\n\nu,e,2026-01-01,1\n\n",
        "\n\nuser,event,at,n\nu,e,2026-01-01,1\n",
    ],
)
def test_the_dialects_of_csv_are_understood(tmp_path: Path, content: str) -> None:
    assert read(write(tmp_path, "a.csv", content))["data"].to_pylist() == ['{"n":1,"user":"u"}']


def test_in_tsv_a_quote_is_text(tmp_path: Path) -> None:
    content = 'user\tevent\tat\tnote\nu\te\t2026-01-01\t"so\nv\te\t2026-01-01\t5" x\n'
    (batch,) = read_batches(write(tmp_path, "a.tsv", content), columns=ROLES)
    assert batch["note"].to_pylist() == ['"so', '5" x']


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_header_alone_is_a_file_without_rows(tmp_path: Path, name: str) -> None:
    separator = "," if name == "a.csv" else "\t"
    for end in ("", "\n"):
        path = write(tmp_path, name, separator.join(ROLES.values()) + end)
        assert list(read_batches(path, columns=ROLES)) == []


def test_in_ndjson_values_stay_as_they_stand(tmp_path: Path) -> None:
    values = ["1", "2.50", '"x"', "null", "[1,null]", '{"b":{"c":null},"a":1}', "123456789012345678901"]
    lines = [f'{{"user":"u","event":"e","at":"2026-01-01","v":{value}}}' for value in values]
    path = write(tmp_path, "a.ndjson", "\ufeff" + "\n\n".join(lines))
    for rows in (1, 3, 10):
        found = [json.loads(text).get("v") for text in read(path, rows)["data"].to_pylist()]
        assert found == [1, 2.5, "x", None, [1, None], {"b": {}, "a": 1}, 123456789012345678901]


def test_in_ndjson_a_field_of_one_type_is_a_column_of_it(tmp_path: Path) -> None:
    first = {"user": "u", "event": "e", "at": "2026-01-01", "n": 1, "x": 1.5, "ok": True, "s": "a", "mixed": 1, "l": []}
    second = {"user": "u", "event": "e", "at": "2026-01-01", "n": None, "mixed": "a", "rare": 1}
    path = write(tmp_path, "a.ndjson", f"{json.dumps(first)}\n{json.dumps(second)}\n")
    (batch,) = read_batches(path, columns=ROLES)
    kinds = {field.name: str(field.type) for field in batch.schema if field.name not in ROLES.values()}
    assert kinds == {
        "n": "int64", "x": "double", "ok": "bool", "s": "string", "rare": "int64",
        "mixed": "extension<arrow.json>", "l": "extension<arrow.json>",
    }  # fmt: skip


HEAD = b"user,event,at\n"
LINE = b'{"user": "u", "event": "e", "at": "2026-01-01"}\n'
ROW = b"u,e,2026-01-01\n"


@pytest.mark.parametrize(
    ("name", "content", "row", "said"),
    [
        ("short.csv", HEAD + ROW + b"u,e\n" + ROW, 2, "2 values, the header has 3"),
        ("long.csv", HEAD + ROW * 3 + b"u,e,2026-01-01,x\n", 4, "4 values, the header has 3"),
        ("lines.csv", HEAD + b'"u\n2",e,2026-01-01\n\n' + b"u\n", 2, "1 values"),
        ("short.tsv", HEAD.replace(b",", b"\t") + b"u\te\n", 1, "2 values"),
        ("late.csv", HEAD + ROW * 100_000 + b"u,e\n", 100_001, "2 values"),
        ("latin.csv", HEAD + ROW + "ü,e,2026-01-01\n".encode("latin-1"), 2, "'user' is not UTF-8"),
        ("latin.tsv", b"user\tevent\tat\n" + b"u\t\xe9\t2026-01-01\n", 1, "'event' is not UTF-8"),
        ("head.csv", "üser,event,at\n".encode("latin-1") + ROW, None, "the header is not UTF-8"),
        ("wide.csv", (HEAD + ROW).decode().encode("utf-16"), None, "UTF-16"),
        ("open.csv", HEAD + ROW + b'u,e,"2026-01-01\n' + ROW * 3, 2, "a quote is opened and never closed"),
        ("twice.csv", b"user,event,at,at\n" + ROW, None, "'at' stands twice"),
        ("empty.csv", b"", None, "the file is empty"),
        ("blank.csv", b"\n \n", None, "the file is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), None, "the file is empty"),
        ("empty.jsonl", b"", None, "the file is empty"),
        ("empty.parquet", b"", None, "the file is empty"),
        ("broken.jsonl", LINE + b'{"user": \n' + LINE, 2, "it is no JSON"),
        ("array.json", b'[{"user": "u"}]\n', 1, "it is no JSON object"),
        ("number.jsonl", LINE * 2 + b"7\n", 3, "it is no JSON object"),
        ("pretty.json", b'{\n  "user": "u"\n}\n', 1, "it is no JSON"),
        ("nan.jsonl", LINE + LINE.replace(b'"e"', b"NaN"), 2, "NaN"),
        ("half.jsonl", LINE.replace(b'"e"', b'"\\ud800"'), 1, "surrogate"),
        ("latin.jsonl", LINE + LINE.replace(b'"e"', b'"\xe9"'), 2, "not UTF-8"),
        ("deep.jsonl", LINE + b'{"a":' + b"[" * 100_000 + b"\n", 2, "it is no JSON"),
        ("bool.jsonl", LINE + LINE.replace(b'"u"', b"true"), 2, "'user' is true; text or a whole number is needed"),
        ("list.jsonl", LINE.replace(b'"e"', b"[1]"), 1, "'event' is \\[1\\]"),
        ("huge.jsonl", LINE.replace(b"}", b', "x": [1e999]}'), 1, "Out of range"),
        ("no.parquet", b"this is text", None, "not Parquet, or damaged"),
        ("cut.parquet", parquet(FRAME)[:-20], None, "not Parquet, or damaged"),
        ("no.parquet.gz", gzip.compress(b"this is text", mtime=0), None, "not Parquet, or damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_row_before_anything_of_it_is_given(
    tmp_path: Path, name: str, content: bytes, row: int | None, said: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(UnreadableFileError, match=said) as caught:
        next(read_batches(path, columns=ROLES, batch_rows=1))
    assert (caught.value.path, caught.value.row) == (str(path), row)


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_packed_file_that_breaks_off_says_so_at_its_row(tmp_path: Path, kind: str, packing: str) -> None:
    frame = pd.DataFrame({"user": [f"{n * 7919 % 100_003:06d}" for n in range(5000)], "event": "e", "at": "2026-01-01"})
    packed = PACKED[packing](WRITTEN[kind](frame))
    path = write(tmp_path, f"a.{kind}{packing}", packed[: len(packed) // 2])
    with pytest.raises(UnreadableFileError, match="breaks off") as caught:
        list(read_batches(path, columns=ROLES))
    if packing == ".gz":  # zstd is unpacked in larger pieces: less of it is known
        assert caught.value.row is not None
        assert 1000 < caught.value.row <= 5000


def test_a_packed_file_whose_bytes_were_changed_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(WRITTEN["csv"](FRAME)))
    packed[-6] ^= 1  # the checksum
    for name in ("a.csv.gz", "a.parquet.gz"):
        with pytest.raises(UnreadableFileError, match="breaks off"):
            list(read_batches(write(tmp_path, name, bytes(packed)), columns=ROLES))


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, f"a.{kind}", WRITTEN[kind](FRAME))
    with pytest.raises(MissingColumnError, match="stream column 'usr'") as caught:
        next(read_batches(path, columns={**ROLES, "stream": "usr"}))
    assert caught.value.columns == list(FRAME.columns)
    assert caught.value.hints == ["did you mean 'user'?"]


def test_a_path_that_is_no_file_is_refused_with_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", HEAD)
    with pytest.raises(UnreadableFileError, match="no such file") as caught:
        open_file(tmp_path / "event.csv", columns=ROLES)
    assert caught.value.hints == ["did you mean 'events.csv'?"]
    with pytest.raises(UnreadableFileError, match="it is a folder"):
        open_file(tmp_path, columns=ROLES)
    with pytest.raises(UnreadableFileError, match="no such file"):
        open_file(tmp_path / "nowhere" / "event.csv", columns=ROLES)
    with pytest.raises(InvalidInputError, match="batch_rows"):
        open_file(tmp_path / "events.csv", columns=ROLES, batch_rows=0)


def test_a_file_can_be_read_twice(tmp_path: Path) -> None:
    file: EventFile = open_file(write(tmp_path, "a.csv", WRITTEN["csv"](FRAME)), columns=ROLES, batch_rows=10)
    assert [len(batch) for batch in file] == [len(batch) for batch in file] == [10, 10, 5]
    assert file.first_row == 21


def test_the_real_shop_is_the_same_events_packed_or_not_and_whatever_the_batch(tmp_path: Path) -> None:
    packed = real_file("ecom.csv.gz")
    roles = {"stream": "user_id", "type": "event", "time": "timestamp"}
    whole = read(packed, columns=roles)
    assert (len(whole), len(set(whole["id"].to_pylist()))) == (31_106, 31_106)
    assert read(packed, 777, roles).equals(whole)
    assert read(write(tmp_path, "ecom.csv", gzip.decompress(packed.read_bytes())), 9999, roles).equals(whole)
    assert canonical(pd.read_csv(packed), stream="user_id", type="event", time="timestamp").equals(whole)


def test_the_real_experiment_keeps_its_numbers() -> None:
    roles = {"stream": "user_id", "type": "event", "time": "timestamp"}
    table = pa.concat_tables(read_batches(real_file("shop_experiment.csv.gz"), columns=roles))
    assert len(table) == 33_279
    kinds = {field.name: str(field.type) for field in table.schema}
    assert (kinds["user_id"], kinds["transaction_value"], kinds["transaction_ID"]) == ("string", "double", "int64")
    assert Counter(table["user_backet"].to_pylist()) == {"test": 5062, "control": 4977, "not_in_test": 23_240}


def test_the_real_packages_are_read_with_their_quotes() -> None:
    roles = {"stream": "name", "type": "version", "time": "month"}
    path = real_file("packages.tsv.gz")
    table = pa.concat_tables(read_batches(path, columns=roles))
    wanted = pd.read_csv(path, sep="\t", quoting=3, keep_default_na=False, dtype=str)
    assert [text or "" for text in table["summary"].to_pylist()] == wanted["summary"].tolist()
    assert table["name"].to_pylist() == wanted["name"].tolist()
