"""burgee behind the OpenFeature client, the real one."""

import time
from collections.abc import Callable, Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

import burgee
from burgee.core.errors import ServerUnavailableError
from burgee.core.json import Json
from burgee.openfeature import BurgeeProvider, ExposureHook
from burgee.workspace import Tenant

U1 = EvaluationContext("u1")
VALUES: dict[str, Json] = {"yes": True, "text": "red", "whole": 3, "half": 0.5, "object": {"a": [1]}, "array": [1, 2]}


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")
        api.shutdown()


def client_of(tenant: Tenant) -> OpenFeatureClient:
    api.set_provider_and_wait(BurgeeProvider(tenant.flags.evaluator()), "shop")
    return api.get_client("shop")


def test_every_type_of_value_arrives_as_it_is(local: Tenant) -> None:
    for name, value in VALUES.items():
        local.flags.create(name, variants={"it": 100}, values={"it": value}).enable()
    client = client_of(local)
    assert client.get_boolean_value("yes", False, U1) is True
    assert client.get_string_value("text", "", U1) == "red"
    assert client.get_integer_value("whole", 0, U1) == 3
    assert client.get_float_value("half", 0.0, U1) == 0.5
    assert client.get_float_value("whole", 0.0, U1) == 3.0
    assert client.get_object_value("object", {}, U1) == {"a": [1]}
    assert client.get_object_value("array", [], U1) == [1, 2]


@pytest.mark.parametrize("ask", ["boolean", "string", "integer", "float", "object"])
def test_a_value_of_another_type_is_a_type_mismatch(local: Tenant, ask: str) -> None:
    defaults = {"boolean": False, "string": "mine", "integer": 9, "float": 9.5, "object": {"mine": 1}}
    fitting = {"boolean": "yes", "string": "text", "integer": "whole", "float": "half", "object": "object"}
    for name, value in VALUES.items():
        local.flags.create(name, variants={"it": 100}, values={"it": value}).enable()
    client = client_of(local)
    others = set(VALUES) - {fitting[ask]} - ({"whole"} if ask == "float" else {"array"} if ask == "object" else set())
    for name in others:
        details = getattr(client, f"get_{ask}_details")(name, defaults[ask], U1)
        assert (details.value, details.error_code) == (defaults[ask], ErrorCode.TYPE_MISMATCH), name
        assert details.reason == Reason.ERROR
        assert details.variant is None


def test_reasons_variants_and_metadata_are_told(local: Tenant) -> None:
    made = local.flags.create("checkout", variants={"control": 50, "treatment": 50})
    made = made.target("plan", "eq", "pro", serve="treatment", name="pros").enable()
    client = client_of(local)
    pro = client.get_string_details("checkout", "", EvaluationContext("u1", {"plan": "pro"}))
    assert (pro.value, pro.variant, pro.reason) == ("treatment", "treatment", Reason.TARGETING_MATCH)
    assert pro.flag_metadata == {"version": made.version, "rule": "pros"}
    assert pro.error_code is None
    split = client.get_string_details("checkout", "", U1)
    assert (split.variant, split.reason) == (made.evaluate({"id": "u1"}).variant, Reason.SPLIT)
    assert split.flag_metadata == {"version": made.version}
    made.disable()
    until(lambda: client.get_string_details("checkout", "", U1).reason == Reason.DISABLED)
    assert client.get_string_value("checkout", "", U1) == "control"


def test_the_targeting_key_is_the_id(local: Tenant) -> None:
    local.flags.create("mine").override("u1", "on").rollout(0).enable()
    client = client_of(local)
    assert client.get_boolean_value("mine", False, U1)
    assert client.get_boolean_value("mine", False, EvaluationContext(attributes={"id": "u1"}))
    assert not client.get_boolean_value("mine", True, EvaluationContext("u2", {"id": "u1"}))


def test_what_goes_wrong_has_its_code_and_the_default(local: Tenant) -> None:
    local.flags.create("checkout").enable()
    client = client_of(local)
    for key, context, code in (
        ("chekout", U1, ErrorCode.FLAG_NOT_FOUND),
        ("checkout", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("checkout", None, ErrorCode.TARGETING_KEY_MISSING),
        ("checkout", EvaluationContext(attributes={"id": 1.5}), ErrorCode.INVALID_CONTEXT),
    ):
        details = client.get_boolean_details(key, True, context)
        assert (details.value, details.error_code, details.reason) == (True, code, Reason.ERROR)
        assert details.error_message


def test_a_change_is_told_with_its_flags(local: Tenant) -> None:
    made = local.flags.create("checkout").enable()
    client = client_of(local)
    told: list[EventDetails] = []
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, told.append)
    made.disable()
    until(lambda: told)
    assert told[0].flags_changed == ["checkout"]
    assert client.get_provider_status() is ProviderStatus.READY


def test_a_source_that_is_away_makes_it_stale_and_it_goes_on(local: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    local.flags.create("checkout").enable()
    evaluator = local.flags.evaluator(refresh=0.05)
    api.set_provider_and_wait(BurgeeProvider(evaluator), "shop")
    client = api.get_client("shop")
    with monkeypatch.context() as patch:

        async def away() -> None:
            raise ServerUnavailableError("http://flags.test", "it is away", 1)

        patch.setattr(local._services.flags, "ruleset", away)
        until(lambda: client.get_provider_status() is ProviderStatus.STALE)
        details = client.get_boolean_details("checkout", False, U1)
        assert (details.value, details.reason, details.flag_metadata["stale"]) == (True, Reason.SPLIT, True)
    until(lambda: client.get_provider_status() is ProviderStatus.READY)
    assert "stale" not in client.get_boolean_details("checkout", False, U1).flag_metadata


def test_shutting_down_closes_the_evaluator(local: Tenant) -> None:
    evaluator = local.flags.evaluator()
    api.set_provider_and_wait(BurgeeProvider(evaluator), "shop")
    api.shutdown()
    assert evaluator.closed


def test_a_hook_records_the_exposures_of_any_provider(local: Tenant) -> None:
    flag = InMemoryFlag("on", {"on": True, "off": False}, flag_metadata={"version": 4})
    api.set_provider_and_wait(InMemoryProvider({"theirs": flag}), "shop")
    client = api.get_client("shop")
    recorder = local.flags.recorder()
    client.add_hooks([ExposureHook(recorder)])
    for _ in range(2):
        assert client.get_boolean_value("theirs", False, U1)
    client.get_boolean_value("theirs", False)  # nobody
    client.get_boolean_value("nothing", False, U1)
    recorder.flush()
    [event] = local.events.query("flag.exposure").list()
    wanted = {"flag": "theirs", "variant": "on", "id": "u1", "reason": "STATIC", "rule": None, "version": 4}
    assert event.data == wanted


async def asked(client: OpenFeatureClient) -> bool:
    return await client.get_boolean_value_async("checkout", False, U1)


def test_it_can_be_awaited(local: Tenant) -> None:
    import asyncio

    local.flags.create("checkout").enable()
    assert asyncio.run(asked(client_of(local))) is True
