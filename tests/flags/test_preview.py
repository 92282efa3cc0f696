"""Previews: who would be served another variant by a change, before anybody is."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.workspace import Tenant
from effort import COSTLY

USERS = pd.DataFrame(
    {"id": [f"u{n}" for n in range(1000)], "country": ["DE", "US", "FR", None] * 250, "age": list(range(18, 68)) * 20}
)


@pytest.fixture(scope="module")
def local() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture(scope="module")
def flag(local: Tenant) -> burgee.Flag:
    flag = local.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    return flag.target("country", "eq", "DE", serve="treatment", name="germans")


def test_a_preview_counts_who_moves_and_changes_nothing(acme: Tenant) -> None:
    flag = acme.flags.create("f", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    preview = flag.preview(USERS, rollout=40)
    moved = flag.assign(USERS)["variant"].astype(str) != flag.rollout(40).assign(USERS)["variant"].astype(str)
    assert preview.count == moved.sum() > 0
    assert acme.flags["f"].version == flag.version + 1  # by the rollout above, not by the preview


@COSTLY
@given(st.floats(0, 100), st.floats(0, 100))
def test_the_frame_is_the_crosstab_of_the_two_versions(flag: burgee.Flag, first: float, second: float) -> None:
    before, after = flag.draft().rollout(first), flag.draft().rollout(second)
    frame = flag.preview(USERS, after).frame()
    assert frame["count"].sum() == len(USERS)
    assert frame["share"].sum() == pytest.approx(1)
    now, then = before.assign(USERS), after.assign(USERS)
    counts = Counter(zip(flag.assign(USERS)["variant"].astype(str), then["variant"].astype(str), strict=True))
    assert {(a, b): n for a, b, n, _ in frame.to_numpy().tolist()} == counts
    inside, then_inside = (one["reason"] == "SPLIT" for one in (now, then))
    if first <= second:  # P20: a rollout raised moves nobody out
        assert not (inside & ~then_inside).any()


def test_those_who_move_are_told_with_their_rows_and_why(flag: burgee.Flag) -> None:
    preview = flag.preview(USERS, untarget="germans")
    moved = preview.moved
    assert list(moved.columns) == [*USERS.columns, "from_variant", "to_variant", "from_reason", "to_reason", "rule"]
    assert len(moved) == preview.count > 0
    assert set(moved["country"]) == {"DE"}
    assert set(moved["from_reason"]) == {"TARGETING_MATCH"}
    assert (moved["from_variant"].astype(str) != moved["to_variant"].astype(str)).all()


def test_the_words_tell_how_many_and_where_to(flag: burgee.Flag) -> None:
    preview = flag.preview(USERS, rollout=40)
    move = preview.moves[0]
    assert (move.source, move.target) == ("control", "treatment")
    assert (
        preview.text()
        == f"{move.count} of 1,000 users move ({move.count / 10:.1f} %): control → treatment {move.count}"
    )
    assert preview.text() in repr(preview)
    assert flag.preview(USERS, rollout=20).text() == "nobody of 1,000 users moves"
    assert flag.preview(USERS[:0], rollout=40).text() == "no users to move"
    assert flag.preview(USERS[:0], rollout=40).share == 0


def test_counts_by_a_column_hold_whoever_has_none(flag: burgee.Flag) -> None:
    preview = flag.preview(USERS, rollout=60, segment="country")
    frame = preview.frame()
    pd.testing.assert_frame_equal(frame, preview.by("country"))
    assert list(frame.columns) == ["country", "from_variant", "to_variant", "count", "share"]
    assert frame["count"].sum() == 1000
    assert frame["country"].isna().any()
    assert frame.groupby("country", dropna=False)["share"].sum().tolist() == pytest.approx([1, 1, 1, 1])
    moved = preview.by_segment("country").set_index("country")
    assert moved.loc["DE", "moved"] == 0  # the rule serves them whatever the rollout
    assert moved["moved"].sum() == preview.count
    assert moved["users"].sum() == 1000
    with pytest.raises(burgee.MissingColumnError, match="'city'"):
        preview.by("city")
    with pytest.raises(burgee.MissingColumnError, match="'city'"):
        flag.preview(USERS, rollout=60, segment="city")


def test_a_column_of_the_users_may_be_named_like_the_answers(flag: burgee.Flag) -> None:
    users = USERS.assign(from_variant="mine", count=1)
    preview = flag.preview(users, rollout=60)
    assert set(preview.moved["from_variant"].astype(str)) == {"control"}
    assert preview.by("from_variant")["count"].sum() == 1000


def test_several_changes_are_tried_together(flag: burgee.Flag) -> None:
    preview = flag.preview(USERS, rollout=100, variants={"control": 0, "treatment": 100}, untarget="germans")
    assert preview.after.rollout == 100
    assert {move.target for move in preview.moves} == {"treatment"}
    assert flag.preview(USERS, enabled=False).moves[-1].target == "control"
    assert flag.preview(USERS, override={"u1": "treatment", "u2": "treatment"}).count <= 2


def test_another_version_or_a_draft_can_be_looked_at(flag: burgee.Flag) -> None:
    assert flag.preview(USERS, flag.at(1)).count == flag.preview(USERS, untarget="germans").count
    draft = flag.draft().target("age", "gte", 60, serve="treatment")
    assert flag.preview(USERS, draft).count == draft.preview(USERS).count > 0


def test_new_and_gone_variants_are_moves_too(flag: burgee.Flag) -> None:
    other = flag.draft().untarget("germans").rollout(100).variants({"control": 0, "new": 100})
    preview = other.preview(USERS)
    assert {move.target for move in preview.moves} == {"new"}
    assert preview.count == 1000
    assert preview.plot().axes
    assert preview._repr_mimebundle_()["text/html"]


def test_who_stays_with_a_variant_whose_value_changes_is_told(flag: burgee.Flag) -> None:
    draft = flag.draft().variants({"control": 50, "treatment": 50}, values={"treatment": "blue"})
    preview = draft.preview(USERS)
    stay = int((flag.assign(USERS)["variant"] == "treatment").sum())
    assert preview.text() == f"nobody of 1,000 users moves; {stay:,} stay with treatment, whose value changes"


def test_the_plot_has_a_bar_for_each_variant_and_each_segment(flag: burgee.Flag) -> None:
    figure = flag.preview(USERS, rollout=60, segment="country").plot()
    above, below = figure.axes
    assert [label.get_text() for label in above.get_yticklabels()] == ["control", "treatment"]
    assert len(below.patches) == 4
    assert flag.preview(USERS[:0], rollout=60).plot().axes


@pytest.mark.parametrize("users", [pa.Table.from_pandas(USERS), USERS.to_dict("records"), USERS.to_dict("list")])
def test_any_frame_will_do(flag: burgee.Flag, users: object) -> None:
    assert flag.preview(users, rollout=40).count == flag.preview(USERS, rollout=40).count


def test_what_can_not_be_tried_is_refused_with_what_to_do(flag: burgee.Flag, local: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match="say what to try"):
        flag.preview(USERS)
    with pytest.raises(burgee.InvalidInputError, match="one of the two"):
        flag.preview(USERS, flag, rollout=20)
    with pytest.raises(burgee.InvalidInputError, match="percent"):
        flag.preview(USERS, rollout=float("nan"))
    with pytest.raises(burgee.InvalidInputError, match="no rule 'x'"):
        flag.preview(USERS, untarget="x")
    with pytest.raises(burgee.InvalidInputError, match="two flags"):
        flag.preview(USERS, local.flags.create("other"))
    with pytest.raises(burgee.MissingColumnError, match="country"):
        flag.preview(USERS[["id"]], rollout=40)
    for wrong in (None, 5, "users", USERS["id"]):
        with pytest.raises(burgee.InvalidInputError, match=r"frame|column"):
            flag.preview(wrong, rollout=40)
