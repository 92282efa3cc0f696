"""Wrong input of every kind, in three modes: a typed error that names the thing, and nothing is stored."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import burgee
from burgee.workspace import Tenant

# Any: these are the calls that a type checker would not let through.
type Wrong = Callable[[Any], object]

ROW = {"a": ["x"], "b": ["y"], "c": ["2026-01-01"]}

CALLS: list[tuple[str, Wrong]] = [
    ("12 is not a time", lambda t: t.events.query(since=12)),
    ("limit must be a whole number", lambda t: t.events.query(limit="x")),
    ("limit must be a whole number", lambda t: t.events.query(limit=-1)),
    ("after must be a whole number", lambda t: t.events.query(after=1.5)),
    ("type must be a list of texts, not 3", lambda t: t.events.query(3)),
    ("type must be text, not 3", lambda t: t.events.query(["a", 3])),
    ("stream must be text, not 3", lambda t: t.events.query(stream=3)),
    ("category must be text", lambda t: t.events.query(category="")),
    ("metadata is text", lambda t: t.events.query(metadata={"x": None})),
    ("a step must be text, not 3", lambda t: t.events.query().funnel(["a", 3])),
    ("a property must be text, not 3", lambda t: t.events.query().by(3)),
    ("split must be text", lambda t: t.events.query().funnel(["a", "b"], split=1)),
    ("stream must be text", lambda t: t.events.append(3, {"type": "x"})),
    ("expected_version", lambda t: t.events.append("s", {"type": "x"}, expected_version="1")),
    ("expected_version", lambda t: t.events.append("s", {"type": "x"}, expected_version=-3)),
    ("data must be a dict", lambda t: t.events.append("s", {"type": "x", "data": [1]})),
    ("metadata must be a dict", lambda t: t.events.append("s", {"type": "x", "metadata": "y"})),
    ("schema version", lambda t: t.events.append("s", {"type": "x", "schema_version": 0})),
    ("'soon' is not a time", lambda t: t.events.append("s", {"type": "x", "occurred_at": "soon"})),
    ("event type must be text", lambda t: t.events.append("s", {"type": 3})),
    ("event id must be text", lambda t: t.events.append("s", {"type": "x", "id": 3})),
    ("no frame", lambda t: t.events.ingest(None, stream="a", type="b", time="c")),
    ("id column 'd'", lambda t: t.events.ingest(pd.DataFrame(ROW), stream="a", type="b", time="c", id="d")),
    ("flag's key is text", lambda t: t.flags.create(3)),
    ("flag's key must be text, not 3", lambda t: t.flags[3]),
    ("variants can't be", lambda t: t.flags.create("g", variants=["a", "b"])),
    ("weight of 'a'", lambda t: t.flags.create("g", variants={"a": "50", "b": 50})),
    ("no variant 'zz'", lambda t: t.flags.create("g", default="zz")),
    ("can't be stored as JSON", lambda t: t.flags.create("g", values={"on": float("nan")})),
    ("needs a list of values", lambda t: t.flags["f"].target("c", "in", "DE", serve="on")),
    ("'soon' is not a time", lambda t: t.flags["f"].at("soon")),
    ("None is not a time", lambda t: t.flags["f"].at(None)),
    ("rollout", lambda t: t.flags["f"].rollout([20])),
    ("pydantic model", lambda t: t.settings(dict)),
    ("column 'id'", lambda t: t.flags["f"].assign(pd.DataFrame({"uid": ["u1"]}))),
    ("a frame is needed", lambda t: t.flags["f"].assign([1, 2])),
]


@pytest.mark.parametrize(("said", "call"), CALLS, ids=[f"{n}: {said}" for n, (said, _) in enumerate(CALLS)])
def test_it_is_a_typed_error_that_names_the_thing_and_nothing_is_stored(acme: Tenant, said: str, call: Wrong) -> None:
    acme.flags.create("f").enable()
    with pytest.raises(burgee.BurgeeError) as caught:
        call(acme)
    assert said in caught.value.message
    assert acme.events.query(own=True).count() == 2
    assert acme.flags["f"].version == 2


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "needs a place"),
        ("ftp://x", "no place for a workspace"),
        ("localhost:8321", "no place for a workspace"),
        ("memory:", "no place for a workspace"),
        (5, "a workspace is a folder"),
        ("http://", "names no server"),
        ("http://[", "no address"),
        ("/proc/nope/x", "can't make the workspace folder"),
    ],
)
def test_a_place_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(burgee.BurgeeError, match=said):
        burgee.open(where)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_its_scheme_is_no_folder_unless_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(burgee.InvalidInputError) as caught:
        burgee.open("localhost:8321")
    assert caught.value.hints == ["for a server write 'http://localhost:8321', for a folder './localhost:8321'"]
    for place in ("./localhost:8321", "localhost:8321"):
        with burgee.open(place) as ws:
            assert ws.embedded


def test_settings_that_are_misspelt_or_no_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="serach"):
        burgee.Settings(serach="fts5")  # type: ignore[call-arg] # as somebody may type
    monkeypatch.setenv("BURGEE_PUBLIC_URL", "flags.example")
    with pytest.raises(burgee.InvalidInputError, match="BURGEE_PUBLIC_URL can't be used"):
        burgee.open("memory://")


def test_a_server_is_not_asked_any_more_when_the_workspace_is_closed() -> None:
    with burgee.open("http://127.0.0.1:1", token="x") as ws:
        tenants = ws.tenants
    with pytest.raises(burgee.WorkspaceError, match=r"the workspace 'http://127\.0\.0\.1:1' is closed"):
        tenants.list()


def test_times_can_be_dates_and_texts(acme: Tenant) -> None:
    acme.events.append("s", {"type": "x", "occurred_at": "2026-01-02T03:04:05+01:00"})
    [event] = acme.events.query(since=date(2026, 1, 2))
    assert event.occurred_at == pd.Timestamp("2026-01-02T02:04:05Z")
