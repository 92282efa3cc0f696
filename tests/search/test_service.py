"""The service: what is acknowledged is in the database, and engines follow, whatever happens to them."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from burgee.core.errors import ConflictError, InvalidInputError, MissingTenantError, NotFoundError
from burgee.core.json import dumps
from burgee.core.portal import drive, portal
from burgee.core.scope import tenant_scope
from burgee.search import documents
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5 import Fts5Search
from burgee.search.model import (
    All,
    AnyOf,
    Between,
    Dates,
    Exists,
    Field,
    Histogram,
    IndexMapping,
    Kind,
    Not,
    OneOf,
    Phrase,
    Ranges,
    SearchQuery,
    Sort,
    Stats,
    Terms,
    Within,
    Without,
    Word,
)
from burgee.store.database import Database
from burgee.wire.client import Request
from burgee.workspace import Tenant, Workspace
from conftest import in_process
from search.served import MAPPING, Served
from search.switched import Switched

OTHER = IndexMapping((Field("title", Kind.TEXT), Field("n", Kind.INTEGER), Field("more", Kind.KEYWORD)))
ROWS = [
    {"id": 1, "title": "Red shoes of leather", "brand": "Größe", "price": 20.0, "new": True, "made": "2026-01-05"},
    {"id": 2, "title": "Blue shoes", "brand": "x", "price": 30.5, "new": False, "made": "2026-02-01T10:00:00.000001Z"},
    {"id": 3, "title": "A red hat", "brand": "x", "tags": ["a", "b"]},
]


@pytest.fixture
def alone() -> Iterator[Served]:
    """A service with one engine."""
    made = Served()
    made.define()
    yield made
    made.close()


def test_every_way_of_asking_is_the_same_wherever_the_service_is(acme: Tenant) -> None:
    mapping = {
        "title": "text",
        "brand": "keyword",
        "price": "number",
        "new": "boolean",
        "made": "date",
        "tags": "keyword",
    }
    shop = acme.search.index("shop", ROWS, mapping=mapping)
    text = Within(("title",), AnyOf((All((Word("red"), Without(Phrase(("red", "hat"))))), Word("blu", prefix=True))))
    filters = (
        OneOf("brand", ("Größe", "x")),
        Between("made", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 10, 0, 0, 1, tzinfo=UTC)),
        Not(Exists("tags")),
        Between("price", 10, 30.5),
        Not(OneOf("new", ())),
    )
    facets = (
        Terms("brand"),
        Stats("price"),
        Ranges("price", (None, 25, None)),
        Histogram("price", 10),
        Dates("made", "month"),
    )
    found = shop.asking(SearchQuery(text, None, filters, facets, (Sort("price", descending=True),))).result()
    assert [hit.id for hit in found.hits] == ["2", "1"]
    assert found.total == 2
    assert not found.degraded
    assert found.hits[1].highlights == {"title": ("<mark>Red</mark> shoes of leather",)}
    assert found.hits[0].document == {key: value for key, value in ROWS[1].items()}
    terms, stats, ranges, steps, months = found.facets
    assert isinstance(terms, tuple)
    assert {bucket.value: bucket.count for bucket in terms} == {"Größe": 1, "x": 1}
    assert (stats.min, stats.max) == (20.0, 30.5)  # type: ignore[union-attr]
    assert [(one.low, one.high, one.count) for one in ranges] == [(None, 25, 1), (25, None, 1)]  # type: ignore[union-attr]
    assert [(one.value, one.count) for one in steps] == [(20, 1), (30, 1)]  # type: ignore[union-attr]
    assert [one.count for one in months] == [1, 1]  # type: ignore[union-attr]
    first = shop.query("red OR shoes").top(2).result()
    assert len(first.hits) == 2
    assert [hit.id for hit in shop.query("red OR shoes").page(first.after).hits()] not in [[], [first.hits[0].id]]
    assert shop.get(3)["tags"] == ["a", "b"]
    assert shop.remove([3, 4]) == 1
    assert shop.count() == shop.total() == 2
    with pytest.raises(NotFoundError, match="no document '3'"):
        shop.get(3)
    with pytest.raises(InvalidInputError, match="no field 'prize'"):
        shop.filter(prize=1).total()
    assert shop.reindex({"title": "text", "n": "integer"}, why="less").query("leather").total() == 1
    assert acme.search.list().frame()["generation"].tolist() == [2]
    assert [change.why for change in shop.history()] == [None, "less", "less"]
    assert shop.drop() is True
    assert shop.drop() is False
    with pytest.raises(NotFoundError, match="no search index 'shop'"):
        acme.search("shop").total()


def test_a_tenant_finds_nothing_of_another(ws: Workspace) -> None:
    """P10: the same name is another index."""
    one, other = (ws.tenants.create(f"search-{name}", exist_ok=True) for name in ("one", "other"))
    one.search.index("private", [{"id": 1, "title": "a secret"}], mapping={"title": "text"})
    for ask in (lambda: other.search("private").total(), lambda: other.search("private").get(1)):
        with pytest.raises(NotFoundError, match="no search index 'private'"):
            ask()
    assert other.search.list().count() == 0
    mine = other.search.index("private", [{"id": 1, "title": "another"}], mapping={"title": "text"})
    assert mine.query("secret").total() == 0
    assert mine.total() == 1
    assert other.search("private").drop()
    assert one.search("private").query("secret").total() == 1


def test_hostile_json_is_refused_with_a_reason() -> None:
    database = Database.in_memory()
    with in_process(database) as ws:
        ws.tenants.create("acme").search.index("i", [{"id": 1, "title": "x"}], mapping={"title": "text"})
        deep: object = {"kind": "word", "text": "x"}
        for _ in range(60):
            deep = {"kind": "all", "of": [deep]}
        hostile: list[object] = [
            {"text": {"text": "x"}},
            {"text": {"kind": "query_string", "text": "*"}},
            {"text": {"kind": "word", "text": "x", "fuzzy": 99}},
            {"text": deep},
            {"filters": [{"kind": "one_of", "field": "title", "values": {"$ne": 1}}]},
            {"filters": [{"kind": "one_of", "field": "tenant", "values": ["other"]}]},
            {"facets": [{"kind": "script", "source": "1"}]},
            {"size": 10**9},
            {"after": "AAAA"},
            [],
        ]
        for query in hostile:
            assert ws._http is not None
            body = dumps({"query": query}).encode()
            request = Request("POST", "/v1/search/indexes/i/search", {}, body, "application/json", repeatable=False)
            with tenant_scope("acme"):
                response = portal.run(ws._http.send(request))
            assert (response.status, response.content_type) == (422, "application/problem+json"), (query, response)
    database.close()


def test_without_a_tenant_nothing_is_asked(alone: Served) -> None:
    with pytest.raises(MissingTenantError):
        drive(alone.service.list())


def test_what_is_put_again_unchanged_is_no_change(alone: Served) -> None:
    alone.put(1, 2)
    before = head(alone)
    alone.put(1, 2)
    assert head(alone) == before
    alone.put(2, title="other")
    assert alone.found("other") == [2]
    assert alone.found() == [1]


def head(served: Served) -> int:
    with served.database.read("acme") as connection:
        return documents.head(connection, "acme", "things")


def test_documents_are_stored_all_or_none(alone: Served) -> None:
    alone.put(1)
    with pytest.raises(InvalidInputError, match="'n' must be a whole number"):
        alone.run(alone.service.put("things", {"2": {"title": "thing", "n": 2}, "3": {"n": "three"}}))
    table = pa.table({"id": ["4", None], "title": ["thing", "thing"], "n": [4, 5]})
    with pytest.raises(InvalidInputError, match="row 2 has no id"):
        alone.run(alone.service.put_table("things", "id", table.to_reader()))
    assert alone.found() == [1]


@pytest.mark.parametrize(
    ("id", "document"),
    [
        ("", {}),
        ("a\x00b", {}),
        ("x" * 5000, {}),
        ("1", {"title": 5}),
        ("1", {"n": float("nan")}),
        ("1", {"n": 2**63}),
        ("1", {"n": True}),
        ("1", {"title": "\ud800"}),
        ("1", {"more": float("inf")}),
        ("1", {"more": "x" * 1_000_001}),
        ("1", "no document"),
        ("1", None),
    ],
    ids=range(12),
)
def test_a_document_that_cant_be_searched_is_refused(alone: Served, id: str, document: Any) -> None:
    with pytest.raises(InvalidInputError):
        alone.run(alone.service.put("things", {id: document}))
    assert alone.run(alone.service.count("things")) == 0


@pytest.mark.parametrize("name", ["", "A", "a b", "a.b", "../a", "a" * 64, "_a", "ä", None, 5], ids=range(10))
def test_an_index_has_a_name_that_every_engine_can_hold(alone: Served, name: Any) -> None:
    with pytest.raises(InvalidInputError, match="can't be an index's name"):
        alone.run(alone.service.define(name, MAPPING))


def test_another_mapping_needs_another_building(alone: Served) -> None:
    alone.define()  # the same again is nothing
    with pytest.raises(ConflictError, match="has another mapping"):
        alone.define(mapping=OTHER)


def test_what_an_engine_lost_is_built_anew_from_the_database(alone: Served) -> None:
    alone.put(*range(20))
    alone.run(alone.service.remove("things", ("3",)))
    alone.engines.first.close()
    alone.engines = WithFallback(Fts5Search())
    assert alone.found() == [n for n in range(20) if n != 3]
    [built] = alone.engines.first.indexes("acme.things.")
    assert alone.engines.first.pointed("acme.things") == built


def test_an_engine_ahead_of_a_restored_database_is_built_anew(alone: Served) -> None:
    alone.put(1, 2)
    with alone.database.write("acme") as connection:  # as if the backup was from before the second
        connection.exec_driver_sql("DELETE FROM documents WHERE id = '2'")
    assert alone.found() == [1]


def test_another_log_on_the_same_engine_meets_nothing_of_the_first() -> None:
    engine = Fts5Search()
    one, other = Served(WithFallback(engine)), Served(WithFallback(engine))
    for made in (one, other):
        made.define()
    one.put(1)
    other.put(2)
    assert (one.found(), other.found()) == ([1], [2])
    one.database.close()
    other.close()


def test_a_damaged_index_is_built_anew() -> None:
    damage = ["search"]

    def fail(call: str) -> None:
        if call in damage:
            damage.clear()
            raise DamagedIndexError("its files can't be read")

    served = Served(WithFallback(Switched(Fts5Search(), fail), Fts5Search()))
    served.define()
    served.put(1, 2)
    damage.append("search")
    assert served.found() == [1, 2]
    assert served.engines.first.calls.count("create") == 2  # type: ignore[attr-defined]
    served.close()


def test_readers_see_the_old_index_until_the_new_one_is_whole_and_no_write_is_lost() -> None:
    """R7.6: looked at before each thing the engine is asked to do, with a write in between."""
    served: Served
    looked: list[list[int]] = []
    building = False

    def look(call: str) -> None:
        nonlocal building
        if building and call in {"create", "write", "point", "drop", "indexes"}:
            building = False
            served.put(100 + len(looked))
            looked.append(served.found())
            building = True

    served = Served(WithFallback(Switched(Fts5Search(), look)))
    served.define()
    served.put(1, 2, 3)
    building = True
    served.run(served.service.reindex("things", OTHER))
    building = False
    assert len(looked) >= 5
    written = [1, 2, 3]
    for number, found in enumerate(looked):
        written.append(100 + number)
        assert found == written
    assert served.found() == written
    assert served.engines.first.indexes("acme.things.") == [served.engines.first.pointed("acme.things")]
    served.close()


def test_of_two_buildings_at_once_the_later_is_read_and_nothing_is_left(alone: Served) -> None:
    """The second is begun and whole while the first is on its way."""
    inner = alone.engines.first
    begun: list[str] = []

    def second(call: str) -> None:
        if call == "write" and not begun:
            begun.append(call)
            alone.run(alone.service.reindex("things", OTHER))

    alone.put(1, 2)
    alone.engines = WithFallback(Switched(inner, second))
    state = alone.run(alone.service.reindex("things", MAPPING))
    assert state.generation == 3
    assert state.mapping == OTHER
    assert alone.found() == [1, 2]
    assert len(inner.indexes("acme.things.")) == 1


def test_a_document_written_meanwhile_that_does_not_fit_the_new_mapping_stops_it(alone: Served) -> None:
    strict = IndexMapping((Field("title", Kind.TEXT), Field("n", Kind.INTEGER), Field("more", Kind.INTEGER)))
    written: list[str] = []

    def write(call: str) -> None:
        if call == "write" and not written:
            written.append(call)
            alone.run(alone.service.put("things", {"9": {"title": "thing", "n": 9, "more": "text"}}))

    alone.put(1)
    alone.engines = WithFallback(Switched(alone.engines.first, write))
    with pytest.raises(InvalidInputError, match="'more' must be a whole number"):
        alone.run(alone.service.reindex("things", strict))
    assert alone.found() == [1, 9]
    assert alone.run(alone.service.describe("things")).mapping == MAPPING


def test_an_engine_that_goes_away_in_mid_reindex_leaves_the_old_index() -> None:
    served: Served
    engine = Switched(Fts5Search())
    served = Served(WithFallback(engine, Fts5Search(), pause=0))
    served.define()
    served.put(1, 2)
    old = engine.engine.pointed("acme.things")
    engine.before = lambda call: setattr(engine, "off", call == "write" or engine.off)
    with pytest.raises(SearchUnavailableError):
        served.run(served.service.reindex("things", OTHER))
    served.put(3)
    assert served.found() == [1, 2, 3]
    engine.before, engine.off = lambda _: None, False
    assert engine.engine.pointed("acme.things") == old
    assert served.found() == [1, 2, 3]
    served.run(served.service.reindex("things", OTHER))
    assert served.found() == [1, 2, 3]
    assert len(engine.engine.indexes("acme.things.")) == 1
    served.close()


def test_an_index_made_again_has_nothing_of_the_one_that_was_dropped(alone: Served) -> None:
    alone.put(1)
    alone.run(alone.service.drop("things", "done with it"))
    assert alone.engines.first.indexes("acme.things.") == []
    with pytest.raises(NotFoundError):
        alone.put(2)
    alone.define()
    assert alone.found() == []
    assert alone.run(alone.service.describe("things")).generation == 2
    changes = alone.run(alone.service.history("things"))
    assert [(change.change, change.why) for change in changes] == [
        ("created", None),
        ("dropped", "done with it"),
        ("created", None),
    ]


def test_two_that_write_at_once_both_find_everything(tmp_path: Path) -> None:
    """Two workspaces on one folder, as two processes have them."""
    made = [
        Served(WithFallback(Fts5Search(tmp_path / "fts5.sqlite3")), Database.in_folder(tmp_path / "ws"))
        for _ in range(2)
    ]
    made[0].define()
    errors: list[BaseException] = []

    def write(served: Served, first: int) -> None:
        try:
            for n in range(first, first + 20):
                served.put(n)
                assert n in served.found()
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(served, 100 * at)) for at, served in enumerate(made)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert made[0].found() == made[1].found() == [*range(20), *range(100, 120)]
    for served in made:
        served.close()


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from sqlalchemy import Engine, event
    from burgee.search.fallback import WithFallback
    from burgee.search.fts5 import Fts5Search
    from burgee.store.database import Database
    from search.served import MAPPING, Served
    from search.switched import Switched

    folder, what = Path(sys.argv[1]), sys.argv[2]
    left = 0

    def count(*_):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)

    def opened():
        engine = Switched(Fts5Search(folder / "fts5.sqlite3"), count)
        return Served(WithFallback(engine), Database.in_folder(folder / "ws"))

    for attempt in range(1, 21):
        child = os.fork()
        if child == 0:
            served = opened()
            number = 1000 + attempt
            left = attempt
            if what == "reindex":
                served.run(served.service.reindex("things"))
            else:
                served.put(number)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        served = opened()
        found = served.found()
        with served.database.read("acme") as connection:
            there = connection.exec_driver_sql("SELECT count(*) FROM documents").scalar()
        assert len(found) == there, (attempt, found, there)
        assert found[:3] == [1, 2, 3]
        served.close()
    served = opened()
    served.run(served.service.reindex("things"))
    print(len(served.found()), len(served.engines.first.indexes("acme.things.")))
"""


@pytest.mark.parametrize("what", ["reindex", "put"])
def test_killed_at_each_step_the_index_answers_and_nothing_acknowledged_is_lost(tmp_path: Path, what: str) -> None:
    """20 times; what is found is what is committed, and the next building clears what was left."""
    served = Served(WithFallback(Fts5Search(tmp_path / "fts5.sqlite3")), Database.in_folder(tmp_path / "ws"))
    served.define()
    served.put(1, 2, 3)
    served.close()
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), what]
    env = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    found, built = map(int, done.stdout.split())
    assert built == 1
    assert found == 3 if what == "reindex" else found > 3
