"""OpenAPI is made of the protocols: every operation is there, described, with its answers and refusals (R10.5)."""

import pytest

from burgee.app import PROTOCOLS
from burgee.files.service import SIGNED
from burgee.server.app import create_app
from burgee.server.ofrep import BULK, ONE
from burgee.store.database import Database
from burgee.wire.operation import Operation, operations

EVERY = [(tag, operation) for tag, protocol in PROTOCOLS for operation in operations(protocol)]


@pytest.fixture(scope="module")
def spec() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    database = Database.in_memory()
    found = create_app(database).openapi()
    database.close()
    return found


@pytest.mark.parametrize(("tag", "operation"), EVERY, ids=lambda one: one.name if isinstance(one, Operation) else one)
def test_every_operation_is_described_with_its_refusals(
    spec: dict[str, dict[str, dict[str, dict[str, object]]]], tag: str, operation: Operation
) -> None:
    route = spec["paths"][operation.path][operation.method.lower()]
    assert route["operationId"] == f"{tag}.{operation.name}"
    assert route["summary"]
    responses = route["responses"]
    assert isinstance(responses, dict)
    for error in operation.errors:
        schema = responses[str(error.status)]["content"]["application/json"]["schema"]
        assert schema["$ref"].endswith("/Problem")
    assert "200" in responses


def test_there_is_no_route_but_the_protocols_and_a_few_known_ones(spec: dict[str, dict[str, object]]) -> None:
    others = {"/health", BULK, ONE, f"{SIGNED}{{token}}"}
    assert set(spec["paths"]) == {operation.path for _, operation in EVERY} | others
