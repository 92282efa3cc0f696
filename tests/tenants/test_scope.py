"""P23: the tenant arrives wherever the work goes: nested scopes, tasks, worker threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.portal import drive, hop, portal
from burgee.core.scope import require_tenant, tenant_scope

names = st.text("abcdefgh", min_size=1, max_size=8)


async def _deep(depth: int) -> list[str]:
    """The tenant as seen here, in a worker thread, and in tasks below."""
    seen = [require_tenant(), await hop(require_tenant)]
    if depth:
        below = await asyncio.gather(*(asyncio.create_task(_deep(depth - 1)) for _ in range(2)))
        seen += [name for part in below for name in part]
    return seen


@given(names, st.integers(0, 3))
def test_the_tenant_arrives_in_tasks_and_threads(name: str, depth: int) -> None:
    """P23."""
    with tenant_scope(name):
        assert set(portal.run(_deep(depth))) == {name}
        assert drive(hop_only()) == name


async def hop_only() -> str:
    return await hop(require_tenant)


@given(st.lists(names, min_size=1, max_size=5))
def test_scopes_nest_and_give_back_what_was_before(stack: list[str]) -> None:
    """P23."""

    def enter(rest: list[str]) -> None:
        if rest:
            with tenant_scope(rest[0]):
                assert require_tenant() == rest[0]
                enter(rest[1:])
                assert require_tenant() == rest[0]

    enter(stack)
    with pytest.raises(burgee.MissingTenantError):
        require_tenant()


@given(st.lists(names, min_size=2, max_size=6))
def test_calls_side_by_side_keep_their_own_tenants(several: list[str]) -> None:
    """P23."""

    def ask(name: str) -> str:
        with tenant_scope(name):
            return portal.run(hop_only())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, several)) == several


def test_a_service_that_suspends_though_it_said_never_is_told_so() -> None:
    async def sleepy() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="never to suspend"):
        drive(sleepy())
