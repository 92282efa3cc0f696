"""What is particular to tantivy: its folder, who writes and reads it at once, damage, and what kills do to it."""

import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import burgee
from burgee.core.errors import BurgeeError, InvalidInputError, NotFoundError
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.model import Between, Dates, Document, Field, IndexMapping, Kind, SearchQuery, Sort, Terms
from burgee.search.protocol import Put, Remove
from burgee.search.steps import begin_of
from burgee.search.tantivy import facets
from burgee.search.tantivy import provider as engine
from burgee.search.tantivy.provider import TantivySearch
from burgee.search.tantivy.state import State
from burgee.search.text.language import parse
from burgee.search.values import as_kind, moment

MAPPING = IndexMapping((Field("t", Kind.TEXT), Field("n", Kind.INTEGER)))

KILLED = """
import json, os, signal, sys, time
from burgee.search.tantivy.provider import TantivySearch
from burgee.search.tantivy.state import State
from burgee.search.model import Field, IndexMapping, Kind, SearchQuery, Word
from burgee.search.protocol import Put

def changes(round):
    return [Put(f"{at}", {"t": f"word round{round}", "n": round}) for at in range(30)]

def child(round, told):
    search = TantivySearch(sys.argv[1])
    if round == 0:
        search.create("a", IndexMapping((Field("t", Kind.TEXT), Field("n", Kind.INTEGER))))
    search.write("a", changes(2 * round), 2 * round + 1)
    start = time.perf_counter()
    os.write(told, b"acknowledged")
    search.write("a", changes(2 * round + 1), 2 * round + 2)
    os.write(told, str(time.perf_counter() - start).encode())
    os._exit(0)

def run(round, part, whole):
    heard, told = os.pipe()
    pid = os.fork()
    if not pid:
        child(round, told)
    os.close(told)
    assert os.read(heard, 100) == b"acknowledged", round
    end = time.perf_counter() + part * whole
    while time.perf_counter() < end:
        pass
    if part < 1:
        os.kill(pid, signal.SIGKILL)
    took = os.read(heard, 100)
    os.close(heard)
    os.waitpid(pid, 0)
    return float(took) if took else None

def seen(round):
    if os.fork():
        return os.wait()
    search = TantivySearch(sys.argv[1])
    position = search.position("a")
    found = search.search("a", SearchQuery(Word(f"round{position - 1}"))).total
    print(json.dumps([position - 2 * round, search.count("a"), found]), flush=True)
    os._exit(0)

whole = run(0, 1, 0)
for round in range(1, 21):
    run(round, (round - 1) / 20, whole)
    seen(round)
"""


def put(number: int) -> Put[Document]:
    return Put(f"{number:03}", {"t": f"lamp {number}", "n": number})


def test_a_folder_is_found_again_with_all_that_was_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "not there yet" / "søk"
    search = TantivySearch(folder)
    search.create("a", MAPPING)
    search.write("a", map(put, range(5)), 5)
    search.point("alias", "a")
    search.close()
    again = TantivySearch(folder)
    assert (again.position("a"), again.pointed("alias"), again.indexes()) == (5, "a", ["a"])
    assert again.search("alias", SearchQuery(parse("lamp 3"))).hits[0].document == {"t": "lamp 3", "n": 3}


def test_killed_in_the_middle_of_a_write_it_holds_what_was_acknowledged(tmp_path: Path) -> None:
    script = [sys.executable, "-c", KILLED, str(tmp_path)]
    rounds = [json.loads(line) for line in subprocess.run(script, check=True, capture_output=True).stdout.splitlines()]
    assert len(rounds) == 20
    for position, count, found in rounds:
        assert position in {1, 2}  # the acknowledged write, or the whole of the next
        assert (count, found) == (30, 30)


def test_what_another_one_committed_is_found(tmp_path: Path) -> None:
    writing, reading = TantivySearch(tmp_path), TantivySearch(tmp_path)
    writing.create("a", MAPPING)
    assert reading.count("a") == 0
    writing.write("a", map(put, range(3)), 3)
    assert (reading.count("a"), reading.position("a")) == (3, 3)
    writing.write("a", [Remove("001")], 4)
    assert [hit.id for hit in reading.search("a", SearchQuery(parse("lamp"), size=5)).hits] == ["000", "002"]


def test_two_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    both = [TantivySearch(tmp_path) for _ in range(2)]
    both[0].create("a", MAPPING)
    failed: list[BurgeeError] = []

    def fill(search: TantivySearch, start: int) -> None:
        try:
            for number in range(start, start + 5):
                search.write("a", [put(number)], number)
        except BurgeeError as error:
            failed.append(error)

    threads = [threading.Thread(target=fill, args=(search, 10 * at)) for at, search in enumerate(both)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [search.count("a") for search in both] == [10, 10]


def test_a_writer_that_stays_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tantivy

    monkeypatch.setattr(engine, "_WAIT", 0.0)
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    (meta,) = tmp_path.rglob("meta.json")
    held = tantivy.Index.open(str(meta.parent)).writer(15_000_000, 1)
    with pytest.raises(SearchUnavailableError, match="another process has been writing to the search index 'a'"):
        search.write("a", [put(1)], 1)
    held.wait_merging_threads()
    search.write("a", [put(1)], 1)
    assert search.count("a") == 1


def test_a_write_that_fails_halfway_leaves_all_as_it_was(tmp_path: Path) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    search.write("a", [put(1)], 1)
    with pytest.raises(InvalidInputError, match="the name of a document"):
        search.write("a", [put(2), Put("", {"t": "lamp"})], 2)
    assert (search.count("a"), search.position("a")) == (1, 1)
    search.write("a", [put(3)], 3)
    assert search.count("a") == 2


@pytest.mark.parametrize("damage", ["emptied", "cut", "scribbled", "removed"])
def test_a_damaged_index_says_so_and_can_be_made_anew(tmp_path: Path, damage: str) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    search.write("a", map(put, range(50)), 50)
    search.close()
    (meta,) = tmp_path.rglob("meta.json")
    for path in [one for one in meta.parent.iterdir() if one.is_file()]:
        held = path.read_bytes()
        if damage == "removed":
            path.unlink()
        else:
            path.write_bytes({"emptied": b"", "cut": held[: len(held) // 2], "scribbled": b"\xff" * len(held)}[damage])
    again = TantivySearch(tmp_path)
    for ask in (lambda: again.count("a"), lambda: again.position("a"), lambda: again.search("a", SearchQuery())):
        with pytest.raises(DamagedIndexError, match="the search index 'a' are damaged"):
            ask()
    again.create("a", MAPPING)
    again.write("a", [put(1)], 1)
    assert again.count("a") == 1


def test_a_single_bit_that_turned_over_is_noticed_in_every_file_of_a_segment(tmp_path: Path) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    search.write("a", map(put, range(50)), 50)
    search.write("a", [Remove("003")], 51)
    search.close()
    (meta,) = tmp_path.rglob("meta.json")
    paths = [one for one in meta.parent.iterdir() if one.suffix not in {".json", ".lock"}]
    assert {path.suffix for path in paths} >= {".idx", ".pos", ".term", ".store", ".fast", ".fieldnorm", ".del"}
    for path in paths:
        held = path.read_bytes()
        path.write_bytes(bytes([held[0] ^ 1]) + held[1:])
        with pytest.raises(DamagedIndexError):
            TantivySearch(tmp_path).count("a")
        path.write_bytes(held)
    assert TantivySearch(tmp_path).count("a") == 49


def test_a_workspace_whose_index_was_damaged_answers_in_full_and_not_degraded(tmp_path: Path) -> None:
    for damaged in ("meta.json", "*.term", "catalogue.json"):
        with burgee.open(tmp_path) as ws:
            things = (ws.tenants.create("acme") if damaged == "meta.json" else ws.tenant("acme")).search.index(
                "things", [{"id": at, "t": f"lamp {at}"} for at in range(30)]
            )
            assert things.query("lamp").total() == 30
        for path in tmp_path.rglob(damaged):
            path.write_bytes(path.read_bytes()[:-20])
        with burgee.open(tmp_path) as ws:
            answer = ws.tenant("acme").search("things").query("lamp").ask()
            assert (answer.total, answer.degraded) == (30, False)


def test_a_question_that_fails_on_files_that_are_whole_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)

    def fail(*_: object) -> None:
        raise ValueError("not this one")

    monkeypatch.setattr(State, "answer", fail)
    with pytest.raises(SearchUnavailableError, match="not this one") as caught:
        search.search("a", SearchQuery())
    assert not isinstance(caught.value, DamagedIndexError)


def test_a_damaged_list_of_indexes_is_as_good_as_none(tmp_path: Path) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    (listed,) = tmp_path.rglob("catalogue.json")
    listed.write_bytes(b'{"indexes":')
    again = TantivySearch(tmp_path)
    with pytest.raises(NotFoundError):
        again.count("a")
    again.create("a", MAPPING)
    assert len(list(tmp_path.rglob("meta.json"))) == 1


def test_what_an_unfinished_building_left_is_swept(tmp_path: Path) -> None:
    search = TantivySearch(tmp_path)
    search.create("a", MAPPING)
    (meta,) = tmp_path.rglob("meta.json")
    left = meta.parent.with_name("0" * 32)
    shutil.copytree(meta.parent, left)
    assert TantivySearch(tmp_path).indexes() == ["a"]
    search.create("b", MAPPING)
    assert not left.exists()
    assert search.drop("a")
    assert search.indexes() == ["b"]
    with pytest.raises(NotFoundError):
        search.count("a")


def test_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    search = TantivySearch()
    search.create("a", MAPPING)
    search.write("a", map(put, range(3)), 3)
    assert search.search("a", SearchQuery(parse("lamp"))).total == 3
    assert TantivySearch().indexes() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("typed", ["lam*", "lapm~2", "lamp"])
def test_pages_of_what_all_scores_alike_follow_each_other_by_id(typed: str) -> None:
    search = TantivySearch()
    search.create("a", IndexMapping((Field("t", Kind.TEXT, weight=2.3),)))
    search.write("a", [Put(f"{at:03}", {"t": "lamp"}) for at in reversed(range(70))], 70)
    query = SearchQuery(parse(typed), size=25)
    seen, scores, after = [], set(), None
    for _ in range(3):
        found = search.search("a", replace(query, after=after))
        seen += [hit.id for hit in found.hits]
        scores |= {hit.score for hit in found.hits}
        after = found.after
    assert seen == [f"{at:03}" for at in range(70)]
    assert (len(scores), after) == (1, None)


@pytest.mark.parametrize(("count", "size"), [(60, 10), (600, 10), (600, 300)])
def test_of_what_is_as_good_in_several_segments_the_first_by_id_come_first(count: int, size: int) -> None:
    search = TantivySearch()
    search.create("a", MAPPING)
    ids = [f"{at:03}" for at in range(count)]
    for part in range(3):  # a segment each
        search.write("a", [Put(id, {"t": "lamp", "n": 1}) for id in ids[part::3]], part + 1)
    search.write("a", [Put("best", {"t": "lamp lamp lamp", "n": 0})], 4)
    for query in (SearchQuery(parse("lamp")), SearchQuery(parse("lam*"), sort=(Sort("n"),))):
        found = search.search("a", replace(query, size=size))
        assert [hit.id for hit in found.hits] == ["best", *ids][:size]
        following = search.search("a", replace(query, size=5, after=found.after))
        assert [hit.id for hit in following.hits] == ["best", *ids][size : size + 5]


def test_what_another_did_is_seen_even_where_no_change_was_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED", 0.0)
    one, other = TantivySearch(tmp_path), TantivySearch(tmp_path)
    one.create("a", MAPPING)
    assert other.count("a") == 0
    (noted,) = tmp_path.rglob("*.changes")
    noted.unlink()
    one.write("a", [put(1)], 1)
    assert other.count("a") == 1


@pytest.mark.parametrize("size", [1, 10, 50])
@pytest.mark.parametrize("most", [(1000, 65_000), (10, 65_000), (10, 30)], ids=["few", "some", "many"])
def test_values_are_counted_alike_however_many_there_are(
    most: tuple[int, int], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "_SOME", most[0])
    monkeypatch.setattr(facets, "_MOST", most[1])
    search = TantivySearch()
    fields = (Field("k", Kind.KEYWORD), Field("l", Kind.KEYWORD), Field("n", Kind.NUMBER), Field("m", Kind.INTEGER))
    search.create("a", IndexMapping((*fields, Field("t", Kind.TEXT))))
    documents: dict[str, Any] = {
        f"{at}": {
            "k": f"k{at % 97}",
            "l": [f"l{at % 41}", "l1", f"l{at % 3}"],
            "n": at % 83 / 2,
            "m": [at % 61, at % 7],
        }
        for at in range(300)
    }
    for part in range(3):  # a segment each
        search.write(
            "a",
            [Put(id, one | {"t": f"word{int(id) % 2}"}) for id, one in documents.items() if int(id) % 3 == part],
            part,
        )
    search.write("a", [Remove("7"), Put("8", {"t": "word0"})], 3)
    left = {id: one for id, one in documents.items() if id not in {"7", "8"}}
    for text, found in ((None, left), (parse("word1"), {id: one for id, one in left.items() if int(id) % 2})):
        result = search.search("a", SearchQuery(text, facets=tuple(Terms(field.name, size) for field in fields)))
        for field, buckets in zip(fields, result.facets, strict=True):
            values = [one[field.name] for one in found.values()]
            counts = Counter(each for value in values for each in set(value if isinstance(value, list) else [value]))
            best = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:size]
            assert isinstance(buckets, tuple)
            assert [(bucket.value, bucket.count) for bucket in buckets] == best, field


@pytest.mark.parametrize("per", ["week", "month", "quarter", "year"])
def test_periods_begin_where_the_calendar_says_long_before_1970_too(per: str) -> None:
    days = [
        "0001-01-01",
        "0001-04-02",
        "1969-12-28",
        "1969-12-29",
        "1969-12-31",
        "1970-01-01",
        "1970-01-05",
        "9999-12-31",
    ]
    search = TantivySearch()
    search.create("a", IndexMapping((Field("d", Kind.DATE),)))
    search.write("a", [Put(day, {"d": day}) for day in days], 1)
    for first, last in (("0001-01-01", "0002-01-01"), ("1969-01-01", "1971-01-01"), ("9999-01-01", None)):
        query = SearchQuery(filters=(Between("d", first, last),), facets=(Dates("d", per),))
        (buckets,) = search.search("a", query).facets
        assert isinstance(buckets, tuple)
        found = [day for day in days if first <= day <= (last or day)]
        begins = Counter(begin_of(int(as_kind(day, Kind.DATE) or 0), per) for day in found)
        assert {bucket.value: bucket.count for bucket in buckets if bucket.count} == {
            moment(begin): count for begin, count in begins.items()
        }
