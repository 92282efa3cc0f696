"""Widgets used without a browser: what a hand does to a control, and what comes of it, in all three modes."""

import re
import threading
from collections.abc import Iterator
from html import unescape

import ipywidgets
import pandas as pd
import pytest

import burgee
from burgee.core.errors import ConcurrencyError, MissingColumnError
from burgee.notebook.widgets import MOST_FLAGS, FlagsWidget, FlagWidget
from burgee.workspace import Tenant

USERS = pd.DataFrame({"id": [f"u{n}" for n in range(300)], "country": ["DE", "US", "FR"] * 100})
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def flag(acme: Tenant) -> burgee.Flag:
    return acme.flags.create("checkout", variants={"control": 50, "treatment": 50}, rollout=20, enabled=True)


@pytest.fixture
def local() -> Iterator[Tenant]:
    """A tenant for what is the same in every mode."""
    with burgee.open("memory://", actor="ann") as ws:
        yield ws.tenants.create("acme")


def shown(widget: ipywidgets.Widget) -> str:
    """The text of everything in a widget that is HTML."""
    own = [str(widget.value)] if isinstance(widget, ipywidgets.HTML) else []
    inside = [shown(child) for child in getattr(widget, "children", ())]
    texts = (re.sub(r"<style>.*?</style>|<[^>]*>", " ", part, flags=re.DOTALL) for part in own)
    return " ".join([*map(unescape, texts), *inside])


def shares(widget: FlagWidget) -> list[tuple[str, int, dict[str, int]]]:
    """What the bars say: variant, count, and count by reason."""
    html = next(part.value for part in widget.children if 'class="burgee-bars"' in getattr(part, "value", ""))
    found = []
    for part in html.split('<div class="burgee-variant">')[1:]:
        reasons = {word: int(count.replace(",", "")) for word, count in re.findall(r'title="(\w+): ([\d,]+)"', part)}
        count = re.search(r'burgee-dim"> ([\d,]+)<', part)
        assert count is not None
        found.append((part.partition("<")[0], int(count[1].replace(",", "")), reasons))
    return found


def test_the_slider_moves_the_flag_and_the_frame_follows(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    assert widget.slider.value == 20
    widget.slider.value = 70
    assert acme.flags["checkout"].state.rollout == 70
    assert widget.flag == acme.flags["checkout"]
    pd.testing.assert_frame_equal(widget.frame, acme.flags["checkout"].assign(USERS))
    assert widget.percent.value == 70
    assert flag.state.rollout == 20  # the handle it was made from stays as it was


def test_the_number_field_takes_what_the_slider_can_not(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    widget.percent.value = 0.01
    assert acme.flags["checkout"].state.rollout == 0.01
    assert widget.slider.value == 0.01


def test_the_switch_turns_the_flag_off_and_on(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    widget.switch.value = False
    assert not acme.flags["checkout"].enabled
    assert set(widget.frame["reason"]) == {"DISABLED"}
    assert shares(widget) == [("control", 300, {"disabled": 300}), ("treatment", 0, {})]
    assert "disabled" in shown(widget)
    widget.switch.value = True
    assert acme.flags["checkout"].enabled


def test_one_move_of_a_hand_is_one_change(flag: burgee.Flag) -> None:
    """Setting the other controls to what is must not be taken for wishes."""
    widget = flag.widget(USERS)
    widget.slider.value = 40
    widget.percent.value = 41.5
    widget.switch.value = False
    assert [change.change for change in widget.flag.history()] == ["created", "rollout", "rollout", "enabled"]


def test_the_shares_are_those_of_the_frame_by_variant_and_reason(flag: burgee.Flag) -> None:
    flag = flag.target("country", "eq", "DE", serve="treatment")
    widget = flag.widget(USERS)
    for percent in (20, 100, 0):
        widget.slider.value = percent
        frame = widget.frame
        for variant, count, reasons in shares(widget):
            there = frame[frame["variant"] == variant]
            assert count == len(there)
            words = there["reason"].map({"TARGETING_MATCH": "rule", "SPLIT": "split", "DEFAULT": "default"})
            assert reasons == words.value_counts()[lambda sizes: sizes > 0].to_dict()
    assert shares(widget) == [("control", 200, {"default": 200}), ("treatment", 100, {"rule": 100})]


def test_weights_can_be_applied_once_they_sum_to_100(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    assert widget.apply.disabled
    widget.weights["control"].value = 10
    assert "sum 60 %, 40 missing" in shown(widget)
    assert widget.apply.disabled
    widget.weights["treatment"].value = 95.5
    assert "sum 105.5 %, 5.5 too many" in shown(widget)
    assert widget.apply.disabled
    widget.weights["treatment"].value = 90
    assert not widget.apply.disabled
    assert acme.flags["checkout"].version == flag.version  # nothing is stored before
    widget.apply.click()
    stored = acme.flags["checkout"]
    assert {variant.name: variant.weight for variant in stored.state.variants} == {"control": 10, "treatment": 90}
    assert widget.apply.disabled
    pd.testing.assert_frame_equal(widget.frame, stored.assign(USERS))


def test_weights_made_for_another_version_are_refused_and_told(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget()
    acme.flags["checkout"].variants({"control": 30, "treatment": 70})
    widget.weights["control"].value, widget.weights["treatment"].value = 10, 90
    widget.apply.click()
    assert "at version 2, expected version 1" in widget.problem.value
    assert widget.problem.layout.display == ""
    widget.again.click()
    assert widget.problem.layout.display == "none"
    assert widget.weights["control"].value == 30


def test_a_change_that_is_refused_is_told_in_red_and_taken_back(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    acme.flags["checkout"].archive()
    widget.slider.value = 90
    assert "is archived" in widget.problem.value
    assert "flag.restore()" in widget.problem.value  # the hint
    assert 'role="alert"' in widget.problem.value
    assert widget.slider.value == 20
    assert widget.flag.state.rollout == 20
    widget.again.click()
    assert (widget.slider.disabled, widget.switch.disabled, widget.weights["control"].disabled) == (True, True, True)
    acme.flags["checkout"].restore()
    widget.refresh()
    widget.slider.value = 90
    assert widget.problem.value == ""
    assert acme.flags["checkout"].state.rollout == 90


def test_refresh_takes_in_what_was_changed_elsewhere(acme: Tenant, flag: burgee.Flag) -> None:
    widget = flag.widget(USERS)
    acme.flags["checkout"].rollout(55).variants({"control": 40, "treatment": 40, "treatment-2": 20})
    widget.again.click()
    assert widget.slider.value == 55
    assert list(widget.weights) == ["control", "treatment", "treatment-2"]
    assert widget.weights["treatment-2"].value == 20
    assert [variant for variant, _, _ in shares(widget)] == ["control", "treatment", "treatment-2"]
    assert acme.flags["checkout"].version == 3  # to look is no change


def test_the_history_grows_with_each_change_the_newest_first(flag: burgee.Flag) -> None:
    widget = flag.widget()
    widget.slider.value = 30
    widget.switch.value = False
    text = shown(widget)
    places = [text.index(line) for line in ("disabled  ", "rollout 20 → 30 %", "created")]
    assert places[1:] == sorted(places[1:])
    rows = widget.children[-1].value.split("<tr>")[2:]
    assert [re.sub("<[^>]*>", "", row)[0] for row in rows] == ["3", "2", "1"]


def test_whoever_watches_the_flag_finds_the_frame_that_goes_with_it(local: Tenant) -> None:
    widget = local.flags.create("f", enabled=True).widget(USERS)
    seen: list[tuple[float, int]] = []
    widget.observe(lambda change: seen.append((change["new"].state.rollout, inside(widget.frame))), "flag")
    widget.slider.value = 50
    widget.slider.value = 0
    assert [rollout for rollout, _ in seen] == [50, 0]
    assert seen[0][1] > 0
    assert seen[1][1] == 0


def inside(frame: pd.DataFrame) -> int:
    return int((frame["reason"] == "SPLIT").sum())


def test_any_frame_and_any_column_of_ids_will_do(local: Tenant) -> None:
    pl = pytest.importorskip("polars")
    widget = local.flags.create("f", enabled=True).widget(pl.DataFrame({"user": ["a", "b"]}), by="user")
    assert shares(widget) == [("on", 2, {"split": 2}), ("off", 0, {})]


def test_without_users_there_is_no_frame_and_the_error_says_how_to_have_one(local: Tenant) -> None:
    widget = local.flags.create("f").widget()
    with pytest.raises(burgee.InvalidInputError, match="no users") as caught:
        _ = widget.frame
    assert caught.value.hints == ["give it some: flag.widget(users)"]
    assert "served" not in shown(widget)


def test_users_that_can_not_be_assigned_are_refused_at_once_and_told_later(local: Tenant) -> None:
    flag = local.flags.create("f", enabled=True)
    with pytest.raises(MissingColumnError, match="'user'"):
        flag.widget(USERS, by="user")
    widget = flag.widget(USERS)
    flag.target("age", "gte", 18, serve="off")
    widget.again.click()
    assert "age" in shown(widget)
    assert widget.flag.version == 2  # the rest of the widget goes on
    with pytest.raises(MissingColumnError, match="age"):
        _ = widget.frame


def test_rules_are_told_in_their_order(local: Tenant) -> None:
    flag = local.flags.create("f", variants={"a": 50, "b": 50}).target("country", "in", ["DE", "FR"], serve="b")
    flag = flag.target("age", "gte", 18, serve="a", also=[("plan", "eq", "pro")], name="grown-ups")
    text = " ".join(shown(flag.widget()).split())
    assert "country in DE, FR → b" in text
    assert "grown-ups → a age gte 18 and plan eq 'pro'" in text
    assert "everybody else in the rollout (100 %) by weight, outside it a" in text


def test_nothing_of_a_flag_becomes_markup(local: Tenant) -> None:
    flag = local.flags.create("f", variants={"a": 100, "b": 0}, description=HOSTILE, enabled=True)
    flag = flag.target("country", "eq", HOSTILE, serve="b", name=HOSTILE, why=HOSTILE)
    widget = flag.widget(USERS.assign(country=HOSTILE))
    bundle = widget._repr_mimebundle_()
    assert bundle is not None
    for text in (shown_html(widget), str(bundle["text/html"])):
        assert "<script" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def shown_html(widget: ipywidgets.Widget) -> str:
    own = str(widget.value) if isinstance(widget, ipywidgets.HTML) else ""
    return own + "".join(shown_html(child) for child in getattr(widget, "children", ()))


def test_a_saved_notebook_keeps_the_widget_as_html_and_showing_it_asks_nothing() -> None:
    with burgee.open("memory://") as ws:
        flags = ws.tenants.create("acme").flags
        flag = flags.create("f", variants={"a": 50, "b": 50}, enabled=True)
        widgets = (flag.widget(USERS), flags.widget())
    stills = []
    for widget in widgets:
        bundle = widget._repr_mimebundle_() or {}
        assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
        assert bundle["text/plain"] == repr(widget)
        stills.append(str(bundle["text/html"]))
    parts = {"burgee-bars", "burgee-table", "burgee-badge burgee-enabled"}
    assert parts <= set(re.findall(r'class="([^"]*)"', stills[0]))
    assert "a 50 / b 50" in stills[1]


def test_after_the_workspace_is_closed_a_control_tells_so() -> None:
    with burgee.open("memory://") as ws:
        widget = ws.tenants.create("acme").flags.create("f").widget()
    widget.slider.value = 10
    assert "closed" in widget.problem.value
    assert widget.slider.value == 100


def test_the_table_of_flags_switches_and_rolls_out(acme: Tenant) -> None:
    for key in ("a", "b", "c"):
        acme.flags.create(key)
    widget = acme.flags.widget()
    assert list(widget.rows) == ["a", "b", "c"]
    widget.rows["b"].switch.value = True
    widget.rows["b"].percent.value = 12.5
    changed = acme.flags["b"]
    assert (changed.enabled, changed.state.rollout) == (True, 12.5)
    assert [change.change for change in changed.history()] == ["created", "enabled", "rollout"]
    assert "3, of which 1 are enabled" in shown(widget)
    assert acme.flags["a"].version == 1


def test_a_flag_opens_below_and_both_show_the_same(acme: Tenant) -> None:
    acme.flags.create("a")
    acme.flags.create("b")
    widget = acme.flags.widget()
    assert widget._below.children == ()
    widget.rows["b"].name.click()
    opened = widget._below.children[0]
    assert isinstance(opened, FlagWidget)
    assert widget.selected is opened
    assert opened.flag.key == "b"
    opened.slider.value = 33
    assert widget.rows["b"].percent.value == 33
    widget.rows["b"].switch.value = True
    assert opened.switch.value is True
    assert opened.flag.version == 3
    assert "version 3" in shown(widget.rows["b"].box)
    assert acme.flags["a"].version == 1


def test_a_refused_change_in_the_table_is_told_and_taken_back(local: Tenant) -> None:
    local.flags.create("a")
    widget = local.flags.widget()
    local.flags["a"].archive()
    widget.rows["a"].percent.value = 5
    assert "is archived" in widget.problem.value
    assert widget.rows["a"].percent.value == 100
    widget.again.click()
    assert list(widget.rows) == []
    assert "no flags yet" in shown(widget)


def test_many_flags_are_found_by_their_key(local: Tenant) -> None:
    for number in range(MOST_FLAGS + 12):
        local.flags.create(f"flag-{number:03}")
    widget = FlagsWidget(local.flags)
    assert len(widget.rows) == MOST_FLAGS
    assert "and 12 more" in shown(widget)
    widget.search.value = "06"
    assert list(widget.rows) == ["flag-006", "flag-060", "flag-061"]
    widget.search.value = "nothing"
    assert "no flag has that" in shown(widget)


def test_no_change_of_a_hand_is_lost_while_a_cell_uses_the_same_widget(local: Tenant) -> None:
    """JupyterLab runs what a control asks for in a thread of its own."""
    widget = local.flags.create("f", enabled=True).widget(USERS)
    hand = threading.Thread(target=lambda: widget.slider.set_state({"value": 33.0}))
    with widget._setting():  # a cell is in the midst of showing another version
        hand.start()
        hand.join(0.3)  # time enough to be taken for a part of that
    hand.join()
    assert local.flags["f"].state.rollout == 33


def test_a_widget_used_from_two_threads_ends_as_the_flag_is(local: Tenant) -> None:
    widget = local.flags.create("f", enabled=True).widget(USERS)
    table = local.flags.widget()
    table.select("f")
    percents = [float(percent) for percent in range(1, 21)]
    hand = threading.Thread(target=lambda: [widget.slider.set_state({"value": percent}) for percent in percents])
    hand.start()
    while hand.is_alive():
        widget.refresh()
        table.refresh()
    assert [change.state.rollout for change in local.flags["f"].history()] == [100, *percents]
    widget.refresh()
    assert (widget.slider.value, widget.percent.value) == (20, 20)
    pd.testing.assert_frame_equal(widget.frame, local.flags["f"].assign(USERS))


def test_an_error_of_the_service_reaches_the_caller_outside_of_callbacks(local: Tenant) -> None:
    """`refresh()` typed in a cell raises; only what a hand does is told in the widget."""
    widget = local.flags.create("f").widget()
    local.flags["f"].rollout(5)
    with pytest.raises(ConcurrencyError):
        widget.flag.rollout(6, expected_version=1)
    widget.refresh()
    assert widget.flag.version == 2
