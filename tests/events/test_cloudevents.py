"""CloudEvents 1.0 in and out: what is written and read again is the same event; what is none is told by its line."""

import gzip
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.events.cloudevents import Reading, line, rows_of
from burgee.workspace import Tenant, Workspace

_others = itertools.count(1)

# The example of the specification (1.0.2, JSON format, section 3.2), its data an object.
EXAMPLE: dict[str, object] = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "subject": "order-1",
    "id": "A234-1234-1234",
    "time": "2018-04-05T17:31:00Z",
    "comexampleextension1": "value",
    "comexampleothervalue": 5,
    "unsetextension": None,
    "datacontenttype": "application/json",
    "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
attribute = st.sampled_from(["source", "subject", "id", "dataschema", "burgeemetadata", "traceparent", "time", "data"])
metadata = st.dictionaries(attribute | texts, json_values, max_size=4)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is added
events = st.builds(
    burgee.Event,
    type=st.sampled_from(["order.placed", "käse"]),
    data=st.dictionaries(texts, json_values, max_size=4),
    metadata=metadata,
    occurred_at=moments,
    schema_version=st.integers(1, 3),
)


def write(path: Path, *objects: object) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in objects))
    return path


def told(tenant: Tenant) -> list[tuple[object, ...]]:
    """What an event says, without when it was recorded and where it stands."""
    return [
        (e.stream, e.version, e.id, e.type, e.schema_version, e.data, e.metadata, e.occurred_at)
        for e in tenant.events.read()
    ]


def test_the_specifications_example_is_an_event(acme: Tenant) -> None:
    assert acme.events.ingest_cloudevents([EXAMPLE]).stored == 1
    [event] = acme.events.read()
    assert (event.id, event.stream, event.type) == ("A234-1234-1234", "order-1", "com.example.someevent")
    assert event.data == EXAMPLE["data"]
    assert event.occurred_at == datetime(2018, 4, 5, 17, 31, tzinfo=UTC)
    assert event.metadata == {"comexampleextension1": "value", "comexampleothervalue": 5, "source": "/mycontext"}
    assert acme.events.ingest_cloudevents(EXAMPLE).known == 1


@pytest.mark.parametrize("name", ["out.ndjson", "out.jsonl.gz"])
def test_what_is_written_is_read_again_as_the_same_events(
    acme: Tenant, ws: Workspace, tmp_path: Path, name: str
) -> None:
    acme.events.append(
        "order-1",
        [
            burgee.Event(
                "order.placed", {"total": 1.5, "who": "Zoë\n"}, metadata={"traceparent": "00-1", "deep": {"a": [1]}}
            ),
            burgee.Event("order.paid", schema_version=3, occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)),
        ],
    )
    acme.events.append(
        "order-2", burgee.Event("order.placed", {"big": 2**63, "none": None}, metadata={"source": "a b"})
    )
    path = tmp_path / name
    assert acme.events.query().cloudevents(path) == 3
    other = ws.tenants.create(f"cloud-{next(_others)}")
    assert other.events.ingest_cloudevents(path).stored == 3
    assert told(other) == told(acme)
    again = other.events.ingest_cloudevents(path, progress=True)
    assert (again.stored, again.known) == (0, 3)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@given(st.lists(events, min_size=1, max_size=4))
def test_any_events_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, new: list[burgee.Event]) -> None:
    path = tmp_path_factory.mktemp("cloud") / "events.ndjson"
    with burgee.open("memory://") as ws:
        one, two = ws.tenants.create("one"), ws.tenants.create("two")
        one.events.append("s", new)
        assert one.events.query().cloudevents(path) == len(new)
        for text in path.read_text(encoding="utf-8").split("\n")[:-1]:
            check(json.loads(text))
        assert two.events.ingest_cloudevents(path).stored == len(new)
        assert told(two) == told(one)
        assert two.events.ingest_cloudevents(path).stored == 0


def check(event: dict[str, object]) -> None:
    """That it is a CloudEvent: required attributes; names and kinds of values that the specification allows."""
    assert event["specversion"] == "1.0"
    for name, value in event.items():
        assert name.isascii()
        assert name.isalnum()
        assert name == name.lower()
        assert len(name) <= 20
        if name == "data":
            continue
        assert isinstance(value, str | int)
        assert value != ""
        if isinstance(value, int):
            assert -(2**31) <= value < 2**31
    assert str(event["time"]).endswith("Z")


def test_only_the_chosen_events_are_written_and_bear_the_source_asked_for(acme: Tenant, tmp_path: Path) -> None:
    acme.events.append("a", [burgee.Event("x"), burgee.Event("y"), burgee.Event("y", metadata={"source": "/mine"})])
    path = tmp_path / "y.ndjson"
    assert acme.events.query("y").cloudevents(path, source="https://shop.example/events") == 2
    sources = [json.loads(text)["source"] for text in path.read_text().splitlines()]
    assert sources == ["https://shop.example/events", "/mine"]
    with pytest.raises(burgee.InvalidInputError, match="no URI"):
        acme.events.query("y").cloudevents(path, source="my shop")


def test_a_batch_is_read_too(acme: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    path.write_text(json.dumps([EXAMPLE, {**EXAMPLE, "id": "2"}], indent=2))
    assert acme.events.ingest_cloudevents(path).stored == 2
    path.write_text(json.dumps([EXAMPLE, {**EXAMPLE, "id": ""}]))
    with pytest.raises(burgee.UnreadableFileError, match="'id' must be text") as caught:
        acme.events.ingest_cloudevents(path)
    assert caught.value.row == 2


def test_a_gzipped_file_and_blank_lines_do_no_harm(acme: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(gzip.compress(f"\n{json.dumps(EXAMPLE)}\n\n".encode()))
    assert acme.events.ingest_cloudevents(str(path)).stored == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "has no 'id'"),
        ({"source": None}, "has no 'source'"),
        ({"type": None}, "has no 'type'"),
        ({"specversion": None}, "has no 'specversion'"),
        ({"specversion": "0.3"}, "only '1.0' is known"),
        ({"id": 7}, "'id' must be text"),
        ({"subject": None}, "has no 'subject' to name its stream"),
        ({"time": None}, "has no 'time'"),
        ({"time": "yesterday"}, "is not a time"),
        ({"time": 7}, "'time' must be text"),
        ({"data_base64": "AAAA"}, "both 'data' and 'data_base64'"),
        ({"data": None, "data_base64": "§"}, "no base64"),
        ({"data": None, "data_base64": "AAA"}, "no base64"),
        ({"burgeeschemaversion": "2"}, "whole number from 1"),
        ({"burgeemetadata": "[]"}, "no JSON object"),
        ({"datacontenttype": 7}, "'datacontenttype' must be text"),
        ({"data": {"x": 10**400}, "comexampleothervalue": float("inf")}, "no JSON|no number in JSON"),
    ],
)
def test_what_is_no_cloudevent_is_told_by_its_line_and_nothing_is_stored(
    acme: Tenant, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    path = write(tmp_path / "events.ndjson", EXAMPLE, {**EXAMPLE, "id": "2"} | change)
    with pytest.raises(burgee.UnreadableFileError, match=why) as caught:
        acme.events.ingest_cloudevents(path)
    assert caught.value.row == 2
    with pytest.raises(burgee.InvalidInputError):
        acme.events.ingest_cloudevents([EXAMPLE, {**EXAMPLE, "id": "2"} | change])
    assert acme.events.query().count() == 0


def test_events_without_a_time_or_a_subject_are_taken_if_it_is_said_what_is_meant(acme: Tenant) -> None:
    bare = {name: value for name, value in EXAMPLE.items() if name not in {"time", "data"}}
    assert acme.events.ingest_cloudevents([bare], stream="source", time="2026-01-01").stored == 1
    assert acme.events.ingest_cloudevents([bare], stream="source", time="2026-01-01").known == 1
    [event] = acme.events.read("/mycontext")
    assert event.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.data == {}
    assert event.metadata["subject"] == "order-1"


@pytest.mark.parametrize(
    ("change", "data", "kept"),
    [
        ({"data": "just text"}, {"data": "just text"}, None),
        ({"data": [1, 2]}, {"data": [1, 2]}, None),
        ({"data": "<a/>", "datacontenttype": "text/xml"}, {"data": "<a/>"}, "text/xml"),
        ({"data": {"a": 1}, "datacontenttype": "application/vnd.x+json; charset=utf-8"}, {"a": 1}, None),
        ({"data": None, "data_base64": "AAEC", "datacontenttype": "image/png"}, {"data_base64": "AAEC"}, "image/png"),
    ],
)
def test_data_that_is_no_object_is_kept_whole(change: dict[str, object], data: Json, kept: str | None) -> None:
    [row] = rows_of([EXAMPLE | change], Reading())
    assert json.loads(str(row["data"])) == data
    assert json.loads(str(row["metadata"])).get("datacontenttype") == kept
    again = json.loads(line({**row, "occurred_at": "2018-04-05 17:31:00+00:00"}, "urn:burgee:acme"))
    assert rows_of([again], Reading()) == [row]


@pytest.mark.parametrize("source", [7, [7], "nowhere.ndjson"])
def test_what_holds_no_events_is_refused(acme: Tenant, source: object) -> None:
    with pytest.raises(burgee.InvalidInputError):
        acme.events.ingest_cloudevents(source)  # type: ignore[arg-type] # that is the point


def test_two_sources_that_number_alike_are_told_apart_loudly(acme: Tenant) -> None:
    acme.events.ingest_cloudevents([EXAMPLE])
    with pytest.raises(burgee.DuplicateEventError):
        acme.events.ingest_cloudevents([{**EXAMPLE, "source": "/other"}])


def test_an_export_that_fails_leaves_the_file_that_was_there(acme: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "out.ndjson"
    with pytest.raises(burgee.InvalidInputError, match="can't write"):
        acme.events.query().cloudevents(path)
    acme.events.append("a", burgee.Event("x"))
    kept = write(tmp_path / "out.ndjson", "kept")

    def broken() -> object:
        yield from ()
        raise KeyboardInterrupt

    from burgee.events.cloudevents import write as export

    with pytest.raises(KeyboardInterrupt):
        export(broken(), kept, "urn:burgee:acme", lambda _: None)  # type: ignore[arg-type] # batches that break off
    assert kept.read_text() == '"kept"\n'
    assert [each.name for each in tmp_path.iterdir()] == ["out.ndjson"]


def test_personal_fields_are_plain_in_an_export_until_they_are_forgotten(acme: Tenant, tmp_path: Path) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    acme.events.append("o", burgee.Event("order.placed", {"customer": "c7", "email": "ada@example.org"}))
    path = tmp_path / "out.ndjson"
    acme.events.query().cloudevents(path)
    assert json.loads(path.read_text())["data"]["email"] == "ada@example.org"
    acme.privacy.forget("c7")
    assert acme.events.ingest_cloudevents(path).stored == 0
    acme.events.query().cloudevents(path)
    assert json.loads(path.read_text())["data"]["email"] is None
    assert acme.events.ingest_cloudevents(path).stored == 0
