"""The widgets in JupyterLab, in a real browser without internet: what a hand does there reaches the flag and back."""

import re

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

import burgee
from browser.conftest import Open, Traffic
from browser.notebooks import SECONDS, Notebook

pytestmark = pytest.mark.timeout(300)

SET_UP = """
import burgee
import pandas as pd

clock = burgee.ManualClock("2026-03-02T09:00:00Z")
acme = burgee.open("memory://", actor="ann", clock=clock).tenants.create("acme")
users = pd.DataFrame({"id": [f"u{n}" for n in range(2000)], "country": ["DE", "US", "US", "GB"] * 500})
"""

FLAG = """
flag = acme.flags.create("new-checkout", variants={"control": 50, "treatment": 50}, rollout=0,
                         description="The checkout on one page")
clock.advance(minutes=5)
flag = flag.enable()
clock.advance(days=1)
flag = flag.rollout(5, why="a few first")
clock.advance(days=2)
flag = flag.target("country", "in", ["DE", "FR"], serve="treatment", why="the campaign there")
clock.advance(days=2)
flag = flag.rollout(20, why="no complaints")
clock.advance(days=1)
"""

TELL = """
print(acme.flags["new-checkout"].state.rollout, *widget.frame["variant"].value_counts().sort_index())
"""


def expected(percent: float) -> tuple[int, int]:
    """How many users are served control and treatment, by a flag made here as it is made there."""
    users = pd.DataFrame({"id": [f"u{n}" for n in range(2000)], "country": ["DE", "US", "US", "GB"] * 500})
    with burgee.open("memory://") as ws:
        flags = ws.tenants.create("acme").flags
        flag = flags.create("new-checkout", variants={"control": 50, "treatment": 50}, rollout=percent, enabled=True)
        sizes = flag.target("country", "in", ["DE", "FR"], serve="treatment").assign(users)["variant"].value_counts()
    return int(sizes["control"]), int(sizes["treatment"])


def choose_theme(notebook: Notebook, name: str) -> None:
    """Switch JupyterLab's theme; it is the next page's too."""
    menu = notebook.page.locator(".lm-Menu")
    notebook.page.get_by_role("menuitem", name="Settings", exact=True).click()
    menu.get_by_text("Theme", exact=True).hover()
    menu.get_by_text(name, exact=True).click()
    notebook.page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached", timeout=SECONDS)


def brightness(what: Locator) -> float:
    """How bright its text is, 0 to 1."""
    shown = re.findall(r"[\d.]+", what.evaluate("node => getComputedStyle(node).color"))
    return sum(map(float, shown[:3])) / (3 * 255)


def shares(widget: Locator) -> Locator:
    return widget.locator(".burgee-share .burgee-dim")


def texts(counts: tuple[int, int]) -> list[re.Pattern[str]]:
    return [re.compile(rf"^\s*{count:,}\s*$") for count in counts]


def test_a_slider_moved_by_keys_and_by_mouse_moves_the_flag_and_all_that_is_shown(open_notebook: Open) -> None:
    notebook = open_notebook(
        "flag", SET_UP + FLAG, "widget = flag.widget(users)\nwidget", TELL, TELL, "flag.plot(users)"
    )
    notebook.run(0)
    notebook.run(1)
    widget = notebook.page.locator(".burgee-flag")
    expect(shares(widget)).to_have_text(texts(expected(20)), timeout=SECONDS)

    handle = widget.locator(".burgee-rollout .noUi-handle")
    handle.focus()
    for percent in (21, 22):
        notebook.page.keyboard.press("ArrowRight")
        expect(shares(widget)).to_have_text(texts(expected(percent)), timeout=SECONDS)
    expect(notebook.run(2)).to_have_text("22.0 {} {}".format(*expected(22)))

    handle.scroll_into_view_if_needed()
    rail = widget.locator(".burgee-rollout .noUi-base").bounding_box()
    place = handle.bounding_box()
    assert rail is not None
    assert place is not None
    middle = place["y"] + place["height"] / 2
    notebook.page.mouse.move(place["x"] + place["width"] / 2, middle)
    notebook.page.mouse.down()
    notebook.page.mouse.move(rail["x"] + rail["width"] * 0.6, middle, steps=8)
    notebook.page.mouse.up()
    expect(widget.locator(".burgee-number-field input").first).to_have_value("60", timeout=SECONDS)
    expect(shares(widget)).to_have_text(texts(expected(60)), timeout=SECONDS)
    expect(notebook.run(3)).to_have_text("60.0 {} {}".format(*expected(60)))
    history = widget.locator(".burgee-table tbody tr")
    expect(history).to_have_count(8)
    expect(history.first).to_contain_text("rollout 22 → 60 %")
    notebook.show("flag-widget", widget)
    expect(notebook.run(4).locator("img")).to_be_visible()
    notebook.show("flag-notebook")


def test_switch_weights_and_errors_in_the_page(open_notebook: Open) -> None:
    notebook = open_notebook(
        "controls", SET_UP + FLAG, "widget = flag.widget(users)\nwidget", 'acme.flags["new-checkout"].archive()'
    )
    notebook.run(0)
    notebook.run(1)
    widget = notebook.page.locator(".burgee-flag")
    widget.locator(".burgee-switch input").click()
    expect(widget.locator(".burgee-badge")).to_have_text("disabled", timeout=SECONDS)
    expect(shares(widget)).to_have_text(texts((2000, 0)), timeout=SECONDS)

    apply = widget.get_by_role("button", name="Apply")
    fields = widget.locator(".burgee-weight input")
    expect(apply).to_be_disabled()
    fields.nth(0).fill("10")
    expect(widget.locator(".burgee-lacking")).to_have_text("sum 60 %, 40 missing", timeout=SECONDS)
    expect(apply).to_be_disabled()
    fields.nth(1).fill("90")
    expect(apply).to_be_enabled(timeout=SECONDS)
    apply.click()
    expect(widget.locator(".burgee-table tbody tr").first).to_contain_text(
        "control 50 / treatment 50 →", timeout=SECONDS
    )

    notebook.run(2)
    widget.locator(".burgee-rollout .noUi-handle").focus()
    notebook.page.keyboard.press("ArrowRight")
    alert = widget.get_by_role("alert")
    expect(alert).to_contain_text("is archived", timeout=SECONDS)
    red, green, blue = map(int, re.findall(r"\d+", alert.evaluate("node => getComputedStyle(node).color"))[:3])
    assert red > 2 * green
    assert red > 2 * blue
    expect(widget.locator(".burgee-number-field input").first).to_have_value("20")
    notebook.show("flag-widget-error", widget)


def test_the_table_of_flags_opens_one_below(open_notebook: Open) -> None:
    more = 'for key in ("dark-mode", "prices-2026", "search-v2"): acme.flags.create(key, rollout=10, enabled=True)'
    notebook = open_notebook("flags", SET_UP + FLAG + more, "acme.flags.widget()")
    notebook.run(0)
    notebook.run(1)
    table = notebook.page.locator(".burgee-flags")
    rows = table.locator(".burgee-flag-row")
    expect(rows).to_have_count(4, timeout=SECONDS)
    rows.nth(2).get_by_role("button").click()
    opened = table.locator(".burgee-flag")
    expect(opened.locator(".burgee-key")).to_have_text("prices-2026", timeout=SECONDS)
    rows.nth(2).locator(".burgee-switch input").click()
    expect(opened.locator(".burgee-badge")).to_have_text("disabled", timeout=SECONDS)
    notebook.show("flags-widget", table)


EVENTS = """
import numpy as np

chance = np.random.default_rng(7)
seconds = chance.triangular(0, 90, 90, 9000).astype(int) * 86400 + chance.integers(0, 86400, 9000)
kinds = {"view": 44, "search": 22, "filter": 12, "add_to_cart": 10, "checkout": 6, "purchase": 5, "refund": 1}
events = pd.DataFrame({
    "user": [f"user-{n}" for n in chance.integers(0, 400, 9000)],
    "event": chance.choice(list(kinds), 9000, p=np.array(list(kinds.values())) / 100),
    "at": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(seconds, "s"),
    "platform": chance.choice(["web", "ios", "android"], 9000),
    "price": chance.integers(5, 90, 9000),
})
acme.events.ingest(events, stream="user", type="event", time="at", progress=False)
explorer = acme.events.explorer()
explorer
"""


def test_the_explorer_shows_and_filters(open_notebook: Open) -> None:
    tell = "print(explorer.total, explorer.query.count(), sorted(set(explorer.frame['type'])))"
    notebook = open_notebook("explorer", SET_UP, EVENTS, tell, tell, "acme.events")
    notebook.run(0)
    notebook.run(1)
    explorer = notebook.page.locator(".burgee-explorer")
    total = explorer.locator(".burgee-total")
    expect(total).to_have_text("9,000 events", timeout=SECONDS)
    plot = explorer.locator(".burgee-plot")
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 1000
    notebook.show("explorer", explorer)
    before = plot.get_attribute("src")

    types = explorer.locator(".burgee-types select")
    types.select_option(label=[option for option in types.locator("option").all_inner_texts() if "purchase" in option])
    expect(total).not_to_have_text("9,000 events", timeout=SECONDS)
    expect(explorer.locator(".burgee-events tbody tr").first).to_contain_text("purchase")
    assert plot.get_attribute("src") != before
    shown = int(total.inner_text().split()[0].replace(",", ""))
    expect(notebook.run(2)).to_have_text(f"{shown} {shown} ['purchase']")

    explorer.locator(".burgee-days .noUi-handle-upper").focus()
    for _ in range(8):
        notebook.page.keyboard.press("ArrowLeft")
    last = explorer.locator(".burgee-days .widget-readout").inner_text()[-10:]
    expect(explorer.locator(".burgee-after")).to_contain_text(f"to {last}", timeout=SECONDS)
    fewer = int(total.inner_text().split()[0].replace(",", ""))
    assert fewer < shown
    expect(notebook.run(3)).to_have_text(f"{fewer} {fewer} ['purchase']")
    explorer.locator(".burgee-per select").select_option("month")
    choose_theme(notebook, "JupyterLab Dark")
    for part in (".burgee-total", ".burgee-events td", ".burgee-types option"):
        assert brightness(explorer.locator(part).first) > 0.6  # light on dark
    notebook.show("explorer-dark", explorer)
    choose_theme(notebook, "JupyterLab Light")
    assert brightness(explorer.locator(".burgee-events td").first) < 0.4


SEARCH = """
gear = pd.DataFrame({"id": ["a", "b", "c"], "title": ["Red shoes", "Blue shoes, $5 or $6", "A tent, not <b>shoes</b>"]})
gear["brand"] = ["Tarn", "$T or $U", "Tarn"]
acme.search.index("gear", gear, id="id", mapping={"title": "text", "brand": "keyword"})
acme.search("gear").facets("brand").widget()
"""


def test_a_log_of_one_day_can_be_explored_and_documents_searched_by_keys_alone(open_notebook: Open) -> None:
    one = 'acme.events.append("s-1", burgee.Event("seen", {"<b>x</b>": "$5 or $6"}))\nacme.events.explorer()'
    notebook = open_notebook("one", SET_UP, one, "acme.events.query().list()", SEARCH)
    notebook.run(0)
    notebook.run(1)
    explorer = notebook.page.locator(".burgee-explorer")
    expect(explorer.locator(".burgee-total")).to_have_text("1 event", timeout=SECONDS)
    expect(explorer.locator(".burgee-events tbody")).to_contain_text("$5 or $6")
    expect(explorer.locator(".burgee-events b")).to_have_count(0)
    table = notebook.run(2).locator(".burgee-sheet")
    expect(table).to_contain_text("$5 or $6")
    expect(table.locator("mjx-container")).to_have_count(0)  # what lies between dollars is no formula

    notebook.run(3)
    box = notebook.page.locator(".burgee-search")
    found = box.locator(".burgee-total")
    box.locator(".burgee-search-field input").click()
    notebook.page.keyboard.type("sho")
    expect(box.locator(".burgee-hits mark")).to_have_text(["shoes"] * 3, timeout=SECONDS)
    notebook.page.keyboard.type("es -tent")
    expect(found).to_have_text("2 found", timeout=SECONDS)
    for _ in range(5):
        notebook.page.keyboard.press("Backspace")
    expect(found).to_have_text("3 found", timeout=SECONDS)
    expect(box.locator(".burgee-hits b")).to_have_count(0)
    expect(box.locator("mjx-container")).to_have_count(0)
    brands = box.locator(".burgee-facet input")
    brands.first.focus()
    for there in (2, 3, 2):
        notebook.page.keyboard.press("Space")  # it stays where it is, and so does the focus
        expect(found).to_have_text(f"{there} found", timeout=SECONDS)
    expect(box.locator(".burgee-facet-count")).to_have_text(["2", "1"])
    notebook.show("search-box", box)


def test_nothing_was_asked_of_the_internet_and_nothing_broke_in_the_pages(traffic: Traffic) -> None:
    """It stands last: it looks at what the pages before it did."""
    assert traffic.elsewhere == []
    assert traffic.errors == []
