"""The mirror equals the log, whatever the payloads and however it was cut into parts."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.analytics.mirror import Mirror
from burgee.analytics.mirror_frame import frame
from burgee.analytics.payload import expand
from burgee.analytics.source import STANDARD
from burgee.core.clock import system_clock
from burgee.core.json import dumps
from burgee.store import log
from burgee.store.database import Database
from burgee.store.query import EventQuery
from effort import COSTLY
from mirrored import ENGINE, add, assert_equal, assert_same, cut_small, raw, whole

NAMES = [
    "a",
    "A",
    "",
    "a.b",
    'we"ird',
    "it's",
    "select",
    "type",
    "Data",
    "data_type",
    "*",
    "/",
    "é",
    "a\x01b",
    "f 1",
    "f_1",
]

numbers = st.integers(-5, 5) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text('ab"\\\n1é', max_size=3)
nested = st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(NAMES), scalars, max_size=2)
values = st.sampled_from([1, 2, 2.5, "x", True]) | scalars | nested  # mostly what a log usually holds
payloads = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
appends = st.lists(st.tuples(st.sampled_from(["t", "u.v"]), payloads), min_size=1, max_size=4)
steps = st.lists(appends | st.sampled_from(["ask", "ask", "reopen", "other"]), max_size=12)


@COSTLY
@given(steps)
def test_the_mirror_equals_the_log_whatever_happens_in_between(history: list[object]) -> None:
    """Hostile payloads, schema changes, refreshes, restarts, and a second one at the same folder."""
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        database = Database.in_folder(Path(place))
        mine, other = (Mirror(database, Path(place) / "mirror") for _ in range(2))
        for step in history:
            if step == "ask":
                assert mine.source("acme").rows == len(raw(database))
            elif step == "other":
                assert_equal(other.source("acme"), database)
            elif step == "reopen":
                mine = Mirror(database, Path(place) / "mirror")
            elif isinstance(step, list):
                add(database, step)
        source = mine.source("acme")
        assert_equal(source, database)
        assert frame(EventQuery(), source, ENGINE).equals(expand(raw(database)))
        for type in source.types:
            chosen = EventQuery((type,))
            assert_same(frame(chosen, source, ENGINE), expand(raw(database, chosen)))
        ENGINE.close()
        database.close()


def test_in_memory_the_mirror_is_the_same_without_a_file() -> None:
    database = Database.in_memory()
    kept = Mirror(database, None)
    for n in range(20):
        add(database, [("t", {"n": n, "text": str(n), "x": n if n < 10 else n / 4})])
        assert_equal(kept.source("acme"), database)
    add(database, [("t", {"n": "seven"})])
    assert_equal(kept.source("acme"), database)
    database.close()


@pytest.mark.usefixtures("tiny")
def test_small_parts_are_joined_and_what_they_held_is_kept(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    for n in range(60):
        add(database, [("t", {"n": n})])
        kept.source("acme")
    source = kept.source("acme")
    assert_equal(source, database)
    assert 1 < len(source.files) < 10
    assert [part.first for part in source.files] == sorted(part.first for part in source.files)


@pytest.mark.usefixtures("tiny")
def test_a_column_is_added_widened_or_kept_as_text_and_that_is_told(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Mirror(database, folder / "mirror")

    def after(*documents: Mapping[str, object]) -> dict[str, str]:
        add(database, [("t", document) for document in documents])
        source = kept.source("acme")
        assert_equal(source, database)
        return {name: column.kind for name, column in source.columns.fields.items()}

    assert after({"n": 1}, {"n": 2}, {"n": 3}) == {"n": "int"}
    assert after({"n": 1, "new": True}, {"n": 2.5}, {"n": 1e300}) == {"n": "float", "new": "bool"}
    assert not caplog.records
    assert after({"n": "three"}) == {"n": "json", "new": "bool"}
    (told,) = caplog.messages
    assert "'n' of 'acme' is float or int or text" in told
    assert after({"n": 4}, {"n": 4}, {"n": 4}) == {"n": "json", "new": "bool"}
    assert len(caplog.records) == 1
    texts = whole(kept.source("acme"))["n"].to_pylist()
    assert texts[:7] == ["1", "2", "3", "1", "2.5", texts[5], "three"]


def test_names_that_sql_takes_for_one_have_a_column_each(database: Database, folder: Path) -> None:
    add(database, [("t", {name: place for place, name in enumerate(NAMES)})])
    source = Mirror(database, folder / "mirror").source("acme")
    assert_equal(source, database)
    columns = [column.name.casefold() for column in source.columns.fields.values()]
    assert len(set(columns)) == len(NAMES)
    assert not set(columns) & set(STANDARD.names)
    assert all(re.fullmatch(r"\w+", name) for name in columns)


def test_own_events_are_in_the_source_only_where_asked_for(database: Database, folder: Path) -> None:
    kept = Mirror(database, folder / "mirror")
    add(database, [("t", {"n": 1})])
    with database.write("acme") as connection:
        log.append(connection, system_clock, "acme", "$flags-x", [log.NewEvent("flag.made", {"on": True})]).unwrap()
    add(database, [("t", {"n": 2})])
    assert_equal(kept.source("acme"), database)
    source = kept.source("acme", own=True)
    own = EventQuery(own=True)
    assert frame(own, source, ENGINE).equals(expand(raw(database, own)))
    assert frame(own, source, ENGINE)["position"].to_pylist() == [1, 2, 3]
    assert kept.source("acme").types == {"t"}
    assert dumps(whole(kept.source("acme"))["n"].to_pylist()) == "[1,2]"


def test_an_empty_log_is_a_table_without_rows(database: Database, folder: Path) -> None:
    source = Mirror(database, folder / "mirror").source("acme")
    assert_equal(source, database)
    assert frame(EventQuery(), source, ENGINE).equals(expand(raw(database)))
