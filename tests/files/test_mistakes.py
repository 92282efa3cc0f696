"""What is answered to what people get wrong with files: what it was, and what to do."""

from collections.abc import Iterator

import pandas as pd
import pytest

import burgee
from burgee.core.errors import InvalidInputError, NotFoundError, UnreadableFileError
from burgee.files.facade import Files

FRAME = pd.DataFrame({"city": ["Köln", "Oslo"], "count": [1, 2]})


@pytest.fixture
def files() -> Iterator[Files]:
    with burgee.open("memory://", settings=burgee.Settings(progress=False)) as ws:
        yield ws.tenants.create("acme").files


def test_who_asks_for_a_file_by_its_name_hears_its_id(files: Files) -> None:
    first = files.upload(b"a\n1\n", "report.csv")
    with pytest.raises(NotFoundError, match=r"no file 'report\.csv'") as caught:
        files["report.csv"]
    assert caught.value.hints == [f"files are found by id; a file of that name has {first.id!r}"]
    second = files.upload(b"a\n2\n", "report.csv")
    with pytest.raises(NotFoundError) as caught:
        files.read_frame("report.csv")
    assert caught.value.hints == [f"files are found by id; a file of that name has {second.id!r}, the newest of 2"]


def test_who_asks_for_an_id_that_is_none_hears_which_there_are(files: Files) -> None:
    file = files.upload(b"a\n1\n", "report.csv")
    with pytest.raises(NotFoundError) as caught:
        files["summary"]
    assert caught.value.hints == [f"the files are: {file.id!r}"]
    file.delete()
    with pytest.raises(NotFoundError) as caught:
        files["report.csv"]
    assert caught.value.hints == []


@pytest.mark.parametrize("name", ["march.xlsx", "march.json", "march.csv.gz", "march.pdf", "march.arrows"])
def test_a_frame_says_which_endings_it_can_have_before_anything_is_written(files: Files, name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"a frame can't become 'march\..*': burgee writes no ") as caught:
        files.upload(FRAME, name)
    assert ".parquet, .csv, .tsv, .arrow or .jsonl" in caught.value.hints[0]
    assert files.usage().files == 0


@pytest.mark.parametrize("name", ["march", "march.2026", "march.pq", "march.parquet", "march.PARQUET", None])
def test_a_frame_whose_name_says_nothing_else_is_parquet(files: Files, name: str | None) -> None:
    kept = files.upload(FRAME, name)
    assert kept.type == "application/vnd.apache.parquet"
    assert kept.frame().equals(FRAME)


def test_a_text_in_place_of_a_path_is_told_how_it_is_kept(files: Files) -> None:
    with pytest.raises(UnreadableFileError, match="No such file") as caught:
        files.upload("city,count\nOslo,2\n", "cities.csv")
    assert "text.encode()" in caught.value.hints[0]


def test_a_dict_in_place_of_bytes_is_told_how_it_is_kept(files: Files) -> None:
    with pytest.raises(InvalidInputError, match="one piece is str") as caught:
        files.upload({"city": "Oslo"}, "city.json")  # type: ignore[dict-item] # as somebody may try
    assert "json.dumps(…).encode()" in caught.value.hints[0]


def test_a_csv_that_excel_wrote_in_an_old_alphabet_is_told_how_pandas_reads_it(files: Files) -> None:
    kept = files.upload("Größe;Ort\n1,5;Köln\n".encode("cp1252"), "cities.csv")
    with pytest.raises(UnreadableFileError, match=r"can't read 'cities\.csv'") as caught:
        kept.frame()
    assert 'pd.read_csv(file.open(), sep=";", encoding="cp1252")' in caught.value.hints[0]
    with kept.open() as file:
        assert pd.read_csv(file, sep=";", encoding="cp1252", decimal=",").to_dict("records") == [
            {"Größe": 1.5, "Ort": "Köln"}
        ]
    with pytest.raises(UnreadableFileError) as caught:
        files.upload(b"[1]\n[2]\n", "numbers.jsonl").frame()
    assert caught.value.hints == []
