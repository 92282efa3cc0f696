"""What users write with workspaces and tenants, and the types they get. mypy checks this; it is never run."""

from collections.abc import Iterator
from typing import assert_type

import pandas as pd
from pydantic import BaseModel, SecretStr

import burgee


class ShopSettings(BaseModel):
    """Settings as a user would declare them."""

    currency: str = "EUR"


def opening() -> None:
    assert_type(burgee.open(), burgee.Workspace)
    assert_type(burgee.open("memory://", clock=burgee.ManualClock()), burgee.Workspace)
    assert_type(burgee.open("https://flags.example", token=SecretStr("k")), burgee.Workspace)
    with burgee.open("memory://") as ws:
        assert_type(ws, burgee.Workspace)


def tenants(ws: burgee.Workspace) -> None:
    assert_type(ws.tenants, burgee.Tenants)
    assert_type(ws.tenant("acme"), burgee.Tenant)
    assert_type(ws.tenants["acme"], burgee.Tenant)
    assert_type(ws.tenants.create("acme", name="Acme Ltd"), burgee.Tenant)
    assert_type(iter(ws.tenants), Iterator[burgee.Tenant])
    assert_type([tenant.id for tenant in ws.tenants], list[str])
    assert_type(ws.tenants.frame(), pd.DataFrame)


def one_tenant(tenant: burgee.Tenant) -> None:
    assert_type(tenant.id, str)
    assert_type(tenant.flags, burgee.Flags)
    assert_type(tenant.events, burgee.Events)
    assert_type(tenant.history().frame(), pd.DataFrame)


def settings(tenant: burgee.Tenant) -> None:
    """The user's own model comes back, not a bag of values."""
    config = tenant.settings(ShopSettings)
    assert_type(config.value, ShopSettings)
    assert_type(config.value.currency, str)
    assert_type(config.update(currency="CHF").value, ShopSettings)


def keys(ws: burgee.Workspace) -> None:
    assert_type(ws.create_key(tenant="acme").key, SecretStr)
    assert_type(ws.keys(), pd.DataFrame)
