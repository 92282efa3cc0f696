"""API keys as they are kept: made once, checked, revoked, and never stored in the clear (R11.1, P22)."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import burgee
from burgee.core.clock import system_clock
from burgee.core.portal import drive
from burgee.core.result import Err
from burgee.core.scope import Caller, Scope, bind_scope
from burgee.keys.service import LocalKeyService
from burgee.store.database import Database


@pytest.fixture(scope="module")
def keys() -> Iterator[LocalKeyService]:
    database = Database.in_memory()
    yield LocalKeyService(database, system_clock)
    database.close()


def test_a_key_says_who_calls_and_how_far_it_reaches(keys: LocalKeyService) -> None:
    confined = drive(keys.create(tenant="acme", name="analyst")).unwrap()
    assert drive(keys.check(confined.key)).unwrap() == Caller("analyst", confined_to="acme", admin=False)
    admin = drive(keys.create(tenant=None, name="root")).unwrap()
    assert drive(keys.check(admin.key)).unwrap() == Caller("root", confined_to=None, admin=True)
    assert confined.key != admin.key


def test_a_revoked_key_is_known_no_more(keys: LocalKeyService) -> None:
    made = drive(keys.create(tenant="acme", name="leaving")).unwrap()
    drive(keys.revoke(made.info.id)).unwrap()
    assert isinstance(drive(keys.check(made.key)), Err)
    [listed] = [key for key in drive(keys.list()).unwrap() if key.id == made.info.id]
    assert listed.revoked


def test_only_an_admin_makes_lists_and_revokes_keys(keys: LocalKeyService) -> None:
    with bind_scope(Scope(caller=Caller("analyst", confined_to="acme", admin=False))):
        for refused in (
            drive(keys.create(tenant="acme", name="mine")),
            drive(keys.list()),
            drive(keys.revoke("any")),
        ):
            assert isinstance(refused, Err)
            assert isinstance(refused.error, burgee.PermissionDeniedError)


@given(st.text(max_size=80) | st.text("burge_0123456789abcdef", max_size=80))
def test_no_text_but_a_key_is_a_key(keys: LocalKeyService, text: str) -> None:
    assert isinstance(drive(keys.check(SecretStr(text))), Err)
    assert isinstance(drive(keys.check(SecretStr(f"burgee_{text}"))), Err)


def test_a_key_shows_itself_nowhere(keys: LocalKeyService) -> None:
    """P22."""
    made = drive(keys.create(tenant=None, name="shown")).unwrap()
    secret = made.key.get_secret_value().split("_", 2)[2]
    told = [repr(made), str(made), repr(made.info), repr(drive(keys.list()).unwrap())]
    refused = drive(keys.check(SecretStr(made.key.get_secret_value() + "x")))
    assert isinstance(refused, Err)
    assert all(secret not in text for text in [*told, str(refused.error), repr(refused.error)])
