"""The quick way into the mirror says what the thorough one says, or nothing."""

from collections.abc import Mapping, Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from burgee.analytics.layout import Facts, kind_of, merged_facts
from burgee.analytics.mirror_quick import quickly
from burgee.analytics.payload import typed
from raw import raw_events

type Events = Sequence[tuple[str, Mapping[str, object]]]

fields = st.fixed_dictionaries(
    {"n": st.integers(-5, 5)},
    optional={
        "x": st.sampled_from([1, 2.5, -0.0, 1e300, 2**53 + 1, 2**63, 2**64, 10**400, None]),
        "A": st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "", 'é\\"\n', "\x00", "1", None]),
        "a": st.booleans(),
        "": st.sampled_from([None, 1]),
        "a.b": st.sampled_from([[1], {"a": 1}, "x", 7]),
    },
)
logs = st.lists(st.tuples(st.sampled_from(["t", "u"]), fields), min_size=1, max_size=6)
PLAIN = {"n": 1, "x": 2.5, "A": "2026-01-01", "a": True}


def kinds(facts: Facts) -> dict[str, dict[str, str]]:
    return {type: {name: kind_of(seen) for name, seen in of.fields.items()} for type, of in facts.items()}


@given(logs, logs)
@example([("t", PLAIN), ("u", {"n": 1})], [("t", {"n": 3, "x": 4}), ("u", {"n": 2}), ("t", {"A": None})])
def test_the_quick_way_equals_the_thorough_one(first: Events, second: Events) -> None:
    before, seen, _ = typed(raw_events([data for _, data in first], types=[type for type, _ in first]), {})
    raw = raw_events([data for _, data in second], types=[type for type, _ in second])
    quick = quickly(raw, seen, before)
    if quick is None:
        return
    facts, now, columns = typed(raw, seen)
    assert {name: column.to_pylist() for name, column in quick[1].items()} == {
        name: column.to_pylist() for name, column in columns.items()
    }
    assert {name: column.type for name, column in quick[1].items()} == {
        name: column.type for name, column in columns.items()
    }
    assert {name: kind_of(of) for name, of in now.items()} == {name: kind_of(of) for name, of in seen.items()}
    assert kinds(merged_facts(before, quick[0])) == kinds(merged_facts(before, facts))
    assert {type: (of.count, of.first, of.last, of.versions) for type, of in quick[0].items()} == {
        type: (of.count, of.first, of.last, of.versions) for type, of in facts.items()
    }


def test_events_like_those_before_go_the_quick_way_and_others_do_not() -> None:
    before, seen, _ = typed(raw_events([PLAIN, {}]), {})
    assert quickly(raw_events([PLAIN, {"n": 5}, {"x": 3, "a": None}]), seen, before) is not None
    for new in ({"more": 1}, {"n": 1.5}, {"n": "1"}, {"A": 1}, {"a": 1}, {"x": 10**30}, {"n": 2**63}, {"more": None}):
        assert quickly(raw_events([PLAIN, new]), seen, before) is None, new
    assert quickly(raw_events([PLAIN], types=["other"]), seen, before) is None
    assert quickly(raw_events([]), seen, before) is None
