"""The live view in JupyterLab, in a real browser: events arrive while one looks, and a hand can hold them still."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Traffic
from browser.notebooks import SECONDS

pytestmark = pytest.mark.timeout(300)

SET_UP = """
import random
import threading
import burgee

acme = burgee.open("memory://").tenants.create("acme")
chance = random.Random(7)
kinds = {"view": 44, "search": 22, "add_to_cart": 10, "checkout": 6, "purchase": 5}
stop = threading.Event()

def put(count):
    for kind in chance.choices(list(kinds), list(kinds.values()), k=count):
        data = {"item": f"item-{chance.randrange(900)}", "price": chance.randrange(5, 90), "country": "DE",
                "note": "$5 or $6 <b>x</b>", "ref": "a long text that has no room on one line of the table at all"}
        acme.events.append(f"user-{chance.randrange(400)}", burgee.Event(kind, data))

def shop():
    while not stop.wait(chance.random() / 10):
        put(chance.randrange(1, 5))
"""


def test_events_arrive_while_one_looks(open_notebook: Open) -> None:
    notebook = open_notebook(
        "live",
        SET_UP,
        "live = acme.events.live()\nlive",
        "put(3)",
        "threading.Thread(target=shop, daemon=True).start()",
        "stop.set()\nprint(live.total == acme.events.query().count())",
        "live.close()",
    )
    notebook.run(0)
    notebook.run(1)
    live = notebook.page.locator(".burgee-live")
    total, rows = live.locator(".burgee-total"), live.locator(".burgee-events tbody tr")
    expect(total).to_have_text("0 events", timeout=SECONDS)
    expect(live.locator(".burgee-events")).to_contain_text("nothing came yet")
    notebook.run(2)
    expect(total).to_have_text("3 events", timeout=SECONDS)
    expect(rows).to_have_count(3)

    notebook.run(3)  # from here on they come by themselves
    expect(rows).to_have_count(50, timeout=SECONDS)
    bars = live.locator(".burgee-strip i[style]")
    expect(bars.nth(5)).to_be_visible(timeout=SECONDS)
    types = live.locator(".burgee-types option")
    expect(types).to_have_count(5, timeout=SECONDS)
    notebook.show("live", live)
    fits = "node => node.scrollWidth <= node.clientWidth + 1"
    assert live.locator(".burgee-live-table .burgee-sheet").evaluate(fits)
    assert live.evaluate(fits)

    live.get_by_role("button", name="Pause").click()
    expect(live.locator(".burgee-after")).to_have_text(re.compile("paused, [1-9][0-9]* new"), timeout=SECONDS)
    first = rows.first.inner_text()
    counted = total.inner_text()
    expect(total).not_to_have_text(counted, timeout=SECONDS)
    assert rows.first.inner_text() == first
    notebook.show("live-paused", live)
    live.get_by_role("button", name="Resume").click()
    expect(rows.first).not_to_have_text(first, timeout=SECONDS)

    purchase = types.filter(has_text="purchase")
    live.locator(".burgee-types select").select_option(label=purchase.inner_text())
    expect(rows.first.locator("td").nth(2)).to_have_text("purchase", timeout=SECONDS)
    counted = total.inner_text()
    expect(total).not_to_have_text(counted, timeout=SECONDS)
    assert set(live.locator(".burgee-events tbody td:nth-child(3)").all_inner_texts()) == {"purchase"}
    assert live.locator(".burgee-types select").evaluate("list => list.selectedOptions.length") == 1
    notebook.show("live-purchases", live)

    notebook.run(4)
    notebook.run(5)
    expect(live).to_have_count(0)


def test_a_cell_run_again_shows_another_and_ends_the_first(open_notebook: Open) -> None:
    notebook = open_notebook(
        "live-again",
        SET_UP + "shown = []",
        "shown.append(acme.events.live())\nshown[-1]",
        "put(2)",
        "print([live.following for live in shown])",
    )
    notebook.run(0)
    notebook.run(1)
    notebook.run(1)
    notebook.run(2)
    live = notebook.page.locator(".burgee-live")
    expect(live).to_have_count(1)
    expect(live.locator(".burgee-total")).to_have_text("2 events", timeout=SECONDS)
    expect(notebook.run(3)).to_have_text("[False, True]")


def test_it_needs_nothing_from_elsewhere_and_breaks_nothing(traffic: Traffic) -> None:
    """It stands last: it looks at what the pages before it did."""
    assert traffic.elsewhere == []
    assert traffic.errors == []
