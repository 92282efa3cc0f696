"""Killed in mid-write and mid-reindex on Elasticsearch, us and the server: nothing is lost, half or left over."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.errors import SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import SearchQuery
from burgee.store.database import Database
from search.cut import cut, sent
from search.served import MAPPING, Served
from services.elasticsearch import PATIENCE, ElasticsearchServer

DOCUMENTS = 30
KILLS = 20
AT_ONCE = 4
"""How many are in mid-write, and as many in mid-reindex, when the server is killed."""

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from burgee.search.elasticsearch import provider as elasticsearch
    from burgee.search.fallback import WithFallback
    from burgee.store.database import Database
    from search.cut import cut
    from search.served import Served

    url, folder, what = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    elasticsearch._BATCH = 8

    def opened():
        engine = elasticsearch.ElasticsearchSearch(url, timeout=60)
        return Served(WithFallback(engine), Database.in_folder(folder))

    def change(served, attempt, done):
        if what == "reindex":
            served.run(served.service.reindex("things"))
        else:
            served.run(served.service.remove("things", (str(attempt),)))
            os.write(done, b"removed ")
            served.put(*range(1000 * attempt, 1000 * attempt + 30))
            os.write(done, b"put ")

    expected = set(range(30))
    attempt, killed = 0, True
    while killed:
        attempt += 1
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            served = opened()
            cut(attempt, lambda: os.kill(os.getpid(), signal.SIGKILL))
            change(served, attempt, tell)
            os._exit(0)
        os.close(tell)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        with os.fdopen(told) as stream:
            acknowledged = stream.read().split()
        served = opened()
        if what == "reindex":
            there = served.engines.first.count("acme.things")
            assert there == 30, (attempt, "the alias shows", there)
        found = served.found()
        assert len(found) == len(set(found)) == served.run(served.service.count("things")), (attempt, found)
        if what != "reindex":
            new = set(range(1000 * attempt, 1000 * attempt + 30))
            assert (attempt in found) <= ("removed" not in acknowledged), (attempt, acknowledged, found)
            assert new <= set(found) or (not new & set(found) and "put" not in acknowledged), (attempt, found)
            expected = expected - {attempt} | new & set(found) | {attempt} & set(found)
        assert set(found) == expected, (attempt, acknowledged, sorted(expected ^ set(found)))
        served.close()
    served = opened()
    served.run(served.service.reindex("things"))
    assert set(served.found()) == expected
    print(attempt - 1, len(served.engines.first.indexes("acme.things.")))
"""


@pytest.mark.parametrize("what", ["reindex", "write"])
def test_killed_at_each_thing_we_send_the_index_is_whole_and_nothing_acknowledged_is_lost(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, what: str
) -> None:
    url = f"{elasticsearch_server.url}&prefix=killed-{what}"
    served = Served(WithFallback(ElasticsearchSearch(url, timeout=PATIENCE)), Database.in_folder(tmp_path))
    served.define()
    served.put(*range(DOCUMENTS))
    served.close()
    command = [sys.executable, "-c", textwrap.dedent(KILLED), url, str(tmp_path), what]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0, done.stderr
    kills, built = map(int, done.stdout.split())
    assert kills >= KILLS
    assert built == 1


class Busy:
    """A workspace that is at work when the server is killed, and what it must find."""

    def __init__(self, server: ElasticsearchServer, number: int, *, reindexes: bool) -> None:
        self.engine = ElasticsearchSearch(f"{server.url}&prefix=busy-{number}", timeout=PATIENCE)
        self.served = Served(WithFallback(self.engine, Fts5Search(), kept_fresh=True, pause=0))
        self.reindexes = reindexes
        self.expected = set(range(DOCUMENTS))
        self.next = DOCUMENTS
        self.served.define()
        self.served.put(*self.expected)

    def work(self) -> None:
        """Reindex, or remove the oldest document and put as many as there can be in some requests."""
        if self.reindexes:
            self.served.run(self.served.service.reindex("things"))
        else:
            self.change(DOCUMENTS)

    def change(self, more: int) -> None:
        """Remove the oldest document, and put more."""
        oldest = min(self.expected)
        self.served.run(self.served.service.remove("things", (str(oldest),)))
        new = range(self.next, self.next + more)
        self.served.put(*new)
        self.expected = self.expected - {oldest} | set(new)
        self.next += more

    def killed_at(self, point: int, act: Callable[[], object]) -> None:
        """Work, with that in the middle of what is sent as the one of that number."""
        cut(point, act)
        try:
            self.work()
        except SearchUnavailableError:
            assert self.reindexes
        assert sent() >= point

    def check(self, *, degraded: bool) -> None:
        """Whether all is found that should be, and nothing else."""
        answer = self.served.run(self.served.service.search("things", SearchQuery(size=1000)))
        assert answer.degraded == degraded
        assert {int(hit.id) for hit in answer.hits} == self.expected
        assert answer.total == len(self.expected)

    def points(self) -> list[int]:
        """Where it is killed: as many points as there are kills, spread over all that it sends."""
        cut(sys.maxsize, lambda: None)
        self.work()
        most = sent()
        assert most >= KILLS
        return [1 + at * (most - 1) // (KILLS - 1) for at in range(KILLS)]


@pytest.mark.timeout(900)  # it starts five times
def test_the_server_killed_in_mid_write_and_mid_reindex_loses_nothing(
    elasticsearch_server: ElasticsearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 times each, four of each at once, at points that go through all that they send."""
    monkeypatch.setattr("burgee.search.elasticsearch.provider._BATCH", 8)
    all_busy = [Busy(elasticsearch_server, at, reindexes=at % 2 == 1) for at in range(2 * AT_ONCE)]
    points = [busy.points()[at // 2 :: AT_ONCE] for at, busy in enumerate(all_busy)]
    for at_points in zip(*points, strict=True):
        sizes = [len(busy.expected) for busy in all_busy]
        try:
            _kill(elasticsearch_server, all_busy, at_points)
            for busy in all_busy:
                busy.check(degraded=True)
                busy.change(1)
                busy.check(degraded=True)
            _refuses_everything(all_busy[0].engine)
        finally:
            elasticsearch_server.start()
        for busy, size in zip(all_busy, sizes, strict=True):
            if busy.reindexes:
                assert busy.engine.count("acme.things") == size, "the alias shows half an index"
            busy.check(degraded=False)
    for busy in all_busy:
        busy.served.run(busy.served.service.reindex("things"))
        busy.check(degraded=False)
        assert busy.engine.indexes() == [busy.engine.pointed("acme.things")]
        busy.served.close()


def _kill(server: ElasticsearchServer, all_busy: list[Busy], points: Iterable[int]) -> None:
    """Kill it when all have come to their points."""
    together = threading.Barrier(len(all_busy), lambda: server.end(signal.SIGKILL), timeout=300)
    with ThreadPoolExecutor(len(all_busy)) as threads:
        works = [
            threads.submit(busy.killed_at, point, together.wait) for busy, point in zip(all_busy, points, strict=True)
        ]
    for work in works:
        work.result()


def _refuses_everything(engine: ElasticsearchSearch) -> None:
    asked: tuple[Callable[[], object], ...] = (
        lambda: engine.search("acme.things", SearchQuery()),
        lambda: engine.suggest("acme.things", "a", "title", 1),
        lambda: engine.position("acme.things"),
        lambda: engine.count("acme.things"),
        engine.indexes,
        lambda: engine.create("other", MAPPING),
        lambda: engine.write("acme.things", [], 1),
        lambda: engine.drop("acme.things"),
        lambda: engine.point("acme", "acme.things"),
    )
    for ask in asked:
        with pytest.raises(SearchUnavailableError, match="no answer"):
            ask()
