"""OFREP: its own Python provider against a real server, and the protocol's letters by hand."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

import burgee
from burgee.core.json import Json
from burgee.workspace import Tenant, Workspace

BULK = "/ofrep/v1/evaluate/flags"
VALUES: dict[str, Json] = {"yes": True, "text": "red", "whole": 3, "half": 0.5, "object": {"a": [1]}}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def workspace(served: tuple[str, Path]) -> Iterator[Workspace]:
    """The server's own workspace, where keys are made."""
    with burgee.open(str(served[1])) as ws:
        yield ws


@pytest.fixture
def tenant(workspace: Workspace) -> Tenant:
    return workspace.tenants.create(f"ofrep-{next(_numbers)}")


@pytest.fixture
def http(served: tuple[str, Path], workspace: Workspace, tenant: Tenant) -> Iterator[httpx.Client]:
    """Somebody with the tenant's key."""
    key = workspace.create_key(tenant=tenant.id).key.get_secret_value()
    with httpx.Client(base_url=served[0], headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        yield client


@pytest.fixture
def client(http: httpx.Client) -> Iterator[OpenFeatureClient]:
    headers = {"Authorization": http.headers["Authorization"]}
    provider = OFREPProvider(str(http.base_url), headers_factory=lambda: headers, timeout=30)
    api.set_provider_and_wait(provider, "ofrep")
    yield api.get_client("ofrep")
    api.shutdown()
    provider.session.close()


def asked(http: httpx.Client, key: str, context: object) -> tuple[int, Any]:
    answer = http.post(f"{BULK}/{key}", json={"context": context})
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def test_the_python_provider_gets_every_type(tenant: Tenant, client: OpenFeatureClient) -> None:
    for name, value in VALUES.items():
        tenant.flags.create(name, variants={"it": 100}, values={"it": value}).enable()
    u1 = EvaluationContext("u1")
    assert client.get_boolean_value("yes", False, u1) is True
    assert client.get_string_value("text", "", u1) == "red"
    assert client.get_integer_value("whole", 0, u1) == 3
    assert client.get_float_value("half", 0.0, u1) == 0.5
    assert client.get_object_value("object", {}, u1) == {"a": [1]}
    assert client.get_string_details("yes", "mine", u1).error_code is ErrorCode.TYPE_MISMATCH


def test_the_python_provider_is_served_what_the_flag_serves(tenant: Tenant, client: OpenFeatureClient) -> None:
    made = tenant.flags.create("checkout", variants={"control": 50, "treatment": 50}).rollout(60)
    made = made.target("country", "eq", "DE", serve="treatment", name="germans").enable()
    for number in range(10):
        for country in ("DE", "FR"):
            details = client.get_string_details("checkout", "", EvaluationContext(f"u{number}", {"country": country}))
            wanted = made.evaluate({"id": f"u{number}", "country": country})
            assert (details.value, details.variant, details.reason) == (wanted.value, wanted.variant, wanted.reason)
            assert details.flag_metadata.get("rule") == wanted.rule
            assert details.flag_metadata["version"] == made.version


def test_the_python_provider_is_told_what_went_wrong(tenant: Tenant, client: OpenFeatureClient) -> None:
    tenant.flags.create("checkout").enable()
    found = client.get_boolean_details("chekout", True, EvaluationContext("u1"))
    assert (found.value, found.error_code, found.reason) == (True, ErrorCode.FLAG_NOT_FOUND, Reason.ERROR)
    found = client.get_boolean_details("checkout", True, EvaluationContext())
    assert (found.value, found.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)


def test_a_flag_changed_serves_anew_with_the_next_request(tenant: Tenant, http: httpx.Client) -> None:
    made = tenant.flags.create("checkout").enable()
    context = {"targetingKey": "u1"}
    metadata = {"version": made.version}
    wanted = {"key": "checkout", "reason": "SPLIT", "variant": "on", "metadata": metadata, "value": True}
    assert asked(http, "checkout", context) == (200, wanted)
    for number in range(10):
        made = made.disable() if number % 2 == 0 else made.enable()
        assert asked(http, "checkout", context)[1]["metadata"] == {"version": made.version}
    tenant.segments.create("testers", ids=["u1"])
    tenant.flags.create("new").target("id", "in_segment", "testers", serve="on").rollout(0).enable()
    assert asked(http, "new", context)[1]["value"] is True
    tenant.segments["testers"].remove(["u1"])
    assert asked(http, "new", context)[1]["value"] is False


def test_a_flag_that_is_off_serves_its_default(tenant: Tenant, http: httpx.Client) -> None:
    tenant.flags.create("checkout").enable().archive()
    status, told = asked(http, "checkout", {"targetingKey": "u1"})
    assert (status, told["reason"], told["value"]) == (200, "DISABLED", False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b"\xff\xfe", "PARSE_ERROR"),
        (b"[" * 100_000, "PARSE_ERROR"),
        (b'{"context": 3}', "INVALID_CONTEXT"),
        (b'{"context": ["u1"]}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"id": 1.5}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "\\ud800"}}', "INVALID_CONTEXT"),
        (b'{"context": {}}', "TARGETING_KEY_MISSING"),
        (b'{"context": null}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
        (b"{}", "TARGETING_KEY_MISSING"),
        (b"", "TARGETING_KEY_MISSING"),
    ],
    ids=lambda one: one[:30].decode(errors="replace") if isinstance(one, bytes) else one,
)
def test_a_request_that_can_not_be_used_is_refused_in_the_protocols_words(
    tenant: Tenant, http: httpx.Client, body: bytes, code: str
) -> None:
    tenant.flags.create("checkout").enable()
    answer = http.post(f"{BULK}/checkout", content=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["key"], told["errorCode"]) == ("checkout", code)
    assert told["errorDetails"]
    whole = http.post(BULK, content=body)
    if code in {"PARSE_ERROR", "INVALID_CONTEXT"} and whole.status_code == 400:
        assert whole.json()["errorCode"] == code
    else:
        assert whole.json()["flags"] == [told]


def test_no_such_flag_is_404(tenant: Tenant, http: httpx.Client) -> None:
    tenant.flags.create("checkout")
    status, told = asked(http, "chekout", {"targetingKey": "u1"})
    assert (status, told["key"], told["errorCode"]) == (404, "chekout", "FLAG_NOT_FOUND")
    assert "checkout" in told["errorDetails"]


def test_all_flags_at_once_come_with_a_tag_and_only_when_something_is_new(tenant: Tenant, http: httpx.Client) -> None:
    made = tenant.flags.create("a").enable()
    tenant.flags.create("b")
    tenant.flags.create("gone").archive()
    u1 = {"context": {"targetingKey": "u1"}}
    first = http.post(BULK, json=u1)
    assert [(one["key"], one["value"], one["reason"]) for one in first.json()["flags"]] == [
        ("a", True, "SPLIT"),
        ("b", False, "DISABLED"),
    ]
    tag = first.headers["etag"]
    for known in (tag, f'W/{tag}, "other"', "*"):
        again = http.post(BULK, json=u1, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for known in ('"other"', "nothing"):
        assert http.post(BULK, json=u1, headers={"If-None-Match": known}).status_code == 200
    made.disable()
    changed = http.post(BULK, json=u1, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert changed.json()["flags"][0]["value"] is False


def test_a_key_is_needed_and_reaches_its_own_tenant_only(
    tenant: Tenant, workspace: Workspace, http: httpx.Client, admin_key: str
) -> None:
    tenant.flags.create("checkout").enable()
    other = workspace.tenants.create(f"{tenant.id}-other")
    u1 = {"context": {"targetingKey": "u1"}}
    assert httpx.post(f"{http.base_url}{BULK}", json=u1).status_code == 401
    assert httpx.post(f"{http.base_url}{BULK}", json=u1, headers={"Authorization": "Bearer no"}).status_code == 401
    assert http.post(BULK, json=u1, headers={"Burgee-Tenant": other.id}).status_code == 403
    admin = {"Authorization": f"Bearer {admin_key}"}
    assert http.post(BULK, json=u1, headers=admin).status_code == 403
    assert http.post(BULK, json=u1, headers={**admin, "Burgee-Tenant": other.id}).json() == {"flags": []}
    assert len(http.post(BULK, json=u1, headers={**admin, "Burgee-Tenant": tenant.id}).json()["flags"]) == 1
