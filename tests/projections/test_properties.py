"""What holds for any events, however they are cut into runs, and whatever fails on the way (R2.5, P6)."""

import itertools
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import override

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import burgee
from burgee.core.settings import Settings
from burgee.workspace import Tenant
from projections.shop import Placed

_numbers = itertools.count(1)

# Each run: events to append, by what they are: the tenth of them fails, another is not the projection's.
runs = st.lists(st.lists(st.integers(0, 11), max_size=12), min_size=1, max_size=6)


class Seen(burgee.Projection[Placed, dict[str, list[str]]]):
    """The orders seen, in order, by currency. It forgets what it was given, and fails in the middle of its work."""

    category = "seen"

    @override
    def initial(self) -> dict[str, list[str]]:
        return {}

    @override
    def apply(self, state: dict[str, list[str]], event: Placed) -> dict[str, list[str]]:
        state.setdefault(event.currency, []).append(event.order)
        if event.total == 10:
            state.clear()
            raise ValueError
        return state


@pytest.fixture
def local() -> Iterator[Tenant]:
    """Embedded only: what changes and fails is tested in every mode in `test_changes`."""
    with burgee.open("memory://", settings=Settings(progress=False)) as ws:
        yield ws.tenants.create("acme")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=runs, rebuilt=st.booleans())
def test_a_view_holds_what_did_not_fail_once_and_in_order(local: Tenant, runs: list[list[int]], rebuilt: bool) -> None:
    seen = local.projections.add(Seen())
    _go_on(seen)  # past what the example before left
    after = seen.status().position
    seen.replay(after)
    orders = (f"o{next(_numbers)}" for _ in itertools.count())
    expected: dict[str, list[str]] = {}
    for run in runs:
        events: list[burgee.Event | Placed] = []
        for what in run:
            if what == 11:
                events.append(burgee.Event("not.mine"))
                continue
            event = Placed(next(orders), Decimal(what), "EUR" if what % 2 else "USD")
            events.append(event)
            if what != 10:
                expected.setdefault(event.currency, []).append(event.order)
        local.events.append("seen-1", events)
        _go_on(seen)
        assert seen.state() == expected
        assert seen.status().lag == 0
    failing = Counter(itertools.chain(*runs))[10]
    if rebuilt and not failing:
        assert seen.replay(after).state() == expected


def _go_on(seen: "burgee.ProjectionHandle[dict[str, list[str]]]") -> None:
    """Catch up, leaving out what fails."""
    failed = False
    while True:
        try:
            seen.skip() if failed else seen.catch_up()
        except burgee.ProjectionFailedError:
            failed = True
        else:
            return
