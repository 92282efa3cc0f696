"""What a file is, by its content (R6.1, R11.3, P15): its name and whoever sends it are not believed."""

import gzip
import io
import json
import pickle
import sqlite3
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, orc

from burgee.core.errors import InvalidInputError
from burgee.files import signatures
from burgee.files.content import (
    ACTIVE_TYPES,
    DEFAULT_TYPES,
    HEAD,
    allowed,
    check_end,
    media_type,
    need_allowed,
    patterns_of,
    sniff,
)
from burgee.files.errors import FileTypeError
from components import needs_libmagic

TABLE = pa.table({"id": [1, 2, 3], "name": ["a", "é", "c"]})
OFFICE = "application/vnd.openxmlformats-officedocument."


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    output = io.BytesIO()
    write(output)
    return output.getvalue()


def parquet(sink: io.BytesIO) -> None:
    pa.parquet.write_table(TABLE, sink)


def arrow(make: Callable[[io.BytesIO, pa.Schema], ipc.RecordBatchStreamWriter]) -> Callable[[io.BytesIO], None]:
    def write(sink: io.BytesIO) -> None:
        with make(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)

    return write


def zipped(*names: str, method: int = zipfile.ZIP_DEFLATED, content: bytes = b"content" * 50) -> bytes:
    def write(sink: io.BytesIO) -> None:
        with zipfile.ZipFile(sink, "w", method) as archive:
            for name in names:
                archive.writestr(name, content)

    return written(write)


def tar(sink: io.BytesIO) -> None:
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))


def open_document(kind: str) -> bytes:
    def write(sink: io.BytesIO) -> None:
        with zipfile.ZipFile(sink, "w") as archive:
            archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
            archive.writestr("content.xml", "<x/>")

    return written(write)


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def sqlite() -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (a)")
        return connection.serialize()


EXCEL = zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
FILES: dict[str, tuple[bytes, str, str]] = {
    "parquet": (written(parquet), "a.parquet", "application/vnd.apache.parquet"),
    "arrow file": (written(arrow(ipc.new_file)), "a.arrow", "application/vnd.apache.arrow.file"),
    "feather": (
        written(lambda to: pa.feather.write_feather(TABLE, to)),
        "a.feather",
        "application/vnd.apache.arrow.file",
    ),
    "arrow stream": (written(arrow(ipc.new_stream)), "a.arrows", "application/vnd.apache.arrow.stream"),
    "orc": (written(lambda to: orc.write_table(TABLE, to)), "a.orc", "application/vnd.apache.orc"),
    "numpy": (written(lambda to: np.save(to, np.arange(3))), "a.npy", "application/x-npy"),
    "numpy zip": (written(lambda to: np.savez(to, a=np.arange(3))), "a.npz", "application/x-npz"),
    "stata": (written(lambda to: pd.DataFrame({"a": [1]}).to_stata(to)), "a.dta", "application/x-stata-dta"),
    "sqlite": (sqlite(), "a.sqlite", "application/vnd.sqlite3"),
    "excel": (EXCEL, "a.xlsx", f"{OFFICE}spreadsheetml.sheet"),
    "excel by openpyxl": (
        zipped("docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"),
        "a.xlsx",
        f"{OFFICE}spreadsheetml.sheet",
    ),
    "word": (zipped("[Content_Types].xml", "word/document.xml"), "a.docx", f"{OFFICE}wordprocessingml.document"),
    "open document": (open_document("spreadsheet"), "a.ods", "application/vnd.oasis.opendocument.spreadsheet"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a.pdf", "application/pdf"),
    "png": (png(), "a.png", "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "a.JPG", "image/jpeg"),
    "gif": (b"GIF89a\x01\x00\x01\x00\x80\x00\x00", "a.gif", "image/gif"),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
    "zip": (zipped("a.csv", "b.csv"), "a.zip", "application/zip"),
    "gzip": (gzip.compress(b"a,b"), "a.csv.gz", "application/gzip"),
    "tar": (written(tar), "a.tar", "application/x-tar"),
    "csv": ("id,name\n1,é\n".encode(), "a.csv", "text/csv"),
    "csv of excel": ("id,name\n1,é €\n".encode("cp1252"), "a.csv", "text/csv"),
    "csv in utf-16": ("id,name\n1,é\n".encode("utf-16"), "a.csv", "text/csv"),
    "csv that starts like orc": (b"ORC,BM\n1,2\n", "a.csv", "text/csv"),
    "empty csv": (b"", "a.csv", "text/csv"),
    "tsv": (b"id\tname\n", "a.tsv", "text/tab-separated-values"),
    "json": (b'{"a": [1, 2]}', "a.json", "application/json"),
    "json lines": (b'{"a": 1}\n{"a": 2}\n', "a.jsonl", "application/x-ndjson"),
    "json without a name for it": (b' {"a": 1}', "data", "application/json"),
    "text": (b"hello\n", "data", "text/plain"),
    "markdown": (b"<p align=center>\n# Title\n", "README.md", "text/markdown"),
    "notebook": (json.dumps({"cells": []}).encode(), "a.ipynb", "application/x-ipynb+json"),
}
DANGEROUS: dict[str, tuple[bytes, str, str]] = {
    "html": (b"<!DOCTYPE html><p>", "a.html", "text/html"),
    "html after a comment": (b"\xef\xbb\xbf \n<!-- x -->\n<HTML>", "page", "text/html"),
    "html in utf-16": ("<html>".encode("utf-16"), "page", "text/html"),
    "script": (b"<script>alert(1)</script>", "a", "text/html"),
    "svg": (b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="x"><script/></svg>', "a.svg", "image/svg+xml"),
    "svg with a prefix": (b'<s:svg xmlns:s="x"/>', "drawing", "image/svg+xml"),
    "svg with a type": (b'<!DOCTYPE svg PUBLIC "x" "y"><svg/>', "a.svg", "image/svg+xml"),
    "xml": (b'<?xml version="1.0"?><a/>', "a.xml", "application/xml"),
    "xhtml": (b'<?xml version="1.0"?><html xmlns="x"/>', "a.xhtml", "text/html"),
    "shell": (b"#!/bin/sh\nrm -rf /\n", "run", "text/x-script"),
    "batch": (b"@echo off\n", "a.BAT", "text/x-script"),
    "javascript": (b"alert(1)", "a.js", "text/javascript"),
    "windows": (b"MZ\x90\x00" + bytes(60), "a.exe", "application/vnd.microsoft.portable-executable"),
    "linux": (Path(sys.executable).resolve().read_bytes()[:HEAD], "python", "application/x-elf"),
    "java": (zipped("META-INF/MANIFEST.MF", "A.class"), "a.jar", "application/java-archive"),
    "pickle": (pickle.dumps({"a": 1}), "a.pkl", "application/x-python-pickle"),
    "old pickle": (pickle.dumps({"a": 1}, 2), "model", "application/x-python-pickle"),
    "macros": (
        zipped("[Content_Types].xml", "xl/vbaProject.bin"),
        "a.xlsm",
        "application/vnd.ms-excel.sheet.macroenabled.12",
    ),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a.xls", "application/vnd.ms-excel"),
    "installer": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a.msi", "application/x-ole-storage"),
}
WAVE = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0D\xac\0\0\x88X\1\0\2\0\x10\0"
PLAIN_NAMES = ["a.csv", "a.png", "a.pdf", "a.json", "a.xlsx", "a.parquet", "a.zip"]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_known_by_its_content_and_comes_in(kind: str) -> None:
    content, name, type_ = FILES[kind]
    found = sniff(content[:HEAD], name)
    assert found == type_
    assert allowed(found)
    check_end(content[-HEAD:], name, found)


@pytest.mark.parametrize("kind", DANGEROUS)
def test_what_could_run_is_known_and_does_not_come_in_unless_it_is_named_in_full(kind: str) -> None:
    content, name, type_ = DANGEROUS[kind]
    found = sniff(content, name)
    assert found == type_
    assert found in ACTIVE_TYPES
    assert not allowed(found)
    assert not allowed(found, ["*/*", f"{found.partition('/')[0]}/*"])
    assert allowed(found, [found])


@pytest.mark.parametrize("kind", DANGEROUS)
def test_under_a_harmless_name_it_is_found_out(kind: str) -> None:
    content = DANGEROUS[kind][0]
    for name in PLAIN_NAMES:
        try:
            found = sniff(content, name)
        except FileTypeError:
            continue
        assert found in ACTIVE_TYPES or kind in {"batch", "javascript"}  # which are texts like others


@pytest.mark.parametrize("kind", FILES)
def test_what_it_is_said_to_be_must_be_so(kind: str) -> None:
    content, name, type_ = FILES[kind]
    found = sniff(content, name)
    assert sniff(content, name, found) == found
    assert sniff(content, name, "application/octet-stream") == found
    with pytest.raises(FileTypeError, match="by its content, but it was said to be video/mp4") as refused:
        sniff(content, name, "video/mp4")
    assert refused.value.details["type"] == found
    assert type_ == found


@pytest.mark.parametrize(
    ("name", "said", "type_"),
    [
        ("data", "text/csv", "text/csv"),
        ("data.txt", "text/csv", "text/csv"),
        ("data.csv", "text/plain; charset=utf-8", "text/csv"),
        ("data.csv", "application/vnd.ms-excel", "text/csv"),
        ("data.csv", "binary/octet-stream", "text/csv"),
        ("data.md", "text/markdown", "text/markdown"),
    ],
)
def test_between_kinds_of_text_the_name_and_the_sender_decide(name: str, said: str, type_: str) -> None:
    assert sniff(b"id,name\n1,2\n", name, said) == type_


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (png(), "table.csv"),
        (b"id,name\n1,2\n", "picture.png"),
        (b"id,name\n1,2\n", "data.json"),
        (b"id,name\n1,2\n", "data.parquet"),
        (b"\x00\x01\x02\x03" * 100, "data.csv"),
        ("id,name".encode("utf-16-le"), "data.csv"),
        (b"<html>", "data.csv"),
        (b"<script>", "data.txt"),
        (EXCEL, "report.pdf"),
        (zipped("a", "b"), "picture.png"),
        (b"", "picture.png"),
        (b"PK", "a.zip"),
    ],
    ids=[
        "png csv",
        "csv png",
        "csv json",
        "csv parquet",
        "bytes csv",
        "utf-16 csv",
        "html csv",
        "script txt",
        "excel pdf",
        "zip png",
        "empty png",
        "cut zip",
    ],
)
def test_a_name_that_says_otherwise_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(FileTypeError, match=f"but its name ends with .{name.partition('.')[2]}"):
        sniff(content, name)


@pytest.mark.parametrize("hidden", [b"<script>alert(1)</script>", b"<?php system();", b"<!DOCTYPE html>", b"%PDF-1.7"])
def test_a_picture_that_is_something_else_as_well_is_refused(hidden: bytes) -> None:
    with pytest.raises(FileTypeError, match="holds a page or a script"):
        sniff(png() + hidden, "a.png")
    with pytest.raises(FileTypeError):
        sniff(b"GIF89a/*" + hidden, "a.gif")


@pytest.mark.parametrize(
    ("name", "begin"),
    [("a.csv", b"a,b\n" * 20_000), ("a.pdf", b"%PDF-1.7\n%%EOF\n"), ("a.rtf", b"{\\rtf1}")],
    ids=["csv", "pdf", "rtf"],
)
def test_a_text_or_document_that_ends_as_an_archive_is_refused(name: str, begin: bytes) -> None:
    type = sniff(begin, name)
    check_end(begin[-HEAD:], name, type)
    with pytest.raises(FileTypeError, match="ends as an archive"):
        check_end((begin + zipped("evil.txt"))[-HEAD:], name, type)


def test_a_picture_that_ends_as_an_archive_is_refused() -> None:
    polyglot = png() + zipped("META-INF/MANIFEST.MF")
    assert sniff(polyglot, "a.png") == "image/png"
    with pytest.raises(FileTypeError, match="ends as an archive"):
        check_end(polyglot, "a.png", "image/png")
    check_end(png() + b"PK\x05\x06 by chance", "a.png", "image/png")


def test_a_table_cut_off_is_refused_at_its_end() -> None:
    for kind in ("parquet", "arrow file"):
        content, name, type_ = FILES[kind]
        with pytest.raises(FileTypeError, match="is it whole"):
            check_end(content[:-1], name, type_)


def test_macros_and_programs_far_from_the_beginning_are_found_at_the_end() -> None:
    large = bytes(range(256)) * 1024
    macros = zipped("[Content_Types].xml", "xl/sheet1.xml", "xl/vbaProject.bin", method=0, content=large)
    found = sniff(macros[:HEAD], "a.xlsx")
    with pytest.raises(FileTypeError, match="holds macros"):
        check_end(macros[-HEAD:], "a.xlsx", found)
    program = zipped("a.txt", "META-INF/MANIFEST.MF", method=0, content=large)
    with pytest.raises(FileTypeError, match="program in Java"):
        check_end(program[-HEAD:], "a.zip", sniff(program[:HEAD], "a.zip"))


def test_an_archive_is_not_what_lies_in_it() -> None:
    inner = zipped("META-INF/MANIFEST.MF")
    outer = zipped("docs/inner.jar", "docs/b.txt", method=0, content=inner)
    assert sniff(outer, "a.zip") == "application/zip"


def test_sound_is_known_to_libmagic_and_comes_in_where_it_is_allowed() -> None:
    needs_libmagic()
    found = sniff(WAVE, "a.wav", "audio/wav")
    assert found == "audio/x-wav"
    assert not allowed(found)
    assert allowed(found, ["audio/*"])


def test_without_libmagic_what_comes_in_by_default_is_known_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_libmagic", lambda: None)
    for content, name, type_ in (*FILES.values(), *DANGEROUS.values()):
        assert sniff(content[:HEAD], name) == type_
    assert sniff(WAVE, "a") == "application/octet-stream"
    with pytest.raises(FileTypeError, match="of no known type") as refused:
        need_allowed("application/octet-stream", "a.wav")
    assert "libmagic would know more types" in refused.value.hints[1]


@given(head=st.binary(max_size=200), name=st.text(max_size=20), said=st.none() | st.sampled_from(sorted(DEFAULT_TYPES)))
def test_p15_whatever_arrives_is_given_a_type_or_refused(head: bytes, name: str, said: str | None) -> None:
    try:
        found = sniff(head, name, said)
    except FileTypeError:
        return
    assert media_type(found) == found


@given(text=st.text(max_size=50), kind=st.sampled_from(["csv", "txt", "md", "tsv", "yaml"]))
def test_p15_a_text_under_a_name_for_texts_is_of_that_kind_or_refused(text: str, kind: str) -> None:
    try:
        found = sniff(text.encode(errors="replace"), f"a.{kind}")
    except FileTypeError:
        return
    assert allowed(found)
    assert found not in ACTIVE_TYPES


@pytest.mark.parametrize(
    "hostile", [b"<!--" * 16384, b"<?" * 32000, b"<!---->" * 9000, b"[" * HEAD, b"PK\x03\x04" * 16384]
)
def test_content_made_to_take_long_does_not(hostile: bytes) -> None:
    assert "/" in sniff(hostile, "a")


def test_the_refusal_says_what_it_is_and_how_to_allow_it() -> None:
    with pytest.raises(FileTypeError, match=r"'a\.html' is of type text/html, and such files are not taken") as refused:
        need_allowed("text/html", "a.html")
    assert "BURGEE_FILES_TYPES" in refused.value.hints[0]
    with pytest.raises(FileTypeError, match="of no known type"):
        need_allowed("application/octet-stream", "a.bin")
    need_allowed("text/csv", "a.csv")


def test_a_list_of_types_is_read_and_checked() -> None:
    assert patterns_of("text/csv, image/*,IMAGE/JPG ,*/*") == ("text/csv", "image/*", "image/jpeg", "*/*")
    for wrong in ("", " , ", "csv", "image/", "*/png", "a/b/c", "text/csv; charset=x"):
        with pytest.raises(InvalidInputError):
            patterns_of(wrong)


@pytest.mark.parametrize("said", ["", "csv", "text/", "text/c sv", "text/csv\r\nX: 1", "é/x", None, 7])
def test_what_is_no_media_type_is_refused(said: str) -> None:
    with pytest.raises(InvalidInputError, match="is no media type"):
        media_type(said)


def test_a_media_type_is_kept_by_its_usual_name() -> None:
    assert media_type("Text/CSV; charset=utf-8") == "text/csv"
    assert media_type("image/jpg") == "image/jpeg"


def test_nothing_that_could_run_is_among_the_defaults() -> None:
    assert not set(DEFAULT_TYPES) & ACTIVE_TYPES
    assert len(set(DEFAULT_TYPES)) == len(DEFAULT_TYPES)
