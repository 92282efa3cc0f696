"""Who is let in, and how far: API keys, JWTs, tenants, and what is told to whom (R4.1, R4.4, R11.1)."""

import datetime as dt
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

import burgee
from burgee.core.scope import SYSTEM_TENANT
from burgee.core.settings import Settings
from burgee.keys.service import LocalKeyService
from burgee.server.app import create_app
from burgee.store.database import Database
from burgee.workspace import Workspace

JWT_SECRET = "a secret of thirty-two characters or more"


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database.in_memory()
    yield database
    database.close()


class Place:
    """A served workspace: its owner on the machine, and whoever comes in over HTTP."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.owner = burgee.open(str(folder))
        self.database = Database.in_folder(folder)
        self.app = create_app(self.database, settings or Settings(jwt_secret=SecretStr(JWT_SECRET), max_body=200_000))

    def key(self, tenant: str | None = None, name: str = "k") -> str:
        return self.owner.create_key(tenant=tenant, name=name).key.get_secret_value()

    def open(self, token: str | None) -> Workspace:
        return burgee.open("http://test", token=token, transport=httpx.ASGITransport(self.app))

    async def raw(self, method: str, path: str, **more: object) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type] # whatever httpx takes


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "ws")
    place.owner.tenants.create("acme")
    place.owner.tenants.create("globex")
    place.owner.tenant("acme").flags.create("checkout")
    yield place
    place.owner.close()
    place.database.close()


def token(claims: dict[str, object], secret: str = JWT_SECRET) -> str:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    return jwt.encode({"sub": "ada", "exp": until, **claims}, secret, algorithm="HS256")


def test_an_admin_key_reaches_every_tenant(place: Place) -> None:
    ws = place.open(place.key())
    assert [tenant.id for tenant in ws.tenants] == ["acme", "globex"]
    assert ws.tenant("acme").flags["checkout"].version == 1


def test_a_tenants_key_reaches_that_tenant_only_and_knows_of_no_other(place: Place) -> None:
    """R4.1, R4.2."""
    ws = place.open(place.key("acme"))
    assert [tenant.id for tenant in ws.tenants] == ["acme"]
    assert ws.tenant("acme").flags["checkout"].key == "checkout"
    with pytest.raises(burgee.NotFoundError) as existing:
        ws.tenant("globex")
    with pytest.raises(burgee.NotFoundError) as missing:
        ws.tenant("nobody")
    assert existing.value.hints == missing.value.hints == []
    with pytest.raises(burgee.PermissionDeniedError):
        ws.tenants.create("mine")
    with pytest.raises(burgee.PermissionDeniedError):
        ws.keys()
    with pytest.raises(burgee.PermissionDeniedError):
        ws.revoke_key("x")


def test_the_tenant_header_narrows_and_never_widens(place: Place) -> None:
    """R4.1."""
    ws = place.open(place.key("acme"))
    link = ws.tenant("acme")._link
    for other in ("globex", "nobody"):
        with pytest.raises(burgee.PermissionDeniedError, match=f"does not reach tenant '{other}'"):
            link.into(other).call(ws.services.flags.list())
    admin = place.open(place.key())
    with pytest.raises(burgee.NotFoundError):
        link.into("nobody").call(admin.services.flags.list())


def test_a_tenants_key_needs_no_header(place: Place) -> None:
    ws = place.open(place.key("acme"))
    link = ws._link
    assert link.tenant is None
    assert [flag.key for flag in link.call(ws.services.flags.list()).items] == ["checkout"]


@pytest.mark.parametrize("wrong", [None, "", "burgee_0123456789ab_wrong", "burgee__", "burgee_", "nonsense", "a.b.c"])
def test_no_key_or_a_wrong_one_is_401_and_says_what_to_do(place: Place, wrong: str | None) -> None:
    with pytest.raises(burgee.AuthenticationError) as caught:
        place.open(wrong).tenant("acme")
    assert caught.value.status == 401
    assert caught.value.request_id
    assert caught.value.hints


def test_a_token_no_header_can_carry_is_refused_before_anything_is_sent(place: Place) -> None:
    with pytest.raises(burgee.InvalidInputError, match="token"):
        place.open("schlüssel")


def test_a_key_with_one_character_changed_is_refused(place: Place) -> None:
    key = place.key()
    for position in range(len(key) - 43, len(key)):
        other = "A" if key[position] != "A" else "B"
        with pytest.raises(burgee.AuthenticationError):
            place.open(key[:position] + other + key[position + 1 :]).tenant("acme")


def test_a_revoked_key_is_refused_at_once(place: Place) -> None:
    admin = place.open(place.key())
    made = place.owner.create_key(tenant="acme", name="analyst")
    ws = place.open(made.key.get_secret_value())
    assert ws.tenant("acme").id == "acme"
    assert admin.revoke_key(made.info.id).revoked
    with pytest.raises(burgee.AuthenticationError):
        ws.tenant("acme")
    assert admin.revoke_key(made.info.id).revoked
    with pytest.raises(burgee.NotFoundError, match="key"):
        admin.revoke_key("nothing")
    assert set(admin.keys().columns) == {"id", "name", "tenant", "admin", "revoked", "created_at"}


def test_keys_are_for_tenants_that_exist_and_made_on_the_machine_only(place: Place) -> None:
    with pytest.raises(burgee.NotFoundError, match="acm"):
        place.owner.create_key(tenant="acm")
    with pytest.raises(burgee.InvalidInputError, match="own machine"):
        place.open(place.key()).create_key()


def test_the_key_is_stored_nowhere_and_shown_nowhere(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """P22, R11.1."""
    made = place.owner.create_key(name="analyst")
    key = made.key.get_secret_value()
    secret = key.split("_", 2)[2]
    with caplog.at_level(logging.DEBUG):
        ws = place.open(key)
        ws.tenant("acme")
        with pytest.raises(burgee.NotFoundError) as caught:
            ws.tenant("x")
    shown = [repr(ws), repr(made), str(made), repr(ws.services), repr(ws._settings), str(caught.value), caplog.text]
    shown += [json.dumps(str(vars(caught.value))), repr(ws._http), ws.keys().to_csv()]
    with place.database.read(SYSTEM_TENANT) as connection:
        shown += [str(tuple(row)) for row in connection.exec_driver_sql("SELECT * FROM events")]
        shown += [str(tuple(row)) for row in connection.exec_driver_sql("SELECT * FROM states")]
    assert all(secret not in text for text in shown)


def test_a_jwt_is_bound_to_the_tenant_of_its_claim_and_its_subject_is_the_actor(place: Place) -> None:
    """R4.1, R9.5."""
    ws = place.open(token({"tenant": "acme"}))
    flag = ws.tenant("acme").flags["checkout"].enable()
    assert flag.history().frame()["actor"].iloc[-1] == "ada"
    with pytest.raises(burgee.NotFoundError):
        ws.tenant("globex")
    with pytest.raises(burgee.PermissionDeniedError):
        ws.tenants.create("mine")


def test_the_actor_of_a_key_is_its_name(place: Place) -> None:
    flag = place.open(place.key("acme", "nightly job")).tenant("acme").flags["checkout"].enable()
    assert flag.history().frame()["actor"].iloc[-1] == "nightly job"


@pytest.mark.parametrize(
    "bad",
    [
        token({"tenant": "acme"}, "another secret of thirty-two characters"),
        token({"tenant": "acme", "exp": 1}),
        jwt.encode({"sub": "ada", "tenant": "acme"}, JWT_SECRET, algorithm="HS256"),
        jwt.encode({"sub": "ada", "tenant": "acme", "exp": 2**33}, "", algorithm="none"),
        token({"tenant": "acme"})[:-2],
    ],
    ids=["other secret", "expired", "no expiry", "no signature", "cut"],
)
def test_a_jwt_that_does_not_hold_is_refused(place: Place, bad: str) -> None:
    with pytest.raises(burgee.AuthenticationError):
        place.open(bad).tenant("acme")


@pytest.mark.parametrize("claims", [{}, {"tenant": 7}, {"tenant": ""}, {"tenant": None}])
def test_a_jwt_without_a_tenant_reaches_none(place: Place, claims: dict[str, object]) -> None:
    """R4.4: over HTTP 403."""
    ws = place.open(token(claims))
    assert ws.tenants.list().count() == 0
    with pytest.raises(burgee.MissingTenantError) as caught:
        ws._link.call(ws.services.flags.list())
    assert caught.value.status == 403
    with pytest.raises(burgee.PermissionDeniedError):
        ws._link.into("acme").call(ws.services.flags.list())


def test_public_keys_and_audiences_are_checked_too(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    place = Place(tmp_path / "ws", Settings(jwt_public_key=pem.decode(), jwt_audience="burgee"))
    place.owner.tenants.create("acme")
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    claims = {"sub": "ada", "exp": until, "tenant": "acme"}
    good = jwt.encode({**claims, "aud": "burgee"}, private, algorithm="ES256")
    assert place.open(good).tenant("acme").id == "acme"
    confused = jwt.encode({**claims, "aud": "burgee"}, "x" * 64, algorithm="HS256")  # signed by what is public
    for bad in (jwt.encode({**claims, "aud": "others"}, private, algorithm="ES256"), confused):
        with pytest.raises(burgee.AuthenticationError):
            place.open(bad).tenant("acme")
    place.owner.close()
    place.database.close()


async def _statuses(place: Place, key: str) -> dict[str, int]:
    headers = {"Authorization": f"Bearer {key}", "Burgee-Tenant": "acme"}
    asked = {
        "health": place.raw("GET", "/health"),
        "openapi": place.raw("GET", "/openapi.json"),
        "no key": place.raw("GET", "/v1/flags"),
        "no route": place.raw("GET", "/v1/nothing", headers=headers),
        "no such method": place.raw("DELETE", "/v1/flags", headers=headers),
        "unknown route without a key": place.raw("GET", "/v1/nothing"),
        "no json": place.raw("POST", "/v1/events/count", headers=headers, content=b"{"),
        "wrong field": place.raw("POST", "/v1/events/count", headers=headers, json={"query": {}, "more": 1}),
        "wrong type": place.raw("POST", "/v1/events/count", headers=headers, json={"query": {"limit": "many"}}),
        "bad rollout": place.raw(
            "PATCH", "/v1/flags/checkout", headers=headers, json={"change": {"kind": "rollout", "percent": 101}}
        ),
        "unknown change": place.raw("PATCH", "/v1/flags/checkout", headers=headers, json={"change": {"kind": "x"}}),
        "too large": place.raw("POST", "/v1/events/ingest", headers=headers, content=b"x" * 200_001),
        "no arrow": place.raw("POST", "/v1/events/ingest", headers=headers, content=b"x"),
        "bad key header": place.raw("GET", "/v1/flags", headers={**headers, "Idempotency-Key": "a b"}),
        "fine": place.raw("GET", "/v1/flags", headers=headers),
    }
    found = {}
    for name, request in asked.items():
        answer = await request
        found[name] = answer.status_code
        if answer.is_error:
            assert answer.headers["Content-Type"] == "application/problem+json", name
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"], name
            assert "Traceback" not in answer.text
    return found


def test_what_is_asked_wrongly_gets_the_right_status_and_a_problem_document(place: Place) -> None:
    from burgee.core.portal import portal

    assert portal.run(_statuses(place, place.key())) == {
        "health": 200,
        "openapi": 200,
        "no key": 401,
        "no route": 404,
        "no such method": 405,
        "unknown route without a key": 401,
        "no json": 422,
        "wrong field": 422,
        "wrong type": 422,
        "bad rollout": 422,
        "unknown change": 422,
        "too large": 422,
        "no arrow": 422,
        "bad key header": 422,
        "fine": 200,
    }
    assert place.owner.tenant("acme").flags["checkout"].version == 1


def test_an_error_says_under_which_request_id_the_server_knows_it(place: Place) -> None:
    from burgee.core.portal import portal

    headers = {"Authorization": f"Bearer {place.key()}", "X-Request-Id": "from-the-caller-1"}
    answer = portal.run(place.raw("GET", "/v1/tenants/nobody", headers=headers))
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "from-the-caller-1"
    headers["X-Request-Id"] = "hostile\tvalue"
    assert (
        portal.run(place.raw("GET", "/v1/tenants/nobody", headers=headers)).headers["X-Request-Id"] != "hostile\tvalue"
    )


def test_a_failure_nobody_expected_tells_nothing_but_its_request_id(
    place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    key = place.key()
    monkeypatch.setattr(LocalKeyService, "check", broken)
    with pytest.raises(burgee.ServerFailureError) as caught:
        place.open(key).tenant("acme")
    assert "hunter2" not in str(caught.value)
    assert caught.value.request_id
    assert caught.value.request_id in caplog.text
    assert "hunter2" in caplog.text


def test_a_repeated_request_is_answered_as_the_first_and_done_once(place: Place) -> None:
    from burgee.core.portal import portal

    headers = {"Authorization": f"Bearer {place.key()}", "Burgee-Tenant": "acme", "Idempotency-Key": "once-1"}
    change = {"change": {"kind": "rollout", "percent": 20}}
    first = portal.run(place.raw("PATCH", "/v1/flags/checkout", headers=headers, json=change))
    place.owner.tenant("acme").flags["checkout"].rollout(50)
    again = portal.run(place.raw("PATCH", "/v1/flags/checkout", headers=headers, json=change))
    assert first.json() == again.json()
    assert again.json()["rollout"] == 20
    flag = place.owner.tenant("acme").flags["checkout"]
    assert (flag.version, flag.state.rollout) == (3, 50)
    other = {"change": {"kind": "rollout", "percent": 30}}
    refused = portal.run(place.raw("PATCH", "/v1/flags/checkout", headers=headers, json=other))
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate-event")
