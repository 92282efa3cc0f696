"""The editor used without a browser: what a hand does to a control, and what comes of it."""

import re
from collections.abc import Iterator
from html import unescape

import ipywidgets
import pandas as pd
import pytest

import burgee
from burgee.flags.model import Operand, Operator
from burgee.notebook.editor import MOST_OVERRIDES, FlagEditor
from burgee.notebook.rulerows import RuleRow
from burgee.notebook.ruletext import columns_of, example, operand, operand_words
from burgee.workspace import Tenant

USERS = pd.DataFrame(
    {
        "id": [f"u{n}" for n in range(300)],
        "country": ["DE", "US", "FR"] * 100,
        "age": list(range(18, 68)) * 6,
        "zip": ["007", "10115", "1"] * 100,
        "member": [True, False, None] * 100,
    }
)
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://", actor="ann") as ws:
        yield ws.tenants.create("acme")


@pytest.fixture
def flag(local: Tenant) -> burgee.Flag:
    flag = local.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    flag = flag.target("country", "in", ["DE", "FR"], serve="treatment", name="europe", also=[("age", "gte", 30)])
    return flag.target("country", "eq", "US", serve="control")


def shown(widget: ipywidgets.Widget) -> str:
    own = [str(widget.value)] if isinstance(widget, ipywidgets.HTML) else []
    inside = [shown(child) for child in getattr(widget, "children", ())]
    texts = (re.sub(r"<style>.*?</style>|<[^>]*>", " ", part, flags=re.DOTALL) for part in own)
    return " ".join([*map(unescape, texts), *inside])


def problem(rule: RuleRow) -> str:
    return " ".join(shown(rule.box).split())


def add_rule(editor: FlagEditor, attribute: str, op: str, value: str, serve: str) -> RuleRow:
    editor.add.click()
    rule = editor.rules[-1]
    condition = rule.conditions[0]
    condition.attribute.value, condition.op.value, condition.value.value = attribute, op, value
    rule.serve.value = serve
    return rule


def test_nothing_is_stored_before_apply_and_then_all_of_it_at_once(acme: Tenant) -> None:
    flag = acme.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)
    editor = flag.editor(USERS)
    editor.slider.value = 60
    add_rule(editor, "country", "in", "DE, FR", "treatment")
    assert acme.flags["checkout"] == flag
    would = editor.draft.assign(USERS)
    editor.why.value = "looked at it"
    editor.apply.click()
    stored = acme.flags["checkout"]
    assert stored == editor.flag
    assert (stored.version, stored.state.rollout) == (2, 60)
    pd.testing.assert_frame_equal(stored.assign(USERS), would)
    assert list(stored.history())[-1].why == "looked at it"
    assert "Applied: version 2" in shown(editor)
    assert editor.apply.disabled


def test_it_begins_with_the_flag_as_it_is(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    assert (editor.switch.value, editor.slider.value, editor.percent.value) == (True, 20, 20)
    first = editor.rules[0]
    assert [(one.attribute.value, one.op.value, one.value.value) for one in first.conditions] == [
        ("country", "in", "DE, FR"),
        ("age", "gte", "30"),
    ]
    assert first.serve.value == "treatment"
    assert editor.draft == flag.draft()
    assert editor.apply.disabled
    assert editor.discard.disabled
    assert "nobody of 300 users moves" in shown(editor)
    assert "nothing yet" in shown(editor)


def test_every_move_shows_who_would_move_and_what_would_differ(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    editor.percent.value = 62.5
    assert editor.slider.value == 62.5
    assert editor.preview is not None
    assert editor.preview.count == flag.preview(USERS, rollout=62.5).count > 0
    assert editor.preview.text() in " ".join(shown(editor).split())
    assert "1 change drafted" in shown(editor)
    editor.switch.value = False
    assert "2 changes drafted" in shown(editor)
    assert set(editor.draft.assign(USERS)["variant"]) == {"control"}


def test_a_rule_that_is_edited_keeps_its_own_name_and_its_place(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    editor.rules[0].conditions[0].value.value = "DE"
    editor.rules[1].conditions[0].value.value = "IT"
    assert [(rule.name, str(rule.conditions[0])) for rule in editor.draft.state.rules] == [
        ("europe", "country in (DE)"),
        ("country eq IT", "country eq 'IT'"),
    ]
    editor.rules[0].conditions[0].value.value = "DE, FR"
    editor.rules[1].conditions[0].value.value = "US"
    assert editor.draft == flag.draft()
    assert editor.apply.disabled


def test_rules_are_moved_and_taken_away(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    assert editor.rules[0].up.disabled
    assert editor.rules[1].down.disabled
    editor.rules[1].up.click()
    assert [rule.name for rule in editor.draft.state.rules] == ["country eq US", "europe"]
    assert "order of rules" in shown(editor)
    editor.rules[1].remove.click()
    editor.rules[0].remove.click()
    assert editor.draft.state.rules == ()


def test_conditions_are_added_and_taken_away(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    rule = editor.rules[1]
    assert rule.conditions[0].remove.disabled  # the last one goes with its rule
    rule.more.click()
    assert editor.apply.disabled
    assert "not complete yet" in problem(rule)
    rule.conditions[1].attribute.value, rule.conditions[1].value.value = "member", "true"
    assert [str(one) for one in editor.draft.state.rules[1].conditions] == ["country eq 'US'", "member eq True"]
    rule.conditions[0].remove.click()
    assert [str(one) for one in editor.draft.state.rules[1].conditions] == ["member eq True"]


def test_what_can_not_be_is_told_in_the_rule_and_can_not_be_applied(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    rule = add_rule(editor, "age", "between", "65, 18", "treatment")
    assert "65 is above 18" in problem(rule)
    assert 'role="alert"' in "".join(html(rule.box))
    assert editor.apply.disabled
    editor.slider.value = 50  # the others go on
    assert editor.draft.state.rollout == 50
    assert editor.apply.disabled
    rule.conditions[0].value.value = "18, 65"
    assert "above" not in problem(rule)
    assert not editor.apply.disabled
    rule.conditions[0].op.value = "exists"
    assert rule.conditions[0].value.disabled
    assert str(editor.draft.state.rules[-1].conditions[0]) == "age exists"


def html(widget: ipywidgets.Widget) -> list[str]:
    own = [str(widget.value)] if isinstance(widget, ipywidgets.HTML) else []
    return own + [part for child in getattr(widget, "children", ()) for part in html(child)]


def test_an_incomplete_rule_waits(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    editor.add.click()
    assert editor.draft.state.rules == flag.state.rules
    assert editor.apply.disabled
    assert not editor.discard.disabled
    editor.discard.click()
    assert len(editor.rules) == 2


def test_overrides_are_given_and_taken_back(flag: burgee.Flag) -> None:
    flag = flag.override({f"v{n}": "treatment" for n in range(MOST_OVERRIDES + 5)})
    editor = flag.editor(USERS)
    assert "and 5 more" in shown(editor)
    editor.user.value, editor.variant.value = " u1 ", "treatment"
    editor.give.click()
    assert editor.draft.state.overrides["u1"] == "treatment"
    assert editor.user.value == ""
    editor._overrides.children[0].click()
    assert "v0" not in editor.draft.state.overrides
    editor.apply.click()
    assert len(editor.flag.state.overrides) == MOST_OVERRIDES + 5
    editor.give.click()
    assert "say to whom" in editor.problem.value


def test_rules_made_in_code_are_told_and_kept(flag: burgee.Flag) -> None:
    flag = flag.target("age", "gt", 60, split={"control": 10, "treatment": 90}, name="split one")
    flag = flag.target("age", "lt", 20, serve="treatment", percent=30, name="some")
    editor = flag.editor(USERS)
    assert [rule.editable for rule in editor.rules] == [True, True, False, True]
    assert "control 10 / treatment 90; made in code" in problem(editor.rules[2])
    assert "for 30 %" in problem(editor.rules[3])
    editor.rules[2].up.click()
    editor.rules[3].conditions[0].value.value = "25"
    rules = {rule.name: rule for rule in editor.draft.state.rules}
    assert rules["split one"] == flag.state.rules[2]
    assert rules["some"].percent == 30
    assert list(rules) == ["europe", "split one", "country eq US", "some"]


def test_a_flag_changed_meanwhile_is_told_and_the_draft_kept_on_top(local: Tenant, flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    editor.slider.value = 70
    local.flags["checkout"].target("age", "gt", 60, serve="control", name="elsewhere")
    editor.apply.click()
    assert "expected version" in editor.problem.value
    editor.again.click()
    assert editor.problem.value == ""
    assert editor.slider.value == 70
    assert [rule.name for rule in editor.draft.state.rules][-1] == "elsewhere"
    editor.apply.click()
    assert local.flags["checkout"].state.rollout == 70
    assert local.flags["checkout"].state.rules[-1].name == "elsewhere"


def test_discard_goes_back_to_the_flag_as_it_is(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    editor.slider.value = 70
    editor.rules[0].remove.click()
    editor.discard.click()
    assert editor.draft == flag.draft()
    assert (editor.slider.value, len(editor.rules)) == (20, 2)


def test_whoever_watches_is_told_of_draft_and_flag(flag: burgee.Flag) -> None:
    editor = flag.editor()
    seen: list[float] = []
    editor.observe(lambda change: seen.append(change["new"].state.rollout), "draft")
    editor.slider.value = 30
    assert seen == [30]
    assert editor.preview is None
    assert "Who would move" not in shown(editor)


def test_users_that_can_not_be_assigned_are_refused_at_once(flag: burgee.Flag) -> None:
    with pytest.raises(burgee.MissingColumnError, match="'user'"):
        flag.editor(USERS, by="user")
    with pytest.raises(burgee.InvalidInputError, match="frame"):
        flag.editor(5)


def test_an_attribute_the_users_have_not_is_told_and_can_be_applied(flag: burgee.Flag) -> None:
    editor = flag.editor(USERS)
    add_rule(editor, "plan", "eq", "pro", "treatment")
    assert "'plan'" in shown(editor)
    editor.apply.click()
    assert editor.flag.state.rules[-1].name == "plan eq pro"


def test_a_saved_notebook_keeps_it_as_html_and_nothing_becomes_markup(flag: burgee.Flag) -> None:
    flag = flag.target("country", "eq", HOSTILE, serve="control", name=HOSTILE).override(HOSTILE, "control")
    editor = flag.editor(USERS.assign(country=HOSTILE))
    editor.slider.value = 50
    bundle = editor._repr_mimebundle_()
    assert bundle is not None
    for part in (*html(editor), str(bundle["text/html"])):
        assert "<script" not in part
    assert "Who would move" in str(bundle["text/html"])
    assert repr(editor).startswith("<FlagEditor of <Draft")


@pytest.mark.parametrize(
    ("op", "words", "kind", "value"),
    [
        ("eq", "18", None, 18),
        ("eq", "18", "text", "18"),
        ("eq", '"18"', None, "18"),
        ("eq", "007", None, 7),
        ("eq", "1.5", None, 1.5),
        ("eq", "true", None, True),
        ("eq", "nan", None, "nan"),
        ("eq", "a, b", None, "a, b"),
        ("in", 'DE, "a, b", 3,', None, ["DE", "a, b", 3]),
        ("in", '"say \\"hi\\"", ü', None, ['say "hi"', "ü"]),
        ("between", "18, 65", None, [18, 65]),
        ("matches", '^"a"$', None, '^"a"$'),
        ("exists", "whatever", None, None),
    ],
)
def test_what_is_written_is_read(op: str, words: str, kind: str | None, value: object) -> None:
    assert operand(Operator(op), words, kind) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [None, "text", "number"])
@pytest.mark.parametrize(
    "value", ["DE", "18", "", " a ", 'say "hi"', "a, b", "true", "\\", "ü\n", 18, -1.5, 1e300, True, False, "1e5"]
)
def test_what_is_shown_is_read_back_as_what_it_was(value: Operand, kind: str | None) -> None:
    if kind != "text" or isinstance(value, str):  # a column of text is compared with text
        for op, given in ((Operator.EQ, value), (Operator.IN, (value, "x"))):
            words = operand_words(op, given, kind)  # type: ignore[arg-type]
            read = operand(op, words, kind)  # type: ignore[arg-type]
            assert read == (list(given) if isinstance(given, tuple) else given)
            assert type(read) is (list if isinstance(given, tuple) else type(given))


def test_fields_show_examples_of_the_users_own_values() -> None:
    columns = columns_of(USERS)
    assert columns["zip"].kind == "text"
    assert columns["age"].kind == "number"
    assert columns["member"].kind == "truth value"
    assert example(Operator.IN, columns["country"]) == "DE, US, FR"
    assert example(Operator.EQ, columns["zip"]) == "007"
    assert example(Operator.BETWEEN, None) == "low, high"
    assert example(Operator.SEMVER_GT, None) == "1.2.3"
    assert columns_of(None) == {}
