"""Sheets as HTML: what is shown how, and that nothing of it is ever markup."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import burgee
from burgee.core.display import Sheet, Shown
from burgee.flags.model import Reason
from burgee.notebook.tables import MOST_ROWS, cell, frame_sheet, html, table

TAGS = {"style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
ATTRIBUTES = {"class", "scope", "title"}


class Read(HTMLParser):
    """What a browser makes of HTML: the tags, their attributes, and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.notes: list[str] = []
        self._into: list[list[str] | None] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in {"td", "th", "caption"}:
            self.cells.append("")
            self._into.append(self.cells)
        elif dict(attrs).get("class") == "burgee-note":
            self.notes.append("")
            self._into.append(self.notes)
        else:
            self._into.append(self._into[-1] if self._into else None)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - every tag ends alike
        self._into.pop()

    def handle_data(self, data: str) -> None:
        into = self._into[-1] if self._into else None
        if into is not None:
            into[-1] += data


def shown(value: object) -> str:
    """The text of a cell."""
    return "".join(Read(f"<table><tr><td>{cell(value)}</td></tr></table>").cells)


hostile = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</td></table></div><h1>",
            "&lt;b&gt;",
            "' onmouseover='x",
            "</style><script>",
            "$\\frac{1}{2}$",
            "\ud800",
            "\x00",
        ]
    ),
)


@given(one=hostile, two=hostile, note=hostile)
@example(one="<", two="</script>", note="\ud800")
def test_whatever_text_is_shown_none_of_it_becomes_markup(one: str, two: str, note: str) -> None:
    """R11.2."""
    rows: list[list[object]] = [[one, {one: two, "list": [one, {two: one}]}], [[two, one], (two,)]]
    made = html(Sheet(one, (f"a{one}", two), rows, note))
    read = Read(made.partition("</style>")[2])
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    made.encode()  # it can be sent: no half characters


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=240))
def test_a_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (pd.NaT, "—"),
        (pd.NA, "—"),
        (True, "✓ yes"),
        (np.bool_(False), "✗ no"),
        (1234567, "1234567"),
        (np.int64(7), "7"),
        (20.0, "20"),
        (0.1 + 0.2, "0.3"),
        (1234567.891, "1234567.89"),
        (Decimal("2.5"), "2.5"),
        (Reason.SPLIT, "SPLIT"),
        (datetime(2026, 3, 2, 9, 5, 1, 123456, tzinfo=UTC), "2026-03-02 09:05:01 UTC"),
        (datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=2))), "2026-03-01 23:00:00 UTC"),
        (datetime(2026, 3, 2, tzinfo=UTC), "2026-03-02"),
        (pd.Timestamp("2026-03-02 10:00"), "2026-03-02 10:00:00"),
        (date(2026, 3, 2), "2026-03-02"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"rollout": 20.0, "enabled": True}, "rollout: 20 · enabled: ✓ yes"),
        ({"variants": {"a": 10, "b": 90}}, "variants: {a: 10 · b: 90}"),
        ([1, "two", [3]], "1, two, [3]"),
        ({}, "none"),
        (b"abc", "3 bytes"),
        (list(range(20)), "0, 1, 2, 3, 4, 5, 6, 7, … 20 in all"),
    ],
    ids=str,
)
def test_a_value_is_shown_as_people_read_it(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_a_time_keeps_its_exact_moment_as_its_title() -> None:
    assert 'title="2026-03-02T09:05:01.123456+00:00"' in cell(datetime(2026, 3, 2, 9, 5, 1, 123456, tzinfo=UTC))


def test_a_long_text_is_cut_and_a_deep_value_too() -> None:
    assert shown("x" * 5000) == "x" * 240 + "…"
    assert len(cell("x" * 100_000)) < 3000
    deep: list[object] = []
    deep.append(deep)
    assert shown(deep) == "[[[[...]]]]"


def test_a_value_that_fails_to_show_itself_does_not_break_the_table() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert shown(Broken()) == "<Broken, which fails to show itself: RuntimeError>"


def test_columns_of_numbers_stand_right_and_mixed_ones_left() -> None:
    made = table(Sheet("", ("n", "mixed", "flag", "gap"), [[1, 1, True, None], [2.5, "x", False, 3]]))
    heads = [part.partition("</th>")[0] for part in made.split('<th scope="col"')[1:]]
    assert heads == [' class="burgee-number">n', ">mixed", ">flag", ' class="burgee-number">gap']


def test_only_the_first_rows_are_shown_and_the_note_counts_them() -> None:
    read = Read(table(Sheet("", ("n",), [[number] for number in range(1300)], "ask for more")))
    assert read.cells == ["n", *map(str, range(MOST_ROWS))]
    assert read.notes == [f"the first {MOST_ROWS} of 1,300 rows; ask for more"]


def test_a_list_of_names_and_values_has_no_head() -> None:
    read = Read(table(Sheet("Flag x", ("", "value"), [("rollout", 20.0)])))
    assert read.cells == ["Flag x", "rollout", "20"]
    assert "thead" not in read.tags


def test_a_frame_becomes_a_sheet_of_its_first_rows() -> None:
    sheet = frame_sheet(pd.DataFrame({"a": range(80), 5: ["x"] * 80}), "Rows", "from the log")
    assert sheet.columns == ["a", "5"]
    assert len(sheet.rows) == MOST_ROWS
    assert sheet.rows[1] == [1, "x"]
    assert sheet.note == f"the first {MOST_ROWS} of 80 rows; from the log"


def test_the_style_reaches_nothing_but_the_tables_and_asks_for_nothing_from_elsewhere() -> None:
    style = html(Sheet("", ("a",), [])).partition("</style>")[0].partition("*/")[2]
    selectors = [part.rpartition("}")[2] for part in style.split("{")[:-1]]
    assert all(one.strip().startswith(".burgee-") for selector in selectors for one in selector.split(","))
    assert "url(" not in style
    assert "@import" not in style


def test_formulas_are_not_looked_for_in_what_is_shown() -> None:
    assert 'class="burgee-sheet tex2jax_ignore mathjax_ignore"' in html(Sheet("", ("a",), [["$5 or $6"]]))


@pytest.fixture(scope="module")
def closed() -> dict[str, Shown]:
    """One of everything that shows itself, of a workspace that is closed by now: nothing can be asked any more."""
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        flag = acme.flags.create("checkout").enable()
        acme.events.append("order-1", burgee.Event("order.placed", {"total": 3}))
        query = acme.events.query()
        things: dict[str, Shown] = {
            "workspace": ws,
            "tenants": ws.tenants,
            "tenant": acme,
            "flags": acme.flags,
            "flag": flag,
            "flag list": acme.flags.list(),
            "history": flag.history(),
            "events": acme.events,
            "query": query,
            "event list": query.list(),
            "counts": query.per("day"),
            "funnel": query.funnel(["a", "b"]),
        }
    return things


@pytest.mark.parametrize(
    "name",
    [
        "workspace",
        "tenants",
        "tenant",
        "flags",
        "flag",
        "flag list",
        "history",
        "events",
        "query",
        "event list",
        "counts",
        "funnel",
    ],
)
def test_showing_asks_nothing(closed: dict[str, Shown], name: str) -> None:
    bundle = closed[name]._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "<table" in bundle["text/html"]
    assert bundle["text/plain"] == repr(closed[name])


def test_the_table_of_flags_shows_what_they_were_changed_to() -> None:
    with burgee.open("memory://") as ws:
        flags = ws.tenants.create("acme").flags
        flags.create("checkout").enable().rollout(20)
        read = Read(flags._repr_mimebundle_()["text/html"].partition("</style>")[2])
    assert read.cells[11:15] == ["checkout", "✓ yes", "✗ no", "20"]
