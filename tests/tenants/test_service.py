"""Tenants, in three modes: who there is, whose data is whose, and their typed settings."""

import pytest
from pydantic import BaseModel, Field

import burgee
from burgee.core.link import Link
from burgee.flags.changing.changes import FlagSpec
from burgee.workspace import Tenant, Workspace


class ShopSettings(BaseModel):
    currency: str = "EUR"
    free_shipping_from: float = Field(default=50.0, ge=0)
    note: str | None = None


def test_a_tenant_is_there_under_its_id(ws: Workspace, acme: Tenant) -> None:
    assert ws.tenant(acme.id).name == "Acme Ltd"
    assert ws.tenants[acme.id].id == acme.id
    assert acme.id in set(ws.tenants.frame()["id"])
    assert acme.id in [tenant.id for tenant in ws.tenants]


def test_an_unknown_tenant_is_an_error_that_knows_what_was_meant(ws: Workspace, acme: Tenant) -> None:
    with pytest.raises(burgee.NotFoundError, match=f"no tenant '{acme.id}x'") as caught:
        ws.tenant(acme.id + "x")
    assert "did you mean" in caught.value.hints[0]


@pytest.mark.parametrize("id", ["", "Acme", "a b", "_burgee", "x" * 64, "../x", "ä"])
def test_ids_that_cannot_be_are_refused(ws: Workspace, id: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match="can't be a tenant's id"):
        ws.tenants.create(id)


def test_an_id_is_given_once(ws: Workspace, acme: Tenant) -> None:
    with pytest.raises(burgee.AlreadyExistsError) as caught:
        ws.tenants.create(acme.id)
    assert caught.value.key == acme.id


def test_settings_are_typed_with_defaults_validated_and_remembered(acme: Tenant) -> None:
    """R4.6."""
    config = acme.settings(ShopSettings)
    assert config.value == ShopSettings()
    changed = config.update(currency="CHF", free_shipping_from=80, why="moved")
    assert changed.value.currency == "CHF"
    assert acme.settings(ShopSettings).value.free_shipping_from == 80
    assert config.value.currency == "EUR"
    assert changed.update(currency=None).value.currency == "EUR"
    history = changed.history()
    assert list(history["change"]) == ["created", "configured", "configured"]
    assert history["after"][1] == {"currency": "CHF", "free_shipping_from": 80.0}
    assert history["why"][1] == "moved"


def test_settings_that_do_not_fit_are_refused_and_nothing_is_stored(acme: Tenant) -> None:
    config = acme.settings(ShopSettings)
    with pytest.raises(burgee.InvalidInputError, match="no setting 'curency'") as caught:
        config.update(curency="CHF")
    assert caught.value.hints == ["did you mean 'currency'?"]
    with pytest.raises(burgee.InvalidInputError, match="free_shipping_from"):
        config.update(free_shipping_from=-1)
    assert len(config.history()) == 1


def test_settings_read_before_somebody_else_changed_them_are_not_saved_over(acme: Tenant) -> None:
    mine, theirs = acme.settings(ShopSettings), acme.settings(ShopSettings)
    theirs.update(currency="CHF")
    with pytest.raises(burgee.ConcurrencyError):
        mine.update(currency="USD")
    assert acme.settings(ShopSettings).value.currency == "CHF"


def test_without_a_tenant_in_the_context_nothing_of_tenants_is_told(ws: Workspace) -> None:
    """R4.4."""
    nowhere = Link(inline=ws.embedded)
    with pytest.raises(burgee.MissingTenantError):
        nowhere.call(ws.services.flags.list())
    with pytest.raises(burgee.MissingTenantError):
        nowhere.call(ws.services.events.append("order-1", (burgee.Event("order.placed"),)))
    with pytest.raises(burgee.MissingTenantError):
        nowhere.call(ws.services.flags.create("checkout", FlagSpec()))
