"""Questions about a million events, beside hand-written pandas and retentioneering, in one run.

All three have what they need at hand before the clock starts: burgee its mirror, pandas its frame sorted by time,
retentioneering its Eventstream. Each is asked in turns and the best turn counts. retentioneering has no retention
table and no counts per period, so there it is not asked. Run: `python tests/benchmarks/questions.py [EVENTS]`.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["RETENTIONEERING_NO_TRACK"] = "1"  # read when it is imported

from retentioneering import Eventstream

import burgee
from burgee.core.settings import Settings

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
TURNS = 5
STEPS = ["view", "cart", "buy"]
TYPES = ["view", "cart", "buy", "search", "help"]
SHARES = [0.5, 0.2, 0.1, 0.15, 0.05]
AIMS = {"funnel of three steps": 0.1, "weekly retention": 0.15}

type Ask = Callable[[], object]


def clicks() -> pd.DataFrame:
    """A made-up clickstream of half a year; users come and go."""
    rng = np.random.default_rng(1)
    users = rng.zipf(1.3, EVENTS) % max(EVENTS // 50, 1)
    first = (users * 7919) % 120
    seconds = first * 86_400 + (rng.exponential(20, EVENTS) * 86_400).astype("int64") % (180 * 86_400)
    frame = pd.DataFrame(
        {
            "user": users,
            "event": rng.choice(TYPES, EVENTS, p=SHARES),
            "time": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
            "value": rng.gamma(2.0, 20.0, EVENTS).round(2),
        }
    )
    return frame.sort_values("time", kind="stable", ignore_index=True)


def pandas_funnel(frame: pd.DataFrame) -> pd.Series:
    """Each step at its earliest after the one before."""
    reached = frame[frame["event"] == STEPS[0]].groupby("user")["time"].min()
    counts = [len(reached)]
    for step in STEPS[1:]:
        rows = frame[frame["event"] == step]
        later = rows[rows["time"] > rows["user"].map(reached)]
        reached = later.groupby("user")["time"].min()
        counts.append(len(reached))
    return pd.Series(counts, index=STEPS)


def pandas_retention(frame: pd.DataFrame) -> "pd.Series[int]":
    """Users by the week of their first event, and in which later weeks they are seen."""
    days = frame["time"].dt.floor("D")
    week = days - pd.to_timedelta(days.dt.dayofweek, unit="D")
    cohort = week.groupby(frame["user"]).transform("min")
    seen = pd.DataFrame({"user": frame["user"], "cohort": cohort, "period": (week - cohort).dt.days // 7})
    return seen.drop_duplicates().groupby(["cohort", "period"]).size()


def pandas_revenue(frame: pd.DataFrame) -> pd.DataFrame:
    """Revenue by month and type."""
    month = frame["time"].dt.tz_localize(None).dt.to_period("M")
    return frame.groupby([month, "event"])["value"].agg(["sum", "mean"])


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
    frame = clicks()
    stream = Eventstream(
        frame.assign(time=frame["time"].dt.tz_localize(None)),
        schema={"path_cols": ["user"], "event_col": "event", "timestamp_col": "time"},
    )
    with tempfile.TemporaryDirectory() as folder, burgee.open(Path(folder), settings=Settings(progress=False)) as ws:
        events = ws.tenants.create("t").events
        events.ingest(frame, stream="user", type="event", time="time")
        query = events.query()
        cases: list[tuple[str, Ask, Ask, Ask | None]] = [
            (
                "funnel of three steps",
                lambda: query.funnel(STEPS, by="user").arrow(),
                lambda: pandas_funnel(frame),
                lambda: stream.funnel_data(steps=STEPS),
            ),
            (
                "weekly retention",
                lambda: query.retention(by="user", period="week").arrow(),
                lambda: pandas_retention(frame),
                None,
            ),
            (
                "revenue per month and type",
                lambda: query.per("month").by("type").sum("value").mean("value").arrow(),
                lambda: pandas_revenue(frame),
                None,
            ),
            (
                "what follows what",
                lambda: query.paths(by="user").arrow(),
                lambda: frame.groupby("user")["event"].shift(-1).groupby(frame["event"]).value_counts(dropna=False),
                stream.transition_graph_data,
            ),
        ]
        query.count()
        cases[0][1]()  # the mirror is made here
        print(f"{f'{len(frame):,} events':<28}{'burgee':>10}{'aim':>8}{'pandas':>16}{'retentioneering':>18}")
        for name, ours, by_hand, theirs in cases:
            own = best(ours)
            hand = best(by_hand)
            peer = f"{(theirs_time := best(theirs)) * 1000:>8,.0f} ms {theirs_time / own:>4.1f}x" if theirs else "-"
            aim = f"{AIMS[name] * 1000:,.0f} ms" if name in AIMS else "-"
            print(f"{name:<28}{own * 1000:>7,.0f} ms{aim:>8}{hand * 1000:>8,.0f} ms {hand / own:>3.1f}x{peer:>18}")


if __name__ == "__main__":
    main()
