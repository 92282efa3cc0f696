"""What a file may be called, and the headers it is sent with: no name becomes a path, a device or a header."""

import re
import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.files.headers import disposition, download_headers
from burgee.files.names import MOST_BYTES, clean_name

HOSTILE = st.sampled_from(
    ["\r\n", "\n", "\0", '"', "\\", "/", "..", ";", "%22", "\u202e", "\u2028", "\ud800", "é", "\u0301"]
)
NAMES = st.lists(st.text(max_size=8) | HOSTILE, max_size=8).map("".join)
SHA = "ab" * 32


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("  two words.csv \n", "two words.csv"),
        ("Überblick 2026, Größe.xlsx", "Überblick 2026, Größe.xlsx"),
        ("U\u0308berblick.txt", "Überblick.txt"),
        ("売上.parquet", "売上.parquet"),
        ("👩\u200d💻.png", "👩\u200d💻.png"),
        ("12:30 <final>?.txt", "12:30 <final>?.txt"),
        (".profile", ".profile"),
        ("console.log", "console.log"),
        ("a" * MOST_BYTES, "a" * MOST_BYTES),
    ],
    ids=["plain", "spaces", "umlauts", "composed", "japanese", "emoji", "signs", "dot", "not a device", "longest"],
)
def test_a_good_name_is_kept(given_: str, kept: str) -> None:
    assert clean_name(given_) == kept


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        (" \t", "it is empty"),
        (".", "ends with a dot"),
        ("..", "ends with a dot"),
        ("\u2025", "ends with a dot"),
        ("\uff0e\uff0e", "ends with a dot"),
        ("program.exe.", "ends with a dot"),
        ("../etc/passwd", "is a path"),
        ("a\\b", "is a path"),
        ("..\uff0fpasswd", "is a path"),
        ("..\u2215passwd", "is a path"),
        ("C:autoexec.bat", "a drive"),
        ("a\r\nSet-Cookie: x", "U\\+000D"),
        ("a\0.csv", "U\\+0000"),
        ("invoice\u202excod.exe", "U\\+202E"),
        ("a\u2066b", "U\\+2066"),
        ("a\ufeffb", "U\\+FEFF"),
        ("a\u2028b", "U\\+2028"),
        ("\u3164", "U\\+3164"),
        ("report\u115f.csv", "U\\+115F"),
        ("\ud800", "U\\+D800"),
        ("é" * 128, "256 bytes"),
        ("NUL", "a device"),
        ("con.txt", "a device"),
        ("Aux .tar.gz", "a device"),
        ("LPT¹.csv", "a device"),
    ],
)
def test_a_name_that_could_do_harm_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as refused:
        clean_name(name)
    assert refused.value.message.isascii()


@pytest.mark.parametrize(
    "name", [None, 7, float("nan"), b"bytes", ["list"]], ids=["none", "number", "nan", "bytes", "list"]
)
def test_what_is_no_text_is_no_name(name: object) -> None:
    with pytest.raises(InvalidInputError, match="must be text"):
        clean_name(name)


@given(name=NAMES)
def test_a_name_that_is_taken_is_one_part_of_a_path_on_any_system_and_cleaning_it_again_changes_nothing(
    name: str,
) -> None:
    try:
        kept = clean_name(name)
    except InvalidInputError:
        return
    assert clean_name(kept) == kept
    assert PurePosixPath(kept).parts == (kept,)
    assert PureWindowsPath("folder", kept).parent == PureWindowsPath("folder")
    assert 0 < len(kept.encode()) <= MOST_BYTES
    assert not {unicodedata.category(one) for one in kept} & {"Cc", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("report.pdf", "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf"),
        ("two words.csv", "attachment; filename=\"two words.csv\"; filename*=UTF-8''two%20words.csv"),
        ("Größe.csv", "attachment; filename=\"Gro_e.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv"),
        ("€ rates", "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),
        (
            'a"; filename="b.exe',
            "attachment; filename=\"a__ filename=_b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe",
        ),
        ("a\r\nX-Evil: 1", "attachment; filename=\"aX-Evil_ 1\"; filename*=UTF-8''aX-Evil%3A%201"),
        ("../../etc/passwd", "attachment; filename=\"_.._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"),
        ("\u202efdp.exe", "attachment; filename=\"fdp.exe\"; filename*=UTF-8''fdp.exe"),
        ("", "attachment; filename=\"file\"; filename*=UTF-8''file"),
    ],
    ids=["plain", "space", "umlaut", "sign", "quote", "line", "path", "direction", "empty"],
)
def test_a_name_stands_in_the_header_plainly_and_exactly(name: str, header: str) -> None:
    assert disposition(name) == header


@given(name=NAMES)
def test_no_name_becomes_another_header_or_parameter(name: str) -> None:
    header = disposition(name)
    assert re.fullmatch(
        r"""attachment; filename="[^"\\%/\r\n]+"; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]+""", header
    )
    assert header.isascii()
    assert len(header) < 4000
    read = Message()
    read["Content-Disposition"] = header
    assert read.get_content_disposition() == "attachment"
    assert not {"/", "\\", "\r", "\n", "\0", "\u202e"} & set(collapse_rfc2231_value(read.get_filename() or ""))


@given(name=NAMES)
def test_the_exact_form_gives_a_clean_name_back(name: str) -> None:
    from urllib.parse import unquote

    try:
        kept = clean_name(name)
    except InvalidInputError:
        return
    exact = unquote(disposition(kept).partition("UTF-8''")[2])
    assert exact == kept.strip(" .")


def test_a_download_is_saved_never_run() -> None:
    headers = download_headers("page.html", "text/html", SHA)
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["ETag"] == f'"{SHA}"'
    assert headers["Cache-Control"].startswith("private")
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("type_", ["", "text", "text/html\r\nX: 1", "text/html; charset=x", "é/x"])
def test_a_type_that_is_none_is_sent_as_bytes(type_: str) -> None:
    assert download_headers("a", type_, SHA)["Content-Type"] == "application/octet-stream"
