"""What fields hold: as it is said, and as it is inferred (R7.1)."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from burgee.core.errors import InvalidInputError
from burgee.search.mapping import as_mapping, infer_mapping
from burgee.search.model import Field, IndexMapping, Kind


def kinds(mapping: IndexMapping) -> dict[str, str]:
    return {field.name: field.kind.value + "+exact" * field.exact for field in mapping.fields}


def test_a_mapping_is_written_in_words_in_dicts_or_as_fields() -> None:
    written = as_mapping({"title": {"kind": "text", "weight": 2, "exact": True}, "brand": "keyword", "n": Kind.NUMBER})
    fields = (Field("title", Kind.TEXT, exact=True, weight=2), Field("brand", Kind.KEYWORD), Field("n", Kind.NUMBER))
    assert written == IndexMapping(fields) == as_mapping(fields) == as_mapping(IndexMapping(fields))


def test_a_language_is_said_or_is_none_and_never_inferred() -> None:
    written = as_mapping({"a": {"kind": "text", "language": "english"}, "b": {"kind": "text", "language": None}})
    assert written.fields == (Field("a", Kind.TEXT, language="english"), Field("b", Kind.TEXT))
    assert all(field.language is None for field in infer_mapping(FRAME).fields)


WRONG: dict[str, tuple[Any, str]] = {
    "text": ("text", "'text'"),
    "a number": (5, "5"),
    "an unknown kind": ({"a": "txt"}, "'txt'"),
    "no kind": ({"a": {}}, "None"),
    "an unknown option": ({"a": {"kind": "text", "wieght": 2}}, "'wieght'"),
    "no weight": ({"a": {"kind": "text", "weight": 0}}, "weight"),
    "a NaN as a weight": ({"a": {"kind": "text", "weight": float("nan")}}, "weight"),
    "an unknown language": ({"a": {"kind": "text", "language": "englsh"}}, "'englsh'\ndid you mean 'english'"),
    "a path as a language": ({"a": {"kind": "text", "language": "../x"}}, "'../x'"),
    "a number as a language": ({"a": {"kind": "text", "language": 5}}, "language of 'a' can't be 5"),
    "a list of languages": ({"a": {"kind": "text", "language": ["english"]}}, "english"),
    "a language in capitals": ({"a": {"kind": "text", "language": "English"}}, "did you mean 'english'"),
    "an empty language": ({"a": {"kind": "text", "language": ""}}, "''"),
    "a language of numbers": ({"a": {"kind": "number", "language": "english"}}, "'a' is no text"),
    "exact as a text": ({"a": {"kind": "text", "exact": "yes"}}, "exact"),
    "an exact keyword": ({"a": {"kind": "keyword", "exact": True}}, "'a'"),
    "a suggested number": ({"a": {"kind": "number", "suggest": True}}, "numbers"),
    "an empty name": ({"": "text"}, "name"),
    "a hidden name": ({"_score": "text"}, "'_score'"),
    "a number as a name": ({5: "text"}, "5"),
    "twice": ([Field("a", Kind.TEXT), Field("a", Kind.KEYWORD)], "'a' is mapped twice"),
    "no fields": ([5], "5"),
    "too many": ([Field(f"f{number}", Kind.TEXT) for number in range(501)], "500"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_no_mapping_is_refused_by_name(case: str) -> None:
    given, why = WRONG[case]
    with pytest.raises(InvalidInputError, match=why):
        as_mapping(given)


FRAME = pd.DataFrame(
    {
        "name": [f"package-{'xyz'[at % 3]}{'abcdefgh'[at % 8]}" + "q" * at for at in range(60)],
        "sku": [f"A{at:05}" for at in range(60)],
        "summary": [f"A package number {at} that does something for somebody. " * 3 for at in range(60)],
        "title": [f"Small title {at}" for at in range(60)],
        "brand": ["Acme Ltd", "Beta", "Gamma"] * 20,
        "count": range(60),
        "some": [1, None] * 30,
        "price": [1.5] * 60,
        "sold": [True, False] * 30,
        "month": [f"2026-0{1 + at % 9}-01" for at in range(60)],
        "at": pd.Timestamp("2026-11-28", tz="UTC"),
        "none": [None] * 60,
    }
)
EXPECTED = {
    "name": "text+exact",
    "sku": "text+exact",
    "summary": "text",
    "title": "text+exact",
    "brand": "text+exact",
    "count": "integer",
    "some": "number",
    "price": "number",
    "sold": "boolean",
    "month": "date",
    "at": "date",
}


def test_a_frame_of_pandas_or_arrow_is_read_for_its_kinds() -> None:
    assert kinds(infer_mapping(FRAME)) == EXPECTED
    assert kinds(infer_mapping(pa.table(FRAME))) == EXPECTED
    assert "name" not in kinds(infer_mapping(FRAME, without=["name"]))


def test_documents_are_read_for_their_kinds_lists_laid_open() -> None:
    documents = [
        {"title": "One", "tags": ["a", "b", "a"], "n": 1, "mixed": 1, "deep": {"a": 1}, "when": date(2026, 1, 1)},
        {"title": "Two words", "tags": ["a", "b"], "n": 2.5, "mixed": "x", "when": None, "big": 2**70},
        {"title": "東京タワー", "tags": [], "when": datetime(2026, 1, 1), "nan": float("nan"), "_hidden": "x"},  # noqa: DTZ001
    ]
    expected = {"title": "text+exact", "tags": "text+exact", "n": "number", "when": "date", "big": "number"}
    assert kinds(infer_mapping(documents)) == expected


def test_of_a_large_frame_a_part_is_looked_at() -> None:
    frame = pa.table({"n": np.arange(1_000_000), "brand": pa.array(["x", "y"] * 500_000)})
    assert kinds(infer_mapping(frame)) == {"n": "integer", "brand": "text+exact"}


@pytest.mark.parametrize("nothing", [[], [{}], {"a": [None]}, [{"a": b"x"}]], ids=["none", "empty", "null", "bytes"])
def test_where_there_is_nothing_to_search_it_is_told(nothing: object) -> None:
    with pytest.raises(InvalidInputError, match="nothing here can be searched"):
        infer_mapping(nothing)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        infer_mapping(5)


def test_texts_with_few_values_and_names_are_suggested_and_codes_are_not() -> None:
    suggested = {field.name for field in infer_mapping(FRAME).fields if field.suggest}
    assert suggested == {"name", "title", "brand"}
    codes = {
        "version": ["1.0", "2.0"] * 30,
        "号": [f"東京-{at}" for at in range(60)],
        "code": [f"A{n}" for n in range(60)],
    }
    assert [field.suggest for field in infer_mapping(codes).fields] == [True, True, False]


def test_of_texts_up_to_a_hundred_characters_all_are_kept_whole_and_of_longer_ones_none() -> None:
    texts = {"short": ["x" * 100, "y"], "long": ["x" * 101, "y"]}
    assert kinds(infer_mapping(texts)) == {"short": "text+exact", "long": "text"}
