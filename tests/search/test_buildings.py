"""Buildings of an index: each is made of the database, whatever happens to engines, readers and writers meanwhile."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.core.errors import ConflictError, InvalidInputError, NotFoundError
from burgee.search import documents
from burgee.search.errors import DamagedIndexError, SearchUnavailableError
from burgee.search.fallback import WithFallback
from burgee.search.fts5.provider import Fts5Search
from burgee.search.model import (
    Field,
    IndexMapping,
    Kind,
)
from burgee.store.database import Database
from search.served import MAPPING, Served
from search.switched import Switched

OTHER = IndexMapping((Field("title", Kind.TEXT), Field("n", Kind.INTEGER), Field("more", Kind.KEYWORD)))


@pytest.fixture
def alone() -> Iterator[Served]:
    """A service with one engine."""
    made = Served()
    made.define()
    yield made
    made.close()


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
    damaged = [False]

    def fail(call: str) -> None:
        if call == "create":
            damaged[0] = False
        if damaged[0]:
            raise DamagedIndexError("its files can't be read")

    served = Served(WithFallback(Switched(Fts5Search(), fail), Fts5Search()))
    served.define()
    served.put(1, 2)
    damaged[0] = True
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


def test_a_reader_that_was_overtaken_by_a_building_reads_the_new_one(alone: Served) -> None:
    """What it was about to read is gone; it must not be made again."""
    inner = alone.engines.first
    begun: list[str] = []

    def overtake(call: str) -> None:
        if call == "position" and not begun:
            begun.append(call)
            alone.run(alone.service.reindex("things", OTHER))

    alone.put(1, 2)
    alone.engines = WithFallback(Switched(inner, overtake))
    assert alone.found() == [1, 2]
    assert len(inner.indexes("acme.things.")) == 1


def test_a_building_forgets_what_was_removed_but_never_a_position(alone: Served) -> None:
    alone.put(1, 2, 3)
    alone.run(alone.service.remove("things", ("1",)))
    alone.run(alone.service.remove("things", ("2",)))
    before = alone.head()
    alone.run(alone.service.reindex("things"))
    with alone.database.read("acme") as connection:
        rows = documents.behind(connection, "acme", "things", 0, before, 10)
    assert [(row.id, row.data is None) for row in rows] == [("3", False), ("2", True)]
    assert alone.head() == before
    alone.put(1)
    assert alone.found() == [1, 3]


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
    from burgee.search.fts5.provider import Fts5Search
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
