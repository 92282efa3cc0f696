"""Elasticsearch killed in mid-query and mid-reindex, and started again: once, as it takes its time to start."""

import signal
import threading
import time
from collections.abc import Callable

from burgee.search.elasticsearch.provider import ElasticsearchSearch
from burgee.search.errors import SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import Field, IndexMapping, Kind, SearchQuery
from search.served import Served
from search.switched import Switched
from services.elasticsearch import PATIENCE, ElasticsearchServer

OTHER = IndexMapping((Field("title", Kind.TEXT), Field("n", Kind.INTEGER), Field("more", Kind.KEYWORD)))
DOCUMENTS = 300
CALLERS = 4


def test_killed_under_readers_and_a_reindex_answers_come_from_the_database_until_it_is_back(
    elasticsearch_server: ElasticsearchServer,
) -> None:
    engine = Switched(ElasticsearchSearch(f"{elasticsearch_server.url}&prefix=away", timeout=PATIENCE))
    served = Served(WithFallback(engine, Fts5Search(), kept_fresh=True, pause=0.2))
    served.define()
    served.put(*range(DOCUMENTS))
    old = engine.engine.pointed("acme.things")
    wrong: list[str] = []
    degraded: set[bool] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.02):  # the server needs the machine, too
            try:
                answer = served.run(served.service.search("things", SearchQuery(size=1)))
                degraded.add(answer.degraded)
                if answer.total < DOCUMENTS:
                    wrong.append(f"{answer.total} found")
            except Exception as error:  # noqa: BLE001 - whatever reaches a reader is what this test is about
                wrong.append(repr(error))

    def kill(call: str) -> None:
        if call == "write":
            engine.before = lambda _: None
            elasticsearch_server.end(signal.SIGKILL)

    readers = [threading.Thread(target=read) for _ in range(CALLERS)]
    for reader in readers:
        reader.start()
    try:
        until(lambda: False in degraded)
        engine.before = kill
        try:
            served.run(served.service.reindex("things", OTHER))
            wrong.append("it was built anew by a server that is dead")
        except SearchUnavailableError:
            pass
        until(lambda: True in degraded)
        served.put(DOCUMENTS)
        assert served.found() == [*range(DOCUMENTS + 1)]
    finally:
        elasticsearch_server.start()
    degraded.clear()
    until(lambda: False in degraded)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert engine.engine.pointed("acme.things") == old
    assert served.found() == [*range(DOCUMENTS + 1)]
    served.run(served.service.reindex("things", OTHER))
    assert served.found() == [*range(DOCUMENTS + 1)]
    assert engine.engine.indexes("acme.things.") == [engine.engine.pointed("acme.things")] != [old]
    served.run(served.service.drop("things"))
    served.close()


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
