"""What is particular to SQLite's engine: its file, who writes and reads it at once, and what kills do to it."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burgee.core.errors import InvalidInputError, NotFoundError
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fts5 import file as fts5file
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import Document, Field, IndexMapping, Kind, SearchQuery, Stats, Terms
from burgee.search.protocol import Put
from burgee.search.text.edits import distance, near
from burgee.search.text.language import parse
from search.oracle import edits

MAPPING = IndexMapping((Field("t", Kind.TEXT), Field("n", Kind.INTEGER)))

KILLED = """
import json, os, signal, sys
from burgee.search.fts5.provider import Fts5Search
from burgee.search.fts5.file import SearchFile
from burgee.search.model import Field, IndexMapping, Kind, SearchQuery, Word
from burgee.search.protocol import Put

path = sys.argv[1]

def open_search():
    return Fts5Search(path)

def changes(round, words):
    return [Put(f"{at}", {"t": f"{words} round{round}", "n": round}) for at in range(30)]

def counted(write, deadly=None):
    # The steps that SQLite takes for it; the deadly one is the last of this process.
    steps = 0
    def step():
        nonlocal steps
        steps += 1
        if steps == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
    opened = SearchFile._opened
    def opened_and_counted(self):
        connection = opened(self)
        connection.set_progress_handler(step, 1)
        return connection
    SearchFile._opened = opened_and_counted
    write()
    SearchFile._opened = opened
    return steps

def first():
    search = open_search()
    search.create("a", IndexMapping((Field("t", Kind.TEXT), Field("n", Kind.INTEGER))))
    search.write("a", changes(0, "kept"), 1)
    search.close()

def lost(round):
    search = open_search()
    search.write("a", changes(round, "lost"), 1000 + round)
    search.close()

first()
steps = counted(lambda: lost(0))
first()
for round in range(20):
    child = os.fork()
    if not child:
        counted(lambda: lost(round), steps * (round + 1) // 21)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    search = open_search()
    found = [search.search("a", SearchQuery(Word(word))).total for word in ("lost", "kept", f"round{round}")]
    print(json.dumps([killed, search.position("a"), search.count("a"), *found]))
    search.write("a", changes(round + 1, "kept"), round + 2)
    search.close()
"""


def put(number: int) -> Put[Document]:
    return Put(f"{number:03}", {"t": f"lamp {number}", "n": number})


def test_a_file_is_found_again_with_all_that_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "not there yet" / "søk.sqlite3"
    search = Fts5Search(path)
    search.create("a", MAPPING)
    search.write("a", map(put, range(5)), 5)
    search.point("alias", "a")
    search.close()
    again = Fts5Search(path)
    assert (again.position("a"), again.pointed("alias"), again.indexes()) == (5, "a", ["a"])
    assert again.search("alias", SearchQuery(parse("lamp 3"))).hits[0].document == {"t": "lamp 3", "n": 3}
    again.close()


def test_killed_in_the_middle_of_a_write_it_holds_what_was_acknowledged(tmp_path: Path) -> None:
    script = [sys.executable, "-c", KILLED, str(tmp_path / "search.sqlite3")]
    rounds = [json.loads(line) for line in subprocess.run(script, check=True, capture_output=True).stdout.splitlines()]
    assert rounds == [[True, number + 1, 30, 0, 30, 30] for number in range(20)]


def test_two_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    with_each = [Fts5Search(path) for _ in range(2)]
    started = threading.Barrier(2)
    failed: list[BaseException] = []

    def fill(search: Fts5Search, start: int) -> None:
        try:
            started.wait()
            search.indexes()
            if start == 0:
                search.create("a", MAPPING)
            started.wait()
            for number in range(start, start + 10):
                search.write("a", [put(number)], number)
                assert search.search("a", SearchQuery(parse(f"{number}"))).total == 1
        except BaseException as error:  # noqa: BLE001 # told below, in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=fill, args=(search, at * 10)) for at, search in enumerate(with_each)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [search.count("a") for search in with_each] == [20, 20]
    for search in with_each:
        search.close()


def test_who_reads_during_a_write_sees_what_was_before(tmp_path: Path) -> None:
    search = Fts5Search(tmp_path / "search.sqlite3")
    search.create("a", MAPPING)
    search.write("a", [put(1)], 1)
    seen: list[object] = []

    def read() -> None:
        result = search.search("a", SearchQuery(parse("lamp"), facets=(Stats("n"), Terms("n"))))
        seen.append((result.total, len(result.hits), search.position("a")))

    def changes() -> Iterator[Put[Document]]:
        for number in range(2, 1502):
            yield put(number)
        reader = threading.Thread(target=read)
        reader.start()
        reader.join()

    search.write("a", changes(), 2)
    assert seen == [(1, 1, 1)]
    assert (search.count("a"), search.position("a")) == (1501, 2)
    search.close()


def test_a_write_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    search = Fts5Search(tmp_path / "search.sqlite3")
    search.create("a", MAPPING)
    search.write("a", [put(1)], 1)

    def changes() -> Iterator[Put[Document]]:
        yield put(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.write("a", changes(), 2)
    assert (search.count("a"), search.position("a")) == (1, 1)
    search.write("a", [put(3)], 3)
    assert search.count("a") == 2
    search.close()


def test_a_file_that_is_none_of_sqlite_says_so_once_and_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    path.write_bytes(b"this is no database at all" * 100)
    search = Fts5Search(path)
    with pytest.raises(DamagedIndexError, match="not a database"):
        search.indexes()
    assert search.indexes() == []
    search.close()
    with pytest.raises(SearchUnavailableError, match="closed"):
        search.indexes()
    with pytest.raises(SearchUnavailableError, match="can't be used"):
        Fts5Search(path / "below a file").create("a", MAPPING)


@pytest.mark.parametrize("page", range(1, 9))
def test_a_page_that_is_damaged_gives_no_answer_that_is_untyped(tmp_path: Path, page: int) -> None:
    path = tmp_path / "search.sqlite3"
    search = Fts5Search(path)
    search.create("a", MAPPING)
    search.write("a", [put(at) for at in range(100)], 1)
    search.close()
    held = bytearray(path.read_bytes())
    held[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    path.write_bytes(held)
    again = Fts5Search(path)
    try:
        assert again.search("a", SearchQuery(parse("lamp"), size=100)).total == 100
    except (DamagedIndexError, NotFoundError):
        again.create("a", MAPPING)
        again.write("a", [put(1)], 1)
        assert again.count("a") == 1
    again.close()


def test_another_who_writes_too_long_is_not_waited_for_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fts5file, "_PATIENCE", 0.01)
    path = tmp_path / "search.sqlite3"
    search = Fts5Search(path)
    search.create("a", MAPPING)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SearchUnavailableError, match="locked"):
        search.write("a", [put(1)], 1)
    assert search.count("a") == 0
    other.execute("ROLLBACK")
    other.close()
    search.write("a", [put(1)], 1)
    assert search.count("a") == 1
    search.close()


def test_in_memory_many_threads_take_turns() -> None:
    search = Fts5Search()
    search.create("a", MAPPING)
    totals: list[int] = []

    def work(start: int) -> None:
        for number in range(start, start + 5):
            search.write("a", [put(number)], number)
            totals.append(search.search("a", SearchQuery(parse(f"{number}"))).total)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 40, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [1] * 40
    assert search.count("a") == 40


@pytest.mark.parametrize("name", ["", None, 5, "\ud800", "x" * 9000], ids=["empty", "none", "number", "half", "long"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    search = Fts5Search()
    search.create("a", MAPPING)
    asked: tuple[Callable[[], object], ...] = (
        lambda: search.create(name, MAPPING),
        lambda: search.point(name, "a"),
        lambda: search.write("a", [Put(name, {})], 1),
    )
    for ask in asked:
        with pytest.raises(InvalidInputError, match="name"):
            ask()


def test_edits_are_counted_as_defined() -> None:
    words = ("", "a", "ab", "ba", "abc", "acb", "bca", "abcd", "badc", "kubernetes", "kubernets", "kuebrnetse", "éa")
    for one in words:
        for other in words:
            right = edits(one, other)
            for most in (0, 1, 2):
                assert distance(one, other, most) == min(right, most + 1)
                assert near(one, [other], most) == [other] * (right <= most)
