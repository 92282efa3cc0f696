"""How soon a change reaches evaluators over a socket, and what asking costs: `python tests/benchmarks/evaluators.py`.

A server in a process of its own; twenty evaluators in this one follow it. A flag is changed fifty times, each time when
all have seen the time before. The clock runs from before the change is sent until each evaluator serves it.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import burgee
from services.server import running

EVALUATORS = 20
CHANGES = 50
ASKED = 200_000
MOST = 1.0  # seconds that a change may take to the last evaluator


def main() -> None:
    """Measure, and print a few lines."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        with burgee.open(str(place)) as local:
            local.tenants.create("acme")
            key = local.create_key().key
        with running(place) as url, burgee.open(url, token=key) as ws:
            acme = ws.tenant("acme")
            taken = pushed(acme)
            cost, recorded = asked(acme)
    print(f"{EVALUATORS} evaluators, {CHANGES} changes over a socket, milliseconds until a change is served:")
    print(f"  median {1000 * statistics.median(taken):.1f}, the slowest {1000 * max(taken):.1f}")
    print(f"an evaluation {cost:.2f} µs, with an exposure that is known {recorded:.2f} µs")
    if max(taken) > MOST:
        sys.exit(f"a change took {max(taken):.2f} seconds")


def pushed(acme: burgee.Tenant) -> list[float]:
    """Seconds until each evaluator serves each change."""
    flag = acme.flags.create("checkout").enable()
    seen = threading.Condition()
    times: list[list[float]] = [[] for _ in range(EVALUATORS)]

    def noting(number: int) -> Callable[[burgee.Notice], None]:
        def note(notice: burgee.Notice) -> None:
            if notice.kind == "changed":
                with seen:
                    times[number].append(time.perf_counter())
                    seen.notify_all()

        return note

    evaluators = [acme.flags.evaluator(on_change=noting(number)) for number in range(EVALUATORS)]
    taken: list[float] = []
    for change in range(1, CHANGES + 1):
        begun = time.perf_counter()
        flag = flag.disable() if change % 2 else flag.enable()
        with seen:
            seen.wait_for(lambda change=change: all(len(one) == change for one in times))  # type: ignore[misc]
        taken += [one[-1] - begun for one in times]
    for evaluator in evaluators:
        evaluator.close()
    return taken


def asked(acme: burgee.Tenant) -> tuple[float, float]:
    """Microseconds of an evaluation, without exposures and with them."""
    found = []
    for exposures in (None, True):
        with acme.flags.evaluator(exposures=exposures) as evaluator:
            evaluate, context = evaluator.evaluate, {"id": "u1"}
            best = float("inf")
            for _ in range(3):
                begun = time.perf_counter()
                for _ in range(ASKED):
                    evaluate("checkout", context)
                best = min(best, time.perf_counter() - begun)
            found.append(1e6 * best / ASKED)
    return found[0], found[1]


if __name__ == "__main__":
    main()
