"""The search box used without a browser: what is typed and chosen is what is asked, found and shown."""

import re
from collections.abc import Iterator, Mapping

import pandas as pd
import pytest
from pydantic import SecretStr

import burgee
from burgee.core.settings import Settings
from burgee.notebook.searchbox import SearchBox
from burgee.workspace import Tenant

SHOES = pd.DataFrame(
    {
        "id": [f"s{number:02}" for number in range(30)],
        "title": [f"Running shoe {number}" if number % 3 else f"Walking boot {number}" for number in range(30)],
        "about": ["Light and fast", "For rain & mud", "Classic leather"] * 10,
        "brand": ["Acme", "Acme", "Bolt", "Cato", "Acme", "Bolt"] * 5,
        "price": [20.0 + number for number in range(30)],
        "released": pd.to_datetime([f"202{number % 4}-05-01" for number in range(30)], utc=True),
        "stock": [number % 2 == 0 for number in range(30)],
    }
)
FIELDS: dict[str, str | Mapping[str, object]] = {
    "title": {"kind": "text", "suggest": True},
    "about": "text",
    "brand": "keyword",
    "price": "number",
    "released": "date",
    "stock": "boolean",
}


@pytest.fixture(scope="module")
def shop() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.search.index("shoes", SHOES, id="id", mapping=FIELDS)
        yield acme


@pytest.fixture
def box(shop: Tenant) -> SearchBox:
    return shop.search("shoes").facets("brand", "stock").widget()


def lines(box: SearchBox, at: int) -> dict[str, str]:
    """The lines of a facet and their counts, as they are shown."""
    shown = box.facets[at]
    counts = re.findall(r"count\">([\d,]+)<", shown._counts.value)
    words = [line.description for line in shown.lines if line.layout.display != "none"]
    return dict(zip(words, counts, strict=True))


def toggle(box: SearchBox, at: int, words: str) -> None:
    """Click the checkbox of that name."""
    (line,) = [line for line in box.facets[at].lines if line.description == words and line.layout.display != "none"]
    line.value = not line.value


def test_of_an_inferred_mapping_texts_with_few_values_narrow_and_are_offered(shop: Tenant) -> None:
    box = shop.search.index("inferred", SHOES, id="id").widget()
    assert [shown._facet.field for shown in box.facets] == ["about", "brand", "stock"]
    toggle(box, 1, "Bolt")
    assert box.total == 10
    box.text.value = "bol"
    assert box.total == 10
    assert box.ideas[0].description == "Bolt"


def test_at_first_everything_is_there(box: SearchBox) -> None:
    assert box.total == 30
    assert lines(box, 0) == {"Acme": "15", "Bolt": "10", "Cato": "5"}
    assert lines(box, 1) == {"no": "15", "yes": "15"}
    assert "30 found" in box._head.value
    assert box._place.value == "1 to 10 of 30"
    assert box.problem.value == ""


def test_what_is_typed_is_found_and_marked_while_its_last_word_is_not_finished(box: SearchBox) -> None:
    box.text.value = "walking bo"
    assert box.total == 10
    assert "<mark>Walking</mark> <mark>boot</mark>" in box._found.value
    box.text.value = "walking bo "
    assert box.total == 0
    assert "Nothing is found for “walking bo ”." in box._found.value
    box.text.value = "rain -walking"
    assert box.total == len(box.query.top(100).frame()) == 10
    assert "For <mark>rain</mark> &amp; mud" in box._found.value


def test_lines_that_are_chosen_narrow_and_their_own_facet_still_shows_what_else_could_be(box: SearchBox) -> None:
    toggle(box, 0, "Acme")
    assert box.total == 15
    assert lines(box, 0) == {"Acme": "15", "Bolt": "10", "Cato": "5"}
    toggle(box, 0, "Cato")
    assert box.total == 20
    toggle(box, 1, "yes")
    chosen = SHOES[SHOES["brand"].isin(["Acme", "Cato"]) & SHOES["stock"]]
    assert box.total == len(chosen)
    assert lines(box, 0)["Acme"] == str((SHOES["brand"].eq("Acme") & SHOES["stock"]).sum())
    assert set(box.query.top(100).frame()["id"]) == set(chosen["id"])
    box.clear.click()
    assert box.total == 30
    assert not any(line.value for shown in box.facets for line in shown.lines)


def test_what_is_chosen_stays_in_sight_where_nothing_has_it(box: SearchBox) -> None:
    toggle(box, 0, "Cato")
    box.text.value = "leather"
    assert box.total == 0
    assert lines(box, 0) == {"Acme": "0", "Bolt": "10", "Cato": "0"} or lines(box, 0) == {"Bolt": "10", "Cato": "0"}
    assert "with what is chosen at the side" in box._found.value
    toggle(box, 0, "Cato")
    assert box.total == 10


def test_of_ranges_and_times_one_is_chosen_at_a_time(shop: Tenant) -> None:
    box = shop.search("shoes").facets(price=[20, 30, 40, 50], released="year").widget()
    toggle(box, 0, "20 to 30")
    assert box.total == 10
    toggle(box, 0, "40 to 50")
    assert box.total == 10
    assert [line.value for line in box.facets[0].lines][:3] == [False, False, True]
    toggle(box, 1, "2020")
    assert box.total == int((SHOES["price"].ge(40) & SHOES["released"].dt.year.eq(2020)).sum())
    toggle(box, 0, "40 to 50")
    assert box.total == int(SHOES["released"].dt.year.eq(2020).sum())


def test_pages_go_forth_and_back_and_a_new_question_begins_at_the_first(box: SearchBox) -> None:
    first = [hit.id for hit in box.result.hits]
    box.after.click()
    assert box._place.value == "11 to 20 of 30"
    box.after.click()
    assert (box._place.value, box.after.disabled) == ("21 to 30 of 30", True)
    assert 'start="21"' in box._found.value
    box.before.click()
    box.before.click()
    assert [hit.id for hit in box.result.hits] == first
    box.after.click()
    box.text.value = "shoe"
    assert box._place.value == "1 to 10 of 20"


def test_where_nothing_is_the_box_says_whether_that_is_for_what_was_asked(shop: Tenant) -> None:
    nothing = shop.search("shoes").query("zebra").widget()
    assert "<b>Nothing is found.</b></div>" in nothing._found.value
    nothing.text.value = "lion"
    assert "Nothing is found for “lion”." in nothing._found.value
    assert "Fewer words find more" in nothing._found.value
    empty = shop.search.index("empty", [], mapping={"title": "text"}).widget()
    assert "<b>Nothing is there.</b></div>" in empty._found.value


def test_it_can_be_sorted(box: SearchBox) -> None:
    options = dict(box.sort.options)
    box.sort.value = options["price, highest first"]
    assert [hit.id for hit in box.result.hits][:2] == ["s29", "s28"]
    box.sort.value = options["released, oldest first"]
    assert box.result.hits[0].id == "s00"
    box.sort.value = options["best first"]
    assert box.query.total() == 30


def test_what_could_be_meant_is_offered_while_it_is_only_words(box: SearchBox) -> None:
    box.text.value = "walking boot 2"
    offered = [idea.description for idea in box.ideas if idea.layout.display != "none"]
    assert offered == ["Walking boot 21", "Walking boot 24", "Walking boot 27"]
    box.ideas[1].click()
    assert (box.text.value, box.total) == ("Walking boot 24", 1)
    box.text.value = '"walking boot 2"'
    assert [idea for idea in box.ideas if idea.layout.display != "none"] == []


def test_it_begins_where_the_query_is(shop: Tenant) -> None:
    box = shop.search("shoes").query("shoe").filter(brand="Bolt").sort("-price").top(3).widget()
    assert box.total == 10
    assert [hit.document["brand"] for hit in box.result.hits] == ["Bolt"] * 3
    box.text.value = "lea"
    assert box.total == 10
    assert box.result.hits[0].id == "s29"


def test_without_facets_those_are_shown_that_tell_something(shop: Tenant) -> None:
    box = shop.search("shoes").widget()
    assert [shown.still().split("<b>")[1].split("<")[0] for shown in box.facets] == ["brand", "stock"]


def test_what_cant_be_asked_is_told_and_all_else_stays(box: SearchBox) -> None:
    toggle(box, 0, "Bolt")
    box.text.value = "x" * 3000
    assert "at most 2,000 characters, not 3,000" in box.problem.value
    assert box.total == 10
    box.text.value = "leather"
    assert box.problem.value == ""


def test_after_the_workspace_is_closed_the_trouble_is_told_and_nothing_seems_chosen() -> None:
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.search.index("shoes", SHOES, id="id", mapping=FIELDS)
        box = acme.search("shoes").facets("brand").widget()
    toggle(box, 0, "Acme")
    assert "closed" in box.problem.value
    assert not any(line.value for line in box.facets[0].lines)
    assert box.total == 30


def test_while_the_engine_is_away_the_database_answers_and_the_box_says_so() -> None:
    settings = Settings(search=SecretStr("http://127.0.0.1:1"), progress=False)
    with burgee.open("memory://", settings=settings) as ws:
        acme = ws.tenants.create("acme")
        acme.search.index("shoes", SHOES, id="id", mapping=FIELDS)
        box = acme.search("shoes").facets("brand").widget()
        box.text.value = "walking boot"
        toggle(box, 0, "Cato")
        assert (box.total, box.problem.value) == (5, "")
        assert "these answers come from the database" in box._away.value
        assert box._away.value in str((box._repr_mimebundle_() or {})["text/html"])


def test_a_saved_notebook_keeps_what_was_found(box: SearchBox) -> None:
    box.text.value = "boot"
    toggle(box, 0, "Cato")
    bundle = box._repr_mimebundle_() or {}
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    still = str(bundle["text/html"])
    assert "5 found" in still
    assert "☑ <span>Cato</span>" in still
    assert "Walking <mark>boot</mark>" in still
    assert bundle["text/plain"] == "<SearchBox of 'shoes': 5 found; .query, .result>"


def test_what_documents_hold_never_becomes_markup_or_a_formula(shop: Tenant) -> None:
    hostile = '"><script>alert(1)</script> $5 or $6'
    shop.search.index("hostile", [{"id": hostile, "title": hostile, "brand": hostile}] * 1, id="id", mapping=HOSTILE)
    box = shop.search("hostile").facets("brand").widget()
    box.text.value = "script"
    still = str((box._repr_mimebundle_() or {})["text/html"])
    assert box.total == 1
    assert "<script" not in still
    assert "&lt;<mark>script</mark>&gt;" in still
    called = box.facets[0].lines[0]
    assert called.description_allow_html
    assert called.description.startswith('<span class="mathjax_ignore tex2jax_ignore">&quot;&gt;&lt;script&gt;')


HOSTILE = {"title": "text", "brand": "keyword"}
