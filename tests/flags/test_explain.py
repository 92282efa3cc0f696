"""Explanations: each step, each condition with the value seen, each bucket; as frames, text and HTML."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given

import burgee
from burgee.flags.analysis.explanation import COLUMNS, MOST_ROWS, Explanation
from burgee.flags.evaluation.compiled import compile_flag
from burgee.flags.evaluation.explaining import explain
from burgee.flags.model import FlagState
from burgee.workspace import Tenant
from flags.strategies import flag_states, tables

USERS = pd.DataFrame({"id": ["u1", "u2", "u3"], "country": ["DE", "US", None]}, index=[10, 20, 30])
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture
def flag(local: Tenant) -> burgee.Flag:
    flag = local.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    flag = flag.target("country", "in", ["DE", "AT"], serve="treatment", name="alps", also=[("age", "gte", 18)])
    return flag.holdout("2026", 5).override("vip", "treatment")


def test_an_explanation_is_of_what_is_served(acme: Tenant) -> None:
    flag = acme.flags.create("f", enabled=True, rollout=50).target("plan", "eq", "pro", serve="on", name="pros")
    for context in ({"id": "u1", "plan": "pro"}, {"id": "u2"}, {"plan": "free"}):
        assert flag.explain(context).evaluation == flag.evaluate(context)
    assert flag.explain({"id": "u1", "plan": "pro"}).rule == "pros"


@given(flag_states(), tables())
def test_the_step_that_decides_serves_what_evaluate_serves(state: FlagState, table: pa.Table) -> None:
    """R9.1, for whatever flag and context."""
    compiled = compile_flag(state)
    for context in table.slice(0, 2).to_pylist():
        explanation = Explanation(explain(compiled, context), context)
        assert explanation.evaluation == compiled.evaluate(context)
        assert explanation.decisive.served == explanation.variant
        frame = explanation.frame()
        assert list(frame.columns) == list(COLUMNS)
        assert frame["step"].is_monotonic_increasing
        html = explanation._repr_mimebundle_()["text/html"]
        assert html.count('<li class="burgee') + html.count('<li class=""') == len(explanation.steps)


def test_each_condition_has_a_row_with_the_value_seen(flag: burgee.Flag) -> None:
    frame = flag.explain({"id": "u1", "country": "DE", "age": 17}).frame()
    rule = frame[frame["rule"] == "alps"]
    assert rule["condition"].tolist()[1:] == ["country in (DE, AT)", "age gte 18"]
    assert rule["seen"].tolist()[1:] == ["DE", 17]
    assert rule["met"].tolist() == [False, True, False]


def test_buckets_stand_beside_the_limit_they_are_compared_with(flag: burgee.Flag) -> None:
    frame = flag.explain({"id": "u1"}).frame().set_index("kind")
    rollout = frame.loc["rollout"].to_dict()
    assert rollout["bucket"] == flag.assign(pd.DataFrame({"id": ["u1"], "country": "", "age": 0}))["bucket"][0]
    assert rollout["limit"] == round(0.2 * 2**32)
    assert rollout["share"] == 20
    assert rollout["met"] == (rollout["bucket"] < rollout["limit"])


def test_what_comes_after_the_decision_was_not_asked(flag: burgee.Flag) -> None:
    explanation = flag.explain({"id": "vip"})
    assert explanation.decisive.kind == "override"
    after = [step for step in explanation.steps if step.met is None]
    assert [step.kind for step in after] == ["holdout", "rule", "rollout", "variant"]
    assert explanation.frame()["met"].isna().sum() == 4


def test_the_text_says_it_in_lines(flag: burgee.Flag) -> None:
    text = flag.explain({"id": "u1", "country": "US"}).text()
    assert text.startswith("checkout serves 'u1' control (DEFAULT)")
    assert "✗ country in (DE, AT)  (seen: 'US')" in text
    assert "✗ age gte 18  (seen: None)" in text


def test_a_frame_is_explained_row_by_row_under_its_own_index(flag: burgee.Flag) -> None:
    users = USERS.assign(age=30)
    frame = flag.explain(users)
    assert list(dict.fromkeys(frame.index)) == [10, 20, 30]
    assert list(frame.columns) == ["id", *COLUMNS]
    for index, row in users.iterrows():
        alone = flag.explain({str(name): value for name, value in row.items()}).frame()
        pd.testing.assert_frame_equal(frame.loc[[int(str(index))]].drop(columns="id").reset_index(drop=True), alone)


def test_any_frame_and_any_column_of_ids_will_do(flag: burgee.Flag) -> None:
    table = pa.table({"user": ["u1", "u2"], "country": ["DE", "US"], "age": [20, 20]})
    frame = flag.explain(table, by="user")
    assert frame["id"].unique().tolist() == ["u1", "u2"]
    assert flag.explain([{"id": "u1"}, {"id": "u2"}])["id"].unique().tolist() == ["u1", "u2"]


def test_a_row_of_a_frame_is_a_context(flag: burgee.Flag) -> None:
    row = USERS.assign(age=30).loc[10]
    assert flag.explain(row).variant == "treatment"


def test_what_is_no_context_is_explained_as_such(flag: burgee.Flag) -> None:
    for wrong in (None, 5, "u1"):
        explanation = flag.explain(cast("dict[str, object]", wrong))
        assert explanation.reason == "ERROR"
        assert explanation.evaluation.error
        assert explanation._repr_mimebundle_()["text/html"]


def test_too_many_rows_are_refused_with_what_to_do(flag: burgee.Flag) -> None:
    users = pd.DataFrame({"id": range(MOST_ROWS + 1)})
    with pytest.raises(burgee.InvalidInputError, match="10,001 rows are too many") as caught:
        flag.explain(users)
    assert "flag.assign(users)" in str(caught.value.hints)
    with pytest.raises(burgee.MissingColumnError, match="'user'"):
        flag.explain(users[:2], by="user")


def test_nothing_of_a_context_becomes_markup(flag: burgee.Flag) -> None:
    html = flag.explain({"id": HOSTILE, "country": HOSTILE, "age": [HOSTILE]})._repr_mimebundle_()["text/html"]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("seen", [float("nan"), None, pd.NaT, 2**70, "ü" * 500, b"x", {"a": [1]}, object()])
def test_any_value_seen_can_be_shown(flag: burgee.Flag, seen: object) -> None:
    explanation = flag.explain({"id": "u1", "country": seen})
    assert explanation.variant == flag.evaluate({"id": "u1", "country": seen}).variant
    assert explanation.text()
    assert explanation._repr_mimebundle_()["text/html"]
    assert len(explanation.frame()) > 4


def test_an_older_version_is_explained_as_it_was() -> None:
    clock = burgee.ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with burgee.open("memory://", clock=clock) as ws:
        flag = ws.tenants.create("acme").flags.create("f", enabled=True, rollout=0)
        flag = flag.ramp(0, 100, start="2026-01-02", end="2026-01-04")
        clock.advance(days=2)
        assert flag.at("2026-01-03").explain({"id": "u1"}).frame().set_index("kind")["share"]["rollout"] == 50
