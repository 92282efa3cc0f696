"""The append contract (R2.3), on both databases and in every mode: several streams, idempotence, streams that close."""

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import burgee
from burgee.core.clock import ManualClock, system_clock
from burgee.core.errors import ConcurrencyError, DuplicateEventError, InvalidInputError, StreamClosedError
from burgee.core.result import Err, Ok
from burgee.store import log
from burgee.store.database import Database
from burgee.store.log import ANY, NO_STREAM, STREAM_EXISTS, Appended, NewEvent, StreamAppend
from burgee.workspace import Tenant

_runs = itertools.count()

type Answer = Ok[tuple[Appended, ...]] | Err[log.AppendError]


def append_many(database: Database, *parts: StreamAppend) -> Answer:
    with database.write("t") as connection:
        return log.append_many(connection, system_clock, "t", parts)


def versions(database: Database) -> dict[str, list[int]]:
    """The versions that are stored, by stream, in the order of positions."""
    found: dict[str, list[int]] = {}
    with database.read("t") as connection:
        for stream, version in connection.exec_driver_sql("SELECT stream, version FROM events ORDER BY position"):
            found.setdefault(stream, []).append(version)
    return found


def part(stream: str, *ids: str | None, expected: int = ANY) -> StreamAppend:
    return StreamAppend(stream, tuple(NewEvent("a", {"of": stream}, id=id) for id in ids), expected)


def test_several_streams_are_appended_to_in_one_go(database: Database) -> None:
    done = append_many(database, part("a", None, None), part("b", None, expected=NO_STREAM)).unwrap()
    assert [(one.stream, one.version, len(one.ids), one.repeated) for one in done] == [
        ("a", 2, 2, False),
        ("b", 1, 1, False),
    ]
    assert versions(database) == {"a": [1, 2], "b": [1]}


def test_one_wrong_expectation_and_nothing_is_stored(database: Database) -> None:
    append_many(database, part("a", None))
    refused = append_many(database, part("b", None), part("a", None, expected=7))
    assert isinstance(refused, Err)
    error = refused.error
    assert isinstance(error, ConcurrencyError)
    assert (error.stream, error.expected, error.actual) == ("a", 7, 1)
    assert versions(database) == {"a": [1]}


def test_a_stream_that_comes_twice_goes_on_from_its_first_part(database: Database) -> None:
    twice = [part("a", "1", expected=NO_STREAM), part("b", "2"), part("a", "3", expected=1)]
    done = append_many(database, *twice).unwrap()
    assert [(one.stream, one.version) for one in done] == [("a", 1), ("b", 1), ("a", 2)]
    again = append_many(database, *twice).unwrap()
    assert [(one.stream, one.version, one.repeated) for one in again] == [
        ("a", 1, True),
        ("b", 1, True),
        ("a", 2, True),
    ]
    stale = append_many(database, part("a", None, expected=2), part("a", None, expected=2))
    assert isinstance(stale, Err)
    assert versions(database) == {"a": [1, 2], "b": [1]}


def test_a_batch_of_which_a_part_is_known_is_refused_whole(database: Database) -> None:
    append_many(database, part("a", "1"), part("b", "2"))
    for overlapping in (
        [part("a", "1"), part("b", "9")],
        [part("a", "1"), part("b", None)],
        [part("b", "1"), part("a", "2")],
        [part("a", "7"), part("b", "7")],
    ):
        refused = append_many(database, *overlapping)
        assert isinstance(refused, Err)
        assert isinstance(refused.error, DuplicateEventError)
    assert versions(database) == {"a": [1], "b": [1]}


def test_the_answer_to_an_append_that_comes_again_does_not_hang_on_its_age(database: Database) -> None:
    first = append_many(database, part("a", "1", "2"), part("c", expected=0)).unwrap()
    append_many(database, *(part("a", *[None] * 50) for _ in range(20)))
    append_many(database, part("c", None))
    again = append_many(database, part("a", "1", "2"), part("c", expected=0)).unwrap()
    assert [(one.version, one.ids) for one in again] == [(one.version, one.ids) for one in first]
    assert all(one.repeated for one in again)


def test_no_events_check_the_expectation_and_store_nothing(database: Database) -> None:
    assert append_many(database, part("a", expected=NO_STREAM)).unwrap() == (Appended("a", 0, ()),)
    append_many(database, part("a", None))
    assert append_many(database, part("a", expected=1)).unwrap() == (Appended("a", 1, ()),)
    assert isinstance(append_many(database, part("a", expected=NO_STREAM)), Err)
    assert append_many(database).unwrap() == ()
    assert versions(database) == {"a": [1]}


def test_a_stream_must_exist_where_that_is_expected(database: Database) -> None:
    refused = append_many(database, part("a", None, expected=STREAM_EXISTS))
    assert isinstance(refused, Err)
    error = refused.error
    assert isinstance(error, ConcurrencyError)
    assert (error.stream, error.expected, error.actual) == ("a", STREAM_EXISTS, 0)
    assert "'a'" in error.message
    append_many(database, part("a", None, None))
    assert append_many(database, part("a", None, expected=STREAM_EXISTS)).unwrap()[0].version == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from("xyz"), st.integers(0, 3), st.sampled_from([ANY, NO_STREAM, STREAM_EXISTS, 1, 2, 3])
            ),
            max_size=4,
        ),
        max_size=5,
    ),
)
def test_any_batches_leave_versions_without_gaps_and_are_whole_or_not_there(
    database: Database, batches: Sequence[Sequence[tuple[str, int, int]]]
) -> None:
    """P6; against a model that knows each stream's version and no more."""
    run = next(_runs)
    model = {f"{stream}-{run}": 0 for stream in "xyz"}
    for batch in batches:
        parts = [StreamAppend(f"{s}-{run}", (NewEvent("a"),) * n, expected) for s, n, expected in batch]
        would, right = dict(model), True
        for wanted in parts:
            at = would[wanted.stream]
            right = right and wanted.expected_version in {ANY, at, STREAM_EXISTS if at else ANY}
            would[wanted.stream] += len(wanted.events)
        answer = append_many(database, *parts)
        assert isinstance(answer, Ok) == right
        model = would if right else model
    stored = versions(database)
    assert {stream: stored.get(stream, []) for stream in model} == {s: list(range(1, v + 1)) for s, v in model.items()}


AWKWARD = ["\x1f", "NULL", "", "{}", '"', "\\", "\\N", "\t", "a,b", "'", "\x7f", "\x85", "ö\U0001f600"]


@pytest.mark.parametrize("number", [1, 2, 50])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.sampled_from(AWKWARD) | st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1))))
def test_any_text_is_read_as_it_was_written(database: Database, number: int, texts: list[str]) -> None:
    """However many at once: one, a few and a bulk go different ways into a database."""
    stream = f"it's {{NULL,}}\\ {next(_runs)}"
    given = [NewEvent(stream, {"texts": texts, str(at): at}, {"of": "".join(texts)}) for at in range(number)]
    with database.write("t") as connection:
        log.append(connection, system_clock, "t", stream, given).unwrap()
        found = list(log.read_stream(connection, "t", stream))
    assert [(one.type, one.data, one.metadata) for one in found] == [
        (one.type, one.data, one.metadata) for one in given
    ]


def test_a_closed_stream_is_read_and_not_appended_to(database: Database) -> None:
    append_many(database, part("a", "1"))
    with database.write("t") as connection:
        closed = log.close_stream(connection, ManualClock(), "t", "a", 1).unwrap()
        assert (closed.stream, closed.version, closed.repeated) == ("a", 2, False)
        again = log.close_stream(connection, ManualClock(), "t", "a", 1).unwrap()
        assert (again.version, again.repeated) == (2, True)
    for wrong in ([part("a", None)], [part("b", None), part("a", None, expected=2)], [part("a")]):
        refused = append_many(database, *wrong)
        assert isinstance(refused, Err)
        assert isinstance(refused.error, StreamClosedError)
        assert (refused.error.stream, refused.error.version) == ("a", 2)
    assert append_many(database, part("a", "1")).unwrap()[0].repeated  # what was stored before is known still
    with database.read("t") as connection:
        assert [event.type for event in log.read_stream(connection, "t", "a")] == ["a", "$closed"]
        with pytest.raises(StreamClosedError):
            log.heads(connection, "t", ["a", "b"])


def test_a_stream_that_is_not_there_is_closed_only_where_that_is_asked_for(database: Database) -> None:
    with database.write("t") as connection:
        refused = log.close_stream(connection, system_clock, "t", "a")
        assert isinstance(refused, Err)
        assert isinstance(refused.error, ConcurrencyError)
        assert isinstance(log.close_stream(connection, system_clock, "t", "a\n"), Err)
        assert log.close_stream(connection, system_clock, "t", "a", NO_STREAM).unwrap().version == 1
    assert isinstance(append_many(database, part("a", None)), Err)


@pytest.mark.parametrize("bad", [{"x": "a\0b"}, {"\0": 1}, {"x": ["\\\0"]}])
def test_nul_characters_are_refused_alike(database: Database, bad: dict[str, str]) -> None:
    for event in (NewEvent("a", bad), NewEvent("a", {}, bad)):
        refused = append_many(database, StreamAppend("a", (event,)))
        assert isinstance(refused, Err)
        assert isinstance(refused.error, InvalidInputError)
        assert "NUL" in refused.error.message
    fine = {"x": "\\u0000", "y": "\\\\u0000"}  # the six characters, not the one they stand for
    append_many(database, StreamAppend("a", (NewEvent("a", fine),))).unwrap()
    with database.read("t") as connection:
        assert next(log.read_stream(connection, "t", "a")).data == fine


# Through the fluent objects, in every mode.


def test_events_are_appended_to_several_streams(acme: Tenant) -> None:
    placed = burgee.Event("order.placed", {"total": 42})
    done = acme.events.append_all(
        {"order-1": placed, "stock-7": [{"type": "stock.reserved"}, {"type": "stock.sent"}]},
        expected_version={"order-1": burgee.NO_STREAM},
    )
    assert [(one.stream, one.version) for one in done] == [("order-1", 1), ("stock-7", 2)]
    with pytest.raises(burgee.ConcurrencyError) as caught:
        acme.events.append_all({"stock-7": placed, "order-1": placed}, expected_version={"order-1": 5})
    assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("order-1", 5, 1)
    assert acme.events.query().count() == 3
    assert acme.events.append_all({"order-1": []}, expected_version=1)[0].version == 1
    for wrong in ({"expected_version": {"other": 1}}, {"expected_version": -9}):
        with pytest.raises(burgee.InvalidInputError):
            acme.events.append_all({"order-1": placed}, **wrong)
    with pytest.raises(burgee.InvalidInputError, match=r"burgee's own"):
        acme.events.append_all({"order-1": placed, "$flag-x": placed})
    with pytest.raises(burgee.InvalidInputError, match="dict"):
        acme.events.append_all([placed])  # type: ignore[arg-type] # what a notebook may do


def test_a_stream_is_closed(acme: Tenant) -> None:
    acme.events.append("order-1", burgee.Event("order.placed"))
    with pytest.raises(burgee.ConcurrencyError):
        acme.events.close("oder-1")
    assert acme.events.close("order-1").version == 2
    assert acme.events.close("order-1").repeated
    for expected in (burgee.ANY, 2, burgee.STREAM_EXISTS):
        with pytest.raises(burgee.StreamClosedError) as caught:
            acme.events.append("order-1", burgee.Event("order.paid"), expected_version=expected)
        assert (caught.value.stream, caught.value.version) == ("order-1", 2)
    assert [event.type for event in acme.events.read("order-1")] == ["order.placed", "$closed"]
    assert acme.events.query().count() == 1  # what burgee says of a stream is left out of questions
    assert acme.events.query(own=True, type="$closed").count() == 1
    with pytest.raises(burgee.InvalidInputError, match=r"burgee's own"):
        acme.events.close("$flag-x")


def test_types_of_burgees_own_are_refused(acme: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match=r"burgee's own"):
        acme.events.append("order-1", burgee.Event("$closed"))
    frame = arrow({"s": ["order-1"], "type": ["$closed"], "at": ["2026-01-01"]})
    with pytest.raises(burgee.InvalidInputError, match=r"burgee's own"):
        acme.events.ingest(frame, stream="s", type="type", time="at")


def test_an_ingest_leaves_closed_streams_alone(acme: Tenant) -> None:
    acme.events.append("order-1", burgee.Event("order.placed"))
    acme.events.close("order-1")
    frame = arrow({"s": ["order-2", "order-1"], "type": ["a", "a"], "at": ["2026-01-01", "2026-01-01"]})
    with pytest.raises(burgee.StreamClosedError) as caught:
        acme.events.ingest(frame, stream="s", type="type", time="at")
    assert caught.value.stream == "order-1"
    assert acme.events.query(stream="order-2").count() == 0


def test_an_ingest_of_known_and_new_rows_stores_the_new_ones(acme: Tenant) -> None:
    rows: dict[str, list[str] | list[int]] = {
        "s": [f"o-{n % 7}" for n in range(100)],
        "type": ["a"] * 100,
        "at": ["2026-01-01"] * 100,
        "n": list(range(100)),
    }
    half = {name: values[:50] for name, values in rows.items()}
    first = acme.events.ingest(arrow(half), stream="s", type="type", time="at")
    both = acme.events.ingest(arrow(rows), stream="s", type="type", time="at")
    assert [(one.stored, one.known) for one in (first, both)] == [(50, 0), (50, 50)]
    frame = acme.events.query().frame()
    assert sorted(frame["n"]) == list(range(100))
    for stream, group in frame.groupby("stream"):
        assert list(group["version"]) == list(range(1, len(group) + 1)), stream


def arrow(columns: Mapping[str, Sequence[str] | Sequence[int]]) -> object:
    import pyarrow as pa

    return pa.table(dict(columns))
