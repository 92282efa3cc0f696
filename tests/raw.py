"""Raw events for tests: the table the log hands out, made of what matters to the test."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from burgee.core.json import dumps

START = datetime(2026, 1, 1, tzinfo=UTC)


def raw_events(
    payloads: Sequence[Mapping[str, object]],
    *,
    types: Sequence[str] | None = None,
    seconds: Sequence[float] | None = None,
    metadata: Sequence[Mapping[str, object]] | None = None,
) -> pa.Table:
    """One event per payload, by position; `seconds` are since `START`."""
    n = len(payloads)
    times = [START + timedelta(seconds=value) for value in (seconds if seconds is not None else range(n))]
    moments = pa.array(times, pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "position": pa.array(range(1, n + 1), pa.int64()),
            "stream": pa.array([f"s{place % 3}" for place in range(n)], pa.string()),
            "version": pa.array([1 + place // 3 for place in range(n)], pa.int64()),
            "id": pa.array([f"e{place}" for place in range(n)], pa.string()),
            "type": pa.array(types if types is not None else ["t"] * n, pa.string()),
            "schema_version": pa.array([1] * n, pa.int64()),
            "data": pa.array([dumps(payload) for payload in payloads], pa.string()),
            "metadata": pa.array([dumps(each) for each in metadata or [{}] * n], pa.string()),
            "occurred_at": moments,
            "recorded_at": moments,
        }
    )
