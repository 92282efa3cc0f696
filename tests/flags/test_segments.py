"""Segments: made of ids and clauses, changed, remembered, used by flags, in every mode."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.core.portal import drive
from burgee.core.result import Ok
from burgee.flags.changing import changes, segments
from burgee.flags.changing.segments import SegmentSpec
from burgee.flags.segments import id_texts
from burgee.workspace import Tenant
from flags.changing import ADULTS, GERMANS, service

one_change: st.SearchStrategy[segments.Change] = st.one_of(
    st.builds(segments.SetClauses, st.sampled_from([(), (ADULTS,), (GERMANS, ADULTS)])),
    *(
        st.builds(kind, st.lists(st.sampled_from(["u1", "u2", "u3", "ü"]), max_size=3).map(tuple))
        for kind in (segments.AddIds, segments.RemoveIds, segments.ExcludeIds)
    ),
    st.builds(changes.SetDescription, st.sampled_from(["", "who tests"])),
    st.builds(changes.SetArchived, st.booleans()),
    st.builds(changes.Revert, st.integers(1, 6)),
)


@pytest.fixture(scope="module")
def here() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


def test_a_segment_serves_those_it_names_and_those_who_meet_its_clauses(acme: Tenant) -> None:
    """R9.3."""
    acme.segments.create("testers", ("age", "gte", 18), ids=["u1", 2], without=["u3"], description="who tests")
    flag = acme.flags.create("checkout").enable().rollout(0).target("id", "in_segment", "testers", serve="on")
    contexts: list[dict[str, Json]] = [
        {"id": "u1"},
        {"id": 2.0},
        {"id": "u3", "age": 20},
        {"id": "u4", "age": 20},
        {"id": "u4", "age": 1},
        {},
    ]
    answers = [flag.evaluate(context) for context in contexts]
    assert [answer.value for answer in answers] == [True, True, False, True, False, False]
    assert answers == [flag._link.call(flag._service.evaluate("checkout", context)) for context in contexts]
    acme.segments["testers"].add("u4")
    assert flag.evaluate(contexts[4]).value is False  # a handle stays as it is
    assert flag.refresh().evaluate(contexts[4]).value is True
    assert flag.at(flag.version).evaluate(contexts[4]).value is False


def test_segments_are_changed_listed_remembered_and_put_away(acme: Tenant) -> None:
    segment = acme.segments.create("testers", ids=pd.Series([1, 2, 3]), why="beta")
    changed = segment.add("u9", why="asked").exclude(["2"]).where(("country", "eq", "DE")).describe("who tests")
    assert segment.ids == {"1", "2", "3"}
    assert changed == acme.segments["testers"]
    assert (sorted(changed.ids), sorted(changed.state.without), changed.version) == (["1", "3", "u9"], ["2"], 5)
    assert changed.at(1) == segment
    assert changed.history().frame()["why"].tolist()[:2] == ["beta", "asked"]
    assert changed.history().frame()["after"][2] == {"ids": 3, "without": 1, "no longer in": ["2"], "added out": ["2"]}
    assert changed.revert(1).state.ids == segment.ids
    with pytest.raises(burgee.ConcurrencyError):
        changed.add("x", expected_version=changed.version)
    other = acme.segments.create("all", ("id", "in_segment", "testers"))
    flag = acme.flags.create("f").target("id", "not_in_segment", ["all"], serve="on")
    with pytest.raises(burgee.ConflictError, match="segment 'all' uses it"):
        changed.archive()
    with pytest.raises(burgee.ConflictError, match="flag 'f' uses it"):
        other.archive()
    with pytest.raises(burgee.InvalidInputError, match="testers -> all -> testers"):
        changed.where(("id", "in_segment", "all"))
    flag.untarget(flag.state.rules[0].name)
    assert other.archive().state.archived
    assert [one.key for one in acme.segments] == ["testers"]
    assert [one.key for one in acme.segments.list(archived=True)] == ["all", "testers"]
    assert acme.segments.frame()["ids"].tolist() == [3]
    with pytest.raises(burgee.InvalidInputError, match="no segment 'all'"):
        flag.target("id", "in_segment", "all", serve="on")
    assert acme.segments.create("all", exist_ok=True).restore().state.archived is False
    with pytest.raises(burgee.NotFoundError, match="no segment 'tester'") as caught:
        acme.segments["tester"]
    assert "testers" in str(caught.value.hints)
    assert "tester" not in acme.segments
    with pytest.raises(burgee.AlreadyExistsError, match="already a segment"):
        acme.segments.create("all")


def test_a_hundred_thousand_ids_are_stored_once_and_then_by_difference(here: Tenant) -> None:
    segment = here.segments.create("large", ids=np.arange(100_000)).add("one more").remove([5, 6])
    assert len(segment.ids) == 99_999
    events = [event for event in here.events.query("segment.*", own=True) if event.stream == "$segment-large"]
    assert sorted(map(str, range(100_000))) == events[0].data["ids_new"]
    assert [event.data for event in events[1:]] == [{"ids_new": ["one more"]}, {"ids_gone": ["5", "6"]}]
    assert segment.history().frame()["after"][0]["added in"].startswith("100,000 ids: 0, 1, 10, …")
    assert segment.revert(1).ids == segment.at(1).ids
    assert "100,000 ids" in repr(segment.at(1))
    assert "100,000: 0, 1" in segment.at(1)._repr_mimebundle_()["text/html"]


@given(st.lists(one_change, max_size=10))
def test_a_segment_is_what_its_events_say_and_a_revert_restores_it(several: list[segments.Change]) -> None:
    """P5."""
    with service() as flags:
        states = [drive(flags.get_segment("testers")).unwrap()]
        for change in several:
            result = drive(flags.change_segment("testers", change))
            if isinstance(result, Ok) and result.value.version > states[-1].version:
                states.append(result.value)
            assert drive(flags.get_segment("testers")).unwrap() == states[-1]
        assert [line.state for line in drive(flags.segment_history("testers")).unwrap()] == states
        for state in states:
            assert not state.ids & state.without
            back = drive(flags.change_segment("testers", changes.Revert(state.version))).unwrap()
            assert (back.ids, back.without, back.clauses, back.archived) == (
                state.ids, state.without, state.clauses, state.archived,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([None], "can't be missing"),
        ([float("nan")], "can't be missing"),
        (pd.Series(["u1", None]), "can't be missing"),
        ([""], "can't be missing"),
        ([1.5], "text or a whole number, not 1.5"),
        ([True], "text or a whole number, not bool"),
        ([["u1"]], "text or a whole number, not list"),
        (["\ud800"], "half a character"),
        (["a\0"], "1 to 512 characters"),
        (["x" * 513], "1 to 512 characters"),
        ({"u1": 1}, "ids are a list, a set or one column, not dict"),
        (b"u1", "ids are a list, a set or one column, not bytes"),
        (pd.DataFrame({"id": ["u1"]}), "take the column of ids"),
        (range(1_000_001), "at most 1,000,000 ids"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_ids_that_can_not_be_are_refused(here: Tenant, ids: object, said: str) -> None:
    segment = here.segments.create("small", ids=["u1"], exist_ok=True)
    with pytest.raises(burgee.InvalidInputError) as caught:
        segment.add(ids)
    assert said in f"{caught.value.message} {caught.value.hints}"
    with pytest.raises(burgee.InvalidInputError):
        here.segments.create("never", ids=ids)
    assert segment.refresh() == segment


def test_ids_are_told_as_targeting_keys_are() -> None:
    assert id_texts("u1") == ("u1",)
    assert id_texts(7) == ("7",)
    assert id_texts(np.array([1.0, 2.0, 2.0])) == ("1", "2")
    assert id_texts(pd.Series([1, 2], dtype="Int64")) == ("1", "2")
    assert set(id_texts({"ü", "a"})) == {"ü", "a"}


REFUSED: list[tuple[Callable[[Tenant], object], str]] = [
    (lambda here: here.segments.create("bad key"), "can't be a segment's key"),
    (lambda here: here.segments.create(5), "a segment's key is text"),  # type: ignore[arg-type]
    (lambda here: here.segments.create("s", ids=["u1"], without=["u1"]), "'u1' is both"),
    (lambda here: here.segments.create("s", ("id", "in_segment", "s")), "can't be in itself"),
    (lambda here: here.segments.create("s", ("id", "in_segment", "nope")), "no segment 'nope'"),
    (lambda here: here.segments.create("s", ("age", "more", 1)), "no operator 'more'"),
    (lambda here: here.segments.create("s", description="x" * 10_001), "up to 10,000 characters"),
]


@pytest.mark.parametrize(("ask", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_a_segment_that_can_not_be_is_not_made(here: Tenant, ask: Callable[[Tenant], object], said: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        ask(here)
    assert "s" not in here.segments


def test_segments_can_not_be_nested_deeper_than_can_be_followed(here: Tenant) -> None:
    here.segments.create("nest-0", ids=["u1"])
    for number in range(1, 32):
        here.segments.create(f"nest-{number}", ("id", "in_segment", f"nest-{number - 1}"))
    with pytest.raises(burgee.InvalidInputError, match="at most 32 deep"):
        here.segments.create("nest-32", ("id", "in_segment", "nest-31"))


def test_a_repeated_creation_is_one_segment() -> None:
    with service() as flags:
        again = drive(flags.create_segment("testers", SegmentSpec(ids=("u1",))))
        assert not isinstance(again, Ok)
        assert isinstance(again.error, burgee.AlreadyExistsError)


def test_a_frame_is_assigned_with_the_segments_and_flags_it_is_evaluated_with(here: Tenant) -> None:
    here.segments.create("some", ids=["u1", "u2"])
    base = here.flags.create("base").enable().target("id", "eq", "u2", serve="off")
    flag = here.flags.create("top").enable().rollout(0).target("id", "in_segment", "some", serve="on")
    flag = flag.require(base, "on")
    assigned = flag.assign(pd.DataFrame({"id": ["u1", "u2", "u3"]}))
    assert assigned["variant"].tolist() == ["on", "off", "off"]
    assert assigned["rule"].tolist()[1] == "prerequisite base"
