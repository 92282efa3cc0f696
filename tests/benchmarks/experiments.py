"""Four metrics of a million users, beside tea-tasting on the same frame, in one run.

Both get the same pandas frame and answer the same: a mean with CUPED, a conversion, a ratio and another mean, each with
its interval and p-value; what they find is compared before the clock counts. Asked in turns, the best turn counts.
Run: `python tests/benchmarks/experiments.py [USERS]`.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import tea_tasting as tt

import burgee

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
TURNS = 5
SAME = 1e-6

type Ask = Callable[[], dict[str, float]]


def users() -> pd.DataFrame:
    """Made-up users with what they did before and since."""
    rng = np.random.default_rng(1)
    variant = rng.integers(0, 2, USERS)
    keen = rng.gamma(2.0, 1.0, USERS)
    orders = rng.poisson(keen * (1 + 0.02 * variant))
    return pd.DataFrame(
        {
            "variant": variant,
            "sessions": 1 + rng.poisson(2 * keen),
            "orders": orders,
            "bought": (orders > 0).astype("int64"),
            "revenue": orders * rng.gamma(3.0, 10.0, USERS),
            "before": keen * 30 + rng.gamma(3.0, 10.0, USERS),
        }
    )


def with_burgee(frame: pd.DataFrame) -> dict[str, float]:
    """The p-values."""
    result = burgee.experiment(
        frame,
        variant="variant",
        control="0",
        metrics={
            "revenue": ("sum", "revenue"),
            "bought": ("conversion", "bought"),
            "orders_per_session": ("ratio", "orders", "sessions"),
            "orders": ("sum", "orders"),
        },
        cuped={"revenue": "before"},
    )
    rows = result.frame().dropna(subset="p_value")
    return dict(zip(rows["metric"], rows["p_value"], strict=True))


def with_tea_tasting(frame: pd.DataFrame) -> dict[str, float]:
    """The same, theirs."""
    experiment = tt.Experiment(
        revenue=tt.Mean("revenue", "before"),
        bought=tt.Mean("bought"),
        orders_per_session=tt.RatioOfMeans("orders", "sessions"),
        orders=tt.Mean("orders"),
    )
    found = experiment.analyze(frame, control=0)
    return {name: float(found[name].pvalue) for name in ("revenue", "bought", "orders_per_session", "orders")}


def best(ask: Ask) -> float:
    """The seconds of the best turn."""
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    frame = users()
    ours, theirs = with_burgee(frame), with_tea_tasting(frame)
    for metric, p in theirs.items():
        if abs(ours[metric] - p) > SAME:
            raise SystemExit(f"{metric}: {ours[metric]} here, {p} there")
    own, peer = best(lambda: with_burgee(frame)), best(lambda: with_tea_tasting(frame))
    print(f"{f'{USERS:,} users, four metrics':<34}{'burgee':>10}{'tea-tasting':>16}")
    print(f"{'the same p-values':<34}{own * 1000:>7,.0f} ms{peer * 1000:>10,.0f} ms {peer / own:>4.1f}x")


if __name__ == "__main__":
    main()
