"""What every storage does: one suite for the folder, versitygw and moto (R6.3, R6.4, R6.8)."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.files.protocol import StorageProvider

type Storage = StorageProvider[Mapping[str, str]]

LARGE = 5 * 1024 * 1024 + 3  # two parts, on S3
BAD_KEYS: dict[str, Any] = {
    "none": None,
    "a number": 1,
    "bytes": b"a",
    "empty": "",
    "absolute": "/a",
    "ends in a slash": "a/",
    "an empty part": "a//b",
    "here": ".",
    "up": "..",
    "up and out": "../a",
    "up within": "a/../../b",
    "here within": "a/./b",
    "dots": "a/.../b",
    "a backslash": "..\\a",
    "a drive": "C:\\a",
    "encoded": "%2e%2e/a",
    "encoded twice": "%252e%252e/a",
    "encoded slash": "..%2fa",
    "fullwidth dots": "\uff0e\uff0e/a",
    "one dot leader": "\u2024\u2024/a",
    "division slash": "..\u2215a",
    "overlong": "..\udcc0\udcaf",
    "an accent": "caf\u00e9",
    "a NUL": "a\x00b",
    "a line": "a\nb",
    "a line at the end": "a\n",
    "a blank": "a b",
    "a home": "~/a",
    "an at": "a@object",
    "a plus": "+a",
    "a long part": "a" * 101,
    "long": "/".join(["abcd"] * 200),
}


def pieces_of(data: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def whole(storage: Storage, key: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(storage.read(key, start, stop))


def keys(storage: Storage, prefix: str = "") -> list[str]:
    return [one.key for one in storage.list(prefix)]


def test_an_object_is_read_back_with_its_metadata_and_checksum(storage: Storage) -> None:
    written = storage.write("acme/a.txt", [b"some ", b"bytes"], {"name": "Bücher.txt", "kind": "a 100% test"})
    assert written.checksum == hashlib.sha256(b"some bytes").hexdigest()
    assert written.size == 10
    assert whole(storage, "acme/a.txt") == b"some bytes"
    found = storage.stat("acme/a.txt")
    assert found is not None
    assert (found.key, found.size, found.checksum) == ("acme/a.txt", 10, written.checksum)
    assert found.metadata == {"name": "Bücher.txt", "kind": "a 100% test"}
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_large_object_is_read_back_whole(storage: Storage) -> None:
    data = bytes(range(256)) * (LARGE // 256) + b"end"
    written = storage.write("acme/large", pieces_of(data), {"a": "b"})
    assert (written.size, written.checksum) == (len(data), hashlib.sha256(data).hexdigest())
    assert whole(storage, "acme/large") == data
    assert whole(storage, "acme/large", len(data) - 3) == b"end"
    found = storage.stat("acme/large")
    assert found is not None
    assert (found.size, found.metadata) == (len(data), {"a": "b"})
    assert found.checksum in {written.checksum, None}  # S3 keeps none of what came in parts


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    for content in ([], [b""], [b"", b""]):
        assert storage.write("empty", content, {}).size == 0
        assert whole(storage, "empty") == b""
        assert whole(storage, "empty", 0, 10) == b""
    found = storage.stat("empty")
    assert found is not None
    assert found.checksum == hashlib.sha256().hexdigest()


def test_pieces_of_any_size_and_kind_make_the_same_object(storage: Storage) -> None:
    mutable = bytearray(b"cd")

    def content() -> Iterator[Any]:
        yield b"ab"
        yield mutable
        mutable[:] = b"??"
        yield memoryview(b"e-f-")[::2]

    storage.write("mixed", content(), {})
    assert whole(storage, "mixed") == b"abcdef"


def test_a_range_is_read_alone(storage: Storage) -> None:
    storage.write("a", [b"0123456789"], {})
    assert whole(storage, "a", 2, 5) == b"234"
    assert whole(storage, "a", 7) == b"789"
    assert whole(storage, "a", 7, 100) == b"789"
    assert whole(storage, "a", 4, 4) == b""
    assert whole(storage, "a", 10) == b""
    assert whole(storage, "a", 100, 200) == b""


def test_a_range_that_is_none_is_refused(storage: Storage) -> None:
    storage.write("a", [b"0123456789"], {})
    ranges: list[tuple[Any, Any]] = [(-1, None), (0, -1), (3, 2), (1.0, None), (None, 1), (True, None), ("0", None)]
    for start, stop in ranges:
        with pytest.raises(InvalidInputError):
            storage.read("a", start, stop)


def test_what_is_not_there_is_not_found_at_once(storage: Storage) -> None:
    assert storage.stat("nothing") is None
    assert not storage.delete("nothing")
    assert keys(storage) == []
    with pytest.raises(NotFoundError, match="no object 'nothing'"):
        storage.read("nothing")
    with pytest.raises(NotFoundError):
        storage.read("nothing/at/all", 3, 3)
    storage.write("a", [b"1"], {})
    with pytest.raises(NotFoundError):
        storage.read("a/b")


def test_a_deleted_object_is_gone_with_its_metadata(storage: Storage) -> None:
    storage.write("acme/a", [b"1"], {"name": "first"})
    assert storage.delete("acme/a")
    assert not storage.delete("acme/a")
    assert storage.stat("acme/a") is None
    assert keys(storage) == []
    storage.write("acme/a", [b"2"], {})
    found = storage.stat("acme/a")
    assert found is not None
    assert found.metadata == {}


def test_an_object_is_replaced_whole(storage: Storage) -> None:
    storage.write("a", [b"a long first one"], {"one": "1"})
    storage.write("a", [b"2"], {"two": "2"})
    found = storage.stat("a")
    assert found is not None
    assert (found.size, found.metadata) == (1, {"two": "2"})
    assert whole(storage, "a") == b"2"


def test_nobody_holds_an_object_whose_writer_is_done(storage: Storage) -> None:
    with ExitStack() as held:
        storage.write("a", [b"1"], {}, held)
        assert whole(storage, "a") == b"1"
    assert not storage.is_held("a")
    assert not storage.is_held("b")
    assert storage.delete("a")


def test_keys_that_differ_little_are_different_objects(storage: Storage) -> None:
    made = ["A/B", "A/b", "a-b", "a.", "a.b", "a/B", "a/b", "a/b.c", "aA", "aa", "con", "x.object"]
    for key in made:
        storage.write(key, [key.encode()], {})
    assert keys(storage) == sorted(made)
    assert [whole(storage, key).decode() for key in made] == made


def test_objects_are_listed_by_key_from_where_they_begin(storage: Storage) -> None:
    for key in ("b/2", "a/1", "b/10", "b-1", "c", "b/1/x"):
        storage.write(key, [b"."], {"key": "k"})
    assert keys(storage) == ["a/1", "b-1", "b/1/x", "b/10", "b/2", "c"]
    assert keys(storage, "b") == ["b-1", "b/1/x", "b/10", "b/2"]
    assert keys(storage, "b/") == ["b/1/x", "b/10", "b/2"]
    assert keys(storage, "b/1") == ["b/1/x", "b/10"]
    assert keys(storage, "d/") == []
    assert all(one.metadata == {"key": "k"} and one.size == 1 for one in storage.list("b/"))
    for bad in (None, "/", "../", "b/../", "\u2024", "b//", "b\\", "a" * 101):
        with pytest.raises(InvalidInputError):
            storage.list(bad)  # type: ignore[arg-type]


def test_a_key_that_could_mean_another_place_is_refused_by_every_verb(storage: Storage) -> None:
    verbs: tuple[Callable[[Any], object], ...] = (
        lambda key: storage.write(key, [b"1"], {}),
        storage.stat,
        storage.read,
        storage.delete,
        lambda key: storage.signed_get(key, 60, name="a", type="text/plain"),
        lambda key: storage.signed_put(key, 60, type="text/plain"),
    )
    for what, key in BAD_KEYS.items():
        for verb in verbs:
            with pytest.raises(InvalidInputError):
                pytest.fail(f"{what} was taken: {verb(key)!r}")


def test_metadata_that_cannot_be_kept_is_refused_and_nothing_is_written(storage: Storage) -> None:
    refused: list[Any] = [
        None,
        [],
        "a=b",
        {"A": "b"},
        {"": "b"},
        {"a b": "c"},
        {"a\r\nb": "c"},
        {"burgee-sha256": "0"},
        {"a": 1},
        {1: "a"},
        {"a": None},
        {"a": "x" * 2000},
        {"a": "ü" * 300},
        {"a": "\ud800"},
    ]
    for metadata in refused:
        with pytest.raises(InvalidInputError, match="metadata"):
            storage.write("a", [b"1"], metadata)
    assert storage.stat("a") is None


def test_metadata_comes_back_as_it_was(storage: Storage) -> None:
    hostile = {"a": "  blanks  ", "b": "\r\nX-Other: 1", "c": "", "d": "%41 + é 漢 🙂", "e": "\x00\x7f", "f": '"q" \\'}
    storage.write("a", [b"1"], hostile)
    found = storage.stat("a")
    assert found is not None
    assert found.metadata == hostile
    assert next(iter(storage.list())).metadata == hostile


def test_content_that_breaks_off_leaves_nothing(storage: Storage) -> None:
    storage.write("old", [b"old"], {})

    def broken(size: int) -> Iterator[bytes]:
        yield from pieces_of(b"x" * size)
        raise OSError(5, "the sender went away")

    for key, size in (("new", 0), ("old", 10), ("new", 10), ("new", LARGE), ("old", LARGE)):
        with pytest.raises(OSError, match="the sender went away"):
            storage.write(key, broken(size), {})
    assert keys(storage) == ["old"]
    assert whole(storage, "old") == b"old"
    assert storage.sweep("", 0) == 0  # it was cleared at once


def test_content_that_is_no_bytes_is_refused(storage: Storage) -> None:
    refused: list[Any] = [None, b"bytes", "text", 3, ["text"], [b"a", None], [1]]
    for content in refused:
        with pytest.raises(InvalidInputError, match="bytes"):
            storage.write("a", content, {})
    assert storage.stat("a") is None
    assert storage.sweep("", 0) == 0


def test_of_two_writers_of_one_key_one_whole_object_stays(storage: Storage) -> None:
    begin = threading.Barrier(4)

    def write(letter: bytes) -> None:
        def content() -> Iterator[bytes]:
            for _ in range(10):
                yield letter * 10_000

        begin.wait()
        storage.write("a", content(), {"letter": letter.decode()})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (b"a", b"b", b"c", b"d")))
    data, found = whole(storage, "a"), storage.stat("a")
    assert found is not None
    assert data == found.metadata["letter"].encode() * 100_000
    assert found.checksum == hashlib.sha256(data).hexdigest()
    assert storage.sweep("", 0) == 0


def test_who_reads_while_it_is_deleted_and_written_gets_all_or_hears_that_it_is_gone(storage: Storage) -> None:
    data = {letter * 300_000 for letter in (b"a", b"b")}
    done = threading.Event()
    seen: list[bytes | None] = []

    def reading() -> None:
        while not done.is_set():
            try:
                seen.append(whole(storage, "a"))
            except NotFoundError:
                seen.append(None)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(reading) for _ in range(2)]
        for _ in range(5):
            for content in data:
                storage.write("a", [content], {})
            storage.delete("a")
        done.set()
        for reader in readers:
            reader.result()
    assert set(seen) <= data | {None}
    assert len(seen) > 2


def test_an_address_that_would_never_or_too_long_work_is_refused(storage: Storage) -> None:
    refused: list[Any] = [0, -1, 0.5, float("nan"), float("inf"), None, "60", True, 8 * 24 * 3600]
    for expires in refused:
        with pytest.raises(InvalidInputError, match="expires"):
            storage.signed_get("a", expires, name="a", type="text/plain")
        with pytest.raises(InvalidInputError, match="expires"):
            storage.signed_put("a", expires, type="text/plain")


def test_an_age_that_is_none_is_refused(storage: Storage) -> None:
    refused: list[Any] = [None, -1, float("nan"), "1", True]
    for age in refused:
        with pytest.raises(InvalidInputError, match="older_than"):
            storage.sweep("", age)
