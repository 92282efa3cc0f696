"""What is sealed and opened, below the service: any payload comes back, and nothing of it stands in the log."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.clock import system_clock
from burgee.core.json import Json, dumps
from burgee.core.portal import drive
from burgee.core.scope import tenant_scope
from burgee.privacy.service import LocalPrivacyService
from burgee.store import log, query, subjects
from burgee.store.database import Database
from burgee.store.log import NewEvent

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
scalars = (
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts.filter(bool)
)
values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
names = texts.filter(bool)


def with_rules(**fields: str) -> Database:
    database = Database.in_memory()
    service = LocalPrivacyService(database, system_clock)
    with tenant_scope("acme"):
        drive(service.protect("t", fields)).unwrap()
    return database


def append(database: Database, *events: NewEvent, stream: str = "s") -> None:
    with database.write("acme") as connection:
        log.append(connection, system_clock, "acme", stream, events).unwrap()


def stored(database: Database) -> list[dict[str, Json]]:
    """The data of the events as the log holds it."""
    with database.read("acme") as connection:
        rows = connection.exec_driver_sql("SELECT data FROM events WHERE type = 't' ORDER BY position")
        return [json.loads(text) for (text,) in rows]


def forget(database: Database, subject: str) -> None:
    with tenant_scope("acme"):
        drive(LocalPrivacyService(database, system_clock).forget(subject)).unwrap()


@given(who=names, secret=values, open_=st.dictionaries(names, values, max_size=3))
def test_any_value_comes_back_equal_until_it_is_forgotten(who: str, secret: Json, open_: dict[str, Json]) -> None:
    data = {**open_, "who": who, "secret": secret}
    database = with_rules(secret="who")
    append(database, NewEvent("t", data, id="e"))
    [raw] = stored(database)
    assert isinstance(raw["secret"], dict)
    assert {name: value for name, value in raw.items() if name != "secret"} == open_ | {"who": who}
    [event] = query.read(database, "acme", query.EventQuery(types=("t",)), limit=9)
    assert dumps(event.data) == dumps(data)
    forget(database, who)
    assert stored(database) == [raw]
    [event] = query.read(database, "acme", query.EventQuery(types=("t",)), limit=9)
    assert dumps(event.data) == dumps({**data, "secret": None})
    database.close()


def test_equal_values_are_equal_nowhere() -> None:
    database = with_rules(a="who", b="who")
    append(database, *(NewEvent("t", {"who": "c7", "a": "same", "b": "same"}) for _ in range(2)))
    texts = [data[name]["$personal"][2] for data in stored(database) for name in "ab"]  # type: ignore[call-overload, index] # so it is stored
    assert len(set(texts)) == 4
    database.close()


def test_the_same_event_is_sealed_the_same() -> None:
    """Two writers of one event, of whom the log takes the first, have said the same."""
    database = with_rules(a="who")
    row = log.RawEvent("s", "e1", "t", '{"a":"secret","who":"c7"}', "{}", 0)
    with database.write("acme") as connection:
        first, second = (subjects.seal(connection, "acme", [row], 0) for _ in range(2))
    assert first == second != [row]
    database.close()


def test_an_encrypted_text_that_was_moved_or_changed_is_told() -> None:
    database = with_rules(a="who")
    append(
        database, NewEvent("t", {"who": "c7", "a": "one"}, id="e1"), NewEvent("t", {"who": "c7", "a": "two"}, id="e2")
    )
    with database.write("acme") as connection:
        connection.exec_driver_sql("UPDATE events SET data = (SELECT data FROM events WHERE id = 'e1') WHERE id = 'e2'")
    with pytest.raises(burgee.WorkspaceError, match="field 'a' of event 'e2' can't be decrypted"):
        query.read(database, "acme", query.EventQuery(types=("t",)), limit=9)
    database.close()


def test_tables_are_opened_whole_and_what_needs_nothing_is_left_as_it_is() -> None:
    database = with_rules(a="who")
    append(database, *(NewEvent("t", {"who": f"c{n % 3}", "a": n}, id=f"e{n}") for n in range(7)))
    append(database, NewEvent("plain", {"a": 1}, id="p"))
    sealed, plain = stored(database), [{"who": f"c{n % 3}", "a": n} for n in range(7)]
    batch = pa.RecordBatch.from_pydict(
        {"id": [f"e{n}" for n in range(7)] + ["p"], "data": [*map(dumps, sealed), '{"a":1}']}
    )
    table = pa.concat_tables([pa.Table.from_batches([batch.slice(0, 3)]), pa.Table.from_batches([batch.slice(3)])])
    with database.read("acme") as connection:
        for raw in (batch, table):
            opened = subjects.opened(connection, "acme", raw)
            assert type(opened) is type(raw)
            assert opened.schema == raw.schema
            assert list(map(json.loads, opened.column("data").to_pylist())) == [*plain, {"a": 1}]
        nothing = batch.slice(7)
        assert subjects.opened(connection, "acme", nothing) is nothing
        assert subjects.opened(connection, "acme", batch.slice(0, 0)).num_rows == 0
    database.close()


def test_the_epoch_moves_with_every_forgetting_and_with_nothing_else() -> None:
    database = with_rules(a="who")

    def epoch() -> int:
        with database.read("acme") as connection:
            return subjects.epoch(connection, "acme")

    before = epoch()
    append(database, NewEvent("t", {"who": "c7", "a": "one"}))
    assert epoch() == before
    forget(database, "c7")
    after = epoch()
    assert after != before
    forget(database, "c7")
    assert epoch() == after
    append(database, NewEvent("t", {"who": "c7", "a": "one"}))
    forget(database, "c7")
    assert epoch() not in {before, after}
    database.close()


def test_batches_read_one_by_one_are_opened_as_of_then() -> None:
    database = with_rules(a="who")
    append(database, NewEvent("t", {"who": "c7", "a": "one"}))
    reader = query.read_batches(database, "acme", query.EventQuery(types=("t",)))
    forget(database, "c7")
    assert reader.read_all().column("data").to_pylist() == ['{"a":null,"who":"c7"}']
    database.close()
