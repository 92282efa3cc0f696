"""What users get wrong, and a type checker tells them. mypy checks this; it is never run.

Each `type: ignore` names the one error that is expected on its line: where mypy did not find it, it would
complain of the needless comment.
"""

import burgee
from burgee.core.errors import NotFoundError
from burgee.core.result import Result


def mistakes(ws: burgee.Workspace, tenant: burgee.Tenant, flag: burgee.Flag) -> None:
    flag.rollout("20")  # type: ignore[arg-type] # expected: percent are a number
    flag.target("country", "in", ["DE"], serve=1)  # type: ignore[arg-type] # expected: variants are named
    flag.key = "other"  # type: ignore[misc] # expected: a handle does not change
    flag.roll_out(20)  # type: ignore[attr-defined] # expected: there is no such verb
    tenant.flags["a", "b"]  # type: ignore[index] # expected: one key
    tenant.events.query().per("fortnight")  # type: ignore[arg-type] # expected: not a period we know
    tenant.events.append("order-1", "order.placed")  # type: ignore[arg-type] # expected: text is not an event
    ws.tenant(42)  # type: ignore[arg-type] # expected: ids are text
    tenant.flags.evaluator(burgee.Event).variant("c", {"id": "u1"})  # type: ignore[arg-type] # expected: of that class
    burgee.open("memory://", "token")  # type: ignore[call-arg] # expected: options are named


def unchecked(result: Result[int, NotFoundError]) -> int:
    return result.value  # type: ignore[union-attr] # expected: look first whether it is an error


def misspelt() -> object:
    return burgee.Flagg  # type: ignore[attr-defined] # expected: there is no such name
