"""The service of projections, in every mode: compare-and-set, and what it refuses (R2.5)."""

from typing import Any

import pytest

import burgee
from burgee.core.portal import drive
from burgee.core.scope import Scope, bind_scope
from burgee.projections.model import At, Failure
from burgee.workspace import Tenant

FAILURE = Failure(7, "s-1", 3, "käse", "ValueError: \N{SNOWMAN}")


def save(acme: Tenant, *args: Any, **kwargs: Any) -> Any:
    return acme._link.call(acme._services.projections.save(*args, **kwargs))


def view(acme: Tenant, name: str = "p") -> Any:
    return acme._link.call(acme._services.projections.view(name))


def test_view_and_checkpoint_change_together_and_only_from_where_they_are(acme: Tenant) -> None:
    first = save(acme, "p", At(), 5, state='{"a":1}')
    assert (first.position, first.revision, first.status, first.error) == (5, 1, "active", None)
    for wrong in (At(), At(4, 1), At(5, 2), At(5, 0)):
        with pytest.raises(burgee.ConflictError, match="changed by another"):
            save(acme, "p", wrong, 9, state="{}")
    assert (view(acme).state, view(acme).checkpoint) == ('{"a":1}', first)
    second = save(acme, "p", At(5, 1), 9, "failed", None, FAILURE)
    assert (second.position, second.revision, second.status, second.error) == (9, 2, "failed", FAILURE)
    assert view(acme).state == '{"a":1}', "without a state the view stays"
    assert save(acme, "p", At(9, 2), 0, state="[]").revision == 3
    assert view(acme).checkpoint.error is None


def test_one_that_is_not_there_is_made_once(acme: Tenant) -> None:
    with pytest.raises(burgee.ConflictError):
        save(acme, "p", At(3, 3), 5, state="{}")
    with pytest.raises(burgee.NotFoundError, match="no projection 'p'"):
        view(acme)
    save(acme, "p", At(), 0, state="{}")
    with pytest.raises(burgee.ConflictError):
        save(acme, "p", At(), 0, state="{}")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("", At(), 0, "active", "{}"), "must have 1|empty"),
        (("a\nb", At(), 0, "active", "{}"), "can't be printed"),
        (("p", At(), -1, "active", "{}"), "position must be a whole number"),
        (("p", At(), 2**63 - 1, "active", "{}"), "position can't be"),
        (("p", At(1, 2**31), 1, "active", "{}"), "revision can't be"),
        (("p", At(1, -1), 1, "active", "{}"), "revision must be a whole number"),
        (("p", At(), 0, "resting", "{}"), "status"),
        (("p", At(), 0, "active", "{"), "must be JSON"),
        (("p", At(), 0), "needs a state"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(acme: Tenant, args: tuple[Any, ...], said: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=said):
        save(acme, *args)
    assert acme._link.call(acme._services.projections.list()) == ()


@pytest.mark.parametrize("name", ["with space", "a/b", "100%", "..", "käse", "$own"])
def test_names_travel_whole(acme: Tenant, name: str) -> None:
    save(acme, name, At(), 0, state='"x"')
    assert view(acme, name).state == '"x"'
    assert [row.name for row in acme._link.call(acme._services.projections.list())] == [name]
    assert acme._link.call(acme._services.projections.remove(name)) is True
    assert acme._link.call(acme._services.projections.remove(name)) is False


@pytest.mark.parametrize(("after", "upto", "limit"), [(-1, None, 10), (0, -1, 10), (0, None, 0), (0, None, 1001)])
def test_a_stream_is_read_between_versions_that_can_be(acme: Tenant, after: int, upto: int | None, limit: int) -> None:
    with pytest.raises(burgee.InvalidInputError):
        acme._link.call(acme._services.events.stream("s", after, upto, limit))


def test_a_stream_is_read_in_pages(acme: Tenant) -> None:
    acme.events.append("s", [burgee.Event("e")] * 7)
    pages, after = [], 1
    while True:
        page = acme._link.call(acme._services.events.stream("s", after, 6, 2))
        pages.append([event.version for event in page.items])
        if page.after is None:
            break
        after = int(page.after)
    assert pages == [[2, 3], [4, 5], [6]]
    assert acme._link.call(acme._services.events.stream("s", 2**70, 2**70)).items == ()


def test_without_a_tenant_there_is_nothing() -> None:
    """R4.4."""
    with burgee.open("memory://") as ws, bind_scope(Scope()):
        for call in (ws.services.projections.list(), ws.services.projections.view("p")):
            with pytest.raises(burgee.MissingTenantError):
                drive(call)
