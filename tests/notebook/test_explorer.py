"""The explorer used without a browser: what is chosen, counted and fetched is what the log holds, in three modes."""

import re
from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.periods import PERIODS, Period
from burgee.notebook.explorer import MOST_EVENTS, Explorer
from burgee.workspace import Tenant
from real_data import real_file

TIMES = ["2026-03-02 10:00", "2026-03-02 11:00", "2026-03-04 09:00", "2026-03-04 09:30", "2026-03-08 23:59:59"]
TYPES = ["see", "buy", "see", "see", "leave"]


def store(tenant: Tenant, times: list[str], types: list[str]) -> None:
    frame = pd.DataFrame({"user": [f"u-{n}" for n in range(len(times))], "type": types, "at": times, "price": 2})
    tenant.events.ingest(frame, stream="user", type="type", time="at")


@pytest.fixture
def shop(acme: Tenant) -> Tenant:
    store(acme, TIMES, TYPES)
    return acme


@pytest.fixture(scope="module")
def years() -> Iterator[Tenant]:
    """Some events over more than four years."""
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        times = [*(f"2022-{month:02}-15 08:00" for month in range(1, 13)), *TIMES]
        store(acme, times, [*["see", "buy", "leave"] * 4, *TYPES])
        yield acme


@pytest.fixture(scope="module")
def explorer(years: Tenant) -> Explorer:
    return years.events.explorer()


def choose(explorer: Explorer, first: str, last: str) -> None:
    """Move the slider's ends to these days."""
    labels = [label for label, _ in explorer.days.options]
    explorer.days.index = (labels.index(first), labels.index(last))


def test_at_first_everything_is_chosen_and_shown(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    assert [label for label, _ in explorer.types.options] == ["see  ·  3", "buy  ·  1", "leave  ·  1"]
    assert explorer.types.value == ()
    assert [label for label, _ in explorer.days.options] == [f"2026-03-0{day}" for day in range(2, 9)]
    assert explorer.total == explorer.query.count() == len(explorer.frame) == 5
    assert bytes(explorer.image.value).startswith(b"\x89PNG")
    assert "<b>" not in explorer.problem.value


def test_types_that_are_chosen_are_what_is_counted_fetched_and_shown(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    before = explorer.image.value
    explorer.types.value = ("see", "leave")
    assert explorer.total == explorer.query.count() == 4
    assert list(explorer.frame["type"]) == ["see", "see", "see", "leave"]
    assert explorer.image.value != before
    assert "buy" not in explorer._table.value
    explorer.types.value = ()
    assert explorer.total == 5


def test_days_that_are_chosen_are_taken_whole(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    choose(explorer, "2026-03-03", "2026-03-04")
    assert explorer.total == explorer.query.count() == 2
    choose(explorer, "2026-03-02", "2026-03-04")
    assert explorer.total == explorer.query.count() == 4
    choose(explorer, "2026-03-05", "2026-03-08")
    assert list(explorer.frame["type"]) == ["leave"]
    choose(explorer, "2026-03-05", "2026-03-06")
    assert explorer.total == explorer.query.count() == len(explorer.frame) == 0


def test_the_table_shows_the_payload_as_columns_and_leaves_out_what_tells_nothing(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    heads = re.findall(r'<th scope="col"[^>]*>(\w+)', explorer._table.value)
    assert heads == ["position", "stream", "type", "occurred_at", "price", "user"]
    assert {"id", "version", "recorded_at", "metadata"} <= set(explorer.frame.columns)


def test_refresh_takes_in_what_came_since_and_keeps_what_is_chosen(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    explorer.types.value = ("see",)
    choose(explorer, "2026-03-04", "2026-03-08")
    store(shop, ["2026-03-10", "2026-02-27"], ["see", "new"])
    explorer.again.click()
    assert explorer.types.value == ("see",)
    assert "new  ·  1" in [label for label, _ in explorer.types.options]
    first, last = explorer.days.value
    assert (f"{first:%m-%d}", f"{last:%m-%d}") == ("03-04", "03-10")  # the end was at the end, and stays there
    assert explorer.total == explorer.query.count() == 3


def test_an_end_that_was_moved_stays_where_it_was(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    choose(explorer, "2026-03-02", "2026-03-04")
    store(shop, ["2026-03-10", "2026-02-27"], ["see", "new"])
    explorer.refresh()
    first, last = explorer.days.value
    assert (f"{first:%m-%d}", f"{last:%m-%d}") == ("02-27", "03-04")


def test_an_empty_log_is_shown_as_one_and_grows(acme: Tenant) -> None:
    explorer = acme.events.explorer()
    assert (explorer.total, len(explorer.frame)) == (0, 0)
    assert "the log is empty" in explorer._head.value
    store(acme, TIMES, TYPES)
    explorer.again.click()
    assert explorer.total == explorer.query.count() == 5
    assert len(explorer.days.options) == 7


@pytest.mark.parametrize("per", PERIODS)
def test_what_is_drawn_for_a_period_is_what_the_log_answers(years: Tenant, per: Period) -> None:
    """Coarser periods are added up in the widget; that must be the answer of the log itself."""
    explorer = years.events.explorer()
    explorer.types.value = ("see", "buy")
    places = len(explorer.days.options)
    explorer.days.index = (places // 20, places - 2)
    explorer.per.value = per
    drawn = explorer._by_period(per, explorer._chosen_days()) if per != "day" else explorer._chosen_days()
    asked = explorer.query.per(per).by("type").frame()
    pd.testing.assert_frame_equal(drawn.reset_index(drop=True), asked, check_dtype=False)
    assert explorer.problem.value == ""


def test_over_a_long_time_each_place_of_the_slider_stands_for_several_days(years: Tenant) -> None:
    explorer = years.events.explorer()
    assert explorer.per.value == "month"
    assert len(explorer.days.options) <= 1000
    assert explorer.days.value[1] + explorer._step > pd.Timestamp("2026-03-08", tz="UTC")
    assert explorer.total == 17


@given(data=st.data())
def test_whatever_is_chosen_what_is_added_up_here_is_what_the_log_counts(
    explorer: Explorer, data: st.DataObject
) -> None:
    """R2.6."""
    names = [name for _, name in explorer.types.options]
    places = st.integers(0, len(explorer.days.options) - 1)
    with explorer._setting():  # the choice alone, without drawing it
        explorer.types.value = data.draw(st.lists(st.sampled_from(names), unique=True))
        explorer.days.index = sorted((data.draw(places), data.draw(places)))
    assert explorer._chosen_days()["count"].sum() == explorer.query.count()


def test_what_goes_wrong_is_told_in_the_widget() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        store(acme, TIMES, TYPES)
        explorer = acme.events.explorer()
    explorer.types.value = ("see",)
    assert "closed" in explorer.problem.value


def test_a_saved_notebook_keeps_the_picture_and_the_first_rows(shop: Tenant) -> None:
    explorer = shop.events.explorer()
    bundle = explorer._repr_mimebundle_() or {}
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    still = str(bundle["text/html"])
    assert '<img class="burgee-plot" alt="counts over time" src="data:image/png;base64,iVBOR' in still
    assert "5 events" in still
    assert still.count("<tr>") == 6
    assert repr(explorer) == "<Explorer: 5 events chosen; .query, .frame>"


def test_names_and_payloads_never_become_markup(acme: Tenant) -> None:
    hostile = '"><script>alert(1)</script>'
    acme.events.append("s", burgee.Event("a<b>", {hostile: hostile, "$x$": 1}))
    bundle = acme.events.explorer()._repr_mimebundle_() or {}
    assert "<script" not in str(bundle["text/html"])
    assert "&lt;script&gt;" in str(bundle["text/html"])


def test_a_real_log_shows_its_known_counts() -> None:
    frame = pd.read_csv(real_file("ecom.csv.gz"))
    with burgee.open("memory://") as ws:
        events = ws.tenants.create("shop").events
        events.ingest(frame, stream="user_id", type="event", time="timestamp", progress=False)
        explorer = events.explorer()
        assert explorer.total == 31_106
        assert [label for label, _ in explorer.types.options][:2] == ["product_view  ·  6,851", "catalog  ·  6,521"]
        explorer.types.value = ("purchase", "checkout_bug")
        assert explorer.total == 470 + 44
        assert len(explorer.frame) == MOST_EVENTS
        assert "The first 200 of 514 events" in explorer._table.value
