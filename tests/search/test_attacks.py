"""R11.5, R11.7: no text, name, cursor or id shows what the filter or the tenant keeps out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import burgee
from burgee.core.errors import BurgeeError, InvalidInputError, NotFoundError
from burgee.core.settings import Settings
from burgee.workspace import Tenant

MINE = [
    {"id": "open", "title": "A public note on brand:secret", "brand": "open"},
    {"id": "kept", "title": "A private note, not for you", "brand": "secret"},
]
THEIRS = [{"id": "theirs", "title": "A note of somebody else", "brand": "open"}]
FIELDS: dict[str, str | Mapping[str, object]] = {
    "title": {"kind": "text", "exact": True, "suggest": True, "language": "english"},
    "brand": "keyword",
}

TEXTS = [
    "",
    "note",
    "brand:secret",
    "brand:secret OR note",
    'title:"private note" OR *',
    "*",
    "*:*",
    "note) OR (brand:secret",
    '" OR "private',
    "note' OR 1=1 --",
    "'; DROP TABLE documents; --",
    "note NEAR(private, 10)",
    "{title brand}: secret",
    "^secret",
    "_exists_:brand",
    "brand:[* TO *]",
    "/.*secret.*/",
    "brand:IN [secret open]",
    '{"match_all": {}}',
    '"}}, {"match_all": {}}, {"x": {"y": "',
    "title:note^100 +private -open",
    "NOT open",
    "-zzz",
    "private~2 OR pri*",
    "tenant:* OR theirs",
    "note\x00 OR private",
    "note\u202e OR private",
    "\ud800 private",
    "private " * 90,
]


@dataclass(frozen=True, slots=True)
class Both:
    mine: Tenant
    other: Tenant


@pytest.fixture(scope="module", params=["default", "fts5"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    settings = (
        Settings(search=SecretStr("fts5"), progress=False) if request.param == "fts5" else Settings(progress=False)
    )
    with burgee.open("memory://", settings=settings) as ws:
        mine, other = ws.tenants.create("mine"), ws.tenants.create("other")
        mine.search.index("notes", MINE, id="id", mapping=FIELDS)
        other.search.index("notes", THEIRS, id="id", mapping=FIELDS)
        other.search.index("theirs", THEIRS, id="id", mapping=FIELDS)
        yield Both(mine, other)


def seen(tenant: Tenant, text: str) -> set[str]:
    """The ids of what is found, having looked that totals and facets say no more."""
    answer = tenant.search("notes").query(text).filter(brand="open").facets("brand").ask()
    assert answer.total == len(answer.hits)
    assert [bucket.value for bucket in answer.facet("brand")] == ["open"] * bool(answer.hits)
    return {hit.id for hit in answer}


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_text_widens_a_filter_or_reaches_another_tenant(both: Both, text: str) -> None:
    assert seen(both.mine, text) <= {"open"}


@given(
    text=st.lists(st.sampled_from(['"', "(", ")", "*", "~", "-", ":", "OR", "NOT", "brand", "secret", " ", "é", "\\"]))
)
def test_no_mixture_of_signs_does_either(both: Both, text: list[str]) -> None:
    assert seen(both.mine, "".join(text)) <= {"open"}


@pytest.mark.parametrize("value", ["*", "open OR brand:secret", "secret'--", "[a TO z]", '"open"', "op*", ""])
def test_a_value_of_a_filter_is_that_value_and_nothing_else(both: Both, value: str) -> None:
    assert both.mine.search("notes").filter(brand=value).total() == 0
    assert both.mine.search("notes").exclude(brand=value).total() == 2


@pytest.mark.parametrize(
    "name",
    ["theirs", "other.theirs", "../other/theirs", "*", "notes,theirs", "_all", "notes/../theirs", "", "n\0", None, 3],
)
def test_no_name_of_an_index_reaches_another_tenants(both: Both, name: Any) -> None:
    for ask in (
        lambda: both.mine.search(name).total(),
        lambda: both.mine.search(name).suggest("note", "title"),
        lambda: both.mine.search(name).like("theirs").total(),
    ):
        with pytest.raises((NotFoundError, InvalidInputError)):
            ask()
    assert both.other.search("theirs").total() == 1


def test_no_field_that_is_not_mapped_can_be_asked(both: Both) -> None:
    for name in ("tenant", "_source", "rowid", "data", "brand; --", 'brand"'):
        for ask in (
            lambda name=name: both.mine.search("notes").where(name, "exists").total(),
            lambda name=name: both.mine.search("notes").facets(name).ask(),
            lambda name=name: both.mine.search("notes").sort(name).ask(),
            lambda name=name: both.mine.search("notes").suggest("x", name),
        ):
            with pytest.raises(InvalidInputError):
                ask()


def test_suggestions_and_likeness_stay_with_the_tenant(both: Both) -> None:
    assert both.mine.search("notes").suggest("somebody", "title") == []
    with pytest.raises(NotFoundError):
        both.mine.search("notes").like("theirs").hits()


def test_a_cursor_of_another_tenant_shows_nothing_of_theirs(both: Both) -> None:
    both.other.search("notes").add([{"id": "theirs-2", "title": "Another note", "brand": "open"}])
    try:
        after = both.other.search("notes").top(1).ask().after
        assert after is not None
        assert {hit.id for hit in both.mine.search("notes").page(after).hits()} <= {"open", "kept"}
    finally:
        both.other.search("notes").remove(["theirs-2"])


@pytest.mark.parametrize("after", ["x", "", "e30", "W10", "../../", "é" * 10, "A" * 100_000])
def test_a_cursor_that_was_made_up_is_refused(both: Both, after: str) -> None:
    with pytest.raises(BurgeeError):
        both.mine.search("notes").page(after).hits()
